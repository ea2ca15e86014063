//! Daemons that a test starts: in one folder below `/tmp`, stopped when they are dropped, or when the
//! test's process ends in whatever way. Start with [`Daemons::new`].

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::process::{need_root, program, run};

/// Runs until its input closes, which the kernel does for us when the test's process dies; then
/// stops all and waits until they have ended. A zombie has ended: nobody may be there to reap it.
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

/// A folder with what runs in it.
pub struct Daemons {
    keeper: Child,
    folder: tempfile::TempDir,
}

impl Daemons {
    /// # Panics
    ///
    /// When we are not root: mail servers change to accounts of their own.
    pub fn new() -> Self {
        need_root();
        // Not in TMPDIR: the path of a Unix socket has room for 107 octets.
        let folder =
            tempfile::Builder::new().prefix("fb-").tempdir_in("/tmp").expect("a folder in /tmp");
        run(program("chmod", "coreutils").arg("755").arg(folder.path()));
        let mut keeper = program("sh", "dash");
        keeper.args(["-c", KEEPER, "keeper"]).arg(folder.path()).stdin(Stdio::piped());
        Self { keeper: keeper.spawn().expect("sh runs"), folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs what goes into the background by itself.
    pub fn start(&self, start: &mut Command) {
        // Its children keep what they inherit, so a pipe would never end.
        let path = self.folder().join("start.log");
        let log = fs::File::options().create(true).append(true).open(&path).expect("start.log");
        start.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let started = start.status().expect("it runs").success();
        assert!(started, "{start:?} does not start: {}", self.logs());
    }

    /// What they wrote.
    pub fn logs(&self) -> String {
        ["start.log", "postfix.log", "dovecot.log"]
            .map(|name| fs::read_to_string(self.folder().join(name)).unwrap_or_default())
            .concat()
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- what the daemons wrote\n{}", self.logs());
        }
        drop(self.keeper.stdin.take());
        // It ends only when they have, by force if need be.
        let _ = self.keeper.wait();
    }
}
