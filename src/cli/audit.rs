//! `firebell audit`: whom messages claimed to be from, what proved it, and what became of them.
//!
//! Reads only.

use std::fmt::Write as _;

use chrono::SecondsFormat;
use serde::Serialize;

use super::Failure;
use super::failure::{USAGE, print, print_json};
use super::incident::load;
use super::open::{Found, open_store};
use crate::mail::Address;
use crate::roster::zone::Zone;
use crate::store::rows::AuditRow;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only of this incident, such as INC-42
    #[arg(long, value_name = "KEY")]
    incident: Option<String>,
    /// Only of this person, by address
    #[arg(long, value_name = "ADDRESS")]
    person: Option<String>,
    /// At most so many, the newest
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
    /// An array for programs
    #[arg(long)]
    json: bool,
}

/// A decision as programs read it.
#[derive(Debug, Serialize)]
struct Shown {
    at: String,
    incident: Option<String>,
    /// Its number in the store; null where no message was decided on.
    inbound: Option<i64>,
    who: String,
    proof: String,
    outcome: String,
}

/// Prints decisions, the newest first.
pub async fn audit(found: Found, given: Arguments) -> Result<(), Failure> {
    let store = open_store(&found.config).await?;
    let number = match &given.incident {
        Some(key) => Some(load(&store, key).await?.number),
        None => None,
    };
    let who = given.person.as_deref().map(|text| {
        Address::read(text)
            .map(|address| address.key())
            .map_err(|error| Failure::new(USAGE, format!("`{text}` {error}")))
    });
    let who = who.transpose()?;
    let rows = store.load_audit(number, who.as_deref(), given.limit).await?;
    if given.json {
        return print_json(&rows.iter().map(shown).collect::<Vec<_>>());
    }
    print(&table(&rows, &found.config.policy().calendar.zone))
}

fn table(rows: &[AuditRow], zone: &Zone) -> String {
    if rows.is_empty() {
        return "Nothing was decided.\n".to_owned();
    }
    let mut text = String::new();
    for row in rows {
        let about = row.incident.map_or_else(|| "-".to_owned(), |number| format!("INC-{number}"));
        let who = if row.who.is_empty() { "nobody" } else { &row.who };
        let _ = writeln!(text, "{}  {about:<7} {who}", zone.format_full(row.at));
        let _ = writeln!(text, "    proof   {}", row.proof);
        let _ = writeln!(text, "    became  {}", row.outcome.replace('\n', " "));
    }
    text
}

fn shown(row: &AuditRow) -> Shown {
    Shown {
        at: row.at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        incident: row.incident.map(|number| format!("INC-{number}")),
        inbound: row.inbound,
        who: row.who.clone(),
        proof: row.proof.clone(),
        outcome: row.outcome.clone(),
    }
}
