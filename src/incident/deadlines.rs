//! When Firebell must speak unasked: every obligation of an incident, with the instant at which
//! somebody must next be reminded of it.
//!
//! Everything is computed from the incident and the policy: nobody sets a deadline or cancels one.
//! Start with [`obligations`], what is owed, and [`deadlines`], when the server must wake up for it.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use super::Policy;
use super::alerts::ask_whether_over_at;
use super::decision::Urge;
use super::drill::next_inject_at;
use super::numbered::kinds;
use super::page::{Page, Standing};
use super::policy::{Ladder, Party, PostmortemDuty, Repeat, Rung, RungAt, Span};
use super::proposal::Proposal;
use super::state::{Climb, Command, Incident, Person, Postmortem};
use super::statement::{Wanted, owed_since, statement_due, statement_owner, wanted};
use super::task::Task;

/// How late a reminder may go out before the rungs behind it move with it: whoever comes next on
/// the ladder is counted from the instant at which the one before was told.
const LATE_AFTER: TimeDelta = TimeDelta::minutes(2);

/// Offers of command are repeated hourly after the last level, and no longer than this.
pub const COMMAND_REPEATS_AT_MOST: u32 = 12;

/// Nobody is asked to hand over who has offered command so recently.
const OFFER_STANDS: TimeDelta = TimeDelta::minutes(15);

kinds! {
    /// What a deadline is about. An incident has at most one of each.
    pub enum DeadlineKind {
        TakeCommand = "take-command",
        /// Somebody who is wanted beside the commander has not answered.
        Page = "page",
        MissingFields = "missing-fields",
        Update = "update",
        /// Somebody has commanded for long.
        Handover = "handover",
        /// A responder has worked on it for long.
        Rest = "rest",
        PostmortemOwner = "postmortem-owner",
        Postmortem = "postmortem",
        /// Customers are owed a statement.
        Statement = "statement",
        /// Nobody owes it: somebody is asked whether it is over, because every alert has recovered.
        Recovery = "recovery",
        /// Nobody owes it: the script of a drill goes on.
        Inject = "inject",
        /// Nobody owes it: the incident closes by itself.
        Close = "close",
        ;
        /// The time of a task is up.
        Task = "task",
        /// The time to object is up.
        Proposal = "proposal",
        /// An action is due soon, or late.
        Action = "action",
    }
}

/// The next instant at which an obligation needs somebody's attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    pub kind: DeadlineKind,
    pub wake_at: DateTime<Utc>,
}

/// Something that somebody owes by a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Obligation {
    pub kind: DeadlineKind,
    /// Several only for an offer of command.
    pub owed_by: Vec<Person>,
    pub due_at: Option<DateTime<Utc>>,
    /// Reminders sent so far.
    pub stage: u32,
    /// The next reminder; `None` when its ladder has ended.
    pub wake_at: Option<DateTime<Utc>>,
}

/// The instants at which the server must look at this incident again. At most one of each kind.
pub fn deadlines(incident: &Incident, policy: &Policy) -> Vec<Deadline> {
    let mut all: Vec<Deadline> = obligations(incident, policy)
        .into_iter()
        .filter_map(|owed| owed.wake_at.map(|wake_at| Deadline { kind: owed.kind, wake_at }))
        .collect();
    let unowed = [
        (DeadlineKind::Page, incident.next_page_at(policy)),
        (DeadlineKind::Handover, handover_at(incident, policy)),
        (DeadlineKind::Rest, rest_at(incident, policy)),
        (DeadlineKind::Recovery, ask_whether_over_at(incident)),
        (DeadlineKind::Inject, next_inject_at(incident)),
        (DeadlineKind::Close, close_at(incident, policy)),
    ];
    all.extend(unowed.into_iter().filter_map(|(kind, at)| at.map(|wake_at| Deadline { kind, wake_at })));
    all
}

/// Everything that is owed now. Never empty for an active incident.
pub fn obligations(incident: &Incident, policy: &Policy) -> Vec<Obligation> {
    [
        command_owed(incident, policy),
        page_owed(incident, policy),
        missing_owed(incident, policy),
        update_owed(incident, policy),
        statement_owed(incident, policy),
        postmortem_owner_owed(incident, policy),
        postmortem_owed(incident, policy),
    ]
    .into_iter()
    .flatten()
    .chain(tasks_owed(incident, policy))
    .chain(actions_owed(incident, policy))
    .chain(proposals_owed(incident))
    .collect()
}

/// When the next official update is due; `None` while nobody commands or nothing is active.
pub fn update_due(incident: &Incident, policy: &Policy) -> Option<DateTime<Utc>> {
    if !incident.phase.is_active() || incident.commander().is_none() {
        return None;
    }
    let from = incident.updates.counted_from?;
    Some(
        incident
            .updates
            .promised_at
            .unwrap_or_else(|| policy.after(from, update_every(incident, policy))),
    )
}

/// The cadence of the present severity and phase.
pub fn update_every(incident: &Incident, policy: &Policy) -> Span {
    use super::Phase;
    let column = match incident.phase {
        Phase::Identified => 1,
        Phase::Monitoring => 2,
        _ => 0,
    };
    policy.severity(incident.severity).update_every[column]
}

/// Which of the six fields of a declaration nobody has stated yet.
pub fn missing_fields(incident: &Incident, policy: &Policy) -> Vec<&'static str> {
    let mut missing = Vec::new();
    let place = &incident.coordination;
    let somewhere = place.bridge.is_some()
        || place.chat.is_some()
        || place.doc.is_some()
        || policy.bridge.is_some()
        || policy.chat.is_some();
    let untitled = incident.title == crate::mail::command::UNTITLED;
    let questions = [
        ("what", untitled && incident.summary.is_none()),
        ("severity", incident.severity_assumed),
        ("phase", incident.phase_assumed),
        ("commander", incident.commander().is_none()),
        ("coordination", !somewhere),
        ("involved", incident.roles.is_empty() && incident.services.is_empty()),
    ];
    missing.extend(questions.into_iter().filter(|(_, open)| *open).map(|(name, _)| name));
    missing
}

fn command_owed(incident: &Incident, policy: &Policy) -> Option<Obligation> {
    let Command::Offered { to, offered_at, climb, leadership_told } = &incident.command else {
        return None;
    };
    if !incident.phase.is_active() {
        return None;
    }
    let rules = policy.severity(incident.severity);
    let asked_at = climb.last_at.unwrap_or(*offered_at);
    let next_level = match climb.done {
        // The levels of `decide::asked_next`: next in the rotation, every trained commander.
        0 | 1 => Some(policy.after(asked_at, rules.take_command_within)),
        done if done < 2 + COMMAND_REPEATS_AT_MOST => Some(asked_at + TimeDelta::hours(1)),
        _ => None,
    };
    let leadership = leadership_at(incident, policy).filter(|_| !leadership_told);
    Some(Obligation {
        kind: DeadlineKind::TakeCommand,
        owed_by: to.clone(),
        due_at: Some(policy.after(asked_at, rules.take_command_within)),
        stage: climb.done,
        wake_at: [next_level, leadership].into_iter().flatten().min(),
    })
}

/// An answer, from those who were paged. When they are paged again is said by
/// [`Incident::next_page_at`], which looks beyond them.
fn page_owed(incident: &Incident, policy: &Policy) -> Option<Obligation> {
    let next_at = incident.next_page_at(policy)?;
    let ringing: Vec<&Page> =
        incident.pages.iter().filter(|page| page.stands == Standing::Ringing).collect();
    let mut owed_by: Vec<Person> = Vec::new();
    for person in ringing.iter().flat_map(|page| page.waiting()) {
        if owed_by.iter().all(|known| known.address != person.address) {
            owed_by.push(person.clone());
        }
    }
    (!owed_by.is_empty()).then(|| Obligation {
        kind: DeadlineKind::Page,
        owed_by,
        due_at: Some(next_at),
        stage: ringing.iter().map(|page| page.climb.done).max().unwrap_or_default(),
        wake_at: None,
    })
}

/// When leadership hears that nobody commands.
pub fn leadership_at(incident: &Incident, policy: &Policy) -> Option<DateTime<Utc>> {
    let Command::Offered { offered_at, .. } = &incident.command else { return None };
    policy.severity(incident.severity).leadership_within.map(|within| *offered_at + within)
}

fn missing_owed(incident: &Incident, policy: &Policy) -> Option<Obligation> {
    if !incident.phase.is_active() || missing_fields(incident, policy).is_empty() {
        return None;
    }
    let owed_by = incident.commander().unwrap_or(&incident.reporter).clone();
    let ladder = missing_climbing(incident, policy);
    Some(Obligation {
        kind: DeadlineKind::MissingFields,
        owed_by: vec![owed_by],
        due_at: None,
        stage: incident.missing_chase.done,
        wake_at: ladder.next_at(),
    })
}

fn update_owed(incident: &Incident, policy: &Policy) -> Option<Obligation> {
    let due_at = update_due(incident, policy)?;
    let ladder = update_climbing(incident, due_at, policy);
    Some(Obligation {
        kind: DeadlineKind::Update,
        owed_by: incident.commander().cloned().into_iter().collect(),
        due_at: Some(due_at),
        stage: incident.updates.climb.done,
        wake_at: ladder.next_at().map(|at| in_working_hours(at, incident, policy)),
    })
}

fn tasks_owed(incident: &Incident, policy: &Policy) -> Vec<Obligation> {
    let owed = |task: &Task| Obligation {
        kind: DeadlineKind::Task(task.seq),
        owed_by: vec![task.owner.clone()],
        due_at: Some(task.due_at),
        stage: task.climb.done,
        wake_at: task_climbing(task, policy).next_at(),
    };
    incident.open_tasks().filter(|_| incident.phase.is_active()).map(owed).collect()
}

/// Whatever became of the incident; a drill teaches, and nobody is chased for it.
fn actions_owed(incident: &Incident, policy: &Policy) -> Vec<Obligation> {
    let owed = |action: &Task| Obligation {
        kind: DeadlineKind::Action(action.seq),
        owed_by: vec![action.owner.clone()],
        due_at: Some(action.due_at),
        stage: action.climb.done,
        // All that are due on a day are one mail, when work begins.
        wake_at: action_climbing(action, policy)
            .next_at()
            .map(|at| policy.calendar.next_opening(at.max(action.given_at))),
    };
    incident.open_actions().filter(|_| !incident.drill).map(owed).collect()
}

fn statement_owed(incident: &Incident, policy: &Policy) -> Option<Obligation> {
    let owed_by = statement_owner(incident)?;
    let due_at = statement_due(incident, policy)?;
    Some(Obligation {
        kind: DeadlineKind::Statement,
        owed_by: vec![owed_by.clone()],
        due_at: Some(due_at),
        stage: incident.statements.climb.done,
        // Customers wait at night, too.
        wake_at: statement_climbing(incident, due_at, policy).next_at(),
    })
}

/// Everybody who was asked owes an answer; nobody is reminded of it.
fn proposals_owed(incident: &Incident) -> Vec<Obligation> {
    let owed = |proposal: &Proposal| Obligation {
        kind: DeadlineKind::Proposal(proposal.seq),
        owed_by: proposal.asked.iter().map(|asked| asked.person.clone()).collect(),
        due_at: proposal.due_at(),
        stage: 0,
        wake_at: Some(proposal.wake_at()),
    };
    incident.open_proposals().filter(|_| incident.phase.is_active()).map(owed).collect()
}

fn postmortem_owner_owed(incident: &Incident, policy: &Policy) -> Option<Obligation> {
    let postmortem = incident.postmortem.as_ref()?;
    let chased = !postmortem.owner_named && postmortem.is_owed() && postmortem.due_at.is_some();
    if !chased || incident.phase != super::Phase::Resolved {
        return None;
    }
    let due_at = postmortem.owed_since + policy.postmortem.owner_within;
    let ladder = owner_climbing(postmortem, policy);
    Some(Obligation {
        kind: DeadlineKind::PostmortemOwner,
        owed_by: vec![postmortem.owner.clone()],
        due_at: Some(due_at),
        stage: postmortem.owner_climb.done,
        wake_at: ladder.next_at().map(|at| in_working_hours(at, incident, policy)),
    })
}

fn postmortem_owed(incident: &Incident, policy: &Policy) -> Option<Obligation> {
    let postmortem = incident.postmortem.as_ref()?;
    if !postmortem.is_owed() || incident.phase != super::Phase::Resolved {
        return None;
    }
    let wake_at = postmortem.due_at.and_then(|due_at| {
        postmortem_climbing(postmortem, due_at, policy)
            .next_at()
            .map(|at| in_working_hours(at, incident, policy))
    });
    Some(Obligation {
        kind: DeadlineKind::Postmortem,
        owed_by: vec![postmortem.owner.clone()],
        due_at: postmortem.due_at,
        stage: postmortem.climb.done,
        wake_at,
    })
}

/// The ladder on which the commander is asked to hand over; `None` where nobody commands without
/// pause: the updates of a lesser incident are hours apart.
pub fn handover_climbing<'a>(incident: &Incident, policy: &'a Policy) -> Option<Climbing<'a>> {
    let Command::Held { since, .. } = &incident.command else { return None };
    let without_pause = incident.phase.is_active() && incident.severity.is_major();
    let climbing =
        Climbing::new(&policy.handover_ladder, incident.handover_climb, *since, *since, policy);
    without_pause.then_some(climbing)
}

/// How strongly the commander is asked by the last rung climbed: the first suggests, the last of the
/// ladder insists, and so does whatever follows it.
pub fn urge(climb: Climb, policy: &Policy) -> Urge {
    match climb.done as usize {
        0 | 1 => Urge::Suggested,
        done if done < policy.handover_ladder.rungs.len() => Urge::Asked,
        _ => Urge::Insisted,
    }
}

/// When the commander is asked to hand over. Whoever has just offered command is given time to be
/// answered.
fn handover_at(incident: &Incident, policy: &Policy) -> Option<DateTime<Utc>> {
    let Command::Held { offered_on, .. } = &incident.command else { return None };
    let next_at = handover_climbing(incident, policy)?.next_at()?;
    let offered = offered_on.as_ref().map(|handover| handover.offered_at + OFFER_STANDS);
    Some(offered.map_or(next_at, |until| next_at.max(until)))
}

/// Since when each responder has worked on it who was not reminded to rest yet.
pub fn unrested(incident: &Incident) -> Vec<(Person, DateTime<Utc>)> {
    responders_since(incident, false)
}

/// The same for those who were, and are still on.
pub fn told_to_rest(incident: &Incident) -> Vec<(Person, DateTime<Utc>)> {
    responders_since(incident, true)
}

/// The commander is none of them, and is asked to hand over instead.
fn responders_since(incident: &Incident, told: bool) -> Vec<(Person, DateTime<Utc>)> {
    let mut people: Vec<(Person, DateTime<Utc>)> = Vec::new();
    let commander = incident.commander().map(|commander| &commander.address);
    for held in incident.accepted() {
        let address = &held.person.address;
        let Some(since) = held.accepted_at else { continue };
        if Some(address) == commander || incident.told_to_rest.contains(address) != told {
            continue;
        }
        match people.iter_mut().find(|(person, _)| person.address == *address) {
            Some((_, first)) => *first = since.min(*first),
            None => people.push((held.person.clone(), since)),
        }
    }
    people
}

/// When the first responder is reminded to rest.
fn rest_at(incident: &Incident, policy: &Policy) -> Option<DateTime<Utc>> {
    if !incident.phase.is_active() || !incident.severity.is_major() {
        return None;
    }
    unrested(incident).into_iter().map(|(_, since)| since + policy.rest_after).min()
}

/// The ladder that chases updates of this severity.
pub fn update_ladder<'a>(incident: &Incident, policy: &'a Policy) -> &'a Ladder {
    if incident.severity <= super::Severity::Sev3 {
        &policy.update_ladder
    } else {
        &policy.update_ladder_minor
    }
}

/// The ladder of the missing fields.
pub fn missing_climbing<'a>(incident: &Incident, policy: &'a Policy) -> Climbing<'a> {
    let since = incident.declared_at;
    Climbing::new(&policy.missing_ladder, incident.missing_chase, since, since, policy)
}

/// The ladder of the update that is due at `due_at`.
pub fn update_climbing<'a>(
    incident: &Incident,
    due_at: DateTime<Utc>,
    policy: &'a Policy,
) -> Climbing<'a> {
    let ladder = update_ladder(incident, policy);
    let since = incident.updates.counted_from.unwrap_or(due_at);
    Climbing::new(ladder, incident.updates.climb, since, due_at, policy)
}

/// The ladder of a task.
pub fn task_climbing<'a>(task: &Task, policy: &'a Policy) -> Climbing<'a> {
    Climbing::new(&policy.task_ladder, task.climb, task.given_at, task.due_at, policy)
}

/// The ladder of an action, in days: what lies before it was given is left out, and a reminder that had
/// to wait for a working day delays none of the others.
pub fn action_climbing<'a>(action: &Task, policy: &'a Policy) -> Climbing<'a> {
    let zone = &policy.calendar.zone;
    let day = zone.instant(zone.local(action.due_at).date().and_time(NaiveTime::MIN));
    let mut climbing = Climbing::new(&policy.action_ladder, action.climb, action.given_at, day, policy);
    climbing.rungs.retain(|(at, _)| *at > action.given_at);
    if (climbing.climb.done as usize) < climbing.rungs.len() {
        climbing.climb.last_at = None;
    }
    climbing
}

/// The ladder that chases the statement which is wanted now.
pub fn statement_ladder<'a>(incident: &Incident, policy: &'a Policy) -> &'a Ladder {
    match wanted(incident) {
        Some(Wanted::Next) => &policy.customers.next_ladder,
        _ => &policy.customers.first_ladder,
    }
}

/// The ladder of the statement that is due at `due_at`.
pub fn statement_climbing<'a>(
    incident: &Incident,
    due_at: DateTime<Utc>,
    policy: &'a Policy,
) -> Climbing<'a> {
    let ladder = statement_ladder(incident, policy);
    let since = owed_since(incident).unwrap_or(due_at);
    Climbing::new(ladder, incident.statements.climb, since, due_at, policy)
}

/// The ladder that chases the naming of an owner.
pub fn owner_climbing<'a>(postmortem: &Postmortem, policy: &'a Policy) -> Climbing<'a> {
    let since = postmortem.owed_since;
    let due_at = since + policy.postmortem.owner_within;
    Climbing::new(&policy.postmortem.owner_ladder, postmortem.owner_climb, since, due_at, policy)
}

/// The ladder of a postmortem that is due at `due_at`.
pub fn postmortem_climbing<'a>(
    postmortem: &Postmortem,
    due_at: DateTime<Utc>,
    policy: &'a Policy,
) -> Climbing<'a> {
    Climbing::new(&policy.postmortem.ladder, postmortem.climb, postmortem.owed_since, due_at, policy)
}

/// Where no postmortem has a date, the incident closes by itself.
fn close_at(incident: &Incident, policy: &Policy) -> Option<DateTime<Utc>> {
    let resolved_at = incident.resolved_at.filter(|_| incident.phase == super::Phase::Resolved)?;
    let waits = incident
        .postmortem
        .as_ref()
        .is_some_and(|postmortem| postmortem.is_owed() && postmortem.due_at.is_some());
    (!waits).then(|| resolved_at + policy.close_within)
}

/// When the postmortem of an incident resolved at `resolved_at` is due.
pub fn postmortem_due(
    incident: &Incident,
    resolved_at: DateTime<Utc>,
    policy: &Policy,
) -> Option<DateTime<Utc>> {
    match policy.severity(incident.severity_highest).postmortem {
        PostmortemDuty::Within(span) => Some(policy.after(resolved_at, span)),
        PostmortemDuty::AskedOnce | PostmortemDuty::None => None,
    }
}

/// Nobody is woken for what can wait: only an active SEV-1 or SEV-2 cannot.
fn in_working_hours(at: DateTime<Utc>, incident: &Incident, policy: &Policy) -> DateTime<Utc> {
    if incident.phase.is_active() && incident.severity.is_major() {
        at
    } else {
        policy.calendar.next_working(at)
    }
}

/// A ladder, its rungs in the order of their time, and how far it has been climbed.
#[derive(Debug, Clone)]
pub struct Climbing<'a> {
    rungs: Vec<(DateTime<Utc>, &'a Rung)>,
    then: Option<&'a Repeat>,
    climb: Climb,
    due_at: DateTime<Utc>,
    policy: &'a Policy,
}

/// What is to be done on a ladder now.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached<'a> {
    /// How many rungs that remind the deputy have been reached, this one included.
    pub deputy_reminders: usize,
    /// This is a rung, and no repeat after the last.
    pub is_rung: bool,
    pub to: &'a [Party],
    /// The climb after it.
    pub climb: Climb,
}

impl<'a> Climbing<'a> {
    /// `due_at` is what the offsets of the rungs are counted from, `since` when the obligation began.
    pub fn new(
        ladder: &'a Ladder,
        climb: Climb,
        since: DateTime<Utc>,
        due_at: DateTime<Utc>,
        policy: &'a Policy,
    ) -> Self {
        let day = |at| policy.calendar.zone.local(at).date();
        let mut rungs: Vec<_> = ladder
            .rungs
            .iter()
            .map(|rung| (planned(rung, since, due_at, policy), rung))
            // The due day has its own reminder: a share of the time that ends on it says the same.
            .filter(|(at, rung)| {
                !matches!(rung.at, RungAt::BusinessPercent(_)) || day(*at) < day(due_at)
            })
            .collect();
        rungs.sort_by_key(|(at, _)| *at);
        Self { rungs, then: ladder.then.as_ref(), climb, due_at, policy }
    }

    /// When the next reminder is; `None` at the ladder's end.
    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        let index = self.climb.done as usize;
        if let Some((planned, _)) = self.rungs.get(index) {
            let before = index.checked_sub(1).and_then(|index| self.rungs.get(index));
            return Some(match (self.climb.last_at, before) {
                // Escalation starts when people are told: after a late reminder the next keeps its
                // distance.
                (Some(told_at), Some((before, _))) if told_at > *before => {
                    told_at + (*planned - *before)
                }
                _ => *planned,
            });
        }
        let then = self.then?;
        let repeats = index - self.rungs.len();
        if repeats >= then.at_most as usize {
            return None;
        }
        let last = self.climb.last_at.unwrap_or(self.due_at);
        Some(match then.every {
            Span::BusinessDays(days) => self.policy.calendar.opening_after(last, days),
            span => self.policy.after(last, span),
        })
    }

    /// The reminder to send at `now`, if [`Self::next_at`] has come. Rungs to the same people that
    /// were slept through are one reminder, the latest.
    pub fn reached(&self, now: DateTime<Utc>) -> Option<Reached<'a>> {
        let next_at = self.next_at().filter(|at| *at <= now)?;
        let mut index = self.climb.done as usize;
        let Some((_, rung)) = self.rungs.get(index) else {
            return Some(Reached {
                deputy_reminders: 0,
                is_rung: false,
                to: &self.then?.to,
                climb: climbed(index, next_at, now),
            });
        };
        // After a late reminder the rungs behind it are late by as much.
        let late = self.rungs.get(index).map_or(TimeDelta::zero(), |(at, _)| next_at - *at);
        let mut planned = next_at;
        while let Some((at, next)) = self.rungs.get(index + 1) {
            let at = *at + late;
            if next.to != rung.to || at > now {
                break;
            }
            (index, planned) = (index + 1, planned.max(at));
        }
        let reached = self.rungs.iter().take(index + 1);
        Some(Reached {
            deputy_reminders: reached.filter(|(_, rung)| rung.to.contains(&Party::Deputy)).count(),
            is_rung: true,
            to: &rung.to,
            climb: climbed(index, planned, now),
        })
    }
}

fn climbed(index: usize, planned: DateTime<Utc>, now: DateTime<Utc>) -> Climb {
    let told_at = if now - planned > LATE_AFTER { now } else { planned };
    Climb { done: u32::try_from(index + 1).unwrap_or(u32::MAX), last_at: Some(told_at) }
}

fn planned(rung: &Rung, since: DateTime<Utc>, due_at: DateTime<Utc>, policy: &Policy) -> DateTime<Utc> {
    let calendar = &policy.calendar;
    match rung.at {
        RungAt::Offset(offset) => due_at + offset,
        RungAt::BusinessPercent(percent) => calendar.at_percent(since, due_at, percent),
        RungAt::DueDayAt(time) => {
            calendar.zone.instant(calendar.zone.local(due_at).date().and_time(time))
        }
        RungAt::BusinessDaysAfter(days) => calendar.opening_after(due_at, days),
    }
}
