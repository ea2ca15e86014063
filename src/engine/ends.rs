//! How long each kind of mail is of use: after that it is shown as expired, and not sent.
//!
//! Most mail ends sooner: a reminder when it is settled, an offer when somebody took it, an update or
//! a note when the next one takes its place and has its words. What is here is the end of what nothing
//! replaced. Start with [`useful_within`].

use chrono::TimeDelta;

use crate::incident::decision::Purpose;

/// Nobody acts on what was asked a day ago: by then the ladder has asked others.
const ASKED: TimeDelta = TimeDelta::days(1);
/// A report of how things stood: by then there are newer ones.
const STOOD: TimeDelta = TimeDelta::days(2);
/// What stays true, or has no other way to its reader: as long as mail is tried anywhere (RFC 5321
/// section 4.5.4.1).
const STAYS: TimeDelta = TimeDelta::days(5);

/// How long a mail is of use to anybody. A digest ends with the next one, which its sender knows
/// better; this is for one whose schedule has no next.
pub(super) fn useful_within(purpose: Purpose) -> TimeDelta {
    match purpose {
        // Others were paged since.
        Purpose::Page | Purpose::PageResponder => TimeDelta::minutes(15),
        Purpose::TakeCommand
        | Purpose::RoleOffer
        | Purpose::PageLetter
        | Purpose::PageUnanswered
        | Purpose::CommandWanted
        | Purpose::ReminderHandover
        | Purpose::ReminderRest
        | Purpose::ReminderUpdate
        | Purpose::ReminderMissing
        | Purpose::Reminders => ASKED,
        // What does not move is told every day.
        Purpose::Operator | Purpose::Stuck => ASKED,
        Purpose::Declaration | Purpose::Note | Purpose::Status => STOOD,
        // Of the updates that pile up only the last one is left, and it has the words of all.
        Purpose::FollowUp | Purpose::Resolution => STAYS,
        Purpose::ReminderPostmortemOwner | Purpose::ReminderPostmortem => STAYS,
        Purpose::Receipt | Purpose::Confirmation | Purpose::Held | Purpose::Guide => STAYS,
        Purpose::PostmortemSkeleton | Purpose::PostmortemGaps | Purpose::PostmortemPublished => STAYS,
        Purpose::Undeliverable | Purpose::Digest => STAYS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_mail_has_an_end_of_its_own() {
        use Purpose::*;
        let hours = |purpose| useful_within(purpose).num_hours();
        for purpose in [Page, PageResponder] {
            assert_eq!(useful_within(purpose), TimeDelta::minutes(15), "{purpose:?}");
        }
        for purpose in [
            TakeCommand,
            RoleOffer,
            PageLetter,
            PageUnanswered,
            CommandWanted,
            ReminderHandover,
            ReminderRest,
            ReminderUpdate,
            ReminderMissing,
            Reminders,
            Operator,
            Stuck,
        ] {
            assert_eq!(hours(purpose), 24, "{purpose:?}");
        }
        for purpose in [Declaration, Note, Status] {
            assert_eq!(hours(purpose), 48, "{purpose:?}");
        }
        for purpose in [
            FollowUp,
            Resolution,
            ReminderPostmortemOwner,
            ReminderPostmortem,
            Receipt,
            Confirmation,
            Held,
            Guide,
            PostmortemSkeleton,
            PostmortemGaps,
            PostmortemPublished,
            Undeliverable,
            Digest,
        ] {
            assert_eq!(hours(purpose), 120, "{purpose:?}");
        }
    }
}
