//! `firebell new-token`: makes the tokens of a person void, where a mail of theirs fell into other
//! hands. The commander of an incident can do the same by mail (`New token: alice`).

use super::Failure;
use super::failure::{NOINPUT, print};
use super::incident::load;
use super::open::{Found, open_engine, open_store};
use crate::incident::event::Event;
use crate::roster::Named;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// By address, alias or name
    person: String,
    /// Only for this incident, such as INC-42; else for all that are open
    #[arg(long, value_name = "KEY")]
    incident: Option<String>,
}

/// Makes old tokens void; the person gets a mail with a new one for each incident.
pub async fn new_token(found: Found, given: Arguments) -> Result<(), Failure> {
    let policy = found.config.policy();
    let Named::One(person) = policy.roster.named(&given.person) else {
        let line = format!("`{}` is not one person; write an address", given.person);
        return Err(Failure::new(NOINPUT, line));
    };
    let store = open_store(&found.config).await?;
    let numbers = match &given.incident {
        Some(key) => vec![load(&store, key).await?.number],
        None => {
            let open = store.load_incidents(true, i64::MAX).await?;
            open.readable.iter().map(|stored| stored.incident.number).collect()
        }
    };
    let engine = open_engine(&found, store).await?;
    let voided = |number: &i64| (*number, Event::TokensVoided { of: person.clone() });
    engine.act(numbers.iter().map(voided).collect()).await?;
    let count = numbers.len();
    print(&format!("the tokens of {} are void in {count} incidents\n", person.shown()))
}
