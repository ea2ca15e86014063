//! A private Postfix on loopback, which knows no DNS: nothing leaves the machine. Start with [`start`].

use std::fs;
use std::path::Path;

use super::daemons::Daemons;
use super::ports::{free_port, wait_for_listener};
use super::process::{program, run};

/// Starts one whose `main.cf` also says `routes`: where mail goes. Returns the port on which it takes it.
pub fn start(daemons: &Daemons, routes: &str) -> u16 {
    let (folder, port) = (daemons.folder(), free_port());
    for name in ["etc", "spool", "state"] {
        fs::create_dir(folder.join(name)).expect("a folder of Postfix");
    }
    run(program("chown", "coreutils").arg("postfix").arg(folder.join("state")));
    fs::write(folder.join("etc/main.cf"), main_cf(folder) + routes).expect("main.cf is written");
    fs::write(folder.join("etc/master.cf"), master_cf(port)).expect("master.cf is written");
    daemons.start(program("postfix", "postfix").arg("-c").arg(folder.join("etc")).arg("start"));
    wait_for_listener("Postfix", port);
    port
}

fn main_cf(folder: &Path) -> String {
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
# No DNS here.
smtp_dns_support_level = disabled
recipient_delimiter = +
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
in_flow_delay = 0
"
    )
}

/// The services of Debian's master.cf without its chroots, which only the system's instance has.
fn master_cf(smtp_port: u16) -> String {
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
