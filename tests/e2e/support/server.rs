//! The built binary as an operator runs it: with a configuration file, in a folder of its own.
//!
//! Start with [`Server::start`]; dropping it kills it.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::ports::free_port;
use super::wait;

const BINARY: &str = env!("CARGO_BIN_EXE_firebell");
/// The one address of the organisation under test.
pub const ADDRESS: &str = "incidents@example.test";
/// How long a mail may take to become a state on a busy machine.
const STATE_WITHIN: Duration = Duration::from_secs(60);

/// A running server.
pub struct Server {
    pub smtp_port: u16,
    pub lmtp_port: u16,
    /// What is started with the next restart.
    pub binary: PathBuf,
    process: Option<Child>,
    folder: tempfile::TempDir,
    /// How its clock differs from the machine's: a variable of libfaketime, and its value.
    clock: Option<(&'static str, String)>,
}

/// Where a server hands its mail.
pub enum Relay {
    /// To an SMTP server on this port.
    Smtp(u16),
    /// Into a folder that nobody reads.
    Maildir,
}

impl Server {
    /// Starts it with the organisation of [`configuration`] and `more` TOML behind it.
    pub fn start(lmtp_port: u16, relay: &Relay, more: &str) -> Self {
        let folder =
            tempfile::Builder::new().prefix("fb-").tempdir_in("/tmp").expect("a folder in /tmp");
        let (binary, smtp_port) = (PathBuf::from(BINARY), free_port());
        let mut server = Self { smtp_port, lmtp_port, binary, process: None, folder, clock: None };
        let relay = match relay {
            Relay::Smtp(port) => format!("smtp://127.0.0.1:{port}"),
            Relay::Maildir => format!("maildir:{}", server.path("sent").display()),
        };
        let written = configuration(&server, &relay) + more;
        fs::write(server.path("firebell.toml"), written).expect("the configuration is written");
        server.restart();
        server
    }

    /// Starts it again with a changed configuration.
    pub fn configure(&mut self, change: impl FnOnce(String) -> String) {
        let path = self.path("firebell.toml");
        let written = fs::read_to_string(&path).expect("the configuration");
        fs::write(path, change(written)).expect("the changed configuration");
        self.restart();
    }

    /// Starts it again with a clock that differs from the machine's by `offset`, such as `+10s`.
    pub fn set_clock(&mut self, offset: &str) {
        self.clock = Some(("FAKETIME", offset.to_owned()));
        self.restart();
    }

    /// Starts it again with a clock that differs as the file says at each moment.
    pub fn set_clock_from(&mut self, file: &Path) {
        self.clock = Some(("FAKETIME_TIMESTAMP_FILE", file.display().to_string()));
        self.restart();
    }

    /// Sends it a signal: `STOP`, as when its machine stands still, and `CONT`.
    pub fn signal(&self, name: &str) {
        let id = self.process.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Ends it as a power cut would.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("SIGKILL is sent");
            process.wait().expect("it ended");
        }
    }

    /// Memory in use, in KiB.
    pub fn memory_kib(&self) -> u64 {
        let id = self.process.as_ref().expect("it runs").id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("a process of ours");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Asks it to stop, and says how it ended.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        let mut process = self.process.take().expect("it runs");
        process.wait().expect("it ended").code()
    }

    /// Starts it again on the same database, and waits until it listens.
    pub fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// The same, with variables in its environment.
    pub fn restart_with(&mut self, environment: &[(&str, &str)]) {
        self.kill9();
        let log = fs::File::options().create(true).append(true).open(self.path("log")).expect("a log");
        let mut serve = self.command(&["serve"]);
        serve.envs(environment.iter().copied());
        serve.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let mut process = serve.spawn().expect("the binary runs");
        for port in [self.lmtp_port, self.smtp_port] {
            wait::until(&format!("firebell to listen on port {port}"), Duration::from_secs(30), || {
                let ended = process.try_wait().expect("a child of ours");
                assert!(ended.is_none(), "firebell serve ended with {ended:?}\n{}", self.log());
                TcpStream::connect(("127.0.0.1", port)).ok()
            });
        }
        self.process = Some(process);
    }

    /// Runs another command on the same configuration and reads the JSON it prints.
    ///
    /// # Panics
    ///
    /// When it fails or prints something else.
    pub fn run(&self, arguments: &[&str]) -> Value {
        self.try_run(arguments)
            .unwrap_or_else(|said| panic!("firebell {arguments:?}: {said}\n{}", self.log()))
    }

    /// The incident as `incident show` prints it, as soon as `wanted` holds.
    pub fn wait_for_incident(&self, key: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = String::from("nothing");
        let end = std::time::Instant::now() + STATE_WITHIN;
        wait::until(what, STATE_WITHIN + Duration::from_secs(30), || {
            match self.try_run(&["incident", "show", key, "--json"]) {
                Ok(incident) if wanted(&incident) => return Some(incident),
                Ok(incident) => last = format!("{incident:#}"),
                Err(said) => last = said,
            }
            let late = std::time::Instant::now() > end;
            assert!(!late, "waited in vain for {what}; {key} is {last}\n{}", self.log());
            None
        })
    }

    /// What `firebell check` prints for the configuration as `change` makes it.
    pub fn checked(&self, change: impl Fn(String) -> String) -> String {
        let written = fs::read_to_string(self.path("firebell.toml")).expect("the configuration");
        fs::write(self.path("changed.toml"), change(written)).expect("the changed configuration");
        let mut command = Command::new(BINARY);
        command.current_dir(self.folder.path()).env_clear();
        command.arg("-c").arg(self.path("changed.toml")).arg("check");
        let output = command.output().expect("the binary runs");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// Runs another command on the same configuration.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn output(&self, arguments: &[&str]) -> std::process::Output {
        let output = self.command(arguments).output().expect("the binary runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "firebell {arguments:?}: {stderr}");
        output
    }

    /// What a command says that fails, and its exit code.
    ///
    /// # Panics
    ///
    /// When it does not fail.
    pub fn fails(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(arguments).output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "firebell {arguments:?} did not fail: {said}");
        (output.status.code(), said.into_owned())
    }

    /// Where its pages are.
    pub fn web_port(&self) -> u16 {
        let log = self.log();
        let mut ports =
            log.lines().filter_map(|line| line.strip_prefix("listening for HTTP on 127.0.0.1:"));
        ports.next_back().and_then(|port| port.parse().ok()).expect("it serves pages")
    }

    /// What the server wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn try_run(&self, arguments: &[&str]) -> Result<Value, String> {
        let output = self.command(arguments).output().expect("the binary runs");
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("ended with {}: {stdout}{stderr}", output.status));
        }
        serde_json::from_str(&stdout)
            .map_err(|error| format!("printed no JSON ({error}): {stdout}{stderr}"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        // Nothing of the account that runs the tests may change what the server does.
        command.current_dir(self.folder.path()).env_clear();
        command.arg("-c").arg(self.path("firebell.toml")).args(arguments);
        if let Some((variable, value)) = &self.clock {
            // Only the clock on the wall: spans pass as they do.
            command.env("LD_PRELOAD", faketime()).env(variable, value);
            command.env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_NO_CACHE", "1");
        }
        command
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        Path::join(self.folder.path(), name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill9();
        if std::thread::panicking() {
            eprintln!("---- what firebell wrote\n{}", self.log());
        }
    }
}

/// The library that gives a process another time: Debian keeps it in a folder of the architecture.
fn faketime() -> PathBuf {
    fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .expect("libfaketimeMT.so.1 under /usr/lib: install the package `libfaketime`")
}

/// The organisation under test: Alice commands, Bob is trained too, Carol and Dana know things, and
/// the vice president wants to know how things stand.
fn configuration(server: &Server, relay: &str) -> String {
    format!(
        r##"address = "{ADDRESS}"
name = "Example incidents"
domains = ["people.test"]
incident_means = "Anything unexpected that harms or may harm our customers. When in doubt, declare."
time_zone = "Europe/Berlin"
data_dir = "{folder}/state"

[receive.smtp]
listen = "127.0.0.1:{smtp}"
[receive.lmtp]
listen = "127.0.0.1:{lmtp}"
[receive.trust]
networks = ["127.0.0.0/8"]
declare_from = "known"

[send]
relay = "{relay}"
per_person_per_hour = 1000000
operator = "postmaster@people.test"

[web]
listen = "127.0.0.1:{web}"

[defaults]
bridge = "tel:+49-30-1234567"
chat = "#incident"

[[person]]
name = "Alice Ng"
alias = "alice"
email = "alice@people.test"
[[person]]
name = "Bob Okafor"
alias = "bob"
email = "bob@people.test"
[[person]]
name = "Carol Diaz"
alias = "carol"
email = "carol@people.test"
[[person]]
name = "Dana Silva"
alias = "dana"
email = "dana@people.test"
[[person]]
name = "Victor Pruitt"
alias = "vp"
email = "vp@people.test"

[[list]]
name = "everyone"
members = ["bob@people.test", "carol@people.test"]
[[list]]
name = "leadership"
members = ["vp@people.test"]

[[rotation]]
name = "commanders"
members = ["alice", "bob"]
hands_over = "Mon 09:00"
from = "2099-01-05" # until then it is the first member's turn, on whatever day a test runs
[command]
rotation = "commanders"
trained = ["alice", "bob"]
"##,
        folder = server.folder.path().display(),
        smtp = server.smtp_port,
        lmtp = server.lmtp_port,
        web = free_port(),
    )
}
