//! A conversation script as text: what happens at which time, and where the mails that follow are
//! printed. Reading knows nothing of incidents; see `rehearse` for what each step does.
//!
//! ```text
//! A second copy of the same report opens no second incident.
//!
//! 2026-11-20 09:00 in
//!     From: dana@example.org
//!     Subject: SEV1 checkout is down
//!
//! 09:01 alice replies
//!     I have command
//! ```
//!
//! A line at the margin that begins with a time is a step, the indented lines below it are its mail;
//! every other line at the margin is for the reader. `out` blocks are what the server says: they are
//! dropped when a script is read, and printed anew.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// Longest script that is read, in octets.
pub const SCRIPT_OCTETS_MAX: usize = 1024 * 1024;

/// A script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub parts: Vec<Part>,
}

/// A piece of a script, in the order in which it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// For the reader; printed as it was.
    Words(String),
    /// Keys that differ from the configuration, as TOML.
    Config(String),
    Step(Step),
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Local time of the organisation.
    pub at: NaiveDateTime,
    pub act: Act,
    /// The header line, as it was.
    pub heading: String,
    /// The mail, without its margin.
    pub body: String,
    /// Line of the script, from 1.
    pub line: usize,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A mail arrives: `in`, `in unverified`, `in null` (the null reverse-path), `in to ADDRESS`.
    In {
        verified: bool,
        null_reverse_path: bool,
        to: Option<String>,
    },
    /// Somebody answers the last mail they got, or the last whose subject contains a text.
    Replies {
        who: String,
        to_subject: Option<String>,
        /// `by thread`: to the plain address, as some clients and most people do.
        by_thread: bool,
        /// `from ADDRESS`: the mail was passed on, and somebody else answers it.
        from: Option<String>,
        /// `copying ADDRESS`: the answer goes there, too.
        copying: Option<String>,
    },
    /// Somebody presses a quick action of the last mail they got, and sends it unchanged.
    Presses {
        who: String,
        label: String,
    },
    /// Somebody presses the button of their mail program by which they leave the list that the last mail
    /// came by.
    Unsubscribes {
        who: String,
    },
    /// The last mail that somebody got comes back after all, with a delivery report that says this.
    Bounces {
        who: String,
        reason: String,
    },
    /// Nothing happens until then.
    Wait,
    /// The server stops looking; mail piles up.
    Asleep,
    Awake,
    /// The relay takes nothing.
    RelayDown,
    RelayUp,
    /// The relay refuses a recipient for good.
    RelayRefuses(String),
    /// Prints the state of an incident.
    Show(String),
    /// Prints what lies in the inbox, as `firebell inbox list` does.
    InboxList,
    /// Prints who is on call, as `firebell oncall` does.
    OnCall,
    /// The configuration is read again, with these keys laid over it.
    Reload,
    /// The operator has a message read again, as `firebell inbox read-again ID` does.
    ReadAgain(i64),
}

impl Act {
    /// Whether what stands below the step is what the server prints.
    fn prints(&self) -> bool {
        matches!(self, Self::Show(_) | Self::InboxList | Self::OnCall)
    }
}

/// Why a script cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct ScriptError {
    pub line: usize,
    pub why: String,
}

/// Reads a script; blocks that the server wrote are left out.
///
/// # Errors
///
/// The writer's: a step that does not exist, a time that runs backward, a step without a date
/// before the first, no step at all.
pub fn read_script(text: &str) -> Result<Script, ScriptError> {
    let mut parts = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    let mut clock: Option<NaiveDateTime> = None;
    let mut words = String::new();
    while let Some((index, line)) = lines.next() {
        let line_number = index + 1;
        let heading = Heading::read(line);
        if heading.is_none() && line != "config" {
            words.push_str(line);
            words.push('\n');
            continue;
        }
        flush(&mut words, &mut parts);
        let mut body = String::new();
        while let Some((_, next)) =
            lines.next_if(|(_, next)| next.is_empty() || next.starts_with("    "))
        {
            body.push_str(next.strip_prefix("    ").unwrap_or(next));
            body.push('\n');
        }
        let body = body.trim_end_matches('\n').to_owned();
        let Some(heading) = heading else {
            parts.push(Part::Config(body));
            continue;
        };
        if heading.rest == "out" || heading.rest.starts_with("out ") {
            continue;
        }
        let error = |why: String| ScriptError { line: line_number, why };
        let at = heading.instant(clock).map_err(error)?;
        clock = Some(at);
        let act = read_act(heading.rest).map_err(error)?;
        let body = if act.prints() { String::new() } else { body };
        parts.push(Part::Step(Step { at, act, heading: line.to_owned(), body, line: line_number }));
    }
    flush(&mut words, &mut parts);
    if !parts.iter().any(|part| matches!(part, Part::Step(_))) {
        let why = "nothing happens in it; a step begins at the margin, such as `2026-11-20 09:00 in`, and \
                   its mail stands below it, four spaces in";
        return Err(ScriptError { line: 1, why: why.to_owned() });
    }
    Ok(Script { parts })
}

fn flush(words: &mut String, parts: &mut Vec<Part>) {
    let text = std::mem::take(words);
    let text = text.trim_matches('\n');
    if !text.is_empty() {
        parts.push(Part::Words(text.to_owned()));
    }
}

/// The line at the margin that begins a step.
struct Heading<'a> {
    date: Option<NaiveDate>,
    time: NaiveTime,
    rest: &'a str,
}

impl<'a> Heading<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut rest = line;
        let mut date = None;
        loop {
            let (word, after) = rest.split_once(' ')?;
            if let Ok(time) = NaiveTime::parse_from_str(word, "%H:%M")
                .or_else(|_| NaiveTime::parse_from_str(word, "%H:%M:%S"))
            {
                return Some(Self { date, time, rest: after });
            }
            match NaiveDate::parse_from_str(word, "%Y-%m-%d") {
                Ok(day) if date.is_none() => date = Some(day),
                // `Fri` before a date says nothing that the date does not.
                Err(_) if date.is_none() && WEEKDAYS.contains(&word) => {}
                _ => return None,
            }
            rest = after;
        }
    }

    fn instant(&self, clock: Option<NaiveDateTime>) -> Result<NaiveDateTime, String> {
        let Some(day) = self.date.or(clock.map(|clock| clock.date())) else {
            return Err("the first step needs a date, such as `2026-11-20 09:00 in`".to_owned());
        };
        let at = day.and_time(self.time);
        match clock {
            Some(clock) if at < clock && self.date.is_some() => Err("time runs backward".to_owned()),
            Some(clock) if at < clock => Ok(at + TimeDelta::days(1)),
            _ => Ok(at),
        }
    }
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn read_act(text: &str) -> Result<Act, String> {
    let (quoted, text) = take_quoted(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["in", options @ ..] => read_in(options),
        [who, "replies", options @ ..] => read_replies(who, options, quoted),
        [who, "presses"] => match quoted {
            Some(label) => Ok(Act::Presses { who: (*who).to_owned(), label }),
            None => Err("which action? `alice presses \"I have command\"`".to_owned()),
        },
        [who, "unsubscribes"] => Ok(Act::Unsubscribes { who: (*who).to_owned() }),
        [who, "bounces"] => match quoted {
            Some(reason) => Ok(Act::Bounces { who: (*who).to_owned(), reason }),
            None => Err("why? `bob bounces \"5.1.1 no such user\"`".to_owned()),
        },
        ["wait"] => Ok(Act::Wait),
        ["asleep"] => Ok(Act::Asleep),
        ["awake"] => Ok(Act::Awake),
        ["relay", "down"] => Ok(Act::RelayDown),
        ["relay", "up"] => Ok(Act::RelayUp),
        ["relay", "refuses", address] => Ok(Act::RelayRefuses((*address).to_owned())),
        ["show", key] => Ok(Act::Show((*key).to_owned())),
        ["oncall"] => Ok(Act::OnCall),
        ["reload"] => Ok(Act::Reload),
        ["inbox", "list"] => Ok(Act::InboxList),
        ["inbox", "read-again", id] => {
            id.parse().map(Act::ReadAgain).map_err(|_| format!("`{id}` is no message's number"))
        }
        _ => Err(format!(
            "`{text}` is no step; the steps are in, WHO replies, WHO presses, WHO unsubscribes, WHO bounces, wait, show, oncall, reload, inbox …"
        )),
    }
}

fn read_replies(who: &str, options: &[&str], to_subject: Option<String>) -> Result<Act, String> {
    let (mut by_thread, mut from, mut copying) = (false, None, None);
    // The subject that is answered was taken out behind `to`.
    let options = options.strip_prefix(&["to"]).unwrap_or(options);
    match options {
        [] => {}
        ["by", "thread"] => by_thread = true,
        ["from", address] => from = Some((*address).to_owned()),
        ["copying", address] => copying = Some((*address).to_owned()),
        _ => {
            return Err(
                "an answer is `replies`, `replies by thread`, `replies from ADDRESS` or `replies \
                        copying ADDRESS`"
                    .to_owned(),
            );
        }
    }
    Ok(Act::Replies { who: who.to_owned(), to_subject, by_thread, from, copying })
}

fn read_in(options: &[&str]) -> Result<Act, String> {
    let (mut verified, mut null_reverse_path, mut to) = (true, false, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "unverified" => verified = false,
            "null" => null_reverse_path = true,
            "to" => to = options.next().map(|address| (*address).to_owned()),
            other => {
                return Err(format!("`in {other}`: only `unverified`, `null`, `to ADDRESS` are known"));
            }
        }
    }
    Ok(Act::In { verified, null_reverse_path, to })
}

fn take_quoted(text: &str) -> (Option<String>, String) {
    let mut parts = text.splitn(3, '"');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(before), Some(quoted), Some(after)) => {
            (Some(quoted.to_owned()), format!("{before} {after}"))
        }
        _ => (None, text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_said_is_left_out_and_time_goes_on() {
        let script = "A rule.\n\n2026-11-20 23:50 in\n    From: a@x.example\n\n    hello\n\n\
                      23:50 out to b@x.example\n    text\n\n00:10 bob replies to \"take command\"\n    ack\n";
        let parts = read_script(script).unwrap().parts;
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0], Part::Words("A rule.".to_owned()));
        let Part::Step(first) = &parts[1] else { panic!("a step") };
        assert_eq!(first.body, "From: a@x.example\n\nhello");
        let Part::Step(second) = &parts[2] else { panic!("a step") };
        assert_eq!(second.at - first.at, TimeDelta::minutes(20));
        let act = Act::Replies {
            who: "bob".into(),
            to_subject: Some("take command".into()),
            by_thread: false,
            from: None,
            copying: None,
        };
        assert_eq!(second.act, act);
    }

    #[test]
    fn a_step_that_does_not_exist_is_named_with_its_line() {
        let error = read_script("x\n\n2026-11-20 09:00 sing\n").unwrap_err();
        assert_eq!(error.line, 3);
        assert!(read_script("09:00 wait\n").is_err());
    }

    #[test]
    fn a_script_in_which_nothing_happens_is_refused_with_how_to_write_a_step() {
        let error = read_script("Some words.\n\nin 09:00\n    Subject: x\n").unwrap_err();
        assert!(error.to_string().contains("2026-11-20 09:00 in"), "{error}");
    }
}
