//! The lines of a mail, applied in the order typed: each checked against the permission table, each
//! with an outcome that its writer may read.

use super::tasks::task_number;
use super::{Step, kept};
use crate::incident::deadlines;
use crate::incident::decision::Change;
use crate::incident::event::{LineResult, Outcome, Said};
use crate::incident::permission::{self, Right, right_for};
use crate::incident::state::{Climb, WideMail};
use crate::incident::{Phase, Severity};
use crate::mail::command::{Command, Line, Promise};

/// Longest value kept of a field that is one line, in characters: enough for any link.
const SHORT_VALUE_CHARS_MAX: usize = 500;
/// At most so many services and links an incident.
const VALUES_AT_MOST: usize = 50;

/// What became of a line: what it was understood as, or why not and what to send instead.
pub type Applied = Result<String, (String, Option<String>)>;

impl Step<'_> {
    /// Applies what a mail asks for. Prose is settled afterwards, because it is the reason of some
    /// of it.
    pub(super) fn apply_lines(&mut self, said: &Said) {
        // What the mail itself states wins over what a template would.
        let is_template = |line: &&Line| matches!(line.meaning, Ok(Command::Template(_)));
        let (templates, others): (Vec<_>, Vec<_>) = said.written.lines.iter().partition(is_template);
        let mut unanswered: Vec<&str> = Vec::new();
        for line in others.into_iter().chain(templates) {
            let outcome = match &line.meaning {
                Ok(command) => match self.apply(command, said) {
                    Ok(understood) => Outcome::Done(understood),
                    Err((why, instead)) => Outcome::Refused {
                        why: if matches!(command, Command::Update(_)) {
                            format!("{why}. Your words are a note, and whoever works on it has them")
                        } else {
                            why
                        },
                        instead,
                    },
                },
                Err(misread) => {
                    Outcome::Refused { why: misread.why.clone(), instead: misread.instead.clone() }
                }
            };
            if let Outcome::Refused { .. } = outcome {
                match &line.meaning {
                    // Not an update, but words that those who work on it should read.
                    Ok(Command::Update(text)) => self.notes.push(text.clone()),
                    // What speaks against a proposal is told to one person.
                    Ok(Command::Object { .. }) => {}
                    // They get no answer; those who work on it know best what to do about it.
                    _ if self.is_outsider(&said.by.person.address) => {
                        unanswered.push(line.typed.as_str());
                    }
                    _ => self.facts.push(format!("Not applied: {}", line.typed)),
                }
            }
            self.results.push(LineResult { line: line.clone(), outcome });
        }
        if !unanswered.is_empty() {
            self.notes.push(unanswered.join("\n"));
        }
    }

    fn apply(&mut self, command: &Command, said: &Said) -> Applied {
        self.check_right(command, said)?;
        let short = |text: &String| text.chars().take(SHORT_VALUE_CHARS_MAX).collect::<String>();
        match command {
            Command::Severity(to) => self.set_severity(*to, said),
            Command::Phase(to) => self.set_phase(*to),
            Command::Title(text) => {
                self.incident.title = short(text);
                self.fact("Title", text)
            }
            Command::Summary(text) => {
                self.incident.summary = Some(kept(text));
                self.fact("Summary", text)
            }
            Command::Impact(text) => {
                self.copy_impact(text);
                self.incident.impact = Some(kept(text));
                self.changes.push(Change::Impact);
                self.fact("Impact", text)
            }
            Command::Service(names) => self.add_services(names),
            Command::Started(at) => {
                self.incident.started_at = Some(*at);
                let shown = self.shown(*at);
                self.fact("Started", &shown)
            }
            Command::Detected(at) => {
                self.incident.detected_at = Some(*at);
                let shown = self.shown(*at);
                self.fact("Detected", &shown)
            }
            Command::Link(text) => {
                if self.incident.links.len() < VALUES_AT_MOST && !self.incident.links.contains(text) {
                    self.incident.links.push(short(text));
                }
                self.fact("Link", text)
            }
            Command::Bridge(text) => {
                self.incident.coordination.bridge = Some(short(text));
                self.fact("Bridge", text)
            }
            Command::Chat(text) => {
                self.incident.coordination.chat = Some(short(text));
                self.fact("Chat", text)
            }
            Command::Doc(text) => {
                self.incident.coordination.doc = Some(short(text));
                self.fact("Doc", text)
            }
            Command::CustomersAffected(yes) => {
                self.incident.customers_affected = Some(*yes);
                self.changes.push(Change::CustomersAffected(*yes));
                self.fact("Customers affected", if *yes { "yes" } else { "no" })
            }
            Command::OfferCommand(name) => {
                let to = self.find_person(name, "IC")?;
                self.offer_command(said, to)
            }
            Command::TakeCommand => self.take_command(said),
            Command::Role { role, person, remark } => {
                self.give_role(*role, person, remark.clone(), said)
            }
            Command::Release(name) => self.release(name, said),
            Command::Page(names) => self.page_named(names, said),
            Command::NewToken(name) => self.renew_token_of(name, said),
            Command::Join => self.join(said),
            Command::Leave => self.leave(said),
            Command::Update(text) => {
                self.official.push(text.clone());
                self.follow_up = true;
                Ok("sent as an update".to_owned())
            }
            Command::Note(text) => {
                self.notes.push(text.clone());
                Ok("noted".to_owned())
            }
            Command::NextUpdate(promise) => self.promise_update(*promise),
            Command::Statement { title, text } => self.put_up_statement(title.as_deref(), text, said),
            Command::NextStatement(promise) => self.announce_next(*promise, said),
            Command::Approve(seq) => self.approve_statement(*seq, said),
            Command::Resolved(text) => self.resolve(text, said),
            Command::Reopen(why) => self.reopen(why, said),
            Command::Cancel(why) => self.cancel(why, said),
            Command::Private(yes) => self.set_private(*yes),
            Command::Drill(yes) => {
                self.set_drill(*yes)?;
                self.fact("Drill", if *yes { "yes" } else { "no" })
            }
            Command::DrillScript(name) => self.start_script(name),
            Command::Correct { seq, text } => self.correct(*seq, text),
            Command::PostmortemOwner(name) => self.name_owner(name, said),
            Command::WaivePostmortem(why) => self.waive(why, said),
            Command::Section { heading, text } => self.write_section(heading, text, said),
            Command::Submit => self.submit(said),
            Command::Publish => self.publish(said),
            Command::Ack => self.acknowledge(said),
            Command::Confirm => self.confirm(said),
            Command::Status => {
                self.mail_person(&said.by.person, crate::incident::Says::Status);
                Ok("the state is on its way to you".to_owned())
            }
            Command::Help => {
                self.mail_person(&said.by.person, crate::incident::Says::Guide);
                Ok("the guide is on its way to you".to_owned())
            }
            Command::Override(_) => Err((
                format!(
                    "a shift changes hands outside of incidents; mail the line to {}",
                    self.policy.address.tagged("oncall")
                ),
                None,
            )),
            Command::Task { text, within } => self.give_task(text, *within, said),
            Command::TakeOn(seq) => self.accept_task(*seq, said),
            Command::Reassign { seq, person } => self.reassign_task(*seq, person, said),
            Command::Done { seq, result } => self.finish_task(*seq, result, said),
            Command::MoreTime { seq, by } => self.prolong_task(*seq, *by, said),
            Command::Decline { seq, why } => self.decline_task(*seq, why, said),
            Command::Propose { text, within } => self.propose(text, *within, said),
            Command::Risk { text, within } => self.name_risk(text, *within, said),
            Command::Object { seq, why } => self.object(*seq, why, said),
            Command::Decision { seq, text } => self.decide_it(*seq, text, said),
            Command::Later(text) => self.park(text, said),
            Command::Action { what, owner, due, later } => {
                self.write_action(what, owner.as_deref(), *due, *later, said)
            }
            Command::Fund(seq) => self.fund(*seq, said),
            Command::Drop { seq, why } => self.drop_action(*seq, why, said),
            Command::Ask { seq, question } => self.ask_owner(*seq, question, said),
            Command::Template(name) => self.use_template(name, said),
            Command::DuplicateOf(number) => self.become_duplicate(*number, said),
            Command::PartOf(whole) => self.become_part(*whole, said),
        }
    }

    fn check_right(&self, command: &Command, said: &Said) -> Result<(), (String, Option<String>)> {
        if let Command::Correct { seq, .. } = command {
            self.check_entry(*seq)?;
        }
        let right = match (command, task_number(command)) {
            (_, Some(seq)) => Right::TaskOwner(self.meant_task(seq, said)?),
            (Command::Reassign { seq, .. }, _) if self.means_action(*seq, said) => {
                Right::TaskOwner(self.meant_task(*seq, said)?)
            }
            (_, None) => right_for(command, &self.incident),
        };
        let wrote = match command {
            Command::Correct { seq, .. } => {
                said.entry_authors.get(seq).is_some_and(|author| *author == said.by.person.address)
            }
            _ => false,
        };
        permission::check(right, &said.by.person.address, said.by.known, wrote, &self.incident).map_err(
            |who| {
                if matches!(command, Command::Approve(_)) {
                    // Two people read what customers read: there is nothing to take over.
                    return (format!("Nobody approves their own words, and {who} approve these"), None);
                }
                let why = format!("Not yours to decide now; {who}");
                let take_over = matches!(right, Right::Commander | Right::Speaker);
                let instead = (take_over && said.by.known)
                    .then(|| format!("IC: {}", said.by.person.address))
                    .filter(|_| self.incident.phase.is_active());
                let commander = self.incident.commander().filter(|_| take_over && said.by.known);
                if let Some(commander) = commander.filter(|_| self.outranks(&said.by.person)) {
                    return (
                        format!(
                            "{} has command, and orders are theirs to give. Do you wish to take command? \
                             They are asked to hand it over to you when you reply with this line",
                            commander.shown()
                        ),
                        Some("I have command".to_owned()),
                    );
                }
                match instead {
                    // The line that they, not the writer, would send to make the writer commander.
                    Some(line) => (format!("{why}, or can offer you command by writing `{line}`"), None),
                    None => (why, None),
                }
            },
        )
    }

    /// Remembers a fact for the timeline and repeats it for the receipt.
    pub(super) fn fact(&mut self, name: &str, value: &str) -> Applied {
        self.facts.push(format!("{name}: {value}"));
        Ok(format!("{name} is now: {value}"))
    }

    pub(super) fn shown(&self, at: chrono::DateTime<chrono::Utc>) -> String {
        self.policy.calendar.zone.format_full(at)
    }

    pub(super) fn set_severity(&mut self, to: Severity, said: &Said) -> Applied {
        let from = self.incident.severity;
        let raises = permission::raises(to, &self.incident);
        if !raises && !said.has_reason() {
            return Err((
                "Lowering the severity needs a reason: send the line with your reason in plain words \
                 below it"
                    .to_owned(),
                Some(format!("Severity: {to}")),
            ));
        }
        let before = self.lists();
        let stated = !self.incident.severity_assumed;
        self.incident.severity = to;
        self.incident.severity_assumed = false;
        self.incident.severity_highest =
            if stated { self.incident.severity_highest.min(to) } else { to };
        if from != to {
            self.facts.push(format!("Severity {from} is now {to}."));
            self.changes.push(Change::Severity { from, to });
            self.incident.updates.climb = Climb::default();
            self.follow_up = true;
            self.tell_changed_lists(&before);
            self.owe_for_severity(said);
        } else {
            self.facts.push(format!("Severity {to}."));
        }
        Ok(format!("severity is {to}"))
    }

    /// A list that joins later gets the declaration first, in its present state; one that leaves
    /// would believe the old severity for ever if nobody told it.
    pub(super) fn tell_changed_lists(&mut self, before: &[crate::incident::decision::Recipient]) {
        if self.incident.wide_mail != WideMail::Sent || self.incident.private {
            return;
        }
        let after = self.lists();
        let joining = &self.joining;
        let leaves = |list: &&_| !after.contains(list) && !joining.contains(list);
        self.leaving.extend(before.iter().filter(leaves).cloned());
        self.joining.retain(|recipient| after.contains(recipient));
        self.joining.extend(after.into_iter().filter(|recipient| !before.contains(recipient)));
    }

    fn set_phase(&mut self, to: Phase) -> Applied {
        let from = self.incident.phase;
        if !from.is_active() {
            return Err((format!("{} is {from}", self.incident.key()), Some("Reopen: why".to_owned())));
        }
        self.incident.phase_assumed = false;
        self.incident.phase = to;
        if from != to {
            self.facts.push(format!("Phase {from} is now {to}."));
            self.changes.push(Change::Phase { from, to });
            self.follow_up = true;
        }
        Ok(format!("phase is {to}"))
    }

    pub(super) fn add_services(&mut self, names: &[String]) -> Applied {
        for name in names {
            if self.incident.services.len() < VALUES_AT_MOST && !self.incident.services.contains(name) {
                self.incident.services.push(name.chars().take(SHORT_VALUE_CHARS_MAX).collect());
            }
        }
        self.fact("Service", &names.join(", "))
    }

    /// What is written of the impact while a postmortem is owed belongs there too.
    fn copy_impact(&mut self, text: &str) {
        let section = self.policy.postmortem.sections.iter().find(|section| section.heading == "Impact");
        let postmortem = self.incident.postmortem.as_mut().filter(|postmortem| postmortem.is_owed());
        if let (Some(section), Some(postmortem)) = (section, postmortem) {
            postmortem.sections.insert(section.heading.clone(), text.to_owned());
        }
    }

    fn promise_update(&mut self, promise: Promise) -> Applied {
        if !self.incident.phase.is_active() {
            return Err((format!("{} is {}", self.incident.key(), self.incident.phase), None));
        }
        let at = match promise {
            Promise::Within(span) => self.now + span,
            Promise::At(at) => at,
        };
        let latest = self.now + chrono::TimeDelta::days(NEXT_UPDATE_DAYS_MAX);
        if at <= self.now || at > latest {
            return Err((
                format!("The next update must lie ahead, and within {NEXT_UPDATE_DAYS_MAX} days"),
                Some("Next update: 30m".to_owned()),
            ));
        }
        self.promised = Some(at);
        self.incident.updates.promised_at = Some(at);
        self.incident.updates.climb = Climb::default();
        self.changes.push(Change::NextUpdate(at));
        let shown = self.shown(at);
        self.facts.push(format!("Next update by {shown}."));
        Ok(format!("the next update is due {shown}"))
    }

    /// Whether the timeline has this number.
    fn check_entry(&self, seq: i64) -> Result<(), (String, Option<String>)> {
        if seq < 1 || seq >= self.incident.next_seq {
            return Err((format!("There is no entry #{seq}"), None));
        }
        Ok(())
    }

    fn correct(&mut self, seq: i64, text: &str) -> Applied {
        self.notes.push(format!("Correction of #{seq}: {text}"));
        if self.incident.statements.published.iter().any(|statement| statement.seq == seq) {
            self.hints.push(format!(
                "Customers still read statement #{seq} as it was. What they should read instead is a \
                 statement of its own, with a line that begins  Statement:  and goes on with its words."
            ));
        }
        Ok(format!("the correction stands beside #{seq}"))
    }

    /// `Private: no` lets everybody know what only some knew.
    fn set_private(&mut self, yes: bool) -> Applied {
        if self.incident.private && !yes && self.incident.wide_mail == WideMail::Sent {
            self.announce = true;
        }
        self.incident.private = yes;
        if yes {
            // They are told that there is one, and no more.
            (self.joining, self.leaving) = (Vec::new(), Vec::new());
        }
        self.fact("Private", if yes { "yes" } else { "no" })
    }

    /// When the next update is due, for those who promise one.
    pub(super) fn update_due(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        deadlines::update_due(&self.incident, self.policy)
    }
}

/// A promise farther ahead than this is a mistyped one.
const NEXT_UPDATE_DAYS_MAX: i64 = 31;

impl Said {
    /// Whether any words beside the fields were written.
    fn has_reason(&self) -> bool {
        let runs_on = |line: &Line| matches!(&line.meaning, Ok(Command::Update(text) | Command::Note(text)) if !text.trim().is_empty());
        !self.written.prose.trim().is_empty() || self.written.lines.iter().any(runs_on)
    }
}
