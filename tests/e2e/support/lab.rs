//! A private Postfix and Dovecot: the organisation's mail, on loopback and in one folder.
//!
//! `example.test` goes by LMTP to the product, everybody at `people.test` has a mailbox, as have strangers
//! at `outside.test`, and nothing can leave the machine. Start with [`Lab::start`]; both stop when it is dropped, or when the
//! test's process ends in whatever way.

use std::fs;
use std::path::{Path, PathBuf};

use super::daemons::Daemons;
use super::imap::Imap;
use super::ports::{free_port, wait_for_listener};
use super::process::{program, run};
use super::{postfix, smtp};

/// The password of every mailbox.
pub const PASSWORD: &str = "test";

/// A running mail system.
pub struct Lab {
    /// Postfix, for clients and as the product's relay.
    pub smtp_port: u16,
    pub imap_port: u16,
    dovecot_lmtp_port: u16,
    daemons: Daemons,
}

impl Lab {
    /// Starts both; mail to `example.test` goes by LMTP to `product_lmtp_port`.
    pub fn start(product_lmtp_port: u16) -> Self {
        let (daemons, imap_port, dovecot_lmtp_port) = (Daemons::new(), free_port(), free_port());
        start_dovecot(&daemons, imap_port, dovecot_lmtp_port);
        let routes = routes(product_lmtp_port, dovecot_lmtp_port);
        let smtp_port = postfix::start(&daemons, &routes);
        wait_for_listener("Dovecot's IMAP", imap_port);
        wait_for_listener("Dovecot's LMTP", dovecot_lmtp_port);
        Self { smtp_port, imap_port, dovecot_lmtp_port, daemons }
    }

    /// Hands a message to Postfix.
    ///
    /// # Panics
    ///
    /// When Postfix refuses it.
    pub fn deliver(&self, from: &str, to: &[&str], message: &str) {
        smtp::send(self.smtp_port, from, to, message)
            .unwrap_or_else(|refusal| panic!("Postfix did not take a mail: {refusal}\n{}", self.logs()));
    }

    /// Opens the mailbox of somebody, see [`address_of`].
    pub fn mailbox(&self, name: &str) -> Imap {
        Imap::open(self.imap_port, &address_of(name), PASSWORD)
    }

    /// Puts a message into the mailbox `name@people.test`; when this returns Dovecot has it.
    ///
    /// # Panics
    ///
    /// When Dovecot refuses it.
    pub fn drop_into(&self, name: &str, from: &str, message: &str) {
        let mailbox = format!("{name}@people.test");
        smtp::send_lmtp(self.dovecot_lmtp_port, from, &mailbox, message)
            .unwrap_or_else(|refusal| panic!("Dovecot did not take a mail: {refusal}\n{}", self.logs()));
    }

    /// The folder of INBOX of `name@people.test`, which is there once something was put into it.
    pub fn maildir(&self, name: &str) -> PathBuf {
        self.daemons.folder().join(format!("mailboxes/{name}@people.test/Maildir"))
    }

    /// Has Dovecot's administrator do something; gives what was printed.
    pub fn doveadm(&self, arguments: &[&str]) -> String {
        let mut command = program("doveadm", "dovecot-core");
        run(command.arg("-c").arg(self.daemons.folder().join("dovecot.conf")).args(arguments))
    }

    /// What both wrote, for the message of a failing test.
    pub fn logs(&self) -> String {
        self.daemons.logs()
    }
}

/// The address of a person of the organisation by their alias; any other address is given as it is.
pub fn address_of(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@people.test") }
}

fn start_dovecot(daemons: &Daemons, imap_port: u16, lmtp_port: u16) {
    for (part, package) in [("imap", "dovecot-imapd"), ("lmtp", "dovecot-lmtpd")] {
        let there = Path::new("/usr/lib/dovecot").join(part).is_file();
        assert!(there, "Dovecot's {part} is missing: install the Debian package {package}");
    }
    let folder = daemons.folder();
    fs::create_dir(folder.join("mailboxes")).expect("a folder for mailboxes");
    run(program("chown", "coreutils").arg("nobody:nogroup").arg(folder.join("mailboxes")));
    let path = folder.join("dovecot.conf");
    fs::write(&path, dovecot_conf(folder, imap_port, lmtp_port)).expect("dovecot.conf");
    daemons.start(program("dovecot", "dovecot-imapd").arg("-c").arg(path));
}

fn routes(product_lmtp_port: u16, dovecot_lmtp_port: u16) -> String {
    format!(
        "default_transport = error:5.7.1 only example.test, people.test and outside.test exist
relay_domains = example.test
virtual_mailbox_domains = people.test outside.test
virtual_transport = lmtp:inet:127.0.0.1:{dovecot_lmtp_port}
transport_maps = inline:{{ {{ example.test = lmtp:inet:127.0.0.1:{product_lmtp_port} }} }}
# What was deferred is tried again while the test still waits for it.
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 5s
# Encrypted where the product offers it.
lmtp_tls_security_level = may
"
    )
}

fn dovecot_conf(folder: &Path, imap_port: u16, lmtp_port: u16) -> String {
    let folder = folder.display();
    format!(
        "base_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
recipient_delimiter = +
mail_location = maildir:~/Maildir
first_valid_uid = 1
# Without chroots nothing of the system's instance is needed.
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
  unix_listener lmtp {{
    mode = 0
  }}
}}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mailboxes/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"
    )
}
