//! The digest's figures: how things stand, and how the period went beside the one before.
//!
//! Never counts incidents as a score and never compares people or teams: whoever is named here is
//! named because they are asked for something. Start with [`figures`].

use chrono::{DateTime, TimeDelta, Utc};

use crate::incident::state::Person;
use crate::incident::task::{Ending, Task, TaskKind};
use crate::incident::{Incident, Phase, Severity};

/// A digest of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct DigestPolicy {
    pub name: String,
    /// Names of lists.
    pub to: Vec<String>,
    /// Five-field cron, in `zone`.
    pub schedule: String,
    pub shows: Shows,
}

/// What a digest is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// How things stand.
    Everything,
    /// The actions that wait until there is time, before it is planned; without any it is not sent.
    Parked,
}

/// What a digest shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Not closed yet; the worst first, then the oldest.
    pub open: Vec<OpenIncident>,
    pub postmortems: Postmortems,
    /// To be done, or declined and not decided; the oldest first.
    pub actions: Vec<ListedAction>,
    /// Parked until there is time; the oldest first.
    pub parked: Vec<ListedAction>,
    pub period: Pace,
    /// The period before, of the same length.
    pub before: Pace,
}

/// An incident that is not closed.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIncident {
    pub number: i64,
    pub title: String,
    /// Nothing but its key and its severity is for the digest's readers.
    pub private: bool,
    pub severity: Severity,
    pub phase: Phase,
    pub age: TimeDelta,
    /// Since the last official update; since the declaration where there was none.
    pub since_update: TimeDelta,
    /// The update that is late, and with whom.
    pub overdue: Option<Overdue>,
}

/// Something late, and who is asked for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Overdue {
    pub number: i64,
    pub title: String,
    pub private: bool,
    pub severity: Severity,
    pub due_at: DateTime<Utc>,
    /// `None` while nobody commands, and for a private incident.
    pub with: Option<Person>,
}

/// An action of an incident, as far as leadership needs to know it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedAction {
    pub incident: i64,
    /// Its number there.
    pub seq: i64,
    pub what: String,
    pub owner: Person,
    pub age: TimeDelta,
    /// `None` for one that is parked or was declined.
    pub due_at: Option<DateTime<Utc>>,
    /// Its owner will not do it, and nobody has decided what becomes of it.
    pub is_declined: bool,
}

/// Actions of one kind that a digest lists; those beyond it are counted.
pub const ACTIONS_MAX: usize = 40;

/// How the postmortems stand.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Postmortems {
    /// Numbers and titles of those published in the period.
    pub published: Vec<(i64, String)>,
    /// Owed, and not late yet; the nearest first.
    pub due: Vec<Overdue>,
    pub late: Vec<Overdue>,
}

/// How a period went: medians over what happened in it; `None` where nothing did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pace {
    /// From declaration to a commander.
    pub to_acknowledge: Option<TimeDelta>,
    /// From declaration to the first official update.
    pub to_first_update: Option<TimeDelta>,
    /// From declaration to resolve.
    pub to_resolve: Option<TimeDelta>,
    /// Per cent of the updates that came before they were due, of the incidents declared in the period.
    pub updates_on_time_percent: Option<u8>,
}

impl Figures {
    /// Nothing is open, nothing is owed and nothing happened: two lines will do.
    pub fn is_quiet(&self) -> bool {
        self.open.is_empty()
            && self.actions.is_empty()
            && self.parked.is_empty()
            && self.postmortems == Postmortems::default()
            && self.period == Pace::default()
    }
}

/// The figures of the period from `from` until `until`, as of its end. Drills are left out; and so are
/// duplicates, each of which counts in the incident that it is one with.
///
/// `update_due` is when an incident's next update is due, where one is.
pub fn figures(
    incidents: &[Incident],
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    update_due: impl Fn(&Incident) -> Option<DateTime<Utc>>,
) -> Figures {
    let counts = |incident: &&Incident| {
        !incident.drill && incident.phase != Phase::Merged && incident.declared_at < until
    };
    let real: Vec<&Incident> = incidents.iter().filter(counts).collect();
    let mut open: Vec<OpenIncident> = real
        .iter()
        .filter(|incident| incident.phase.is_open())
        .map(|incident| read_open(incident, until, update_due(incident)))
        .collect();
    open.sort_by_key(|incident| (incident.severity, -incident.age, incident.number));
    let (parked, actions) = read_actions(&real, until).into_iter().partition(|(kind, _)| *kind);
    let listed = |all: Vec<(bool, ListedAction)>| all.into_iter().map(|(_, action)| action).collect();
    Figures {
        open,
        postmortems: read_postmortems(&real, from, until),
        actions: listed(actions),
        parked: listed(parked),
        period: read_pace(&real, from, until),
        before: read_pace(&real, from - (until - from), from),
    }
}

/// A private incident shows no more than its key and severity.
fn shown_title(incident: &Incident) -> String {
    if incident.private { "Restricted incident".to_owned() } else { incident.title.clone() }
}

fn read_open(incident: &Incident, until: DateTime<Utc>, due: Option<DateTime<Utc>>) -> OpenIncident {
    let first = incident.updates.first_at;
    let last = first.and(incident.updates.counted_from).or(first).unwrap_or(incident.declared_at);
    let due = due.filter(|due| incident.phase.is_active() && *due < until);
    let with = incident.commander().filter(|_| !incident.private);
    OpenIncident {
        number: incident.number,
        title: shown_title(incident),
        private: incident.private,
        severity: incident.severity,
        phase: incident.phase,
        age: until - incident.declared_at,
        since_update: (until - last).max(TimeDelta::zero()),
        overdue: due.map(|due_at| Overdue {
            number: incident.number,
            title: shown_title(incident),
            private: incident.private,
            severity: incident.severity,
            due_at,
            with: with.cloned(),
        }),
    }
}

/// Those that wait for somebody, each with whether it is parked. What is private stays where it is.
fn read_actions(incidents: &[&Incident], until: DateTime<Utc>) -> Vec<(bool, ListedAction)> {
    let is_declined =
        |action: &Task| action.ended.as_ref().is_some_and(|ended| ended.how == Ending::Declined);
    let mut found: Vec<(bool, ListedAction)> = incidents
        .iter()
        .filter(|incident| !incident.private)
        .flat_map(|incident| incident.actions().map(|action| (incident.number, action)))
        .filter(|(_, action)| action.is_open() || is_declined(action))
        .map(|(incident, action)| {
            let is_declined = is_declined(action);
            let is_parked = action.kind == TaskKind::Parked && !is_declined;
            let listed = ListedAction {
                incident,
                seq: action.seq,
                what: action.what.clone(),
                owner: action.owner.clone(),
                age: (until - action.written_at.unwrap_or(action.given_at)).max(TimeDelta::zero()),
                due_at: (action.kind == TaskKind::Action && !is_declined).then_some(action.due_at),
                is_declined,
            };
            (is_parked, listed)
        })
        .collect();
    found.sort_by_key(|(_, action)| (-action.age, action.incident, action.seq));
    found
}

fn read_postmortems(incidents: &[&Incident], from: DateTime<Utc>, until: DateTime<Utc>) -> Postmortems {
    let mut found = Postmortems::default();
    for incident in incidents {
        let Some(postmortem) = &incident.postmortem else { continue };
        if postmortem.published_at.is_some_and(|at| from <= at && at < until) {
            found.published.push((incident.number, shown_title(incident)));
        }
        // A reopened incident owes its postmortem only when it is resolved again.
        let is_owed = postmortem.is_owed() && incident.phase == Phase::Resolved;
        let Some(due_at) = postmortem.due_at.filter(|_| is_owed) else { continue };
        let owed = Overdue {
            number: incident.number,
            title: shown_title(incident),
            private: incident.private,
            severity: incident.severity,
            due_at,
            with: Some(&postmortem.owner).filter(|_| !incident.private).cloned(),
        };
        if due_at < until { found.late.push(owed) } else { found.due.push(owed) }
    }
    found.due.sort_by_key(|owed| (owed.due_at, owed.number));
    found.late.sort_by_key(|owed| (owed.due_at, owed.number));
    found.published.sort();
    found
}

/// Each figure is of the period in which the thing happened, so that a long incident counts in the
/// period in which it ended.
fn read_pace(incidents: &[&Incident], from: DateTime<Utc>, until: DateTime<Utc>) -> Pace {
    let spans = |happened: fn(&Incident) -> Option<DateTime<Utc>>| {
        let spans = incidents.iter().filter_map(|incident| {
            let at = happened(incident).filter(|at| from <= *at && *at < until)?;
            Some((at - incident.declared_at).max(TimeDelta::zero()))
        });
        median(spans.collect())
    };
    let declared = || {
        incidents.iter().filter(|incident| from <= incident.declared_at && incident.declared_at < until)
    };
    let on_time: u64 = declared().map(|incident| u64::from(incident.updates.on_time)).sum();
    let late: u64 = declared().map(|incident| u64::from(incident.updates.late)).sum();
    Pace {
        to_acknowledge: spans(|incident| incident.first_commanded_at),
        to_first_update: spans(|incident| incident.updates.first_at),
        to_resolve: spans(|incident| incident.resolved_at),
        updates_on_time_percent: (on_time * 100)
            .checked_div(on_time + late)
            .and_then(|percent| u8::try_from(percent).ok()),
    }
}

/// The middle one; of two in the middle their mean.
fn median(mut spans: Vec<TimeDelta>) -> Option<TimeDelta> {
    spans.sort();
    let upper = *spans.get(spans.len() / 2)?;
    if spans.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *spans.get((spans.len() / 2).checked_sub(1)?)?;
    Some((lower + upper) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::state::{Climb, Command, Postmortem, Updates};
    use crate::mail::Address;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-{text}:00Z").parse().unwrap()
    }
    fn person() -> Person {
        Person { address: Address::read("alice@x.example").unwrap(), name: "Alice".into() }
    }
    fn incident(number: i64, declared: &str, severity: Severity, phase: Phase) -> Incident {
        Incident {
            phase,
            phase_assumed: false,
            command: Command::Held { by: person(), since: at(declared), offered_on: None },
            ..Incident::new(number, &format!("Incident {number}"), severity, person(), at(declared))
        }
    }
    fn postmortem(due: &str, published: Option<&str>) -> Postmortem {
        Postmortem {
            owner: person(),
            owner_named: true,
            due_at: Some(at(due)),
            owed_since: at(due) - TimeDelta::days(3),
            sections: Default::default(),
            submitted_at: None,
            published_at: published.map(at),
            waived: None,
            owner_climb: Climb::default(),
            climb: Climb::default(),
        }
    }

    #[test]
    fn open_incidents_come_worst_first_with_what_is_late() {
        let mut second = incident(2, "20T10:00", Severity::Sev1, Phase::Identified);
        second.updates.first_at = Some(at("20T10:30"));
        second.updates.counted_from = Some(at("20T11:00"));
        let incidents = [
            incident(1, "19T10:00", Severity::Sev3, Phase::Triage),
            second,
            incident(3, "18T10:00", Severity::Sev1, Phase::Closed),
            Incident { drill: true, ..incident(4, "18T10:00", Severity::Sev1, Phase::Triage) },
        ];
        let due = |incident: &Incident| (incident.number == 2).then(|| at("20T11:30"));
        let found = figures(&incidents, at("14T12:00"), at("20T12:00"), due);
        assert_eq!(found.open.iter().map(|open| open.number).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(found.open[0].since_update, TimeDelta::minutes(60));
        assert_eq!(found.open[0].overdue.as_ref().and_then(|late| late.with.clone()), Some(person()));
        assert_eq!(found.open[1].since_update, TimeDelta::hours(26));
        assert_eq!(found.open[1].overdue, None);
        assert!(!found.is_quiet());
    }

    #[test]
    fn a_duplicate_is_no_incident_of_its_own() {
        let mut duplicate = incident(1, "20T10:00", Severity::Sev1, Phase::Merged);
        duplicate.first_commanded_at = Some(at("20T11:00"));
        duplicate.updates = Updates { first_at: Some(at("20T12:00")), late: 3, ..Updates::default() };
        assert!(figures(&[duplicate], at("14T00:00"), at("21T00:00"), |_| None).is_quiet());
    }

    #[test]
    fn a_figure_counts_in_the_period_in_which_it_happened() {
        let mut early = incident(1, "12T10:00", Severity::Sev2, Phase::Closed);
        early.first_commanded_at = Some(at("12T10:10"));
        early.resolved_at = Some(at("15T10:00"));
        early.updates = Updates { on_time: 1, late: 1, ..Updates::default() };
        let mut late = incident(2, "16T10:00", Severity::Sev2, Phase::Closed);
        late.first_commanded_at = Some(at("16T10:04"));
        late.updates = Updates { first_at: Some(at("16T10:20")), on_time: 3, ..Updates::default() };
        late.resolved_at = Some(at("16T11:00"));
        let found = figures(&[early, late], at("14T00:00"), at("21T00:00"), |_| None);
        assert_eq!(found.period.to_acknowledge, Some(TimeDelta::minutes(4)));
        assert_eq!(found.period.to_first_update, Some(TimeDelta::minutes(20)));
        assert_eq!(found.period.to_resolve, Some(TimeDelta::minutes((72 * 60 + 60) / 2)));
        assert_eq!(found.period.updates_on_time_percent, Some(100));
        assert_eq!(found.before.to_acknowledge, Some(TimeDelta::minutes(10)));
        assert_eq!(found.before.to_first_update, None);
        assert_eq!(found.before.updates_on_time_percent, Some(50));
    }

    #[test]
    fn postmortems_are_published_due_or_late() {
        let with = |number, due, published| Incident {
            postmortem: Some(postmortem(due, published)),
            ..incident(number, "10T10:00", Severity::Sev1, Phase::Resolved)
        };
        let incidents = [
            with(1, "18T17:00", Some("18T12:00")),
            with(2, "12T17:00", Some("12T12:00")),
            with(3, "23T17:00", None),
            with(4, "19T17:00", None),
        ];
        let found = figures(&incidents, at("14T00:00"), at("21T00:00"), |_| None).postmortems;
        let numbers = |owed: &[Overdue]| owed.iter().map(|owed| owed.number).collect::<Vec<_>>();
        assert_eq!(found.published, [(1, "Incident 1".to_owned())]);
        assert_eq!(numbers(&found.due), [3]);
        assert_eq!(numbers(&found.late), [4]);
    }

    #[test]
    fn of_a_private_incident_only_key_and_severity_get_in() {
        let open = incident(1, "19T10:00", Severity::Sev2, Phase::Identified);
        let owing = Incident {
            postmortem: Some(postmortem("18T17:00", None)),
            ..incident(2, "10T10:00", Severity::Sev1, Phase::Resolved)
        };
        let incidents = [open, owing].map(|incident| Incident { private: true, ..incident });
        let due = |incident: &Incident| (incident.number == 1).then(|| at("20T11:30"));
        let found = figures(&incidents, at("14T00:00"), at("21T00:00"), due);
        assert!(found.open.iter().all(|open| open.private));
        assert_eq!(found.postmortems.late.len(), 1);
        let told = format!("{found:?}");
        assert!(!told.contains("Alice") && !told.contains("Incident 1"), "{told}");
    }

    #[test]
    fn a_reopened_incident_is_not_late_with_its_postmortem() {
        let reopened = Incident {
            postmortem: Some(postmortem("18T17:00", None)),
            ..incident(1, "10T10:00", Severity::Sev1, Phase::Investigating)
        };
        let found = figures(&[reopened], at("14T00:00"), at("21T00:00"), |_| None);
        assert_eq!(found.postmortems, Postmortems::default());
    }

    #[test]
    fn a_period_without_anything_is_quiet() {
        assert!(figures(&[], at("14T00:00"), at("21T00:00"), |_| None).is_quiet());
        assert_eq!(median(Vec::new()), None);
    }
}
