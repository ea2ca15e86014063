//! `firebell incident`: what is stored, for people and for programs.
//!
//! Reads only; what changes an incident is written by mail.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use chrono::SecondsFormat;
use serde::Serialize;

use super::Failure;
use super::failure::{CANTCREAT, NOINPUT, USAGE, print, print_json, print_octets};
use super::open::{Found, open_store};
use crate::incident::Policy;
use crate::incident::state::Incident;
use crate::learning::search::Words;
use crate::render::show::{
    IncidentHead, incident_exported, incident_head, incident_shown, put_back_elided, render_incident,
};
use crate::store::Store;
use crate::store::rows::NewInbound;
use crate::store::search::FoundEntry;

/// More are on the page of no screen; the newest come first.
const INCIDENTS_MAX: i64 = 1_000;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// The newest incidents
    List {
        /// Leave out those that are closed
        #[arg(long)]
        open: bool,
        /// An array for programs
        #[arg(long)]
        json: bool,
    },
    /// Incidents with an entry that has all these words, the newest first
    Search {
        /// In any order and any case; parts of words count, too
        #[arg(required = true)]
        words: Vec<String>,
        /// Also private ones, of which only those may know who work on them
        #[arg(long)]
        private: bool,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        limit: u16,
        /// An array for programs
        #[arg(long)]
        json: bool,
    },
    /// All of one incident, with its timeline
    Show {
        /// Such as INC-42
        key: String,
        /// An object for programs
        #[arg(long)]
        json: bool,
        /// Also what was cut off of mails: quotations, signatures, disclaimers
        #[arg(long, conflicts_with = "json")]
        full: bool,
    },
    /// One incident, to be kept elsewhere
    Export {
        /// Such as INC-42
        key: String,
        /// As what
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// The same as --format json
        #[arg(long, conflicts_with = "format")]
        json: bool,
        /// Also write the attached files into this folder, each under the number of its entry
        #[arg(long, value_name = "DIR")]
        files: Option<PathBuf>,
    },
}

/// What an exported incident is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The messages that were received for it, as they came but for the tokens in addresses
    Mbox,
    /// A text with the state and the timeline
    #[default]
    Markdown,
    /// The object of `incident show --json`, with summary, impact and quotations
    Json,
}

/// Prints incidents.
pub async fn incident(found: Found, command: Command) -> Result<(), Failure> {
    let store = open_store(&found.config).await?;
    let policy = found.config.policy();
    match command {
        Command::List { open, json } => list(&store, &policy, open, json).await,
        Command::Search { words, private, limit, json } => {
            search(&store, &policy, &words.join(" "), private, usize::from(limit), json).await
        }
        Command::Show { key, json, full } => {
            let incident = load(&store, &key).await?;
            let mut timeline = store.load_timeline(incident.number).await?;
            if json {
                return print_json(&incident_shown(&incident, &timeline, &policy));
            }
            if full {
                timeline.iter_mut().for_each(put_back_elided);
            }
            print(&ended(render_incident(&incident, &timeline, &policy)))
        }
        Command::Export { key, format, json, files } => {
            let incident = load(&store, &key).await?;
            if let Some(folder) = files {
                export_files(&store, &incident, &folder).await?;
            }
            let format = if json { Format::Json } else { format };
            export(&store, &policy, &incident, format).await
        }
    }
}

async fn list(store: &Store, policy: &Policy, only_open: bool, json: bool) -> Result<(), Failure> {
    let incidents = store.load_incidents(only_open, INCIDENTS_MAX).await?;
    let heads: Vec<_> =
        incidents.readable.iter().map(|stored| incident_head(&stored.incident, policy)).collect();
    if json {
        return print_json(&heads);
    }
    let mut text = String::new();
    for head in &heads {
        let commander = head.roles.commander.as_deref().unwrap_or("nobody commands");
        let (key, severity, phase, title) = (&head.key, &head.severity, &head.phase, &head.title);
        let _ = writeln!(text, "{key:<9} {severity:<6} {phase:<13} {title}  ({commander})");
    }
    for number in &incidents.damaged {
        let key = format!("INC-{number}");
        let _ = writeln!(text, "{key:<9} cannot be read; the stored incident is damaged");
    }
    if text.is_empty() {
        text.push_str("There are no incidents.\n");
    }
    print(&text)
}

/// An incident that was found, as programs read it.
#[derive(Debug, Serialize)]
struct FoundShown {
    #[serde(flatten)]
    head: IncidentHead,
    entries: Vec<EntryFound>,
}

#[derive(Debug, Serialize)]
struct EntryFound {
    seq: i64,
    at: String,
    /// `firebell` for its own.
    author: String,
    kind: &'static str,
    excerpt: String,
}

async fn search(
    store: &Store,
    policy: &Policy,
    typed: &str,
    with_private: bool,
    limit: usize,
    json: bool,
) -> Result<(), Failure> {
    let Some(words) = Words::read(typed) else {
        return Err(Failure::new(USAGE, "write the words to look for"));
    };
    let mut shown = Vec::new();
    for found in store.search_incidents(&words, with_private, limit).await? {
        let Some(stored) = store.load_incident(found.number).await? else { continue };
        let head = incident_head(&stored.incident, policy);
        let entries = found.entries.into_iter().map(|entry| entry_found(entry, &words));
        shown.push(FoundShown { head, entries: entries.collect() });
    }
    if json {
        return print_json(&shown);
    }
    let mut text = String::new();
    for FoundShown { head, entries } in &shown {
        let (key, severity, phase, title) = (&head.key, &head.severity, &head.phase, &head.title);
        let drill = if head.drill { "DRILL " } else { "" };
        let private = if head.private { "  (private)" } else { "" };
        let _ = writeln!(text, "{key:<9} {severity:<6} {phase:<13} {drill}{title}{private}");
        for entry in entries {
            let _ = writeln!(text, "    #{} {}: {}", entry.seq, entry.author, entry.excerpt);
        }
    }
    if shown.is_empty() {
        text.push_str("No incident has an entry with all these words.\n");
    }
    if !with_private {
        text.push_str("Private incidents are left out; --private looks into them, too.\n");
    }
    print(&text)
}

fn entry_found(entry: FoundEntry, words: &Words) -> EntryFound {
    let author = if entry.author_name.is_empty() { "firebell".to_owned() } else { entry.author_name };
    EntryFound {
        seq: entry.seq,
        at: entry.at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        author,
        kind: entry.kind.name(),
        excerpt: words.excerpt(&entry.text),
    }
}

/// The incident that people call `key`.
pub async fn load(store: &Store, key: &str) -> Result<Incident, Failure> {
    let unknown = || {
        let line = format!("there is no incident `{key}`; `firebell incident list` shows all");
        Failure::new(NOINPUT, line)
    };
    let upper = key.trim().to_ascii_uppercase();
    let number = upper.strip_prefix("INC-").unwrap_or(&upper).parse().map_err(|_| unknown())?;
    let stored = store.load_incident(number).await?;
    stored.map(|stored| stored.incident).ok_or_else(unknown)
}

async fn export(
    store: &Store,
    policy: &Policy,
    incident: &Incident,
    format: Format,
) -> Result<(), Failure> {
    let timeline = store.load_timeline(incident.number).await?;
    match format {
        Format::Json => print_json(&incident_exported(incident, &timeline, policy)),
        Format::Mbox => {
            let mut octets = Vec::new();
            let gone = store.count_forgotten(incident.number).await?;
            if gone > 0 {
                eprintln!(
                    "{gone} messages of {} are not among them: what they were made of is deleted, after \
                     the time that `keep_raw` says; their text is in the timeline",
                    incident.key(),
                );
            }
            for message in store.load_messages(incident.number).await? {
                write_mbox(&mut octets, &message);
            }
            print_octets(&policy.address.message_without_tokens(&octets))
        }
        Format::Markdown => {
            let rendered = render_incident(incident, &timeline, policy);
            let title = format!("# {} {}", incident.key(), incident.title);
            print(&format!("{title}\n\n```\n{}```\n", ended(rendered)))
        }
    }
}

/// Writes `3-1 graph.png` for the first file of entry 3. What is there already is never overwritten:
/// it may be of another incident.
async fn export_files(store: &Store, incident: &Incident, folder: &Path) -> Result<(), Failure> {
    let failure =
        |path: &Path, error: io::Error| Failure::new(CANTCREAT, format!("{}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| failure(folder, error))?;
    for entry in store.load_timeline(incident.number).await? {
        for position in 0.. {
            let Some(attached) = usize::try_from(position).ok().and_then(|at| entry.attachments.get(at))
            else {
                break;
            };
            let file = store.load_file(incident.number, entry.seq, position).await?;
            let Some((_, octets)) = file else { continue };
            let path = folder.join(format!("{}-{} {}", entry.seq, position + 1, attached.name));
            let written = fs::File::create_new(&path).and_then(|mut file| file.write_all(&octets));
            written.map_err(|error| failure(&path, error))?;
        }
    }
    Ok(())
}

fn ended(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// One message in the mbox format (RFC 4155), with `From ` lines of the message quoted as `>From `
/// in a way that can be undone ("mboxrd").
fn write_mbox(octets: &mut Vec<u8>, message: &NewInbound) {
    let sender = message.reverse_path.as_deref().unwrap_or("MAILER-DAEMON").replace(' ', "_");
    let at = message.received_at.format("%a %b %e %H:%M:%S %Y");
    octets.extend_from_slice(format!("From {sender} {at}\n").as_bytes());
    for line in message.octets.split_inclusive(|&octet| octet == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let marks = line.iter().take_while(|&&octet| octet == b'>').count();
        if line.get(marks..).is_some_and(|rest| rest.starts_with(b"From ")) {
            octets.push(b'>');
        }
        octets.extend_from_slice(line);
        octets.push(b'\n');
    }
    octets.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rows::{Client, Route};

    #[test]
    fn an_mbox_can_be_read_back_into_the_same_messages() {
        let message = NewInbound {
            id: 1,
            received_at: chrono::DateTime::UNIX_EPOCH,
            reverse_path: None,
            recipients: Vec::new(),
            client: Client::default(),
            route: Route::Smtp,
            octets: b"Subject: x\r\n\r\nFrom here\r\n>From there\r\nfrom me".to_vec(),
        };
        let mut octets = Vec::new();
        write_mbox(&mut octets, &message);
        let text = String::from_utf8(octets).unwrap();
        assert_eq!(
            text,
            "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n\
             Subject: x\n\n>From here\n>>From there\nfrom me\n\n"
        );
    }
}
