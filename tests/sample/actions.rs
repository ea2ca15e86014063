//! Mails about actions: asked for, chased, declined, asked about, listed.

use firebell::incident::task::{Task, TaskKind};

use super::*;

/// One action that is open, one that was declined, one that is parked.
pub fn acted() -> Incident {
    let action = |seq, owner: &str, what: &str| Task {
        kind: TaskKind::Action,
        given_at: at(17, 0),
        due_at: at(17, 0) + TimeDelta::days(13),
        timebox: TimeDelta::days(13),
        ..task(seq, person(owner), what)
    };
    let mut declined = action(31, "Carol Diaz", "split the queue of card payments");
    let (by, why) = (Some(person("Carol Diaz")), "It takes weeks.".to_owned());
    declined.ended = Some(Ended { how: Ending::Declined, at: at(17, 30), by, why });
    let parked =
        Task { kind: TaskKind::Parked, ..action(32, "Alice Ng", "replace the payment gateway") };
    let open = action(30, "Bob Okafor", "alert on the lag of the replica before customers notice it");
    Incident { tasks: vec![open, declined, parked], ..resolved() }
}

pub fn owed(escalated: bool) -> Reminder {
    let what = "alert on the lag of the replica before customers notice it".to_owned();
    let due_at = at(17, 0) + TimeDelta::days(13);
    let owed = Owed::Action { seq: 30, what, due_at };
    Reminder { owed_by: person("Bob Okafor"), ..reminder(owed, Some(due_at), escalated) }
}

pub fn about_actions() -> Vec<(&'static str, Letter)> {
    let declined = Says::TaskNews {
        seq: 31,
        by: person("Carol Diaz"),
        became: "is declined".to_owned(),
        words: "It takes weeks.".to_owned(),
    };
    let question = Says::Question {
        seq: 33,
        about: 30,
        by: person("Alice Ng"),
        text: "Does it ring at night?".to_owned(),
    };
    let bob = "bob@example.org";
    // Written down while it goes on.
    let active = Incident { tasks: acted().tasks, ..commanded() };
    let remind = |escalated, days| {
        let now = at(8, 0) + TimeDelta::days(days);
        said_to(bob, Says::Reminder(owed(escalated)), &acted(), now)
    };
    vec![
        ("action", said_to(bob, Says::Action { seq: 30 }, &acted(), at(17, 0))),
        ("action-declined", said(declined, &active, at(14, 0))),
        ("action-question", said_to(bob, question, &active, at(14, 0))),
        ("reminder-action", remind(false, 11)),
        ("reminder-action-late", remind(false, 16)),
        ("reminder-action-escalated", remind(true, 20)),
        ("postmortem-published-actions", said(Says::PostmortemPublished, &acted(), at(18, 0))),
    ]
}
