//! Replies in, on one connection and on sixteen: how many are accepted a second, and how many stand in
//! their timelines with the mail that follows from them in the outbox. Beside them the same mails into
//! a sink, into a program that only stores, and into Postfix.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::generator::{Numbers, send_replies};
use crate::mta::Mta;
use crate::server::Server;
use crate::sink::Sink;
use crate::table::{Figure, Wanted, head, row};
use crate::times::a_second;
use crate::{Outcome, ceiling};

const SPAN: Duration = Duration::from_secs(4);
/// Mails a second that are to reach their timelines.
const READ_WANTED: f64 = 1_000.0;

/// Prints rows for each server.
pub async fn measure(
    folder: &Path,
    servers: &mut [Server],
    mta: &mut Mta,
    numbers: &Numbers,
) -> Outcome<()> {
    head("replies of 1.5 KB");
    let (sink, ceiling) = (Sink::start()?, ceiling::start(folder)?);
    for connections in [1, 16] {
        let busy_on = |of: &str| format!("{of}, {connections} connections");
        let swallowed = rate(sink.port, connections, numbers).await?;
        let stored = rate(ceiling, connections, numbers).await?;
        let queued = rate(mta.port, connections, numbers).await?;
        mta.sink.drain().await;
        for server in &mut *servers {
            let Run { accepted, read, cpu_millis } = run(server, connections, numbers).await?;
            let accepted = Figure(accepted, "/s");
            let what = busy_on(&format!("{}: accepted", server.name));
            row(&what, accepted, "a sink", swallowed, Wanted::Known);
            row(&what, accepted, "SQLite alone", stored, Wanted::AtLeast(0.6));
            let of_mta = if connections > 1 { Wanted::AtLeast(3.0) } else { Wanted::Known };
            row(&what, accepted, "Postfix", queued, of_mta);
            let what = busy_on(&format!("{}: in timeline and outbox", server.name));
            row(&what, Figure(read, "/s"), "a thousand", READ_WANTED, Wanted::AtLeast(1.0));
            let what = busy_on(&format!("{}: processor a mail", server.name));
            row(&what, Figure(cpu_millis, "ms"), "one of the two", 2_000.0 / read, Wanted::Known);
            server.sink.drain().await;
        }
    }
    Ok(())
}

async fn rate(port: u16, connections: usize, numbers: &Numbers) -> Outcome<f64> {
    let begun = Instant::now();
    let sent = send_replies(port, connections, SPAN, numbers).await?;
    Ok(a_second(sent, begun.elapsed()))
}

/// What a server did with the mails that it was sent.
struct Run {
    /// A second, while it was sent to.
    accepted: f64,
    /// A second, from the first octet sent until the last mail's entry stands in its timeline.
    read: f64,
    /// Of its processor time for each, with what it handed to the relay meanwhile.
    cpu_millis: f64,
}

async fn run(server: &Server, connections: usize, numbers: &Numbers) -> Outcome<Run> {
    let (before, busy) = (server.count_entries().await?, server.busy_seconds()?);
    let begun = Instant::now();
    let sent = send_replies(server.port, connections, SPAN, numbers).await?;
    let accepted = a_second(sent, begun.elapsed());
    server.wait_until_read().await?;
    let read = a_second(sent, begun.elapsed());
    let cpu_millis = (server.busy_seconds()? - busy) * 1_000.0 / sent as f64;
    let entries = server.count_entries().await? - before;
    if entries != sent {
        return Err(format!("{sent} were accepted, and {entries} stand in the timelines").into());
    }
    Ok(Run { accepted, read, cpu_millis })
}
