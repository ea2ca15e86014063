//! Mails about our lists: whether somebody wants to join or leave one, and what became of it.
//!
//! Start with [`render_list_asked`].

use chrono::{DateTime, TimeDelta, Utc};

use super::answer::letter;
use super::paper::{Paper, fact};
use super::quick::action;
use super::when;
use super::wrap::one_line;
use crate::incident::Policy;
use crate::incident::decision::Purpose;
use crate::mail::compose::{Letter, TOKEN_MARK};
use crate::mail::ids::LIST_ANSWER_DAYS;
use crate::mail::{Address, ListWish};
use crate::roster::membership::{ChangedBy, Open};

/// Lists that are named to somebody who asked for another.
const NAMED_MAX: usize = 30;

/// Why nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListRefusal<'a> {
    Unknown(&'a str),
    Closed(&'a str),
    /// They are on it already, or are not on it.
    AsBefore(&'a str, ListWish),
    Full(&'a str),
}

/// An incident that is under way when somebody leaves a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loose {
    pub number: i64,
    /// `INC-42`.
    pub key: String,
    /// What they have to do in it: `scribe`, `owner of task #7`.
    pub duties: Vec<String>,
    /// They command it.
    pub commands: bool,
}

/// The address for joining or leaving a list.
fn address_for(policy: &Policy, wish: ListWish, list: &str) -> Address {
    policy.address.tagged(&format!("{}.{}", wish.name(), list.to_lowercase()))
}

/// The same for one person, with the general mark for their token.
fn marked_for(policy: &Policy, wish: ListWish, list: &str) -> Address {
    policy.address.tagged(&format!("{}.{}.{TOKEN_MARK}", wish.name(), list.to_lowercase()))
}

fn verb(wish: ListWish) -> &'static str {
    match wish {
        ListWish::Join => "join",
        ListWish::Leave => "leave",
    }
}

/// Asks whether a request is its reader's; `is_proven` where something proves that.
///
/// The reply goes to `incidents+subscribe.LIST.TOKEN@`, with the general mark for the token.
pub fn render_list_asked(
    policy: &Policy,
    list: &str,
    wish: ListWish,
    is_proven: bool,
    now: DateTime<Utc>,
) -> Letter {
    let verb = verb(wish);
    let question = match wish {
        ListWish::Join => format!("Join the list {list}?"),
        ListWish::Leave => format!("Leave the list {list}?"),
    };
    let mut paper = Paper::new(question.clone(), one_line(&policy.name));
    // The token is of the day on which the mail is written.
    let by = when::full(now + TimeDelta::days(LIST_ANSWER_DAYS - 1), policy);
    let asker = if is_proven {
        format!("You asked to {verb} it.")
    } else {
        format!(
            "A mail with your address as its sender asks to {verb} it, and nothing proves that it is yours."
        )
    };
    let then = match wish {
        ListWish::Join => {
            "From then on you get what it gets: that an incident is declared, its updates, and its end."
        }
        ListWish::Leave => "From then on you get no declarations and no updates by it.",
    };
    paper.prose(&format!("{asker} If you want to, confirm by {by}. {then}"));
    let rest =
        if is_proven { "" } else { " In your name nobody can have you asked that again for a day." };
    paper.prose(&format!("If you do not, do nothing: nothing changes.{rest}"));
    let to = marked_for(policy, wish, list);
    paper.actions(vec![action(&format!("To {verb}"), "confirm", &to, &question)]);
    letter(Purpose::ListRequest, "Lists", &question, &paper)
}

/// Somebody joined. The reply goes to `incidents+leave.LIST.TOKEN@`, with the general mark for the token.
pub fn render_list_joined(policy: &Policy, list: &str, by: ChangedBy) -> Letter {
    let lead = format!("You are on the list {list}");
    let mut paper = Paper::new(lead.clone(), one_line(&policy.name));
    let wanted = match by {
        ChangedBy::Operator => {
            "Whoever looks after this server put you on it; if you do not want that, leave it."
        }
        ChangedBy::Mail | ChangedBy::Page => "Nothing more is wanted of you.",
    };
    paper.prose(&format!(
        "{wanted} You get that an incident is declared, its updates, and its end. To those you can reply in \
         plain words: it goes into the timeline.",
    ));
    let to = marked_for(policy, ListWish::Leave, list);
    paper.actions(vec![action("To leave", "leave", &to, &lead)]);
    paper.foot(&format!("Or mail {} at any time.", address_for(policy, ListWish::Leave, list)));
    letter(Purpose::ListNews, "Lists", &lead, &paper)
}

/// Somebody left, or was taken off. The reply goes to `incidents+subscribe.LIST.TOKEN@`,
/// with the general mark for the token.
pub fn render_list_left(policy: &Policy, list: &str, loose: &[Loose], by: ChangedBy) -> Letter {
    let (lead, how) = match by {
        ChangedBy::Mail => (format!("You left the list {list}"), ""),
        ChangedBy::Page => {
            (format!("You left the list {list}"), "The unsubscribe button of a mail to you did it. ")
        }
        ChangedBy::Operator => (
            format!("You are not on the list {list} any more"),
            "Whoever looks after this server took you off it. ",
        ),
    };
    let mut paper = Paper::new(lead.clone(), one_line(&policy.name));
    paper.prose(&format!(
        "{how}You get no declarations and no updates by it any more. If it was not you, or was not meant, join \
         it again; otherwise nothing is wanted of you."
    ));
    let mut items = Vec::new();
    for end in loose {
        items.push(if end.duties.is_empty() {
            format!("{} is not over. When it is, you are told so, because you were told that it began.", end.key)
        } else {
            let give_back = if end.commands {
                "a deputy is told, where there is one. To hand command over, answer a mail of it with a line \
                 `Handover:` and a name."
            } else {
                "whoever commands is told. To give that back, answer a mail of it with the one word `leave`."
            };
            format!(
                "In {} you are {} and stay so: its mail comes to you as before, and {give_back}",
                end.key,
                end.duties.join(", ")
            )
        });
    }
    paper.items(&items);
    let to = marked_for(policy, ListWish::Join, list);
    paper.actions(vec![action("To join again", "join", &to, &lead)]);
    paper.foot(&format!("Or mail {} at any time.", address_for(policy, ListWish::Join, list)));
    letter(Purpose::ListNews, "Lists", &lead, &paper)
}

/// Nothing changes, and why.
pub fn render_list_refused(policy: &Policy, refusal: ListRefusal<'_>) -> Letter {
    let (lead, why) = match refusal {
        ListRefusal::Unknown(name) => (
            format!("There is no list {}", one_line(name)),
            "Nothing changed. Write to the address of one of the lists below, with any text.".to_owned(),
        ),
        ListRefusal::Closed(list) => (
            format!("The list {list} is not joined or left by mail"),
            format!("Nothing changed. {}", who_can(policy)),
        ),
        ListRefusal::AsBefore(list, ListWish::Join) => (
            format!("You are on the list {list} already"),
            format!(
                "Nothing changed, and nothing is wanted of you. To leave it, mail {}.",
                address_for(policy, ListWish::Leave, list)
            ),
        ),
        ListRefusal::AsBefore(list, ListWish::Leave) => (
            format!("You are not on the list {list}"),
            "Nothing changed, and nothing is wanted of you. If mail of it reaches you all the same, it comes \
             to another address of yours: write from that one."
                .to_owned(),
        ),
        ListRefusal::Full(list) => (
            format!("The list {list} is full"),
            format!("You are not on it. {}", who_can(policy)),
        ),
    };
    let mut paper = Paper::new(lead.clone(), one_line(&policy.name));
    paper.prose(&why);
    if matches!(refusal, ListRefusal::Unknown(_) | ListRefusal::Closed(_)) {
        let open = policy.roster.lists.iter().filter(|list| list.open != Open::Closed);
        let rows: Vec<_> = open
            .take(NAMED_MAX)
            .map(|list| {
                fact(&one_line(&list.name), address_for(policy, ListWish::Join, &list.name).as_str())
            })
            .collect();
        if rows.is_empty() {
            paper.prose("There is no list that people join by mail.");
        } else {
            paper.prose("Lists that you can join.");
            paper.facts(rows);
        }
    }
    letter(Purpose::ListNews, "Lists", &lead, &paper)
}

fn who_can(policy: &Policy) -> String {
    match &policy.operator {
        Some(operator) => format!("{operator} says who is on it: write there."),
        None => "Whoever keeps the configuration of this server says who is on it.".to_owned(),
    }
}

/// For the foot of what members get.
pub(super) fn membership_foot(policy: &Policy, list: &str) -> String {
    format!(
        "You get this because you are on the list {list}. To leave it, mail {}.",
        address_for(policy, ListWish::Leave, list)
    )
}
