//! `firebell serve` in a process of its own, as an operator runs it, and a second view of its
//! database. Dropping it ends it.
//!
//! `FIREBELL_BENCH_SERVER` names another build of it: on a machine that does other things, too, only
//! two that were measured in the same minutes can be compared.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use firebell::store::Store;

use crate::generator::{self, CROWD, Client, INCIDENTS};
use crate::sink::Sink;
use crate::{Outcome, memory};

/// Longer than any of these runs takes to be read.
const READ_WITHIN: Duration = Duration::from_secs(120);
/// Of the kernel's clock in `/proc`, on every Linux that Rust knows.
const TICKS_A_SECOND: f64 = 100.0;

/// A running server.
pub struct Server {
    /// That it is one, and its database.
    pub name: &'static str,
    pub port: u16,
    pub store: Store,
    /// Its relay.
    pub sink: Sink,
    process: Child,
}

impl Server {
    /// Starts it on a database; what else it needs lies in `folder`.
    pub async fn start(name: &'static str, folder: &Path, database: &str) -> Outcome<Self> {
        fs::create_dir_all(folder)?;
        let (file, sink) = (folder.join("firebell.toml"), Sink::start()?);
        fs::write(&file, configuration(folder, database, sink.port))?;
        let program = std::env::var("FIREBELL_BENCH_SERVER");
        let mut process = Command::new(program.as_deref().unwrap_or(env!("CARGO_BIN_EXE_firebell")))
            .arg("--config")
            .arg(&file)
            .arg("serve")
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.join("log"))?)
            .spawn()?;
        let said = process.stdout.take().ok_or("no standard output")?;
        let line = BufReader::new(said).lines().next().ok_or("it ended at once")??;
        let port = line.rsplit(':').next().ok_or("no port")?.parse()?;
        Ok(Self { name, port, store: Store::open(database).await?, sink, process })
    }

    /// Declares the incidents that replies go to, and waits until they exist.
    pub async fn declare(&self) -> Outcome<()> {
        let mut client = Client::connect(self.port).await?;
        for number in 0..INCIDENTS {
            client.send(&generator::declaration(number)).await?;
        }
        self.wait_until_read().await?;
        let open = self.store.load_incidents(true, 100).await?.readable.len();
        if open as u64 == INCIDENTS { Ok(()) } else { Err(format!("{open} were declared").into()) }
    }

    /// Returns when nothing accepted waits to be read.
    pub async fn wait_until_read(&self) -> Outcome<()> {
        let until = Instant::now() + READ_WITHIN;
        while self.store.count_waiting_inbound().await? > 0 {
            if Instant::now() > until {
                return Err("accepted mail is not read".into());
            }
            // Finer than a timer of the runtime; nothing else has to run on this thread.
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok(())
    }

    /// Entries in all timelines.
    pub async fn count_entries(&self) -> Outcome<usize> {
        let mut count = 0;
        for number in 1..=i64::try_from(INCIDENTS)? {
            count += self.store.load_timeline(number).await?.len();
        }
        Ok(count)
    }

    /// Seconds of processor time that it has used, its own and the kernel's for it.
    pub fn busy_seconds(&self) -> Outcome<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // Its name stands in brackets and may hold blanks; behind it `utime` and `stime` are the
        // 12th and 13th field.
        let (_, fields) = stat.rsplit_once(')').ok_or("no name")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / TICKS_A_SECOND)
    }

    /// MiB resident: now, and at most.
    pub fn memory(&self) -> Outcome<(f64, f64)> {
        memory::of_process(self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration(folder: &Path, database: &str, relay_port: u16) -> String {
    // SQLite's file has a name of its own in the folder.
    let url = if database.starts_with("sqlite:") { "sqlite" } else { database };
    let crowd: Vec<String> = (0..CROWD).map(|number| format!("\"c{number}@example.org\"")).collect();
    let crowd = crowd.join(", ");
    format!(
        r#"
address = "incidents@example.org"
data_dir = "{}"
[database]
url = "{url}"
[receive.smtp]
listen = "127.0.0.1:0"
[receive.trust]
networks = ["127.0.0.1"]
[send]
relay = "smtp://127.0.0.1:{relay_port}"
per_person_per_hour = 1000000
[[person]]
name = "Alice Ng"
alias = "alice"
email = "alice@example.org"
[[list]]
name = "everyone"
address = "incident-announce@lists.example.org"
[[list]]
name = "crowd"
members = [{crowd}]
[[severity]]
name = "SEV-5"
notify = ["crowd"]
"#,
        folder.display()
    )
}
