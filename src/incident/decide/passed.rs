//! A deadline's instant passed: the next rung of its ladder, if it is still owed.
//!
//! A timer may ring late, twice, or after the reply that settled it. The state knows: what is not
//! due by `deadlines` now changes nothing.

use super::Step;
use super::offer::asked_next;
use crate::incident::Role;
use crate::incident::deadlines::{
    DeadlineKind, deadlines, leadership_at, missing_climbing, missing_fields, owner_climbing,
    postmortem_climbing, update_climbing, update_due,
};
use crate::incident::decision::{EntryKind, OfferedBy, Owed, Recipient, Reminder, Says};
use crate::incident::policy::Party;
use crate::incident::state::{Command as InCommand, Handover, Person};
use crate::incident::waiting::fields_to_ask;

impl Step<'_> {
    pub(super) fn pass(&mut self, kind: DeadlineKind) {
        let due = deadlines(&self.incident, self.policy)
            .into_iter()
            .any(|deadline| deadline.kind == kind && deadline.wake_at <= self.now);
        if !due {
            return;
        }
        match kind {
            DeadlineKind::TakeCommand => self.pass_offer(),
            DeadlineKind::Page => self.pass_pages(),
            DeadlineKind::MissingFields => self.pass_missing(),
            DeadlineKind::Update => self.pass_update(),
            DeadlineKind::Handover => self.pass_handover(),
            DeadlineKind::Rest => self.pass_rest(),
            DeadlineKind::Task(seq) => self.pass_task(seq),
            DeadlineKind::Action(seq) => self.pass_action(seq),
            DeadlineKind::Statement => self.pass_statement(),
            DeadlineKind::Proposal(seq) => self.pass_proposal(seq),
            DeadlineKind::PostmortemOwner => self.pass_postmortem_owner(),
            DeadlineKind::Postmortem => self.pass_postmortem(),
            DeadlineKind::Recovery => self.ask_whether_over(),
            DeadlineKind::Inject => self.play_injects(),
            DeadlineKind::Close => self.close_quietly(),
        }
    }

    /// Nobody took command: the next level is asked, and leadership hears of it.
    fn pass_offer(&mut self) {
        let leadership_due = leadership_at(&self.incident, self.policy).is_some_and(|at| at <= self.now);
        let next = asked_next(&self.incident, self.policy, self.now);
        let InCommand::Offered { leadership_told, .. } = &mut self.incident.command else { return };
        let tell_leadership = leadership_due && !*leadership_told;
        *leadership_told |= leadership_due;
        // With leadership's instant only, the level asked now keeps its time.
        let level_due = {
            let mut probe = self.incident.clone();
            if let InCommand::Offered { leadership_told, .. } = &mut probe.command {
                *leadership_told = true;
            }
            deadlines(&probe, self.policy).iter().any(|deadline| {
                deadline.kind == DeadlineKind::TakeCommand && deadline.wake_at <= self.now
            })
        };
        if level_due {
            let InCommand::Offered { to, climb, .. } = &mut self.incident.command else { return };
            match next {
                Some(next) => {
                    for person in next {
                        if to.iter().all(|asked| asked.address != person.address) {
                            to.push(person);
                        }
                    }
                    climb.done += 1;
                }
                // Nobody new to ask on this level or the next: straight to the repeats.
                None => climb.done = (climb.done + 1).max(2),
            }
            climb.last_at = Some(self.now);
            self.mail_offer(OfferedBy::Silence);
        }
        if tell_leadership {
            self.tell_leadership_nobody_commands();
        }
    }

    fn tell_leadership_nobody_commands(&mut self) {
        let leadership = self.leadership();
        if leadership.is_empty() {
            return;
        }
        let asked = match &self.incident.command {
            InCommand::Offered { to, .. } => to.clone(),
            InCommand::Held { .. } => return,
        };
        let then = match asked.as_slice() {
            [only] => format!("{} is reminded every hour", only.shown()),
            _ => "everybody asked is reminded every hour".to_owned(),
        };
        self.record_own(EntryKind::Reminder, "Leadership was told that nobody commands.");
        self.mail(
            leadership,
            Says::TakeCommand { asked, by: OfferedBy::ToldLeadership, answer_by: None, then },
        );
    }

    fn pass_missing(&mut self) {
        let incident = &self.incident;
        let fields = missing_fields(incident, self.policy);
        let climbing = missing_climbing(incident, self.policy);
        let Some(reached) = climbing.reached(self.now) else { return };
        self.incident.missing_chase = reached.climb;
        self.record_own(
            EntryKind::Reminder,
            format!("Asked for what is missing: {}.", fields.join(", ")),
        );
        let owner = self.incident.commander().unwrap_or(&self.incident.reporter).clone();
        let mut asked: Vec<Person> = Vec::new();
        for recipient in reached.to.iter().flat_map(|party| self.party(*party, &owner)) {
            let person = self.policy.roster.person(recipient.address(), "");
            // Where a reporter may say none of it any more, whoever commands is asked in their place.
            let may_say = !fields_to_ask(&self.incident, &person, self.policy).is_empty();
            let person = if may_say { person } else { owner.clone() };
            if asked.iter().all(|other| other.address != person.address) {
                asked.push(person);
            }
        }
        for owed_by in asked {
            let fields = fields_to_ask(&self.incident, &owed_by, self.policy);
            if fields.is_empty() {
                continue;
            }
            let to = owed_by.clone();
            let owed = Owed::Missing { fields };
            let reminder = Reminder {
                owed,
                owed_by,
                due_at: None,
                escalated: false,
                can_act: true,
                missing: Vec::new(),
            };
            self.mail_person(&to, Says::Reminder(reminder));
        }
    }

    fn pass_update(&mut self) {
        let Some(due_at) = update_due(&self.incident, self.policy) else { return };
        let Some(owner) = self.incident.commander().cloned() else { return };
        let Some(reached) = update_climbing(&self.incident, due_at, self.policy).reached(self.now)
        else {
            return;
        };
        self.incident.updates.climb = reached.climb;
        let overdue = if self.now > due_at { "overdue since" } else { "due" };
        let shown = self.shown(due_at);
        self.record_own(
            EntryKind::Reminder,
            format!("Reminded {}: update {overdue} {shown}.", owner.shown()),
        );
        // Command is offered to the deputy with the second reminder that they would get, instead of it.
        let offer = reached.is_rung && reached.deputy_reminders == OFFER_AT_DEPUTY_REMINDER;
        let offered = offer && self.offer_to_deputy(&owner);
        let major = self.incident.severity.is_major();
        let to: Vec<Party> = reached
            .to
            .iter()
            .copied()
            .filter(|party| *party != Party::Leadership || major)
            .filter(|party| *party != Party::Deputy || !offered)
            .collect();
        let reminded = self.remind(&to, &owner, Owed::Update { due_at }, Some(due_at));
        if reached.is_rung && reached.to.contains(&Party::Leadership) {
            self.tell_everybody_overdue(&reminded);
        }
    }

    /// A silent commander keeps command until the deputy, to whom it is offered, accepts.
    fn offer_to_deputy(&mut self, silent: &Person) -> bool {
        let Some(deputy) = self.incident.holder(Role::Deputy).cloned() else { return false };
        let InCommand::Held { offered_on, .. } = &mut self.incident.command else { return false };
        if offered_on.is_some() {
            return false;
        }
        *offered_on = Some(Handover { to: deputy.clone(), offered_at: self.now, by_commander: false });
        self.mail_handover(&deputy, OfferedBy::CommanderSilent(silent.clone()));
        true
    }

    /// Who was reminded just now has heard it.
    fn tell_everybody_overdue(&mut self, reminded: &[Recipient]) {
        let mut wide = self.wide();
        wide.retain(|recipient| {
            reminded.iter().all(|told| told.address().key() != recipient.address().key())
        });
        if wide.is_empty() {
            return;
        }
        self.record_own(EntryKind::Reminder, "Everybody was told that the update is overdue.");
        let text = String::new();
        self.mail(wide, Says::FollowUp { by: None, changes: Vec::new(), text, update_overdue: true });
    }

    fn pass_postmortem_owner(&mut self) {
        let Some(postmortem) = &mut self.incident.postmortem else { return };
        let due_at = postmortem.owed_since + self.policy.postmortem.owner_within;
        let Some(reached) = owner_climbing(postmortem, self.policy).reached(self.now) else { return };
        postmortem.owner_climb = reached.climb;
        let owner = postmortem.owner.clone();
        let asked = format!("Asked {} who owns the postmortem.", owner.shown());
        self.record_own(EntryKind::Reminder, asked);
        self.remind(reached.to, &owner, Owed::PostmortemOwner, Some(due_at));
    }

    fn pass_postmortem(&mut self) {
        let Some(postmortem) = &mut self.incident.postmortem else { return };
        let Some(due_at) = postmortem.due_at else { return };
        let Some(reached) = postmortem_climbing(postmortem, due_at, self.policy).reached(self.now)
        else {
            return;
        };
        postmortem.climb = reached.climb;
        let owner = postmortem.owner.clone();
        let shown = self.shown(due_at);
        let name = &self.policy.postmortem.name;
        self.record_own(EntryKind::Reminder, format!("Reminded {}: {name} due {shown}.", owner.shown()));
        self.remind(reached.to, &owner, Owed::Postmortem { due_at: Some(due_at) }, Some(due_at));
    }

    /// One mail to who owes, and one to the others with the reason why they get it. Returns all of
    /// them.
    pub(super) fn remind(
        &mut self,
        to: &[Party],
        owner: &Person,
        owed: Owed,
        due_at: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Vec<Recipient> {
        let missing = match owed {
            Owed::Update { .. } => missing_fields(&self.incident, self.policy),
            _ => Vec::new(),
        };
        let all: Vec<Recipient> = to.iter().flat_map(|party| self.party(*party, owner)).collect();
        let told = all.clone();
        let (own, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|recipient| *recipient.address() == owner.address);
        let (speakers, others): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|recipient| self.incident.speaks_officially(recipient.address()));
        for (recipients, escalated, can_act) in
            [(own, false, true), (speakers, true, true), (others, true, false)]
        {
            let owed_by = owner.clone();
            let missing = missing.clone();
            let reminder = Reminder { owed: owed.clone(), owed_by, due_at, escalated, can_act, missing };
            self.mail(recipients, Says::Reminder(reminder));
        }
        told
    }
}

/// Which of the reminders that go to the deputy is replaced by an offer of command.
const OFFER_AT_DEPUTY_REMINDER: usize = 2;
