//! Our lists: who asks to join or leave is asked whether that is so, told what became of it, and missed
//! by those whom they leave with a role.
//!
//! Whoever leaves an incident's list gets its end all the same; see `decide::audience`. Start with
//! [`Batch::about_list`].

use std::sync::Arc;

use chrono::TimeDelta;

use super::batch::Batch;
use crate::incident::Policy;
use crate::incident::event::{Event, Trust};
use crate::incident::state::WideMail;
use crate::interpret::{AboutList, ListAnswer};
use crate::mail::compose::Letter;
use crate::mail::ids::{Secret, list_day, same};
use crate::mail::{Address, ListWish};
use crate::render::{self, ListRefusal, Loose};
use crate::roster::List;
use crate::roster::membership::{ChangedBy, Membership, Open, Standing};
use crate::store::StoreError;
use crate::store::rows::InboundState;

/// Members of a list: as many as one follow-up is meant to reach. Beyond it whoever looks after the
/// server wants a list server.
const MEMBERS_MAX: usize = 10_000;
/// Nobody is asked twice within so long whether a request that proves nothing is theirs.
const ASKED_AGAIN_AFTER: TimeDelta = TimeDelta::days(1);
/// Questions a day to one address about all lists together, however many there are.
const QUESTIONS_A_DAY: i64 = 3;
/// Open incidents that are looked through when somebody leaves, the newest.
const INCIDENTS_MAX: i64 = 200;

impl Batch {
    /// Does what a mail to a list's own addresses asks for, or asks whether it is meant.
    pub(super) async fn about_list(&mut self, asked: &AboutList) -> Result<InboundState, StoreError> {
        let policy = self.policy.clone();
        let (by, person) = (&asked.by, &asked.by.person.address);
        let list = policy.roster.list(&asked.list).filter(|list| list.is_open());
        if let (Some(list), ListWish::Leave, Some(token)) = (list, asked.wish, &asked.token)
            && let Some(member) = member_with(list, token, &self.engine.secret)
        {
            self.leave_list(&list.name, &member, ChangedBy::Mail).await?;
            return Ok(InboundState::Read);
        }
        let is_proven = by.trust == Trust::Verified;
        let Some(list) = list else {
            if is_proven && by.known {
                let refusal = match policy.roster.list(&asked.list) {
                    Some(list) => ListRefusal::Closed(&list.name),
                    None => ListRefusal::Unknown(&asked.list),
                };
                return self.refuse_list(refusal, person).await;
            }
            self.leave_to_look(format!("asked for the list {}, which is not open", asked.list));
            return Ok(InboundState::Filed);
        };
        let standing = list.membership_of(person);
        if asked.wish == ListWish::Join && !by.known && list.open != Open::Anyone {
            self.leave_to_look(format!("a stranger asked for the list {}", list.name));
            return Ok(InboundState::Filed);
        }
        let wants_member = asked.wish == ListWish::Join;
        if standing.is_member() == wants_member {
            self.became.push(format!("asked for the list {}, and nothing changes", list.name));
            if is_proven {
                let refusal = ListRefusal::AsBefore(&list.name, asked.wish);
                return self.refuse_list(refusal, person).await;
            }
            return Ok(InboundState::Filed);
        }
        match (asked.wish, asked.answer) {
            (ListWish::Join, Some(ListAnswer::Confirms)) => {
                if self.join_list(&list.name, person, ChangedBy::Mail).await? {
                    return Ok(InboundState::Read);
                }
                self.refuse_list(ListRefusal::Full(&list.name), person).await
            }
            // Whoever proves to be the member need not be asked whether they are.
            (ListWish::Leave, None | Some(ListAnswer::Confirms)) if is_proven => {
                self.leave_list(&list.name, person, ChangedBy::Mail).await?;
                Ok(InboundState::Read)
            }
            (_, Some(ListAnswer::Otherwise)) => {
                self.became.push(format!("did not confirm for the list {}", list.name));
                Ok(InboundState::Filed)
            }
            (_, _) => self.ask_about_list(list, asked, is_proven).await,
        }
    }

    /// Asks the owner of an address whether they want to join or leave, unless that could trouble somebody
    /// who wrote nothing.
    async fn ask_about_list(
        &mut self,
        list: &List,
        asked: &AboutList,
        is_proven: bool,
    ) -> Result<InboundState, StoreError> {
        let to = &asked.by.person.address;
        let since = self.now - ASKED_AGAIN_AFTER;
        let wish = asked.wish;
        let may = self.write.claim_list_request(&list.name, to, wish.name(), since, self.now).await?
            || is_proven;
        let questions = format!("list-question:{}", to.key());
        if !may || self.write.count_use_of_day(&questions, self.now).await? > QUESTIONS_A_DAY {
            self.became.push(format!("asked for the list {} again, without effect", list.name));
            return Ok(InboundState::Filed);
        }
        self.became.push(format!("asked for the list {}, and was asked to confirm", list.name));
        let letter = render::render_list_asked(&self.policy, &list.name, wish, is_proven, self.now);
        self.send_about_list(&letter, to, &list.name, wish).await?;
        Ok(InboundState::Read)
    }

    /// A mail about a list to one person, whose answer is what they wish.
    async fn send_about_list(
        &mut self,
        letter: &Letter,
        to: &Address,
        list: &str,
        wish: ListWish,
    ) -> Result<(), StoreError> {
        let token = self.engine.secret.list_token(wish, list, to, list_day(self.now));
        let tag = format!("{}.{}", wish.name(), list.to_lowercase());
        self.store_single(letter, to, Some(tag), Some(token)).await.map(drop)
    }

    async fn refuse_list(
        &mut self,
        refusal: ListRefusal<'_>,
        to: &Address,
    ) -> Result<InboundState, StoreError> {
        self.became.push("was told why nothing changes on a list".to_owned());
        let letter = render::render_list_refused(&self.policy, refusal);
        self.store_single(&letter, to, None, None).await?;
        Ok(InboundState::Read)
    }

    /// Puts somebody on a list, and tells them. Nothing for whoever is on it, or where it is full.
    async fn join_list(&mut self, list: &str, who: &Address, by: ChangedBy) -> Result<bool, StoreError> {
        let policy = self.policy.clone();
        let list = policy.roster.list(list).filter(|list| list.is_open());
        let Some(list) = list.filter(|list| !list.membership_of(who).is_member()) else {
            return Ok(false);
        };
        if list.members().len() >= MEMBERS_MAX {
            return Ok(false);
        }
        self.became.push(format!("joined the list {}", list.name));
        self.change_member(&list.name, who, true).await?;
        let letter = render::render_list_joined(&self.policy, &list.name, by);
        self.send_about_list(&letter, who, &list.name, ListWish::Leave).await?;
        Ok(true)
    }

    /// Changes who is on a list, for somebody who wrote no mail.
    pub(super) async fn change_list(
        &mut self,
        list: &str,
        who: &Address,
        wish: ListWish,
        by: ChangedBy,
    ) -> Result<bool, StoreError> {
        self.became.clear();
        let changed = match wish {
            ListWish::Join => self.join_list(list, who, by).await?,
            ListWish::Leave => self.leave_list(list, who, by).await?,
        };
        if changed {
            self.audit_list(who, by).await?;
        }
        Ok(changed)
    }

    /// Takes a member off a list, and tells them and whomever they leave with a role. Nothing for somebody
    /// who is none.
    async fn leave_list(
        &mut self,
        list: &str,
        who: &Address,
        by: ChangedBy,
    ) -> Result<bool, StoreError> {
        let policy = self.policy.clone();
        let Some(list) = policy.roster.list(list).filter(|list| list.is_open()) else {
            return Ok(false);
        };
        if !list.membership_of(who).is_member() {
            return Ok(false);
        }
        self.became.push(format!("left the list {}", list.name));
        let loose = self.loose_ends(list, who).await?;
        self.change_member(&list.name, who, false).await?;
        for end in loose.iter().filter(|end| !end.duties.is_empty()) {
            let person = policy.roster.person(who, "");
            self.step(end.number, &Event::LeftList { who: person, list: list.name.clone() }).await?;
        }
        let letter = render::render_list_left(&self.policy, &list.name, &loose, by);
        self.send_about_list(&letter, who, &list.name, ListWish::Join).await?;
        Ok(true)
    }

    /// What is under way that somebody hears of by a list, or has something to do in.
    async fn loose_ends(&mut self, list: &List, who: &Address) -> Result<Vec<Loose>, StoreError> {
        let mut loose = Vec::new();
        for stored in self.write.load_open_incidents(INCIDENTS_MAX).await?.readable {
            let number = stored.incident.number;
            // As this transaction has it.
            if !self.load(number).await? {
                continue;
            }
            let Some(incident) = self.incident(number).filter(|one| one.phase.is_active()) else {
                continue;
            };
            let notify = &self.policy.severity(incident.severity).notify;
            let told = incident.wide_mail == WideMail::Sent
                && notify.iter().any(|name| name.eq_ignore_ascii_case(&list.name));
            let duties = incident.duties_of(who);
            if told || !duties.is_empty() {
                let commands = incident.commander().is_some_and(|commander| commander.address == *who);
                loose.push(Loose { number, key: incident.key(), duties, commands });
            }
        }
        Ok(loose)
    }

    /// Keeps it, and has the rest of this transaction know.
    async fn change_member(
        &mut self,
        list: &str,
        who: &Address,
        joined: bool,
    ) -> Result<(), StoreError> {
        let list = list.to_lowercase();
        let membership = Membership { list, address: who.clone(), joined, since: self.now };
        self.write.save_member(&membership).await?;
        if let Some(members) = self.write.load_members(None).await? {
            let mut policy = Policy::clone(&self.policy);
            policy.roster.lay_members(members);
            self.policy = Arc::new(policy);
        }
        Ok(())
    }
}

/// Whose token this is, among those who are on a list or were. A list has so many members at most, so
/// that this ends.
pub(super) fn member_with(list: &List, token: &str, secret: &Secret) -> Option<Address> {
    let were = list.changed.iter().map(|changed| &changed.address);
    let all = list.members().iter().chain(were);
    all.into_iter().find(|one| same(token, &secret.leave_token(&list.name, one))).cloned()
}

/// What became of a wish to leave that came with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    Left,
    /// They had left before.
    WasGone,
    /// There is no such list, or nobody was given such a token.
    Unknown,
}

impl super::Engine {
    /// Takes whoever was given a token off a list.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn leave_list(&self, list: &str, token: &str) -> Result<Leaving, StoreError> {
        let policy = self.present_policy().await?;
        let Some(list) = policy.roster.list(list).filter(|list| list.is_open()) else {
            return Ok(Leaving::Unknown);
        };
        let Some(who) = member_with(list, token, &self.secret) else { return Ok(Leaving::Unknown) };
        if matches!(list.membership_of(&who), Standing::Left(_) | Standing::Nothing) {
            return Ok(Leaving::WasGone);
        }
        let name = list.name.clone();
        let (wish, by) = (ListWish::Leave, ChangedBy::Page);
        let left = self.perform(super::Work::ChangeList { list: name, who, wish, by }).await?;
        Ok(if left { Leaving::Left } else { Leaving::WasGone })
    }

    /// The operator puts somebody on a list, or takes them off; whether that changed anything.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn change_member(
        &self,
        list: &str,
        who: &Address,
        wish: ListWish,
    ) -> Result<bool, StoreError> {
        let (list, who, by) = (list.to_owned(), who.clone(), ChangedBy::Operator);
        self.perform(super::Work::ChangeList { list, who, wish, by }).await
    }
}
