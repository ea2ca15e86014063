//! What holds where the configuration says nothing: cadence, ladders, meanings.
//!
//! Numbers only; where they come from a sentence says. Start with [`severities`].

use chrono::{NaiveTime, TimeDelta};

use crate::incident::policy::{
    Ladder, PagingPolicy, Party, PostmortemDuty, Repeat, Rung, RungAt, SeverityPolicy, Span,
};
use crate::learning::digest::{DigestPolicy, Shows};

/// The list that gets the mail of drills.
pub(super) const DRILL_LIST: &str = "drills";

/// What counts as an incident where nobody said.
pub(super) const INCIDENT_MEANS: &str =
    "Anything unexpected that harms or may harm our customers. When in doubt, declare.";

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

fn severity(
    meaning: &str,
    take_command: Span,
    update_every: [Span; 3],
    postmortem: PostmortemDuty,
) -> SeverityPolicy {
    SeverityPolicy {
        meaning: meaning.to_owned(),
        notify: vec!["everyone".to_owned()],
        take_command_within: take_command,
        leadership_within: None,
        update_every,
        postmortem,
        actions_within: TimeDelta::days(90),
    }
}

/// The five severities. Leadership hears of the two worst, and within 20 minutes that nobody
/// commands.
pub(super) fn severities() -> [SeverityPolicy; 5] {
    let clock = |[a, b, c]: [i64; 3]| [a, b, c].map(|every| Span::Clock(minutes(every)));
    let in_minutes = |count| Span::Clock(minutes(count));
    let due = |days| PostmortemDuty::Within(Span::BusinessDays(days));
    let mut severities = [
        severity(
            "Most customers cannot use the product, or the organisation is at stake.",
            in_minutes(5),
            clock([30, 30, 60]),
            due(3),
        ),
        severity(
            "Many customers are harmed, or something important is failing.",
            in_minutes(5),
            clock([30, 60, 60]),
            due(5),
        ),
        severity(
            "Some customers are harmed, or a safeguard is gone.",
            in_minutes(30),
            clock([120, 240, 240]),
            PostmortemDuty::AskedOnce,
        ),
        severity(
            "A small harm that can wait for working hours.",
            Span::NextWorkingHour,
            [Span::BusinessDays(2); 3],
            PostmortemDuty::None,
        ),
        severity(
            "Nobody is harmed yet; it should be looked at.",
            Span::NextWorkingHour,
            [Span::BusinessDays(5); 3],
            PostmortemDuty::None,
        ),
    ];
    // What a worse incident taught is done sooner.
    for (severity, days) in severities.iter_mut().zip([15, 30, 60]) {
        severity.actions_within = TimeDelta::days(days);
    }
    for major in severities.iter_mut().take(2) {
        major.notify.push("leadership".to_owned());
        major.leadership_within = Some(minutes(20));
    }
    severities
}

fn at(offset_minutes: i64, to: &[Party]) -> Rung {
    Rung { at: RungAt::Offset(minutes(offset_minutes)), to: to.to_vec() }
}

/// A late update: the commander, then the deputy, then leadership (SEV-1 and SEV-2), then hourly.
pub(super) fn update_ladder() -> Ladder {
    use Party::{Commander, Deputy, Leadership};
    Ladder {
        rungs: vec![
            at(-5, &[Commander]),
            at(0, &[Commander]),
            at(5, &[Commander, Deputy]),
            at(10, &[Commander, Deputy]),
            at(20, &[Commander, Deputy, Leadership]),
        ],
        then: Some(Repeat {
            every: Span::Clock(TimeDelta::hours(1)),
            to: vec![Commander, Deputy],
            at_most: 12,
        }),
    }
}

/// A late update of SEV-4 and SEV-5: at due and every working day, for four weeks.
pub(super) fn update_ladder_minor() -> Ladder {
    Ladder {
        rungs: vec![at(0, &[Party::Commander])],
        then: Some(Repeat { every: Span::BusinessDays(1), to: vec![Party::Commander], at_most: 20 }),
    }
}

/// Missing fields: the reporter first, then the commander, who is the reporter while there is none;
/// later they are asked for with each update reminder.
pub(super) fn missing_ladder() -> Ladder {
    Ladder { rungs: vec![at(5, &[Party::Reporter]), at(15, &[Party::Commander])], then: None }
}

/// Handing over command: suggested after an hour, asked for after one and a half, when attention
/// fades, and insisted on after three and every hour from then on. The deputy hears of it from the
/// second time on.
pub(super) fn handover_ladder() -> Ladder {
    use Party::{Commander, Deputy};
    Ladder {
        rungs: vec![at(60, &[Commander]), at(90, &[Commander, Deputy]), at(180, &[Commander, Deputy])],
        then: Some(Repeat {
            every: Span::Clock(TimeDelta::hours(1)),
            to: vec![Commander, Deputy],
            at_most: 12,
        }),
    }
}

/// A page that nobody answers for five minutes goes to the next: long enough to wake up and reply.
/// Whoever acknowledged and did not write since is probably at work, and is asked about it no sooner
/// than an update is due.
pub(super) const PAGING: PagingPolicy =
    PagingPolicy { level_within: TimeDelta::minutes(5), ack_lapses_after: Some(TimeDelta::minutes(30)) };

/// Nobody concentrates for longer without a break.
pub(super) const REST_AFTER: TimeDelta = TimeDelta::minutes(90);

/// What one person does before they report, unless somebody says otherwise.
pub(super) const TASK_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// How long those who are asked for objections may think, unless somebody says otherwise.
pub(super) const PROPOSAL_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// The end of a task: its owner and the commander, then the deputy.
pub(super) fn task_ladder() -> Ladder {
    Ladder { rungs: vec![at(0, &[Party::Owner, Party::Commander]), at(5, &[Party::Deputy])], then: None }
}

/// An action: two days before, on its day, one and three days after, then each week of a year.
pub(super) fn action_ladder() -> Ladder {
    let day = |days| Rung { at: RungAt::Offset(TimeDelta::days(days)), to: vec![Party::Owner] };
    Ladder {
        rungs: vec![day(-2), day(0), day(1), day(3)],
        then: Some(Repeat {
            every: Span::Clock(TimeDelta::days(7)),
            to: vec![Party::Owner],
            at_most: 52,
        }),
    }
}

/// What was parked comes back two weeks before each quarter, while there is a list to plan it.
pub(super) fn planning() -> DigestPolicy {
    DigestPolicy {
        name: "quarterly-planning".to_owned(),
        to: vec!["leadership".to_owned()],
        schedule: "0 9 15 3,6,9,12 *".to_owned(),
        shows: Shows::Parked,
    }
}

/// The first statement for customers, and the one that says that it is over: its author twice before,
/// then the commander, and leadership long before it hears of a late update.
pub(super) fn statement_ladder() -> Ladder {
    use Party::{Commander, Deputy, Leadership, Owner};
    Ladder {
        rungs: vec![
            at(-10, &[Owner]),
            at(-5, &[Owner]),
            at(0, &[Owner, Commander]),
            at(5, &[Owner, Commander, Deputy, Leadership]),
        ],
        then: Some(Repeat { every: Span::Clock(minutes(15)), to: vec![Owner, Commander], at_most: 12 }),
    }
}

/// The statement that customers were promised: the same, with one reminder before it.
pub(super) fn next_statement_ladder() -> Ladder {
    let mut ladder = statement_ladder();
    ladder.rungs.retain(|rung| rung.at != RungAt::Offset(minutes(-10)));
    ladder
}

/// How often customers hear.
pub(super) const FIRST_STATEMENT_WITHIN: TimeDelta = TimeDelta::minutes(15);
pub(super) const STATEMENT_EVERY: TimeDelta = TimeDelta::minutes(20);
pub(super) const STATEMENT_EVERY_FOR: TimeDelta = TimeDelta::hours(2);
pub(super) const STATEMENT_EVERY_LATER: TimeDelta = TimeDelta::hours(1);
/// Who looks for what was wrong on Monday finds it on Sunday.
pub(super) const STATEMENTS_SHOWN_FOR: TimeDelta = TimeDelta::days(7);
/// What a disruption is called in public.
pub(super) const DISRUPTION: &str = "Service disruption";
/// Drafts: investigating, identified, monitoring, resolved. They promise no time and name nothing.
pub(super) const DRAFTS: [&str; 4] = [
    "We are investigating a service disruption. Some customers may not be able to use our service as \
     usual. We will say more as soon as we know more.",
    "We have found the cause of the service disruption and are working on it. Some customers are still \
     affected.",
    "We have made a change that should end the service disruption, and are watching its effect. If you \
     are still affected, please tell our support.",
    "The service disruption is over and our service works as usual again. We are sorry for the trouble \
     that it caused.",
];

/// Naming an owner of the postmortem: when due, each business morning of a week, then leadership.
pub(super) fn owner_ladder() -> Ladder {
    use Party::{Commander, Leadership};
    let morning = |day, to: &[Party]| Rung { at: RungAt::BusinessDaysAfter(day), to: to.to_vec() };
    Ladder {
        rungs: vec![
            at(0, &[Commander]),
            morning(1, &[Commander]),
            morning(2, &[Commander]),
            morning(3, &[Commander]),
            morning(4, &[Commander]),
            morning(5, &[Commander, Leadership]),
        ],
        then: None,
    }
}

/// The postmortem itself: at half and four fifths of its time, on its day, and twice when late.
pub(super) fn postmortem_ladder() -> Ladder {
    use Party::{Leadership, Owner};
    let rung = |at, to: &[Party]| Rung { at, to: to.to_vec() };
    Ladder {
        rungs: vec![
            rung(RungAt::BusinessPercent(50), &[Owner]),
            rung(RungAt::BusinessPercent(80), &[Owner]),
            rung(RungAt::DueDayAt(nine()), &[Owner]),
            rung(RungAt::BusinessDaysAfter(1), &[Owner]),
            rung(RungAt::BusinessDaysAfter(2), &[Owner, Leadership]),
        ],
        then: None,
    }
}

/// 09:00.
pub(super) fn nine() -> NaiveTime {
    NaiveTime::MIN + TimeDelta::hours(9)
}

/// 18:00.
pub(super) fn six() -> NaiveTime {
    NaiveTime::MIN + TimeDelta::hours(18)
}

/// One a minute is more than anybody reads.
pub(super) const PER_PERSON_PER_HOUR: u32 = 60;
/// Longer than a relay that greylists, and short enough for an emergency.
pub(super) const STUCK_AFTER: TimeDelta = TimeDelta::minutes(15);
/// A quarter of a small disk's free space, and more than honest strangers write in years.
pub(super) const UNPROVEN_OCTETS: u64 = 1_000_000_000;
