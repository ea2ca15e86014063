//! Digests: sent once a period, and answered by those who got them.
//!
//! What one listed under which number is kept with it, so that `Fund 3` means the third of that very
//! digest. Start with [`Batch::digest`]; answers come to [`Batch::answer_digest`].

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::batch::Batch;
use super::outgoing::{Copies, Outgoing};
use crate::incident::decide::plan;
use crate::incident::event::{LineResult, Outcome, Said, Trust};
use crate::incident::state::Incident;
use crate::interpret::DigestAnswer;
use crate::learning::digest::{ACTIONS_MAX, DigestPolicy, Figures, Shows, figures};
use crate::mail::Address;
use crate::mail::command::{Command, Line, Written};
use crate::mail::compose::member_token;
use crate::render;
use crate::roster::ListKind;
use crate::store::StoreError;
use crate::store::rows::{InboundState, SentDigest};

/// Answers of one person within an hour: more than anybody decides by hand.
const ANSWERS_AN_HOUR: i64 = 60;
/// Names of readers in an answer to somebody who is none.
const READERS_NAMED: usize = 10;

/// Those who get a digest in the same octets.
struct Readers {
    /// The list of ours by which they get it, where they may leave that.
    members_of: Option<String>,
    /// Somebody else's list, which nobody of it can answer for.
    is_external: bool,
    all: Vec<Address>,
}

impl Batch {
    /// The digest of a period, unless it was sent.
    pub(super) async fn digest(
        &mut self,
        name: &str,
        period_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let policy = self.policy.clone();
        let Some(digest) = policy.digests.iter().find(|digest| digest.name == name) else {
            return Ok(false);
        };
        let before = self.write.last_digest(&digest.name).await?;
        if !self.write.claim_digest(&digest.name, period_at).await? {
            return Ok(false);
        }
        let from = before.unwrap_or_else(|| self.period_before(digest, period_at));
        let stored = self.write.load_all_incidents().await?;
        let incidents: Vec<_> = stored.readable.into_iter().map(|stored| stored.incident).collect();
        let update_due = |incident: &Incident| crate::incident::deadlines::update_due(incident, &policy);
        let figures = figures(&incidents, from, period_at, update_due);
        if digest.shows == Shows::Parked && figures.parked.is_empty() {
            return Ok(true);
        }
        let groups = self.readers_of(digest);
        let id = self.engine.ids.next(self.now);
        let readers = groups.iter().filter(|group| !group.is_external);
        let sent = SentDigest {
            id,
            name: digest.name.clone(),
            actions: numbered(&figures, digest.shows),
            readers: readers.flat_map(|group| group.all.iter().cloned()).collect(),
        };
        let mut message_id = None;
        for group in groups {
            let to_persons = !group.is_external;
            let period = (from, period_at);
            let letter = render::render_digest(&figures, digest, period, &policy, to_persons);
            let secret = &self.engine.secret;
            let token = |address: &Address| {
                let token = secret.digest_token(id, address);
                match &group.members_of {
                    Some(list) => member_token(&token, &secret.leave_token(list, address)),
                    None => token,
                }
            };
            let copies: Copies = group
                .all
                .iter()
                .map(|address| (address.clone(), to_persons.then(|| token(address))))
                .collect();
            let to = (policy.name.clone(), policy.address.address().clone());
            let outgoing = Outgoing {
                message_id: message_id.clone(),
                reply_tag: to_persons.then(|| format!("digest.{id}")),
                members_of: group.members_of.as_deref(),
                // The next one has its figures, too.
                ends_at: policy.calendar.zone.next_cron(&digest.schedule, self.now),
                ..Outgoing::new(&letter, to, copies)
            };
            message_id = self.store(outgoing).await?.or(message_id);
        }
        if let Some(message_id) = message_id {
            self.write.save_sent_digest(&message_id, &sent).await?;
        }
        Ok(true)
    }

    /// Everybody who gets a digest, each once.
    fn readers_of(&self, digest: &DigestPolicy) -> Vec<Readers> {
        let mut once = BTreeSet::new();
        let mut groups = Vec::new();
        let mut persons = Vec::new();
        for list in digest.to.iter().filter_map(|name| self.policy.roster.list(name)) {
            match &list.kind {
                ListKind::External(address) => {
                    if once.insert(address.key()) {
                        let all = vec![address.clone()];
                        groups.push(Readers { members_of: None, is_external: true, all });
                    }
                }
                ListKind::Own(members) => {
                    let fresh = members.iter().filter(|address| once.insert(address.key()));
                    let fresh: Vec<Address> = fresh.cloned().collect();
                    if list.is_open() && !fresh.is_empty() {
                        let members_of = Some(list.name.clone());
                        groups.push(Readers { members_of, is_external: false, all: fresh });
                    } else {
                        persons.extend(fresh);
                    }
                }
            }
        }
        if !persons.is_empty() {
            groups.push(Readers { members_of: None, is_external: false, all: persons });
        }
        groups
    }

    /// Where the first digest's period began: one step of its schedule earlier.
    fn period_before(&self, digest: &DigestPolicy, period_at: DateTime<Utc>) -> DateTime<Utc> {
        let zone = &self.policy.calendar.zone;
        let next = zone.next_cron(&digest.schedule, period_at);
        next.map_or(period_at - TimeDelta::weeks(1), |next| period_at - (next - period_at))
    }

    /// Does what an answer to a digest asks for, and says what was not done.
    pub(super) async fn answer_digest(
        &mut self,
        answer: &DigestAnswer,
    ) -> Result<InboundState, StoreError> {
        let by = &answer.said.by;
        let sent = match answer.digest {
            Some(id) => self.write.load_sent_digest(id).await?,
            None => None,
        };
        let Some(sent) = sent.filter(|_| by.trust == Trust::Verified) else {
            self.leave_to_look("answered a digest that there is not, or proved nothing".to_owned());
            return Ok(InboundState::Filed);
        };
        let own = |address: &Address| self.policy.roster.person(address, "").address;
        let me = own(&by.person.address);
        let uses = self.write.count_use(&format!("digest:{}", me.key()), self.now).await?;
        if uses > ANSWERS_AN_HOUR {
            self.leave_to_look("answered digests more often than people do".to_owned());
            return Ok(InboundState::Filed);
        }
        let is_reader = sent.readers.iter().any(|reader| own(reader) == me);
        let why = (!is_reader).then(|| self.who_answers(&sent));
        let mut results = Vec::with_capacity(answer.said.written.lines.len());
        for line in &answer.said.written.lines {
            let outcome = match &why {
                Some(why) => Outcome::Refused { why: why.clone(), instead: None },
                None => self.plan_line(line, &sent, &answer.said).await?,
            };
            results.push(LineResult { line: line.clone(), outcome });
        }
        let is_refused = |result: &LineResult| matches!(result.outcome, Outcome::Refused { .. });
        self.became.push(format!("answered the digest {}", sent.name));
        // Who reads it is for those whom we know.
        if (results.is_empty() || results.iter().any(is_refused)) && (is_reader || by.known) {
            let letter = render::render_digest_answered(&self.policy, &sent.name, &results);
            let token = self.engine.secret.digest_token(sent.id, &me);
            self.store_single(&letter, &me, Some(format!("digest.{}", sent.id)), Some(token)).await?;
        }
        Ok(InboundState::Read)
    }

    fn who_answers(&self, sent: &SentDigest) -> String {
        let person = |reader: &Address| self.policy.roster.person(reader, "").shown().to_owned();
        let names: Vec<String> = sent.readers.iter().take(READERS_NAMED).map(person).collect();
        format!("This digest did not go to you; those who got it can: {}", names.join(", "))
    }

    /// One line of an answer, whose number is the digest's.
    async fn plan_line(
        &mut self,
        line: &Line,
        sent: &SentDigest,
        said: &Said,
    ) -> Result<Outcome, StoreError> {
        let refused =
            |why: &str| Ok(Outcome::Refused { why: why.to_owned(), instead: Some("Fund 3".to_owned()) });
        let command = match &line.meaning {
            Ok(command) => command,
            Err(misread) => {
                let (why, instead) = (misread.why.clone(), misread.instead.clone());
                return Ok(Outcome::Refused { why, instead });
            }
        };
        let number = match command {
            Command::Fund(number)
            | Command::Drop { seq: number, .. }
            | Command::Ask { seq: number, .. } => *number,
            _ => return refused("A digest is answered by Fund, Drop or Ask, with a number of it"),
        };
        let Some(number) = number else { return refused("Which? Its number stands before it") };
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let Some((incident, seq)) = place.and_then(|place| sent.actions.get(place)).copied() else {
            return refused(&format!("That digest lists {} actions", sent.actions.len()));
        };
        if !self.load(incident).await? {
            return refused("There is no such incident any more");
        }
        let command = match command {
            Command::Fund(_) => Command::Fund(Some(seq)),
            Command::Drop { why, .. } => Command::Drop { seq: Some(seq), why: why.clone() },
            Command::Ask { question, .. } => Command::Ask { seq: Some(seq), question: question.clone() },
            other => other.clone(),
        };
        let meaning = Ok(command.clone());
        let lines = vec![Line { typed: line.typed.clone(), meaning }];
        let said = Said { written: Written { lines, ..said.written.clone() }, ..said.clone() };
        let Some(loaded) = self.incident(incident) else { return refused("It cannot be read") };
        let (decision, applied) = plan(loaded, &command, &said, &self.policy, self.now);
        self.apply(incident, decision).await?;
        Ok(match applied {
            Ok(done) => Outcome::Done(done),
            Err((why, instead)) => {
                // The line that works here has the digest's number.
                let here = |line: String| line.replace(&format!("#{seq}"), &number.to_string());
                Outcome::Refused { why, instead: instead.map(here) }
            }
        })
    }
}

/// What a digest numbers, in the order of its numbers.
fn numbered(figures: &Figures, shows: Shows) -> Vec<(i64, i64)> {
    let actions = figures.actions.iter().take(ACTIONS_MAX).filter(|_| shows == Shows::Everything);
    let all = actions.chain(figures.parked.iter().take(ACTIONS_MAX));
    all.map(|action| (action.incident, action.seq)).collect()
}
