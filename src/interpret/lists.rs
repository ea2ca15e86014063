//! What mail about our lists asks for: to join one, to leave one, or that such a request is one's own.
//!
//! Never asks who is on a list; `engine` knows. Start with [`about_list`].

use super::{Proof, grammar, read_written};
use crate::incident::Policy;
use crate::incident::event::{Speaker, Trust};
use crate::mail::command::{Command, Line};
use crate::mail::ids::{LIST_ANSWER_DAYS, list_day, same};
use crate::mail::{Address, InboundMail, ListWish, Tag};

/// A mail to the address for joining or leaving a list.
#[derive(Debug, Clone, PartialEq)]
pub struct AboutList {
    pub wish: ListWish,
    /// As the address names it, in lower case.
    pub list: String,
    pub by: Speaker,
    /// It answers our question whether the request is theirs.
    pub answer: Option<ListAnswer>,
    /// What stands behind the list's name otherwise: perhaps what takes its owner off the list.
    pub token: Option<String>,
}

/// What somebody says to the question whether a request is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListAnswer {
    Confirms,
    Otherwise,
}

/// A mail to such an address; `None` for any other.
pub(super) fn about_list(
    mail: &InboundMail,
    tag: &Tag,
    by: &Speaker,
    proof: Proof<'_>,
    policy: &Policy,
) -> Option<AboutList> {
    let Tag::List { wish, list, token } = tag else { return None };
    let asked = super::addresses_of(&by.person.address, policy)
        .iter()
        .any(|address| was_asked(tag, address, proof));
    let confirms = || {
        let written = read_written(mail, &grammar(policy, None), by.trust, proof.now);
        let agrees = |line: &Line| match &line.meaning {
            Ok(Command::Confirm | Command::Ack) => true,
            Ok(Command::Join) => *wish == ListWish::Join,
            Ok(Command::Leave) => *wish == ListWish::Leave,
            _ => false,
        };
        written.lines.iter().any(agrees)
    };
    let answer = (asked && by.trust == Trust::Verified)
        .then(|| if confirms() { ListAnswer::Confirms } else { ListAnswer::Otherwise });
    let token = token.clone().filter(|_| !asked);
    Some(AboutList { wish: *wish, list: list.clone(), by: by.clone(), answer, token })
}

/// Whether an address of ours was given to this address, with the question whether they want what it is
/// for.
pub(super) fn was_asked(tag: &Tag, address: &Address, proof: Proof<'_>) -> bool {
    let Tag::List { wish, list, token: Some(token) } = tag else { return false };
    let today = list_day(proof.now);
    (today - LIST_ANSWER_DAYS + 1..=today)
        .any(|day| same(token, &proof.secret.list_token(*wish, list, address, day)))
}
