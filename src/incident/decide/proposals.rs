//! Proposals: put to those who work on it, consented to by silence, stopped by an objection; and
//! decisions of whoever commands.

use chrono::{DateTime, Utc};

use super::Step;
use super::lines::Applied;
use crate::incident::decision::{Change, EntryKind, Objected, Purpose, Recipient, Says};
use crate::incident::event::{Said, Source};
use crate::incident::proposal::{Asked, Closed, Outcome, Proposal, Sent, is_a_window};
use crate::incident::state::Person;
use crate::mail::Address;
use crate::mail::command::Promise;

/// Nobody weighs more at one time; beyond it is a mistake or an attack.
const OPEN_AT_MOST: usize = 10;
/// Kept in the incident's state, ended ones included; the timeline has all.
const KEPT_AT_MOST: usize = 100;
/// Longest text of a proposal, a risk or a decision, in characters.
const TEXT_CHARS_MAX: usize = 1_000;
/// At most so many risks of a proposal.
const RISKS_AT_MOST: usize = 10;

type Refusal = (String, Option<String>);

impl Step<'_> {
    /// `Propose: roll back to 2.3 (10m)`.
    pub(super) fn propose(&mut self, text: &str, within: Option<Promise>, said: &Said) -> Applied {
        if !self.incident.phase.is_active() {
            return Err((format!("{} is {}", self.incident.key(), self.incident.phase), None));
        }
        let open = self.incident.open_proposals().count();
        if open >= OPEN_AT_MOST || self.incident.proposals.len() >= KEPT_AT_MOST {
            return Err((format!("{OPEN_AT_MOST} proposals are open; let some be decided first"), None));
        }
        let window = match within {
            None => self.policy.proposal_within,
            Some(Promise::Within(span)) => span,
            Some(Promise::At(at)) => at - self.now,
        };
        if !is_a_window(window) {
            return Err((
                "People need a minute to object, and at most 24 hours".to_owned(),
                Some(format!("Propose: {text} (10m)")),
            ));
        }
        let by = said.by.person.clone();
        let mut asked: Vec<Person> = Vec::new();
        for person in self.incident.at_work() {
            let is_new = asked.iter().all(|other| other.address != person.address);
            if person.address != by.address && is_new {
                asked.push(person.clone());
            }
        }
        if asked.is_empty() {
            return Err((
                "Nobody else works on it, so there is nobody to ask; if you command, decide".to_owned(),
                Some(format!("Decision: {text}")),
            ));
        }
        let what: String = text.chars().take(TEXT_CHARS_MAX).collect();
        let names: Vec<&str> = asked.iter().map(Person::shown).collect();
        let entry = format!("Proposed: {what}\nAsked for objections: {}", names.join(", "));
        let seq = self.record(EntryKind::Proposal, Some(&said.by), entry, said.source.clone());
        let to = asked.iter().map(|person| Recipient::Person(person.address.clone())).collect();
        let asked =
            asked.into_iter().map(|person| Asked { person, copy: Sent::OnItsWay, agreed: false });
        self.incident.proposals.push(Proposal {
            seq,
            what,
            risks: Vec::new(),
            by,
            proposed_at: self.now,
            window,
            asked: asked.collect(),
            ended: None,
        });
        self.proposed = Some(seq);
        self.mail(to, Says::Proposal { seq });
        Ok(format!("#{seq} is put to everybody who works on it"))
    }

    /// `Risk: …` beside a proposal is told with it; alone it asks whether anybody objects to taking it.
    pub(super) fn name_risk(&mut self, text: &str, within: Option<Promise>, said: &Said) -> Applied {
        let Some(seq) = self.proposed else {
            return self.propose(&format!("take this risk: {text}"), within, said);
        };
        let risk: String = text.chars().take(TEXT_CHARS_MAX).collect();
        let proposal = self.open_proposal(seq)?;
        if proposal.risks.len() < RISKS_AT_MOST {
            proposal.risks.push(risk.clone());
        }
        self.facts.push(format!("Risk of #{seq}: {risk}"));
        Ok(format!("the risk is told with #{seq}"))
    }

    /// Which proposal a line without a number means: that of the mail which it answers, or the only open
    /// one.
    fn meant_proposal(&self, seq: Option<i64>, said: &Said) -> Result<i64, Refusal> {
        let answered = match said.answering {
            Some(Purpose::Proposal(seq) | Purpose::Objection(seq) | Purpose::ProposalOutcome(seq)) => {
                Some(seq)
            }
            _ => None,
        };
        if let Some(seq) = seq.or(answered) {
            return match self.incident.proposal(seq) {
                Some(_) => Ok(seq),
                None => Err((format!("There is no proposal #{seq}"), None)),
            };
        }
        let open: Vec<i64> = self.incident.open_proposals().map(|proposal| proposal.seq).collect();
        match open.as_slice() {
            // Whoever is late means what was proposed last.
            [] => match self.incident.proposals.last() {
                Some(last) => Ok(last.seq),
                None => Err(("Nothing is proposed".to_owned(), None)),
            },
            [only] => Ok(*only),
            several => {
                let numbers: Vec<String> = several.iter().map(|seq| format!("#{seq}")).collect();
                let first = several.first().map(|seq| format!("Object #{seq}: why"));
                Err((
                    format!("Several things are proposed ({}): write which", numbers.join(", ")),
                    first,
                ))
            }
        }
    }

    fn open_proposal(&mut self, seq: i64) -> Result<&mut Proposal, Refusal> {
        let zone = &self.policy.calendar.zone;
        let proposal = self.incident.proposals.iter_mut().find(|proposal| proposal.seq == seq);
        match proposal {
            Some(Proposal { ended: Some(closed), .. }) => {
                let when = zone.format_full(closed.at);
                Err((format!("#{seq} is {} since {when}", closed.how.name()), None))
            }
            Some(proposal) => Ok(proposal),
            None => Err((format!("There is no proposal #{seq}"), None)),
        }
    }

    /// `Object: why`: it stops, and who objected is told to whoever commands and to nobody else.
    pub(super) fn object(&mut self, seq: Option<i64>, why: &str, said: &Said) -> Applied {
        let seq = self.meant_proposal(seq, said)?;
        // What stands below goes with the first of several lines, and once.
        let prose = if self.kept_back { "" } else { said.written.prose.trim() };
        let words: Vec<&str> = [why.trim(), prose].into_iter().filter(|text| !text.is_empty()).collect();
        let words = words.join("\n\n");
        // The words of an objection are told to one person, and are nobody's note. So are its files, and
        // they stay beside it once.
        let source = match self.kept_back {
            true => Source::default(),
            false => Source { attachments: said.source.attachments.clone(), ..Source::default() },
        };
        self.kept_back = true;
        if let Some(due_at) = self.incident.proposal(seq).and_then(Proposal::due_at)
            && self.now > due_at
        {
            // Its time is up, even if nobody has looked yet.
            self.pass_proposal(seq);
        }
        let by = said.by.person.clone();
        let files = source.attachments.iter().map(|file| file.name.clone()).collect();
        let objection = |when| Says::Objection { seq, by: by.clone(), why: words.clone(), files, when };
        let shown = if words.is_empty() { "no reason is given yet" } else { words.as_str() };
        let closed = self.incident.proposal(seq).and_then(|proposal| proposal.ended.clone());
        let is_stopped = closed.as_ref().is_none_or(|closed| closed.how == Outcome::Stopped);
        let weighs = self.incident.is_commanding(&by.address);
        if is_stopped && !weighs && words.is_empty() && source.attachments.is_empty() {
            self.hints.push(format!(
                "#{seq} is stopped; now say why. Whoever commands has to weigh it, and knows only that you \
                 object. Reply  Object #{seq}: because  and go on with your reason.",
            ));
        }
        if closed.is_some() && is_stopped {
            let entry = format!("#{seq} is stopped already, and there is one more objection: {shown}");
            self.record(EntryKind::Proposal, None, entry, source);
            self.tell_commander_of(&by, objection(Objected::Again));
            return Ok(format!("#{seq} is stopped already; whoever commands has what you say"));
        }
        if let Some(closed) = closed {
            let due_at = self.incident.proposal(seq).and_then(Proposal::due_at);
            let ended_at = due_at.map_or(closed.at, |due_at| due_at.min(closed.at));
            let late = late_by(self.now, ended_at);
            let entry = format!("An objection to #{seq} came {late} too late: {shown}");
            self.record(EntryKind::Proposal, None, entry, source);
            self.tell_commander_of(&by, objection(Objected::Late(late.clone())));
            return Err((
                format!(
                    "#{seq} is {} since {}; your objection came {late} too late. Whoever commands has it",
                    closed.how.name(),
                    self.shown(closed.at)
                ),
                None,
            ));
        }
        self.close_proposal(seq, Outcome::Stopped);
        let entry = format!("#{seq} is stopped by an objection: {shown}");
        self.record(EntryKind::Proposal, None, entry, source);
        self.tell_commander_of(&by, objection(Objected::InTime));
        let commander = self.incident.commander().map(|commander| commander.address.clone());
        self.tell_outcome(seq, commander.as_slice());
        Ok(format!("#{seq} is stopped; only whoever commands is told by whom"))
    }

    fn tell_commander_of(&mut self, by: &Person, objection: Says) {
        let Some(commander) = self.incident.commander().cloned() else { return };
        if commander.address != by.address {
            self.mail_person(&commander, objection);
        }
    }

    /// `ack` to a proposal: when all who were asked agree, nobody need wait for the silence.
    pub(super) fn agree(&mut self, seq: i64, said: &Said) -> Applied {
        let address = said.by.person.address.clone();
        let proposal = self.open_proposal(seq)?;
        let Some(asked) = proposal.asked.iter_mut().find(|asked| asked.person.address == address) else {
            return Ok(format!("#{seq} waits for objections"));
        };
        asked.agreed = true;
        if proposal.asked.iter().all(|asked| asked.agreed) {
            self.agree_all(seq);
        }
        Ok(format!("you agree to #{seq}"))
    }

    fn agree_all(&mut self, seq: i64) {
        self.close_proposal(seq, Outcome::Agreed);
        self.record_outcome(seq);
        self.tell_outcome(seq, &[]);
    }

    /// Somebody who was asked answers in words: silence goes on to count as consent, and they may think
    /// that they have spoken.
    pub(super) fn hint_that_words_settle_nothing(&mut self, note: i64, said: &Said) {
        let Some(Purpose::Proposal(seq)) = said.answering else { return };
        let address = &said.by.person.address;
        let open = self.incident.proposal(seq).filter(|proposal| {
            proposal.is_open() && proposal.asked.iter().any(|asked| asked.person.address == *address)
        });
        let Some(proposal) = open else { return };
        let when = match proposal.due_at() {
            Some(at) => format!("at {}", self.shown(at)),
            None => "when its time is up".to_owned(),
        };
        self.hints.push(format!(
            "Your words stop nothing. They are note #{note}, and #{seq} is agreed {when} unless somebody \
             objects. To object, reply  Object #{seq}: because  and go on with your reason.",
        ));
    }

    /// `Decision: …`: whoever commands decides; it ends the proposal that it answers.
    pub(super) fn decide_it(&mut self, seq: Option<i64>, text: &str, said: &Said) -> Applied {
        let answers_one = seq.is_some()
            || matches!(
                said.answering,
                Some(Purpose::Proposal(_) | Purpose::Objection(_) | Purpose::ProposalOutcome(_))
            );
        let answered = answers_one.then(|| self.meant_proposal(seq, said)).transpose()?;
        let what: String = text.chars().take(TEXT_CHARS_MAX).collect();
        let of = answered.map_or_else(String::new, |seq| format!(" on #{seq}"));
        let entry = format!("Decision{of}: {what}");
        let number = self.record(EntryKind::Proposal, Some(&said.by), entry, said.source.clone());
        if let Some(seq) =
            answered.filter(|seq| self.incident.proposal(*seq).is_some_and(Proposal::is_open))
        {
            self.close_proposal(seq, Outcome::Decided);
        }
        self.changes.push(Change::Decided { what: what.clone() });
        let to = self.responders(&said.by.person.address);
        let by = said.by.person.clone();
        self.mail(to, Says::Decision { seq: number, by, what, answers: answered });
        Ok(format!("the decision is #{number}"))
    }

    fn close_proposal(&mut self, seq: i64, how: Outcome) {
        let at = self.now;
        if let Some(proposal) = self.incident.proposals.iter_mut().find(|proposal| proposal.seq == seq) {
            proposal.ended.get_or_insert(Closed { how, at });
        }
    }

    /// The time to object is up, or nothing was heard of a copy for too long.
    pub(super) fn pass_proposal(&mut self, seq: i64) {
        let Some(proposal) = self.incident.proposals.iter_mut().find(|proposal| proposal.seq == seq)
        else {
            return;
        };
        for asked in &mut proposal.asked {
            if asked.copy == Sent::OnItsWay {
                asked.copy = Sent::Failed("nothing was heard of it".to_owned());
            }
        }
        if proposal.reached_nobody() {
            self.close_proposal(seq, Outcome::Undecided);
            self.record_outcome(seq);
            self.tell_outcome(seq, &[]);
        } else if proposal.due_at().is_some_and(|due_at| due_at <= self.now) {
            self.agree_all(seq);
        }
    }

    /// A relay took a copy of a proposal, or it will not arrive: the last of them starts the clock.
    pub(super) fn note_copy(&mut self, seq: i64, to: &Address, copy: Sent) {
        let person = self.policy.roster.person(to, "").address;
        let Some(proposal) = self
            .incident
            .proposals
            .iter_mut()
            .find(|proposal| proposal.seq == seq && proposal.is_open())
        else {
            return;
        };
        for asked in proposal.asked.iter_mut().filter(|asked| asked.person.address == person) {
            // What was taken may come back.
            if asked.copy == Sent::OnItsWay || matches!(copy, Sent::Failed(_)) {
                asked.copy = copy.clone();
            }
        }
        if proposal.reached_nobody() {
            self.pass_proposal(seq);
        }
    }

    /// Who was asked, and whose server took the mail; never who thought what.
    fn record_outcome(&mut self, seq: i64) {
        let Some(proposal) = self.incident.proposal(seq) else { return };
        let zone = &self.policy.calendar.zone;
        let lines = proposal.asked.iter().map(|asked| match &asked.copy {
            Sent::Taken(at) => {
                format!("- {}, whose server took it at {}", asked.person.shown(), zone.format_full(*at))
            }
            Sent::Failed(why) => format!("- {}, not reached: {why}", asked.person.shown()),
            Sent::OnItsWay => format!("- {}", asked.person.shown()),
        });
        let asked = lines.collect::<Vec<_>>().join("\n");
        let (what, how) = (
            proposal.what.clone(),
            match proposal.ended.as_ref().map(|closed| closed.how) {
                Some(Outcome::Agreed) => "is agreed: nobody objected",
                _ => "is undecided: nobody could be reached",
            },
        );
        let text = format!("#{seq} {how}. {what}\nAsked:\n{asked}");
        self.record(EntryKind::Proposal, None, text, Source::default());
        let agreed = self.incident.proposal(seq).and_then(|proposal| proposal.ended.as_ref());
        if agreed.is_some_and(|closed| closed.how == Outcome::Agreed) {
            self.incident.untold.push(Change::Decided { what });
        }
    }

    /// To its author and everybody who was asked.
    fn tell_outcome(&mut self, seq: i64, without: &[Address]) {
        let Some(proposal) = self.incident.proposal(seq) else { return };
        let asked = proposal.asked.iter().map(|asked| &asked.person);
        let people = asked.chain(Some(&proposal.by)).filter(|person| !without.contains(&person.address));
        let to = people.map(|person| Recipient::Person(person.address.clone())).collect();
        self.mail(to, Says::ProposalOutcome { seq });
    }

    /// The incident is over, and with it what was proposed.
    pub(super) fn overtake_proposals(&mut self) {
        let open: Vec<i64> = self.incident.open_proposals().map(|proposal| proposal.seq).collect();
        for seq in open {
            self.close_proposal(seq, Outcome::Overtaken);
        }
    }
}

fn late_by(now: DateTime<Utc>, closed_at: DateTime<Utc>) -> String {
    match (now - closed_at).num_seconds().max(1) {
        1 => "1 second".to_owned(),
        seconds @ 2..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}
