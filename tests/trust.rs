//! The trust table, executed cell by cell: who sends, with which proof, and what each of four mails
//! does. Signed mails are really signed, and DNS is really asked.
//!
//! The table that is expected stands at the end; the one that was executed is printed. Start with
//! [`the_trust_table_holds_in_every_cell`].

use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use data_encoding::BASE64;
use firebell::authentication::{self, Authenticator};
use firebell::clock::Clock;
use firebell::config::{Resolver, read_config};
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::incident::decision::{Entry, EntryKind, Purpose};
use firebell::incident::event::Event;
use firebell::incident::state::WideMail;
use firebell::mail::Address;
use firebell::mail::ids::Secret;
use firebell::store::Store;
use firebell::store::rows::{Client, InboundState, NewInbound, Outside, Route};
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::DkimSigner;
use mail_auth::{ArcOutput, AuthenticatedMessage, AuthenticationResults};
use tokio::sync::{Notify, watch};
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use dns::{Answer, NameServer};

#[path = "support/dns.rs"]
mod dns;

const ALICE: &str = "alice@example.org";
/// Another address of hers, of no domain of ours.
const ALICE_AT_HOME: &str = "alice@home.example";
const BOB: &str = "bob@example.org";
const EVE: &str = "eve@evil.example";
/// In the roster, and of a domain whose name server is silent.
const SLOW: &str = "sam@slow.example";
const BROKEN: &str = "berta@broken.example";
const INCIDENTS: &str = "incidents@example.org";
const SIGNED: [&str; 5] = ["From", "To", "Subject", "Date", "Message-ID"];
/// The host that may send for example.org, and one that may not.
const ITS_HOST: [u8; 4] = [192, 0, 2, 1];
const OTHER_HOST: [u8; 4] = [203, 0, 113, 5];

/// Keys of those who sign, and the name server that has their public halves.
struct World {
    keys: HashMap<&'static str, Vec<u8>>,
    rsa: Vec<u8>,
    authenticator: Arc<Authenticator>,
}

fn openssl(arguments: &[&str], input: Option<&std::path::Path>) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(arguments);
    if let Some(path) = input {
        command.arg("-in").arg(path);
    }
    let output = command.output().expect("openssl is there: install the Debian package openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

impl World {
    async fn new() -> Self {
        let text = |text: &str| Answer::Text(text.to_owned());
        let mut table = HashMap::new();
        let mut keys = HashMap::new();
        for domain in ["example.org", "evil.example", "lists.example.net", "other.example"] {
            let key = Ed25519Key::generate_pkcs8().unwrap();
            let public = Ed25519Key::from_pkcs8_der(&key).unwrap().public_key();
            let record = format!("v=DKIM1; k=ed25519; p={}", BASE64.encode(&public));
            table.insert(format!("s1._domainkey.{domain}"), Answer::Text(record));
            table.insert(format!("_dmarc.{domain}"), text("v=DMARC1; p=reject"));
            keys.insert(domain, key);
        }
        let spf = format!(
            "v=spf1 ip4:{} -all",
            Outside { address: ITS_HOST.into(), hello: String::new() }.address
        );
        table.insert("example.org".to_owned(), Answer::Text(spf));
        table.insert("evil.example".to_owned(), text("v=spf1 ip4:203.0.113.0/24 -all"));
        // A key of a kind that ring does not make.
        let file = tempfile::NamedTempFile::new().unwrap();
        let bits = ["-pkeyopt", "rsa_keygen_bits:2048"];
        let made = openssl(&[&["genpkey", "-algorithm", "RSA"], &bits[..]].concat(), None);
        std::fs::write(file.path(), made).unwrap();
        let rsa = openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], Some(file.path()));
        let public = openssl(&["pkey", "-pubout", "-outform", "DER"], Some(file.path()));
        let record = format!("v=DKIM1; k=rsa; p={}", BASE64.encode(&public));
        table.insert("rsa._domainkey.example.org".to_owned(), Answer::Text(record));
        for (domain, answer) in [("slow.example", Answer::Silence), ("broken.example", Answer::Fails)] {
            for name in ["s1._domainkey.", "_dmarc.", ""] {
                table.insert(format!("{name}{domain}"), answer.clone());
            }
        }
        let server = NameServer::start(table).await;
        let sealers = ["lists.example.net".to_owned()];
        let authenticator = Authenticator::new(Resolver::At(server.address), "example.org", &sealers);
        Self { keys, rsa, authenticator: Arc::new(authenticator.unwrap().unwrap()) }
    }

    fn sign(&self, domain: &'static str, mail: &str) -> String {
        let key = self.keys.get(domain).or_else(|| self.keys.get("example.org")).unwrap();
        let key = Ed25519Key::from_pkcs8_der(key).unwrap();
        let signer = DkimSigner::from_key(key).domain(domain).selector("s1").headers(SIGNED);
        signer.sign(mail.as_bytes()).unwrap().to_header() + mail
    }

    fn sign_with_rsa(&self, mail: &str) -> String {
        let key =
            RsaKey::<Sha256>::from_key_der(PrivatePkcs8KeyDer::from(self.rsa.clone()).into()).unwrap();
        let signer = DkimSigner::from_key(key).domain("example.org").selector("rsa").headers(SIGNED);
        signer.sign(mail.as_bytes()).unwrap().to_header() + mail
    }

    /// As a list does that found the mail good, changed it and sealed that.
    fn seal(&self, domain: &'static str, mail: &str) -> String {
        let changed = mail.replace("\r\n\r\n", "\r\nList-Id: <l.example.net>\r\n\r\n");
        let parsed = AuthenticatedMessage::parse(changed.as_bytes()).unwrap();
        let results =
            AuthenticationResults::new("lists.example.net; dmarc=pass header.from=example.org");
        let key = Ed25519Key::from_pkcs8_der(&self.keys[domain]).unwrap();
        let sealer =
            mail_auth::arc::ArcSealer::from_key(key).domain(domain).selector("s1").headers(SIGNED);
        let sealed = sealer.seal(&parsed, &results, &ArcOutput::default()).unwrap();
        sealed.to_header() + &changed
    }
}

/// How a mail comes: who says to have written it, and what it proves.
struct Sender {
    name: &'static str,
    from: &'static str,
    route: Route,
    client: Client,
    /// The token in the address that it is sent to, for those mails that go to an incident.
    token: Token,
    reverse_path: &'static str,
    prove: Prove,
}

/// Adds to a mail what proves it.
type Prove = Box<dyn Fn(&World, String) -> String>;

#[derive(Clone, Copy, PartialEq)]
enum Token {
    None,
    Own,
    /// Of somebody else.
    Of(&'static str),
    /// Of somebody, and made void before the mail came.
    Void(&'static str),
}

fn sender(name: &'static str, from: &'static str) -> Sender {
    Sender {
        name,
        from,
        route: Route::Lmtp,
        client: Client::default(),
        token: Token::None,
        reverse_path: from,
        prove: Box::new(|_, mail| mail),
    }
}

fn host(address: [u8; 4]) -> Client {
    let outside = Outside { address: address.into(), hello: "mail.example.org".to_owned() };
    Client { outside: Some(outside), ..Client::default() }
}

fn login(address: &str) -> Client {
    Client { login: Some(Address::read(address).unwrap()), ..Client::default() }
}

const PASS: &str = "dmarc=pass header.from=example.org";

fn results(value: &str, mail: &str) -> String {
    format!("Authentication-Results: {value}\r\n{mail}")
}

/// Signed by DKIM.
fn signed(domain: &'static str) -> Prove {
    Box::new(move |world, mail| world.sign(domain, &mail))
}

/// Sealed by ARC.
fn sealed(domain: &'static str) -> Prove {
    Box::new(move |world, mail| world.seal(domain, &mail))
}

/// With the results that a server wrote down.
fn passed(server: &'static str) -> Prove {
    Box::new(move |_, mail| results(&format!("{server}; {PASS}"), &mail))
}

/// Every proof of the table, right and wrong.
fn senders() -> Vec<Sender> {
    let smtp = |sender: Sender| Sender { route: Route::Smtp, ..sender };
    vec![
        sender("known, nothing", ALICE),
        Sender { token: Token::Own, ..sender("known, token", ALICE) },
        Sender { token: Token::Of(BOB), ..sender("known, token of another", ALICE) },
        Sender { token: Token::Void(ALICE), ..sender("known, token made void", ALICE) },
        Sender { token: Token::Of(ALICE), ..sender("known, token, from their other", ALICE_AT_HOME) },
        Sender {
            token: Token::Of(BOB),
            prove: signed("example.org"),
            ..sender("known, DKIM, token of another", ALICE)
        },
        smtp(Sender {
            token: Token::Of(BOB),
            client: login(ALICE),
            ..sender("known, login, token of another", ALICE)
        }),
        smtp(Sender {
            token: Token::Own,
            client: host(OTHER_HOST),
            ..sender("known, token, DMARC fails", ALICE)
        }),
        smtp(Sender { client: login(ALICE), ..sender("known, login", ALICE) }),
        smtp(Sender { client: login(BOB), ..sender("known, login of another", ALICE) }),
        smtp(Sender { client: Client::of_trusted_network(), ..sender("known, trusted network", ALICE) }),
        smtp(Sender { prove: signed("example.org"), ..sender("known, DKIM by SMTP", ALICE) }),
        Sender { prove: signed("example.org"), ..sender("known, DKIM by LMTP", ALICE) },
        Sender {
            route: Route::Imap,
            prove: signed("example.org"),
            ..sender("known, DKIM by IMAP", ALICE)
        },
        Sender {
            route: Route::Ingest,
            prove: Box::new(|world, mail| world.sign("example.org", &mail).replace("\r\n", "\n")),
            ..sender("known, DKIM by pipe, no CR", ALICE)
        },
        Sender {
            prove: Box::new(|world, mail| world.sign_with_rsa(&mail)),
            ..sender("known, DKIM with RSA", ALICE)
        },
        Sender {
            prove: Box::new(|world, mail| world.sign("example.org", &mail).replace("slow", "sloW")),
            ..sender("known, DKIM, text changed", ALICE)
        },
        Sender { prove: signed("evil.example"), ..sender("known, DKIM of another domain", ALICE) },
        smtp(Sender { client: host(ITS_HOST), ..sender("known, SPF as MX", ALICE) }),
        smtp(Sender { client: host(OTHER_HOST), ..sender("known, SPF fails as MX", ALICE) }),
        smtp(Sender {
            client: host(OTHER_HOST),
            reverse_path: EVE,
            ..sender("known, SPF of another domain", ALICE)
        }),
        smtp(sender("known, not the MX", ALICE)),
        Sender { prove: passed("mx.example.org"), ..sender("known, results of our server", ALICE) },
        Sender { prove: passed("mx.evil.example"), ..sender("known, results of another", ALICE) },
        Sender {
            prove: Box::new(|_, mail| {
                let forged = results(&format!("mx.example.org; {PASS}"), &mail);
                results("mx.example.org; dmarc=none header.from=example.org", &forged)
            }),
            ..sender("known, results forged below", ALICE)
        },
        smtp(Sender {
            client: host(OTHER_HOST),
            prove: passed("mx.example.org"),
            ..sender("known, results by the stranger", ALICE)
        }),
        Sender { prove: sealed("lists.example.net"), ..sender("known, ARC of our list", ALICE) },
        Sender { prove: sealed("other.example"), ..sender("known, ARC of another list", ALICE) },
        Sender { prove: signed("slow.example"), ..sender("known, DNS is silent", SLOW) },
        Sender { prove: signed("broken.example"), ..sender("known, DNS fails", BROKEN) },
        Sender {
            prove: Box::new(|world, mail| world.sign("example.org", &format!("From: {EVE}\r\n{mail}"))),
            ..sender("two From, DKIM", ALICE)
        },
        Sender {
            client: Client::of_trusted_network(),
            prove: Box::new(|_, mail| format!("From: {EVE}\r\n{mail}")),
            ..sender("two From, trusted network", ALICE)
        },
        sender("stranger, nothing", EVE),
        Sender { prove: signed("evil.example"), ..sender("stranger, DKIM", EVE) },
        smtp(Sender { client: host(OTHER_HOST), ..sender("stranger, SPF as MX", EVE) }),
        Sender { token: Token::Of(BOB), ..sender("stranger, forwarded token", EVE) },
        Sender { token: Token::Void(BOB), ..sender("stranger, forwarded token, void", EVE) },
        Sender {
            token: Token::Of(BOB),
            prove: signed("evil.example"),
            ..sender("stranger, DKIM, forwarded token", EVE)
        },
    ]
}

fn nine() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(2026, 11, 23).unwrap().and_hms_opt(9, 0, 0).unwrap().and_utc()
}

/// One server with one incident, which Bob declared.
struct Server {
    engine: Engine,
    unproven: Arc<Notify>,
    arrivals: Arc<Notify>,
    stop: watch::Sender<bool>,
    received: i64,
    folder: tempfile::TempDir,
}

impl Server {
    async fn start(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("firebell.db").display());
        let text = format!(
            "address = \"{INCIDENTS}\"\ndomains = [\"example.org\"]\n\
             [receive.trust]\nauthserv_ids = [\"mx.example.org\"]\n\
             [[person]]\nname = \"Alice Ng\"\nalias = \"alice\"\nemail = \"{ALICE}\"\n\
             also = [\"{ALICE_AT_HOME}\"]\n\
             [[person]]\nname = \"Bob Okafor\"\nalias = \"bob\"\nemail = \"{BOB}\"\n\
             [[person]]\nname = \"Sam Slow\"\nalias = \"sam\"\nemail = \"{SLOW}\"\n\
             [[person]]\nname = \"Berta Broken\"\nalias = \"berta\"\nemail = \"{BROKEN}\"\n\
             [[list]]\nname = \"everyone\"\naddress = \"everyone@lists.example.org\"\n"
        );
        let policy = read_config(&text, "test").unwrap().policy();
        let store = Store::open(&url).await.unwrap();
        let clock = Clock::manual(nine());
        let mut engine = Engine::new(store.clone(), clock.clone(), Ids::new(1), secret(), policy);
        let (unproven, arrivals) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        engine.unproven = Some(unproven.clone());
        let (stop, stopping) = watch::channel(false);
        let asking = (world.authenticator.clone(), unproven.clone(), arrivals.clone());
        tokio::spawn(authentication::run(store, clock, asking.0, asking.1, asking.2, stopping));
        let mut server = Self { engine, unproven, arrivals, stop, received: 0, folder };
        let bob = Sender { client: Client::of_trusted_network(), ..sender("", BOB) };
        server.hear(world, &bob, "Checkout is slow", "It is slow.", None).await;
        server
    }

    /// Takes a mail and reads it, however long it has to be asked about; returns its id.
    async fn hear(
        &mut self,
        world: &World,
        sender: &Sender,
        subject: &str,
        text: &str,
        incident: Option<i64>,
    ) -> i64 {
        let to = match (incident, sender.token) {
            (None, _) => INCIDENTS.to_owned(),
            (Some(number), Token::None) => format!("incidents+{number}@example.org"),
            (Some(number), token) => {
                let owner = match token {
                    Token::Of(owner) | Token::Void(owner) => owner,
                    _ => sender.from,
                };
                let token = secret().incident_token(number, &Address::read(owner).unwrap(), 0);
                format!("incidents+{number}.{token}@example.org")
            }
        };
        self.received += 1;
        let mail = format!(
            "From: {}\r\nTo: {to}\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <{}@away.example>\r\n\
             Subject: {subject}\r\n\r\n{text}\r\n",
            sender.from, self.received
        );
        let id = self.engine.ids.next(nine());
        let message = NewInbound {
            id,
            received_at: nine() + TimeDelta::seconds(self.received),
            reverse_path: Some(sender.reverse_path.to_owned()),
            recipients: vec![Address::read(&to).unwrap()],
            client: sender.client.clone(),
            route: sender.route,
            octets: (sender.prove)(world, mail).into_bytes(),
        };
        self.engine.store.save_inbound(&[message]).await.unwrap();
        let reading = async {
            loop {
                while self.engine.read_waiting().await.unwrap() > 0 {}
                if self.engine.store.count_waiting_inbound().await.unwrap() == 0 {
                    return;
                }
                self.arrivals.notified().await;
            }
        };
        // All look-ups together have five seconds; a busy machine has more.
        tokio::time::timeout(Duration::from_secs(60), reading).await.expect("it is read in time");
        id
    }

    async fn state_of(&self, id: i64) -> InboundState {
        let mut write = self.engine.store.begin_write().await.unwrap();
        write.load_inbound(id).await.unwrap().unwrap().1
    }

    /// The entries of INC-1 since Bob's declaration.
    async fn entries(&self) -> Vec<Entry> {
        self.engine.store.load_timeline(1).await.unwrap().split_off(1)
    }

    /// Mails of this purpose that were written to Eve or to anybody of the roster.
    async fn written(&self, purpose: Purpose) -> usize {
        let rows = self.engine.store.load_outbox(None, 1_000).await.unwrap();
        rows.iter().filter(|row| row.purpose == purpose).count()
    }

    async fn declare(&mut self, world: &World, sender: &Sender) -> &'static str {
        let id = self.hear(world, sender, "Login is slow", "Nobody can log in, it is slow.", None).await;
        let declared = self.engine.store.load_incident(2).await.unwrap();
        match (declared.map(|stored| stored.incident.wide_mail), self.state_of(id).await) {
            (Some(WideMail::Sent), _) => "yes",
            (Some(_), _) => "lists wait",
            (None, InboundState::Held) => "held",
            (None, _) => "no",
        }
    }

    async fn note(&mut self, world: &World, sender: &Sender) -> &'static str {
        let answer = "Re: [INC-1] Checkout is slow";
        self.hear(world, sender, answer, "The replica is slow as well.", Some(1)).await;
        let entries = self.entries().await;
        let written = entries.iter().find(|entry| entry.text.contains("replica"));
        match written.map(|entry| (entry.kind, entry.verified)) {
            Some((EntryKind::Note, true)) => "yes",
            Some((EntryKind::Filed, false)) => "filed",
            None => "no",
            other => panic!("{other:?}"),
        }
    }

    async fn command(&mut self, world: &World, sender: &Sender) -> &'static str {
        let answer = "Re: [INC-1] Checkout is slow";
        self.hear(world, sender, answer, "Impact: slow for all", Some(1)).await;
        let incident = self.engine.store.load_incident(1).await.unwrap().unwrap().incident;
        match (incident.impact, incident.unconfirmed.as_slice()) {
            (Some(_), []) => "yes",
            (None, [waiting]) if waiting.by.address.as_str() == BOB => "confirm by Bob",
            (None, [waiting]) if waiting.by.address.as_str() == sender.from => "confirm",
            (None, []) => "no",
            other => panic!("{other:?}"),
        }
    }

    async fn receipt(&mut self, world: &World, sender: &Sender) -> &'static str {
        let answer = "Re: [INC-1] Checkout is slow";
        self.hear(world, sender, answer, "Severity: very slow", Some(1)).await;
        if self.written(Purpose::Receipt).await > 0 { "yes" } else { "no" }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.unproven.notify_one();
    }
}

fn secret() -> Secret {
    Secret::new(&[7; 32])
}

/// A row of the table: the four mails, each to a server of its own.
async fn row(world: &World, sender: &Sender) -> String {
    let mut cells = Vec::new();
    let mut proof = String::new();
    for cell in 0..4 {
        let mut server = Server::start(world).await;
        if let Token::Void(owner) = sender.token {
            let of = server.engine.policy().roster.person(&Address::read(owner).unwrap(), "");
            server.engine.act(vec![(1, Event::TokensVoided { of })]).await.unwrap();
        }
        cells.push(match cell {
            0 => server.declare(world, sender).await,
            1 => server.note(world, sender).await,
            2 => server.command(world, sender).await,
            _ => server.receipt(world, sender).await,
        });
        // Every decision is in the audit, and what the audit says is in the entry.
        let audited = server.engine.store.load_audit(None, None, 1).await.unwrap().remove(0);
        if cell == 1 {
            let entries = server.entries().await;
            let entry = entries.iter().find(|entry| entry.text.contains("replica"));
            if let Some(entry) = entry.filter(|entry| !entry.proof.is_empty()) {
                assert_eq!(entry.proof, audited.proof, "{}", sender.name);
            }
            proof = audited.proof;
        }
    }
    let [declare, note, command, receipt] = cells.as_slice() else { panic!("four cells") };
    format!("{:<32} {declare:<10} {note:<6} {command:<14} {receipt:<7} {proof}", sender.name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trust_table_holds_in_every_cell() {
    let world = World::new().await;
    let mut table = format!("{:<32} declare    note   command        receipt by\n", "sender and proof");
    for sender in senders() {
        let row = row(&world, &sender).await;
        println!("{row}");
        let _ = writeln!(table, "{}", row.trim_end());
    }
    let expected = include_str!("trust.txt");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trust.txt");
    if std::env::var_os("FIREBELL_REWRITE").is_some() {
        std::fs::write(path, &table).unwrap();
        return;
    }
    assert_eq!(table, expected, "\n--- as executed\n{table}");
}

/// Everything that the database holds as text, but for what arrived and for what each copy carries.
async fn stored_texts(folder: &std::path::Path) -> String {
    let url = format!("sqlite:{}", folder.join("firebell.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let mut texts = String::new();
    for (table, column) in columns {
        if matches!(
            (table.as_str(), column.as_str()),
            ("inbound", "recipients" | "octets") | ("outbox", "token")
        ) {
            continue;
        }
        let query = format!("select quote(\"{column}\") from \"{table}\"");
        let values: Vec<(String,)> =
            sqlx::query_as(sqlx::AssertSqlSafe(query)).fetch_all(&pool).await.unwrap();
        values.into_iter().for_each(|(value,)| texts.push_str(&format!("{table}.{column} {value}\n")));
    }
    texts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_in_nothing_that_is_kept_shown_or_sent_on() {
    let world = World::new().await;
    let mut server = Server::start(&world).await;
    let token = secret().incident_token(1, &Address::read(ALICE).unwrap(), 0);
    let address = format!("incidents+1.{token}@example.org");
    let alice = Sender {
        client: Client::of_trusted_network(),
        token: Token::Own,
        prove: Box::new(|_, mail| {
            let to = mail.lines().find_map(|line| line.strip_prefix("To: ")).unwrap().to_owned();
            let name = format!("From: \"Alice via {to}\" <");
            mail.replacen("From: ", &name, 1).replacen("\r\nTo: ", ">\r\nTo: ", 1)
        }),
        ..sender("", ALICE)
    };
    let subject = format!("Re: [INC-1] {address}");
    let text = format!(
        "I have command\r\nLink: mailto:{address}\r\nSeverity: {address}\r\n\r\nWrite to {address} now.\r\n\r\n\
         On Monday, Incidents <{address}> wrote:\r\n> reply to {address}"
    );
    server.hear(&world, &alice, &subject, &text, Some(1)).await;
    // Somebody of the domain who is in no roster, so that their name is as they wrote it.
    let other = Sender { from: "ann@example.org", ..alice };
    let file = "--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n--b\r\nContent-Type: text/csv\r\n\
                Content-Disposition: attachment; filename=\"ADDRESS.csv\"\r\n\r\n1\r\n--b--";
    let head = format!("{subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b");
    server.hear(&world, &other, &head, &file.replace("ADDRESS", &address), Some(1)).await;
    let texts = stored_texts(server.folder.path()).await;
    assert!(texts.contains("See the file") && texts.contains(".csv"));
    let found: Vec<&str> = texts.lines().filter(|line| line.contains(&token)).collect();
    assert!(texts.contains("Write to") && found.is_empty(), "{found:#?}");
    let now = nine();
    let jobs = server.engine.store.lease_outbox(1_000, now + TimeDelta::hours(1), now).await.unwrap();
    assert!(!jobs.is_empty());
    for job in jobs {
        let octets = String::from_utf8_lossy(&job.octets);
        let own = job.recipient.as_str() == ALICE;
        assert!(own || !octets.contains(&token), "to {}\n{octets}", job.recipient);
    }
}

/// Each signature covers another length of the body, so that each would be another look at it.
#[tokio::test]
async fn a_thousand_signatures_are_not_looked_at() {
    let world = World::new().await;
    for name in ["DKIM-Signature", "ARC-Message-Signature"] {
        let signatures: String = (1..900)
            .map(|n| {
                format!(
                    "{name}: i=1;a=rsa-sha256;d=evil.example;s=s{n};h=From;l={};b=eA==;bh=eA==\r\n",
                    n * 9
                )
            })
            .collect();
        let body = "x".repeat(70) + "\r\n";
        let mail = format!("{signatures}From: {BOB}\r\n\r\n{}", body.repeat(100_000));
        let client = Outside { address: ITS_HOST.into(), hello: "mx.example.org".to_owned() };
        let message = NewInbound {
            id: 1,
            received_at: nine(),
            reverse_path: Some(BOB.to_owned()),
            recipients: vec![Address::read(INCIDENTS).unwrap()],
            client: Client { outside: Some(client), ..Client::default() },
            route: Route::Smtp,
            octets: mail.into_bytes(),
        };
        let said = world.authenticator.ask(&message).await;
        assert!(said.findings.contains("nobody was asked"), "{name}: {}", said.findings);
    }
}
