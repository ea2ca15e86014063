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
        | Purpose::Task(_)
        | Purpose::ReminderTask(_)
        | Purpose::ReminderUpdate
        | Purpose::ReminderMissing
        | Purpose::StatementDraft
        | Purpose::Approval(_)
        | Purpose::ReminderStatement
        | Purpose::Reminders
        | Purpose::Recovery
        | Purpose::Alert
        | Purpose::Inject(_) => ASKED,
        // By then whoever was asked has decided without.
        Purpose::Proposal(_) => TimeDelta::minutes(30),
        Purpose::Objection(_) | Purpose::ProposalOutcome(_) => ASKED,
        // What does not move is told every day.
        Purpose::Operator | Purpose::Stuck => ASKED,
        // The next one says more, and the page has all.
        Purpose::Statement => STOOD,
        Purpose::Declaration | Purpose::Note | Purpose::Status => STOOD,
        // Of the updates that pile up only the last one is left, and it has the words of all.
        Purpose::FollowUp | Purpose::Resolution => STAYS,
        Purpose::ReminderPostmortemOwner | Purpose::ReminderPostmortem => STAYS,
        Purpose::Receipt | Purpose::Confirmation | Purpose::Held | Purpose::Guide => STAYS,
        Purpose::PostmortemSkeleton | Purpose::PostmortemGaps | Purpose::PostmortemPublished => STAYS,
        Purpose::Debrief => STAYS,
        // A notice ends with its shift, which its sender knows better.
        Purpose::Undeliverable | Purpose::Digest | Purpose::Shift | Purpose::ShiftRequest => STAYS,
        Purpose::ListRequest | Purpose::ListNews => STAYS,
        // Nobody is asked again sooner than in a day, over a weekend in three.
        Purpose::Action(_) | Purpose::ReminderAction(_) | Purpose::Question(_) => STAYS,
    }
}

#[cfg(test)]
mod tests {
    use Purpose::*;

    use super::*;

    /// One of each kind.
    fn all() -> impl Iterator<Item = Purpose> {
        let numbered = [
            Task(1),
            ReminderTask(1),
            Proposal(1),
            Objection(1),
            ProposalOutcome(1),
            Approval(1),
            Inject(1),
            Action(1),
            ReminderAction(1),
            Question(1),
        ];
        Purpose::SINGLE.iter().copied().chain(numbered)
    }

    #[test]
    fn a_page_is_for_a_quarter_of_an_hour_and_nothing_else_ends_with_the_night() {
        for purpose in all() {
            let is_page = matches!(purpose, Page | PageResponder);
            assert_eq!(useful_within(purpose) == TimeDelta::minutes(15), is_page, "{purpose:?}");
            // Silence to a proposal is no consent of somebody whom it reaches in the morning.
            let is_short = is_page || purpose == Proposal(1);
            assert_eq!(useful_within(purpose) < TimeDelta::hours(24), is_short, "{purpose:?}");
        }
    }

    #[test]
    fn nothing_is_tried_for_longer_than_mail_is_anywhere() {
        for purpose in all() {
            assert!(useful_within(purpose) <= TimeDelta::days(5), "{purpose:?}");
        }
    }

    /// Otherwise nothing would tell its reader between the two.
    #[test]
    fn what_is_said_again_lasts_until_then() {
        let weekend = TimeDelta::days(3);
        for (purpose, again_after) in [
            // Daily at the slowest, as are both of the operator.
            (ReminderUpdate, TimeDelta::days(1)),
            (ReminderMissing, TimeDelta::days(1)),
            (Operator, TimeDelta::days(1)),
            (Stuck, TimeDelta::days(1)),
            // Each business morning.
            (ReminderPostmortemOwner, weekend),
            (ReminderPostmortem, weekend),
            // Two business days at SEV-4.
            (FollowUp, weekend + TimeDelta::days(1)),
        ] {
            assert!(useful_within(purpose) >= again_after, "{purpose:?}");
        }
    }

    #[test]
    fn what_asks_for_something_now_does_not_come_days_later() {
        for purpose in [
            Page,
            PageResponder,
            PageLetter,
            PageUnanswered,
            CommandWanted,
            ReminderHandover,
            ReminderRest,
            TakeCommand,
            RoleOffer,
            Task(1),
            ReminderTask(1),
            ReminderUpdate,
            ReminderMissing,
            StatementDraft,
            Approval(1),
            ReminderStatement,
            Reminders,
            Recovery,
            Alert,
            Inject(1),
            Stuck,
        ] {
            assert!(useful_within(purpose) <= TimeDelta::days(1), "{purpose:?}");
        }
    }

    /// Nothing else brings its words: no later mail and no reminder.
    #[test]
    fn what_is_said_once_lasts_as_long_as_mail_can() {
        for purpose in [
            Resolution,
            Receipt,
            Confirmation,
            Held,
            Guide,
            PostmortemSkeleton,
            PostmortemGaps,
            PostmortemPublished,
            Debrief,
            Undeliverable,
            Shift,
            ShiftRequest,
        ] {
            assert_eq!(useful_within(purpose), TimeDelta::days(5), "{purpose:?}");
        }
    }
}
