//! Reports that wait for somebody known to accept them.
//!
//! The commander on call is asked about each, up to a limit; beyond it one report stands for all that
//! come after it, and whoever accepts it has them all in its timeline. Start with [`Batch::hold`].

use super::batch::Batch;
use super::outgoing::Outgoing;
use crate::incident::event::{Event, Filed, Speaker, Trust, Waits};
use crate::incident::state::Person;
use crate::interpret::{clues, declaration, filed};
use crate::mail::{Address, InboundMail, Tag};
use crate::render::{HeldReport, render_review, render_waits_no_more};
use crate::store::StoreError;
use crate::store::rows::{InboundState, KnownId, NewInbound};

/// Held reports an hour that the on-call commander is told of one by one.
const HELD_TOLD: i64 = 5;
/// Reports that are shown in the timeline of the one that stood for them: as many as people would
/// read, and more than anybody sends by hand. The rest stays on file.
const SHOWN_TOGETHER: i64 = 200;

impl Batch {
    /// Keeps a report for somebody known to accept, and tells the commander on call, once for all
    /// that are beyond the limits.
    pub(super) async fn hold(
        &mut self,
        message: &NewInbound,
        mail: &InboundMail,
        waits: Waits,
    ) -> Result<(), StoreError> {
        self.leave_to_look(format!("held for somebody known to accept: {}", why_waits(waits)));
        let together = match waits {
            Waits::TooMany => {
                let sender = mail.from.as_ref().map(|from| from.address.key()).unwrap_or_default();
                Some(format!("held:{sender}"))
            }
            Waits::TooManyAlerts => Some("held-alerts".to_owned()),
            _ => None,
        };
        if let Some(name) = together
            && self.joins(&name, message.id).await?
        {
            return Ok(());
        }
        let is_many = self.write.count_use("held", self.now).await? > HELD_TOLD;
        if is_many && self.joins("held", message.id).await? {
            return Ok(());
        }
        let Some(to) = self.who_decides().await? else { return Ok(()) };
        self.send_held(&to, &report(message, mail, waits, is_many)).await
    }

    /// The commander on call, the next in the rotation who can be reached, or the operator.
    pub(super) async fn who_decides(&mut self) -> Result<Option<Address>, StoreError> {
        let policy = self.policy.clone();
        let mut asked: Vec<Address> =
            policy.roster.commander_on_call(self.now).map(|person| person.address).into_iter().collect();
        if let Some(rotation) = policy.roster.command_rotation() {
            asked.extend(rotation.order(self.now).into_iter().cloned());
        }
        for address in asked {
            if self.why_dead(&address).await?.is_none() {
                return Ok(Some(address));
            }
        }
        Ok(policy.operator.clone())
    }

    /// Tells whoever proved to have written a mail that it waits, and how to do without waiting.
    pub(super) async fn tell_review(&mut self, number: i64, to: &Person) -> Result<(), StoreError> {
        let Some(incident) = self.incident(number) else { return Ok(()) };
        let epoch = incident.token_epoch_of(&to.address);
        let token = self.engine.secret.incident_token(number, &to.address, epoch);
        let letter = render_review(&self.policy, number, self.now);
        let copies = vec![(to.address.clone(), Some(token))];
        let to = (to.name.clone(), to.address.clone());
        let outgoing = Outgoing { incident: Some(number), ..Outgoing::new(&letter, to, copies) };
        self.store(outgoing).await.map(drop)
    }

    /// Whether there is a report of this name and hour that stands for this one, too.
    async fn joins(&mut self, name: &str, inbound: i64) -> Result<bool, StoreError> {
        let first = self.write.claim_held_report(name, inbound, self.now).await?;
        if first == inbound {
            return Ok(false);
        }
        self.write.hold_with(inbound, first).await?;
        Ok(true)
    }

    /// Shows a held report again to whoever answered it without accepting it, within the limits of
    /// held reports and no more than once for each answer.
    pub(super) async fn ask_again(&mut self, id: i64, by: &Person) -> Result<(), StoreError> {
        let Some((message, InboundState::Held)) = self.write.load_inbound(id).await? else {
            return Ok(());
        };
        if self.write.count_use(&format!("held-again:{id}"), self.now).await? > HELD_TOLD {
            return Ok(());
        }
        let mail = self.read_stored(&message);
        let waits = self.why_held(&message, &mail).await?;
        let together = self.write.stands_for_others(id).await?;
        self.send_held(&by.address, &report(&message, &mail, waits, together)).await
    }

    /// What it said when it came, from what is known now.
    async fn why_held(&mut self, message: &NewInbound, mail: &InboundMail) -> Result<Waits, StoreError> {
        let policy = self.policy.clone();
        let clues = clues(mail, &message.recipients, &policy);
        if matches!(clues.tag, Tag::Alert { .. }) {
            return Ok(Waits::TooManyAlerts);
        }
        let Some(from) = &mail.from else { return Ok(Waits::Unsigned) };
        let found = self.find(mail, &clues).await?;
        let answers = found.answers_ours || clues.number().is_some() || clues.subject_number.is_some();
        Ok(match found.number {
            Some(number) if found.merely_named => Waits::Names(number),
            _ if !policy.roster.knows(&from.address) => Waits::Stranger,
            _ if answers => Waits::Nowhere,
            _ => Waits::TooMany,
        })
    }

    /// Declares the incident that a held report is, or lets it into the timeline that it named.
    /// Whoever comes too late is told so.
    pub(super) async fn accept_held(&mut self, id: i64, by: Person) -> Result<Option<i64>, StoreError> {
        let Some((message, InboundState::Held)) = self.write.load_inbound(id).await? else {
            let became = self.write.load_fate(id).await?.and_then(|(_, incident)| incident);
            self.became.push("the report waits no more".to_owned());
            let letter = render_waits_no_more(&self.policy, became, self.now);
            self.store_single(&letter, &by.address, None, None).await?;
            return Ok(None);
        };
        let mail = self.read_stored(&message);
        let number = match self.why_held(&message, &mail).await? {
            Waits::Names(number) => {
                self.let_in(number, &mail, &format!("Accepted by {}", by.shown())).await?;
                number
            }
            _ => self.declare_held(&message, &mail, by).await?,
        };
        self.settle_held(id, &mail, number).await?;
        self.let_in_others(id, number).await?;
        Ok(Some(number))
    }

    async fn declare_held(
        &mut self,
        message: &NewInbound,
        mail: &InboundMail,
        by: Person,
    ) -> Result<i64, StoreError> {
        if let Some(number) = self.accept_alert(message, mail, &by).await? {
            return Ok(number);
        }
        let from = mail.from.as_ref();
        // Where it has no author, whoever accepts it reports it.
        let person = from.map(|from| self.policy.roster.person(&from.address, &from.name));
        let speaker = Speaker {
            proof: format!("accepted by {}", by.address),
            person: person.unwrap_or_else(|| by.clone()),
            trust: Trust::Stranger,
            known: from.is_none_or(|from| self.policy.roster.knows(&from.address)),
        };
        let policy = self.policy.clone();
        let tag = clues(mail, &message.recipients, &policy).tag;
        let mut declared = declaration(mail, &tag, speaker, Some(by), &policy, self.now);
        let number = self.write.next_incident_number().await?;
        declared.number = number;
        self.step(number, &Event::Declared(declared)).await?;
        self.save_thread_root(number).await?;
        Ok(number)
    }

    /// Files what was held together with a report that is accepted now.
    async fn let_in_others(&mut self, first: i64, number: i64) -> Result<(), StoreError> {
        // What comes later in the hour is asked about anew.
        self.write.forget_held_report(first).await?;
        let mut left = SHOWN_TOGETHER;
        let mut standing = vec![first];
        while let Some(first) = standing.pop() {
            for id in self.write.load_held_with(first, left).await? {
                let Some((message, InboundState::Held)) = self.write.load_inbound(id).await? else {
                    continue;
                };
                left -= 1;
                let mail = self.read_stored(&message);
                if !self.join_held_alert(number, &message, &mail).await? {
                    self.let_in(number, &mail, "Held together with the report").await?;
                }
                self.settle_held(id, &mail, number).await?;
                // A sender's own many may be held together with everybody's.
                standing.push(id);
            }
        }
        Ok(())
    }

    async fn let_in(&mut self, number: i64, mail: &InboundMail, why: &str) -> Result<(), StoreError> {
        let filed = filed(mail, &self.policy, why);
        let text = format!("{}\n\n{}", mail.subject, filed.text);
        self.step(number, &Event::Filed(Filed { text, ..filed })).await
    }

    async fn settle_held(&mut self, id: i64, mail: &InboundMail, number: i64) -> Result<(), StoreError> {
        self.write.mark_inbound(id, InboundState::Read, Some(number), None, self.now).await?;
        if let Some(message_id) = mail.message_id.clone() {
            let known = KnownId { message_id, incident: Some(number), letter: None, purpose: None };
            self.write.save_known_id(&known, self.now).await?;
        }
        Ok(())
    }
}

/// For those who look after it.
fn why_waits(waits: Waits) -> String {
    match waits {
        Waits::Stranger => "a stranger's report".to_owned(),
        Waits::Unsigned => "not from exactly one sender".to_owned(),
        Waits::TooMany => "too many reports from one sender".to_owned(),
        Waits::TooManyAlerts => "too many alerts declare something".to_owned(),
        Waits::Nowhere => "it belongs to no incident".to_owned(),
        Waits::Names(number) => format!("it names INC-{number}, in which its sender takes no part"),
    }
}

fn report<'a>(
    message: &NewInbound,
    mail: &'a InboundMail,
    waits: Waits,
    together: bool,
) -> HeldReport<'a> {
    HeldReport {
        id: message.id,
        from: mail.from.as_ref().map(|from| &from.address),
        subject: &mail.subject,
        text: &mail.new_text,
        unread: mail.unreadable,
        received_at: message.received_at,
        waits,
        together,
    }
}
