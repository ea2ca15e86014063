//! Actions: what keeps it from happening again. Written down with one owner and a date and chased until
//! it is done; parked until there is time; dropped by somebody who accepts the risk; asked about.
//!
//! What an action has in common with a task is in `tasks`. Start with [`Step::write_action`]; what is
//! said of one in answer to a digest comes to [`plan`].

use chrono::{DateTime, TimeDelta, Utc};

use super::Step;
use super::lines::Applied;
use super::tasks::{Refusal, TEXT_CHARS_MAX};
use crate::incident::Policy;
use crate::incident::deadlines::action_climbing;
use crate::incident::decision::{Decision, EntryKind, Owed, Purpose, Recipient, Says};
use crate::incident::event::Said;
use crate::incident::state::{Climb, Incident, Person};
use crate::incident::task::{Ended, Ending, Question, Task, TaskKind};
use crate::mail::command::{Command, Promise};

/// More than this nobody does; the worst of them are worth more than all of them.
const OPEN_AT_MOST: usize = 50;
/// Kept in the incident's state, ended ones included; the timeline has all.
const KEPT_AT_MOST: usize = 200;
/// What takes longer is no action but a plan.
const DAYS_MAX: i64 = 366;
/// Questions whose answers still find whoever asked; the oldest gives way.
const QUESTIONS_AT_MOST: usize = 100;

/// What follows from an answer to a digest for one action that it listed: `command` is `Fund`, `Drop` or
/// `Ask` with the action's own number, by somebody who was sent that digest.
///
/// Beside it stands what became of the line, for its writer.
pub fn plan(
    incident: &Incident,
    command: &Command,
    said: &Said,
    policy: &Policy,
    now: DateTime<Utc>,
) -> (Decision, Applied) {
    let mut step = Step::new(incident.clone(), policy, now);
    let applied = match command {
        _ if !incident.lets_know(&said.by.person.address) || incident.drill => {
            Err((format!("{} is not for a digest any more", incident.key()), None))
        }
        Command::Fund(seq) => step.fund(*seq, said),
        Command::Drop { seq, why } => step.drop_action(*seq, why, said),
        Command::Ask { seq, question } => step.ask_owner(*seq, question, said),
        _ => Err(("That is no answer to a digest".to_owned(), None)),
    };
    (step.into_decision(), applied)
}

impl Step<'_> {
    /// `Action: Add an alert on lag. Owner: bob. Due: 2026-12-04`, `Action (later): …`.
    pub(super) fn write_action(
        &mut self,
        what: &str,
        owner: Option<&str>,
        due: Option<Promise>,
        later: bool,
        said: &Said,
    ) -> Applied {
        let by = said.by.person.clone();
        let field = if later { "Action (later)" } else { "Action" };
        let line = || Some(format!("{field}: {what}. Owner: name@example.org"));
        let owner = match owner {
            Some(name) => self.one_owner(name, "action").map_err(|why| (why, line()))?,
            // Whoever writes it down answers for it until it is planned.
            None if later => by.clone(),
            None => {
                let why = "Who does it? An action has one owner, who is asked until it is done";
                return Err((why.to_owned(), line()));
            }
        };
        self.check_circle(&owner, said)?;
        let waits = self.incident.actions().filter(|action| action.is_open()).count();
        if waits >= OPEN_AT_MOST || self.incident.actions().count() >= KEPT_AT_MOST {
            return Err((format!("{OPEN_AT_MOST} actions are open; let some be done first"), None));
        }
        let what: String = what.chars().take(TEXT_CHARS_MAX).collect();
        let (kind, due_at) = match later {
            true => (TaskKind::Parked, self.now),
            false => (TaskKind::Action, self.action_due(due)?),
        };
        let own = owner.address == by.address;
        let shown = self.shown(due_at);
        let text = match (later, own) {
            (true, true) => format!("{} parks an action until there is time: {what}", by.shown()),
            (true, false) => {
                format!(
                    "{} parks an action of {} until there is time: {what}",
                    by.shown(),
                    owner.shown()
                )
            }
            (false, true) => format!("{} takes an action, by {shown}: {what}", by.shown()),
            (false, false) => {
                format!("{} gives {} an action, by {shown}: {what}", by.shown(), owner.shown())
            }
        };
        let seq = self.record(EntryKind::Task, Some(&said.by), text, said.source.clone());
        self.incident.tasks.push(Task {
            seq,
            kind,
            what,
            owner: owner.clone(),
            given_by: by,
            written_at: Some(self.now),
            given_at: self.now,
            due_at,
            timebox: due_at - self.now,
            accepted_at: own.then_some(self.now),
            ended: None,
            climb: Climb::default(),
        });
        if later {
            return Ok(format!("action #{seq} is parked until there is time"));
        }
        if own {
            return Ok(format!("action #{seq} is yours until {shown}"));
        }
        self.mail_person(&owner, Says::Action { seq });
        Ok(format!("{} is asked to do #{seq} by {shown}", owner.shown()))
    }

    /// The end of the day by which an action is to be done: the one that was named, or, where a span leads
    /// to a day off, the working day after it.
    pub(super) fn action_due(&self, due: Option<Promise>) -> Result<DateTime<Utc>, Refusal> {
        let calendar = &self.policy.calendar;
        let usual = self.policy.severity(self.incident.severity_highest).actions_within;
        let due_at = match due {
            None => calendar.business_days_after(self.now + usual, 0),
            Some(Promise::Within(span)) => calendar.business_days_after(self.now + span, 0),
            Some(Promise::At(at)) => calendar.closing(at),
        };
        if due_at <= self.now || due_at > self.now + TimeDelta::days(DAYS_MAX) {
            let why = format!("An action is due later than now, and within {DAYS_MAX} days");
            return Err((why, None));
        }
        Ok(due_at)
    }

    /// What is private goes to nobody but by the word of whoever commands.
    pub(super) fn check_circle(&self, owner: &Person, said: &Said) -> Result<(), Refusal> {
        let may_let_in = self.incident.is_commanding(&said.by.person.address);
        if may_let_in || self.incident.lets_know(&owner.address) {
            return Ok(());
        }
        let who = match self.incident.commander() {
            Some(commander) => commander.shown().to_owned(),
            None => "whoever commands".to_owned(),
        };
        Err((
            format!(
                "{} is restricted and {} knows nothing of it; {who} can let them in by writing `Responder: \
                 {}`",
                self.incident.key(),
                owner.shown(),
                owner.address
            ),
            None,
        ))
    }

    pub(super) fn is_action(&self, seq: i64) -> bool {
        self.incident.task(seq).is_some_and(|task| task.kind != TaskKind::Task)
    }

    /// Whether a line with this number, or without one, is about an action.
    pub(super) fn means_action(&self, seq: Option<i64>, said: &Said) -> bool {
        self.meant_task(seq, said).is_ok_and(|seq| self.is_action(seq))
    }

    /// `task` or `action`.
    pub(super) fn noun(&self, seq: i64) -> &'static str {
        self.incident.task(seq).map_or(TaskKind::Task, |task| task.kind).noun()
    }

    /// `Decline #5: why`, by its owner: whoever decides may give it to somebody else or accept the risk.
    pub(super) fn decline_action(&mut self, seq: i64, why: &str, said: &Said) -> Applied {
        let why = self.reason(why, &format!("Decline #{seq}: why"), said)?;
        if self.incident.action_decider().address == said.by.person.address {
            return self.end_by_dropping(seq, &why, said);
        }
        let what = self.end_task(seq, Ending::Declined, &why, &said.by.person)?;
        self.tell_of_task(seq, "is declined", &why, &what, said);
        let decider = self.incident.action_decider().shown();
        Ok(format!("action #{seq} is yours no longer; {decider} decides what becomes of it"))
    }

    /// `Drop #7: why`: it will not be done, and whoever says so accepts the risk.
    pub(super) fn drop_action(&mut self, seq: Option<i64>, why: &str, said: &Said) -> Applied {
        let seq = self.meant_action(seq, said)?;
        let why = self.reason(why, &format!("Drop #{seq}: why"), said)?;
        self.end_by_dropping(seq, &why, said)
    }

    fn end_by_dropping(&mut self, seq: i64, why: &str, said: &Said) -> Applied {
        if let Some(task) = self.incident.tasks.iter_mut().find(|task| task.seq == seq)
            && matches!(task.ended, Some(Ended { how: Ending::Declined, .. }))
        {
            task.ended = None;
        }
        let by = said.by.person.clone();
        let what = self.end_task(seq, Ending::Dropped, why, &by)?;
        let became = format!("is dropped, {} accepts the risk", by.shown());
        self.tell_of_task(seq, &became, why, &what, said);
        Ok(format!("action #{seq} is dropped, and you accept the risk"))
    }

    /// `Fund #3`: there is time for it now, so its owner is asked.
    pub(super) fn fund(&mut self, seq: Option<i64>, said: &Said) -> Applied {
        let seq = self.meant_action(seq, said)?;
        let due_at = self.action_due(None)?;
        let now = self.now;
        let shown = self.shown(due_at);
        let task = self.open_task(seq)?;
        let owner = task.owner.clone();
        if task.kind != TaskKind::Parked {
            return Err((format!("Action #{seq} is {}'s already", owner.shown()), None));
        }
        task.kind = TaskKind::Action;
        (task.given_at, task.due_at, task.timebox) = (now, due_at, due_at - now);
        (task.accepted_at, task.climb) = (None, Climb::default());
        let text = format!("Action #{seq} is to be done now, by {shown}: {}", task.what);
        self.record(EntryKind::Task, Some(&said.by), text, said.source.clone());
        self.mail_person(&owner, Says::Action { seq });
        Ok(format!("{} is asked to do #{seq} by {shown}", owner.shown()))
    }

    /// `Ask #9: question`: goes to whoever owns it, and the answer comes back.
    pub(super) fn ask_owner(&mut self, seq: Option<i64>, question: &str, said: &Said) -> Applied {
        let about = self.meant_action(seq, said)?;
        let Some(owner) = self.incident.task(about).map(|task| task.owner.clone()) else {
            return Err((format!("There is no action #{about}"), None));
        };
        let by = said.by.person.clone();
        let text: String = question.chars().take(TEXT_CHARS_MAX).collect();
        let entry = format!("Question about action #{about}, to {}: {text}", owner.shown());
        let seq = self.record(EntryKind::Note, Some(&said.by), entry, said.source.clone());
        self.incident.questions.push(Question { seq, by: by.clone() });
        let excess = self.incident.questions.len().saturating_sub(QUESTIONS_AT_MOST);
        self.incident.questions.drain(..excess);
        self.mail_person(&owner, Says::Question { seq, about, by, text });
        Ok(format!("{} is asked, and the answer comes to you", owner.shown()))
    }

    /// Who asked what these words answer, unless they get them anyway.
    pub(super) fn who_asked(&self, said: &Said) -> Option<Recipient> {
        let Some(Purpose::Question(seq)) = said.answering else { return None };
        let question = self.incident.questions.iter().find(|question| question.seq == seq)?;
        let asked_by = &question.by.address;
        (*asked_by != said.by.person.address).then(|| Recipient::Person(asked_by.clone()))
    }

    /// Which action a line without a number means.
    fn meant_action(&self, seq: Option<i64>, said: &Said) -> Result<i64, Refusal> {
        let seq = self.meant_task(seq, said)?;
        if self.is_action(seq) { Ok(seq) } else { Err((format!("#{seq} is no action"), None)) }
    }

    /// Why, as it stands behind the colon or below the line.
    fn reason(&self, why: &str, line: &str, said: &Said) -> Result<String, Refusal> {
        let why = if why.trim().is_empty() { said.written.prose.trim() } else { why.trim() };
        if why.is_empty() {
            return Err(("Why? Write it behind the colon".to_owned(), Some(line.to_owned())));
        }
        Ok(why.chars().take(TEXT_CHARS_MAX).collect())
    }

    /// An action is due soon, or late.
    pub(super) fn pass_action(&mut self, seq: i64) {
        let Some(action) = self.incident.open_actions().find(|action| action.seq == seq) else { return };
        let Some(reached) = action_climbing(action, self.policy).reached(self.now) else { return };
        let owed = Owed::Action { seq, what: action.what.clone(), due_at: action.due_at };
        self.ask_how_far(seq, "action", owed, reached.climb, reached.to);
    }
}
