//! What people do in an incident, each from their own mailbox: paged, they take command, do tasks,
//! object, hand over and tell customers. Mail goes by a real Postfix to Firebell's LMTP listener, and by
//! the relay into Dovecot's mailboxes.
//!
//! At the end every mailbox has exactly the mails that its owner should have got, and nothing with which
//! they could answer as somebody else. Start with [`an_incident_is_coordinated_by_mail_alone`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use mail_parser::MessageParser;
use serde_json::{Value, json};

use crate::place::{Place, commander, entry};
use crate::support::http;
use crate::support::imap::Mail;

/// A gateway to text messages, and a list that customers read: neither is ours.
const PAGER: &str = "49151777@outside.test";
const CUSTOMERS: &str = "status@outside.test";
const REPORT: &str = "Service: payments\n\nEvery card payment is refused since ten.";

/// Carol is on call for payments, and there are customers.
const MORE: &str = r#"
[[rotation]]
name = "payments"
members = ["carol", "dana"]
hands_over = "Mon 09:00"
from = "2099-01-05"
notice = "none"
[[service]]
name = "payments"
on_call = "payments"
[[list]]
name = "customers"
address = "status@outside.test"
[customers]
name = "Example"
notify = ["customers"]
reply_to = "support@people.test"
url = "https://status.example.test"
"#;

/// Subject and first line of everything that arrives, as far as they name no time; where several come at
/// once, in no order.
const MAILBOXES: [(&str, &[&str]); 9] = [
    (
        PAGER,
        &["INC-1 SEV-2 | INC-1 SEV-2 Checkout is failing. On call payments. Join tel:+49-30-1234567, \
           report to IC, do not start fixing. Reply: ack"],
    ),
    (
        "dana",
        &[
            "[INC-1] Dana: did you write this? | Did you report this? The lists hear of it when you confirm",
            "[INC-1] Checkout is failing | SEV-2 declared, nobody commands yet",
            "[INC-1] Dana: be the liaison? | Bob Okafor asks you to be the liaison",
            "[INC-1] Dana: tell customers | Customers are affected: tell them by ",
            "[INC-1] Checkout is failing | Customers have statement #",
        ],
    ),
    (
        "alice",
        &[
            "[INC-1] Alice: take command? | Take command of this SEV-2? Answer by ",
            // Before anybody has confirmed the report, and again when the lists get it.
            "[INC-1] Checkout is failing | SEV-2 declared, nobody commands yet",
            "[INC-1] Checkout is failing | SEV-2 declared, nobody commands yet",
            "[INC-1] Checkout is failing | #8 is done: check the replica's lag",
            "[INC-1] Any objection? roll back to 2.3 | #11 is stopped by an objection: roll back to 2.3",
            "[INC-1] Checkout is failing | Bob Okafor wrote \"The lag is gone.\"",
            "[INC-1] Any objection? switch the new checkout off | #13 is agreed: switch the new checkout off",
            "[INC-1] Checkout is failing | Bob Okafor has command",
        ],
    ),
    (
        "bob",
        &[
            "[INC-1] Checkout is failing | SEV-2 declared, nobody commands yet",
            "[INC-1] Bob: check the replica's lag | By ",
            "[INC-1] Any objection? roll back to 2.3 | Object by ",
            "[INC-1] Any objection? roll back to 2.3 | #11 is stopped by an objection: roll back to 2.3",
            "[INC-1] Any objection? switch the new checkout off | Object by ",
            "[INC-1] Any objection? switch the new checkout off | #13 is agreed: switch the new checkout off",
            "[INC-1] Bob: take command? | Take command of this SEV-2?",
            "[INC-1] Bob: approve statement #",
        ],
    ),
    (
        "carol",
        &[
            "[INC-1] Checkout is failing | SEV-2 declared, nobody commands yet",
            "[INC-1] Carol: you are paged for payments | You are paged for this SEV-2, answer now",
            "[INC-1] Checkout is failing | Alice Ng has command",
            "[INC-1] Any objection? roll back to 2.3 | Object by ",
            "[INC-1] Any objection? roll back to 2.3 | #11 is stopped by an objection: roll back to 2.3",
            "[INC-1] Any objection? switch the new checkout off | Object by ",
            "[INC-1] Checkout is failing | Bob Okafor wrote \"The lag is gone.\"",
            "[INC-1] Any objection? switch the new checkout off | #13 is agreed: switch the new checkout off",
            "[INC-1] Checkout is failing | Bob Okafor has command",
        ],
    ),
    ("vp", &["[INC-1] Checkout is failing | SEV-2 declared, nobody commands yet"]),
    (CUSTOMERS, &["[Example] Card payments fail | Investigating, as of "]),
    ("support", &[]),
    ("postmaster", &[]),
];

#[test]
fn an_incident_is_coordinated_by_mail_alone() {
    let place = start();
    the_one_on_call_acknowledges_from_a_pager(&place);
    the_commander_takes_command(&place);
    a_task_is_taken_on_and_done(&place);
    an_objection_stops_a_proposal(&place);
    silence_agrees_to_a_proposal(&place);
    command_is_handed_over_by_a_brief(&place);
    customers_are_told_what_was_approved(&place);

    assert_state(&place);
    assert_status_pages(place.server.web_port());
    let mailboxes = read_mailboxes(&place);
    assert_everybody_got_what_is_theirs(&mailboxes);
    assert_threads_hold(&mailboxes);
    assert_nobody_can_answer_as_another(&mailboxes);
    assert_list_fields(&mailboxes);
    assert_customers_learn_nothing_of_ours(&mailboxes[CUSTOMERS][0]);
    place.transcript.finish(&place.lab, &MAILBOXES.map(|(name, _)| name));
}

/// Carol has a pager, who reads the list `everyone` may leave it, and the clock can be moved.
fn start() -> Place {
    let mut place = Place::start(MORE);
    let clock = place.server.path("clock");
    fs::write(&clock, "+0s").expect("a clock");
    place.server.set_clock_from(&clock);
    place.server.configure(|written| {
        let email = "email = \"carol@people.test\"\n";
        let written = written.replacen(email, &format!("{email}pager = \"{PAGER}\"\n"), 1);
        written.replacen("name = \"everyone\"\n", "name = \"everyone\"\nopen = true\n", 1)
    });
    place
}

/// The gateway keeps the address that it answers, and neither thread nor subject.
fn the_one_on_call_acknowledges_from_a_pager(place: &Place) {
    place.declare("dana", "SEV-2 Checkout is failing", REPORT);
    place.reply("dana", &place.mail("dana", "did you write this?"), "confirm");
    let page = place.mail(PAGER, "INC-1 SEV-2");
    let is_line = page.raw.contains("Content-Type: text/plain") && page.text.trim().lines().count() == 1;
    assert!(is_line, "a gateway passes on what it gets: {}", page.raw);
    let to = page.reply_to.expect("an address to answer to");
    place.post(PAGER, &to, &format!("To: {to}\nSubject: SMS from 49151777\n"), "ack");
    place.incident("Carol to work on it", |incident| says(incident, "Carol Diaz acknowledged"));
}

fn the_commander_takes_command(place: &Place) {
    place.reply("alice", &place.mail("alice", "Alice: take command?"), "I have command");
    place.incident("Alice to command", |incident| commander(incident) == "alice@people.test");
    place.mail("carol", "Alice Ng has command");
}

fn a_task_is_taken_on_and_done(place: &Place) {
    order(place, "Task: bob check the replica's lag by 10m");
    let task = place.mail("bob", "Bob: check the replica's lag");
    assert!(task.text.contains("To take it on, reply with this line alone\n  ack\n"), "{}", task.text);
    place.reply("bob", &task, "ack");
    place.incident("Bob to be on it", |incident| incident["tasks"][0]["accepted_at"].is_string());
    place.reply("bob", &task, "Done: the lag is 40 s");
    let told = place.mail("alice", "is done: check the replica's lag");
    assert!(told.text.contains("\n| the lag is 40 s\n"), "{}", told.text);
}

fn an_objection_stops_a_proposal(place: &Place) {
    order(place, "Propose: roll back to 2.3 (20m)");
    let asked = place.mail("carol", "Any objection? roll back to 2.3");
    place.reply("carol", &asked, "Object: the schema of 2.4 cannot be read by 2.3");
    let stopped = "is stopped by an objection: roll back to 2.3";
    let told = place.mail("alice", stopped);
    assert!(told.text.contains("Carol Diaz objects."), "{}", told.text);
    // The others learn that somebody objects, and neither who nor what.
    let told = place.mail("bob", stopped);
    assert!(!told.text.contains("Carol Diaz objects") && !told.text.contains("schema"), "{}", told.text);
}

fn silence_agrees_to_a_proposal(place: &Place) {
    order(place, "Propose: switch the new checkout off (1m)");
    place.incident("the time to object to run", |incident| {
        incident["proposals"][1]["due_at"].is_string()
    });
    fs::write(place.server.path("clock"), "+61s").expect("a clock");
    // Whatever comes in has the server look at the clock.
    place.reply("bob", &place.mail("bob", "Bob: check the replica's lag"), "The lag is gone.");
    for name in ["alice", "bob", "carol"] {
        place.mail(name, "is agreed: switch the new checkout off");
    }
}

fn command_is_handed_over_by_a_brief(place: &Place) {
    order(place, "Handover: bob");
    let offer = place.mail("bob", "Bob: take command?");
    for words in
        ["Alice stays in command", "What you take over", "update to everybody, by", "Carol Diaz"]
    {
        assert!(offer.text.contains(words), "{}", offer.text);
    }
    let incident = place.incident("the offer", |_| true);
    assert_eq!(commander(&incident), "alice@people.test", "not before he accepts");
    place.reply("bob", &offer, "I have command");
    for name in ["alice", "carol"] {
        place.mail(name, "Bob Okafor has command");
    }
}

fn customers_are_told_what_was_approved(place: &Place) {
    let offer = place.mail("bob", "Bob: take command?");
    place.reply("bob", &offer, "Liaison: dana\nCustomers affected: yes");
    place.reply("dana", &place.mail("dana", "Dana: be the liaison?"), "ack");
    let statement = "Statement: Card payments fail\n\nCard payments fail for many customers.\n\
                     You can pay by invoice.";
    place.reply("dana", &place.mail("dana", "Dana: tell customers"), statement);
    let approval = place.mail("bob", "Bob: approve statement");
    assert!(approval.text.contains("You can pay by invoice."), "{}", approval.text);
    assert!(place.lab.mailbox(CUSTOMERS).mails().is_empty(), "nothing before it is approved");
    place.reply("bob", &approval, "approve");
    place.mail("dana", "Customers have statement");
}

/// What the commander writes in answer to the mail in which she was asked to command.
fn order(place: &Place, line: &str) {
    place.reply("alice", &place.mail("alice", "Alice: take command?"), line);
}

fn says(incident: &Value, words: &str) -> bool {
    entry(incident, words).is_some()
}

/// The record agrees with what people were told.
fn assert_state(place: &Place) {
    let incident = place.incident("the statement", |incident| {
        incident["statements"].as_array().is_some_and(|statements| !statements.is_empty())
    });
    let roles = json!({
        "commander": "bob@people.test", "deputy": null,
        "liaison": "dana@people.test", "scribe": null,
    });
    assert_eq!(incident["roles"], roles);
    assert_eq!(incident["tasks"][0]["state"], "done");
    assert_eq!(incident["proposals"][0]["state"], "stopped");
    assert_eq!(incident["proposals"][1]["state"], "agreed");
    for evidence in ["Paged for payments: Carol Diaz", "Carol Diaz, whose server took it at"] {
        assert!(says(&incident, evidence), "{evidence}: {incident:#}");
    }
}

fn assert_status_pages(port: u16) {
    let [html, atom, json] = ["", ".atom", ".json"].map(|ending| {
        let (status, body) = http::get(port, &format!("/status{ending}"));
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("Card payments fail for many customers."), "{body}");
        for inside in ["INC-1", "Checkout is failing", "people.test", "Dana", "Bob"] {
            assert!(!body.contains(inside), "{inside} in {body}");
        }
        body
    });
    assert!(html.contains("You can pay by invoice."), "{html}");
    assert_eq!(atom.matches("<entry>").count(), 1, "{atom}");
    let page: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(page["disruptions"].as_array().map(Vec::len), Some(1), "{json}");
    assert_eq!(page["disruptions"][0]["title"], "Card payments fail");
}

type Mailboxes = BTreeMap<&'static str, Vec<Mail>>;

/// All mailboxes, when everything that was to be sent has arrived.
fn read_mailboxes(place: &Place) -> Mailboxes {
    let read = |(name, letters): (&'static str, &[&str])| {
        (name, place.lab.mailbox(name).wait_until_count(letters.len()).to_vec())
    };
    let mailboxes: Mailboxes = MAILBOXES.map(read).into_iter().collect();
    let rows = place.server.run(&["outbox", "list", "--all", "--json"]);
    let rows = rows.as_array().expect("an array");
    assert!(rows.iter().all(|row| row["state"] == "accepted"), "{rows:#?}");
    assert_eq!(rows.len(), mailboxes.values().map(Vec::len).sum::<usize>(), "{rows:#?}");
    mailboxes
}

fn assert_everybody_got_what_is_theirs(mailboxes: &Mailboxes) {
    for (name, letters) in MAILBOXES {
        let mails = &mailboxes[name];
        let first = |mail: &Mail| mail.text.lines().next().unwrap_or_default().to_owned();
        let headlines = mails.iter().map(|mail| format!("{} | {}", mail.subject, first(mail)));
        let mut got: Vec<String> = headlines.collect();
        let mut wanted: Vec<&str> = letters.to_vec();
        got.sort_unstable();
        wanted.sort_unstable();
        let is_theirs = got.iter().zip(&wanted).all(|(got, wanted)| got.starts_with(wanted));
        assert!(is_theirs && got.len() == wanted.len(), "{name} got {got:#?}\nin place of {wanted:#?}");
        let ids: BTreeSet<&str> = mails.iter().map(|mail| mail.message_id.as_str()).collect();
        assert_eq!(ids.len(), mails.len(), "one copy of each to {name}");
    }
}

/// What is asked of somebody has a thread of its own in their mailbox, and the incident's is one for all:
/// muting either mutes nothing else.
fn assert_threads_hold(mailboxes: &Mailboxes) {
    let mut incident = BTreeSet::new();
    for (name, mails) in mailboxes {
        let mut subjects: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for mail in mails {
            let parsed = MessageParser::default().parse(mail.raw.as_bytes()).expect("a mail");
            let references = parsed.references().as_text_list().unwrap_or_default();
            let parent = parsed.in_reply_to().as_text();
            assert_eq!(references.last().map(AsRef::as_ref), parent, "{}", mail.raw);
            let root = references.first().expect("a root").to_string();
            if mail.subject == "[INC-1] Checkout is failing" {
                incident.insert(root.clone());
            }
            subjects.entry(root).or_default().insert(&mail.subject);
            assert!(mail.raw.contains("\nAuto-Submitted: auto-"), "{}", mail.raw);
        }
        let different: BTreeSet<&str> = subjects.values().flatten().copied().collect();
        assert!(subjects.values().all(|subjects| subjects.len() == 1), "{name}: {subjects:#?}");
        assert_eq!(different.len(), subjects.len(), "{name}: {subjects:#?}");
    }
    assert_eq!(incident.len(), 1, "{incident:?}");
}

/// Whoever writes to an address with a person's token is believed to be that person.
fn assert_nobody_can_answer_as_another(mailboxes: &Mailboxes) {
    let mut tokens: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, mail) in insiders(mailboxes) {
        let reply_to = mail.reply_to.as_deref().expect("every mail of ours can be answered");
        let token = reply_to.strip_prefix("incidents+1.").and_then(|rest| rest.split('@').next());
        let token = token.unwrap_or_else(|| panic!("{reply_to} in {}", mail.raw));
        assert_eq!(*tokens.entry(name).or_insert(token), token, "one address for {name}");
    }
    assert_eq!(tokens.values().collect::<BTreeSet<_>>().len(), tokens.len(), "{tokens:?}");
    for (name, mail) in
        mailboxes.iter().flat_map(|(name, mails)| mails.iter().map(move |mail| (name, mail)))
    {
        let read = everything_in(mail);
        for (owner, token) in tokens.iter().filter(|(owner, _)| *owner != name) {
            assert!(!read.contains(token), "the token of {owner} reached {name}:\n{read}");
        }
    }
}

/// The members of the list that is open may leave it; nobody else is told that they could.
fn assert_list_fields(mailboxes: &Mailboxes) {
    for (name, mail) in insiders(mailboxes) {
        let is_wide = mail.raw.contains("SEV-2 declared");
        let leaves = is_wide && ["bob", "carol"].contains(&name);
        assert_eq!(mail.raw.contains("\nList-Unsubscribe: "), leaves, "{name}: {}", mail.raw);
        assert_eq!(mail.raw.contains("\nList-Id: "), leaves, "{name}: {}", mail.raw);
    }
}

fn assert_customers_learn_nothing_of_ours(statement: &Mail) {
    assert_eq!(statement.reply_to.as_deref(), Some("support@people.test"));
    assert!(statement.raw.contains("\nList-Id: ") && !statement.raw.contains("\nList-Unsubscribe: "));
    let read = everything_in(statement);
    for inside in ["INC-1", "incidents+1", "Checkout is failing", "Dana", "Bob", "SEV-2"] {
        assert!(!read.contains(inside), "{inside} in {read}");
    }
}

/// Mail into the incident's own thread or to one of its people, with whose mailbox it is in.
fn insiders(mailboxes: &Mailboxes) -> impl Iterator<Item = (&'static str, &Mail)> {
    let inside = mailboxes.iter().filter(|(name, _)| **name != CUSTOMERS);
    inside.flat_map(|(name, mails)| mails.iter().map(move |mail| (*name, mail)))
}

/// The header as it is, and every part decoded: a transfer encoding would hide what is folded.
fn everything_in(mail: &Mail) -> String {
    let parsed = MessageParser::default().parse(mail.raw.as_bytes()).expect("a mail");
    let parts = (0..parsed.text_body_count()).filter_map(|at| parsed.body_text(at));
    let pages = (0..parsed.html_body_count()).filter_map(|at| parsed.body_html(at));
    parts.chain(pages).fold(mail.raw.clone(), |all, part| all + "\n" + &part)
}
