//! Tasks: given to one person, taken on, done, prolonged, declined, given to somebody else; and what is
//! parked until after the incident.

use chrono::{DateTime, TimeDelta, Utc};

use super::Step;
use super::lines::Applied;
use crate::incident::deadlines::task_climbing;
use crate::incident::decision::{EntryKind, Owed, Purpose, Recipient, Says};
use crate::incident::event::Said;
use crate::incident::policy::Party;
use crate::incident::state::{Climb, Person};
use crate::incident::task::{Ended, Ending, Parked, Task, TaskKind};
use crate::mail::command::{Command, Promise};
use crate::roster::Named;

/// Nobody coordinates more than this; beyond it is a mistake or an attack.
const OPEN_AT_MOST: usize = 50;
/// Kept in the incident's state, ended ones included; the timeline has all.
const KEPT_AT_MOST: usize = 200;
/// Longer is no task but a plan.
const TASK_DAYS_MAX: i64 = 31;
/// A person is named in at most so many words.
const NAME_WORDS_MAX: usize = 4;
/// Longest text of a task or a parked question, in characters.
pub(super) const TEXT_CHARS_MAX: usize = 500;
/// At most so many parked questions.
const PARKED_AT_MOST: usize = 100;

/// Words that mean more than one person, whatever the configuration calls its groups.
const GROUPS: [&str; 8] = ["everybody", "everyone", "all", "anybody", "anyone", "team", "we", "someone"];

pub(super) type Refusal = (String, Option<String>);

impl Step<'_> {
    /// `Task: bob check replica lag by 10m`.
    pub(super) fn give_task(&mut self, text: &str, within: Option<Promise>, said: &Said) -> Applied {
        self.check_active()?;
        let (owner, what) = self.read_task(text)?;
        if self.incident.open_tasks().count() >= OPEN_AT_MOST
            || self.incident.tasks.len() >= KEPT_AT_MOST
        {
            return Err((format!("{OPEN_AT_MOST} tasks are open; let some be done first"), None));
        }
        let due_at = self.task_due(within, self.policy.task_within)?;
        let by = said.by.person.clone();
        let own = owner.address == by.address;
        let shown = self.shown(due_at);
        let whose =
            if own { "takes a task".to_owned() } else { format!("gives {} a task", owner.shown()) };
        let text = format!("{} {whose}, by {shown}: {what}", by.shown());
        let seq = self.record(EntryKind::Task, Some(&said.by), text, said.source.clone());
        self.incident.tasks.push(Task {
            seq,
            kind: TaskKind::Task,
            what,
            owner: owner.clone(),
            given_by: by,
            written_at: None,
            given_at: self.now,
            due_at,
            timebox: due_at - self.now,
            accepted_at: own.then_some(self.now),
            ended: None,
            climb: Climb::default(),
        });
        if own {
            return Ok(format!("task #{seq} is yours until {shown}"));
        }
        self.mail_person(&owner, Says::Task { seq });
        Ok(format!("{} is asked to do #{seq} by {shown}", owner.shown()))
    }

    /// The person named first, and what they are to do.
    fn read_task(&self, text: &str) -> Result<(Person, String), Refusal> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (owner, used) = self.named_first(&words)?;
        let rest = words.get(used..).unwrap_or_default();
        let first = rest.first().map(|word| word.to_lowercase()).unwrap_or_default();
        let joins = matches!(first.as_str(), "and" | "or" | "&" | "+");
        let others = rest.get(1..).unwrap_or_default();
        if let (true, Ok((_, used))) = (joins, self.named_first(others)) {
            let what = others.get(used..).unwrap_or_default().join(" ");
            return Err((
                "A task has one owner, who answers for it: write one line for each person".to_owned(),
                Some(format!("Task: {} {what}", owner.address)),
            ));
        }
        let rest = rest.join(" ");
        let what = rest.trim_start_matches([':', ',', '-', '–', '—']).trim();
        let what = what.strip_prefix("to ").unwrap_or(what).trim();
        if what.is_empty() {
            return Err((
                format!("What is {} to do?", owner.shown()),
                Some(format!("Task: {} what is to be done", owner.address)),
            ));
        }
        Ok((owner, what.chars().take(TEXT_CHARS_MAX).collect()))
    }

    /// Whom the first words name, and how many words that took: the longest name counts.
    fn named_first(&self, words: &[&str]) -> Result<(Person, usize), Refusal> {
        let with_name = |rest: &[&str]| Some(format!("Task: name@example.org {}", rest.join(" ")));
        let behind = words.get(1..).unwrap_or_default();
        let bare = |word: &str| word.trim_end_matches([':', ',']).to_owned();
        let mut ambiguous = None;
        for count in (1..=NAME_WORDS_MAX.min(words.len())).rev() {
            let name = bare(&words.get(..count).unwrap_or_default().join(" "));
            match self.policy.roster.named(&name) {
                Named::One(_) => {
                    let found = self.one_owner(&name, "task").map_err(|why| (why, with_name(behind)))?;
                    return Ok((found, count));
                }
                Named::Several(_) => ambiguous = Some(name),
                Named::Nobody => {}
            }
        }
        let first = words.first().map(|word| bare(word)).unwrap_or_default();
        if let Some(name) = ambiguous {
            return Err((self.one_owner(&name, "task").err().unwrap_or_default(), with_name(behind)));
        }
        if self.is_group(&first) {
            let why = self.one_owner(&first, "task").err().unwrap_or_default();
            return Err((why, with_name(behind)));
        }
        Err((
            format!("A task begins with who does it, and nobody is known as `{first}`"),
            with_name(words),
        ))
    }

    /// The one person whom a name means, who answers for a task or an action; or why nobody would.
    pub(super) fn one_owner(&self, name: &str, noun: &str) -> Result<Person, String> {
        match self.policy.roster.named(name) {
            Named::One(_) => self
                .find_person(name, "Owner")
                .map_err(|(why, _)| format!("{why}; {} has one owner", with_article(noun))),
            Named::Several(_) => {
                let (why, _) = self.find_person(name, "Owner").err().unwrap_or_default();
                Err(format!("{why}; write the address"))
            }
            Named::Nobody if self.is_group(name) => {
                Err(format!("`{name}` is a group, and what everybody owns nobody does: name one person"))
            }
            Named::Nobody if names_several(name) => Err(format!(
                "{} has one owner, who answers for it: write one name or address",
                capital(&with_article(noun))
            )),
            Named::Nobody => Err(format!("Nobody is known as `{name}`; write an address")),
        }
    }

    fn is_group(&self, name: &str) -> bool {
        let roster = &self.policy.roster;
        GROUPS.contains(&name.to_lowercase().as_str())
            || roster.list(name).is_some()
            || roster.team(name).is_some()
            || roster.rotation(name).is_some()
            || roster.service(name).is_some()
    }

    fn task_due(&self, within: Option<Promise>, usual: TimeDelta) -> Result<DateTime<Utc>, Refusal> {
        let at = match within {
            None => self.now + usual,
            Some(Promise::Within(span)) => self.now + span,
            Some(Promise::At(at)) => at,
        };
        if at <= self.now || at > self.now + TimeDelta::days(TASK_DAYS_MAX) {
            return Err((format!("A task ends later than now, and within {TASK_DAYS_MAX} days"), None));
        }
        Ok(at)
    }

    pub(super) fn check_active(&self) -> Result<(), Refusal> {
        if self.incident.phase.is_active() {
            return Ok(());
        }
        Err((
            format!(
                "{} is {}; what is left to do is an action",
                self.incident.key(),
                self.incident.phase
            ),
            None,
        ))
    }

    /// Which task a line without a number means: that of the mail which it answers, or the only one that
    /// its writer has.
    pub(super) fn meant_task(&self, seq: Option<i64>, said: &Said) -> Result<i64, Refusal> {
        if let Some(seq) = seq.or(answered_task(said)) {
            return match self.incident.task(seq) {
                Some(_) => Ok(seq),
                None => Err((format!("There is no task #{seq}"), None)),
            };
        }
        let own = &said.by.person.address;
        let mut mine: Vec<i64> = self.incident.open_tasks_of(own).map(|task| task.seq).collect();
        if mine.is_empty() {
            let actions = self.incident.open_actions().filter(|action| action.owner.address == *own);
            mine.extend(actions.map(|action| action.seq));
        }
        match mine.as_slice() {
            [] => Err((
                "You have no task here, and the line names none; write its number".to_owned(),
                None,
            )),
            [only] => Ok(*only),
            several => {
                let numbers: Vec<String> = several.iter().map(|seq| format!("#{seq}")).collect();
                Err((
                    format!("You have several tasks ({}): write which", numbers.join(", ")),
                    several.first().map(|seq| format!("Done #{seq}")),
                ))
            }
        }
    }

    /// Its owner answers in words: "it is done" ends nothing, and they may think that it does.
    pub(super) fn hint_that_task_stays_open(&mut self, note: i64, said: &Said) {
        let answered = match said.answering {
            Some(
                Purpose::Task(seq)
                | Purpose::ReminderTask(seq)
                | Purpose::Action(seq)
                | Purpose::ReminderAction(seq),
            ) => seq,
            _ => return,
        };
        let is_theirs = |task: &&Task| task.is_open() && task.owner.address == said.by.person.address;
        if !said.written.lines.is_empty() || self.incident.task(answered).filter(is_theirs).is_none() {
            return;
        }
        self.hints.push(format!(
            "#{answered} is still open. Your words are note #{note}. When it is done, reply \
             `Done #{answered}`; if it takes longer, `More time #{answered}: 20m` or as long as you need."
        ));
    }

    /// Without a number, whoever commands gives away the one task that nobody has.
    fn task_without_owner(&self, seq: Option<i64>, said: &Said) -> Option<i64> {
        let by = &said.by.person.address;
        let names_one = seq.is_some()
            || answered_task(said).is_some()
            || self.incident.open_tasks_of(by).next().is_some();
        let is_declined =
            |task: &&Task| task.ended.as_ref().is_some_and(|ended| ended.how == Ending::Declined);
        let mut declined = self.incident.tasks.iter().filter(is_declined);
        match (declined.next(), declined.next()) {
            (Some(only), None) if !names_one => Some(only.seq),
            _ => None,
        }
    }

    /// The task, if it is open.
    pub(super) fn open_task(&mut self, seq: i64) -> Result<&mut Task, Refusal> {
        let task = self.incident.tasks.iter_mut().find(|task| task.seq == seq);
        match task {
            Some(Task { ended: Some(ended), kind, .. }) => {
                let noun = capital(kind.noun());
                Err((format!("{noun} #{seq} is {} already", ended.how.name()), None))
            }
            Some(task) => Ok(task),
            None => Err((format!("There is no task #{seq}"), None)),
        }
    }

    /// `ack` to a task that was given.
    pub(super) fn accept_task(&mut self, seq: i64, said: &Said) -> Applied {
        let now = self.now;
        let task = self.open_task(seq)?;
        let noun = task.kind.noun();
        if task.owner.address != said.by.person.address {
            let whose = format!("{} #{seq} is {}'s", capital(noun), task.owner.shown());
            return Err((whose, Some("join".to_owned())));
        }
        let (due_at, is_task) = (task.due_at, task.kind == TaskKind::Task);
        if task.is_chased() && is_task {
            return Err((
                format!("The time of task #{seq} is up: say that it is done, or how long it takes"),
                Some(format!("More time #{seq}: 10m")),
            ));
        }
        task.accepted_at.get_or_insert(now);
        let shown = self.shown(due_at);
        if is_task {
            self.count_in(&said.by.person);
        }
        self.facts.push(format!("{} took on {noun} #{seq}.", said.by.person.shown()));
        Ok(format!("{noun} #{seq} is yours until {shown}"))
    }

    /// `Done #3`, with a result or without.
    pub(super) fn finish_task(&mut self, seq: Option<i64>, result: &str, said: &Said) -> Applied {
        let seq = self.meant_task(seq, said)?;
        let what = self.end_task(seq, Ending::Done, result, &said.by.person)?;
        self.tell_of_task(seq, "is done", result, &what, said);
        Ok(format!("{} #{seq} is done", self.noun(seq)))
    }

    /// `Decline #3: why`: it has no owner any more, and whoever commands is told.
    pub(super) fn decline_task(&mut self, seq: Option<i64>, why: &str, said: &Said) -> Applied {
        let seq = self.meant_task(seq, said)?;
        if self.is_action(seq) {
            return self.decline_action(seq, why, said);
        }
        let what = self.end_task(seq, Ending::Declined, why, &said.by.person)?;
        self.tell_of_task(seq, "is declined", why, &what, said);
        Ok(format!("task #{seq} is yours no longer"))
    }

    pub(super) fn end_task(
        &mut self,
        seq: i64,
        how: Ending,
        why: &str,
        by: &Person,
    ) -> Result<String, Refusal> {
        let at = self.now;
        let why = why.trim().chars().take(TEXT_CHARS_MAX).collect();
        let task = self.open_task(seq)?;
        task.ended = Some(Ended { how, at, by: Some(by.clone()), why });
        Ok(task.what.clone())
    }

    /// `More time #3: 20m`, counted from now: the owner's own estimate.
    pub(super) fn prolong_task(&mut self, seq: Option<i64>, by: Promise, said: &Said) -> Applied {
        let seq = self.meant_task(seq, said)?;
        let due_at = if self.is_action(seq) {
            self.action_due(Some(by))?
        } else {
            self.task_due(Some(by), TimeDelta::zero())?
        };
        let now = self.now;
        let task = self.open_task(seq)?;
        if task.kind == TaskKind::Parked {
            return Err((format!("Action #{seq} is parked and has no date"), None));
        }
        (task.given_at, task.due_at, task.timebox) = (now, due_at, due_at - now);
        task.climb = Climb::default();
        task.accepted_at.get_or_insert(now);
        let what = task.what.clone();
        let shown = self.shown(due_at);
        self.tell_of_task(seq, &format!("takes until {shown}"), "", &what, said);
        Ok(format!("{} #{seq} is due {shown}", self.noun(seq)))
    }

    /// `Reassign #3: carol`: with the time that its owner before was given.
    pub(super) fn reassign_task(&mut self, seq: Option<i64>, name: &str, said: &Said) -> Applied {
        let seq = self.task_without_owner(seq, said).map_or_else(|| self.meant_task(seq, said), Ok)?;
        let is_action = self.is_action(seq);
        if !is_action {
            self.check_active()?;
        }
        let noun = self.noun(seq);
        let owner = self.one_owner(name.trim(), noun).map_err(|why| {
            let line = format!("Reassign #{seq}: name@example.org");
            (why, Some(line))
        })?;
        if is_action {
            self.check_circle(&owner, said)?;
        }
        let now = self.now;
        let own = owner.address == said.by.person.address;
        let calendar = &self.policy.calendar;
        let Some(task) = self.incident.tasks.iter_mut().find(|task| task.seq == seq) else {
            return Err((format!("There is no task #{seq}"), None));
        };
        if let Some(Ended { how: Ending::Done, .. }) = task.ended {
            return Err((format!("{} #{seq} is done already", capital(noun)), None));
        }
        let before = task.is_open().then(|| task.owner.clone());
        if before.as_ref().is_some_and(|before| before.address == owner.address) {
            return Ok(format!("{noun} #{seq} is {}'s already", owner.shown()));
        }
        task.owner = owner.clone();
        task.given_at = now;
        match task.kind {
            TaskKind::Task => task.due_at = now + task.timebox,
            // A day is a day, whoever does it; one that has passed begins anew.
            TaskKind::Action if task.due_at <= now => {
                task.due_at = calendar.business_days_after(now + task.timebox, 0);
            }
            TaskKind::Action | TaskKind::Parked => {}
        }
        (task.accepted_at, task.ended, task.climb) = (own.then_some(now), None, Climb::default());
        let (what, kind) = (task.what.clone(), task.kind);
        let shown = self.shown(task_due_at(self.incident.task(seq), now));
        let by = if kind == TaskKind::Parked { String::new() } else { format!(", by {shown}") };
        let title = format!("{} #{seq} is {}'s now", capital(noun), owner.shown());
        let text = format!("{title}{by}: {what}");
        self.record(EntryKind::Task, Some(&said.by), text, said.source.clone());
        if let Some(before) = before.filter(|before| before.address != said.by.person.address) {
            let more = format!("You need not do it any more: {what}");
            self.mail_person(&before, Says::Notice { what: title, more });
        }
        match kind {
            TaskKind::Task if !own => self.mail_person(&owner, Says::Task { seq }),
            TaskKind::Action if !own => self.mail_person(&owner, Says::Action { seq }),
            TaskKind::Parked => return Ok(format!("{noun} #{seq} is {}'s", owner.shown())),
            _ => {}
        }
        Ok(format!("{noun} #{seq} is {}'s until {shown}", owner.shown()))
    }

    /// What became of a task: in the timeline, and told to whoever commands and to whoever gave it.
    pub(super) fn tell_of_task(
        &mut self,
        seq: i64,
        became: &str,
        result: &str,
        what: &str,
        said: &Said,
    ) {
        let result = result.trim();
        let noun = capital(self.noun(seq));
        let text = format!("{noun} #{seq} {became}: {what}\n\n{result}").trim_end().to_owned();
        self.record(EntryKind::Task, Some(&said.by), text, said.source.clone());
        let Some(task) = self.incident.task(seq) else { return };
        let to = match &task.ended {
            // Somebody has to decide, and it is nobody else's to know.
            Some(Ended { how: Ending::Declined, .. }) if task.kind != TaskKind::Task => {
                vec![self.incident.action_decider().clone()]
            }
            Some(Ended { how: Ending::Dropped, .. }) => vec![task.given_by.clone(), task.owner.clone()],
            _ if task.kind != TaskKind::Task => {
                vec![task.given_by.clone(), self.incident.action_decider().clone()]
            }
            _ => {
                let commander = self.incident.commander().cloned();
                std::iter::once(task.given_by.clone()).chain(commander).collect()
            }
        };
        let to: Vec<Recipient> = to
            .into_iter()
            .filter(|person| person.address != said.by.person.address)
            .map(|person| Recipient::Person(person.address))
            .collect();
        // Those who read it here need no copy of the note that has the same words.
        self.told.extend(to.iter().map(|recipient| recipient.address().clone()));
        let words = [result, said.written.prose.trim()].into_iter().filter(|text| !text.is_empty());
        let words = words.collect::<Vec<_>>().join("\n\n");
        let (by, became) = (said.by.person.clone(), became.to_owned());
        self.mail(to, Says::TaskNews { seq, by, became, words });
    }

    /// Whoever goes takes no task along: they are declined, and whoever commands is told.
    pub(super) fn leave_tasks(&mut self, person: &Person, said: &Said) {
        let open: Vec<(i64, String)> = self
            .incident
            .open_tasks_of(&person.address)
            .map(|task| (task.seq, task.what.clone()))
            .collect();
        for (seq, what) in open {
            if self.end_task(seq, Ending::Declined, "", person).is_ok() {
                let became = format!("is declined, {} left", person.shown());
                self.tell_of_task(seq, &became, "", &what, said);
            }
        }
    }

    /// The incident is over, and with it every task of it.
    pub(super) fn overtake_tasks(&mut self) {
        let at = self.now;
        let is_over = |task: &&mut Task| task.kind == TaskKind::Task && task.is_open();
        for task in self.incident.tasks.iter_mut().filter(is_over) {
            task.ended = Some(Ended { how: Ending::Overtaken, at, by: None, why: String::new() });
        }
    }

    /// The time of a task is up.
    pub(super) fn pass_task(&mut self, seq: i64) {
        let Some(task) = self.incident.task(seq).filter(|task| task.is_open()) else { return };
        let Some(reached) = task_climbing(task, self.policy).reached(self.now) else { return };
        let owed = Owed::Task { seq, what: task.what.clone(), due_at: task.due_at };
        self.ask_how_far(seq, "task", owed, reached.climb, reached.to);
    }

    /// Asks whoever owns a task or an action how far it is, and whom else its ladder names.
    pub(super) fn ask_how_far(&mut self, seq: i64, noun: &str, owed: Owed, climb: Climb, to: &[Party]) {
        let Some(task) = self.incident.tasks.iter_mut().find(|task| task.seq == seq) else { return };
        task.climb = climb;
        let (owner, due_at) = (task.owner.clone(), task.due_at);
        let shown = self.shown(due_at);
        let text = format!("Asked {} for {noun} #{seq}, due {shown}.", owner.shown());
        self.record_own(EntryKind::Reminder, text);
        self.remind(to, &owner, owed, Some(due_at));
    }

    /// `Later: question`: answered kindly, and asked again when the incident is over.
    pub(super) fn park(&mut self, text: &str, said: &Said) -> Applied {
        if self.incident.parked.len() >= PARKED_AT_MOST {
            return Err((format!("{PARKED_AT_MOST} questions wait already"), None));
        }
        let text: String = text.chars().take(TEXT_CHARS_MAX).collect();
        let entry = format!("For later: {text}");
        let seq = self.record(EntryKind::Note, Some(&said.by), entry, said.source.clone());
        let by = said.by.person.clone();
        self.incident.parked.push(Parked { seq, by: by.clone(), text, at: self.now });
        let name = &self.policy.postmortem.name;
        let what = format!("Your question waits as #{seq}");
        let more = format!(
            "Thank you: it is not lost. Whoever works on the incident is not held up by it now, and it \
             comes back with the {name} when the incident is over."
        );
        self.mail_person(&by, Says::Notice { what, more });
        Ok(format!("parked as #{seq}"))
    }
}

/// The task or the action of which the answered mail speaks.
fn answered_task(said: &Said) -> Option<i64> {
    match said.answering {
        Some(
            Purpose::Task(seq)
            | Purpose::ReminderTask(seq)
            | Purpose::Action(seq)
            | Purpose::ReminderAction(seq),
        ) => Some(seq),
        _ => None,
    }
}

fn task_due_at(task: Option<&Task>, now: DateTime<Utc>) -> DateTime<Utc> {
    task.map_or(now, |task| task.due_at)
}

/// `bob and carol`, `bob, carol`.
fn names_several(name: &str) -> bool {
    let joins = |word: &str| matches!(word.to_lowercase().as_str(), "and" | "or" | "&" | "+");
    name.contains([',', ';', '/']) || name.split_whitespace().any(joins)
}

pub(super) fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn with_article(noun: &str) -> String {
    let article = if noun.starts_with('a') { "an" } else { "a" };
    format!("{article} {noun}")
}

/// Whether a line is about a task, and is its owner's to write.
pub(super) fn task_number(command: &Command) -> Option<Option<i64>> {
    match command {
        Command::Done { seq, .. } | Command::MoreTime { seq, .. } | Command::Decline { seq, .. } => {
            Some(*seq)
        }
        _ => None,
    }
}
