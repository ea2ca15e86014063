//! Plays a conversation script: the whole program on a database of its own, a clock that the script
//! moves, and every mail that would be sent printed in its place.
//!
//! Used by `firebell rehearse` to try a policy or to train, and by the tests, for which the scripts
//! are the specification. Nothing leaves the process. Start with [`play`].

mod mailbox;
pub mod script;

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::clock::Clock;
use crate::config::{Config, ConfigError, read_config};
use crate::deadlines::Gate;
use crate::engine::Engine;
use crate::ids::Ids;
use crate::incident::Policy;
use crate::mail::Address;
use crate::mail::ids::Secret;
use crate::render::inbox::{InboxLine, render_inbox};
use crate::store::rows::{Client, InboxRow, NewInbound, Route, Undelivered};
use crate::store::{Store, StoreError};
use mailbox::{Mailboxes, Reply, Sent};
use script::{Act, Part, Script, ScriptError, Step};

/// Everything that is said under this secret stays in the rehearsal, so it need not be one.
const REHEARSAL_SECRET: [u8; 32] = *b"a rehearsal needs no real secret";
/// At most so many wake-ups between two steps: a ladder that never ends is a mistake to be shown.
const WAKE_UPS_MAX: usize = 10_000;
/// Rows taken from the outbox at once.
const ROWS_AT_ONCE: i64 = 1_000;

/// Why a script was not played to its end.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The writer of the script.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The writer of the script, or of the configuration that it changes.
    #[error("the configuration of the script has mistakes: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<ConfigError>),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A ladder that never ends.
    #[error("line {0}: the clock did not get to this step; something wakes up for ever")]
    Endless(usize),
}

/// Plays `script` under the configuration `base` (TOML) and returns the script with everything the
/// server says in it. `database` is the URL of an empty database.
///
/// # Errors
///
/// See [`RehearsalError`].
pub async fn play(script: &Script, base: &str, database: &str) -> Result<String, RehearsalError> {
    let keys = configuration(script, base)?;
    let text = toml::to_string(&keys).unwrap_or_default();
    let config = read_config(&text, "script").map_err(RehearsalError::Config)?;
    let mut rehearsal = Rehearsal::start(config, keys, script, database).await?;
    for part in &script.parts {
        match part {
            Part::Words(words) => rehearsal.block(words),
            Part::Config(text) => {
                let text = format!("config\n{}", indented(text));
                rehearsal.block(&text);
            }
            Part::Step(step) => rehearsal.play_step(step).await?,
        }
    }
    Ok(rehearsal.printed)
}

/// The base configuration with the script's own keys laid over it.
fn configuration(script: &Script, base: &str) -> Result<toml::Table, RehearsalError> {
    let mistake = |error: toml::de::Error| {
        RehearsalError::Script(ScriptError { line: 1, why: format!("configuration: {error}") })
    };
    let mut whole: toml::Table = base.parse().map_err(mistake)?;
    for part in &script.parts {
        if let Part::Config(text) = part {
            lay_over(&mut whole, text.parse().map_err(mistake)?);
        }
    }
    Ok(whole)
}

fn lay_over(below: &mut toml::Table, above: toml::Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => lay_over(below, above),
            // An empty string takes a key away, so that a script can show what holds without it.
            (Some(_), toml::Value::String(text)) if text.is_empty() => {
                below.remove(&key);
            }
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

fn indented(text: &str) -> String {
    let lines =
        text.lines().map(|line| if line.is_empty() { String::new() } else { format!("    {line}") });
    lines.collect::<Vec<_>>().join("\n")
}

/// A row of the inbox as a line of its list.
pub fn inbox_line(row: &InboxRow) -> InboxLine<'_> {
    InboxLine {
        id: row.id,
        state: row.state.name(),
        received_at: row.received_at,
        from: &row.from,
        incident: row.incident,
        reason: &row.reason,
    }
}

struct Rehearsal {
    /// The configuration as it was last read.
    keys: toml::Table,
    engine: Engine,
    mailboxes: Mailboxes,
    gate: Gate,
    printed: String,
    printed_day: Option<NaiveDate>,
    asleep: bool,
    relay_down: bool,
    /// Addresses that the relay refuses for good.
    refused: Vec<Address>,
    arrivals: i64,
}

impl Rehearsal {
    async fn start(
        config: Config,
        keys: toml::Table,
        script: &Script,
        database: &str,
    ) -> Result<Self, RehearsalError> {
        let policy = config.load_policy().map_err(RehearsalError::Config)?;
        let first = script.parts.iter().find_map(|part| match part {
            Part::Step(step) => Some(step.at),
            _ => None,
        });
        let begins_at = first.map_or(DateTime::UNIX_EPOCH, |local| policy.calendar.zone.instant(local));
        let store = Store::open(database).await?;
        let secret = Secret::new(&REHEARSAL_SECRET);
        let clock = Clock::manual(begins_at);
        let engine = Engine::new(store, clock, Ids::new(0), secret, policy);
        engine.check_rotations().await?;
        Ok(Self {
            keys,
            gate: Gate::new(begins_at),
            engine,
            mailboxes: Mailboxes::default(),
            printed: String::new(),
            printed_day: None,
            asleep: false,
            relay_down: false,
            refused: Vec::new(),
            arrivals: 0,
        })
    }

    fn block(&mut self, text: &str) {
        if !self.printed.is_empty() {
            self.printed.push('\n');
        }
        self.printed.push_str(text.trim_end());
        self.printed.push('\n');
    }

    async fn play_step(&mut self, step: &Step) -> Result<(), RehearsalError> {
        let at = self.engine.policy().calendar.zone.instant(step.at);
        self.advance(at, step.line).await?;
        self.printed_day = Some(step.at.date());
        let mut text = step.heading.clone();
        if !step.body.is_empty() {
            text = format!("{text}\n{}", indented(&step.body));
        }
        let printed = match &step.act {
            Act::Show(key) => Some(self.show(key, step.line).await?),
            Act::InboxList => Some(self.inbox().await?),
            Act::OnCall => Some(self.on_call().await?),
            _ => None,
        };
        if let Some(printed) = printed {
            text = format!("{text}\n{}", indented(&printed));
        }
        self.block(&text);
        self.act(step).await?;
        self.work(step.line).await
    }

    async fn act(&mut self, step: &Step) -> Result<(), RehearsalError> {
        let error = |why: String| RehearsalError::Script(ScriptError { line: step.line, why });
        match &step.act {
            Act::In { verified, null_reverse_path, to } => {
                let arrival = self.mailboxes.arrival(
                    &step.body,
                    to.as_deref(),
                    &self.engine.policy(),
                    self.arrivals,
                );
                let (octets, recipients) = arrival.map_err(error)?;
                self.arrive(octets, recipients, *verified, *null_reverse_path).await?;
            }
            Act::Replies { who, to_subject, by_thread, from, copying } => {
                let policy = self.engine.policy();
                let reply = Reply {
                    who,
                    to_subject: to_subject.as_deref(),
                    by_thread: *by_thread,
                    from: from.as_deref(),
                    copying: copying.as_deref(),
                    body: &step.body,
                };
                let reply = self.mailboxes.reply(&reply, &policy, self.arrivals);
                let (octets, recipients) = reply.map_err(error)?;
                self.arrive(octets, recipients, false, false).await?;
            }
            Act::Presses { who, label } => {
                let pressed = self.mailboxes.press(who, label, &self.engine.policy(), self.arrivals);
                let (octets, recipients) = pressed.map_err(error)?;
                self.arrive(octets, recipients, false, false).await?;
            }
            Act::Unsubscribes { who } => {
                let way = self.mailboxes.one_click(who, &self.engine.policy()).map_err(error)?;
                self.engine.leave_list(&way.list, &way.token).await?;
            }
            Act::Bounces { who, reason } => {
                let bounced = self.mailboxes.bounce(who, reason, &self.engine);
                let (octets, recipients) = bounced.map_err(error)?;
                self.arrive(octets, recipients, false, true).await?;
            }
            Act::Asleep => self.asleep = true,
            Act::Awake => self.asleep = false,
            Act::RelayDown => self.relay_down = true,
            Act::RelayUp => self.relay_down = false,
            Act::RelayRefuses(address) => {
                self.refused.push(Address::read(address).map_err(|problem| error(problem.to_string()))?);
            }
            Act::ReadAgain(id) => {
                if !self.engine.store.read_again(*id).await? {
                    return Err(error(format!("message {id} does not lie in the inbox")));
                }
            }
            Act::Reload => self.reload(&step.body).await.map_err(error)??,
            Act::Wait | Act::Show(_) | Act::InboxList | Act::OnCall => {}
        }
        Ok(())
    }

    async fn arrive(
        &mut self,
        octets: Vec<u8>,
        recipients: Vec<Address>,
        network_trusted: bool,
        null_reverse_path: bool,
    ) -> Result<(), RehearsalError> {
        self.arrivals += 1;
        let received_at = self.engine.clock.now();
        let reverse_path = (!null_reverse_path).then(|| "sender@script.example".to_owned());
        let id = self.engine.ids.next(received_at);
        let route = Route::Smtp;
        let client = Client { network_trusted, ..Client::default() };
        let message = NewInbound { id, received_at, reverse_path, recipients, client, route, octets };
        self.engine.store.save_inbound(&[message]).await?;
        Ok(())
    }

    /// Lets time pass until `until`, with everything that happens on the way.
    async fn advance(&mut self, until: DateTime<Utc>, line: usize) -> Result<(), RehearsalError> {
        for _ in 0..WAKE_UPS_MAX {
            self.work(line).await?;
            let now = self.engine.clock.now();
            let Some(next) = self.next_wake_up(now).await?.filter(|at| *at <= until) else {
                self.move_to(until);
                return Ok(());
            };
            self.move_to(next.max(now));
        }
        Err(RehearsalError::Endless(line))
    }

    fn move_to(&mut self, at: DateTime<Utc>) {
        let now = self.engine.clock.now();
        self.engine.clock.advance(at - now);
        if !self.asleep {
            // The simulated server looks at the clock all the time, so that no gap opens.
            self.gate.alive(at);
        }
    }

    async fn next_wake_up(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, RehearsalError> {
        if self.asleep {
            return Ok(None);
        }
        let policy = self.engine.policy();
        let deadline = self.engine.earliest_deadline().await?.map(|at| self.gate.opens_at(at));
        let digest = crate::digests::next(&policy, now).map(|(_, at)| at);
        let outbox = if self.relay_down { None } else { self.engine.store.earliest_outbox().await? };
        let shift = crate::digests::shifts::next(&policy, now);
        Ok([deadline, digest, shift, outbox].into_iter().flatten().min())
    }

    /// Does everything that is due at this instant.
    async fn work(&mut self, line: usize) -> Result<(), RehearsalError> {
        if self.asleep {
            return Ok(());
        }
        let now = self.engine.clock.now();
        for _ in 0..WAKE_UPS_MAX {
            let mut done = self.engine.read_waiting().await?;
            let gate = self.gate.look(now);
            if gate {
                done += self.engine.pass_deadlines().await?;
            }
            done += usize::from(crate::digests::send_due(&self.engine).await?);
            done += usize::from(crate::digests::shifts::send_due(&self.engine).await?);
            done += self.deliver(now).await?;
            if done == 0 {
                return Ok(());
            }
        }
        Err(RehearsalError::Endless(line))
    }

    /// Takes what waits in the outbox and prints it, one block a letter.
    async fn deliver(&mut self, now: DateTime<Utc>) -> Result<usize, RehearsalError> {
        if self.relay_down {
            return Ok(0);
        }
        let store = self.engine.store.clone();
        let jobs = store.lease_outbox(ROWS_AT_ONCE, now + TimeDelta::minutes(1), now).await?;
        let mut sent: Vec<Sent> = Vec::new();
        for job in &jobs {
            if job.is_expired(now) {
                self.engine.undelivered(job.outbox, Undelivered::Expired).await?;
                continue;
            }
            if self.refused.contains(&job.recipient) {
                let why = Undelivered::Refused("550 5.1.1 no such mailbox".to_owned());
                self.engine.undelivered(job.outbox, why).await?;
                continue;
            }
            store.mark_accepted(&[(job.outbox, "250 2.0.0 rehearsed".to_owned())], now).await?;
            self.mailboxes.deliver(job, &mut sent);
        }
        for letter in sent {
            let heading = format!("{} out to {}", self.margin(now), letter.recipients.join(", "));
            self.block(&format!("{heading}\n{}", indented(&letter.text)));
        }
        Ok(jobs.len())
    }

    /// The time as the margin shows it: the day too when it is another than that of the block above.
    fn margin(&mut self, at: DateTime<Utc>) -> String {
        let local = self.engine.policy().calendar.zone.local(at);
        let mut text = String::new();
        if self.printed_day != Some(local.date()) {
            let _ = write!(text, "{} ", local.format("%a %Y-%m-%d"));
            self.printed_day = Some(local.date());
        }
        let format = if local.format("%S").to_string() == "00" { "%H:%M" } else { "%H:%M:%S" };
        let _ = write!(text, "{}", local.format(format));
        text
    }

    async fn inbox(&self) -> Result<String, RehearsalError> {
        let rows = self.engine.store.load_inbox(false, ROWS_AT_ONCE).await?;
        let lines: Vec<_> = rows.iter().map(inbox_line).collect();
        Ok(render_inbox(&lines, &self.engine.policy()))
    }

    async fn on_call(&self) -> Result<String, RehearsalError> {
        let policy = self.engine.present_policy().await?;
        Ok(crate::render::render_on_call_text(&policy, self.engine.clock.now()))
    }

    /// Has the configuration read again with these keys laid over it, as SIGHUP does.
    async fn reload(&mut self, text: &str) -> Result<Result<(), RehearsalError>, String> {
        let mut keys = self.keys.clone();
        lay_over(&mut keys, text.parse().map_err(|error: toml::de::Error| error.to_string())?);
        let read = read_config(&toml::to_string(&keys).unwrap_or_default(), "firebell.toml");
        let done = match read.and_then(|config| config.load_policy()) {
            Ok(policy) => {
                self.keys = keys;
                match self.engine.enforce(policy).await {
                    Ok(()) => self.engine.check_rotations().await,
                    failed => failed,
                }
            }
            Err(mistakes) => {
                self.engine.tell_mistakes(mistakes.iter().map(ToString::to_string).collect()).await
            }
        };
        Ok(done.map_err(RehearsalError::from))
    }

    async fn show(&self, key: &str, line: usize) -> Result<String, RehearsalError> {
        let unknown = || ScriptError { line, why: format!("there is no incident `{key}`") };
        let number: i64 = key.trim_start_matches("INC-").parse().map_err(|_| unknown())?;
        let stored = self.engine.store.load_incident(number).await?.ok_or_else(unknown)?;
        let timeline = self.engine.store.load_timeline(number).await?;
        let policy: &Policy = &self.engine.policy();
        Ok(crate::render::show::render_incident(&stored.incident, &timeline, policy))
    }
}
