//! Shifts: who is on call is answered, overrides are agreed on, notices go out once, and a rotation
//! short of people is told.
//!
//! What may change hands is said by `roster::request`. Start with [`Batch::on_call`].

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::batch::Batch;
use super::outgoing::Outgoing;
use crate::incident::Policy;
use crate::incident::event::{LineResult, Outcome, Said, Speaker, Trust};
use crate::incident::state::Person;
use crate::interpret::{AboutShifts, SwapAnswer, is_about_shift};
use crate::mail::Address;
use crate::mail::command::{Command, Line};
use crate::mail::compose::Letter;
use crate::mail::ids::quarter;
use crate::render;
use crate::render::calendar::{CalendarUrl, url_of_person, url_of_rotation};
use crate::roster::request::{Answered, Request, SHIFTS_MAX, Taken, read_shift};
use crate::roster::rotation::{Rotation, Shift};
use crate::store::StoreError;

/// Requests an hour of one sender: more than anybody plans by hand.
const REQUESTS_AN_HOUR: i64 = 10;

/// Rotations of one person whose calendars are named in a mail.
const CALENDARS_MAX: usize = 8;

impl Batch {
    /// Answers a question about who is on call, or does what overrides ask for.
    pub(super) async fn on_call(&mut self, asked: &AboutShifts) -> Result<(), StoreError> {
        if !asked.lines.is_empty() {
            return self.request_shifts(&asked.by, &asked.lines, asked.unanswered).await;
        }
        self.became.push("told who is on call".to_owned());
        let to = &asked.by.person.address;
        let urls = self.calendar_urls(to);
        let letter = render::render_on_call(&self.policy, &asked.words, to, &urls, self.now);
        self.send_about_shifts(&letter, to).await
    }

    /// Takes the lines about shifts out of what somebody wrote to an incident, which they are none of
    /// the business of, and does them. What is left is the incident's; `None` when nothing is.
    pub(super) async fn take_shift_lines(&mut self, mut said: Said) -> Result<Option<Said>, StoreError> {
        let is_proven = said.by.trust == Trust::Verified && said.by.known;
        if !is_proven || !said.written.lines.iter().any(is_about_shift) {
            return Ok(Some(said));
        }
        let (ours, others): (Vec<Line>, Vec<Line>) =
            said.written.lines.into_iter().partition(is_about_shift);
        self.request_shifts(&said.by, &ours, said.source.no_receipt).await?;
        said.written.lines = others;
        let nothing = said.written.lines.is_empty()
            && said.written.prose.trim().is_empty()
            && said.source.attachments.is_empty();
        Ok((!nothing).then_some(said))
    }

    /// Keeps what the lines ask for as one request, and asks those concerned; or says why not.
    async fn request_shifts(
        &mut self,
        by: &Speaker,
        lines: &[Line],
        unanswered: bool,
    ) -> Result<(), StoreError> {
        let asker = self.policy.roster.person(&by.person.address, "").address;
        let mut results = Vec::with_capacity(lines.len());
        let mut shifts = Vec::new();
        let uses = self.write.count_use(&format!("swap:{}", asker.key()), self.now).await?;
        for (place, line) in lines.iter().enumerate() {
            let read = if uses > REQUESTS_AN_HOUR {
                Err((
                    format!("More than {REQUESTS_AN_HOUR} within an hour; send it again after it"),
                    None,
                ))
            } else if place >= SHIFTS_MAX {
                Err((format!("A mail may move {SHIFTS_MAX} shifts"), None))
            } else {
                self.read_shift_line(line, &asker).await?
            };
            let outcome = match read {
                Ok(shift) => {
                    shifts.push(shift);
                    let why = "It waits for the other lines, which are done together with it".to_owned();
                    Outcome::Refused { why, instead: None }
                }
                Err((why, instead)) => Outcome::Refused { why, instead },
            };
            results.push(LineResult { line: line.clone(), outcome });
        }
        let is_proven = by.trust == Trust::Verified;
        if shifts.len() < lines.len() {
            self.became.push("asked for a shift, which was refused".to_owned());
            if is_proven && !unanswered {
                let letter = render::render_swap_refused(&self.policy, &results);
                self.send_about_shifts(&letter, &asker).await?;
            }
            return Ok(());
        }
        self.became.push("asked for a shift".to_owned());
        let request = Request::new(shifts, asker.clone(), is_proven, self.now);
        let id = self.engine.ids.next(self.now);
        self.write.save_shift_request(id, &request).await?;
        let asked = request.asked_now();
        self.proceed(id, &request, &asked).await?;
        if is_proven && !unanswered && !asked.is_empty() {
            let letter = render::render_swap_waits(&self.policy, &request, &asker, self.now);
            self.send_about_shifts(&letter, &asker).await?;
        }
        Ok(())
    }

    async fn read_shift_line(
        &mut self,
        line: &Line,
        asker: &Address,
    ) -> Result<Result<Taken, (String, Option<String>)>, StoreError> {
        let cover = match &line.meaning {
            Ok(Command::Override(cover)) => cover,
            Ok(_) => return Ok(Err(("It is no override".to_owned(), None))),
            Err(misread) => return Ok(Err((misread.why.clone(), misread.instead.clone()))),
        };
        let shift = match read_shift(cover, &line.typed, asker, &self.policy.roster, self.now) {
            Ok(shift) => shift,
            Err(refusal) => return Ok(Err(refusal)),
        };
        for person in shift.from_whom.iter().chain([&shift.person]) {
            if self.why_dead(person).await?.is_some() {
                let name = self.policy.roster.person(person, "");
                let why = format!(
                    "No mail reaches {}, who has to agree; whoever keeps the configuration can add an \
                     [[override]]",
                    name.shown()
                );
                return Ok(Err((why, None)));
            }
        }
        Ok(Ok(shift))
    }

    /// Asks these people, or tells everybody concerned that it is settled.
    async fn proceed(
        &mut self,
        id: i64,
        request: &Request,
        asked: &[Address],
    ) -> Result<(), StoreError> {
        for person in asked {
            let letter = render::render_swap_asked(&self.policy, id, request, person, false, self.now);
            let token = self.engine.secret.swap_token(id, person);
            self.store_single(&letter, person, Some(format!("swap.{id}")), Some(token)).await?;
        }
        if !request.overrides().is_empty() {
            let overrides = self.write.load_overrides(self.now).await?;
            let mut policy = Policy::clone(&self.policy);
            policy.roster.lay_over(overrides);
            self.policy = Arc::new(policy);
            for person in request.concerned() {
                let urls = self.calendar_urls(&person);
                let letter =
                    render::render_swap_settled(&self.policy, request, &person, &urls, self.now);
                self.send_about_shifts(&letter, &person).await?;
            }
        }
        Ok(())
    }

    /// Somebody says whether a shift may change hands.
    pub(super) async fn answer_swap(
        &mut self,
        id: i64,
        by: &Person,
        answer: SwapAnswer,
    ) -> Result<(), StoreError> {
        let by = self.policy.roster.person(&by.address, "").address;
        let Some((version, mut request)) = self.write.load_shift_request(id).await? else {
            self.became.push("answered a request that there is not".to_owned());
            return Ok(());
        };
        let before = request.asked_now();
        let done = match answer {
            SwapAnswer::Agrees => request.agree(&by, &self.policy.roster, self.now),
            SwapAnswer::Declines => request.decline(&by, self.now),
            SwapAnswer::Unclear if before.contains(&by) => {
                self.became.push("answered neither yes nor no to a shift".to_owned());
                let letter = render::render_swap_asked(&self.policy, id, &request, &by, true, self.now);
                let told = format!("swap-again:{id}:{}", by.key());
                if self.write.count_use(&told, self.now).await? <= 2 {
                    let token = self.engine.secret.swap_token(id, &by);
                    self.store_single(&letter, &by, Some(format!("swap.{id}")), Some(token)).await?;
                }
                return Ok(());
            }
            SwapAnswer::Unclear => Answered::Nothing,
        };
        if done != Answered::Nothing {
            self.write.update_shift_request(id, version, &request).await?;
        }
        match done {
            Answered::Nothing => {
                self.became.push("answered too late whether a shift may change hands".to_owned());
                let letter = render::render_swap_late(&self.policy, &request, &by, self.now);
                self.send_about_shifts(&letter, &by).await
            }
            Answered::Waits => {
                self.became.push("agreed to a shift".to_owned());
                let mut new = request.asked_now();
                new.retain(|person| !before.contains(person));
                self.proceed(id, &request, &new).await
            }
            Answered::InForce => {
                self.became.push("agreed to a shift, which changes hands".to_owned());
                self.proceed(id, &request, &[]).await
            }
            Answered::Declined => {
                self.became.push("declined a shift".to_owned());
                for person in request.concerned() {
                    let letter = render::render_swap_declined(&self.policy, &request, &person, self.now);
                    self.send_about_shifts(&letter, &person).await?;
                }
                Ok(())
            }
        }
    }

    /// Tells somebody that their shift begins, unless they were told; whether they are told now.
    pub(super) async fn shift_notice(
        &mut self,
        rotation: &str,
        starts_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let policy = self.policy.clone();
        let Some(rotation) = policy.roster.rotation(rotation) else { return Ok(false) };
        let starts = |shift: &Shift| shift.starts_at == starts_at;
        let Some(shift) = rotation.shifts(starts_at, starts_at).into_iter().find(starts) else {
            return Ok(false);
        };
        let name = notice_name(&rotation.name, &shift.person);
        if !self.write.claim_digest(&name, starts_at).await? {
            return Ok(false);
        }
        if let Some(reason) = self.why_dead(&shift.person).await? {
            self.tell_unreached(&shift.person, &reason).await?;
            return Ok(true);
        }
        let urls = self.calendar_urls(&shift.person);
        let letter = render::render_shift_notice(&policy, rotation, &shift, &urls, self.now);
        let token = self.engine.secret.duty_token(&shift.person, quarter(self.now));
        let person = policy.roster.person(&shift.person, "");
        let copies = vec![(shift.person.clone(), Some(token))];
        let outgoing = Outgoing {
            reply_tag: Some("oncall".to_owned()),
            ends_at: Some(shift.ends_at),
            ..Outgoing::new(&letter, (person.name, shift.person.clone()), copies)
        };
        self.store(outgoing).await?;
        Ok(true)
    }

    /// Tells of every rotation that is short of people, once until it is short of others.
    pub(super) async fn check_rotations(&mut self) -> Result<(), StoreError> {
        let policy = self.policy.clone();
        for rotation in &policy.roster.rotations {
            let why = policy.roster.shortage(rotation);
            let beginning = format!("short:{}:", rotation.name);
            let name = format!("{beginning}{}", why.join(" "));
            self.write.forget_digests(&beginning, &name).await?;
            let fresh = !why.is_empty() && self.write.claim_digest(&name, DateTime::UNIX_EPOCH).await?;
            if fresh {
                self.tell_short(&rotation.name, &why).await?;
            }
        }
        Ok(())
    }

    /// Tells, once a day, that mail about shifts does not reach somebody of a rotation.
    pub(super) async fn tell_unreached(
        &mut self,
        who: &Address,
        reason: &str,
    ) -> Result<(), StoreError> {
        let policy = self.policy.clone();
        let theirs = |rotation: &&Rotation| rotation.members.contains(who);
        let Some(rotation) = policy.roster.rotations.iter().find(theirs) else { return Ok(()) };
        let told = format!("unreached:{}", who.key());
        if self.write.count_use_of_day(&told, self.now).await? > 1 {
            return Ok(());
        }
        let person = policy.roster.person(who, "");
        let why = format!("No mail reaches {}: {reason}.", person.shown());
        self.tell_short(&rotation.name, &[why]).await
    }

    /// To the operator, and to those who can take a shift or find somebody: those trained to command
    /// and leadership.
    async fn tell_short(&mut self, rotation: &str, why: &[String]) -> Result<(), StoreError> {
        let letter = render::render_short(&self.policy, rotation, why, self.now);
        let roster = &self.policy.roster;
        let mut to: Vec<Address> = self.policy.operator.iter().cloned().collect();
        for address in roster.trained.iter().chain(&roster.leadership()) {
            if !to.contains(address) {
                to.push(address.clone());
            }
        }
        for address in to {
            self.store_single(&letter, &address, None, None).await?;
        }
        Ok(())
    }

    /// A mail about shifts to one person, whose answer is believed to be theirs.
    async fn send_about_shifts(&mut self, letter: &Letter, to: &Address) -> Result<(), StoreError> {
        let token = self.engine.secret.duty_token(to, quarter(self.now));
        self.store_single(letter, to, Some("oncall".to_owned()), Some(token)).await.map(drop)
    }

    /// Where calendar programmes find the shifts of somebody in the roster; empty without pages.
    fn calendar_urls(&self, person: &Address) -> Vec<CalendarUrl> {
        let Some(web_url) = &self.policy.web_url else { return Vec::new() };
        let Some(member) = self.policy.roster.member(person) else { return Vec::new() };
        let secret = &self.engine.secret;
        let is_in = |rotation: &&Rotation| rotation.members.contains(&member.address);
        let theirs = self.policy.roster.rotations.iter().filter(is_in).take(CALENDARS_MAX);
        std::iter::once(url_of_person(web_url, secret, member))
            .chain(theirs.map(|rotation| url_of_rotation(web_url, secret, rotation)))
            .collect()
    }
}

/// Under which the notice of a shift is claimed.
pub(super) fn notice_name(rotation: &str, person: &Address) -> String {
    format!("shift:{rotation}:{}", person.key())
}
