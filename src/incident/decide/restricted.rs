//! What a private incident tells, and whom: its lists learn that there is one, and everything else
//! stays with those who have to do with it.

use super::Step;
use super::audience::lists_of;
use crate::incident::decision::{Recipient, Says};
use crate::incident::state::{Incident, WideMail};
use crate::mail::Address;

impl Step<'_> {
    /// Whether a mail may go there: of a private incident to those alone who have to do with it, or had
    /// until now.
    pub(super) fn may_know(&self, recipient: &Recipient, says: &Says) -> bool {
        // A pager's address is its owner's.
        let address = self.policy.roster.person(recipient.address(), "").address;
        matches!(says, Says::Restricted)
            || self.incident.lets_know(&address)
            || self.was.as_ref().is_some_and(|was| was.private && was.concerns(&address))
    }

    /// Whether somebody may not know what this private incident is about: nothing answers them.
    pub(super) fn is_outsider(&self, address: &Address) -> bool {
        !self.incident.lets_know(address)
    }

    /// Key and severity, for the lists: when it begins, or a list joins, and when it ends.
    pub(super) fn tell_restricted(&mut self) {
        if !tells_lists(&self.incident) {
            return;
        }
        let mut to = self.restricted_lists(&self.incident);
        if let Some(was) = self.was.as_ref().filter(|was| tells_lists(was))
            && was.phase.is_active() == self.incident.phase.is_active()
        {
            let told = self.restricted_lists(was);
            to.retain(|list| !told.contains(list));
        }
        // They know more than that.
        to.retain(|recipient| !self.incident.concerns(recipient.address()));
        self.mail(to, Says::Restricted);
    }

    /// Whoever learned that there is one learns that it is over, however mild it became.
    fn restricted_lists(&self, incident: &Incident) -> Vec<Recipient> {
        lists_of(incident, incident.severity_highest, self.policy)
    }
}

fn tells_lists(incident: &Incident) -> bool {
    incident.private && incident.wide_mail == WideMail::Sent
}
