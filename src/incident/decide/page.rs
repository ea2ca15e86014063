//! Pages to those who are wanted beside the commander: whoever is on call for a service, or one person
//! by name.
//!
//! A page rings level after level until somebody acknowledges it, and one person gets one page at one
//! time, for whatever they are wanted. Never asks anybody to command: that is the offer in `offer`.
//! What people answer is in `answered`. Start with [`Step::page_services`] and [`Step::pass_pages`].

use std::collections::BTreeSet;

use super::Step;
use super::lines::Applied;
use super::offer::asked_next;
use crate::incident::decision::{EntryKind, Mailing, Purpose, Recipient, Says};
use crate::incident::event::Said;
use crate::incident::page::{PAGES_AT_MOST, Page, RINGS_MAX, Standing, Wanted};
use crate::incident::state::{Climb, Command as InCommand, Person, WideMail};
use crate::incident::{Role, Severity};
use crate::mail::Address;
use crate::roster::Service;
use crate::roster::levels::Rank;

impl Step<'_> {
    /// Pages whoever is on call for the services that this incident names, for each of them once.
    ///
    /// Nobody is woken for a SEV-4 or SEV-5, nor by a report that nobody stands behind yet; and who is
    /// told of a private incident, or taken from work by a drill, is for people to say.
    pub(super) fn page_services(&mut self) {
        let incident = &self.incident;
        let wakes = incident.phase.is_active()
            && incident.severity <= Severity::Sev3
            && incident.wide_mail != WideMail::HeldForConfirmation;
        if !wakes {
            return self.ring_asked();
        }
        let mut fresh: Vec<Service> = Vec::new();
        for service in incident.services.iter().filter_map(|name| self.policy.roster.service(name)) {
            let is_paged = incident.pages.iter().any(|page| page.wanted.is_service(&service.name));
            let is_named = fresh.iter().any(|other| other.name == service.name);
            if !is_paged && !is_named && !self.policy.roster.levels_of(service, self.now).is_empty() {
                fresh.push(service.clone());
            }
        }
        if self.incident.private || self.incident.drill {
            self.hint_not_paged(&fresh);
        } else {
            let places = fresh.iter().filter_map(|service| self.add_service(service, None));
            let places: Vec<usize> = places.collect();
            self.to_ring.extend(places);
        }
        self.ring_asked();
    }

    /// Everything that one mail asks for is one page to each.
    fn ring_asked(&mut self) {
        let places = std::mem::take(&mut self.to_ring);
        if self.incident.phase.is_active() {
            self.ring(places);
        }
    }

    /// Who is on call for what is not worth waking them: they get the declaration, to be read in the
    /// morning.
    pub(super) fn on_call_unpaged(&self) -> Vec<Recipient> {
        let incident = &self.incident;
        let is_theirs = incident.wide_mail == WideMail::Sent && !incident.private && !incident.drill;
        if incident.severity <= Severity::Sev3 || !is_theirs {
            return Vec::new();
        }
        let services = incident.services.iter().filter_map(|name| self.policy.roster.service(name));
        let first = services.filter_map(|service| {
            let levels = self.policy.roster.levels_of(service, self.now);
            levels.into_iter().find(|level| level.rank == Rank::Primary)
        });
        first.flat_map(|level| level.people).map(Recipient::Person).collect()
    }

    /// Said once, to whoever named the service.
    fn hint_not_paged(&mut self, services: &[Service]) {
        let before = self.was.as_ref().map(|was| was.services.clone()).unwrap_or_default();
        for service in services {
            if before.iter().any(|name| name.eq_ignore_ascii_case(&service.name)) {
                continue;
            }
            let kind = if self.incident.private { "private" } else { "a drill" };
            self.hints.push(format!(
                "{} is {kind}, so nobody was paged for {}. To page whoever is on call for it, and let \
                 them know of it, reply  Page: {}",
                self.incident.key(),
                service.name,
                service.name,
            ));
        }
    }

    /// A new page for whoever is on call, not rung yet. `None` where it need not ring, because somebody
    /// who is on call takes part already, or cannot.
    fn add_service(&mut self, service: &Service, by: Option<&Person>) -> Option<usize> {
        let wanted = Wanted::Service(service.name.clone());
        let levels = self.policy.roster.levels_of(service, self.now);
        let first = levels.into_iter().find(|level| level.rank != Rank::Leadership)?;
        let here = first.people.iter().find(|address| self.takes_part(address));
        let stands = match here.filter(|_| by.is_none()) {
            Some(address) => {
                let by = self.policy.roster.person(address, "");
                let text = format!("{} is on call for {} and takes part.", by.shown(), service.name);
                self.record_own(EntryKind::Page, text);
                Standing::Answered { by }
            }
            None => Standing::Ringing,
        };
        self.add_page(wanted, by, stands)
    }

    /// Keeps a page in place of an older one for the same; its place, where it is to ring.
    fn add_page(&mut self, wanted: Wanted, by: Option<&Person>, stands: Standing) -> Option<usize> {
        let rings = stands == Standing::Ringing;
        let page = Page {
            wanted,
            by: by.cloned(),
            asked: Vec::new(),
            let_go: Vec::new(),
            taken: Vec::new(),
            climb: Climb::default(),
            stands,
            asked_again: false,
        };
        let pages = &mut self.incident.pages;
        let place = match pages.iter().position(|known| known.wanted == page.wanted) {
            Some(place) => place,
            None if pages.len() >= PAGES_AT_MOST => return None,
            None => pages.len(),
        };
        match pages.get_mut(place) {
            Some(known) => *known = page,
            None => pages.push(page),
        }
        rings.then_some(place)
    }

    /// `Page: payments`, `Page: bob`.
    pub(super) fn page_named(&mut self, names: &[String], said: &Said) -> Applied {
        if !self.incident.phase.is_active() {
            return Err((format!("{} is {}", self.incident.key(), self.incident.phase), None));
        }
        let mut understood = Vec::new();
        for name in names {
            let (place, words) = match self.policy.roster.service(name).cloned() {
                Some(service) => self.page_service(&service, &said.by.person)?,
                None => self.page_person(name, &said.by.person)?,
            };
            self.to_ring.extend(place);
            understood.push(words);
        }
        Ok(understood.join("; "))
    }

    fn page_service(
        &mut self,
        service: &Service,
        by: &Person,
    ) -> Result<(Option<usize>, String), (String, Option<String>)> {
        let name = &service.name;
        let wanted = Wanted::Service(name.clone());
        if let Some(words) = self.rings_already(&wanted) {
            return Ok((None, words));
        }
        if self.next_people(&wanted, &[], &[]).is_empty() {
            let levels = self.policy.roster.levels_of(service, self.now);
            let on_call: Vec<String> = levels
                .iter()
                .filter(|level| level.rank != Rank::Leadership)
                .flat_map(|level| &level.people)
                .map(|address| self.policy.roster.person(address, "").shown().to_owned())
                .collect();
            if !on_call.is_empty() {
                return Err((
                    format!("Everybody who is on call for {name} takes part: {}", on_call.join(", ")),
                    None,
                ));
            }
            let expert = service.experts.first();
            return Err((
                format!("Nobody is on call for {name}; page somebody who knows it"),
                Some(format!("Page: {}", expert.map_or("name", Address::as_str))),
            ));
        }
        let place = self.add_service(service, Some(by));
        Ok((place, format!("whoever is on call for {name} is paged")))
    }

    fn page_person(
        &mut self,
        name: &str,
        by: &Person,
    ) -> Result<(Option<usize>, String), (String, Option<String>)> {
        let person = self.find_person(name, "Page").map_err(|(why, instead)| {
            let services: Vec<&str> =
                self.policy.roster.services.iter().take(20).map(|known| known.name.as_str()).collect();
            match services.as_slice() {
                [] => (why, instead),
                _ => (format!("{why}, or a service: {}", services.join(", ")), instead),
            }
        })?;
        if person.address == by.address {
            return Err(("You are here already".to_owned(), Some("join".to_owned())));
        }
        let wanted = Wanted::Person(person.clone());
        if let Some(words) = self.rings_already(&wanted) {
            return Ok((None, words));
        }
        let place = self.add_page(wanted, Some(by), Standing::Ringing);
        Ok((place, format!("{} is paged", person.shown())))
    }

    /// Who is paged for it already, as a clause.
    fn rings_already(&self, wanted: &Wanted) -> Option<String> {
        let page = self
            .incident
            .pages
            .iter()
            .find(|page| page.wanted == *wanted && page.stands == Standing::Ringing)?;
        let names: Vec<&str> = page.waiting().map(Person::shown).collect();
        if names.is_empty() {
            return Some("they are paged already".to_owned());
        }
        Some(format!("{} was paged, without an answer yet; the page goes on", names.join(", ")))
    }

    /// Everybody whom the next ring reaches: those asked before, and the first level of which nobody was
    /// asked. Whoever takes part already, or was let go, is not paged.
    fn next_people(&self, wanted: &Wanted, asked: &[Person], let_go: &[Address]) -> Vec<Person> {
        let was_asked = |address: &Address| asked.iter().any(|person| person.address == *address);
        let fresh = |address: &&Address| !let_go.contains(address) && !was_asked(address);
        let mut people: Vec<Person> =
            asked.iter().filter(|person| !let_go.contains(&person.address)).cloned().collect();
        match wanted {
            Wanted::Person(person) => {
                people.extend(Some(person.clone()).filter(|person| fresh(&&person.address)));
            }
            Wanted::Service(name) => {
                let Some(service) = self.policy.roster.service(name) else { return people };
                let absent = |address: &&Address| fresh(address) && !self.takes_part(address);
                let levels = self.policy.roster.levels_of(service, self.now);
                let next = levels
                    .iter()
                    .filter(|level| level.rank != Rank::Leadership)
                    .map(|level| level.people.iter().filter(absent).collect::<Vec<_>>())
                    .find(|level| !level.is_empty());
                let known = |address: &Address| self.policy.roster.person(address, "");
                people.extend(next.unwrap_or_default().into_iter().map(known));
            }
        }
        people
    }

    pub(super) fn people_of(&self, page: &Page) -> Vec<Person> {
        self.next_people(&page.wanted, &page.asked, &page.let_go)
    }

    /// Pages everybody who is wanted at these places, each of them once.
    fn ring(&mut self, places: Vec<usize>) {
        let mut calls: Vec<Call> = Vec::new();
        let mut words = Vec::new();
        for place in places {
            let Some(page) = self.incident.pages.get(place) else { continue };
            let people = self.people_of(page);
            let names: Vec<&str> = people.iter().map(Person::shown).collect();
            let again = if page.climb.done > 0 { "Nobody acknowledged. Paged again" } else { "Paged" };
            let taken = self.taken_words(&page.taken);
            words.push(format!("{again}{}: {}.{taken}", for_what(&page.wanted), names.join(", ")));
            for person in &people {
                Call::add(&mut calls, person, page);
            }
            let climb = Climb { done: page.climb.done + 1, last_at: Some(self.now) };
            if let Some(page) = self.incident.pages.get_mut(place) {
                let is_new = |person: &Person| page.asked.iter().all(|it| it.address != person.address);
                let new: Vec<Person> = people.into_iter().filter(is_new).collect();
                page.asked.extend(new);
                page.taken.clear();
                page.climb = climb;
            }
        }
        if !words.is_empty() {
            self.record_own(EntryKind::Page, words.join("\n"));
        }
        // Their question is the one for command; the page for it has rung just now.
        calls.retain(|call| !self.was_asked_to_command_now(&call.person));
        for call in calls {
            self.call(&call, false);
        }
    }

    /// One line to the pager of somebody, and a letter when it rings first or there is no pager.
    fn call(&mut self, call: &Call, again: bool) {
        let pager = self.policy.roster.member(&call.person.address).and_then(|it| it.pager.clone());
        let letter = pager.is_none() || call.is_first;
        let says = |to_pager| Says::PageResponder {
            wanted: call.wanted.clone(),
            by: call.by.clone(),
            before: call.before.clone(),
            to_pager,
            again,
        };
        if let Some(pager) = pager {
            self.mail(vec![Recipient::Person(pager)], says(true));
        }
        if letter {
            self.mail_person(&call.person, says(false));
        }
    }

    /// Whether the next level of the offer of command, which falls due in this instant, is theirs, or
    /// has been just now.
    fn was_asked_to_command_now(&self, person: &Person) -> bool {
        let InCommand::Offered { to, offered_at, climb, .. } = &self.incident.command else {
            return false;
        };
        let is_them = |asked: &Person| asked.address == person.address;
        let asked_at = climb.last_at.unwrap_or(*offered_at);
        if asked_at == self.now {
            return to.iter().any(is_them);
        }
        let rules = self.policy.severity(self.incident.severity);
        self.policy.after(asked_at, rules.take_command_within) <= self.now
            && asked_next(&self.incident, self.policy, self.now)
                .is_some_and(|next| to.iter().chain(&next).any(is_them))
    }

    /// The time of a level has passed, or that of an acknowledgement of which nothing came.
    pub(super) fn pass_pages(&mut self) {
        let due = self.incident.pages_due(self.policy, self.now);
        let mut ringing = Vec::new();
        for place in due {
            let Some(page) = self.incident.pages.get(place).cloned() else { continue };
            match page.stands {
                Standing::Acknowledged { by, .. } => self.ask_again(place, &by),
                _ if page.climb.done < RINGS_MAX && !self.people_of(&page).is_empty() => {
                    ringing.push(place);
                }
                _ => self.give_up(place),
            }
        }
        self.ring(ringing);
    }

    /// Whoever acknowledged is asked, and nobody else: most of them are at work and forgot to write.
    fn ask_again(&mut self, place: usize, by: &Person) {
        let Some(page) = self.incident.pages.get_mut(place) else { return };
        (page.stands, page.asked_again) = (Standing::Ringing, true);
        page.climb.last_at = Some(self.now);
        if matches!(page.wanted, Wanted::Person(_)) {
            // Nobody is next: whoever asked for them hears of it.
            page.climb.done = RINGS_MAX;
        }
        let mut calls = Vec::new();
        Call::add(&mut calls, by, page);
        let text = format!(
            "Nothing was heard of {} since the acknowledgement{}. Paged once more.",
            by.shown(),
            for_what(&page.wanted)
        );
        self.record_own(EntryKind::Page, text);
        for call in calls {
            self.call(&call, true);
        }
    }

    /// It rang at every level: those who can act otherwise hear of it.
    fn give_up(&mut self, place: usize) {
        let Some(page) = self.incident.pages.get_mut(place) else { return };
        page.stands = Standing::Ended;
        let page = page.clone();
        let names: Vec<&str> = page.asked.iter().map(Person::shown).collect();
        let (what, taken) = (for_what(&page.wanted), self.taken_words(&page.taken));
        let text = format!("Nobody acknowledged the page{what}: {}.{taken}", names.join(", "));
        self.record_own(EntryKind::Page, text);
        let commanding = match &self.incident.command {
            InCommand::Held { by, .. } => vec![by.clone()],
            InCommand::Offered { to, .. } => to.clone(),
        };
        let deputy = self.incident.holder(Role::Deputy).cloned();
        let people = commanding.into_iter().chain(deputy).chain(page.by.clone());
        let mut to: Vec<Recipient> = people.map(|person| Recipient::Person(person.address)).collect();
        if self.incident.severity.is_major() && matches!(page.wanted, Wanted::Service(_)) {
            to.extend(self.leadership());
        }
        self.mail(to, Says::PageUnanswered { page });
    }
}

/// Leaves one line to each pager. The question for command is the one that must not be missed; of others
/// the last has all that is wanted.
pub(super) fn ring_once(mailings: &mut Vec<Mailing>) {
    let mut rung = BTreeSet::new();
    for is_command in [true, false] {
        for mailing in mailings.iter_mut().rev() {
            let purpose = if is_command { Purpose::Page } else { Purpose::PageResponder };
            if mailing.says.purpose() == purpose {
                mailing.to.retain(|recipient| rung.insert(recipient.address().key()));
            }
        }
    }
    mailings.retain(|mailing| !mailing.to.is_empty());
}

/// What one person is paged for at one time.
struct Call {
    person: Person,
    wanted: Vec<Wanted>,
    /// Who asked for it, where people did.
    by: Option<Person>,
    /// Who was paged for it before them, and has not answered.
    before: Vec<Person>,
    /// They were not paged for any of it before.
    is_first: bool,
}

impl Call {
    fn add(calls: &mut Vec<Self>, person: &Person, page: &Page) {
        let was_asked = page.was_asked(person);
        let at = match calls.iter().position(|call| call.person.address == person.address) {
            Some(at) => at,
            None => {
                let person = person.clone();
                let (wanted, before) = (Vec::new(), Vec::new());
                calls.push(Self { person, wanted, by: None, before, is_first: false });
                calls.len() - 1
            }
        };
        let Some(call) = calls.get_mut(at) else { return };
        call.wanted.push(page.wanted.clone());
        call.is_first |= !was_asked;
        for asked in
            page.asked.iter().filter(|asked| !was_asked && !page.let_go.contains(&asked.address))
        {
            if call.before.iter().all(|known| known.address != asked.address) {
                call.before.push(asked.clone());
            }
        }
        if call.by.is_none() {
            call.by.clone_from(&page.by);
        }
    }
}

/// ` for payments`; nothing where a person is wanted.
pub(super) fn for_what(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Service(name) => format!(" for {name}"),
        Wanted::Person(_) => String::new(),
    }
}
