//! A private Postfix and Dovecot: the organisation's mail, on loopback and in one folder.
//!
//! `example.test` goes by LMTP to the product, everybody at `people.test` has a mailbox, and
//! nothing can leave the machine. Start with [`Lab::start`]; both stop when it is dropped, or when the
//! test's process ends in whatever way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::imap::Imap;
use super::ports::{free_port, wait_for_listener};
use super::process::{need_root, program, run};
use super::smtp;

/// The password of every mailbox.
pub const PASSWORD: &str = "test";

/// Runs until its input closes, which the kernel does for us when the test's process dies; then
/// stops both and waits until they have ended. A zombie has ended: nobody may be there to reap it.
const KEEPER: &str = r#"
trap '' INT HUP
cd "$1" && cat >/dev/null
pids=$(cat spool/pid/master.pid run/master.pid 2>/dev/null)
running() { grep -qs '^State:.[^Z]' "/proc/$1/status"; }
for pid in $pids; do kill -TERM "$pid" 2>/dev/null; done
for pid in $pids; do
    looks=0
    while running "$pid" && [ $((looks += 1)) -le 300 ]; do sleep 0.05; done
    running "$pid" && kill -KILL "$pid"
done
cd / && rm -rf "$1"
"#;

/// A running mail system.
pub struct Lab {
    /// Postfix, for clients and as the product's relay.
    pub smtp_port: u16,
    pub imap_port: u16,
    dovecot_lmtp_port: u16,
    keeper: Child,
    folder: tempfile::TempDir,
}

impl Lab {
    /// Starts both; mail to `example.test` goes by LMTP to `product_lmtp_port`.
    pub fn start(product_lmtp_port: u16) -> Self {
        need_root();
        // Not in TMPDIR: the path of a Unix socket has room for 107 octets.
        let folder =
            tempfile::Builder::new().prefix("fb-").tempdir_in("/tmp").expect("a folder in /tmp");
        run(program("chmod", "coreutils").arg("755").arg(folder.path()));
        let mut keeper = program("sh", "dash");
        keeper.args(["-c", KEEPER, "keeper"]).arg(folder.path()).stdin(Stdio::piped());
        let lab = Self {
            smtp_port: free_port(),
            imap_port: free_port(),
            dovecot_lmtp_port: free_port(),
            keeper: keeper.spawn().expect("sh runs"),
            folder,
        };
        lab.start_dovecot();
        lab.start_postfix(product_lmtp_port);
        wait_for_listener("Dovecot's IMAP", lab.imap_port);
        wait_for_listener("Dovecot's LMTP", lab.dovecot_lmtp_port);
        wait_for_listener("Postfix", lab.smtp_port);
        lab
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

    /// Opens the mailbox `name@people.test`.
    pub fn mailbox(&self, name: &str) -> Imap {
        Imap::open(self.imap_port, &format!("{name}@people.test"), PASSWORD)
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
        self.folder.path().join(format!("mailboxes/{name}@people.test/Maildir"))
    }

    /// Has Dovecot's administrator do something; gives what was printed.
    pub fn doveadm(&self, arguments: &[&str]) -> String {
        let mut command = program("doveadm", "dovecot-core");
        run(command.arg("-c").arg(self.folder.path().join("dovecot.conf")).args(arguments))
    }

    /// What both wrote, for the message of a failing test.
    pub fn logs(&self) -> String {
        ["postfix.log", "dovecot.log"]
            .map(|name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default())
            .concat()
    }

    fn start_postfix(&self, product_lmtp_port: u16) {
        let folder = self.folder.path();
        for name in ["etc", "spool", "state"] {
            fs::create_dir(folder.join(name)).expect("a folder of Postfix");
        }
        run(program("chown", "coreutils").arg("postfix").arg(folder.join("state")));
        let main = postfix_main(folder, product_lmtp_port, self.dovecot_lmtp_port);
        fs::write(folder.join("etc/main.cf"), main).expect("main.cf is written");
        fs::write(folder.join("etc/master.cf"), postfix_master(self.smtp_port))
            .expect("master.cf is written");
        self.start_daemon(program("postfix", "postfix").arg("-c").arg(folder.join("etc")).arg("start"));
    }

    fn start_dovecot(&self) {
        for (part, package) in [("imap", "dovecot-imapd"), ("lmtp", "dovecot-lmtpd")] {
            let there = Path::new("/usr/lib/dovecot").join(part).is_file();
            assert!(there, "Dovecot's {part} is missing: install the Debian package {package}");
        }
        let folder = self.folder.path();
        fs::create_dir(folder.join("mailboxes")).expect("a folder for mailboxes");
        run(program("chown", "coreutils").arg("nobody:nogroup").arg(folder.join("mailboxes")));
        let path = folder.join("dovecot.conf");
        fs::write(&path, dovecot_conf(folder, self.imap_port, self.dovecot_lmtp_port))
            .expect("dovecot.conf");
        self.start_daemon(program("dovecot", "dovecot-imapd").arg("-c").arg(path));
    }

    /// Runs what goes into the background by itself.
    fn start_daemon(&self, start: &mut Command) {
        // Its children keep what they inherit, so a pipe would never end.
        let path = self.folder.path().join("start.log");
        let log = fs::File::options().create(true).append(true).open(&path).expect("start.log");
        start.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let started = start.status().expect("it runs").success();
        let said = fs::read_to_string(path).unwrap_or_default();
        assert!(started, "{start:?} does not start: {said}{}", self.logs());
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- what Postfix and Dovecot wrote\n{}", self.logs());
        }
        drop(self.keeper.stdin.take());
        // It ends only when both have, by force if need be.
        let _ = self.keeper.wait();
    }
}

fn postfix_main(folder: &Path, product_lmtp_port: u16, dovecot_lmtp_port: u16) -> String {
    let folder = folder.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/state
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = mx.people.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
local_recipient_maps =
alias_maps =
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
# No DNS here, and nothing may ever leave this machine.
smtp_dns_support_level = disabled
default_transport = error:5.7.1 only example.test and people.test exist
relay_domains = example.test
virtual_mailbox_domains = people.test
virtual_transport = lmtp:inet:127.0.0.1:{dovecot_lmtp_port}
recipient_delimiter = +
transport_maps = inline:{{ {{ example.test = lmtp:inet:127.0.0.1:{product_lmtp_port} }} }}
# What was deferred is tried again while the test still waits for it.
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 5s
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
# Encrypted where the product offers it.
lmtp_tls_security_level = may
in_flow_delay = 0
"
    )
}

/// The services of Debian's master.cf without its chroots, which only the system's instance has.
fn postfix_master(smtp_port: u16) -> String {
    format!(
        "127.0.0.1:{smtp_port} inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
lmtp      unix - - n - - lmtp
error     unix - - n - - error
retry     unix - - n - - error
showq     unix n - n - - showq
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
tlsmgr    unix - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
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
