//! From SMTP accept to committed timeline and outbox: the whole server, in a process of its own,
//! which also hands its mail to the sink meanwhile.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::generator::{Client, Numbers, reply, send_replies};
use crate::server::Server;
use crate::sink::Sink;

const SPAN: Duration = Duration::from_secs(5);
const SINGLE_MAILS: usize = 300;
/// A mail that does not reach the relay within it is lost.
const RELAYED_WITHIN: Duration = Duration::from_secs(5);

/// Prints a line for each number of connections, the wait of a single mail, and the memory.
pub async fn measure(folder: &Path, database: &str, sink: &Sink) -> Outcome<()> {
    let server = Server::start(folder, database, sink.port).await?;
    let (at_rest, _) = server.memory()?;
    server.declare().await?;
    let numbers = Numbers::default();
    println!(
        "{:>11} {:>14} {:>14} {:>16} {:>22}",
        "connections", "accepted/s", "in timeline/s", "into the sink/s", "server's CPU ms/1,000"
    );
    for connections in [1, 16] {
        let (accepted, read, busy) = run(&server, connections, &numbers).await?;
        let begun = Instant::now();
        let swallowed = send_replies(sink.port, connections, SPAN, &Numbers::default()).await?;
        let reference = a_second(swallowed, begun.elapsed());
        println!("{connections:>11} {accepted:>14.0} {read:>14.0} {reference:>16.0} {busy:>22.0}");
        wait_until_relayed(sink).await?;
    }
    print_waits(&server, sink, &numbers).await?;
    let (_, peak) = server.memory()?;
    println!("memory of the server: {at_rest:.1} MiB at rest, {peak:.1} MiB at the peak");
    Ok(())
}

/// Mails a second: accepted while it was sent to, and from the first octet sent until the last
/// mail's entry stands in its timeline. Then the milliseconds of processor time that the server used
/// for a thousand of them, what it handed to the relay meanwhile included.
async fn run(server: &Server, connections: usize, numbers: &Numbers) -> Outcome<(f64, f64, f64)> {
    let (before, busy) = (server.count_entries().await?, server.busy_seconds()?);
    let begun = Instant::now();
    let sent = send_replies(server.port, connections, SPAN, numbers).await?;
    let accepted = a_second(sent, begun.elapsed());
    server.wait_until_read().await?;
    let read = a_second(sent, begun.elapsed());
    let busy = (server.busy_seconds()? - busy) * 1e6 / sent as f64;
    let entries = server.count_entries().await? - before;
    if entries != sent {
        return Err(format!("{sent} were accepted, and {entries} stand in the timelines").into());
    }
    Ok((accepted, read, busy))
}

/// One mail at a time on the idle server, from its 250 on.
async fn print_waits(server: &Server, sink: &Sink, numbers: &Numbers) -> Outcome<()> {
    let mut client = Client::connect(server.port).await?;
    let (mut accepted, mut read, mut relayed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SINGLE_MAILS {
        let taken = sink.taken();
        let begun = Instant::now();
        client.send(&reply(numbers.next())).await?;
        accepted.push(begun.elapsed());
        let begun = Instant::now();
        server.wait_until_read().await?;
        read.push(begun.elapsed());
        while sink.taken() == taken {
            if begun.elapsed() > RELAYED_WITHIN {
                return Err("a mail did not reach the relay".into());
            }
            tokio::task::yield_now().await;
        }
        relayed.push(begun.elapsed());
    }
    for (what, times) in [
        ("first octet to accept", accepted),
        ("accept to timeline", read),
        ("accept to the relay's 250", relayed),
    ] {
        let (middle, slowest) = percentiles(times)?;
        println!("one mail at a time, {what}: p50 {middle:.1} ms, p99 {slowest:.1} ms");
    }
    Ok(())
}

/// Until nothing came for a while: what the runs before left is handed over.
async fn wait_until_relayed(sink: &Sink) -> Outcome<()> {
    const QUIET: Duration = Duration::from_millis(500);
    let (mut taken, mut since) = (sink.taken(), Instant::now());
    while since.elapsed() < QUIET {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if sink.taken() != taken {
            (taken, since) = (sink.taken(), Instant::now());
        }
    }
    Ok(())
}

/// The 50th and 99th, in milliseconds.
fn percentiles(mut times: Vec<Duration>) -> Outcome<(f64, f64)> {
    times.sort_unstable();
    let at = |share: usize| -> Outcome<f64> {
        let time = times.get(times.len() * share / 100).ok_or("no times")?;
        Ok(time.as_secs_f64() * 1_000.0)
    };
    Ok((at(50)?, at(99)?))
}

fn a_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}
