//! Mail that no person wrote: what kind it is, and of a delivery report whom it did not reach. Every
//! mail in `tests/mails/machine` reads as the text beside it.
//!
//! `FIREBELL_REWRITE=1 cargo test --test machine` writes the texts anew. `FIREBELL_BOUNCES` may name a folder
//! with `cases.jsonl` and `mails`, which are then counted as well.

mod beside;

use std::fmt::Write as _;
use std::path::PathBuf;

use firebell::mail::Origin;
use firebell::mail::dsn::Outcome;
use firebell::mail::message::read_mail;

/// The origin, then a line for each recipient of a report.
fn reading(octets: &[u8]) -> String {
    let mail = read_mail(octets, false);
    let mut text = format!("{:?}\n", mail.origin);
    if let Some(report) = &mail.report {
        let _ = writeln!(text, "{:?}: {}", report.outcome, report.reason);
        for recipient in &report.recipients {
            let _ =
                writeln!(text, "  {} {:?}: {}", recipient.address, recipient.outcome, recipient.reason);
        }
    }
    text
}

#[test]
fn every_machines_mail_reads_as_the_text_beside_it() {
    beside::check("mails/machine", reading);
}

/// One line of `cases.jsonl`.
#[derive(serde::Deserialize)]
struct Case {
    mail: String,
    recipients: Vec<String>,
    temporary: bool,
}

#[test]
fn reports_of_many_systems_are_machines_mail_with_the_right_addresses() {
    let Some(folder) = std::env::var_os("FIREBELL_BOUNCES").map(PathBuf::from) else { return };
    let cases = std::fs::read_to_string(folder.join("cases.jsonl")).expect("cases.jsonl");
    let (mut all, mut machine, mut addressed, mut timed) = (0, 0, 0, 0);
    for line in cases.lines() {
        let case: Case = serde_json::from_str(line).expect("a case");
        let path = folder.join("mails").join(format!("{}.eml", case.mail));
        let mail = read_mail(&std::fs::read(path).expect("a mail"), false);
        all += 1;
        machine += usize::from(mail.origin.is_automatic());
        let report = mail.report;
        let mut found: Vec<String> = Vec::new();
        for recipient in report.iter().flat_map(|report| &report.recipients) {
            found.push(recipient.address.key());
        }
        found.sort();
        let mut wanted: Vec<String> =
            case.recipients.iter().map(|address| address.to_lowercase()).collect();
        wanted.sort();
        addressed += usize::from(found == wanted);
        let delayed = report.is_some_and(|report| report.outcome == Outcome::Delayed);
        timed += usize::from(delayed == case.temporary);
        if found != wanted || delayed != case.temporary || !mail.origin.is_automatic() {
            println!("{}: {:?}, {found:?} for {wanted:?}, delayed {delayed}", case.mail, mail.origin);
        }
    }
    println!("{machine} of {all} machine, {addressed} with the right addresses, {timed} rightly timed");
    assert_eq!(machine, all, "every one is a machine's");
    assert!(addressed * 100 >= all * 98, "{addressed} of {all} with the right addresses");
    assert!(timed * 100 >= all * 98, "{timed} of {all} rightly timed");
}

/// Every line introduces addresses and has one, so that each could be read again for each.
#[test]
fn hostile_reports_take_no_longer_than_their_length_deserves() {
    let head = "From: MAILER-DAEMON@ops.example\nSubject: Undelivered Mail\n";
    for line in [
        "bob@ops.example the following address could not be delivered to no such user\n",
        "<bob@ops.example>: following recipient following user addressed to a@b.example\n",
        "to:to:to:to:to:to:to:to:to:to:to:to:to:to:to:to:\n",
        "Final-Recipient: rfc822; bob@ops.example\n\n",
        "5.1.1 550 4.4.1 ",
    ] {
        let mail = format!("{head}\n{}", line.repeat(200_000 / line.len()));
        let mail = read_mail(mail.as_bytes(), true);
        assert_eq!(mail.origin, Origin::DeliveryReport, "{line}");
        assert!(mail.report.is_some_and(|report| report.recipients.len() <= 1_000), "{line}");
    }
}
