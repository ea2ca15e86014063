//! What comes twice, or at two hours at once: the same message by two routes, one identifier for two
//! messages, a clock that steps back, an hour that the clocks repeat or leave out.

use chrono::NaiveTime;
use firebell::roster::zone::Zone;

use super::*;

impl Server {
    pub(super) async fn arrive_by(&self, route: Route, octets: &str) {
        let received_at = self.engine.clock.now();
        let message = NewInbound {
            id: self.engine.ids.next(received_at),
            received_at,
            reverse_path: Some(BOB.to_owned()),
            recipients: vec![Address::read(FIRST).unwrap()],
            client: Client::of_trusted_network(),
            route,
            octets: octets.as_bytes().to_vec(),
        };
        self.engine.store.save_inbound(&[message]).await.unwrap();
    }

    async fn notes(&self) -> usize {
        let timeline = self.timeline(1).await;
        timeline.iter().filter(|entry| entry.kind == EntryKind::Note).count()
    }
}

fn note(id: &str, words: &str) -> String {
    format!("From: {BOB}\r\nTo: {FIRST}\r\n{id}Subject: Re\r\n\r\n{words}\r\n")
}

#[tokio::test]
async fn the_same_message_by_two_routes_at_once_is_one_entry() {
    let [mut one, other] = two_on_postgres().await;
    one.hear(ALICE, PLAIN, "Subject: SEV-2 one", "I have command").await;
    for number in 0..20 {
        let octets = note(&format!("Message-ID: <n{number}@x.example>\r\n"), &format!("Seen {number}."));
        let fetched = format!("X-Spam: no\r\n{}", octets.replace("\r\n", "\n"));
        one.arrive_by(Route::Smtp, &octets).await;
        other.arrive_by(Route::Imap, &fetched).await;
    }
    let work = |engine: Engine| async move {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while engine.store.count_waiting_inbound().await.unwrap() > 0 {
            assert!(std::time::Instant::now() < until, "they stand in each other's way");
            // Another writer was faster, and both try again.
            let _ = engine.read_waiting().await;
        }
    };
    let both =
        tokio::join!(tokio::spawn(work(one.engine.clone())), tokio::spawn(work(other.engine.clone())));
    both.0.and(both.1).unwrap();
    assert_eq!(one.notes().await, 20);
}

#[tokio::test]
async fn an_identifier_that_is_used_again_or_missing_hides_no_message() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: SEV-2 one", "I have command").await;
    let id = "Message-ID: <tracking@parcels.example>\r\n";
    for (octets, notes) in [
        (note(id, "The first parcel is late."), 1),
        (note(id, "The second parcel is late."), 2),
        (note(id, "The first parcel is late."), 2),
        (note("", "No identifier."), 3),
        (note("", "No identifier."), 3),
        (note("", "No identifier, and other words."), 4),
    ] {
        server.arrive_by(Route::Smtp, &octets).await;
        server.read().await;
        assert_eq!(server.notes().await, notes, "{octets}");
    }
}

/// Whoever sees a mail on its way, or guesses its identifier, may be faster than its author.
#[tokio::test]
async fn a_forged_copy_does_not_take_the_place_of_the_mail() {
    let deep: String = (0..110)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"))
        .collect();
    for forged in [
        String::new(),
        "Auto-Submitted: auto-replied\r\n".to_owned(),
        "Precedence: bulk\r\n".to_owned(),
        format!("{}\r\n", "X: y\r\n".repeat(30_000).trim_end()),
        deep,
    ] {
        let mut server = Server::on_call().await;
        server.hear(ALICE, PLAIN, "Subject: SEV-2 one", "I have command").await;
        let octets = note("Message-ID: <known@x.example>\r\n", "We roll back.\r\n\r\nDeputy: dana");
        server.arrive(false, FIRST, format!("{forged}{octets}").into_bytes()).await;
        server.read().await;
        server.arrive_by(Route::Smtp, &octets).await;
        server.read().await;
        assert_eq!(server.notes().await, 1, "{:?}", forged.get(..40));
    }
}

/// Two servers on one database, the second ten minutes behind: what it sees is a clock that was set
/// back.
async fn ten_minutes_apart(more: &str) -> [Server; 2] {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("firebell.db").display());
    let behind = Clock::manual(nine() - TimeDelta::minutes(10));
    let one = Server::on(&url, folder, Clock::manual(nine()), 1, more).await;
    [one, Server::on(&url, tempfile::tempdir().unwrap(), behind, 2, more).await]
}

#[tokio::test]
async fn a_clock_that_steps_back_reminds_nobody_twice() {
    let mut told = Vec::new();
    for steps_back in [false, true] {
        let [mut one, other] = ten_minutes_apart(ON_CALL).await;
        one.hear(ALICE, PLAIN, "Subject: SEV-1 down", "I have command\r\nDeputy: bob").await;
        let mut reminders = Vec::new();
        for _ in 0..20 {
            for server in [&one, &other] {
                server.engine.clock.advance(TimeDelta::minutes(5));
            }
            one.engine.pass_deadlines().await.unwrap();
            if steps_back {
                other.engine.pass_deadlines().await.unwrap();
                one.engine.pass_deadlines().await.unwrap();
            }
            let sent = one.sent().await;
            reminders.extend(sent.into_iter().map(|mail| (mail.to, format!("{:?}", mail.purpose))));
        }
        reminders.sort();
        told.push(reminders);
    }
    assert!(told[0].iter().any(|(_, purpose)| purpose == "ReminderUpdate" || purpose == "Reminders"));
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn a_digest_goes_out_once_a_day_whatever_the_clocks_do() {
    const NIGHTS: usize = 4;
    let more = "[[list]]\nname = \"leadership\"\nmembers = [\"vp@example.org\"]\n\
                [[digest]]\nname = \"nightly\"\nto = [\"leadership\"]\nschedule = \"30 2 * * *\"\n";
    // Half an hour in one, an hour at another date in the next: not every zone is Berlin.
    for (zone, edges) in [
        ("Europe/Berlin", ["2027-03-28", "2027-10-31"]),
        ("America/New_York", ["2027-03-14", "2027-11-07"]),
        ("Australia/Lord_Howe", ["2027-04-04", "2027-10-03"]),
    ] {
        for edge in edges {
            let [one, other] = ten_minutes_apart(more).await;
            let zone = Zone::named(zone).unwrap();
            for server in [&one, &other] {
                let mut policy = (*server.engine.policy()).clone();
                policy.calendar.zone = zone.clone();
                server.engine.enforce(policy).await.unwrap();
            }
            let edge: NaiveDate = edge.parse().unwrap();
            let noon = (edge - TimeDelta::days(2)).and_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap());
            let ahead = zone.instant(noon) - nine();
            for server in [&one, &other] {
                server.engine.clock.advance(ahead);
            }
            let mut sent = Vec::new();
            for _ in 0..NIGHTS * 48 {
                for server in [&one, &other] {
                    server.engine.clock.advance(TimeDelta::minutes(30));
                    firebell::digests::send_due(&server.engine).await.unwrap();
                }
                let now = zone.local(one.engine.clock.now());
                sent.extend(of_kind(&one.sent().await, Purpose::Digest).iter().map(|_| now));
            }
            // The first is that of the night before, for whose time nobody was awake.
            let days: Vec<NaiveDate> = sent.iter().map(|at| at.date()).collect();
            let expected: Vec<NaiveDate> = (0..=NIGHTS as u64)
                .map(|day| edge - chrono::Days::new(2) + chrono::Days::new(day))
                .collect();
            assert_eq!(days, expected, "{edge}: {sent:?}");
        }
    }
}

#[tokio::test]
async fn the_notice_of_a_shift_goes_out_once_whichever_server_looks_first() {
    const DAYS: usize = 21;
    let more = "[[rotation]]\nname = \"weekly\"\nmembers = [\"alice@example.org\", \"bob@example.org\"]\n\
                hands_over = \"Mon 09:00\"\nfrom = \"2026-11-16\"\nnotice = \"24h\"\n";
    let [one, other] = ten_minutes_apart(more).await;
    let mut sent = Vec::new();
    for _ in 0..DAYS * 48 {
        for server in [&one, &other] {
            server.engine.clock.advance(TimeDelta::minutes(30));
            firebell::digests::shifts::send_due(&server.engine).await.unwrap();
        }
        sent.extend(of_kind(&one.sent().await, Purpose::Shift).iter().map(|mail| mail.to.clone()));
    }
    assert_eq!(sent.len(), DAYS / 7, "{sent:?}");
    assert!(sent.windows(2).all(|pair| pair[0] != pair[1]), "{sent:?}");
}
