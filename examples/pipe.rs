use firebell::clock::Clock;
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::mail::{Address, ids::Secret};
use firebell::store::{Store, rows::*};
use firebell::*;
#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir_in("/work").unwrap();
    let url = std::env::args().nth(1).unwrap_or(format!("sqlite:{}/x.db", dir.path().display()));
    let text = std::fs::read_to_string("tests/conversations/firebell.toml").unwrap();
    let policy = config::read_config(&text, "x").unwrap().policy();
    let store = Store::open(&url).await.unwrap();
    let engine = Engine::new(store.clone(), Clock::system(), Ids::new(1), Secret::new(&[1; 32]), policy);
    let n_inc = 20i64;
    let n = 4000i64;
    let mk = |i: i64, to: String, subj: String, body: String| {
        let now = engine.clock.now();
        NewInbound{ id: engine.ids.next(now), received_at: now, reverse_path: Some("a@b.example".into()), recipients: vec![Address::read(&to).unwrap()], network_trusted: true, route: Route::Smtp,
        octets: format!("From: Alice Ng <alice@example.org>\r\nTo: {to}\r\nSubject: {subj}\r\nMessage-ID: <{i}@x.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n{body}\r\n").into_bytes() }
    };
    // declare
    let decl: Vec<_> = (0..n_inc)
        .map(|i| {
            let mut m = mk(
                i,
                "incidents@example.org".into(),
                format!("SEV1 thing {i} is down"),
                "I have command\n\nWe look".into(),
            );
            m.octets = String::from_utf8(m.octets)
                .unwrap()
                .replace("alice@example.org", &format!("p{i}@example.org"))
                .into_bytes();
            m
        })
        .collect();
    store.save_inbound(&decl).await.unwrap();
    while engine.read_waiting().await.unwrap() > 0 {}
    println!("incidents {}", store.load_incidents(true, 100).await.unwrap().len());
    let t = std::time::Instant::now();
    for chunk in (0..n).collect::<Vec<_>>().chunks(200) {
        let v: Vec<_> = chunk
            .iter()
            .map(|i| {
                mk(
                    1000 + i,
                    format!("incidents+{}@example.org", i % n_inc + 1),
                    format!("Re: [INC-{}] thing", i % n_inc + 1),
                    format!(
                        "{}\n\nOn Friday, Incidents wrote:\n{}",
                        "We see that the replica is lagging by some minutes, number ".repeat(4)
                            + &i.to_string(),
                        "> quoted line of the declaration that was sent before\n".repeat(18)
                    ),
                )
            })
            .collect();
        store.save_inbound(&v).await.unwrap();
    }
    println!("stored {n} in {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let mut c = 0;
    while {
        let k = engine.read_waiting().await.unwrap();
        c += k;
        k > 0
    } {}
    println!(
        "read {c} in {:?} = {:.0}/s; timeline 1: {}, outbox {}",
        t.elapsed(),
        c as f64 / t.elapsed().as_secs_f64(),
        store.load_timeline(1).await.unwrap().len(),
        store.load_outbox(None, 100000).await.unwrap().len()
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    for l in status.lines().filter(|l| l.starts_with("VmHWM") || l.starts_with("VmRSS")) {
        println!("{l}");
    }
}
