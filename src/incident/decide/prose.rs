//! The words beside the lines: follow-up or note, who gets them, and the answer to their writer.

use super::Step;
use crate::incident::Phase;
use crate::incident::decision::{Change, EntryKind, Purpose, Says};
use crate::incident::event::{Outcome, Said, Source};
use crate::incident::state::{Climb, Command as InCommand, Incident};

impl Step<'_> {
    /// Records what was said, and sends what must be sent of it. `before` is the incident as it was
    /// when the mail was written: roles count as they were then.
    pub(super) fn settle_prose(&mut self, said: &Said, before: &Incident) {
        self.settle_words(said, before);
        self.announce_changes();
    }

    /// As [`Self::settle_prose`], for one of several mails that take effect together.
    pub(super) fn settle_words(&mut self, said: &Said, before: &Incident) {
        let prose = if self.kept_back { "" } else { said.written.prose.trim() }.to_owned();
        if let Some(text) = self.resolved.take() {
            let rest = if text == prose { String::new() } else { prose };
            self.record_facts(said, true);
            let mut words = vec![text];
            words.append(&mut self.official);
            words.push(rest);
            let whole = join(&words);
            self.follow_up = false;
            self.record(EntryKind::FollowUp, Some(&said.by), whole.clone(), said.source.clone());
            self.send_notes(said);
            self.changes.clear();
            self.incident.untold.clear();
            self.mail_resolution(said, whole);
            return;
        }
        let is_answer =
            answers_an_update(said.answering) && before.speaks_officially(&said.by.person.address);
        let sends_prose = !prose.is_empty() && is_answer && before.phase.is_active();
        if self.follow_up || sends_prose {
            let mut words = std::mem::take(&mut self.official);
            words.push(prose);
            let text = join(&words);
            self.record_facts(said, !text.is_empty() || !self.notes.is_empty());
            self.send_follow_up(said, text);
        } else {
            // A file may be all that somebody sends.
            let only_files =
                self.facts.is_empty() && !said.source.attachments.is_empty() && !self.kept_back;
            if !prose.is_empty() || (only_files && self.notes.is_empty()) {
                self.notes.push(prose);
            }
            self.record_facts(said, !self.notes.is_empty());
        }
        self.send_notes(said);
    }

    /// One entry for all that a mail changed. Its files are there, too, unless another entry has its
    /// words or they are kept back with these.
    pub(super) fn record_facts(&mut self, said: &Said, words_follow: bool) {
        let facts = std::mem::take(&mut self.facts);
        if !facts.is_empty() {
            let elsewhere = words_follow || self.kept_back;
            let source = if elsewhere { without_files(&said.source) } else { said.source.clone() };
            self.record(EntryKind::State, Some(&said.by), facts.join("\n"), source);
        }
    }

    fn send_follow_up(&mut self, said: &Said, text: String) {
        self.follow_up = false;
        if !text.is_empty() {
            self.record(EntryKind::FollowUp, Some(&said.by), text.clone(), said.source.clone());
        }
        if self.incident.speaks_officially(&said.by.person.address)
            || self.incident.commander().is_none()
        {
            self.count_update();
        }
        let mut changes = std::mem::take(&mut self.changes);
        let pending = std::mem::take(&mut self.incident.untold);
        for change in pending.into_iter().rev() {
            changes.insert(0, change);
        }
        let by = Some(said.by.person.clone());
        let mut wide = self.wide();
        wide.append(&mut self.leaving);
        if matches!(self.incident.phase, Phase::Cancelled | Phase::Merged) {
            wide.extend(self.former_members());
        }
        self.outgoing_follow_up = Some(Says::FollowUp { by, changes, text, update_overdue: false });
        self.follow_up_to = wide;
    }

    /// An official update went out: its clock starts again.
    pub(super) fn count_update(&mut self) {
        if let Some(due_at) = self.update_due() {
            if self.now <= due_at {
                self.incident.updates.on_time += 1;
            } else {
                self.incident.updates.late += 1;
            }
        }
        if let InCommand::Held { offered_on, .. } = &mut self.incident.command
            && offered_on.as_ref().is_some_and(|handover| !handover.by_commander)
        {
            // Silence made the offer, and the silence has ended.
            *offered_on = None;
        }
        let updates = &mut self.incident.updates;
        updates.first_at.get_or_insert(self.now);
        updates.counted_from = Some(self.now);
        updates.promised_at = self.promised;
        updates.climb = Climb::default();
    }

    fn send_notes(&mut self, said: &Said) {
        for text in std::mem::take(&mut self.notes) {
            let seq = self.record(EntryKind::Note, Some(&said.by), text.clone(), said.source.clone());
            let mut to = self.responders(&said.by.person.address);
            if text == said.written.prose.trim() {
                to.retain(|recipient| !self.told.contains(recipient.address()));
            }
            to.extend(self.who_asked(said));
            let names = said.source.attachments.iter().map(|attachment| attachment.name.clone());
            let attachments = names.collect();
            self.mail(to, Says::Note { seq, by: said.by.person.clone(), text, attachments });
            self.hint_that_words_settle_nothing(seq, said);
            self.hint_that_task_stays_open(seq, said);
            let official = self.incident.speaks_officially(&said.by.person.address);
            // Those who were asked for words wrote them to whoever asked.
            let is_asked_for = matches!(
                said.answering,
                Some(Purpose::Note | Purpose::Approval(_) | Purpose::Proposal(_) | Purpose::Inject(_))
            );
            if official && self.incident.phase.is_active() && !is_asked_for {
                self.hints.push(format!(
                    "Your mail is note #{seq} in the timeline of {}. To send it to everybody, reply with a \
                     line that begins  Update:  and goes on with your words.",
                    self.incident.key()
                ));
            }
        }
        // Changes that were not sent are named in the next follow-up.
        let mut untold = std::mem::take(&mut self.changes);
        // A promise is in every mail until it is kept, and would be stale after that.
        untold.retain(|change| !matches!(change, Change::NextUpdate(_)));
        self.incident.untold.extend(untold);
        let excess = self.incident.untold.len().saturating_sub(UNTOLD_AT_MOST);
        self.incident.untold.drain(..excess);
    }

    /// Sends, in the order in which their readers need them: the declaration to lists that join or
    /// were waiting, then the follow-up.
    fn announce_changes(&mut self) {
        let joining = std::mem::take(&mut self.joining);
        if std::mem::take(&mut self.announce) {
            let wide = self.wide();
            self.mail(wide, Says::Declaration);
        } else {
            self.mail(joining, Says::Declaration);
        }
        if let Some(follow_up) = self.outgoing_follow_up.take() {
            let to = std::mem::take(&mut self.follow_up_to);
            self.mail(to, follow_up);
        }
    }

    /// The receipt: only when something was not done, or the writer should know more.
    pub(super) fn answer(&mut self, said: &Said) {
        if said.source.no_receipt {
            return;
        }
        let refused =
            self.results.iter().any(|result| matches!(result.outcome, Outcome::Refused { .. }));
        let hint = (!self.hints.is_empty()).then(|| self.hints.join("\n\n"));
        if refused || hint.is_some() {
            let results = if refused { std::mem::take(&mut self.results) } else { Vec::new() };
            self.mail_person(&said.by.person, Says::Receipt { results, hint });
        }
    }
}

/// At most so many changes are carried to the next follow-up.
const UNTOLD_AT_MOST: usize = 20;

/// Whether prose in answer to it is meant for everybody.
fn answers_an_update(purpose: Option<Purpose>) -> bool {
    matches!(
        purpose,
        Some(Purpose::Declaration | Purpose::FollowUp | Purpose::ReminderUpdate | Purpose::Reminders)
    )
}

/// Attachments and the cut-off rest belong to the entry with the words.
fn without_files(source: &Source) -> Source {
    Source { message_id: source.message_id.clone(), ..Source::default() }
}

fn join(texts: &[String]) -> String {
    let filled: Vec<&str> =
        texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    filled.join("\n\n")
}
