//! Reminders: one mail a person for all that is asked of them at one time, and for all that still
//! waits for the relay. Start with [`Batch::flush_reminders`].

use std::collections::BTreeSet;

use super::batch::Batch;
use super::outgoing::Outgoing;
use crate::incident::alerts::all_recovered_at;
use crate::incident::decision::{Purpose, Recipient, Reminder};
use crate::incident::state::{Incident, Person, Postmortem};
use crate::incident::waiting::reminder_now;
use crate::incident::{Policy, deadlines::missing_fields};
use crate::mail::Address;
use crate::mail::compose::token_mark_of;
use crate::render;
use crate::store::StoreError;
use crate::store::rows::{AskedFor, WaitingReminder};

/// What a transaction has to say to one person.
pub(super) struct Reminding {
    person: Person,
    /// Empty when something that waits for them was settled, and nothing else is asked.
    reminders: Vec<(i64, Reminder)>,
}

impl Batch {
    /// Keeps a reminder until all that this transaction asks of the same person is known.
    pub(super) fn remind(&mut self, number: i64, to: &[Recipient], reminder: &Reminder) {
        for recipient in to {
            let person = self.policy.roster.person(recipient.address(), "");
            self.reminding(person).reminders.push((number, reminder.clone()));
        }
    }

    fn reminding(&mut self, person: Person) -> &mut Reminding {
        let nothing = Reminding { person: person.clone(), reminders: Vec::new() };
        self.reminders.entry(person.address.key()).or_insert(nothing)
    }

    /// Takes mail out of the queue that asks for what was done: after an outage nobody is asked for
    /// it any more.
    pub(super) async fn settle(&mut self, number: i64, done: &[Purpose]) -> Result<(), StoreError> {
        let (reminders, others): (Vec<Purpose>, Vec<Purpose>) =
            done.iter().partition(|purpose| is_reminder(**purpose));
        if !others.is_empty() {
            self.write.settle(number, &others).await?;
        }
        if !reminders.is_empty() {
            for address in self.write.load_reminded(number, &reminders).await? {
                let person = self.policy.roster.person(&address, "");
                self.reminding(person);
            }
        }
        Ok(())
    }

    /// Takes pages out of the queue of those who were waited for and are not any more.
    pub(super) async fn settle_pages(
        &mut self,
        number: i64,
        waited: &BTreeSet<Address>,
        after: &Incident,
    ) -> Result<(), StoreError> {
        if waited.is_empty() {
            return Ok(());
        }
        let waits = after.waited_for();
        for address in waited.difference(&waits) {
            let pager = self.policy.roster.member(address).and_then(|member| member.pager.clone());
            for address in Some(address).into_iter().chain(&pager) {
                let pages = [Purpose::PageResponder, Purpose::PageLetter];
                self.write.supersede(number, address, &pages).await?;
            }
        }
        Ok(())
    }

    /// One mail a person for all reminders of this transaction, and for those that still wait of
    /// other incidents. What waits of the same incident is said better by the new one, and what was
    /// settled is not said any more.
    pub(super) async fn flush_reminders(&mut self) -> Result<(), StoreError> {
        for (_, Reminding { person, mut reminders }) in std::mem::take(&mut self.reminders) {
            let waiting = self.write.load_waiting_reminders(&person.address).await?;
            let asked_anew: Vec<i64> = reminders.iter().map(|(number, _)| *number).collect();
            let mut kept = Vec::new();
            for WaitingReminder { asked, .. } in &waiting {
                if asked_anew.contains(&asked.incident) || !self.load(asked.incident).await? {
                    continue;
                }
                kept.extend(self.asked_now(*asked, &person).map(|now| (asked.incident, now)));
            }
            if reminders.is_empty() && kept.len() == waiting.len() {
                continue;
            }
            for (number, reminder) in kept {
                let is_same = |(other, asked): &(i64, Reminder)| {
                    *other == number && asked.owed.purpose() == reminder.owed.purpose()
                };
                if !reminders.iter().any(is_same) {
                    reminders.push((number, reminder));
                }
            }
            let mut outbox: Vec<i64> = waiting.iter().map(|waiting| waiting.outbox).collect();
            outbox.dedup();
            if !outbox.is_empty() {
                self.write.take_back(&outbox).await?;
            }
            self.send_reminders(&person, &reminders).await?;
        }
        Ok(())
    }

    fn asked_now(&self, asked: AskedFor, person: &Person) -> Option<Reminder> {
        let incident = self.incident(asked.incident)?;
        reminder_now(incident, asked.purpose, asked.escalated, person, &self.policy)
    }

    async fn send_reminders(
        &mut self,
        person: &Person,
        reminders: &[(i64, Reminder)],
    ) -> Result<(), StoreError> {
        let mut items: Vec<_> = reminders
            .iter()
            .filter_map(|(number, reminder)| Some((self.incident(*number)?, reminder)))
            .collect();
        items.sort_by_key(|(incident, reminder)| (incident.severity, reminder.due_at));
        let Some(first) = items.first().map(|(incident, _)| incident.number) else { return Ok(()) };
        let mut letter = render::render_reminders(person, &items, &self.policy, self.now);
        let mut token = None;
        let mut asked = Vec::with_capacity(items.len());
        for (incident, reminder) in &items {
            let own = self.engine.secret.incident_token(
                incident.number,
                &person.address,
                incident.token_epoch_of(&person.address),
            );
            let mark = token_mark_of(incident.number);
            letter.text = letter.text.replace(&mark, &own);
            letter.html = letter.html.replace(&mark, &own);
            token.get_or_insert(own);
            asked.push(AskedFor {
                incident: incident.number,
                purpose: reminder.owed.purpose(),
                escalated: reminder.escalated,
            });
        }
        let to = (person.name.clone(), person.address.clone());
        let copies = vec![(person.address.clone(), token)];
        let outgoing =
            Outgoing { incident: Some(first), asks: asked, ..Outgoing::new(&letter, to, copies) };
        self.store(outgoing).await?;
        Ok(())
    }
}

fn is_reminder(purpose: Purpose) -> bool {
    matches!(
        purpose,
        Purpose::ReminderUpdate
            | Purpose::ReminderMissing
            | Purpose::ReminderHandover
            | Purpose::ReminderRest
            | Purpose::ReminderTask(_)
            | Purpose::ReminderAction(_)
            | Purpose::ReminderStatement
            | Purpose::ReminderPostmortemOwner
            | Purpose::ReminderPostmortem
            | Purpose::Reminders
    )
}

/// What mail may ask for that was done in this step.
pub(super) fn settled(before: &Incident, after: &Incident, policy: &Policy) -> Vec<Purpose> {
    let active = after.phase.is_active();
    let mut purposes = Vec::new();
    if before.commander() != after.commander() || (!active && before.phase.is_active()) {
        purposes.extend([Purpose::TakeCommand, Purpose::Page]);
        purposes.extend([Purpose::CommandWanted, Purpose::ReminderHandover]);
    }
    if !active && before.phase.is_active() {
        purposes.extend([Purpose::PageUnanswered, Purpose::ReminderRest]);
    }
    let recovered = |incident: &Incident| all_recovered_at(incident).is_some();
    if recovered(before) && (!recovered(after) || active != before.phase.is_active()) {
        purposes.push(Purpose::Recovery);
    }
    let reminded = before.updates.climb.done > 0;
    if reminded && (!active || after.updates.climb.done == 0) {
        purposes.push(Purpose::ReminderUpdate);
    }
    let missing = |incident: &Incident| !missing_fields(incident, policy).is_empty();
    if (before.phase.is_active() && !active) || (missing(before) && !missing(after)) {
        purposes.push(Purpose::ReminderMissing);
    }
    for task in before.open_tasks() {
        let same = after.task(task.seq).filter(|now| now.is_open() && now.owner == task.owner && active);
        match same {
            None => purposes.extend([Purpose::Task(task.seq), Purpose::ReminderTask(task.seq)]),
            Some(now) if task.is_chased() && !now.is_chased() => {
                purposes.push(Purpose::ReminderTask(task.seq));
            }
            Some(_) => {}
        }
    }
    for action in before.open_actions() {
        let same = after.open_actions().find(|now| now.seq == action.seq && now.owner == action.owner);
        match same {
            None => purposes.extend([Purpose::Action(action.seq), Purpose::ReminderAction(action.seq)]),
            Some(now) if action.climb.done > 0 && now.climb.done == 0 => {
                purposes.push(Purpose::ReminderAction(action.seq));
            }
            Some(_) => {}
        }
    }
    let waits = |incident: &Incident| incident.statements.waiting.as_ref().map(|waiting| waiting.seq);
    if let Some(seq) = waits(before).filter(|seq| waits(after) != Some(*seq)) {
        purposes.push(Purpose::Approval(seq));
    }
    if before.statements.climb.done > 0 && after.statements.climb.done == 0 {
        purposes.push(Purpose::ReminderStatement);
    }
    let was_written = waits(before).is_none() && waits(after).is_some();
    if was_written || before.statements.published.len() < after.statements.published.len() {
        purposes.push(Purpose::StatementDraft);
    }
    for proposal in before.open_proposals() {
        if after.proposal(proposal.seq).is_none_or(|now| !now.is_open()) {
            purposes.push(Purpose::Proposal(proposal.seq));
        }
    }
    if !active && let Some(playing) = &before.script {
        purposes.extend(playing.played().map(|(_, sent)| Purpose::Inject(sent.seq)));
    }
    let owed = |incident: &Incident| incident.postmortem.as_ref().is_some_and(Postmortem::is_owed);
    if owed(before) && !owed(after) {
        purposes.extend([Purpose::ReminderPostmortem, Purpose::ReminderPostmortemOwner]);
    }
    purposes
}
