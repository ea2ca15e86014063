//! The value of a field: what it must be, and what to say where it is not.
//!
//! Never looks anybody up and never decides who may write it. Start with [`read_value`].

use chrono::{DateTime, TimeDelta, Utc};

use super::cover::read_cover;
use super::fields::{Field, Kind};
use super::subject::TITLE_CHARS_MAX;
use super::text::{clean, short};
use super::times::{TimeError, Toward, read_day, read_span, read_time};
use super::{Command, Misread, Promise};
use crate::incident::{Phase, Severity};
use crate::roster::zone::Zone;

/// A longer promise is a mistake.
const PROMISE_DAYS_MAX: i64 = 31;
/// What takes longer is no action but a plan.
const ACTION_DAYS_MAX: i64 = 366;

/// A name that people type from memory.
const SCRIPT_NAME_CHARS_MAX: usize = 40;

/// A longer name, link or time is a mistake, or an attack; texts have no limit of their own.
const SHORT_CHARS_MAX: usize = 1_000;

/// Reads the value of a field, as typed behind its colon.
pub(super) fn read_value(
    field: &'static Field,
    number: Option<i64>,
    typed: &str,
    zone: &Zone,
    now: DateTime<Utc>,
) -> Result<Command, Misread> {
    let misread = |why: String, instead: &str| {
        Err(Misread { why, instead: Some(instead.to_owned()), field: Some(field.name.to_owned()) })
    };
    let text = typed.trim();
    let word = short(typed);
    // What fixed it, or why, may stand below: `incident` asks for it where nothing does.
    match field.kind {
        Kind::Resolved if text.is_empty() => return Ok(Command::Resolved(String::new())),
        Kind::Reopen if text.is_empty() => return Ok(Command::Reopen(String::new())),
        Kind::Done if text.is_empty() => {
            return Ok(Command::Done { seq: number, result: String::new() });
        }
        Kind::Object if text.is_empty() => {
            return Ok(Command::Object { seq: number, why: String::new() });
        }
        Kind::Decline if text.is_empty() => {
            return Ok(Command::Decline { seq: number, why: String::new() });
        }
        Kind::Cancel if text.is_empty() => return Ok(Command::Cancel(String::new())),
        Kind::Approve if text.is_empty() => return Ok(Command::Approve(number)),
        Kind::Fund => return Ok(Command::Fund(number)),
        Kind::Drop if text.is_empty() => {
            return Ok(Command::Drop { seq: number, why: String::new() });
        }
        _ => {}
    }
    if text.is_empty() || (word.is_empty() && !is_text(field.kind)) {
        return misread(format!("Nothing stands behind `{}:`.", field.name), field.example);
    }
    if !is_text(field.kind) && word.len() > SHORT_CHARS_MAX {
        return misread(format!("What stands behind `{}:` is too long.", field.name), field.example);
    }
    let yes_or_no = |make: fn(bool) -> Command| match read_yes(&word) {
        Some(answer) => Ok(make(answer)),
        None => misread(format!("`{word}` is neither yes nor no."), field.example),
    };
    let fact = |make: fn(DateTime<Utc>) -> Command| match read_time(&word, zone, Toward::Past, now) {
        Ok(at) => Ok(make(at)),
        Err(TimeError::WrongSide(at)) => misread(
            format!("{} has not come yet; write when it was.", zone.format_full(at)),
            field.example,
        ),
        Err(TimeError::Unknown) => misread(
            format!("`{word}` is no time that can be read, such as 14:05 or 2026-11-20 14:05 UTC."),
            field.example,
        ),
    };
    match field.kind {
        Kind::Severity => match Severity::read(&word) {
            Some(severity) => Ok(Command::Severity(severity)),
            None => {
                misread(format!("`{word}` is no severity; write one of SEV-1 to SEV-5."), field.example)
            }
        },
        Kind::Phase => read_phase(&word, field),
        Kind::Title => match clean(text) {
            title if title.chars().count() > TITLE_CHARS_MAX => {
                misread(format!("A title has at most {TITLE_CHARS_MAX} characters."), field.example)
            }
            title => Ok(Command::Title(title)),
        },
        Kind::Summary => Ok(Command::Summary(text.to_owned())),
        Kind::Impact => Ok(Command::Impact(text.to_owned())),
        Kind::Service => Ok(Command::Service(split_names(&word))),
        Kind::Page => Ok(Command::Page(split_names(&word))),
        Kind::Started => fact(Command::Started),
        Kind::Detected => fact(Command::Detected),
        Kind::Link => Ok(Command::Link(word)),
        Kind::Bridge => Ok(Command::Bridge(word)),
        Kind::Chat => Ok(Command::Chat(word)),
        Kind::Doc => Ok(Command::Doc(word)),
        Kind::CustomersAffected => yes_or_no(Command::CustomersAffected),
        Kind::OfferCommand => Ok(Command::OfferCommand(word)),
        Kind::Role(role) => {
            let (person, remark) = split_remark(&word);
            Ok(Command::Role { role, person, remark })
        }
        Kind::Release => Ok(Command::Release(word)),
        Kind::NewToken => Ok(Command::NewToken(word)),
        Kind::Update => Ok(Command::Update(text.to_owned())),
        Kind::Note => Ok(Command::Note(text.to_owned())),
        Kind::NextUpdate => read_promised(&word, "An update", field, zone, now).map(Command::NextUpdate),
        Kind::Statement => Ok(read_statement(text)),
        Kind::NextStatement => {
            read_promised(&word, "A statement", field, zone, now).map(Command::NextStatement)
        }
        Kind::Approve => match word.trim_start_matches('#').parse() {
            Ok(seq) => Ok(Command::Approve(Some(seq))),
            Err(_) => misread(format!("`{word}` is no number of a statement."), field.example),
        },
        Kind::Resolved => Ok(Command::Resolved(text.to_owned())),
        Kind::Reopen => Ok(Command::Reopen(text.to_owned())),
        Kind::Cancel => Ok(Command::Cancel(text.to_owned())),
        Kind::Private => yes_or_no(Command::Private),
        Kind::Drill if is_script_name(&word) => Ok(Command::DrillScript(word)),
        Kind::Drill => yes_or_no(Command::Drill),
        Kind::Correct => match number {
            Some(seq) => Ok(Command::Correct { seq, text: text.to_owned() }),
            None => misread(
                "Which entry is corrected? Its number stands before it in the timeline.".to_owned(),
                field.example,
            ),
        },
        Kind::PostmortemOwner => Ok(Command::PostmortemOwner(word)),
        Kind::WaivePostmortem => Ok(Command::WaivePostmortem(text.to_owned())),
        Kind::Task => {
            read_timed(text, field, zone, now).map(|(text, within)| Command::Task { text, within })
        }
        Kind::Propose => {
            read_timed(text, field, zone, now).map(|(text, within)| Command::Propose { text, within })
        }
        Kind::Risk => {
            read_timed(text, field, zone, now).map(|(text, within)| Command::Risk { text, within })
        }
        Kind::Object => Ok(Command::Object { seq: number, why: text.to_owned() }),
        Kind::Decision => Ok(Command::Decision { seq: number, text: text.to_owned() }),
        Kind::Override => match read_cover(&word, zone, now) {
            Some(cover) => Ok(Command::Override(cover)),
            None => misread(
                "Write who takes the shift and its days, or its days with their hours, such as \
                 alice 2026-11-22 18:00 to 2026-11-23 09:00."
                    .to_owned(),
                field.example,
            ),
        },
        Kind::Reassign => Ok(Command::Reassign { seq: number, person: word }),
        Kind::Done => Ok(Command::Done { seq: number, result: text.to_owned() }),
        Kind::MoreTime => {
            let by = read_promised(&word, "More time", field, zone, now)?;
            Ok(Command::MoreTime { seq: number, by })
        }
        Kind::Decline => Ok(Command::Decline { seq: number, why: text.to_owned() }),
        Kind::Later => Ok(Command::Later(text.to_owned())),
        Kind::Template => Ok(Command::Template(word)),
        Kind::PartOf if read_yes(&word) == Some(false) => Ok(Command::PartOf(None)),
        Kind::PartOf | Kind::DuplicateOf => match read_key(&word) {
            Some(number) if field.kind == Kind::PartOf => Ok(Command::PartOf(Some(number))),
            Some(number) => Ok(Command::DuplicateOf(number)),
            None => {
                misread(format!("`{word}` is no key of an incident, such as INC-41."), field.example)
            }
        },
        Kind::Action => read_action(text, false, field, zone, now),
        Kind::ActionLater => read_action(text, true, field, zone, now),
        Kind::Fund => Ok(Command::Fund(number)),
        Kind::Drop => Ok(Command::Drop { seq: number, why: text.to_owned() }),
        Kind::Ask => Ok(Command::Ask { seq: number, question: text.to_owned() }),
    }
}

/// Whether the value is kept as it was typed.
fn is_text(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Title
            | Kind::Summary
            | Kind::Impact
            | Kind::Update
            | Kind::Note
            | Kind::Statement
            | Kind::Resolved
            | Kind::Reopen
            | Kind::Cancel
            | Kind::Correct
            | Kind::WaivePostmortem
            | Kind::Task
            | Kind::Done
            | Kind::Decline
            | Kind::Later
            | Kind::Propose
            | Kind::Risk
            | Kind::Object
            | Kind::Decision
            | Kind::Action
            | Kind::ActionLater
            | Kind::Drop
            | Kind::Ask
    )
}

/// Whether `Drill: name` can name a script so: one word that is no answer to whether it is a drill.
pub fn is_script_name(word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    (1..=SCRIPT_NAME_CHARS_MAX).contains(&word.chars().count())
        && word.chars().all(is_part)
        && read_yes(word).is_none()
}

/// `Add an alert on lag. Owner: bob. Due: 2026-12-04`: what is to be done, and behind it, in any order,
/// whose it is and by when.
fn read_action(
    text: &str,
    later: bool,
    field: &Field,
    zone: &Zone,
    now: DateTime<Utc>,
) -> Result<Command, Misread> {
    let text = clean(text);
    // Without regard to case, and the octets stay where they are.
    let lower = text.to_ascii_lowercase();
    let begins_at = |mark: &str| {
        let is_word =
            |at: usize| at == 0 || lower.get(..at).is_some_and(|text| text.ends_with([' ', '(']));
        lower.match_indices(mark).map(|(at, _)| at).find(|at| is_word(*at))
    };
    let (owner_at, due_at) = (begins_at("owner:"), begins_at("due:"));
    let end = |at: usize| {
        let behind = [owner_at, due_at].into_iter().flatten().filter(|other| *other > at);
        behind.min().unwrap_or(text.len())
    };
    let value = |at: usize, mark: &str| {
        let value = text.get(at + mark.len()..end(at)).unwrap_or_default();
        short(value.trim_end_matches([' ', ',', ';', '.', ')']))
    };
    let what_end = [owner_at, due_at].into_iter().flatten().min().unwrap_or(text.len());
    let what = text.get(..what_end).unwrap_or_default();
    let what = what.trim_end_matches([' ', ',', ';', '.', '(', '-']).to_owned();
    if what.is_empty() {
        let why = "What is to be done? It stands first, and begins with a verb.".to_owned();
        let (instead, name) = (Some(field.example.to_owned()), Some(field.name.to_owned()));
        return Err(Misread { why, instead, field: name });
    }
    let owner = owner_at.map(|at| value(at, "owner:")).filter(|owner| !owner.is_empty());
    let due = match due_at.map(|at| value(at, "due:")).filter(|due| !due.is_empty()) {
        Some(due) => Some(read_promised(&due, "An action", field, zone, now)?),
        None => None,
    };
    Ok(Command::Action { what, owner, due, later })
}

fn read_yes(word: &str) -> Option<bool> {
    match word.to_lowercase().as_str() {
        "yes" | "y" | "true" | "on" => Some(true),
        "no" | "n" | "false" | "off" | "none" => Some(false),
        _ => None,
    }
}

/// Reads `INC-41`, `[INC-41]`, `inc 41`, `#41` or `41`.
fn read_key(word: &str) -> Option<i64> {
    let word = word.trim_matches(['[', ']', ' ', '#']).to_ascii_lowercase();
    let number = match word.strip_prefix("inc") {
        Some(number) => number.trim_start_matches(['-', ' ', '#']),
        None => &word,
    };
    let is_number = !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit());
    number.parse().ok().filter(|number| is_number && *number > 0)
}

fn read_phase(word: &str, field: &Field) -> Result<Command, Misread> {
    if let Some(phase) = Phase::read(word) {
        return Ok(Command::Phase(phase));
    }
    let (why, instead) = match word.to_lowercase().as_str() {
        "resolved" | "resolve" | "review" | "postmortem" | "prevent" | "fixed" | "done" => {
            ("An incident is resolved by saying what fixed it.".to_owned(), "Resolved: what fixed it")
        }
        "cancelled" | "canceled" | "cancel" => {
            ("An incident is cancelled by saying why.".to_owned(), "Cancel: false alarm")
        }
        "closed" | "close" => (
            "An incident closes by itself when its postmortem is published or waived.".to_owned(),
            "Resolved: what fixed it",
        ),
        _ => (
            format!("`{word}` is no phase; write one of triage, investigating, identified, monitoring."),
            field.example,
        ),
    };
    Err(Misread { why, instead: Some(instead.to_owned()), field: Some(field.name.to_owned()) })
}

/// A time to come, as a span or as an instant; `what` is promised for it.
fn read_promised(
    word: &str,
    what: &str,
    field: &Field,
    zone: &Zone,
    now: DateTime<Utc>,
) -> Result<Promise, Misread> {
    let misread = |why: String| {
        let instead = Some(field.example.to_owned());
        Err(Misread { why, instead, field: Some(field.name.to_owned()) })
    };
    let by_day = matches!(field.kind, Kind::Action | Kind::ActionLater | Kind::MoreTime);
    let days_max = if by_day { ACTION_DAYS_MAX } else { PROMISE_DAYS_MAX };
    let longest = TimeDelta::days(days_max);
    let too_far = || misread(format!("{what} is promised within {days_max} days."));
    match read_span(word) {
        Some(span) if span <= TimeDelta::zero() => {
            return misread(format!("{what} is promised for later than now."));
        }
        Some(span) if span > longest => return too_far(),
        Some(span) => return Ok(Promise::Within(span)),
        None => {}
    }
    let bare = word.trim_start_matches("by ").trim_start_matches("until ");
    let read =
        if by_day { read_day(bare, zone, now) } else { read_time(bare, zone, Toward::Future, now) };
    match read {
        Ok(at) if at - now > longest => too_far(),
        Ok(at) => Ok(Promise::At(at)),
        Err(TimeError::WrongSide(at)) => {
            misread(format!("{} has passed already.", zone.format_full(at)))
        }
        Err(TimeError::Unknown) if matches!(field.kind, Kind::Action | Kind::ActionLater) => misread(
            format!("`{word}` is no day that can be read, such as Friday, 3 weeks or 2026-12-04."),
        ),
        Err(TimeError::Unknown) => misread(format!(
            "`{word}` is no time that can be read, such as 45m, 14:30 or tomorrow 09:00."
        )),
    }
}

fn split_names(word: &str) -> Vec<String> {
    let names = word.split([',', ';']).map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// `bob check replica lag by 10m`: the end may say by when. What ends in no time has none: "check the
/// traffic by region" is a task.
fn read_timed(
    text: &str,
    field: &Field,
    zone: &Zone,
    now: DateTime<Utc>,
) -> Result<(String, Option<Promise>), Misread> {
    let text = clean(text);
    let ended = text.trim_end_matches(['.', '!']);
    let bracketed = ended.strip_suffix(')').and_then(|text| text.rsplit_once('('));
    // Without regard to case, and the octets stay where they are.
    let lower = ended.to_ascii_lowercase();
    let behind = [" by ", " in ", " within ", " until "].into_iter().filter_map(|word| {
        let at = lower.rfind(word)?;
        Some((ended.get(..at)?, ended.get(at + word.len()..)?))
    });
    for (what, when) in bracketed.into_iter().chain(behind) {
        match read_promised(when.trim(), field.name, field, zone, now) {
            Ok(by) => return Ok((what.trim().to_owned(), Some(by))),
            Err(misread) if read_span(when.trim()).is_some() => return Err(misread),
            Err(_) => {}
        }
    }
    Ok((text, None))
}

/// The longest title of a statement, in characters; a longer first line is text.
const STATEMENT_TITLE_CHARS_MAX: usize = 80;

/// A statement's first line is its title where an empty line follows and then the text.
fn read_statement(text: &str) -> Command {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let is_title = rest.lines().next().is_some_and(|next| next.trim().is_empty())
        && !rest.trim().is_empty()
        && clean(first).chars().count() <= STATEMENT_TITLE_CHARS_MAX
        && !first.trim_end().ends_with(['.', ',', ':']);
    if is_title {
        let title = clean(first).trim_end_matches('!').to_owned();
        return Command::Statement { title: Some(title), text: rest.trim().to_owned() };
    }
    Command::Statement { title: None, text: text.trim().to_owned() }
}

/// `carol (database)`: the person, and what of.
pub(super) fn split_remark(word: &str) -> (String, Option<String>) {
    match word.strip_suffix(')').and_then(|word| word.split_once('(')) {
        Some((person, remark)) if !person.trim().is_empty() => {
            let remark = remark.trim();
            (person.trim().to_owned(), (!remark.is_empty()).then(|| remark.to_owned()))
        }
        _ => (word.to_owned(), None),
    }
}
