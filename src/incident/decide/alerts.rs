//! An alert that belongs to an incident: counted always, told in the timeline when it is news, and never
//! resolving anything.
//!
//! Nobody gets a copy of an alert: two hundred of them are a count and a few entries. Start with
//! [`Step::hear_alert`].

use chrono::TimeDelta;

use super::Step;
use crate::alerts::Signal;
use crate::alerts::group::{Noted, Things};
use crate::incident::alerts::{Alerted, Alerts, alerts_named, all_recovered_at, ask_whether_over_at};
use crate::incident::decision::{EntryKind, Says};
use crate::incident::event::Source;
use crate::incident::state::{Command as InCommand, Person};

/// Groups of one incident that are told apart: more than are ever held together.
const GROUPS_MAX: usize = 200;
/// So often an entry says at once that a group fires again or has recovered; then once in
/// [`TOLD_EVERY`], with the count.
const TURNS_TOLD: u32 = 6;
const TOLD_EVERY: TimeDelta = TimeDelta::minutes(30);

impl Step<'_> {
    pub(super) fn hear_alert(&mut self, alerted: &Alerted) {
        let Alerted { alert, .. } = alerted;
        let index = match self.incident.alerts.iter().position(|alerts| alerts.group == alert.group) {
            Some(index) => index,
            None if self.incident.alerts.len() >= GROUPS_MAX => return,
            None => self.add_alerts(alerted),
        };
        let now = self.now;
        let Some(alerts) = self.incident.alerts.get_mut(index) else { return };
        let noted = alerts.things.note(alert);
        alerts.count = alerts.count.saturating_add(1);
        alerts.last_at = now;
        alerts.recovered_at =
            if alerts.things.any_fires() { None } else { alerts.recovered_at.or(Some(now)) };
        let is_turn = noted == Noted::Turned || alert.signal == Signal::Remark;
        let is_late = now - alerts.told_at >= TOLD_EVERY;
        let is_told = noted == Noted::New || (is_turn && alerts.turns < TURNS_TOLD) || is_late;
        if is_told {
            alerts.told_at = now;
            alerts.turns += u32::from(is_turn);
            let count = alerts.count;
            self.record_alert(alerted, noted, count);
        }
        if alert.signal == Signal::Firing && !self.incident.phase.is_active() {
            self.tell_fires_again(index);
        }
        self.ask_whether_over();
    }

    fn add_alerts(&mut self, alerted: &Alerted) -> usize {
        let alert = &alerted.alert;
        self.incident.alerts.push(Alerts {
            group: alert.group.clone(),
            rule: alert.rule.clone(),
            title: alert.title.clone(),
            things: Things::default(),
            count: 0,
            last_at: self.now,
            recovered_at: None,
            turns: 0,
            told_at: self.now,
            fires_again_at: None,
        });
        self.incident.alerts.len() - 1
    }

    /// The alert that declares an incident: what it says is in the declaration.
    pub(super) fn declared_by_alert(&mut self, alerted: &Alerted) {
        let index = self.add_alerts(alerted);
        if let Some(alerts) = self.incident.alerts.get_mut(index) {
            alerts.things.note(&alerted.alert);
            alerts.count = 1;
            if let Some(counted) = &alerted.counted {
                alerts.things = counted.things.clone();
                (alerts.count, alerts.last_at) = (counted.count, counted.last_at);
            }
        }
        // Nobody stated them: they are in no entry of anybody's.
        self.incident.services.extend(alerted.alert.service.clone());
        self.incident.links.extend(alerted.alert.link.clone());
        self.incident.declared_by_rule = Some(alerted.alert.rule.clone());
    }

    fn record_alert(&mut self, alerted: &Alerted, noted: Noted, count: u32) {
        let alert = &alerted.alert;
        let what = match (alert.signal, noted) {
            (Signal::Firing, Noted::New | Noted::Same) => "fires",
            (Signal::Firing, Noted::Turned) => "fires again",
            (Signal::Recovered, _) => "has recovered",
            (Signal::Remark, _) => "is remarked upon",
        };
        let counted =
            if count > 1 { format!(" {count} alerts of its group so far.") } else { String::new() };
        let mut text = format!("{} {what} (alert rule {}).{counted}", alert.thing, alert.rule);
        // What is known already is not told again.
        if noted == Noted::New || alert.signal == Signal::Remark {
            text = format!("{text}\n\n{}", alert.text);
        }
        self.record(EntryKind::Filed, None, text.trim_end().to_owned(), alerted.source.clone());
        if let Some(entry) = self.entries.last_mut() {
            entry.proof.clone_from(&alerted.proof);
        }
    }

    /// Asks whoever may say so whether it is over, when it is time to.
    pub(super) fn ask_whether_over(&mut self) {
        if ask_whether_over_at(&self.incident).is_none_or(|at| at > self.now) {
            return;
        }
        let Some(recovered_at) = all_recovered_at(&self.incident) else { return };
        self.incident.recovery.done += 1;
        self.incident.recovery.last_at = Some(self.now);
        let asked: Vec<Person> = match &self.incident.command {
            InCommand::Held { by, .. } => vec![by.clone()],
            InCommand::Offered { to, .. } => to.clone(),
        };
        let names: Vec<&str> = asked.iter().map(Person::shown).collect();
        let named = alerts_named(&self.incident);
        let text = format!("Asked {} whether it is over: {named} has recovered.", names.join(", "));
        self.record(EntryKind::Reminder, None, text, Source::default());
        for person in asked {
            self.mail_person(&person, Says::Recovered { recovered_at });
        }
    }

    /// The commander is told once that an alert fires though the incident has ended.
    fn tell_fires_again(&mut self, index: usize) {
        let ended_at = self.incident.resolved_at.or(self.incident.closed_at);
        let Some(alerts) = self.incident.alerts.get_mut(index) else { return };
        if alerts
            .fires_again_at
            .is_some_and(|told_at| ended_at.is_some_and(|ended_at| told_at >= ended_at))
        {
            return;
        }
        alerts.fires_again_at = Some(self.now);
        let title = alerts.title.clone();
        let to = self.incident.commander().unwrap_or(&self.incident.reporter).clone();
        let text = format!("Told {} that the alert {title} fires again.", to.shown());
        self.record(EntryKind::Reminder, None, text, Source::default());
        self.mail_person(&to, Says::FiresAgain { title });
    }
}
