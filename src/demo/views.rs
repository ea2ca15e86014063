//! The pages of the demo as values: one struct a template, filled and never deciding anything.
//!
//! Start with [`Frame`], which every page has.

use askama::Template;

use super::mailboxes::ShownMail;
use super::organisation::Player;
use crate::mail::mailto::Mailto;
use crate::web::incident::{IncidentLine, IncidentView};

/// What stands around every page: the clock, the mailboxes, and what just happened.
#[derive(Debug)]
pub(super) struct Frame {
    pub title: String,
    /// Where moving the clock leads back to.
    pub path: String,
    pub clock: String,
    /// How far the clock is ahead of the machine's; empty when it is not.
    pub ahead: String,
    pub next: Option<String>,
    pub people: Vec<Tab>,
    /// Empty when there is nothing to say.
    pub notice: String,
}

/// The way to a mailbox.
#[derive(Debug)]
pub(super) struct Tab {
    pub alias: &'static str,
    pub name: &'static str,
    pub part: &'static str,
    pub unopened: usize,
    pub current: bool,
}

#[derive(Debug, Template)]
#[template(path = "web/home.html")]
pub(super) struct HomePage {
    pub frame: Frame,
    pub incidents: Vec<IncidentLine>,
    pub people: Vec<PersonLine>,
    pub templates: Vec<TemplateLine>,
    pub address: &'static str,
    pub declare_line: String,
    pub smtp_port: u16,
}

/// A declaration that was prepared.
#[derive(Debug)]
pub(super) struct TemplateLine {
    pub name: String,
    pub brings: String,
}

/// Somebody in the list of who is who.
#[derive(Debug)]
pub(super) struct PersonLine {
    pub alias: &'static str,
    pub name: &'static str,
    pub part: &'static str,
    pub about: &'static str,
    pub count: usize,
    pub unopened: usize,
}

#[derive(Debug, Template)]
#[template(path = "web/mailbox.html")]
pub(super) struct MailboxPage {
    pub frame: Frame,
    pub player: &'static Player,
    pub mails: Vec<MailLine>,
    pub count: usize,
}

/// A mail in a mailbox.
#[derive(Debug)]
pub(super) struct MailLine {
    pub id: i64,
    pub opened: bool,
    pub on_pager: bool,
    pub from: String,
    pub subject: String,
    pub preview: String,
    pub at: String,
}

#[derive(Debug, Template)]
#[template(path = "web/mail.html")]
pub(super) struct MailPage {
    pub frame: Frame,
    pub player: &'static Player,
    pub id: i64,
    pub mail: ShownMail,
    pub at: String,
    pub show_html: bool,
    pub actions: Vec<ActionLine>,
    /// `INC-1`, where the mail is about one.
    pub incident: Option<String>,
}

/// A quick action of a mail.
#[derive(Debug)]
pub(super) struct ActionLine {
    pub index: usize,
    pub label: String,
    pub reply: String,
}

#[derive(Debug, Template)]
#[template(path = "web/write.html")]
pub(super) struct WritePage {
    pub frame: Frame,
    pub player: &'static Player,
    pub id: i64,
    pub from: &'static str,
    pub label: String,
    pub mailto: Mailto,
}

#[derive(Debug, Template)]
#[template(path = "web/incident.html")]
pub(super) struct IncidentPage {
    pub frame: Frame,
    pub incident: IncidentView,
}

#[derive(Debug, Template)]
#[template(path = "web/problem.html")]
pub(super) struct ProblemPage {
    pub title: &'static str,
    pub text: String,
}
