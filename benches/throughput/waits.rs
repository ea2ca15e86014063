//! One mail at a time on an idle server: how long until it is accepted, in its timeline, and at the
//! relay. Beside them Postfix, and what of it are commits and round trips.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::generator::{Client, Numbers, reply};
use crate::mta::Mta;
use crate::server::Server;
use crate::sink::Sink;
use crate::table::{Figure, Wanted, head, row};
use crate::times::Times;
use crate::{Outcome, disk};

const MAILS: usize = 200;
/// Between two mails, so that what follows from one has ended when the next comes.
const PAUSE: Duration = Duration::from_millis(20);
const PROBE_FOR: Duration = Duration::from_secs(1);
/// Milliseconds from accept to the timeline.
const READ_WANTED: f64 = 5.0;

/// Prints rows for each server.
pub async fn measure(
    folder: &Path,
    servers: &mut [Server],
    mta: &mut Mta,
    numbers: &Numbers,
) -> Outcome<()> {
    head("one mail at a time");
    let mut sink = Sink::start()?;
    let trips = relay(sink.port, &mut sink, numbers).await?;
    let queued = relay(mta.port, &mut mta.sink, numbers).await?;
    for server in servers {
        // Commits are as long as the disk has them in these seconds.
        let commits = disk::probe(folder, PROBE_FOR)?;
        let relayed = relay(server.port, &mut server.sink, numbers).await?;
        let read = read(server, numbers).await?;
        server.sink.drain().await;
        let ms = |figure| Figure(figure, "ms");
        let bound = |percent| 3.0 * commits.within(percent) + trips.accepted.within(percent);
        let what = |of: &str| format!("{}: {of}", server.name);
        for percent in [50, 99] {
            let accepted = relayed.accepted.within(percent);
            let beside = queued.accepted.within(percent);
            row(
                &what(&format!("until accepted, p{percent}")),
                ms(accepted),
                "Postfix",
                beside,
                Wanted::Known,
            );
        }
        let wanted = Wanted::AtMost(1.0);
        row(&what("accept to timeline, p50"), ms(read.within(50)), "five", READ_WANTED, wanted);
        let middle = ms(relayed.relayed.within(50));
        row(
            &what("accept to relay, p50"),
            middle,
            "Postfix, in to out",
            queued.in_to_out.within(50),
            wanted,
        );
        row(&what("accept to relay, p50"), middle, "3 commits, 2 round trips", bound(50), Wanted::Known);
        let slowest = ms(relayed.relayed.within(99));
        row(&what("accept to relay, p99"), slowest, "3 commits, 2 round trips", bound(99), wanted);
        for percent in [50, 99] {
            let in_to_out = ms(relayed.in_to_out.within(percent));
            let beside = queued.in_to_out.within(percent);
            row(&what(&format!("in to out, p{percent}")), in_to_out, "Postfix", beside, Wanted::Known);
        }
    }
    Ok(())
}

/// Of a mail that is handed on.
struct Relayed {
    /// From the first octet to the answer.
    accepted: Times,
    /// From the answer until the relay has it.
    relayed: Times,
    /// From the first octet until the relay has it.
    in_to_out: Times,
}

async fn relay(port: u16, sink: &mut Sink, numbers: &Numbers) -> Outcome<Relayed> {
    let mut client = Client::connect(port).await?;
    let (mut accepted, mut relayed, mut in_to_out) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..MAILS {
        let begun = Instant::now();
        client.send(&reply(numbers.next())).await?;
        let answered = Instant::now();
        let came = sink.next().await?.at;
        accepted.push(answered - begun);
        // Postfix may be at the relay before its answer is here.
        relayed.push(came.saturating_duration_since(answered));
        in_to_out.push(came - begun);
        tokio::time::sleep(PAUSE).await;
    }
    let [accepted, relayed, in_to_out] = [accepted, relayed, in_to_out].map(Times::new);
    Ok(Relayed { accepted, relayed, in_to_out })
}

/// From the answer until the entry stands in its timeline.
async fn read(server: &Server, numbers: &Numbers) -> Outcome<Times> {
    let (mut client, mut times) = (Client::connect(server.port).await?, Vec::new());
    for _ in 0..MAILS {
        client.send(&reply(numbers.next())).await?;
        let begun = Instant::now();
        server.wait_until_read().await?;
        times.push(begun.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Times::new(times))
}
