//! `firebell inbox`: messages that are held, were set aside, could not be read or belong to no
//! incident; to look into one, and to have it read again.
//!
//! Changes nothing of a message: a server reads it again through the one door.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::Failure;
use super::failure::{DATAERR, NOINPUT, print, print_json, print_octets};
use super::open::{Found, open_store};
use crate::incident::Policy;
use crate::mail::Address;
use crate::mail::header_text;
use crate::mail::message::read_mail;
use crate::rehearse::inbox_line;
use crate::render::inbox::{MessageShown, render_inbox, render_message};
use crate::render::when;
use crate::store::rows::{AuditRow, Inbound, InboundState, InboxRow};
use crate::store::{Store, StoreError};

/// Rows that are shown; the newest come first.
const ROWS_MAX: i64 = 1_000;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// What is held, was set aside, could not be read or belongs to no incident, and why
    List {
        /// Everything that was received, newest first
        #[arg(long)]
        all: bool,
        /// An array for programs
        #[arg(long)]
        json: bool,
    },
    /// One message: where it came from, what was decided, its header and its text
    Show {
        /// As `inbox list` shows it
        id: i64,
        /// The message as it came, but for the tokens in addresses
        #[arg(long, conflicts_with = "json")]
        raw: bool,
        /// An object for programs
        #[arg(long)]
        json: bool,
    },
    /// Have a message read once more, as if it had just come
    ReadAgain {
        /// As `inbox list` shows it
        id: i64,
    },
}

/// A row as programs read it.
#[derive(Debug, Serialize)]
struct RowShown<'a> {
    id: i64,
    state: &'static str,
    received_at: String,
    from: &'a str,
    incident: Option<String>,
    /// Null where it does not lie in the inbox.
    reason: Option<&'a str>,
}

/// A message as programs read it.
#[derive(Debug, Serialize)]
struct MessageJson<'a> {
    #[serde(flatten)]
    row: RowShown<'a>,
    /// Null where nothing is left of it.
    came: Option<Came<'a>>,
    decisions: Vec<Decision<'a>>,
    /// Why what follows is empty, or only in part there.
    lacks: Option<&'a str>,
    header: &'a str,
    text: &'a str,
    elided: &'a str,
}

/// By which way it came.
#[derive(Debug, Serialize)]
struct Came<'a> {
    route: &'static str,
    /// Null is the null reverse-path, of a machine.
    reverse_path: Option<String>,
    recipients: Vec<String>,
    network_trusted: bool,
    login: Option<&'a str>,
    client: Option<String>,
    hello: Option<&'a str>,
    size_octets: usize,
}

#[derive(Debug, Serialize)]
struct Decision<'a> {
    at: String,
    who: &'a str,
    proof: &'a str,
    outcome: &'a str,
}

/// Prints the inbox, or has a message of it read again.
pub async fn inbox(found: Found, command: Command) -> Result<(), Failure> {
    let store = open_store(&found.config).await?;
    let policy = found.config.policy();
    match command {
        Command::List { all, json } => {
            let rows = store.load_inbox(all, ROWS_MAX).await?;
            if json {
                return print_json(&rows.iter().map(row_shown).collect::<Vec<_>>());
            }
            print(&render_inbox(&rows.iter().map(inbox_line).collect::<Vec<_>>(), &policy))
        }
        Command::Show { id, raw, json } => {
            let row = load_row(&store, id).await?;
            let message = store.load_message(id).await;
            if raw {
                let message = message?.ok_or_else(|| Failure::new(NOINPUT, forgotten(id)))?;
                return print_octets(&policy.address.message_without_tokens(&message.message.octets));
            }
            let decisions = store.load_audit_of(id).await?;
            let message = match message {
                Ok(Some(message)) => Ok(message),
                Ok(None) => Err(forgotten(id)),
                Err(StoreError::Damaged(what)) => {
                    Err(format!("What is stored of it is damaged: its {what} cannot be read."))
                }
                Err(error) => return Err(error.into()),
            };
            show(&row, message, &decisions, &policy, json).await
        }
        Command::ReadAgain { id } => {
            if store.read_again(id).await? {
                return print(&format!(
                    "message {id} is read again; a running `firebell serve` does it\n"
                ));
            }
            let row = load_row(&store, id).await?;
            Err(Failure::new(DATAERR, why_not(&row)))
        }
    }
}

async fn load_row(store: &Store, id: i64) -> Result<InboxRow, Failure> {
    let missing = || {
        let line = format!("there is no message {id}; `firebell inbox list --all` shows all");
        Failure::new(NOINPUT, line)
    };
    store.load_inbox_row(id).await?.ok_or_else(missing)
}

fn forgotten(id: i64) -> String {
    format!("What message {id} was made of is deleted, after the time that `keep_raw` says.")
}

/// Why a message is not read again.
fn why_not(row: &InboxRow) -> String {
    let id = row.id;
    match (row.state, row.incident) {
        (InboundState::Waiting | InboundState::Unproven, _) => format!("message {id} waits to be read"),
        (InboundState::Read, Some(number)) => format!(
            "message {id} is in INC-{number} and would do again what it did; ask its sender to send it again"
        ),
        (InboundState::Read, None) => {
            format!("message {id} did what it asks for, and would do it again")
        }
        _ if row.reason.is_empty() => {
            format!("message {id} does not lie in the inbox; `firebell inbox show {id}` says why")
        }
        _ => format!("nothing is left of message {id} to be read"),
    }
}

async fn show(
    row: &InboxRow,
    message: Result<Inbound, String>,
    decisions: &[AuditRow],
    policy: &Policy,
    json: bool,
) -> Result<(), Failure> {
    let mut shown = MessageShown { facts: facts(row, policy), ..MessageShown::default() };
    match &message {
        Err(lacks) => shown.lacks = Some(lacks.clone()),
        Ok(inbound) => {
            shown.facts.extend(came(inbound, policy));
            let octets = policy.address.message_without_tokens(&inbound.message.octets);
            shown.header = header_text(&octets);
            let is_null = inbound.message.reverse_path.is_none();
            // What reading it broke may break here; then the rest is shown.
            match tokio::task::spawn_blocking(move || read_mail(&octets, is_null)).await {
                Ok(mail) => {
                    shown.lacks = mail.unreadable.map(|why| {
                        format!("Its text could not be read, because {why}; --raw prints it.")
                    });
                    (shown.text, shown.elided) = (mail.new_text, mail.elided);
                }
                Err(_) => {
                    shown.lacks = Some("The server fails at its text; --raw prints it.".to_owned());
                }
            }
        }
    }
    for decision in decisions {
        let at = when::full(decision.at, policy);
        shown.facts.push(("Proof", format!("{at}  {}", decision.proof)));
        shown.facts.push(("Became", format!("{at}  {}", decision.outcome)));
    }
    if !json {
        return print(&render_message(&shown));
    }
    print_json(&MessageJson {
        row: row_shown(row),
        came: message.as_ref().ok().map(|inbound| came_json(inbound, policy)),
        decisions: decisions.iter().map(decision_json).collect(),
        lacks: shown.lacks.as_deref(),
        header: &shown.header,
        text: &shown.text,
        elided: &shown.elided,
    })
}

fn facts(row: &InboxRow, policy: &Policy) -> Vec<(&'static str, String)> {
    vec![
        ("Message", row.id.to_string()),
        ("State", row.state.name().to_owned()),
        ("Why", row.reason.clone()),
        ("Incident", row.incident.map(|number| format!("INC-{number}")).unwrap_or_default()),
        ("From", row.from.clone()),
        ("Received", when::full(row.received_at, policy)),
    ]
}

fn came(inbound: &Inbound, policy: &Policy) -> Vec<(&'static str, String)> {
    let message = &inbound.message;
    let client = &message.client;
    let mut by = vec![message.route.name().to_owned()];
    by.extend(client.network_trusted.then(|| "from a network that is trusted".to_owned()));
    by.extend(client.login.as_ref().map(|login| format!("logged in as {login}")));
    let outside = client.outside.as_ref();
    by.extend(outside.map(|outside| format!("from {} ({})", outside.address, outside.hello)));
    let path = message.reverse_path.as_deref().unwrap_or_default();
    vec![
        ("By", by.join(", ")),
        ("Reverse-path", policy.address.without_tokens(&format!("<{path}>"))),
        ("Recipients", recipients(inbound, policy).join(", ")),
        ("Size", format!("{} octets", message.octets.len())),
    ]
}

/// Tokens of our addresses prove who somebody is; nobody is shown them.
fn recipients(inbound: &Inbound, policy: &Policy) -> Vec<String> {
    let recipients = inbound.message.recipients.iter();
    recipients.map(|recipient| policy.address.without_tokens(recipient.as_str())).collect()
}

fn came_json<'a>(inbound: &'a Inbound, policy: &Policy) -> Came<'a> {
    let message = &inbound.message;
    let outside = message.client.outside.as_ref();
    let reverse_path = message.reverse_path.as_deref();
    Came {
        route: message.route.name(),
        reverse_path: reverse_path.map(|path| policy.address.without_tokens(path)),
        recipients: recipients(inbound, policy),
        network_trusted: message.client.network_trusted,
        login: message.client.login.as_ref().map(Address::as_str),
        client: outside.map(|outside| outside.address.to_string()),
        hello: outside.map(|outside| outside.hello.as_str()),
        size_octets: message.octets.len(),
    }
}

fn decision_json(row: &AuditRow) -> Decision<'_> {
    Decision { at: rfc3339(row.at), who: &row.who, proof: &row.proof, outcome: &row.outcome }
}

fn row_shown(row: &InboxRow) -> RowShown<'_> {
    RowShown {
        id: row.id,
        state: row.state.name(),
        received_at: rfc3339(row.received_at),
        from: &row.from,
        incident: row.incident.map(|number| format!("INC-{number}")),
        reason: Some(row.reason.as_str()).filter(|reason| !reason.is_empty()),
    }
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
