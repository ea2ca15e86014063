//! One follow-up to many recipients, a row each, handed over and marked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use firebell::clock::Clock;
use firebell::delivery::{self, Relay, RelayTls, deliver};
use firebell::ids::Ids;
use firebell::incident::decision::Purpose;
use firebell::mail::ids::Secret;
use firebell::mail::{Address, OwnAddress};
use firebell::store::Store;
use firebell::store::rows::{NewLetter, NewOutbox};
use tokio::sync::{Notify, mpsc, watch};

use crate::Outcome;

/// Posts one letter to many and waits until the relay has them all; returns mails a second, from
/// the commit of the rows to the mark of the last.
pub async fn deliver_all(store: &Store, port: u16, count: i64) -> Outcome<f64> {
    let (clock, ids) = (Clock::system(), Ids::new(2));
    let now = clock.now();
    let letter = ids.next(now);
    let mut write = store.begin_write().await?;
    write
        .save_letter(&NewLetter {
            id: letter,
            message_id: "fan-out@example.org".into(),
            incident: None,
            purpose: Purpose::FollowUp,
            created_at: now,
            subject: "x".into(),
            octets: format!("Subject: x\r\n\r\n{}\r\n", "x".repeat(70)).into_bytes(),
        })
        .await?;
    let mut rows = Vec::new();
    for number in 0..count {
        rows.push(NewOutbox {
            id: ids.next(now),
            letter,
            recipient: Address::read(&format!("p{number}@example.org"))?,
            token: None,
            due_at: now,
            expires_at: now + chrono::TimeDelta::hours(1),
            tells_from: None,
            awaited: false,
        });
    }
    write.save_outbox(&rows).await?;
    let begun = Instant::now();
    write.commit().await?;
    let own = OwnAddress::new(Address::read("incidents@example.org")?, '+');
    let relay = Relay::Smtp { host: "127.0.0.1".into(), port, tls: RelayTls::Plain, login: None };
    let settings =
        delivery::Settings::new(vec![relay], "mx.example.org".into(), own, Secret::new(&[7; 32]), clock);
    let (stop, shutdown) = watch::channel(false);
    let (failed, _failures) = mpsc::channel(1);
    let waiting = Arc::new(Notify::new());
    let delivering = deliver(store.clone(), Arc::new(settings), waiting, failed, shutdown);
    let delivering = tokio::spawn(delivering);
    while store.earliest_outbox().await?.is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rate = f64::from(i32::try_from(count)?) / begun.elapsed().as_secs_f64();
    stop.send(true)?;
    delivering.await?;
    Ok(rate)
}
