//! Tests of [`super`] with a server that says what a test wants, such as a real one rarely does.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::config::Credential;
use crate::mail::Address;
use crate::store::rows::Route;

#[path = "slow_tests.rs"]
mod slow;

/// What the server says to a command; `TAG` stands for the command's tag, `PAUSE` for a wait, and a line
/// `close` ends the connection.
type Script = fn(&str) -> Option<&'static str>;

/// What every server says, unless a test wants it otherwise.
fn usual(command: &str) -> &'static str {
    let verb = command.split(' ').next().unwrap_or_default();
    match verb {
        "CAPABILITY" => "* CAPABILITY IMAP4rev1 IDLE MOVE UIDPLUS\r\nTAG OK done\r\n",
        "EXAMINE" | "SELECT" => {
            "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n* OK [UIDNEXT 10] next\r\nTAG OK done\r\n"
        }
        "IDLE" => "+ idling\r\nclose",
        _ => "TAG OK done\r\n",
    }
}

/// Between two pieces of what a slow server says.
const PAUSE: Duration = Duration::from_millis(80);

async fn speak<S: AsyncRead + AsyncWrite + Unpin>(stream: S, script: Script) -> Vec<String> {
    let mut heard = Vec::new();
    let mut stream = BufReader::new(stream);
    let greeting = script("greeting").unwrap_or("* OK ready\r\n");
    let mut said = stream.write_all(greeting.as_bytes()).await.and(stream.flush().await);
    let (mut line, mut tag) = (String::new(), String::new());
    while said.is_ok() && stream.read_line(&mut line).await.is_ok_and(|count| count > 0) {
        let command = match line.trim_end().split_once(' ') {
            Some((named, command)) => {
                named.clone_into(&mut tag);
                command.to_owned()
            }
            // What goes on with the command before.
            None => line.trim_end().to_owned(),
        };
        let answer = script(&command).unwrap_or_else(|| usual(&command));
        let (answer, closes) = match answer.strip_suffix("close") {
            Some(before) => (before, true),
            None => (answer, false),
        };
        for (number, piece) in answer.replace("TAG", &tag).split("PAUSE").enumerate() {
            // A client that waits says nothing; one that gave up has closed.
            if number > 0 && tokio::time::timeout(PAUSE, stream.fill_buf()).await.is_ok() {
                break;
            }
            said = stream.write_all(piece.as_bytes()).await.and(stream.flush().await);
        }
        heard.push(command);
        line.clear();
        if closes {
            break;
        }
    }
    heard
}

/// A place where such a server serves one connection after another; gives what it heard on each.
struct Fake {
    port: u16,
    heard: tokio::sync::mpsc::UnboundedReceiver<Vec<String>>,
}

impl Fake {
    async fn start(script: Script, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (told, heard) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let all = match &tls {
                    None => speak(stream, script).await,
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => speak(stream, script).await,
                        Err(_) => Vec::new(),
                    },
                };
                let _ = told.send(all);
            }
        });
        Self { port, heard }
    }
}

/// A mailbox on such a server, and a store.
struct Place {
    fake: Fake,
    settings: Settings,
    memory: Memory,
    folder: tempfile::TempDir,
}

impl Place {
    async fn start(script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fake = Fake::start(script, None).await;
        std::fs::write(folder.path().join("password"), "secret").unwrap();
        let mailbox = Mailbox {
            host: "127.0.0.1".into(),
            port: fake.port,
            tls: false,
            login: "box".into(),
            folder: "INBOX".into(),
            credential: Credential::PasswordFile(folder.path().join("password")),
            ca_file: None,
            move_to: None,
            poll_every: Duration::from_secs(300),
        };
        let database = format!("sqlite:{}", folder.path().join("firebell.db").display());
        let settings = Settings {
            mailbox,
            own: OwnAddress::new(Address::read("incidents@example.org").unwrap(), '+'),
            store: Store::open(&database).await.unwrap(),
            ids: Ids::new(0),
            clock: Clock::system(),
            patience: Patience::default(),
            meters: Meters::default(),
            arrivals: Arc::default(),
        };
        Self { fake, settings, memory: Memory::default(), folder }
    }

    /// Serves a mailbox that has been read up to the message before the ninth.
    async fn after_eight(script: Script) -> Self {
        let place = Self::start(script).await;
        let cursor = crate::store::rows::MailboxCursor {
            mailbox: place.settings.mailbox.name(),
            uid_validity: 7,
            uid: 8,
            since_at: place.settings.clock.now(),
        };
        place.settings.store.start_mailbox_cursor(&cursor).await.unwrap();
        place
    }

    /// One connection, until it breaks; gives why, and what the server heard.
    async fn read(&mut self) -> (ImapError, Vec<String>) {
        let error = reading::read_until_it_breaks(&self.settings, &mut self.memory).await;
        self.memory.note_break();
        (error, self.fake.heard.recv().await.unwrap())
    }

    async fn stored(&self) -> Vec<String> {
        let mut write = self.settings.store.begin_write().await.unwrap();
        let waiting = write.load_waiting(100).await.unwrap().messages;
        assert!(
            waiting
                .iter()
                .all(|one| one.message.route == Route::Imap && !one.message.client.network_trusted)
        );
        waiting.iter().map(|one| String::from_utf8_lossy(&one.message.octets).into_owned()).collect()
    }

    async fn missing(&self) -> Vec<u32> {
        let name = self.settings.mailbox.name();
        let missing = self.settings.store.load_unfetched(&name, 7).await.unwrap();
        missing.iter().map(|one| one.uid).collect()
    }

    async fn cursor(&self) -> u32 {
        let name = self.settings.mailbox.name();
        self.settings.store.load_mailbox_cursor(&name).await.unwrap().unwrap().uid
    }
}

#[tokio::test]
async fn the_first_look_leaves_what_is_there_and_changes_nothing() {
    let mut place = Place::start(|_| None).await;
    let (_, heard) = place.read().await;
    assert_eq!(place.cursor().await, 9);
    assert!(heard.iter().any(|command| command == "EXAMINE \"INBOX\""), "{heard:?}");
    assert!(!heard.iter().any(|command| command.contains("FETCH")), "{heard:?}");
}

#[tokio::test]
async fn a_message_that_is_not_handed_out_stops_no_other_and_is_asked_for_again() {
    fn refusing(command: &str) -> Option<&'static str> {
        Some(match command {
            "UID SEARCH UID 9:*" => "* SEARCH 9 10 8\r\nTAG OK done\r\n",
            "UID SEARCH UID 9" => "* SEARCH 9\r\nTAG OK done\r\n",
            "UID FETCH 9,10 (UID BODY.PEEK[])" => {
                "* 2 FETCH (UID 10 BODY[] {48}\r\nFrom: dana@ops.example\r\nSubject: ten\r\n\r\nis ten\r\n)\r\n\
                 * 9 FETCH (FLAGS (\\Seen))\r\nTAG NO [UNKNOWN-CTE] cannot decode\r\n"
            }
            "UID FETCH 9 (UID BODY.PEEK[])" => "TAG NO [UNKNOWN-CTE] cannot decode\r\n",
            _ => return None,
        })
    }
    let mut place = Place::after_eight(refusing).await;
    place.read().await;
    assert_eq!(place.cursor().await, 10);
    assert_eq!(place.missing().await, [9]);
    assert!(place.stored().await.iter().all(|octets| octets.contains("Subject: ten")));
    // As often as it is worth, and then no more.
    for _ in 0..12 {
        place.read().await;
    }
    let name = place.settings.mailbox.name();
    let missing = place.settings.store.load_unfetched(&name, 7).await.unwrap();
    assert_eq!(missing.first().map(|one| one.attempts), Some(10));
    assert!(missing.iter().all(|one| one.reason.contains("cannot decode")), "{missing:?}");
}

#[tokio::test]
async fn a_message_at_which_the_connection_breaks_is_passed_over_the_fourth_time() {
    fn breaking(command: &str) -> Option<&'static str> {
        Some(match command {
            "UID SEARCH UID 9:*" => "* SEARCH 9 10\r\nTAG OK done\r\n",
            "UID FETCH 10 (UID BODY.PEEK[])" => {
                "* 2 FETCH (UID 10 BODY[] {3}\r\nten)\r\nTAG OK done\r\n"
            }
            command if command.contains("BODY.PEEK") => "* 1 FETCH (UID 9 BODY[] {500}\r\nhalf close",
            _ => return None,
        })
    }
    let mut place = Place::after_eight(breaking).await;
    for _ in 0..3 {
        let (error, _) = place.read().await;
        assert!(matches!(error, ImapError::Broken(_)), "{error}");
    }
    assert_eq!((place.cursor().await, place.stored().await.len()), (8, 0));
    place.read().await;
    assert_eq!((place.cursor().await, place.missing().await), (10, vec![9]));
    assert_eq!(place.stored().await, ["ten"]);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_stored_as_far_as_it_may_be() {
    fn large(command: &str) -> Option<&'static str> {
        Some(match command {
            "UID SEARCH UID 9:*" => "* SEARCH 9\r\nTAG OK done\r\n",
            "UID FETCH 9 (UID RFC822.SIZE)" => {
                "* 1 FETCH (UID 9 RFC822.SIZE 99000000)\r\nTAG OK done\r\n"
            }
            "UID FETCH 9 (UID BODY.PEEK[]<0.10240000>)" => {
                "* 1 FETCH (UID 9 BODY[]<0> {4}\r\nhead)\r\nTAG OK done\r\n"
            }
            _ => return None,
        })
    }
    let mut place = Place::after_eight(large).await;
    place.read().await;
    assert_eq!(place.stored().await, ["head"]);
}

#[tokio::test]
async fn without_move_the_stored_messages_alone_are_expunged() {
    fn old(command: &str) -> Option<&'static str> {
        Some(match command {
            "CAPABILITY" => "* CAPABILITY IMAP4rev1 IDLE UIDPLUS\r\nTAG OK done\r\n",
            "UID SEARCH UID 9:*" => "* SEARCH 9\r\nTAG OK done\r\n",
            "UID FETCH 9 (UID BODY.PEEK[])" => "* 1 FETCH (UID 9 BODY[] {1}\r\nx)\r\nTAG OK done\r\n",
            _ => return None,
        })
    }
    let mut place = Place::after_eight(old).await;
    place.settings.mailbox.move_to = Some("R&D".into());
    let (_, heard) = place.read().await;
    let moving: Vec<_> = heard
        .iter()
        .filter(|command| ["COPY", "STORE", "EXPUNGE", "MOVE"].iter().any(|verb| command.contains(verb)))
        .collect();
    assert_eq!(
        moving,
        ["UID COPY 9 \"R&-D\"", "UID STORE 9 +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE 9"]
    );
}

#[tokio::test]
async fn mail_that_comes_while_other_mail_is_looked_for_is_found_before_waiting() {
    fn busy(command: &str) -> Option<&'static str> {
        static LOOKS: AtomicUsize = AtomicUsize::new(0);
        // Announced behind the answer to a search, when nobody waits for announcements.
        let first = command == "UID SEARCH UID 9:*" && LOOKS.fetch_add(1, Ordering::SeqCst) == 0;
        first.then_some("* SEARCH 8\r\n* 4 EXISTS\r\nTAG OK done\r\n")
    }
    let (_, heard) = Place::after_eight(busy).await.read().await;
    let looks = heard.iter().filter(|command| *command == "UID SEARCH UID 9:*").count();
    assert_eq!((looks, heard.last().map(String::as_str)), (2, Some("IDLE")), "{heard:?}");
}

#[tokio::test]
async fn a_count_that_a_server_repeats_is_no_news() {
    let repeating = |command: &str| {
        command.starts_with("UID SEARCH").then_some("* SEARCH 8\r\n* 3 EXISTS\r\nTAG OK done\r\n")
    };
    let (_, heard) = Place::after_eight(repeating).await.read().await;
    let looks = heard.iter().filter(|command| command.starts_with("UID SEARCH")).count();
    assert_eq!((looks, heard.last().map(String::as_str)), (1, Some("IDLE")), "{heard:?}");
}

#[tokio::test]
async fn a_server_that_announces_nothing_is_asked_now_and_then() {
    fn plain(command: &str) -> Option<&'static str> {
        static LOOKS: AtomicUsize = AtomicUsize::new(0);
        Some(match command {
            "CAPABILITY" => "* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n",
            "UID SEARCH UID 9:*" if LOOKS.fetch_add(1, Ordering::SeqCst) == 2 => "* BYE enough\r\nclose",
            _ => return None,
        })
    }
    let mut place = Place::after_eight(plain).await;
    place.settings.mailbox.poll_every = Duration::from_millis(10);
    let (error, heard) = place.read().await;
    assert!(matches!(&error, ImapError::Broken(said) if said.contains("goodbye: enough")), "{error}");
    assert!(!heard.iter().any(|command| command == "IDLE"), "{heard:?}");
}

#[tokio::test]
async fn a_refused_login_says_so_and_a_token_is_answered_to_the_end() {
    fn refusing(command: &str) -> Option<&'static str> {
        Some(match command {
            "AUTHENTICATE XOAUTH2" => "+ \r\n",
            "dXNlcj1ib3gBYXV0aD1CZWFyZXIgdAEB" => "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n",
            "" => "TAG NO token expired\r\n",
            command if command.starts_with("LOGIN") => "TAG NO [AUTHENTICATIONFAILED] Go away.\r\n",
            _ => return None,
        })
    }
    let mut place = Place::start(refusing).await;
    let (error, _) = place.read().await;
    assert_eq!(error, ImapError::Refused("[AUTHENTICATIONFAILED] Go away.".to_owned()));
    place.settings.mailbox.credential = Credential::TokenCommand("echo t".to_owned());
    let (error, heard) = place.read().await;
    assert_eq!(error, ImapError::Refused("token expired".to_owned()), "{heard:?}");
}

fn acceptor() -> TlsAcceptor {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/certificates");
    let certificate = CertificateDer::from_pem_file(folder.join("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("localhost.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_does_not_prove_who_it_is() {
    let mut place = Place::start(|_| None).await;
    let mut fake = Fake::start(|_| None, Some(acceptor())).await;
    let mailbox = &mut place.settings.mailbox;
    (mailbox.host, mailbox.port, mailbox.tls) = ("localhost".into(), fake.port, true);
    let error = check(mailbox).await.unwrap_err();
    assert!(error.to_string().contains("'ca_file'"), "{error}");
    assert_eq!(fake.heard.recv().await.unwrap(), Vec::<String>::new());
    mailbox.ca_file =
        Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/certificates/authority.pem"));
    assert_eq!(check(mailbox).await.map(|abilities| abilities.idle), Ok(true));
    mailbox.host = "127.0.0.1".into();
    let error = check(mailbox).await.unwrap_err();
    assert!(error.to_string().contains("as its certificate names it"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_none_is_told_from_one_that_is_away() {
    let mut place = Place::start(|command| (command == "greeting").then_some("220 smtp\r\n")).await;
    let said = check(&place.settings.mailbox).await.unwrap_err();
    assert!(matches!(said, ImapError::Unreachable(..)), "{said}");
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    place.settings.mailbox.port = free;
    let said = check(&place.settings.mailbox).await.unwrap_err().to_string();
    assert!(said.contains("Connection refused") && said.contains("'url'"), "{said}");
}

#[test]
fn pauses_double_up_to_a_minute_and_begin_anywhere() {
    let broken = ImapError::Broken(String::new());
    let longest = |failures| pause_after(failures, &broken, u32::MAX).as_secs();
    assert_eq!([0, 1, 5, 6, u32::MAX].map(longest), [1, 2, 32, 60, 60]);
    assert_eq!(pause_after(9, &broken, 0), Duration::ZERO);
    assert_eq!(pause_after(9, &ImapError::Refused(String::new()), u32::MAX).as_secs(), 300);
}
