//! Hostile shapes: whatever a reader could look at again and again costs what its length deserves.
//!
//! Each shape is read at one length and at sixteen times that. A reader that is linear takes sixteen
//! times as long, one that looks at all before each line two hundred and fifty-six times. Measured is
//! the processor's time of the reading thread, so a busy machine changes little; the bound lies far
//! from both. `cargo test --test linear -- --nocapture` shows what each took.

use std::fs;
use std::time::Duration;

use chrono::{DateTime, Utc};
use firebell::mail::command::{Grammar, read_commands, read_subject};
use firebell::mail::message::read_mail;
use firebell::mail::{Address, OwnAddress};
use firebell::roster::zone::Zone;

const SHORT_OCTETS: usize = 4 * 1024;
const TIMES_LONGER: usize = 16;
/// So many times the short one's time is more than any chance, and less than a square.
const TIMES_SLOWER_MAX: u32 = 100;
/// A shorter time is no measurement.
const MEASURABLE: Duration = Duration::from_millis(2);
/// A long one that took no longer cannot be a square.
const QUICK: Duration = Duration::from_millis(50);

/// What is repeated in a body of plain text.
const LINES: [&str; 30] = [
    ">",
    ">\n",
    "> ",
    "> > text\n",
    "> a\nb\n",
    "--\n",
    "-- \n",
    "-",
    "_______________\n",
    "From: a@b.example\n",
    "From: a\nSent: b\nTo: c\nSubject: d\n\n",
    "-----Original Message-----\n",
    "On Monday, 1 May 2020 at 10:00\n",
    "On Monday, 1 May 2020 at 10:00 Bob wrote:\n",
    "On 1 ",
    "wrote:\n",
    "Bob <b@x.example> wrote:\n\n",
    "2020-05-01 10:00 Bob\n",
    "Regards,\n",
    "Regards,\nDana\n\n",
    "Sent from my iPhone\n",
    "To unsubscribe, write to a@b.example\n",
    "This message is confidential. ",
    "CAUTION: This email originated from outside.\n",
    "https://x.example/y ",
    "a@b.example ",
    "x",
    "é",
    "\n",
    " \n",
];

/// What is repeated in a body of HTML.
const TAGS: [&str; 30] = [
    "<div>",
    "<div>x</div>",
    "<blockquote>",
    "<blockquote>x</blockquote>y",
    "<blockquote type=cite>x",
    "<div class=gmail_quote>x",
    "<div class=gmail_quote>x</div>y",
    "<div class=gmail_signature>x</div>",
    "<span class=gmail_attr>x",
    "<table><tr><td>",
    "<table><tr><td>x</td></tr></table>",
    "<a href=x>y</a>",
    "<b><i>",
    "</p>",
    "</div></span>",
    "<pre>\n",
    "<br>",
    "<hr>",
    "<li>x",
    "<p style='border-top:solid #E1E1E1 1.0pt'>From: x",
    "<!--",
    "<![CDATA[",
    "&amp",
    "<x a=1 b=2 ",
    "<a b='",
    "</",
    "<?",
    "<style></",
    "&#1",
    "&notit",
];

/// What is repeated in the value of a field, with its name.
const VALUES: [(&str, &str); 14] = [
    ("From", "("),
    ("From", "a@b.example, "),
    ("From", "\"a\\\" "),
    ("From", "<"),
    ("To", "a@b.example, "),
    ("To", "g: a@b.example; "),
    ("Subject", "=?utf-8?q?a?= "),
    ("Subject", "=?utf-8?b?YWE?="),
    ("Subject", "Re: "),
    ("References", "<a@b.example> "),
    ("Content-Type", "; a=b"),
    ("Content-Type", "; boundary=\"b"),
    ("Content-Disposition", ";\n filename*0*=a"),
    ("Message-ID", "<a@"),
];

/// What is repeated in the new text of a mail that is read for commands.
const COMMANDS: [&str; 20] = [
    "ack\n",
    "Severity: SEV-1\n",
    "Severity: SEV-1\n\n",
    "Severty: SEV-1\n\n",
    "Note: a\n",
    "Note: a\n\n",
    "Note: a\nb\n\n",
    "Update: x\n",
    "Update: x\n\n",
    "a\nUpdate: x\n\n",
    "a\n\nCorrect: x\n\n",
    "a\n\nCorrect #1: x\n\n",
    "What happened: x\n\n",
    "Actions\n\n",
    "Impact: x\n",
    "IC: bob (x\n\n",
    "Next update: 45m\n\n",
    "Private: x\n\n",
    "a: b\n\n",
    "From: a\n\n",
];

/// What is repeated in a delivery report behind its header.
const REPORTS: [&str; 12] = [
    "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\n\r\n",
    "Final-Recipient: rfc822; a@b.example\r\n",
    "<a@b.example>: host x said: 550 no\r\n",
    "<a@b.example>\r\n",
    "    a@b.example\r\n",
    "550 5.1.1 ",
    "said: ",
    "@",
    "a@b ",
    "X-Failed-Recipients: a@b.example\r\n",
    "could not be delivered ",
    "--b\r\nContent-Type: message/delivery-status\r\n\r\n",
];

/// The processor's time that this thread has used (Linux, `proc(5)`).
fn used() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel's figures");
    Duration::from_nanos(text.split(' ').next().and_then(|n| n.parse().ok()).expect("nanoseconds"))
}

/// Reads `make`'s text of a unit repeated, short and long, and compares what that took.
fn costs_its_length(what: &str, unit: &str, make: impl Fn(&str) -> String, read: impl Fn(&str)) {
    let time = |octets: usize| {
        let text = make(&unit.repeat(octets / unit.len()));
        let before = used();
        read(&text);
        used() - before
    };
    let mut long = Duration::MAX;
    for _ in 0..3 {
        let short = time(SHORT_OCTETS).max(MEASURABLE);
        long = long.min(time(SHORT_OCTETS * TIMES_LONGER));
        if long < QUICK || long < short * TIMES_SLOWER_MAX {
            return println!("{:6} ms  {what} {unit:?}", long.as_millis());
        }
    }
    panic!("{what} {unit:?} takes {long:?}, more than its length deserves");
}

fn read(header: &str, unit: &str) {
    let make = |body: &str| format!("From: Dana <dana@ops.example>\n{header}\n\n{body}");
    costs_its_length(header, unit, make, |mail| drop(read_mail(mail.as_bytes(), false)));
}

#[test]
fn plain_text_of_any_shape() {
    LINES.iter().for_each(|line| read("Content-Type: text/plain; charset=utf-8", line));
}

#[test]
fn flowed_text_of_any_shape() {
    for line in ["> ", "> a \n", "a \n", ">\n> \n", "-- \n"] {
        read("Content-Type: text/plain; charset=utf-8; format=flowed", line);
    }
}

#[test]
fn html_of_any_shape() {
    TAGS.iter().for_each(|tag| read("Content-Type: text/html; charset=utf-8", tag));
}

#[test]
fn enriched_text_of_any_shape() {
    for unit in ["<", "<a", "<a ", "<bold>", "</bold>", "<param>", "<nofill>\n", "\n", "a\n\n"] {
        read("Content-Type: text/enriched", unit);
    }
}

/// A reader that compares each with those before it would be at it for an hour.
#[test]
fn a_million_attributes_of_one_tag() {
    let attributes: String = (0..1_000_000).map(|number| format!("a{number} ")).collect();
    let mail = format!("Content-Type: text/html\n\nFixed.<p {attributes}class=gmail_quote>a</p>");
    let mail = read_mail(mail.as_bytes(), false);
    assert_eq!((mail.new_text.as_str(), mail.elided.as_str()), ("Fixed.\n", "> a\n"));
}

#[test]
fn header_fields_of_any_shape() {
    for (name, unit) in VALUES {
        let make = |value: &str| format!("Subject: x\n{name}: x {value}\n\ntext\n");
        costs_its_length(name, unit, make, |mail| drop(read_mail(mail.as_bytes(), false)));
    }
}

#[test]
fn parts_of_any_shape() {
    let header = "Content-Type: multipart/mixed; boundary=b";
    for unit in
        ["--b\n", "--b\n\n", "--b\nContent-Type: multipart/mixed; boundary=b\n\n", "--", "--b--\n"]
    {
        read(header, unit);
    }
}

#[test]
fn commands_of_any_shape() {
    let zone = Zone::utc();
    let now: DateTime<Utc> = DateTime::from_timestamp(1_795_000_000, 0).expect("an instant");
    let plain = Grammar { zone: &zone, sections: &[], answered_text: None };
    for unit in COMMANDS {
        costs_its_length("commands", unit, str::to_owned, |text| {
            read_commands(text, &plain, now);
        });
        costs_its_length("answered commands", unit, str::to_owned, |text| {
            read_commands(text, &Grammar { answered_text: Some(text), ..plain.clone() }, now);
        });
        costs_its_length("subject", unit, str::to_owned, |text| drop(read_subject(text)));
    }
}

#[test]
fn reports_of_any_shape() {
    let header = "From: MAILER-DAEMON@x.example\nSubject: Undelivered Mail\nAuto-Submitted: auto-replied\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\n";
    for unit in REPORTS {
        let make = |body: &str| format!("{header}{body}");
        costs_its_length("report", unit, make, |mail| drop(read_mail(mail.as_bytes(), true)));
    }
}

#[test]
fn addresses_of_any_shape() {
    let own = OwnAddress::new(Address::read("incidents@example.org").expect("an address"), '+');
    for unit in
        ["@", "a@b.example", "incidents+1.a@", "incidents+", "incidents+1.a@example.org", ".", "é"]
    {
        costs_its_length("address", unit, str::to_owned, |text| drop(Address::read(text)));
        costs_its_length("tokens", unit, str::to_owned, |text| drop(own.without_tokens(text)));
    }
}
