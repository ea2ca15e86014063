//! Which relays are there, so that one question asks after an absent one, and not a thousand mails.
//!
//! A relay that does not answer is away: nobody hands it mail, and somebody asks after it, less and
//! less often. When it greets again, one mail tries it, and the others follow when it answered that
//! one. What it says about one mail, good or bad, is an answer. Start with [`Breakers::take`].

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::meters::Meters;

/// Pauses between two questions to a relay that is away; one on this machine costs nothing to ask,
/// and mail of an emergency waits behind it.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];

/// How a relay stands.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    state: State,
    /// In a row.
    failures: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    /// To be asked after again then.
    Away(Instant),
    /// It greets: one mail may try it.
    Trial,
    /// One mail tries it.
    Tried,
}

/// How many mails may be handed over now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    Any,
    One,
    None,
}

/// The relays, in the order in which they are asked.
#[derive(Debug)]
pub struct Breakers {
    names: Vec<String>,
    standings: watch::Sender<Vec<Standing>>,
    meters: Meters,
}

impl Breakers {
    /// All of them are there until one is found not to be.
    pub fn new(names: Vec<String>, meters: Meters) -> Self {
        for name in &names {
            meters.relay(name, true);
        }
        let (standings, _) =
            watch::channel(vec![Standing { state: State::Up, failures: 0 }; names.len()]);
        Self { names, standings, meters }
    }

    /// Hears of every change.
    pub fn subscribe(&self) -> watch::Receiver<Vec<Standing>> {
        self.standings.subscribe()
    }

    pub fn name(&self, relay: usize) -> &str {
        self.names.get(relay).map_or("", String::as_str)
    }

    /// The first relay from `from` on that a mail may be handed to. Whoever gets one must say what
    /// came of it, by [`Self::answered`] or [`Self::failed`].
    pub fn take(&self, from: usize) -> Option<usize> {
        let mut taken = None;
        self.standings.send_if_modified(|standings| {
            let asked = standings.iter_mut().enumerate().skip(from);
            for (relay, standing) in asked {
                if matches!(standing.state, State::Up | State::Trial) {
                    taken = Some(relay);
                    let on_trial = standing.state == State::Trial;
                    if on_trial {
                        standing.state = State::Tried;
                    }
                    return on_trial;
                }
            }
            false
        });
        taken
    }

    /// It said something about a mail, whatever it was.
    pub fn answered(&self, relay: usize) {
        let mut was_away = false;
        self.standings.send_if_modified(|standings| {
            let Some(standing) = standings.get_mut(relay) else { return false };
            was_away = standing.state != State::Up;
            *standing = Standing { state: State::Up, failures: 0 };
            was_away
        });
        if was_away {
            info!(relay = self.name(relay), "the relay {} is back", self.name(relay));
            self.meters.relay(self.name(relay), true);
        }
    }

    /// It did not answer, or does not want us at all. Several that notice at once count once.
    pub fn failed(&self, relay: usize) {
        let mut is_news = false;
        self.standings.send_if_modified(|standings| {
            let Some(standing) = standings.get_mut(relay) else { return false };
            let now = Instant::now();
            if matches!(standing.state, State::Away(until) if until > now) {
                return false;
            }
            is_news = standing.failures == 0;
            let until = now + pause_after(standing.failures);
            *standing = Standing { state: State::Away(until), failures: standing.failures + 1 };
            true
        });
        if is_news {
            let name = self.name(relay);
            warn!(relay = name, "the relay {name} is not there; mail waits or goes another way");
            self.meters.relay(name, false);
        }
    }

    /// It was asked after and greeted.
    pub fn greeted(&self, relay: usize) {
        self.standings.send_if_modified(|standings| {
            let standing = standings.get_mut(relay);
            let away = standing.filter(|standing| matches!(standing.state, State::Away(_)));
            away.map(|standing| standing.state = State::Trial).is_some()
        });
    }

    /// Waits until the relay is to be asked after.
    pub async fn until_asked_after(&self, relay: usize) {
        let mut news = self.subscribe();
        loop {
            let standing = news.borrow_and_update().get(relay).copied();
            let changed = match standing.map(|standing| standing.state) {
                Some(State::Away(until)) if until <= Instant::now() => return,
                Some(State::Away(until)) => timeout_at(until, news.changed()).await.unwrap_or(Ok(())),
                _ => news.changed().await,
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// How long until a relay is asked after; zero when one is there.
    pub fn pause(&self) -> Duration {
        let standings = self.standings.borrow();
        let pauses = standings.iter().map(|standing| match standing.state {
            State::Away(until) => until.saturating_duration_since(Instant::now()),
            // The mail that tries it comes back soon.
            State::Tried => pause_after(0),
            State::Up | State::Trial => Duration::ZERO,
        });
        pauses.min().unwrap_or_default()
    }
}

fn pause_after(failures: usize) -> Duration {
    PAUSES.get(failures).or(PAUSES.last()).copied().unwrap_or_default()
}

/// How many mails may be handed over, as the relays stand.
pub fn room(standings: &[Standing]) -> Room {
    let is = |state: State| standings.iter().any(|standing| standing.state == state);
    if is(State::Up) {
        Room::Any
    } else if is(State::Trial) {
        Room::One
    } else {
        Room::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Breakers {
        Breakers::new(vec!["one:25".to_owned(), "two:25".to_owned()], Meters::default())
    }

    fn room_of(breakers: &Breakers) -> Room {
        room(&breakers.subscribe().borrow())
    }

    #[tokio::test]
    async fn an_absent_relay_gets_one_mail_when_it_greets_and_all_when_it_answered_that() {
        let breakers = two();
        assert_eq!((breakers.take(0), breakers.take(1)), (Some(0), Some(1)));
        breakers.failed(0);
        assert_eq!((breakers.take(0), room_of(&breakers)), (Some(1), Room::Any));
        breakers.failed(1);
        assert_eq!((breakers.take(0), room_of(&breakers)), (None, Room::None));
        breakers.until_asked_after(0).await;
        breakers.greeted(0);
        assert_eq!(room_of(&breakers), Room::One);
        assert_eq!((breakers.take(0), breakers.take(0)), (Some(0), None));
        assert_eq!(room_of(&breakers), Room::None);
        breakers.answered(0);
        assert_eq!(
            (breakers.take(0), breakers.take(0), room_of(&breakers)),
            (Some(0), Some(0), Room::Any)
        );
    }

    #[test]
    fn an_absent_relay_is_asked_after_less_and_less_often() {
        assert_eq!(
            [0, 1, 2, 3, 4, 99].map(|failures| pause_after(failures).as_secs()),
            [1, 2, 5, 15, 30, 30]
        );
    }

    #[tokio::test]
    async fn a_relay_that_greets_and_takes_nothing_stays_away() {
        let breakers = two();
        breakers.failed(0);
        // The others that were on their way to it.
        breakers.failed(0);
        breakers.greeted(0);
        assert_eq!(breakers.take(0), Some(0));
        breakers.failed(0);
        let failures = breakers.subscribe().borrow().first().map(|standing| standing.failures);
        assert_eq!(failures, Some(2));
        assert_eq!(breakers.meters.relays_away(), ["one:25"]);
        breakers.answered(0);
        assert!(breakers.meters.relays_away().is_empty());
    }
}
