//! How much mail may make us do, whatever it says of itself: the limits that stand behind the signs
//! by which machines are known.
//!
//! Headers do not find every machine, so nothing here reads one. What is beyond a limit is kept and
//! has no effect. Start with [`Batch::may_answer`] and [`Batch::may_change`].

use ring::digest::{SHA256, digest};
use tracing::info;

use super::batch::Batch;
use crate::incident::decision::{Mailing, Purpose, Recipient, Says};
use crate::incident::event::{Said, Trust};
use crate::incident::state::{Incident, Person};
use crate::mail::attachment::Content;
use crate::mail::{Address, MESSAGE_OCTETS_MAX};
use crate::store::StoreError;

/// Automatic answers a day to one address: more than a person needs, and few for a machine.
const ANSWERS_AN_ADDRESS: i64 = 10;
/// Automatic answers a day to all addresses of a domain: a responder may change its address.
const ANSWERS_A_DOMAIN: i64 = 50;
/// Automatic answers an hour to one address about one incident.
const ANSWERS_A_THREAD: i64 = 5;
/// Automatic answers a day in all: a responder may change its domain.
const ANSWERS_IN_ALL: i64 = 500;
/// Changes of one incident by mail in an hour: one a minute is more than people type.
const CHANGES_AN_INCIDENT: i64 = 60;
/// Notes of one person in an hour that go to the responders of an incident: beyond it a script writes.
const NOTES_A_PERSON: i64 = 60;
/// The same of all together, which is one every twelve seconds.
const NOTES_AN_INCIDENT: i64 = 300;
/// The same words of one sender in one incident in an hour. Below this many words people repeat
/// themselves ("still no news"); machines write more.
const SHORT_WORDS: usize = 8;
const SAME_SHORT_WORDS: i64 = 3;
const SAME_WORDS: i64 = 1;

/// Mailboxes that nobody reads, or that send on to many (RFC 3834 section 2, RFC 2142).
const NEVER_ANSWERED: &[&str] = &["mailer-daemon", "no-reply", "noreply", "do-not-reply", "donotreply"];

impl Batch {
    /// Whether an automatic answer may go to an address, which counts it.
    pub(super) async fn may_answer(
        &mut self,
        to: &Address,
        purpose: Purpose,
        incident: Option<i64>,
    ) -> Result<bool, StoreError> {
        if !purpose.is_answer() {
            return Ok(true);
        }
        let may = !never_answered(to) && self.within_budgets(to, incident).await?;
        if !may {
            info!(incident, "an automatic answer stays unsent, its limit is reached");
        }
        Ok(may)
    }

    /// The narrow budgets first, so that one address does not use up what is there for all.
    async fn within_budgets(&mut self, to: &Address, incident: Option<i64>) -> Result<bool, StoreError> {
        let address = to.key();
        if let Some(number) = incident {
            let thread = format!("answer-thread:{number}:{address}");
            if self.write.count_use(&thread, self.now).await? > ANSWERS_A_THREAD {
                return Ok(false);
            }
        }
        let domain = to.domain().to_lowercase();
        for (budget, most) in [
            (format!("answer:{address}"), ANSWERS_AN_ADDRESS),
            (format!("answer-domain:{domain}"), ANSWERS_A_DOMAIN),
            ("answer".to_owned(), ANSWERS_IN_ALL),
        ] {
            if self.write.count_use_of_day(&budget, self.now).await? > most {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a mail may change an incident once more, which counts it. The commander is told when
    /// the limit is reached.
    pub(super) async fn may_change(&mut self, number: i64) -> Result<bool, StoreError> {
        let changes = self.write.count_use(&format!("change:{number}"), self.now).await?;
        if changes == CHANGES_AN_INCIDENT + 1 {
            self.tell_of_changes(number).await?;
        }
        Ok(changes <= CHANGES_AN_INCIDENT)
    }

    async fn tell_of_changes(&mut self, number: i64) -> Result<(), StoreError> {
        let what = format!("{CHANGES_AN_INCIDENT} changes by mail within an hour");
        let more = "Perhaps two machines answer each other. Until the hour is over, mail is kept in \
                    the timeline without effect; the page and the command line still work."
            .to_owned();
        self.tell_commander(number, what, more).await
    }

    /// The commander, or the operator while there is none.
    async fn tell_commander(
        &mut self,
        number: i64,
        what: String,
        more: String,
    ) -> Result<(), StoreError> {
        let Some(incident) = self.incident(number) else { return Ok(()) };
        let commander = incident.commander().map(|person| person.address.clone());
        let Some(to) = commander.or_else(|| self.policy.operator.clone()) else { return Ok(()) };
        let says = Says::Notice { what, more };
        self.send(number, &Mailing { to: vec![Recipient::Person(to)], says }).await
    }

    /// Whether a note goes to the responders of its incident, which counts it. One that does not is in the
    /// timeline all the same; the commander and its author are told when the limit is reached.
    pub(super) async fn may_send(&mut self, number: i64, mailing: &Mailing) -> Result<bool, StoreError> {
        let Says::Note { by, .. } = &mailing.says else { return Ok(true) };
        if mailing.to.is_empty() {
            return Ok(true);
        }
        let person = by.address.key();
        let theirs = self.write.count_use(&format!("note:{number}:{person}"), self.now).await?;
        if theirs > NOTES_A_PERSON {
            if theirs == NOTES_A_PERSON + 1 {
                let whose = format!("{NOTES_A_PERSON} notes of {} within an hour", by.address);
                self.tell_of_notes(number, whose).await?;
                let hint = format!(
                    "You wrote more than {NOTES_A_PERSON} notes within an hour. This one and the next are \
                     kept in the timeline, and nobody gets them by mail until the hour is over.",
                );
                self.send_hint(number, by, hint).await?;
            }
            return Ok(false);
        }
        let all = self.write.count_use(&format!("note:{number}"), self.now).await?;
        if all == NOTES_AN_INCIDENT + 1 {
            self.tell_of_notes(number, format!("{NOTES_AN_INCIDENT} notes within an hour")).await?;
        }
        Ok(all <= NOTES_AN_INCIDENT)
    }

    async fn tell_of_notes(&mut self, number: i64, what: String) -> Result<(), StoreError> {
        let more = "Perhaps a script writes them. Until the hour is over, more of them are kept in the \
        timeline and nobody gets them by mail. Reply  status  to read how it stands."
            .to_owned();
        self.tell_commander(number, what, more).await
    }

    /// Tells whoever proved to have written a mail that it did nothing. Counts as an answer, so that a
    /// machine is told a few times only.
    pub(super) async fn tell_filed(
        &mut self,
        number: i64,
        to: &Person,
        why: &str,
    ) -> Result<(), StoreError> {
        let hint = format!(
            "Your mail was filed without effect. {why}. It is kept in the timeline; nobody got it, and \
             none of its lines was applied. If you meant it, send it again in other words.",
        );
        self.send_hint(number, to, hint).await
    }

    /// Tells somebody known, once a day, that the text of their mail could not be read. The answer goes
    /// to the address on file and repeats nothing that they wrote, so it may go out without proof.
    pub(super) async fn tell_unread(
        &mut self,
        number: Option<i64>,
        to: &Person,
        why: &str,
    ) -> Result<(), StoreError> {
        let told = format!("unread:{}", to.address.key());
        if self.write.count_use_of_day(&told, self.now).await? > 1 {
            return Ok(());
        }
        let Some(number) = number else { return self.send_unread(to, why).await.map(drop) };
        let hint = format!(
            "Your mail could not be read. Its text is kept as it came, because {why}; nobody got it, and \
             none of its lines was applied. Please send the text again, as plain text and without what is \
             attached.",
        );
        self.send_hint(number, to, hint).await
    }

    /// Tells somebody known, once a day, that their mail was too large to be kept whole.
    pub(super) async fn tell_cut(&mut self, number: Option<i64>, to: &Person) -> Result<(), StoreError> {
        let told = format!("cut:{}", to.address.key());
        let Some(number) = number else { return Ok(()) };
        if self.write.count_use_of_day(&told, self.now).await? > 1 {
            return Ok(());
        }
        let hint = format!(
            "Your mail was too large to be kept whole. The limit is {} million octets; its text was read, \
             and files of it are missing or broken. Please send them once more, each in a mail of its \
             own, or write where they are, in a line such as `Link: https://files.example.org/dump`",
            MESSAGE_OCTETS_MAX as f64 / 1e6,
        );
        self.send_hint(number, to, hint).await
    }

    async fn send_hint(&mut self, number: i64, to: &Person, hint: String) -> Result<(), StoreError> {
        // Every answer has the title in it.
        if !self.incident(number).is_some_and(|incident| incident.lets_know(&to.address)) {
            return Ok(());
        }
        let says = Says::Receipt { results: Vec::new(), hint: Some(hint) };
        self.send(number, &Mailing { to: vec![Recipient::Person(to.address.clone())], says }).await
    }

    /// Whether somebody repeats themselves in an incident as only a machine does.
    pub(super) async fn is_repeated(&mut self, number: i64, said: &Said) -> Result<bool, StoreError> {
        let words: Vec<String> = said.written.prose.split_whitespace().map(str::to_lowercase).collect();
        // The same words about another file are something new.
        let contents = said.source.attachments.iter().filter_map(|file| file.content.as_ref());
        let files: Vec<String> = contents.map(Content::hash).collect();
        // Lines without words are typed again for another task or another offer.
        if words.is_empty() && files.is_empty() {
            return Ok(false);
        }
        let most = if words.len() < SHORT_WORDS { SAME_SHORT_WORDS } else { SAME_WORDS };
        let lines = said.written.lines.iter().map(|line| line.typed.to_lowercase());
        let text = lines.chain([words.join(" ")]).chain(files).collect::<Vec<_>>().join("\n");
        let hash = digest(&SHA256, text.as_bytes());
        let hash: String = hash.as_ref().iter().take(16).map(|octet| format!("{octet:02x}")).collect();
        let sender = said.by.person.address.key();
        // A copy with proof repeats the one without, and is the one that counts.
        let proof = if said.by.trust == Trust::Verified { "proven" } else { "unproven" };
        let same = format!("same:{number}:{sender}:{proof}:{hash}");
        Ok(self.write.count_use(&same, self.now).await? > most)
    }
}

/// Whether an incident differs in more than that somebody wrote.
pub(super) fn is_changed(before: &Incident, after: &Incident) -> bool {
    let mut same = after.clone();
    same.next_seq = before.next_seq;
    same.last_entry_at = before.last_entry_at;
    same.unreachable.clone_from(&before.unreachable);
    same.missed.clone_from(&before.missed);
    same != *before
}

fn never_answered(to: &Address) -> bool {
    let local = to.local_part().to_lowercase();
    NEVER_ANSWERED.contains(&local.as_str())
        || local.starts_with("owner-")
        || ["-request", "-bounces", "-owner"].iter().any(|ending| local.ends_with(ending))
}
