//! What a message points at, before anything is loaded: which of our addresses it was sent to.
//!
//! Never asks whether what it points at exists. Start with [`clues`].

use crate::incident::Policy;
use crate::mail::command::read_tag;
use crate::mail::{Address, InboundMail, Origin, Tag};

/// Incidents that one message is for; whoever names more has written to all of them by accident.
const INCIDENTS_MAX: usize = 10;
/// Tokens that are tried of one message: as many as a person's addresses, and some that were copied.
const TOKENS_MAX: usize = 20;

/// What a message points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clues {
    /// The most telling of our addresses that it was sent to.
    pub tag: Tag,
    /// All tokens of the incident that `tag` names: whoever answers everybody sends along those of
    /// others.
    pub tokens: Vec<String>,
    /// The other incidents that it was sent to, in the order of their addresses.
    pub also: Vec<i64>,
    /// A reverse-path of ours: a delivery report.
    pub bounce: Option<(i64, String)>,
    /// `42` of `[INC-42]` in the subject.
    pub subject_number: Option<i64>,
    /// Every tag, as often as it was found.
    tags: Vec<Tag>,
}

impl Clues {
    /// The clues to one of the incidents that a message was sent to, as if it had been sent to no
    /// other.
    pub fn of_incident(&self, number: i64) -> Self {
        let tokens = tokens_of(&self.tags, number);
        let tag = Tag::Incident { number, token: tokens.first().cloned() };
        Self {
            tag,
            tokens,
            also: Vec::new(),
            bounce: None,
            subject_number: None,
            tags: self.tags.clone(),
        }
    }

    /// Whether it was sent to an incident's own address.
    pub fn was_sent_to(&self, incident: i64) -> bool {
        self.tags.iter().any(|tag| matches!(tag, Tag::Incident { number, .. } if *number == incident))
    }

    /// The secrets of the addresses of alerts that it was sent to.
    pub fn alert_secrets(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().filter_map(|tag| match tag {
            Tag::Alert { secret } => secret.as_deref(),
            _ => None,
        })
    }

    /// The incident whose address it was sent to.
    pub fn number(&self) -> Option<i64> {
        match self.tag {
            Tag::Incident { number, .. } => Some(number),
            _ => None,
        }
    }
}

/// Reads where a message was sent to. The envelope's recipients count before the header's.
pub fn clues(mail: &InboundMail, envelope: &[Address], policy: &Policy) -> Clues {
    let tags = |addresses: &[Address]| -> Vec<Tag> {
        addresses.iter().filter_map(|address| policy.address.tag_of(address)).collect()
    };
    // Only the envelope says that a report came back: a person's header may repeat any address.
    let sent_to = tags(envelope);
    // A report itself has it there, where a mailbox is read that tells of no envelope.
    let is_report = mail.origin == Origin::DeliveryReport;
    let returned = sent_to.len();
    let mut all = sent_to;
    all.extend(tags(&mail.recipients));
    let returned = if is_report { all.len() } else { returned };
    let bounce = all.iter().take(returned).find_map(|tag| match tag {
        Tag::Bounce { outbox, mac } => Some((*outbox, mac.clone())),
        _ => None,
    });
    let tag = all.iter().min_by_key(|tag| telling(tag)).cloned().unwrap_or(Tag::Plain);
    let mut found = Clues {
        tag,
        tokens: Vec::new(),
        also: Vec::new(),
        bounce,
        subject_number: read_tag(&mail.subject),
        tags: all,
    };
    if let Some(number) = found.number() {
        found.tokens = tokens_of(&found.tags, number);
        for other in found.tags.iter().filter_map(number_of) {
            if other != number && !found.also.contains(&other) && found.also.len() + 1 < INCIDENTS_MAX {
                found.also.push(other);
            }
        }
    }
    found
}

fn number_of(tag: &Tag) -> Option<i64> {
    match tag {
        Tag::Incident { number, .. } => Some(*number),
        _ => None,
    }
}

fn tokens_of(tags: &[Tag], incident: i64) -> Vec<String> {
    let mut tokens = Vec::new();
    for tag in tags {
        if let Tag::Incident { number, token: Some(token) } = tag
            && *number == incident
            && !tokens.contains(token)
            && tokens.len() < TOKENS_MAX
        {
            tokens.push(token.clone());
        }
    }
    tokens
}

/// The smaller the more it says of what the sender wants.
fn telling(tag: &Tag) -> u8 {
    match tag {
        Tag::Incident { token: Some(_), .. } => 0,
        Tag::Held { .. } | Tag::Swap { .. } | Tag::Digest { .. } | Tag::Ack { .. } => 1,
        Tag::List { .. } => 1,
        Tag::Incident { token: None, .. } => 2,
        Tag::Private => 3,
        Tag::Drill => 4,
        Tag::Alert { .. } => 5,
        Tag::OnCall { .. } | Tag::Help => 6,
        Tag::Plain => 7,
        Tag::Bounce { .. } => 8,
        Tag::Unknown(_) => 9,
    }
}
