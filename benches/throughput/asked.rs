//! `/healthz` and `/metrics` of a server with much behind it: 100,000 incidents, 1,000,000 mails, of which
//! some still wait; beside the same with next to nothing.

use std::time::{Duration, Instant};

use firebell::engine::Engine;
use firebell::incident::decision::Purpose;
use firebell::mail::Address;
use firebell::store::rows::{NewLetter, NewOutbox};
use firebell::web::serve_router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;
use crate::table::{Figure, Wanted, row};
use crate::times::Times;

const MAILS: usize = 1_000_000;
/// Of them the relay does not have so many.
const WAITING: usize = 10_000;
const STORED_AT_ONCE: usize = 10_000;
const ASKED: usize = 3;
/// Longer than an answer is repeated.
const PAUSE: Duration = Duration::from_millis(1_100);
/// Milliseconds: whoever looks after servers asks every few seconds, and gives up after some.
const ANSWER_WANTED: f64 = 50.0;

/// Fills the outbox of a database of many incidents, and prints its rows.
pub async fn measure(name: &str, engine: &Engine) -> Outcome<()> {
    fill(engine).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let router = serve_router(engine.clone(), None);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    for page in ["/healthz", "/metrics"] {
        let mut times = Vec::new();
        for _ in 0..ASKED {
            times.push(ask(port, page).await?);
            tokio::time::sleep(PAUSE).await;
        }
        let what = format!("{name}: {page} over 1,000,000 mails, slowest");
        let slowest = Figure(Times::new(times).within(100), "ms");
        row(&what, slowest, "fifty", ANSWER_WANTED, Wanted::AtMost(1.0));
    }
    serving.abort();
    Ok(())
}

async fn ask(port: u16, page: &str) -> Outcome<Duration> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if answer.starts_with("HTTP/1.1 200") { Ok(begun.elapsed()) } else { Err(answer.into()) }
}

async fn fill(engine: &Engine) -> Outcome<()> {
    let (store, now) = (&engine.store, engine.clock.now());
    let letter = engine.ids.next(now);
    let mut write = store.begin_write().await?;
    write
        .save_letter(&NewLetter {
            id: letter,
            message_id: "many@example.org".into(),
            incident: None,
            purpose: Purpose::FollowUp,
            created_at: now,
            subject: "x".into(),
            octets: b"Subject: x\r\n\r\nx\r\n".to_vec(),
        })
        .await?;
    write.commit().await?;
    let recipient = Address::read("somebody@example.org")?;
    for first in (0..MAILS).step_by(STORED_AT_ONCE) {
        let row = |_| NewOutbox {
            id: engine.ids.next(now),
            letter,
            recipient: recipient.clone(),
            token: None,
            due_at: now,
            expires_at: now + chrono::TimeDelta::hours(1),
            tells_from: None,
            awaited: false,
        };
        let rows: Vec<NewOutbox> = (0..STORED_AT_ONCE).map(row).collect();
        let mut write = store.begin_write().await?;
        write.save_outbox(&rows).await?;
        write.commit().await?;
        if first >= WAITING {
            let accepted: Vec<(i64, String)> =
                rows.iter().map(|row| (row.id, "250 ok".into())).collect();
            store.mark_accepted(&accepted, now).await?;
        }
    }
    Ok(())
}
