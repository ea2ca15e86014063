//! `firebell outbox`: what waits, what failed, what is held back; and to change that.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::Failure;
use super::failure::{DATAERR, NOINPUT, print, print_json};
use super::open::{Found, open_store};
use crate::clock::Clock;
use crate::mail::Address;
use crate::roster::zone::Zone;
use crate::store::rows::{OperatorAction, OutboxRow, OutboxState};

/// Rows that are shown; the newest come first.
const ROWS_MAX: i64 = 1_000;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// What is waiting, failed or held; with --all also what was accepted, replaced or expired
    List {
        /// Everything, newest first
        #[arg(long)]
        all: bool,
        /// An array for programs
        #[arg(long)]
        json: bool,
    },
    /// Try a mail again now
    Retry {
        /// As `outbox list` shows it
        #[arg(required_unless_present = "all")]
        id: Option<i64>,
        /// All that wait, failed or are held
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// One mail: where it stands, and what was said between us and the relay
    Show {
        /// As `outbox list` shows it
        id: i64,
    },
    /// Send a mail to another address of the same person; it proves to us that they are who they are
    Readdress {
        /// As `outbox list` shows it
        id: i64,
        /// Where it goes now
        #[arg(value_parser = read_address)]
        address: Address,
    },
    /// Never send a mail
    Cancel {
        /// As `outbox list` shows it
        id: i64,
    },
    /// Addresses to which nothing is sent for a day, because a delivery report said that there is no such
    /// mailbox
    Dead,
    /// Send to such an address again
    Revive {
        /// As `outbox dead` shows it
        address: String,
    },
    /// Keep a mail back until `outbox retry`
    Hold {
        /// As `outbox list` shows it
        id: i64,
    },
}

/// A row as programs read it.
#[derive(Debug, Serialize)]
struct RowShown {
    id: i64,
    state: &'static str,
    incident: Option<String>,
    purpose: String,
    recipient: String,
    subject: String,
    message_id: String,
    created_at: String,
    due_at: Option<String>,
    accepted_at: Option<String>,
    attempts: i64,
    last_answer: String,
}

/// Prints the outbox or changes a row of it.
pub async fn outbox(found: Found, command: Command) -> Result<(), Failure> {
    let store = open_store(&found.config).await?;
    let now = Clock::system().now();
    let operate = async |id, action, done: &str, not: &str| {
        if store.operate_outbox(id, action, now).await? {
            print(&format!("mail {id} {done}\n"))
        } else {
            let line = format!("mail {id} {not}; `firebell outbox list --all` shows all");
            Err(Failure::new(NOINPUT, line))
        }
    };
    match command {
        Command::Retry { id: Some(id), .. } => {
            let not = "is not there, or the relay has it already";
            operate(id, OperatorAction::Retry, "is tried again within half a minute", not).await
        }
        Command::Retry { id: None, .. } => {
            let retried = store.retry_outbox(now).await?;
            print(&format!("{retried} mails are tried again within half a minute\n"))
        }
        Command::Show { id } => match store.load_outbox_row(id).await? {
            Some((row, dialogue)) => {
                print(&described(&row, &dialogue, &found.config.policy().calendar.zone))
            }
            None => Err(Failure::new(NOINPUT, format!("mail {id} is not in the outbox"))),
        },
        Command::Readdress { id, address } => {
            let done = format!("goes to {address} within half a minute");
            let not = "is not there, is out already, or is being handed over at this moment";
            operate(id, OperatorAction::Readdress(address), &done, not).await
        }
        Command::Cancel { id } => {
            let not = "is not there, or the relay has it already";
            operate(id, OperatorAction::Cancel, "is not sent any more", not).await
        }
        Command::Hold { id } => {
            let not = "does not wait to be sent";
            operate(id, OperatorAction::Hold, "is held back until `firebell outbox retry`", not).await
        }
        Command::Dead => {
            let zone = &found.config.policy().calendar.zone;
            let mut text = String::new();
            for dead in store.load_dead_addresses(now).await? {
                let since = zone.format_full(dead.since_at);
                let _ = writeln!(text, "{}  since {since}\n    {}", dead.address, dead.reason);
            }
            let nobody = "Mail is sent to everybody.\n";
            print(if text.is_empty() { nobody } else { &text })
        }
        Command::Revive { address } => {
            let given = Address::read(&address)
                .map_err(|error| Failure::new(DATAERR, format!("`{address}` {error}")))?;
            if store.prove_alive(&given, now).await? {
                print(&format!("mail is sent to {given} again; `outbox retry` sends what was not\n"))
            } else {
                let line = format!("mail is sent to {given} already; `firebell outbox dead` shows all");
                Err(Failure::new(NOINPUT, line))
            }
        }
        Command::List { all, json } => {
            let mut rows = Vec::new();
            if all {
                rows = store.load_outbox(None, ROWS_MAX).await?;
            } else {
                for state in OutboxState::UNSETTLED {
                    rows.extend(store.load_outbox(Some(state), ROWS_MAX).await?);
                }
            }
            if json {
                print_json(&rows.iter().map(shown).collect::<Vec<_>>())
            } else {
                print(&table(&rows, &found.config.policy().calendar.zone))
            }
        }
    }
}

fn read_address(text: &str) -> Result<Address, String> {
    Address::read(text).map_err(|error| error.to_string())
}

fn table(rows: &[OutboxRow], zone: &Zone) -> String {
    if rows.is_empty() {
        return "Nothing waits, failed or is held.\n".to_owned();
    }
    let mut text = String::new();
    for row in rows {
        let (id, state, to) = (row.id, row.state.name(), &row.recipient);
        let due = row.due_at.map_or("never".to_owned(), |at| zone.format_full(at));
        let _ = writeln!(text, "{id}  {state}  {to}  {}", row.subject);
        let tries = tries(row.attempts);
        let answer = if row.last_answer.is_empty() { "" } else { ": " };
        let _ = writeln!(text, "    due {due}, tried {tries}{answer}{}", row.last_answer);
    }
    text
}

fn tries(attempts: i64) -> String {
    if attempts == 1 { "once".to_owned() } else { format!("{attempts} times") }
}

fn described(row: &OutboxRow, dialogue: &str, zone: &Zone) -> String {
    let mut text = String::new();
    let incident = row.incident.map(|number| format!("INC-{number}")).unwrap_or_default();
    let accepted = row.accepted_at.map(|at| zone.format_full(at)).unwrap_or_default();
    for (name, value) in [
        ("Mail", row.id.to_string()),
        ("State", row.state.name().to_owned()),
        ("To", row.recipient.to_string()),
        ("Subject", row.subject.clone()),
        ("For", purpose_name(row)),
        ("Incident", incident),
        ("Message-ID", row.message_id.clone()),
        ("Written", zone.format_full(row.created_at)),
        ("Tried", tries(row.attempts)),
        ("Accepted", accepted),
        ("Last answer", row.last_answer.clone()),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<13}{value}");
        }
    }
    if !dialogue.is_empty() {
        let _ = write!(text, "\nWhen the relay last did not take it\n");
        for line in dialogue.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn shown(row: &OutboxRow) -> RowShown {
    RowShown {
        id: row.id,
        state: row.state.name(),
        incident: row.incident.map(|number| format!("INC-{number}")),
        purpose: purpose_name(row),
        recipient: row.recipient.to_string(),
        subject: row.subject.clone(),
        message_id: row.message_id.clone(),
        created_at: rfc3339(row.created_at),
        due_at: row.due_at.map(rfc3339),
        accepted_at: row.accepted_at.map(rfc3339),
        attempts: row.attempts,
        last_answer: row.last_answer.clone(),
    }
}

fn purpose_name(row: &OutboxRow) -> String {
    serde_json::to_value(row.purpose)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
