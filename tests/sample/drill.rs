//! Mails of a drill that goes by a script.

use firebell::incident::drill::{Inject, InjectTo, Playing, Sent};

use super::*;

/// Two parts were played, and one was answered; a third comes too late.
pub fn playing(from: &str, text: &str) -> Playing {
    let inject = |after, to, sent| Inject {
        after: TimeDelta::minutes(after),
        from: from.to_owned(),
        to,
        text: text.to_owned(),
        sent,
    };
    let answered = Some((person("Bob Okafor"), at(13, 23)));
    let sent = |seq, minute, answered| Some(Sent { seq, at: at(13, minute), answered });
    Playing {
        name: "checkout".to_owned(),
        started_at: at(13, 5),
        stopped: true,
        injects: vec![
            inject(10, InjectTo::Role(Role::Liaison), sent(10, 15, None)),
            inject(15, InjectTo::Commander, sent(11, 20, answered)),
            inject(600, InjectTo::Responders, None),
        ],
    }
}

pub fn drills() -> Vec<(&'static str, Letter)> {
    let script = Some(playing("Customer support", "Forty callers in ten minutes.\nWhat do we say?"));
    let active = Incident { drill: true, script: script.clone(), ..commanded() };
    let mut done = task(7, person("Bob Okafor"), "check the lag of the replica");
    done.ended = Some(ended(Ending::Done, at(13, 55)));
    let open = task(8, person("Carol Diaz"), "call the payment provider");
    let overtaken = Some(ended(Ending::Overtaken, at(15, 15)));
    let tasks = vec![done, firebell::incident::task::Task { ended: overtaken, ..open }];
    let over = Incident { drill: true, script, tasks, ..resolved() };
    vec![
        ("drill-inject", said(Says::Inject { seq: 10 }, &active, at(13, 15))),
        ("drill-debrief", said(Says::Debrief, &over, at(15, 15))),
        ("drill-postmortem-skeleton", said(Says::PostmortemSkeleton, &over, at(15, 15))),
    ]
}

fn ended(how: Ending, at: chrono::DateTime<chrono::Utc>) -> Ended {
    Ended { how, at, by: None, why: String::new() }
}
