//! The end of an incident and what is owed after it: resolve, reopen, cancel, postmortem, confirm.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::lines::Applied;
use super::{Step, kept};
use crate::incident::deadlines::postmortem_due;
use crate::incident::decision::{Change, EntryKind, Purpose, Says};
use crate::incident::event::{Fate, Said, Source};
use crate::incident::policy::PostmortemDuty;
use crate::incident::proposal::Sent;
use crate::incident::state::{Climb, Command as InCommand, Postmortem, WideMail};
use crate::incident::{Phase, Role};
use crate::learning::postmortem::{missing_sections, wording};
use crate::mail::Address;
use crate::mail::command::Written;

/// Longest section of a postmortem, in octets: a long report, not a memory bound by accident.
const SECTION_OCTETS_MAX: usize = 64 * 1024;

impl Step<'_> {
    pub(super) fn resolve(&mut self, what: &str, said: &Said) -> Applied {
        if !self.incident.phase.is_active() {
            return Err((format!("{} is {} already", self.incident.key(), self.incident.phase), None));
        }
        let words = if what.trim().is_empty() { said.written.prose.trim() } else { what };
        if words.is_empty() {
            return Err((
                "What fixed it? Write it behind the colon".to_owned(),
                Some("Resolved: what fixed it".to_owned()),
            ));
        }
        self.count_update();
        self.incident.phase = Phase::Resolved;
        self.incident.phase_assumed = false;
        self.incident.resolved_at = Some(self.now);
        self.incident.outcome = Some(kept(words));
        self.overtake_tasks();
        self.overtake_proposals();
        self.facts.push("Resolved.".to_owned());
        self.hint_at_open_parts();
        if let InCommand::Held { offered_on, .. } = &mut self.incident.command {
            *offered_on = None;
        }
        self.release_wide_mail();
        self.owe_postmortem(said);
        self.resolved = Some(words.to_owned());
        Ok(format!("{} is resolved", self.incident.key()))
    }

    /// Nobody is named yet, so the commander owns it, or who resolved it where nobody commanded.
    fn owe_postmortem(&mut self, said: &Said) {
        if self.policy.severity(self.incident.severity_highest).postmortem == PostmortemDuty::None {
            return;
        }
        let due_at = postmortem_due(&self.incident, self.now, self.policy);
        let owner = self.incident.commander().unwrap_or(&said.by.person).clone();
        let now = self.now;
        let postmortem = self.incident.postmortem.get_or_insert_with(|| Postmortem {
            owner,
            owner_named: false,
            due_at,
            owed_since: now,
            sections: BTreeMap::new(),
            submitted_at: None,
            published_at: None,
            waived: None,
            owner_climb: Climb::default(),
            climb: Climb::default(),
        });
        // After a reopening the clock starts anew; what was written stays.
        (postmortem.due_at, postmortem.owed_since) = (due_at, now);
        (postmortem.submitted_at, postmortem.published_at) = (None, None);
        postmortem.waived = None;
        (postmortem.owner_climb, postmortem.climb) = (Climb::default(), Climb::default());
    }

    /// The severity was raised when all was over: what the worse one asks for is owed from now on, and
    /// an incident that was closed without it is open until it is there.
    pub(super) fn owe_for_severity(&mut self, said: &Said) {
        let over = matches!(self.incident.phase, Phase::Resolved | Phase::Closed);
        let due_at = postmortem_due(&self.incident, self.now, self.policy);
        match &self.incident.postmortem {
            _ if !over => return,
            None => {
                self.owe_postmortem(said);
                let Some(postmortem) = &self.incident.postmortem else { return };
                let owner = postmortem.owner.clone();
                self.mail_person(&owner, Says::PostmortemSkeleton);
            }
            Some(postmortem) => {
                let sooner = match (due_at, postmortem.due_at) {
                    (Some(new), Some(old)) => new < old,
                    (new, _) => new.is_some(),
                };
                if !postmortem.is_owed() || !sooner {
                    return;
                }
                if let Some(postmortem) = &mut self.incident.postmortem {
                    (postmortem.due_at, postmortem.owed_since) = (due_at, self.now);
                    postmortem.climb = Climb::default();
                }
            }
        }
        if due_at.is_some() && self.incident.phase == Phase::Closed {
            (self.incident.phase, self.incident.closed_at) = (Phase::Resolved, None);
        }
        let by = due_at.map_or_else(String::new, |at| format!(" by {}", self.shown(at)));
        self.facts.push(format!("The {} is owed{by}.", self.policy.postmortem.name));
    }

    /// The resolution for everybody, and the skeleton for the postmortem's owner.
    pub(super) fn mail_resolution(&mut self, said: &Said, text: String) {
        let mut wide = self.wide();
        wide.append(&mut self.leaving);
        wide.extend(self.former_members());
        self.mail(wide, Says::Resolution { by: said.by.person.clone(), text });
        if let Some(owner) = self.incident.postmortem.as_ref().map(|postmortem| postmortem.owner.clone())
        {
            self.mail_person(&owner, Says::PostmortemSkeleton);
        }
    }

    pub(super) fn reopen(&mut self, why: &str, said: &Said) -> Applied {
        if self.incident.phase.is_active() {
            return Err((format!("{} is {}", self.incident.key(), self.incident.phase), None));
        }
        let why = if why.trim().is_empty() { said.written.prose.trim() } else { why };
        if why.is_empty() {
            return Err(("Why? Write it behind the colon".to_owned(), Some("Reopen: why".to_owned())));
        }
        self.incident.phase = Phase::Investigating;
        (self.incident.resolved_at, self.incident.closed_at) = (None, None);
        self.incident.outcome = None;
        if let Some(postmortem) = &mut self.incident.postmortem {
            postmortem.waived = None;
        }
        self.incident.handover_climb = Climb::default();
        if let InCommand::Held { since, .. } = &mut self.incident.command {
            // Nobody has commanded while it was over.
            *since = self.now;
        }
        if let InCommand::Offered { to, offered_at, climb, leadership_told } = &mut self.incident.command
        {
            (*offered_at, *climb, *leadership_told) = (self.now, Climb::default(), false);
            if to.is_empty() {
                to.push(said.by.person.clone());
            }
            self.mail_offer(crate::incident::decision::OfferedBy::Declaration);
        }
        self.incident.updates.counted_from = Some(self.now);
        self.incident.updates.promised_at = None;
        self.incident.updates.climb = Climb::default();
        self.facts.push(format!("Reopened: {why}"));
        self.stand_alone(why);
        self.changes.push(Change::Reopened { why: why.to_owned() });
        self.follow_up = true;
        Ok(format!("{} is open again", self.incident.key()))
    }

    pub(super) fn cancel(&mut self, why: &str, said: &Said) -> Applied {
        if !self.incident.phase.is_active() {
            return Err((format!("{} is {}", self.incident.key(), self.incident.phase), None));
        }
        let why = if why.trim().is_empty() { said.written.prose.trim() } else { why };
        if why.is_empty() {
            return Err((
                "Why? Write it behind the colon".to_owned(),
                Some("Cancel: false alarm".to_owned()),
            ));
        }
        self.overtake_tasks();
        self.overtake_proposals();
        self.incident.phase = Phase::Cancelled;
        self.incident.phase_assumed = false;
        self.incident.closed_at = Some(self.now);
        self.incident.outcome = Some(kept(why));
        self.facts.push(format!("Cancelled: {why}"));
        self.hint_at_open_parts();
        self.changes.push(Change::Cancelled { why: why.to_owned() });
        self.follow_up = true;
        Ok(format!("{} is cancelled", self.incident.key()))
    }

    pub(super) fn name_owner(&mut self, name: &str, said: &Said) -> Applied {
        let field = "Postmortem owner";
        let person = self.find_person(name, field)?;
        let Some(postmortem) =
            self.incident.postmortem.as_mut().filter(|postmortem| postmortem.is_owed())
        else {
            return Err(self.no_postmortem());
        };
        let before = std::mem::replace(&mut postmortem.owner, person.clone());
        postmortem.owner_named = true;
        // The mail that ends it sends the skeleton, to whoever owns it then.
        let has_skeleton = before.address == person.address || self.resolved.is_some();
        if !has_skeleton && before.address != said.by.person.address {
            let what = format!("{} writes the postmortem now", person.shown());
            let more = "You owe it no longer; what you wrote of it is kept.".to_owned();
            self.mail_person(&before, Says::Notice { what, more });
        }
        self.facts.push(format!("{} owns the postmortem.", person.shown()));
        if !has_skeleton {
            self.mail_person(&person, Says::PostmortemSkeleton);
        }
        Ok(format!("{} owns the postmortem and has its skeleton", person.shown()))
    }

    fn no_postmortem(&self) -> (String, Option<String>) {
        let key = self.incident.key();
        match &self.incident.postmortem {
            Some(postmortem) if postmortem.published_at.is_some() => {
                (format!("The postmortem of {key} is published"), None)
            }
            Some(_) => (format!("The postmortem of {key} was waived"), None),
            None if self.incident.phase.is_active() => (
                format!("The postmortem of {key} begins when it is resolved"),
                Some("Resolved: what fixed it".to_owned()),
            ),
            None => (format!("No postmortem is asked for {key}"), None),
        }
    }

    pub(super) fn waive(&mut self, why: &str, said: &Said) -> Applied {
        let refusal = self.no_postmortem();
        let why = if why.trim().is_empty() { said.written.prose.trim() } else { why };
        if why.is_empty() {
            return Err((
                "Why? Write it behind the colon".to_owned(),
                Some("Waive postmortem: why".to_owned()),
            ));
        }
        let Some(postmortem) =
            self.incident.postmortem.as_mut().filter(|postmortem| postmortem.is_owed())
        else {
            return Err(refusal);
        };
        postmortem.waived = Some(format!("{} ({})", kept(why), said.by.person.shown()));
        self.facts.push(format!("Postmortem waived: {why}"));
        self.close();
        Ok("the postmortem is waived".to_owned())
    }

    fn close(&mut self) {
        if self.incident.phase == Phase::Resolved {
            self.incident.phase = Phase::Closed;
            self.incident.closed_at = Some(self.now);
            self.facts.push("Closed.".to_owned());
        }
    }

    /// Where no postmortem is owed, an incident closes by itself.
    pub(super) fn close_quietly(&mut self) {
        self.close();
        let facts = std::mem::take(&mut self.facts);
        self.record_own(EntryKind::State, facts.join("\n"));
    }

    pub(super) fn write_section(&mut self, heading: &str, text: &str, said: &Said) -> Applied {
        let refusal = self.no_postmortem();
        let shown = heading.to_owned();
        let Some(postmortem) =
            self.incident.postmortem.as_mut().filter(|postmortem| postmortem.is_owed())
        else {
            return Err(refusal);
        };
        if text.trim().is_empty() {
            return Err((format!("`{shown}` is empty"), Some(format!("{shown}: what you know of it"))));
        }
        if text.len() > SECTION_OCTETS_MAX {
            return Err((format!("`{shown}` is longer than {SECTION_OCTETS_MAX} octets"), None));
        }
        postmortem.sections.insert(shown.clone(), text.to_owned());
        postmortem.submitted_at = None;
        self.record(
            EntryKind::Postmortem,
            Some(&said.by),
            format!("{shown}\n\n{text}"),
            said.source.clone(),
        );
        Ok(format!("`{shown}` is in the postmortem"))
    }

    /// Answers with the gaps only, and with wording that could be kinder.
    pub(super) fn submit(&mut self, said: &Said) -> Applied {
        let refusal = self.no_postmortem();
        let has_actions = self.incident.has_actions();
        let Some(postmortem) =
            self.incident.postmortem.as_ref().filter(|postmortem| postmortem.is_owed())
        else {
            return Err(refusal);
        };
        let missing = missing_sections(postmortem, has_actions, &self.policy.postmortem.sections);
        let wording = wording(postmortem, &self.names());
        let complete = missing.is_empty();
        if let Some(postmortem) = &mut self.incident.postmortem {
            // Whoever submits writes it: nobody need be asked who does.
            postmortem.owner_named = true;
            if complete {
                postmortem.submitted_at = Some(self.now);
                self.facts.push("Postmortem submitted.".to_owned());
            }
        }
        self.mail_person(&said.by.person, Says::PostmortemGaps { missing, wording });
        Ok("the postmortem was checked".to_owned())
    }

    pub(super) fn publish(&mut self, said: &Said) -> Applied {
        let refusal = self.no_postmortem();
        let has_actions = self.incident.has_actions();
        let Some(postmortem) =
            self.incident.postmortem.as_mut().filter(|postmortem| postmortem.is_owed())
        else {
            return Err(refusal);
        };
        let missing = missing_sections(postmortem, has_actions, &self.policy.postmortem.sections);
        if !missing.is_empty() {
            let first = missing.first().map(|heading| format!("{heading}: what you know of it"));
            return Err((format!("Still missing: {}", missing.join(", ")), first));
        }
        postmortem.published_at = Some(self.now);
        postmortem.submitted_at.get_or_insert(self.now);
        self.facts.push(format!("Postmortem published by {}.", said.by.person.shown()));
        self.close();
        let wide = self.wide();
        self.mail(wide, Says::PostmortemPublished);
        Ok("the postmortem is published".to_owned())
    }

    /// Names of those who took part, which no cause should carry.
    fn names(&self) -> Vec<String> {
        let people = self.incident.roles.iter().map(|held| &held.person);
        let all = people.chain(self.incident.commander()).chain(Some(&self.incident.reporter));
        let mut names: Vec<String> =
            all.map(|person| person.name.clone()).filter(|name| !name.is_empty()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// `confirm`: the address on file did write it. Applies what the answered request listed, and
    /// nothing else that came in the same name.
    pub(super) fn confirm(&mut self, said: &Said) -> Applied {
        let address = said.by.person.address.clone();
        let asked_at = self.confirmed_request(said)?;
        let waiting = std::mem::take(&mut self.incident.unconfirmed);
        let (mine, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|unconfirmed| {
            unconfirmed.by.address == address && unconfirmed.asked_at == asked_at
        });
        self.incident.unconfirmed = others;
        let declared = asked_at == self.incident.declared_at
            && self.incident.reporter.address == address
            && self.incident.wide_mail == WideMail::HeldForConfirmation;
        if declared {
            self.release_wide_mail();
            self.facts.push(format!("{} confirmed the report.", said.by.person.shown()));
        }
        for unconfirmed in mine {
            let again = Said {
                by: said.by.clone(),
                written: Written { lines: unconfirmed.lines, prose: unconfirmed.prose, gave_up: false },
                answering: None,
                answered_at: None,
                entry_authors: said.entry_authors.clone(),
                led_from: None,
                others: said.others.clone(),
                source: Source { no_receipt: said.source.no_receipt, ..Source::default() },
            };
            let before = self.incident.clone();
            self.apply_lines(&again);
            self.settle_words(&again, &before);
        }
        Ok("confirmed".to_owned())
    }

    /// Which request a `confirm` answers: the one that is answered, or the only one there is.
    fn confirmed_request(&self, said: &Said) -> Result<DateTime<Utc>, (String, Option<String>)> {
        let address = &said.by.person.address;
        let incident = &self.incident;
        let declared =
            incident.reporter.address == *address && incident.wide_mail == WideMail::HeldForConfirmation;
        let mine = incident.unconfirmed.iter().filter(|unconfirmed| unconfirmed.by.address == *address);
        let mut requests: Vec<DateTime<Utc>> = mine.map(|unconfirmed| unconfirmed.asked_at).collect();
        let is_listed = requests.contains(&incident.declared_at);
        requests.extend(Some(incident.declared_at).filter(|_| declared && !is_listed));
        if let Some(answered_at) =
            said.answered_at.filter(|_| said.answering == Some(Purpose::Confirmation))
        {
            requests.retain(|asked_at| *asked_at == answered_at);
        }
        match requests.as_slice() {
            [] => Err(("Nothing of yours waits to be confirmed".to_owned(), None)),
            [only] => Ok(*only),
            _ => Err((
                "Several mails in your name wait, and a `confirm` does not say which of them is yours. \
                 Send the lines that you want done, instead of `confirm`, in a reply to this mail"
                    .to_owned(),
                None,
            )),
        }
    }

    /// Whoever has a role and cannot be reached is told to the commander; an unreachable commander,
    /// to the deputy and the next in the rotation.
    pub(super) fn undeliverable(&mut self, to: &Address, purpose: Purpose, fate: Fate, reason: &str) {
        if let Purpose::Proposal(seq) = purpose {
            self.note_copy(seq, to, Sent::Failed(reason.to_owned()));
        }
        // A pager's address is its owner's.
        let person = self.policy.roster.person(to, "").address;
        let asked = match &self.incident.command {
            InCommand::Offered { to, .. } => to.iter().any(|asked| asked.address == person),
            InCommand::Held { .. } => false,
        };
        if purpose == Purpose::PageResponder {
            self.page_was_lost(&person, fate);
        }
        let paged = self.incident.pages.iter().flat_map(|page| &page.asked);
        let asked = asked || paged.into_iter().any(|asked| asked.address == person);
        let known = asked || self.incident.names(&person) || self.is_list(to);
        if fate == Fate::Withheld && (!known || self.incident.unreachable.contains(to)) {
            // Nothing new: the outbox shows it.
            return;
        }
        let what = match fate {
            Fate::Refused => "could not be delivered",
            Fate::Withheld => "is not sent",
            Fate::Late => "was not sent in time",
            Fate::Unknown => "may not have arrived",
        };
        self.record_own(EntryKind::State, format!("Mail to {to} {what}: {reason}"));
        if !known || purpose == Purpose::Undeliverable || !self.incident.phase.is_open() {
            return;
        }
        // What an outage delayed says nothing of the address: a refusal after it is news.
        let told = match fate {
            Fate::Refused | Fate::Withheld => &mut self.incident.unreachable,
            Fate::Late | Fate::Unknown => &mut self.incident.missed,
        };
        if !told.insert(to.clone()) {
            return;
        }
        let says = Says::Undeliverable { to: to.clone(), purpose, fate, reason: reason.to_owned() };
        let mut tell: Vec<_> = self.incident.commander().cloned().into_iter().collect();
        if tell.is_empty() || tell.iter().any(|commander| commander.address == person) {
            tell = self.incident.holder(Role::Deputy).cloned().into_iter().collect();
            let rotation = self.policy.roster.command_rotation();
            let order = rotation.map(|rotation| rotation.order(self.now)).unwrap_or_default();
            let next = order.into_iter().find(|address| **address != person);
            // Nobody is drawn into a drill, or into what is private.
            if self.incident.drill || self.incident.private {
                tell.push(self.incident.reporter.clone());
            } else {
                tell.extend(next.map(|address| self.policy.roster.person(address, "")));
            }
        }
        let to = tell
            .into_iter()
            .map(|person| crate::incident::decision::Recipient::Person(person.address))
            .collect();
        self.mail(to, says);
    }

    fn is_list(&self, address: &Address) -> bool {
        let lists = self.lists();
        lists.iter().chain(&self.customers()).any(|recipient| recipient.address() == address)
    }
}
