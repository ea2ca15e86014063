//! Alerts of monitoring systems: each joins the incident of its group, declares one, has somebody asked
//! first, or is kept.
//!
//! What an alert means is said by `alerts::group`, what it does to an incident by `decide`. Start with
//! [`Batch::take_alert`]; [`Batch::wake_alert`] is what follows when nobody answers.

use chrono::{DateTime, Utc};

use super::batch::Batch;
use super::outgoing::Outgoing;
use crate::alerts::group::{Group, Next, Standing, State, next};
use crate::alerts::{Alert, Seen, Threshold};
use crate::incident::alerts::{Alerted, Counted};
use crate::incident::event::{Declared, Event, Source, Speaker, Trust, Waits};
use crate::incident::related::Others;
use crate::incident::state::Person;
use crate::interpret::{Wanted, alert_of, clues};
use crate::mail::command::Written;
use crate::mail::compose::Letter;
use crate::mail::{Address, InboundMail, OwnAddress};
use crate::render::alert::{AlertIgnored, render_alert_ignored, render_alert_settled, render_ask};
use crate::roster::levels::Rank;
use crate::store::StoreError;
use crate::store::rows::{InboundState, NewInbound, Route, StoredGroup};

/// Incidents an hour that alerts declare: of one rule, and of all together. People have as many of
/// their own, so that no monitor uses up what they may declare.
const DECLARATIONS_A_RULE: i64 = 5;
const DECLARATIONS_IN_ALL: i64 = 30;
/// Alerts an hour about which somebody is asked: a storm of groups asks about these, and the others
/// declare themselves, within their own limits.
const ASKED_IN_ALL: i64 = 30;
/// Answers that were not understood: each shows the question again.
const ASKED_AGAIN: i64 = 5;

impl Batch {
    /// What an alert does, whose sender is believed.
    pub(super) async fn take_alert(
        &mut self,
        message: &NewInbound,
        mail: &InboundMail,
        alert: Alert,
        threshold: Threshold,
        proof: String,
    ) -> Result<(InboundState, Option<i64>), StoreError> {
        self.became.push(format!(
            "{} of the alert rule {}, proven by {proof}",
            alert.signal.name(),
            alert.rule
        ));
        let stored = self.write.load_alert_group(&alert.group).await?;
        let standing = self.standing(stored.as_ref()).await?;
        let group = stored.as_ref().map(|stored| &stored.group);
        match next(group, standing, &alert, threshold, self.now) {
            Next::Join(number) => {
                let source = source_of(mail);
                let alerted = Alerted { alert, counted: None, proof, source };
                self.step(number, &Event::Alerted(alerted)).await?;
                Ok((InboundState::Read, Some(number)))
            }
            Next::Declare => {
                let mut kept = match stored {
                    // Those that were counted meanwhile are of this incident.
                    Some(stored) if matches!(stored.group.state, State::Waiting { .. }) => {
                        let mut stored = stored;
                        stored.group.count(&alert, self.now);
                        stored.group.alert = alert;
                        self.write.hold_with(message.id, stored.group.inbound).await?;
                        stored
                    }
                    other => self.begin_group(other, Group::new(alert, message.id, proof, self.now)),
                };
                if !self.may_declare(&kept.group.alert.rule).await? {
                    self.hold(message, mail, Waits::TooManyAlerts).await?;
                    return Ok((InboundState::Held, None));
                }
                let number = self.declare_alert(&mut kept, source_of(mail), None).await?;
                Ok((InboundState::Read, Some(number)))
            }
            Next::Ask { until } => {
                let group = Group::new(alert, message.id, proof, self.now);
                let mut kept = self.begin_group(stored, group);
                kept.group.state = State::Waiting { until };
                self.ask_about(&kept, until).await?;
                self.save_group(&kept).await?;
                Ok((InboundState::Filed, None))
            }
            Next::Count => {
                if let Some(mut stored) = stored {
                    stored.group.count(&alert, self.now);
                    self.write.hold_with(message.id, stored.group.inbound).await?;
                    self.save_group(&stored).await?;
                }
                self.became.push("counted, somebody was asked about its group".to_owned());
                Ok((InboundState::Filed, None))
            }
            Next::File => {
                self.became.push("an alert that is filed".to_owned());
                Ok((InboundState::Filed, None))
            }
        }
    }

    /// A group that begins now, in the row of the one before it.
    fn begin_group(&self, before: Option<StoredGroup>, group: Group) -> StoredGroup {
        match before {
            Some(before) => StoredGroup { group, ..before },
            None => StoredGroup {
                key: group.alert.group.clone(),
                id: self.engine.ids.next(self.now),
                version: 0,
                incident: None,
                group,
            },
        }
    }

    async fn standing(&mut self, stored: Option<&StoredGroup>) -> Result<Option<Standing>, StoreError> {
        let Some(number) = stored.and_then(|stored| stored.incident) else { return Ok(None) };
        let number = self.led_to(number).await?;
        Ok(self.incident(number).map(|incident| {
            let ended_at = incident.resolved_at.or(incident.closed_at);
            let ended_at = ended_at.or(Some(incident.last_entry_at));
            Standing { number, ended_at: ended_at.filter(|_| !incident.phase.is_active()) }
        }))
    }

    async fn save_group(&mut self, stored: &StoredGroup) -> Result<(), StoreError> {
        self.write.save_alert_group(stored).await?;
        self.alerts_changed = true;
        Ok(())
    }

    async fn may_declare(&mut self, rule: &str) -> Result<bool, StoreError> {
        let by_rule = self.write.count_use(&format!("declare-alert:{rule}"), self.now).await?;
        let in_all = self.write.count_use("declare-alert", self.now).await?;
        Ok(by_rule <= DECLARATIONS_A_RULE && in_all <= DECLARATIONS_IN_ALL)
    }

    /// Declares the incident that a group of alerts is. Its reporter is who answers for it: `by`, who
    /// said so, or who is on call.
    async fn declare_alert(
        &mut self,
        stored: &mut StoredGroup,
        source: Source,
        by: Option<Person>,
    ) -> Result<i64, StoreError> {
        let group = &mut stored.group;
        let alert = group.alert.clone();
        let person = match &by {
            Some(by) => by.clone(),
            None => self.who_answers_for(&alert).await?,
        };
        let number = self.write.next_incident_number().await?;
        let declared = Declared {
            by: Speaker { person, trust: Trust::Verified, known: true, proof: group.proof.clone() },
            accepted_by: by,
            number,
            title: alert.title.clone(),
            severity: alert.severity,
            private: false,
            drill: false,
            written: Written { prose: alert.text.clone(), ..Written::default() },
            others: Others::new(),
            source: Source { no_receipt: true, ..source.clone() },
            alert: Some(Box::new(Alerted {
                alert,
                counted: Some(Counted {
                    count: group.count,
                    things: group.things.clone(),
                    last_at: group.last_at,
                }),
                proof: group.proof.clone(),
                source,
            })),
        };
        group.state = State::Settled;
        let first = group.inbound;
        stored.incident = Some(number);
        self.step(number, &Event::Declared(declared)).await?;
        self.save_thread_root(number).await?;
        self.save_group(stored).await?;
        self.write.link_alerts(first, number).await?;
        Ok(number)
    }

    /// Who is asked about an alert: whoever is on call for its service, else the commander on call, the
    /// next who can be reached, or the operator.
    async fn who_answers_for(&mut self, alert: &Alert) -> Result<Person, StoreError> {
        let policy = self.policy.clone();
        let service = alert.service.as_deref().and_then(|name| policy.roster.service(name));
        let levels =
            service.map(|service| policy.roster.levels_of(service, self.now)).unwrap_or_default();
        let levels = levels.into_iter().filter(|level| level.rank != Rank::Leadership);
        for address in levels.flat_map(|level| level.people) {
            if self.why_dead(&address).await?.is_none() {
                return Ok(policy.roster.person(&address, ""));
            }
        }
        let address = self.who_decides().await?;
        // To our own address nothing is sent: nobody is there to be told.
        let address = address.unwrap_or_else(|| self.policy.address.address().clone());
        Ok(self.policy.roster.person(&address, ""))
    }

    /// Asks somebody to look at an alert before it declares itself.
    async fn ask_about(&mut self, stored: &StoredGroup, until: DateTime<Utc>) -> Result<(), StoreError> {
        if self.write.count_use("alert-asked", self.now).await? > ASKED_IN_ALL {
            self.became.push("waits, and nobody is asked: too many in this hour".to_owned());
            return Ok(());
        }
        let person = self.who_answers_for(&stored.group.alert).await?;
        let letter = render_ask(&self.policy, stored.id, &stored.group, until);
        self.became.push(format!("{} was asked about it", person.shown()));
        self.send_about(stored.id, &letter, &person.address).await
    }

    async fn send_about(&mut self, id: i64, letter: &Letter, to: &Address) -> Result<(), StoreError> {
        if self.policy.address.tag_of(to).is_some() {
            return Ok(());
        }
        let token = self.engine.secret.alert_token(id, to);
        let name = self.policy.roster.person(to, "").name;
        let copies = vec![(to.clone(), Some(token))];
        let reply_tag = Some(format!("ack.{id}"));
        let outgoing = Outgoing { reply_tag, ..Outgoing::new(letter, (name, to.clone()), copies) };
        self.store(outgoing).await.map(drop)
    }

    /// Somebody answers the question about an alert. Whoever comes too late is told so.
    pub(super) async fn answer_alert(
        &mut self,
        id: i64,
        by: Person,
        wanted: Wanted,
    ) -> Result<Option<i64>, StoreError> {
        let stored = self.write.load_alert_group_of(id).await?;
        let Some(mut stored) = stored else { return self.tell_settled(None, &by).await };
        let until = match stored.group.state {
            State::Waiting { until } => until,
            State::Acknowledged { .. } if wanted == Wanted::Declare => self.now,
            State::Acknowledged { .. } | State::Settled => {
                return self.tell_settled(Some(&stored), &by).await;
            }
        };
        match wanted {
            Wanted::Acknowledge => {
                self.became.push(format!("{} looks after the alert", by.shown()));
                stored.group.state = State::Acknowledged { by, at: self.now };
                self.save_group(&stored).await?;
                Ok(None)
            }
            Wanted::Declare => {
                let number = self.declare_alert(&mut stored, Source::default(), Some(by)).await?;
                Ok(Some(number))
            }
            Wanted::Unclear => {
                self.became.push("did not say what is to be done".to_owned());
                let again = format!("alert-again:{id}");
                if self.write.count_use(&again, self.now).await? <= ASKED_AGAIN {
                    let letter = render_ask(&self.policy, id, &stored.group, until);
                    self.send_about(id, &letter, &by.address).await?;
                }
                Ok(None)
            }
        }
    }

    async fn tell_settled(
        &mut self,
        stored: Option<&StoredGroup>,
        by: &Person,
    ) -> Result<Option<i64>, StoreError> {
        self.became.push("the alert waits for no answer any more".to_owned());
        let group = stored.map(|stored| &stored.group);
        let incident = stored.and_then(|stored| stored.incident);
        let letter = render_alert_settled(&self.policy, group, incident, self.now);
        self.store_single(&letter, &by.address, None, None).await?;
        Ok(None)
    }

    /// Nobody answered in time: what still fires is declared. Does nothing the second time.
    pub(super) async fn wake_alert(&mut self, id: i64) -> Result<bool, StoreError> {
        let Some(mut stored) = self.write.load_alert_group_of(id).await? else { return Ok(false) };
        if stored.group.wake_at().is_none_or(|until| until > self.now) {
            return Ok(false);
        }
        if !stored.group.is_declared_at(self.now) {
            stored.group.state = State::Settled;
            self.save_group(&stored).await?;
            return Ok(true);
        }
        if self.may_declare(&stored.group.alert.rule).await? {
            self.declare_alert(&mut stored, Source::default(), None).await?;
            return Ok(true);
        }
        stored.group.state = State::Settled;
        self.save_group(&stored).await?;
        let first = stored.group.inbound;
        if let Some((message, _)) = self.write.load_inbound(first).await? {
            let mail = self.read_stored(&message);
            self.hold(&message, &mail, Waits::TooManyAlerts).await?;
            let reason = self.look.take();
            let state = InboundState::Held;
            self.write.mark_inbound(first, state, None, reason.as_deref(), self.now).await?;
        }
        Ok(true)
    }

    /// Somebody accepts a held alert: the incident that it is, or nothing where no rule knows it now.
    pub(super) async fn accept_alert(
        &mut self,
        message: &NewInbound,
        mail: &InboundMail,
        by: &Person,
    ) -> Result<Option<i64>, StoreError> {
        let Some(alert) = self.held_alert(message, mail) else { return Ok(None) };
        let stored = self.write.load_alert_group(&alert.group).await?;
        let proof = format!("the word of {}", by.address);
        let mut kept = self.begin_group(stored, Group::new(alert, message.id, proof, self.now));
        self.declare_alert(&mut kept, source_of(mail), Some(by.clone())).await.map(Some)
    }

    /// An alert that was held together with one that is accepted now belongs to the same incident;
    /// whether it is one.
    pub(super) async fn join_held_alert(
        &mut self,
        number: i64,
        message: &NewInbound,
        mail: &InboundMail,
    ) -> Result<bool, StoreError> {
        let Some(alert) = self.held_alert(message, mail) else { return Ok(false) };
        let stored = self.write.load_alert_group(&alert.group).await?;
        let proof = "acceptance of the report it was held with".to_owned();
        let group = Group::new(alert.clone(), message.id, proof.clone(), self.now);
        let mut kept = self.begin_group(stored, group);
        kept.incident = Some(number);
        self.save_group(&kept).await?;
        let alerted = Alerted { alert, counted: None, proof, source: source_of(mail) };
        self.step(number, &Event::Alerted(alerted)).await?;
        Ok(true)
    }

    fn held_alert(&self, message: &NewInbound, mail: &InboundMail) -> Option<Alert> {
        let tag = clues(mail, &message.recipients, &self.policy).tag;
        alert_of(&tag, &seen(message, mail, &self.policy.address), &self.policy)
    }

    /// Tells the operator, or the commander on call, once a day of each kind, of alerts that do nothing.
    pub(super) async fn ignore_alert(
        &mut self,
        message: &NewInbound,
        mail: &InboundMail,
        rule: Option<&str>,
        why: &str,
    ) -> Result<(), StoreError> {
        self.leave_to_look(format!("kept without effect: {why}"));
        let kind =
            rule.map_or_else(|| "alert-unknown".to_owned(), |rule| format!("alert-unproven:{rule}"));
        if self.write.count_use_of_day(&kind, self.now).await? > 1 {
            return Ok(());
        }
        let Some(to) = self.caretaker() else { return Ok(()) };
        let ignored = AlertIgnored {
            id: message.id,
            from: mail.from.as_ref().map(|from| &from.address),
            subject: &mail.subject,
            rule,
            why,
        };
        let letter = render_alert_ignored(&self.policy, &ignored, self.now);
        self.store_single(&letter, &to, None, None).await.map(drop)
    }
}

/// What rules look at.
pub(super) fn seen(message: &NewInbound, mail: &InboundMail, own: &OwnAddress) -> Seen {
    let by_api = message.route == Route::Api;
    Seen::of(mail, &message.octets, message.reverse_path.as_deref(), by_api, own)
}

/// A machine's files are its own to keep: the raw mail has them.
fn source_of(mail: &InboundMail) -> Source {
    Source { message_id: mail.message_id.clone(), ..Source::default() }
}
