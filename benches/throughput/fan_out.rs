//! One follow-up for ten thousand, each with a token and a reverse-path of their own: from the answer
//! to the mail that says it until the relay has the last copy. Beside it as many mails of the same size
//! straight into a sink: the wire alone.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::generator::{CROWD, Client, declaration_to_crowd, follow_up_to_crowd, send_copies};
use crate::server::Server;
use crate::sink::Sink;
use crate::table::{Figure, Wanted, head, row};
use crate::times::millis;

/// As many as the server opens to its relay.
const CONNECTIONS: usize = 4;
/// Milliseconds to the first copy.
const FIRST_WANTED: f64 = 50.0;
const MARKED_WITHIN: Duration = Duration::from_secs(60);

/// Prints rows for each server.
pub async fn measure(servers: &mut [Server]) -> Outcome<()> {
    head("one follow-up for 10,000");
    for server in servers {
        let mut client = Client::connect(server.port).await?;
        client.send(&declaration_to_crowd()).await?;
        arrive(&mut server.sink, Instant::now()).await?;
        wait_until_marked(server).await?;
        server.sink.drain().await;
        client.send(&follow_up_to_crowd()).await?;
        let answered = Instant::now();
        server.wait_until_read().await?;
        let committed = answered.elapsed();
        let (first, all, octets) = arrive(&mut server.sink, answered).await?;
        wait_until_marked(server).await?;
        let marked = answered.elapsed();
        let wire = wire(octets).await?;
        let what = |of: &str| format!("{}: {of}", server.name);
        let s = |time: Duration| Figure(time.as_secs_f64(), "s");
        let (after, beside) = (all.saturating_sub(committed), "the wire alone");
        row(
            &what("rows committed to last copy"),
            s(after),
            beside,
            wire.as_secs_f64(),
            Wanted::AtMost(3.0),
        );
        row(&what("accept to last copy"), s(all), beside, wire.as_secs_f64(), Wanted::Known);
        row(&what("accept to last mark"), s(marked), beside, wire.as_secs_f64(), Wanted::Known);
        let (first, committed) = (millis(first), millis(committed));
        let fifty = ("fifty", FIRST_WANTED, Wanted::AtMost(1.0));
        row(
            &what("rows committed to first copy"),
            Figure((first - committed).max(0.0), "ms"),
            fifty.0,
            fifty.1,
            fifty.2,
        );
        row(
            &what("accept to first copy"),
            Figure(first, "ms"),
            "accept to rows committed",
            committed,
            Wanted::Known,
        );
    }
    Ok(())
}

/// How long after `begun` the first and the last copy came, and how large one is.
async fn arrive(sink: &mut Sink, begun: Instant) -> Outcome<(Duration, Duration, usize)> {
    let first = sink.next().await?;
    let mut last = first;
    for _ in 1..CROWD {
        last = sink.next().await?;
    }
    Ok((
        first.at.saturating_duration_since(begun),
        last.at.saturating_duration_since(begun),
        last.octets,
    ))
}

async fn wait_until_marked(server: &Server) -> Outcome<()> {
    let until = Instant::now() + MARKED_WITHIN;
    while server.store.earliest_outbox().await?.is_some() {
        if Instant::now() > until {
            return Err("copies are not marked".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// As many mails of this size straight into a sink.
async fn wire(octets: usize) -> Outcome<Duration> {
    let mut sink = Sink::start()?;
    let begun = Instant::now();
    send_copies(sink.port, CONNECTIONS, CROWD, octets).await?;
    let (_, all, _) = arrive(&mut sink, begun).await?;
    Ok(all)
}
