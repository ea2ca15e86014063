//! The least that a durable receiver does: it finds what a mail answers, stores the mail and a line of
//! its timeline in SQLite, and answers after the commit. Mails that are there at the same time share
//! one. What it takes a second is what the disk and SQLite allow.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot};

use crate::{Outcome, receiver};

const SCHEMA: &str = "
    pragma journal_mode = wal;
    pragma synchronous = full;
    create table mail (id integer primary key, incident integer, message_id text unique,
                       sender text, octets blob);
    create table entry (id integer primary key, incident integer, mail integer, subject text, text text);
    create index entry_incident on entry (incident, id)";
const FIND: &str = "select incident from mail where message_id = ?";
const SAVE_MAIL: &str = "insert into mail (incident, message_id, sender, octets) values (?, ?, ?, ?)";
const SAVE_ENTRY: &str = "insert into entry (incident, mail, subject, text) values (?, ?, ?, ?)";
/// As much of the body as a timeline shows.
const TEXT_OCTETS_MAX: usize = 1_200;

type Waiting = (Vec<u8>, oneshot::Sender<()>);

/// Starts one on a new database; returns its port.
pub fn start(folder: &Path) -> Outcome<u16> {
    let database = Connection::open(folder.join("ceiling.db"))?;
    database.execute_batch(SCHEMA)?;
    let (queue, waiting) = mpsc::unbounded_channel::<Waiting>();
    let take: receiver::Take = Arc::new(move |octets| {
        let (stored, answer) = oneshot::channel();
        queue.send((octets, stored)).ok()?;
        Some(answer)
    });
    receiver::start(take, async move {
        if let Err(error) = store_all(database, waiting).await {
            eprintln!("the reference that only stores ended: {error}");
        }
    })
}

/// On the thread that also listens: meanwhile nobody else has anything to do.
async fn store_all(database: Connection, mut queue: mpsc::UnboundedReceiver<Waiting>) -> Outcome<()> {
    while let Some(first) = queue.recv().await {
        // Every client that has sent its mail by now shares the commit.
        tokio::task::yield_now().await;
        let mut group = vec![first];
        while let Ok(next) = queue.try_recv() {
            group.push(next);
        }
        let transaction = database.unchecked_transaction()?;
        for (octets, _) in &group {
            store(&transaction, octets)?;
        }
        transaction.commit()?;
        for (_, stored) in group {
            let _ = stored.send(());
        }
    }
    Ok(())
}

fn store(database: &Connection, octets: &[u8]) -> Outcome<()> {
    let text = String::from_utf8_lossy(octets);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let field = |name: &str| {
        let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned());
        head.lines().find_map(value).unwrap_or_default()
    };
    let found: Option<Option<i64>> =
        database.prepare_cached(FIND)?.query_row([field("In-Reply-To")], |row| row.get(0)).optional()?;
    let tagged = || field("To").split(['+', '@']).nth(1).and_then(|tag| tag.parse().ok());
    let incident = found.flatten().or_else(tagged);
    database.prepare_cached(SAVE_MAIL)?.execute(params![
        incident,
        field("Message-ID"),
        field("From"),
        octets
    ])?;
    let mail = database.last_insert_rowid();
    let shown = body.get(..body.floor_char_boundary(TEXT_OCTETS_MAX)).unwrap_or_default();
    database.prepare_cached(SAVE_ENTRY)?.execute(params![incident, mail, field("Subject"), shown])?;
    Ok(())
}
