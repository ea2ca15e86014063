//! A group of alerts while no incident has it: who was asked, until when, and what the next alert of it
//! means.
//!
//! Nothing here knows the database or the mail. An alert may come twice, late, or after the answer that
//! settled it. Start with [`next`].

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Alert, Signal, Threshold};
use crate::incident::state::Person;

/// What fires again within this span after its incident ended belongs to it still: whoever resolved it
/// is told, and a monitor that repeats itself declares nothing.
const BELONGS_WITHIN: TimeDelta = TimeDelta::hours(1);
/// An acknowledged alert that goes on for longer asks again.
const ACKNOWLEDGED_WITHIN: TimeDelta = TimeDelta::days(1);
/// Things of one group that are told apart; with more of them nobody proposes that all have recovered.
const THINGS_MAX: usize = 50;

/// Which things of a group fire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Things {
    /// By what they are called: whether they fire.
    known: BTreeMap<String, bool>,
    /// More than are told apart have fired.
    beyond: bool,
}

/// What an alert says that was not known of its thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It fires for the first time.
    New,
    /// It fires again, or has recovered.
    Turned,
    Same,
}

impl Things {
    /// Takes in what an alert says.
    pub fn note(&mut self, alert: &Alert) -> Noted {
        let fires = match alert.signal {
            Signal::Firing => true,
            Signal::Recovered => false,
            Signal::Remark => return Noted::Same,
        };
        let is_full = self.known.len() >= THINGS_MAX;
        match self.known.get_mut(&alert.thing) {
            Some(before) if *before == fires => Noted::Same,
            Some(before) => {
                *before = fires;
                Noted::Turned
            }
            // The recovery of what nobody heard of is no news.
            None if !fires => Noted::Same,
            None if is_full => {
                self.beyond = true;
                Noted::Same
            }
            None => {
                self.known.insert(alert.thing.clone(), true);
                Noted::New
            }
        }
    }

    /// Whether any of them fires, as far as is known.
    pub fn any_fires(&self) -> bool {
        self.beyond || self.known.values().any(|fires| *fires)
    }
}

/// A group that no incident has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub state: State,
    pub things: Things,
    /// Alerts since the first.
    pub count: u32,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    /// The first: what an incident is declared with.
    pub alert: Alert,
    /// The message that it came in.
    pub inbound: i64,
    /// By what its sender was believed.
    pub proof: String,
}

/// How far a group is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Somebody was asked; it declares itself then.
    Waiting { until: DateTime<Utc> },
    /// Somebody looks after it.
    Acknowledged { by: Person, at: DateTime<Utc> },
    /// It has declared an incident, or has recovered before.
    Settled,
}

/// The incident that a group declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub number: i64,
    /// When it ended; `None` while it is active.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What an alert means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It belongs to this incident.
    Join(i64),
    Declare,
    /// Somebody is asked, and it declares itself then.
    Ask {
        until: DateTime<Utc>,
    },
    /// Somebody was asked already.
    Count,
    /// It is kept.
    File,
}

/// What an alert means, after what is known of its group.
pub fn next(
    group: Option<&Group>,
    standing: Option<Standing>,
    alert: &Alert,
    threshold: Threshold,
    now: DateTime<Utc>,
) -> Next {
    if let Some(Standing { number, ended_at }) = standing
        && ended_at.is_none_or(|ended_at| now - ended_at < BELONGS_WITHIN)
    {
        return Next::Join(number);
    }
    let is_asked = group.is_some_and(|group| match &group.state {
        State::Waiting { .. } => true,
        State::Acknowledged { at, .. } => now - *at < ACKNOWLEDGED_WITHIN,
        State::Settled => false,
    });
    match (alert.signal, threshold) {
        (Signal::Firing, Threshold::AtOnce) => Next::Declare,
        (_, _) if is_asked => Next::Count,
        (Signal::Firing, Threshold::Unacknowledged(within)) => Next::Ask { until: now + within },
        (_, _) => Next::File,
    }
}

impl Group {
    /// A group that begins with an alert.
    pub fn new(alert: Alert, inbound: i64, proof: String, now: DateTime<Utc>) -> Self {
        let mut things = Things::default();
        things.note(&alert);
        let (first_at, last_at) = (now, now);
        Self { state: State::Settled, things, count: 1, first_at, last_at, alert, inbound, proof }
    }

    /// Takes in another alert. What somebody acknowledged is settled once it has recovered.
    pub fn count(&mut self, alert: &Alert, now: DateTime<Utc>) {
        self.things.note(alert);
        self.count = self.count.saturating_add(1);
        self.last_at = now;
        if matches!(self.state, State::Acknowledged { .. }) && !self.things.any_fires() {
            self.state = State::Settled;
        }
    }

    /// When somebody must look at it again.
    pub fn wake_at(&self) -> Option<DateTime<Utc>> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Acknowledged { .. } | State::Settled => None,
        }
    }

    /// Nobody answered in time: whether it is declared. What has recovered meanwhile is not.
    pub fn is_declared_at(&self, now: DateTime<Utc>) -> bool {
        self.wake_at().is_some_and(|until| until <= now) && self.things.any_fires()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn alert(thing: &str, signal: Signal) -> Alert {
        Alert {
            rule: "r".to_owned(),
            group: "g".to_owned(),
            title: thing.to_owned(),
            thing: thing.to_owned(),
            signal,
            severity: None,
            service: None,
            link: None,
            text: String::new(),
        }
    }

    fn waiting() -> Group {
        let mut group = Group::new(alert("a", Signal::Firing), 1, String::new(), at(0));
        group.state = State::Waiting { until: at(10) };
        group
    }

    const ASKED: Threshold = Threshold::Unacknowledged(TimeDelta::minutes(10));

    #[test]
    fn an_alert_of_an_active_incident_joins_it_whatever_the_rule_says() {
        for threshold in [Threshold::AtOnce, ASKED, Threshold::FileOnly] {
            for signal in [Signal::Firing, Signal::Recovered, Signal::Remark] {
                let active = Some(Standing { number: 7, ended_at: None });
                assert_eq!(next(None, active, &alert("a", signal), threshold, at(0)), Next::Join(7));
                let ended = Some(Standing { number: 7, ended_at: Some(at(-59)) });
                assert_eq!(next(None, ended, &alert("a", signal), threshold, at(0)), Next::Join(7));
                let long = Some(Standing { number: 7, ended_at: Some(at(-60)) });
                assert_ne!(next(None, long, &alert("a", signal), threshold, at(0)), Next::Join(7));
            }
        }
    }

    #[test]
    fn each_threshold_does_what_it_says() {
        let firing = alert("a", Signal::Firing);
        let now = at(3);
        assert_eq!(next(None, None, &firing, Threshold::AtOnce, now), Next::Declare);
        assert_eq!(next(None, None, &firing, ASKED, now), Next::Ask { until: at(13) });
        assert_eq!(next(None, None, &firing, Threshold::FileOnly, now), Next::File);
        assert_eq!(next(Some(&waiting()), None, &firing, ASKED, now), Next::Count);
        assert_eq!(next(Some(&waiting()), None, &firing, Threshold::AtOnce, now), Next::Declare);
        for threshold in [Threshold::AtOnce, ASKED, Threshold::FileOnly] {
            for signal in [Signal::Recovered, Signal::Remark] {
                assert_eq!(next(None, None, &alert("a", signal), threshold, now), Next::File);
            }
        }
    }

    #[test]
    fn what_was_acknowledged_asks_again_after_it_recovered_or_after_a_day() {
        let firing = alert("a", Signal::Firing);
        let by =
            Person { address: crate::mail::Address::read("a@x.example").unwrap(), name: String::new() };
        let mut group = Group { state: State::Acknowledged { by, at: at(1) }, ..waiting() };
        assert_eq!(next(Some(&group), None, &firing, ASKED, at(60)), Next::Count);
        assert!(matches!(next(Some(&group), None, &firing, ASKED, at(1441)), Next::Ask { .. }));
        group.count(&alert("a", Signal::Recovered), at(61));
        assert_eq!(group.state, State::Settled);
        assert!(matches!(next(Some(&group), None, &firing, ASKED, at(62)), Next::Ask { .. }));
    }

    #[test]
    fn what_has_recovered_before_its_time_is_not_declared() {
        let mut group = waiting();
        assert!(!group.is_declared_at(at(9)) && group.is_declared_at(at(10)));
        group.count(&alert("b", Signal::Firing), at(2));
        group.count(&alert("a", Signal::Recovered), at(3));
        assert!(group.is_declared_at(at(10)), "another thing of it fires");
        group.count(&alert("b", Signal::Recovered), at(4));
        assert!(!group.is_declared_at(at(10)));
        assert_eq!(group.count, 4);
    }

    #[test]
    fn with_more_things_than_are_told_apart_nobody_says_that_all_have_recovered() {
        let mut things = Things::default();
        for number in 0..=THINGS_MAX {
            things.note(&alert(&number.to_string(), Signal::Firing));
        }
        for number in 0..=THINGS_MAX {
            things.note(&alert(&number.to_string(), Signal::Recovered));
        }
        assert!(things.any_fires());
        assert_eq!(things.known.len(), THINGS_MAX);
    }
}
