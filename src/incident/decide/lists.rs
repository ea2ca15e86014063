//! Lists of ours that people leave: nobody who has something to do vanishes silently, and whoever was
//! told that an incident began is told that it ended.
//!
//! Who is on a list is the roster's. Start with [`Step::hear_left_list`].

use super::Step;
use crate::incident::Role;
use crate::incident::decision::{EntryKind, Recipient, Says};
use crate::incident::state::{Person, WideMail};

impl Step<'_> {
    /// Somebody who has something to do here left a list. They keep that, and whoever commands knows.
    pub(super) fn hear_left_list(&mut self, who: &Person, list: &str) {
        let duties = self.incident.duties_of(&who.address);
        if duties.is_empty() || !self.incident.phase.is_active() {
            return;
        }
        let stays = format!("{} left the list {list} and is still {}", who.shown(), duties.join(", "));
        self.record_own(EntryKind::State, format!("{stays}."));
        let mut more =
            "Mail of this incident goes on reaching them for that. To know whether they stay, ask \
                        them."
                .to_owned();
        if self.incident.roles.iter().any(|held| held.person.address == who.address) {
            more.push_str(&format!(" To let them go, reply `Release: {}`.", who.address));
        }
        self.tell_commanding(who, stays, &more);
    }

    /// Somebody gave back a role that they had accepted. Responders come and go without a word.
    pub(super) fn tell_role_given_back(&mut self, who: &Person) {
        let theirs = self.incident.accepted().filter(|held| held.person.address == who.address);
        let roles: Vec<Role> =
            theirs.map(|held| held.role).filter(|role| *role != Role::Responder).collect();
        let Some(role) = roles.first() else { return };
        let all: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let what = format!("{} left and is {} no more", who.shown(), all.join(", "));
        let field = role.name()[..1].to_uppercase() + &role.name()[1..];
        let more = format!(
            "Nobody took that over. If somebody should, reply with a line `{field}:` and their name; without \
             one it stays free."
        );
        self.tell_commanding(who, what, &more);
    }

    /// To the commander, or to the deputy where it is about the commander; to those who were asked where
    /// nobody commands.
    fn tell_commanding(&mut self, about: &Person, what: String, more: &str) {
        let commanding: Vec<Person> = match self.incident.commander() {
            Some(commander) => vec![commander.clone()]
                .into_iter()
                .chain(self.incident.holder(Role::Deputy).cloned())
                .collect(),
            None => self.incident.at_work().cloned().collect(),
        };
        let others = commanding.into_iter().filter(|person| person.address != about.address);
        // One is enough, unless several were asked and nobody has answered.
        let most = if self.incident.commander().is_some() { 1 } else { usize::MAX };
        let to: Vec<Recipient> =
            others.take(most).map(|person| Recipient::Person(person.address)).collect();
        self.mail(to, Says::Notice { what, more: more.to_owned() });
    }

    /// Those who left a list since the incident was declared, by which they were told of it: they get its
    /// end and nothing between.
    pub(super) fn former_members(&self) -> Vec<Recipient> {
        if self.incident.wide_mail != WideMail::Sent {
            return Vec::new();
        }
        let names = &self.policy.severity(self.incident.severity).notify;
        let lists = names.iter().filter_map(|name| self.policy.roster.list(name));
        let left = lists.flat_map(|list| list.left_since(self.incident.declared_at));
        left.cloned().map(Recipient::Person).collect()
    }
}
