//! Statements for customers: asked for, put up, approved, published, chased.
//!
//! Only [`Step::tell_customers`] tells customers anything, and only what the commander or the deputy wrote or
//! approved as it stands.

use chrono::{DateTime, TimeDelta, Utc};

use super::Step;
use super::lines::Applied;
use crate::incident::customers::{hints, times_ahead};
use crate::incident::deadlines::statement_climbing;
use crate::incident::decision::{Change, EntryKind, Owed, Purpose, Recipient, Says};
use crate::incident::event::Said;
use crate::incident::policy::Party;
use crate::incident::state::{Climb, Person, RoleHeld};
use crate::incident::statement::{
    PublicState, Published, Statement, concerns_leadership, must_ask, statement_due, statement_owner,
    wanted,
};
use crate::incident::{Phase, Role};
use crate::mail::command::{Command, Line, Promise};

/// A page is read on a telephone; whoever has more to say has a document to link to.
const TEXT_CHARS_MAX: usize = 4_000;
/// Kept in the incident's state, the newest; the timeline has all.
const PUBLISHED_KEPT: usize = 100;
/// How long a statement may wait for its approval and still keep the time that it names itself.
const APPROVAL_TAKES: TimeDelta = TimeDelta::minutes(5);
/// A promise farther ahead than this is a mistyped one.
const NEXT_DAYS_MAX: i64 = 31;

type Refusal = (String, Option<String>);

impl Step<'_> {
    /// Asks whoever speaks to customers for a statement, where one is wanted and they were not asked;
    /// whoever commands anew has what waits for them.
    pub(super) fn ask_for_statement(&mut self) {
        self.withdraw_outlived();
        self.ask_new_commander_to_approve();
        if wanted(&self.incident).is_none() {
            let statements = &mut self.incident.statements;
            if statements.published.is_empty() {
                (statements.asked_at, statements.asked) = (None, None);
                statements.climb = Climb::default();
            }
            return;
        }
        let Some(speaker) = self.speaks_to_customers().cloned() else { return };
        let anew = must_ask(&self.incident);
        let asks_liaison = |held: &RoleHeld| held.role == Role::Liaison && held.accepted_at.is_none();
        let is_liaison_asked = self.incident.roles.iter().any(asks_liaison)
            && self.incident.holder(Role::Liaison).is_none();
        let now = self.now;
        let statements = &mut self.incident.statements;
        if anew {
            (statements.asked_at, statements.climb) = (Some(now), Climb::default());
        }
        let is_asked = statements.asked.as_ref() == Some(&speaker.address);
        if is_asked && !anew {
            return;
        }
        if is_liaison_asked {
            // They are asked when they accept; until then the reminders are for whoever commands.
            return;
        }
        statements.asked = Some(speaker.address.clone());
        if statements.waiting.is_some() {
            return;
        }
        let due_at = statement_due(&self.incident, self.policy);
        let by = due_at.map_or_else(String::new, |at| format!(", due {}", self.shown(at)));
        let text = format!("Asked {} for a statement for customers{by}.", speaker.shown());
        self.record_own(EntryKind::Reminder, text);
        self.mail_person(&speaker, Says::StatementDraft { due_at });
    }

    /// What was written while it went on is not true when it is over, and the other way round; and nothing
    /// is told of what became private.
    fn withdraw_outlived(&mut self) {
        let (active, private) = (self.incident.phase.is_active(), self.incident.private);
        let is_outlived =
            |waiting: &mut Statement| private || active == (waiting.state == PublicState::Resolved);
        let Some(outlived) = self.incident.statements.waiting.take_if(is_outlived) else { return };
        self.incident.statements.asked = None;
        let since = match (private, active) {
            (true, _) => "became private",
            (false, true) => "was opened again",
            (false, false) => "ended",
        };
        let text = format!(
            "Statement #{} was withdrawn: {} {since} after it was written.",
            outlived.seq,
            self.incident.key()
        );
        self.record_own(EntryKind::Statement, text);
    }

    /// The liaison, or whoever commands where there is none.
    fn speaks_to_customers(&self) -> Option<&Person> {
        self.incident.holder(Role::Liaison).or(self.incident.commander())
    }

    fn ask_new_commander_to_approve(&mut self) {
        let before = self.was.as_ref().and_then(|was| was.commander());
        let Some(commander) = self.incident.commander().filter(|now| before != Some(now)).cloned()
        else {
            return;
        };
        let Some(waiting) = &self.incident.statements.waiting else { return };
        let (seq, hints) = (waiting.seq, self.hints_of(waiting));
        self.mail_person(&commander, Says::Approval { seq, hints });
    }

    /// `Statement: …`: waits for approval. What the commander or the deputy writes is approved as it is
    /// written, unless there is something in it to look at first.
    pub(super) fn put_up_statement(&mut self, title: Option<&str>, text: &str, said: &Said) -> Applied {
        self.check_public()?;
        if text.chars().count() > TEXT_CHARS_MAX {
            return Err((format!("A statement has at most {TEXT_CHARS_MAX} characters"), None));
        }
        let by = said.by.person.clone();
        let mut statement = Statement {
            seq: 0,
            title: title.map(str::to_owned),
            text: text.to_owned(),
            by: by.clone(),
            state: PublicState::of(self.incident.phase),
            next: said
                .announced()
                .filter(|promise| self.check_next(*promise).is_ok())
                .or_else(|| self.promised_in(text)),
            asked_at: self.now,
            is_revised: self.incident.statements.waiting.is_some(),
        };
        let mut hints = self.hints_of(&statement);
        if said.written.lines.iter().any(is_misread) {
            hints.push("Its last lines look like commands, and customers would read them".to_owned());
        }
        let entry = format!("For customers, not approved yet\n\n{}", statement.whole());
        statement.seq = self.record(EntryKind::Statement, Some(&said.by), entry, said.source.clone());
        let seq = statement.seq;
        if self.speaks_to_customers().is_some_and(|speaker| speaker.address == by.address) {
            self.incident.statements.asked = Some(by.address.clone());
        }
        let own = self.incident.is_commanding(&by.address);
        if own && hints.is_empty() {
            self.tell_customers(statement, &by);
            return Ok(format!("customers have statement #{seq}"));
        }
        self.incident.statements.waiting = Some(statement);
        // Whoever approves is asked now, with as much time as whoever writes has.
        if self.incident.statements.published.is_empty() {
            self.incident.statements.asked_at.get_or_insert(self.now);
        }
        // A deputy approves nothing while nobody commands.
        if own && (self.incident.commander().is_some() || !self.incident.phase.is_active()) {
            self.mail_person(&by, Says::Approval { seq, hints });
            return Ok(format!("statement #{seq} waits for your  approve"));
        }
        let waits = match self.incident.commander().cloned() {
            Some(commander) => {
                self.mail_person(&commander, Says::Approval { seq, hints: hints.clone() });
                format!("statement #{seq} waits for {} to approve it", commander.shown())
            }
            None => {
                self.hints.push(format!(
                    "Statement #{seq} waits until somebody commands. Whoever takes command is asked to \
                     approve it."
                ));
                format!("statement #{seq} waits until somebody commands")
            }
        };
        if !hints.is_empty() {
            self.hints.push(format!(
                "Statement #{seq} waits for approval. Please look at this, and write it again where you \
                 agree: {}.",
                hints.join(". ")
            ));
        }
        Ok(waits)
    }

    /// When its own words say that customers hear again, where that is no later than they are to: what
    /// they read is what is chased.
    fn promised_in(&self, text: &str) -> Option<Promise> {
        let statements = &self.incident.statements;
        let latest = self.now + self.policy.customers.every(statements, self.now) + APPROVAL_TAKES;
        match times_ahead(text, self.now, &self.policy.calendar.zone).as_slice() {
            [only] if self.incident.phase.is_active() && *only <= latest => Some(Promise::At(*only)),
            _ => None,
        }
    }

    fn hints_of(&self, statement: &Statement) -> Vec<String> {
        let next_at = self.next_at(statement, statement.state);
        hints(&statement.whole(), next_at, self.now, &self.incident, self.policy)
    }

    /// Whether customers may be told anything at all.
    fn check_public(&self) -> Result<(), Refusal> {
        let key = self.incident.key();
        if self.incident.private {
            return Err((format!("{key} is private: nothing of it is told in public"), None));
        }
        if self.incident.phase == Phase::Merged {
            return Err((format!("{key} is merged into another incident"), None));
        }
        Ok(())
    }

    /// `Next statement: 30m`, which counts with the statement of the same mail.
    pub(super) fn announce_next(&mut self, promise: Promise, said: &Said) -> Applied {
        let is_statement = |line: &Line| matches!(line.meaning, Ok(Command::Statement { .. }));
        if !said.written.lines.iter().any(is_statement) {
            return Err((
                "Customers read of it in a statement only: send the line above its `Statement:`"
                    .to_owned(),
                None,
            ));
        }
        self.check_next(promise)?;
        Ok("it is announced with the statement".to_owned())
    }

    fn check_next(&self, promise: Promise) -> Result<(), Refusal> {
        let (now, customers) = (self.now, &self.policy.customers);
        let at = match promise {
            Promise::Within(span) => now + span,
            Promise::At(at) => at,
        };
        if at <= now || at > now + TimeDelta::days(NEXT_DAYS_MAX) {
            return Err((
                format!("The next statement must lie ahead, and within {NEXT_DAYS_MAX} days"),
                Some("Next statement: 30m".to_owned()),
            ));
        }
        let (every, frequent) = (customers.every.num_minutes(), customers.every_for.num_minutes());
        let is_over = !self.incident.phase.is_active();
        if !is_over
            && customers.is_frequent(&self.incident.statements, now)
            && at > now + customers.every
        {
            return Err((
                format!(
                    "Customers hear every {every} min for the first {frequent} min; the statement says so"
                ),
                None,
            ));
        }
        Ok(())
    }

    /// `approve`: the statement of the mail that is answered, or the only one that there was.
    pub(super) fn approve_statement(&mut self, seq: Option<i64>, said: &Said) -> Applied {
        self.check_public()?;
        let answered = match said.answering {
            Some(Purpose::Approval(seq)) => Some(seq),
            _ => None,
        };
        let meant = seq.or(answered);
        let Some(waiting) = self.incident.statements.waiting.clone() else {
            return Err((self.why_none_waits(meant), None));
        };
        let instead = Some(format!("Approve #{}", waiting.seq));
        match meant {
            Some(seq) if seq != waiting.seq => {
                let why = self.why_none_waits(Some(seq));
                return Err((format!("{why}; #{} waits", waiting.seq), instead));
            }
            None if waiting.is_revised => {
                return Err((
                    format!("It was written more than once: read #{} and say so", waiting.seq),
                    instead,
                ));
            }
            _ => {}
        }
        let by = &said.by.person;
        let (active, commanding) =
            (self.incident.phase.is_active(), self.incident.is_commanding(&by.address));
        if active && self.incident.commander().is_none() {
            return Err((
                "Nobody commands, and customers are told what the commander approves: take command first"
                    .to_owned(),
                Some("I have command".to_owned()),
            ));
        }
        if waiting.by.address == by.address && !commanding {
            return Err(("Somebody else approves what you wrote".to_owned(), None));
        }
        if active == (waiting.state == PublicState::Resolved) {
            let key = self.incident.key();
            let since = if active { "was opened again" } else { "is over" };
            return Err((
                format!("{key} {since} since #{} was written: write it anew", waiting.seq),
                Some("Statement: what customers are told".to_owned()),
            ));
        }
        let (seq, by) = (waiting.seq, by.clone());
        self.tell_customers(waiting, &by);
        Ok(format!("customers have statement #{seq}"))
    }

    /// Why a statement cannot be approved any more, or never could.
    fn why_none_waits(&self, seq: Option<i64>) -> String {
        let Some(seq) = seq else { return "No statement waits to be approved".to_owned() };
        let published = self.incident.statements.published.iter().find(|before| before.seq == seq);
        match published {
            Some(published) => {
                format!("Customers have statement #{seq} since {}", self.shown(published.at))
            }
            None => format!(
                "Statement #{seq} does not wait: another took its place, or it is not true any more"
            ),
        }
    }

    /// Tells customers, and those who speak to them that it is done.
    fn tell_customers(&mut self, statement: Statement, by: &Person) {
        let now = self.now;
        let state = PublicState::of(self.incident.phase);
        let next_at = self.next_at(&statement, state);
        let published = Published {
            seq: statement.seq,
            title: statement.title,
            text: statement.text,
            by: statement.by,
            approved_by: by.clone(),
            state,
            at: now,
            next_at,
        };
        if self.incident.customers_affected.is_none() {
            self.incident.customers_affected = Some(true);
            self.changes.push(Change::CustomersAffected(true));
        }
        let statements = &mut self.incident.statements;
        statements.waiting = None;
        statements.published.push(published.clone());
        let excess = statements.published.len().saturating_sub(PUBLISHED_KEPT);
        statements.published.drain(..excess);
        statements.climb = Climb::default();
        let drill = if self.incident.drill { " A drill: nothing was sent or published." } else { "" };
        let next =
            next_at.map_or_else(String::new, |at| format!(" The next is due {}.", self.shown(at)));
        let (seq, state) = (published.seq, state.name());
        let became = if self.incident.drill { "" } else { "published, " };
        let text =
            format!("Statement #{seq} ({state}) was {became}approved by {}.{next}{drill}", by.shown());
        self.record_own(EntryKind::Statement, text);
        let mut tell: Vec<Person> = vec![published.by.clone()];
        tell.extend(self.incident.holder(Role::Liaison).cloned());
        let tell: Vec<Recipient> = tell
            .into_iter()
            .filter(|person| person.address != by.address)
            .map(|person| Recipient::Person(person.address))
            .collect();
        let what = match self.incident.drill {
            true => format!("Statement #{seq} is approved"),
            false => format!("Customers have statement #{seq}"),
        };
        let more = format!("{} approved it.{next}{drill}", by.shown());
        self.mail(tell, Says::Notice { what, more });
        if !self.incident.drill {
            let customers = self.customers();
            self.mail(customers, Says::Statement(published));
        }
    }

    /// When customers hear again: as announced, else as the policy says; nothing follows the last word.
    fn next_at(&self, statement: &Statement, state: PublicState) -> Option<DateTime<Utc>> {
        let announced = statement.next.and_then(|promise| match promise {
            Promise::Within(span) => Some(self.now + span),
            Promise::At(at) => Some(at).filter(|at| *at > self.now),
        });
        let usual = || self.now + self.policy.customers.every(&self.incident.statements, self.now);
        match state {
            PublicState::Resolved => announced,
            _ => Some(announced.unwrap_or_else(usual)),
        }
    }

    /// The lists that customers are on.
    pub(super) fn customers(&self) -> Vec<Recipient> {
        self.named_lists(&self.policy.customers.notify)
    }

    /// A statement is due, or soon will be.
    pub(super) fn pass_statement(&mut self) {
        let Some(due_at) = statement_due(&self.incident, self.policy) else { return };
        let Some(owner) = statement_owner(&self.incident).cloned() else { return };
        let Some(reached) = statement_climbing(&self.incident, due_at, self.policy).reached(self.now)
        else {
            return;
        };
        let statements = &mut self.incident.statements;
        statements.climb = reached.climb;
        let waits = statements.waiting.as_ref().map(|waiting| waiting.seq);
        let leadership = concerns_leadership(&self.incident);
        // Whoever was asked to approve it a moment ago is not asked again.
        let waiting = self.incident.statements.waiting.as_ref();
        let is_asked_now = waiting.is_some_and(|waiting| self.now - waiting.asked_at < APPROVAL_TAKES)
            && self.incident.commander().is_some();
        let spared: &[Party] = if is_asked_now { &[Party::Owner, Party::Commander] } else { &[] };
        let to: Vec<Party> = reached
            .to
            .iter()
            .copied()
            .filter(|party| *party != Party::Leadership || leadership)
            .filter(|party| !spared.contains(party))
            .collect();
        if to.is_empty() {
            return;
        }
        let overdue = if self.now > due_at { "overdue since" } else { "due" };
        let text = format!(
            "Reminded {}: statement for customers {overdue} {}.",
            owner.shown(),
            self.shown(due_at)
        );
        self.record_own(EntryKind::Reminder, text);
        self.remind(&to, &owner, Owed::Statement { due_at, waits }, Some(due_at));
    }
}

impl Statement {
    /// Its title and its text.
    pub fn whole(&self) -> String {
        match &self.title {
            Some(title) => format!("{title}\n\n{}", self.text),
            None => self.text.clone(),
        }
    }
}

impl Said {
    /// When the same mail says that customers hear again.
    fn announced(&self) -> Option<Promise> {
        self.written.lines.iter().find_map(|line| match &line.meaning {
            Ok(Command::NextStatement(promise)) => Some(*promise),
            _ => None,
        })
    }
}

/// A line that was meant for Firebell and not read: below a statement it is part of its text.
fn is_misread(line: &Line) -> bool {
    line.meaning.is_err()
}
