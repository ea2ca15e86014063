//! Servers that take long, lose their patience or change their mind: nothing is lost, nothing comes
//! twice, and the operator can see it.

use std::sync::LazyLock;

use super::*;

const MESSAGE: &str = "UID FETCH 9 (UID BODY.PEEK[])";
const WHOLE: &str = "* 1 FETCH (UID 9 BODY[] {5}\r\nwhole)\r\nTAG OK done\r\n";

#[tokio::test]
async fn a_message_that_comes_slowly_is_stored_once() {
    const LINES: usize = 30;
    static SLOW: LazyLock<String> = LazyLock::new(|| {
        let octets = LINES * "a line\r\n".len();
        let lines = "PAUSEa line\r\n".repeat(LINES);
        format!("* 1 FETCH (UID 9 BODY[] {{{octets}}}\r\n{lines})\r\nTAG OK done\r\n")
    });
    fn slow(command: &str) -> Option<&'static str> {
        match command {
            "UID SEARCH UID 9:*" => Some("* SEARCH 9\r\nTAG OK done\r\n"),
            MESSAGE => Some(SLOW.as_str()),
            _ => None,
        }
    }
    let mut place = Place::after_eight(slow).await;
    // It takes longer than a server may be silent.
    place.settings.patience.silence = Duration::from_secs(2);
    assert!(PAUSE * 30 > place.settings.patience.silence);
    for _ in 0..2 {
        place.read().await;
        assert_eq!(place.stored().await, ["a line\r\n".repeat(LINES)]);
    }
    assert_eq!((place.cursor().await, place.missing().await), (9, vec![]));
}

#[tokio::test]
async fn a_server_that_trickles_without_end_is_left() {
    static ENDLESS: LazyLock<String> =
        LazyLock::new(|| format!("* 1 FETCH (UID 9 BODY[] {{5000}}\r\n{}", "PAUSEx".repeat(600)));
    fn endless(command: &str) -> Option<&'static str> {
        match command {
            "UID SEARCH UID 9:*" => Some("* SEARCH 9\r\nTAG OK done\r\n"),
            MESSAGE => Some(ENDLESS.as_str()),
            _ => None,
        }
    }
    let mut place = Place::after_eight(endless).await;
    place.settings.patience =
        Patience { silence: Duration::from_secs(2), whole: Duration::from_secs(3) };
    let (error, _) = place.read().await;
    assert!(error.to_string().contains("did not answer in time"), "{error}");
    assert_eq!((place.cursor().await, place.stored().await.len()), (8, 0));
}

#[tokio::test]
async fn a_message_at_which_the_server_falls_silent_comes_the_next_time() {
    fn silent_once(command: &str) -> Option<&'static str> {
        static TRIES: AtomicUsize = AtomicUsize::new(0);
        match command {
            "UID SEARCH UID 9:*" => Some("* SEARCH 9\r\nTAG OK done\r\n"),
            MESSAGE if TRIES.fetch_add(1, Ordering::SeqCst) == 0 => {
                Some("* 1 FETCH (UID 9 BODY[] {5}\r\nwh")
            }
            MESSAGE => Some(WHOLE),
            _ => None,
        }
    }
    let mut place = Place::after_eight(silent_once).await;
    place.settings.patience.silence = Duration::from_millis(500);
    let (error, _) = place.read().await;
    assert!(error.to_string().contains("did not answer in time"), "{error}");
    assert_eq!((place.cursor().await, place.stored().await.len()), (8, 0));
    place.settings.patience = Patience::default();
    place.read().await;
    assert_eq!((place.cursor().await, place.stored().await), (9, vec!["whole".to_owned()]));
}

#[tokio::test]
async fn gaps_between_numbers_and_a_message_that_is_gone_lose_nothing() {
    fn gaps(command: &str) -> Option<&'static str> {
        Some(match command {
            "UID SEARCH UID 9:*" => "* SEARCH 4000000000 9 20\r\nTAG OK done\r\n",
            "UID FETCH 9,20,4000000000 (UID BODY.PEEK[])" => {
                "* 1 FETCH (UID 9 BODY[] {4}\r\nnine)\r\n* 2 EXPUNGE\r\n\
                 * 2 FETCH (UID 4000000000 BODY[] {4}\r\nlast)\r\nTAG OK some are gone\r\n"
            }
            _ => return None,
        })
    }
    let mut place = Place::after_eight(gaps).await;
    let (_, heard) = place.read().await;
    assert_eq!(place.stored().await, ["nine", "last"]);
    assert_eq!((place.cursor().await, place.missing().await), (4_000_000_000, vec![]));
    assert!(heard.iter().any(|command| command == "UID SEARCH UID 4000000001:*"), "{heard:?}");
}

#[tokio::test]
async fn a_session_that_the_server_ends_goes_on_with_a_new_token() {
    fn expiring(command: &str) -> Option<&'static str> {
        static LOGINS: AtomicUsize = AtomicUsize::new(0);
        let login = |number| LOGINS.load(Ordering::SeqCst) == number;
        Some(match command {
            "AUTHENTICATE XOAUTH2" => "+ \r\n",
            token if token.starts_with("dXNlcj1") => match LOGINS.fetch_add(1, Ordering::SeqCst) {
                1 => "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n",
                _ => "TAG OK welcome\r\n",
            },
            "" => "TAG NO AUTHENTICATE failed\r\n",
            "IDLE" if login(1) => "+ idling\r\n* BYE Session invalidated - AccessTokenExpired\r\nclose",
            "UID SEARCH UID 9:*" if login(3) => "* SEARCH 9\r\nTAG OK done\r\n",
            MESSAGE => WHOLE,
            _ => return None,
        })
    }
    let mut place = Place::after_eight(expiring).await;
    let count = place.folder.path().join("count");
    let command = format!("echo >> {0}; printf t%s $(wc -l < {0})", count.display());
    place.settings.mailbox.credential = Credential::TokenCommand(command);
    let (error, _) = place.read().await;
    assert!(error.to_string().contains("goodbye: Session invalidated - AccessTokenExpired"), "{error}");
    let (error, _) = place.read().await;
    assert_eq!(error, ImapError::Refused("AUTHENTICATE failed".to_owned()));
    let (_, heard) = place.read().await;
    assert_eq!(place.stored().await, ["whole"]);
    let third = data_encoding::BASE64.encode(b"user=box\x01auth=Bearer t3\x01\x01");
    assert!(heard.contains(&third), "each connection asks for a token: {heard:?}");
}

#[tokio::test]
async fn a_token_that_cannot_be_had_is_seen_and_reading_goes_on_when_it_can() {
    fn idling(command: &str) -> Option<&'static str> {
        Some(match command {
            "AUTHENTICATE XOAUTH2" => "+ \r\n",
            token if token.starts_with("dXNlcj1") => "TAG OK welcome\r\n",
            "UID SEARCH UID 9:*" => "* SEARCH 9\r\nTAG OK done\r\n",
            MESSAGE => WHOLE,
            "IDLE" => "+ idling\r\n",
            _ => return None,
        })
    }
    let mut place = Place::after_eight(idling).await;
    let token = place.folder.path().join("token");
    let command =
        format!("test -f {0} || {{ echo invalid_grant >&2; exit 3; }}; cat {0}", token.display());
    place.settings.mailbox.credential = Credential::TokenCommand(command);
    let meters = place.settings.meters.clone();
    let until = async |is: fn(&crate::meters::Mailbox) -> bool| {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let looking = async {
            while !meters.mailbox().is_some_and(|mailbox| is(&mailbox)) {
                looks.tick().await;
            }
        };
        let looked = tokio::time::timeout(Duration::from_secs(60), looking).await;
        assert!(looked.is_ok(), "waited in vain: {:?}", meters.mailbox());
    };
    let (stop, shutdown) = watch::channel(false);
    let running = tokio::spawn(run(copy_of(&place.settings), shutdown));
    until(|mailbox| mailbox.failing.as_ref().is_some_and(|(_, why)| why.contains("invalid_grant")))
        .await;
    assert!(meters.shown().contains("firebell_mailbox_up 0"));
    // A command that ends well and prints nothing.
    std::fs::write(&token, "").unwrap();
    until(|mailbox| mailbox.failing.as_ref().is_some_and(|(_, why)| why.contains("must print"))).await;
    std::fs::write(&token, "t\n").unwrap();
    until(|mailbox| mailbox.failing.is_none()).await;
    assert!(meters.shown().contains("firebell_mailbox_up 1"));
    assert_eq!(place.stored().await, ["whole"]);
    stop.send(true).unwrap();
    running.await.unwrap();
}

fn copy_of(settings: &Settings) -> Settings {
    Settings {
        mailbox: settings.mailbox.clone(),
        own: settings.own.clone(),
        store: settings.store.clone(),
        ids: settings.ids.clone(),
        clock: settings.clock.clone(),
        patience: settings.patience,
        meters: settings.meters.clone(),
        arrivals: settings.arrivals.clone(),
    }
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_took_us_for_somebody() {
    let greeting =
        |command: &str| (command == "greeting").then_some("* PREAUTH welcome, admin\r\nclose");
    let mut place = Place::start(greeting).await;
    let said = check(&place.settings.mailbox).await.unwrap_err();
    assert!(said.to_string().contains("took us for somebody already"), "{said}");
    assert_eq!(place.fake.heard.recv().await.unwrap(), Vec::<String>::new());
}
