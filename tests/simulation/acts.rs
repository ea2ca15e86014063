//! What can happen next in a history, and how chance chooses it.
//!
//! Start with [`Act`].

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use firebell::incident::state::Person;
use firebell::mail::Address;
use firebell::mail::authentication::Verdict;
use firebell::store::rows::OperatorAction;

use super::chance::Chance;
use super::invariants::Seen;
use super::mails::{Mail, PEOPLE, Writer};
use super::relay::{Fault, Manner, Phase, Taken};

/// Something that happens.
#[derive(Debug, Clone)]
pub enum Act {
    Arrive(Vec<Mail>),
    /// Accepted and read at once, so that nothing else is seen of it.
    ArriveAlone(Mail),
    /// Into the mailbox.
    Post(Vec<Mail>),
    Fetch {
        at_most: usize,
    },
    /// DNS answers.
    Prove {
        verdict: Verdict,
        at_most: i64,
        drops: bool,
    },
    Read,
    PassDeadlines,
    /// Every deadline that is not due.
    RingEarly,
    Wake,
    WakeTogether,
    Deliver,
    DeliverStalled,
    RetryOutbox,
    Operate(i64, OperatorAction),
    /// That a mail did not arrive, which is known.
    TellAgain(i64),
    ReadAgain(i64),
    VoidTokens(Person),
    WatchOutbox,
    RenewDeadlines,
    Reload(String),
    Forget {
        keep: TimeDelta,
    },
    Move(TimeDelta),
    Behave(Manner),
    Restart,
}

impl Act {
    /// For the figures.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Arrive(_) => "mail arrives",
            Self::ArriveAlone(_) => "mail arrives, and again",
            Self::Post(_) => "mail is in the mailbox",
            Self::Fetch { .. } => "the mailbox is read",
            Self::Prove { .. } => "DNS answers",
            Self::Read => "mail is read",
            Self::PassDeadlines => "deadlines pass",
            Self::RingEarly => "deadlines ring that are not due",
            Self::Wake => "a server wakes",
            Self::WakeTogether => "all servers wake",
            Self::Deliver => "delivery",
            Self::DeliverStalled => "delivery that may stall",
            Self::RetryOutbox => "the operator retries all",
            Self::Operate(_, OperatorAction::Retry) => "the operator retries a mail",
            Self::Operate(_, OperatorAction::Hold) => "the operator holds a mail",
            Self::Operate(_, OperatorAction::Cancel) => "the operator cancels a mail",
            Self::Operate(_, OperatorAction::Readdress(_)) => "the operator readdresses a mail",
            Self::TellAgain(_) => "a failure is told again",
            Self::ReadAgain(_) => "a message is read again",
            Self::VoidTokens(_) => "tokens are voided",
            Self::WatchOutbox => "the outbox is watched",
            Self::RenewDeadlines => "deadlines are made anew",
            Self::Reload(_) => "the configuration is reloaded",
            Self::Forget { .. } => "old rows are forgotten",
            Self::Move(by) if *by < TimeDelta::zero() => "clocks move back",
            Self::Move(by) if *by >= TimeDelta::hours(6) => "clocks move by hours or days",
            Self::Move(_) => "clocks move",
            Self::Behave(_) => "the relay changes its manners",
            Self::Restart => "a restart",
        }
    }
}

/// What there is to choose from.
pub struct Sight<'a> {
    pub seen: &'a Seen,
    pub taken: &'a [Arc<Taken>],
    /// All that ever was sent in.
    pub sent: &'a [Mail],
}

/// Chooses what happens next; what went unanswered is sent first.
pub fn choose(
    sight: &Sight<'_>,
    writer: &mut Writer,
    unanswered: &mut Vec<Mail>,
    chance: &mut Chance,
) -> Act {
    match chance.below(200) {
        0..56 => {
            let mut mails = std::mem::take(unanswered);
            mails.extend(some_mails(sight, writer, chance));
            Act::Arrive(mails)
        }
        56..70 => Act::ArriveAlone(match chance.percent(60) {
            true => writer.machine(sight.taken, chance),
            false => writer.unproven_note(chance),
        }),
        70..76 => Act::Post(some_mails(sight, writer, chance)),
        76..80 => Act::Fetch { at_most: 1 + chance.below(3) },
        80..85 => Act::Prove {
            verdict: chance.one_of(&[Verdict::Pass, Verdict::Pass, Verdict::Fail, Verdict::Unknown]),
            at_most: 1 + chance.below(4) as i64,
            drops: chance.percent(20),
        },
        85..100 => Act::Read,
        100..106 => Act::PassDeadlines,
        106..108 => Act::RingEarly,
        108..130 => Act::Wake,
        130..138 => Act::WakeTogether,
        138..158 => Act::Deliver,
        158..162 => Act::DeliverStalled,
        162 => Act::RetryOutbox,
        163..166 => by_operator(sight.seen, chance),
        166 | 167 => looking_again(sight.seen, chance),
        168 => Act::VoidTokens(Person { address: address(chance.one_of(&PEOPLE)), name: String::new() }),
        169..171 => Act::WatchOutbox,
        171 => Act::RenewDeadlines,
        172..174 => Act::Reload(configuration(chance)),
        174 => Act::Forget { keep: TimeDelta::hours(chance.one_of(&[1, 24, 72])) },
        175..187 => Act::Move(span(chance)),
        187..196 => Act::Behave(manner(chance)),
        _ => Act::Restart,
    }
}

fn some_mails(sight: &Sight<'_>, writer: &mut Writer, chance: &mut Chance) -> Vec<Mail> {
    let count = 1 + chance.below(3);
    let mut mails = Vec::with_capacity(count);
    for _ in 0..count {
        mails.push(match sight.sent.is_empty() || chance.percent(85) {
            true => writer.write(sight.taken, chance),
            false => Writer::again(&sight.sent[chance.below(sight.sent.len())], chance),
        });
    }
    mails
}

fn by_operator(seen: &Seen, chance: &mut Chance) -> Act {
    let open: Vec<_> = seen.outbox.values().filter(|row| row.state != "accepted").collect();
    if open.is_empty() {
        return Act::WatchOutbox;
    }
    let row = chance.one_of(&open);
    let action = match chance.below(8) {
        0 | 1 => OperatorAction::Hold,
        2 => OperatorAction::Cancel,
        // Her other address, to which nobody else's copy can go.
        _ if row.recipient == "alice@example.org" && chance.percent(50) => {
            OperatorAction::Readdress(address("alice.ng@example.org"))
        }
        _ => OperatorAction::Retry,
    };
    Act::Operate(row.id, action)
}

fn looking_again(seen: &Seen, chance: &mut Chance) -> Act {
    let refused: Vec<i64> =
        seen.outbox.values().filter(|row| row.state == "refused").map(|row| row.id).collect();
    let kept: Vec<i64> = seen
        .inbound
        .iter()
        .filter(|(_, state)| matches!(state.as_str(), "filed" | "held"))
        .map(|(id, _)| *id)
        .collect();
    match (refused.is_empty(), kept.is_empty()) {
        (false, true) => Act::TellAgain(chance.one_of(&refused)),
        (false, false) if chance.percent(50) => Act::TellAgain(chance.one_of(&refused)),
        (_, false) => Act::ReadAgain(chance.one_of(&kept)),
        (true, true) => Act::RenewDeadlines,
    }
}

fn span(chance: &mut Chance) -> TimeDelta {
    let seconds =
        [-120, -5, -1, 1, 30, 180, 180, 400, 1_000, 1_000, 4_000, 21_600, 30_000, 90_000, 250_000];
    TimeDelta::seconds(chance.one_of(&seconds))
}

fn manner(chance: &mut Chance) -> Manner {
    let refused = chance.one_of(&PEOPLE).to_owned();
    let mut faults = Vec::new();
    for _ in 0..chance.below(3) {
        faults.push((
            chance.one_of(&Phase::ALL),
            chance.one_of(&Fault::ALL),
            chance.one_of(&[10, 30, 60]),
        ));
    }
    // What matters most.
    if chance.percent(40) {
        faults.push((Phase::Dot, Fault::HangsUp, chance.one_of(&[20, 60])));
    }
    if chance.percent(40) {
        faults.push((Phase::Recipient, Fault::PutsOff, chance.one_of(&[20, 60])));
    }
    Manner {
        away: chance.percent(15),
        faults,
        refuses: if chance.percent(25) { BTreeSet::from([refused]) } else { BTreeSet::new() },
    }
}

/// The scripts' organisation, which now and then has other rules.
pub fn configuration(chance: &mut Chance) -> String {
    let text = include_str!("../conversations/firebell.toml");
    let limit = chance.one_of(&[60, 60, 6]);
    let mut text = text.replace("[send]\n", &format!("[send]\nper_person_per_hour = {limit}\n"));
    text += "[[digest]]\nname = \"weekly\"\nto = [\"leadership\"]\nschedule = \"0 9 * * *\"\n";
    if chance.percent(25) {
        text += "[receive.trust]\ndeclare_from = \"anyone\"\n";
    }
    if chance.percent(40) {
        let within = chance.one_of(&["1m", "20m", "2 business days"]);
        let every = chance.one_of(&["10m", "45m", "6h"]);
        text += &format!(
            "[[severity]]\nname = \"SEV-1\"\ntake_command_within = \"{within}\"\n\
             update_every = {{ investigating = \"{every}\", identified = \"{every}\", monitoring = \"{every}\" }}\n\
             [[severity]]\nname = \"SEV-3\"\npostmortem_within = \"1 business day\"\n"
        );
    }
    text
}

fn address(text: &str) -> Address {
    Address::read(text).expect("an address")
}

/// The act for people, with every mail in it.
pub fn shown(act: &Act) -> String {
    let mail = |mail: &Mail| {
        let text = String::from_utf8_lossy(&mail.arrival.octets).replace("\r\n", "\n    ");
        format!(
            "\n  mail {} ({}) to {:?} by {:?}, {:?}\n    {text}",
            mail.number, mail.sort, mail.arrival.recipients, mail.arrival.route, mail.arrival.client
        )
    };
    match act {
        Act::Arrive(mails) => format!("Arrive{}", mails.iter().map(mail).collect::<String>()),
        Act::Post(mails) => format!("Post{}", mails.iter().map(mail).collect::<String>()),
        Act::ArriveAlone(alone) => format!("ArriveAlone{}", mail(alone)),
        other => format!("{other:?}"),
    }
}
