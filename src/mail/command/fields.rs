//! The fields by name: every spelling that people may write, how far its text reaches, and an
//! example for whoever got it wrong.
//!
//! Never reads a value. [`FIELDS`] is the whole table; a name stands in it once.

use crate::incident::Role;
use crate::mail::quote::labels::{Label, label_of};

/// What a field sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Severity,
    Phase,
    Title,
    Summary,
    Impact,
    Service,
    Started,
    Detected,
    Link,
    Bridge,
    Chat,
    Doc,
    CustomersAffected,
    OfferCommand,
    Role(Role),
    Release,
    Page,
    NewToken,
    Update,
    Note,
    NextUpdate,
    Statement,
    NextStatement,
    Approve,
    Resolved,
    Reopen,
    Cancel,
    Private,
    Drill,
    Correct,
    PostmortemOwner,
    WaivePostmortem,
    Override,
    Task,
    Reassign,
    Done,
    MoreTime,
    Decline,
    Propose,
    Risk,
    Object,
    Decision,
    Later,
    Template,
    PartOf,
    DuplicateOf,
    Action,
    ActionLater,
    Fund,
    Drop,
    Ask,
}

impl Kind {
    /// Whether such a line within a section of the postmortem is a part of its text: what was decided is
    /// told there, and what only an active incident knows is asked for nowhere else.
    pub(super) fn is_text_of_a_section(self) -> bool {
        matches!(
            self,
            Self::Task
                | Self::Propose
                | Self::Risk
                | Self::Object
                | Self::Decision
                | Self::Later
                | Self::PartOf
                | Self::DuplicateOf
                | Self::Fund
                | Self::Drop
                | Self::Ask
        )
    }
}

/// How far the text of a field reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Its line.
    Line,
    /// To the next field or blank line.
    Paragraph,
    /// To the end of the text.
    End,
}

/// A field.
#[derive(Debug)]
pub(super) struct Field {
    /// As our mails and answers write it.
    pub name: &'static str,
    /// Every spelling, in lower case with single spaces; the own name among them.
    pub spellings: &'static [&'static str],
    pub kind: Kind,
    pub reach: Reach,
    /// A line that works.
    pub example: &'static str,
    /// `#n` may stand behind the name.
    pub numbered: bool,
}

const fn field(
    name: &'static str,
    spellings: &'static [&'static str],
    kind: Kind,
    example: &'static str,
) -> Field {
    let reach = match kind {
        Kind::Title | Kind::Summary | Kind::Impact | Kind::Resolved | Kind::Object => Reach::Paragraph,
        Kind::Action | Kind::ActionLater => Reach::Paragraph,
        Kind::Update | Kind::Note | Kind::Statement => Reach::End,
        _ => Reach::Line,
    };
    Field { name, spellings, kind, reach, example, numbered: is_numbered(kind) }
}

const fn is_numbered(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Correct
            | Kind::Reassign
            | Kind::Done
            | Kind::MoreTime
            | Kind::Decline
            | Kind::Object
            | Kind::Decision
            | Kind::Approve
            | Kind::Fund
            | Kind::Drop
            | Kind::Ask
    )
}

/// Every field.
pub(super) static FIELDS: &[Field] = &[
    field("Severity", &["severity", "sev"], Kind::Severity, "Severity: SEV-2"),
    field("Phase", &["phase"], Kind::Phase, "Phase: monitoring"),
    field("Title", &["title"], Kind::Title, "Title: Checkout is failing"),
    field("Summary", &["summary"], Kind::Summary, "Summary: what is wrong, in a sentence"),
    field(
        "Impact",
        &["impact", "customer impact"],
        Kind::Impact,
        "Impact: 20 % of the customers cannot pay",
    ),
    field("Service", &["service", "services"], Kind::Service, "Service: payments"),
    field("Started", &["started", "started at", "start"], Kind::Started, "Started: 14:05"),
    field("Detected", &["detected", "detected at"], Kind::Detected, "Detected: 14:20"),
    field("Link", &["link", "links"], Kind::Link, "Link: https://status.example.org"),
    field("Bridge", &["bridge"], Kind::Bridge, "Bridge: tel:+49-30-1234567"),
    field("Chat", &["chat"], Kind::Chat, "Chat: #incident"),
    field("Doc", &["doc", "document"], Kind::Doc, "Doc: https://docs.example.org/incident"),
    field(
        "Customers affected",
        &["customers affected", "customer affected", "affected customers"],
        Kind::CustomersAffected,
        "Customers affected: yes",
    ),
    field("IC", &["ic", "incident commander", "commander"], Kind::OfferCommand, "IC: bob"),
    field("Handover", &["handover", "hand over", "handover to"], Kind::OfferCommand, "Handover: bob"),
    field("Deputy", &["deputy"], Kind::Role(Role::Deputy), "Deputy: bob"),
    field("Scribe", &["scribe"], Kind::Role(Role::Scribe), "Scribe: bob"),
    field(
        "Liaison",
        &["liaison", "customer liaison", "communications liaison"],
        Kind::Role(Role::Liaison),
        "Liaison: bob",
    ),
    field(
        "Expert",
        &["expert", "sme", "subject matter expert"],
        Kind::Role(Role::Expert),
        "Expert: carol (database)",
    ),
    field("Responder", &["responder"], Kind::Role(Role::Responder), "Responder: carol"),
    field("Release", &["release"], Kind::Release, "Release: bob"),
    field("Page", &["page"], Kind::Page, "Page: payments"),
    field("New token", &["new token", "new tokens"], Kind::NewToken, "New token: bob"),
    field("Update", &["update", "follow up", "followup"], Kind::Update, "Update: what is new"),
    field("Note", &["note", "notes"], Kind::Note, "Note: what the timeline should keep"),
    field("Next update", &["next update", "next update by"], Kind::NextUpdate, "Next update: 45m"),
    field("Resolved", &["resolved", "resolve"], Kind::Resolved, "Resolved: what fixed it"),
    field("Reopen", &["reopen", "re open"], Kind::Reopen, "Reopen: why"),
    field("Cancel", &["cancel"], Kind::Cancel, "Cancel: false alarm"),
    field("Private", &["private"], Kind::Private, "Private: yes"),
    field("Drill", &["drill"], Kind::Drill, "Drill: yes"),
    field("Correct", &["correct"], Kind::Correct, "Correct #12: what is right"),
    field(
        "Postmortem owner",
        &["postmortem owner", "post mortem owner"],
        Kind::PostmortemOwner,
        "Postmortem owner: dana",
    ),
    field(
        "Waive postmortem",
        &["waive postmortem", "waive post mortem", "waive the postmortem"],
        Kind::WaivePostmortem,
        "Waive postmortem: why",
    ),
    field("Override", &["override"], Kind::Override, "Override: alice 2026-11-22 to 2026-11-24"),
    field("Task", &["task"], Kind::Task, "Task: bob check the replica's lag by 10m"),
    field("Reassign", &["reassign"], Kind::Reassign, "Reassign #3: carol"),
    field("Done", &["done"], Kind::Done, "Done #3: what came of it"),
    field("More time", &["more time"], Kind::MoreTime, "More time #3: 20m"),
    field("Decline", &["decline"], Kind::Decline, "Decline #3: why"),
    field("Propose", &["propose", "proposal"], Kind::Propose, "Propose: roll back to 2.3 (10m)"),
    field("Risk", &["risk"], Kind::Risk, "Risk: what may go wrong"),
    field("Object", &["object", "objection"], Kind::Object, "Object: why"),
    field("Decision", &["decision"], Kind::Decision, "Decision: what is done"),
    field("Later", &["later"], Kind::Later, "Later: what should be asked when it is over"),
    field(
        "Statement",
        &["statement", "customer statement"],
        Kind::Statement,
        "Statement: what customers are told",
    ),
    field(
        "Next statement",
        &["next statement", "next statement by"],
        Kind::NextStatement,
        "Next statement: 30m",
    ),
    field("Approve", &["approve"], Kind::Approve, "Approve #7:"),
    field("Part of", &["part of"], Kind::PartOf, "Part of: INC-40"),
    field("Duplicate of", &["duplicate of"], Kind::DuplicateOf, "Duplicate of: INC-41"),
    field(
        "Action",
        &["action", "action item"],
        Kind::Action,
        "Action: Add an alert on lag. Owner: bob. Due: 2026-12-04",
    ),
    field(
        "Action (later)",
        &["action later", "action item later"],
        Kind::ActionLater,
        "Action (later): Split the database. Owner: bob",
    ),
    field("Fund", &["fund"], Kind::Fund, "Fund 3"),
    field("Drop", &["drop"], Kind::Drop, "Drop 7: why"),
    field("Ask", &["ask"], Kind::Ask, "Ask 9: your question"),
    field("Template", &["template"], Kind::Template, "Template: database"),
];

/// Which field of a header (RFC 5322 section 3.6) a name is, in any of the languages that clients print
/// it in; these are none of ours.
pub(super) fn header_field(name: &str) -> Option<Label> {
    let is_one = |label: &Label| *label != Label::Other;
    label_of(name).filter(is_one).filter(|_| Field::named(name, false).is_none())
}

impl Field {
    /// The field of this name, in lower case with single spaces.
    pub(super) fn named(name: &str, has_number: bool) -> Option<&'static Self> {
        FIELDS.iter().find(|field| (field.numbered || !has_number) && field.spellings.contains(&name))
    }
}

/// The known name nearest to one that is none: within two slips (a letter missing, too many, wrong,
/// or two swapped), and at most one in three letters.
pub(super) fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed_chars = typed.chars().count();
    let slips_max = (typed_chars / 3).min(2);
    names
        // Cheap, and rules most of them out: each slip changes the length by one at most.
        .filter(|name| name.chars().count().abs_diff(typed_chars) <= slips_max)
        .map(|name| (strsim::damerau_levenshtein(typed, &name.to_lowercase()), name))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_stands_once_and_its_example_opens_with_its_name() {
        let mut seen = std::collections::BTreeSet::new();
        for field in FIELDS {
            for spelling in field.spellings {
                assert!(seen.insert(*spelling), "{spelling}");
                assert_eq!(*spelling, spelling.to_lowercase());
                assert_eq!(
                    label_of(spelling).filter(|label| *label != Label::Other),
                    None,
                    "{spelling}"
                );
            }
            assert!(field.example.starts_with(field.name));
        }
    }

    #[test]
    fn a_short_word_has_no_near_miss() {
        let names = || FIELDS.iter().flat_map(|field| field.spellings).copied();
        assert_eq!(nearest("severty", names()), Some("severity"));
        assert_eq!(nearest("pahse", names()), Some("phase"));
        for word in ["error", "ps", "fyi", "status", "warning", "http", "thanks", "root"] {
            assert_eq!(nearest(word, names()), None, "{word}");
        }
    }
}
