//! What a mail says that its reader may answer does what it says, in every history: no mail that asks
//! somebody for something prints a reply that is refused.

#[path = "support/histories.rs"]
mod histories;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use firebell::incident::decide::decide;
use firebell::incident::decision::{Decision, Mailing, Recipient, Says};
use firebell::incident::event::{Event, Outcome, Said, Source, Speaker, Trust};
use firebell::incident::{Incident, Policy};
use firebell::mail::Address;
use firebell::mail::command::{Grammar, read_commands};
use firebell::mail::mailto::links_of;
use firebell::render::render_mailing;
use histories::{Act, LINES, acts, declared, event, policy, start};
use proptest::prelude::*;

/// What became of a reply that is sent as it is printed: the lines that were not done, and why.
fn refused(
    reply: &str,
    from: &Address,
    mailing: &Mailing,
    incident: &Incident,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Vec<String> {
    let zone = &policy.calendar.zone;
    let grammar = Grammar { zone, sections: &policy.postmortem.sections, answered_text: None };
    let said = Said {
        by: Speaker {
            person: policy.roster.person(from, ""),
            trust: Trust::Verified,
            known: policy.roster.knows(from) || incident.names(from),
            proof: String::new(),
        },
        written: read_commands(reply, &grammar, now),
        answering: Some(mailing.says.purpose()),
        answered_at: Some(now),
        entry_authors: BTreeMap::new(),
        led_from: None,
        others: Default::default(),
        source: Source::default(),
    };
    if said.written.lines.is_empty() {
        return vec!["it is no command".to_owned()];
    }
    // A `confirm` may release lines that were wrong when they were written.
    let own: Vec<String> = said.written.lines.iter().map(|line| line.typed.clone()).collect();
    let after = decide(Some(incident), &Event::Said(said), policy, now);
    let receipts = after.mailings.into_iter().filter_map(|answer| match answer.says {
        Says::Receipt { results, .. } => Some(results),
        _ => None,
    });
    receipts
        .flatten()
        .filter(|result| own.contains(&result.line.typed))
        .filter_map(|result| match result.outcome {
            Outcome::Refused { why, .. } => Some(format!("{}: {why}", result.line.typed)),
            Outcome::Done(_) => None,
        })
        .collect()
}

/// Presses each button of each mail of duty, for each person who gets it; returns how many there were.
fn press_all(decision: &Decision, policy: &Policy, now: DateTime<Utc>) -> usize {
    let Some(incident) = &decision.incident else { return 0 };
    let mut pressed = 0;
    for mailing in &decision.mailings {
        let letter = render_mailing(mailing, true, incident, policy, &[], now);
        let is_reminder = matches!(&mailing.says, Says::Reminder(reminder) if !reminder.escalated);
        let links = links_of(&letter.html);
        // A postmortem is no line that can be written beforehand; its reminder says how it is sent.
        let says_how = letter.text.to_lowercase().contains("reply with");
        assert!(
            !is_reminder || says_how || !links.is_empty(),
            "a reminder without an answer\n{}",
            letter.text
        );
        if letter.duty.is_none() {
            continue;
        }
        for to in &mailing.to {
            let Recipient::Person(address) = to else { continue };
            for link in &links {
                let refused = refused(&link.mailto.body, address, mailing, incident, policy, now);
                assert!(
                    refused.is_empty(),
                    "{address} sends `{}` and is refused: {refused:?}\n\n{}",
                    link.mailto.body,
                    letter.text
                );
                pressed += 1;
            }
        }
    }
    pressed
}

#[test]
fn a_report_asks_somebody_who_can_answer() {
    let policy = policy();
    let decision = decide(None, &declared(&[], 2, &policy), &policy, start());
    assert!(press_all(&decision, &policy, start()) > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_printed_reply_does_what_it_says(
        first in prop::collection::vec(0..LINES.len(), 0..3), acts in acts(),
    ) {
        let policy = policy();
        let mut now = start();
        let decision = decide(None, &declared(&first, 2, &policy), &policy, now);
        press_all(&decision, &policy, now);
        let mut incident = decision.incident.expect("a report is an incident");
        for act in &acts {
            // A mail is known by its moment.
            now += TimeDelta::seconds(1);
            if let Act::Wait(minutes) = act {
                now += TimeDelta::minutes(*minutes);
            }
            let Some(event) = event(act, &policy, now) else { continue };
            let decision = decide(Some(&incident), &event, &policy, now);
            press_all(&decision, &policy, now);
            incident = decision.incident.unwrap_or(incident);
        }
    }
}
