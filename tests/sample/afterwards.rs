//! Mails about alerts, for operators, and of what comes after an incident.

use firebell::learning::digest::{DigestPolicy, ListedAction, Shows};

use super::*;

pub fn group(title: &str, state: State) -> Group {
    let alert = Alert {
        rule: "prometheus".to_owned(),
        group: title.to_owned(),
        title: title.to_owned(),
        thing: title.to_owned(),
        signal: Signal::Firing,
        severity: None,
        service: Some("payments".to_owned()),
        link: Some("http://prometheus.example/graph?g0.expr=latency".to_owned()),
        text: "Requests take longer than a second.".to_owned(),
    };
    Group { state, ..Group::new(alert, 7, "login".to_owned(), at(13, 40)) }
}

pub fn looked_after() -> Group {
    group("High latency", State::Acknowledged { by: person("Bob Okafor"), at: at(13, 41) })
}

/// With two groups of alerts, the first of which has recovered.
pub fn alerted(disk_recovered_at: Option<DateTime<Utc>>) -> Incident {
    let alerts = |title: &str, count, recovered_at| Alerts {
        group: title.to_owned(),
        rule: "prometheus".to_owned(),
        title: title.to_owned(),
        things: Things::default(),
        count,
        last_at: at(13, 30),
        recovered_at,
        turns: 0,
        told_at: at(13, 30),
        fires_again_at: None,
    };
    let alerts =
        vec![alerts("High latency", 200, Some(at(13, 38))), alerts("Disk full", 1, disk_recovered_at)];
    Incident { alerts, ..commanded() }
}

pub fn for_operator() -> Vec<(&'static str, Letter)> {
    let ignored = |rule, why| {
        let from = address("monitoring@example.org");
        let subject = "[FIRING:1] High latency";
        let ignored = AlertIgnored { id: 9, from: Some(&from), subject, rule, why };
        render_alert_ignored(&policy(), &ignored, at(13, 40))
    };
    let unreadable = |from, sender_told| {
        let why = "the server failed each time while reading it; its log says how";
        render_unreadable(&policy(), &Unreadable { id: 9, from, sender_told, why }, at(13, 40))
    };
    vec![
        ("operator-unreadable", unreadable("x@y.example", false)),
        ("operator-unreadable-told", unreadable("alice@example.org", true)),
        ("operator-alert-unproven", ignored(Some("prometheus"), "its sender proves nothing")),
        ("operator-alert-unknown", ignored(None, "no alert rule knows it")),
        ("operator-stuck", render_stuck(&policy(), at(13, 20), 12, at(13, 40))),
        (
            "operator-mailbox",
            render_unread_mailbox(
                &policy(),
                at(13, 20),
                "token_command failed (exit status: 3): invalid_grant",
                at(13, 40),
            ),
        ),
        ("operator-crowded", render_crowded(&policy(), 1_204, at(13, 40))),
        ("operator-damaged", render_damaged(&policy(), Damaged::Incident(42), at(13, 40))),
        ("operator-damaged-mail", render_damaged(&policy(), Damaged::Mail(9), at(13, 40))),
    ]
}

fn digest(figures: &Figures, shows: Shows) -> Letter {
    let until = at(8, 0);
    let digest = DigestPolicy {
        name: if shows == Shows::Parked { "planning" } else { "leadership-weekly" }.to_owned(),
        to: vec!["leadership".to_owned()],
        schedule: "0 9 * * Mon".to_owned(),
        shows,
    };
    render_digest(figures, &digest, (until - TimeDelta::days(7), until), &policy(), true)
}

pub fn afterwards() -> Vec<(&'static str, Letter)> {
    let wording = vec![Wording {
        heading: "What happened".to_owned(),
        passage: "Bob deployed without testing".to_owned(),
        suggestion: "Say what the deploy changed and why no check caught it.".to_owned(),
    }];
    let missing = vec!["Contributing factors".to_owned(), "Actions".to_owned()];
    let gaps = Says::PostmortemGaps { missing, wording };
    let complete = Says::PostmortemGaps { missing: Vec::new(), wording: Vec::new() };
    vec![
        ("postmortem-skeleton", said(Says::PostmortemSkeleton, &resolved(), at(15, 15))),
        ("postmortem-gaps", said(gaps, &resolved(), at(16, 0))),
        ("postmortem-complete", said(complete, &resolved(), at(16, 0))),
        ("postmortem-published", said(Says::PostmortemPublished, &resolved(), at(16, 0))),
        ("digest", digest(&figures(), Shows::Everything)),
        ("digest-quiet", digest(&quiet_figures(), Shows::Everything)),
        ("digest-actions", digest(&acting_figures(), Shows::Everything)),
        ("digest-planning", digest(&acting_figures(), Shows::Parked)),
    ]
}

fn acting_figures() -> Figures {
    let listed = |seq, what: &str, days, due_at, is_declined| ListedAction {
        incident: 42,
        seq,
        what: what.to_owned(),
        owner: person("Bob Okafor"),
        age: TimeDelta::days(days),
        due_at,
        is_declined,
    };
    let late = at(17, 0) - TimeDelta::days(3);
    Figures {
        actions: vec![
            listed(30, "alert on the lag of the replica", 40, Some(late), false),
            listed(31, "split the queue of card payments", 12, None, true),
            listed(34, "test the restore", 2, Some(at(17, 0) + TimeDelta::days(13)), false),
        ],
        parked: vec![listed(32, "replace the payment gateway", 80, None, false)],
        ..quiet_figures()
    }
}

fn quiet_figures() -> Figures {
    Figures {
        open: Vec::new(),
        postmortems: Postmortems::default(),
        actions: Vec::new(),
        parked: Vec::new(),
        period: Pace::default(),
        before: Pace::default(),
    }
}

fn figures() -> Figures {
    let owed = |number, title: &str, hours| Overdue {
        number,
        title: title.to_owned(),
        private: false,
        severity: Severity::Sev1,
        due_at: at(17, 0) + TimeDelta::hours(hours),
        with: Some(person("Alice Ng")),
    };
    let pace = |minutes: [i64; 3], percent| Pace {
        to_acknowledge: Some(TimeDelta::minutes(minutes[0])),
        to_first_update: Some(TimeDelta::minutes(minutes[1])),
        to_resolve: Some(TimeDelta::minutes(minutes[2])),
        updates_on_time_percent: Some(percent),
    };
    Figures {
        open: vec![OpenIncident {
            number: 42,
            title: "Checkout is failing for cards".to_owned(),
            private: false,
            severity: Severity::Sev1,
            phase: Phase::Identified,
            age: TimeDelta::minutes(130),
            since_update: TimeDelta::minutes(40),
            overdue: Some(Overdue { due_at: at(7, 50), ..owed(42, "", 0) }),
        }],
        postmortems: Postmortems {
            published: vec![(38, "Search was slow".to_owned())],
            due: vec![owed(41, "Exports were empty", 70)],
            late: vec![owed(39, "Login loop on mobile", -120)],
        },
        actions: Vec::new(),
        parked: Vec::new(),
        period: pace([4, 24, 130], 92),
        before: pace([7, 31, 95], 80),
    }
}
