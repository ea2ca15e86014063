//! Asks DNS who stands behind a message: SPF, DKIM, DMARC and ARC (RFC 7208, 6376, 7489, 8617).
//!
//! Accepting mail never waits for it, and no transaction does: a message about which there is
//! something to ask is set aside as unproven by whoever reads it first, leased and asked about here,
//! and read when the answer is kept. Unknown, late and temporary answers are no pass. Start with
//! [`run`]; what is asked is in [`Authenticator::ask`].

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use mail_auth::common::cache::NoCache;
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts,
};
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    ArcOutput, AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, DnsError,
    MessageAuthenticator, SpfOutput, SpfResult,
};
use mail_auth::{MX, RecordSet};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, error};

use crate::clock::Clock;
use crate::config::Resolver;
use crate::mail::Address;
use crate::mail::authentication::{Authentication, Verdict, count_signatures, read_sealed_results};
use crate::mail::message::read_sole_author;
use crate::store::rows::NewInbound;
use crate::store::{Store, StoreError};

/// All look-ups about one message together.
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// One question to the resolver, which is asked twice at most.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Longer than all that is asked about a message, so that nobody else asks meanwhile.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Messages that are asked about at once: one of a slow domain must not hold up the others.
const AT_ONCE: usize = 64;
/// Rows that another process set aside, or let go of, are noticed within this span.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whom is asked, and who is believed.
pub struct Authenticator {
    resolver: MessageAuthenticator,
    /// What we call ourselves, for the macros of SPF (RFC 7208 section 7).
    host: String,
    /// Domains whose ARC seals are believed, in lower case.
    arc_sealers: Vec<String>,
}

impl Authenticator {
    /// `None` where nobody is to be asked.
    ///
    /// # Errors
    ///
    /// The operator's: the system names no resolver.
    pub fn new(resolver: Resolver, host: &str, arc_sealers: &[String]) -> Result<Option<Self>, String> {
        let Some(resolver) = open(resolver)? else { return Ok(None) };
        let arc_sealers = arc_sealers.iter().map(|domain| domain.to_ascii_lowercase()).collect();
        Ok(Some(Self { resolver, host: host.to_owned(), arc_sealers }))
    }

    /// Asks about one message, no longer than [`ASK_WITHIN`].
    pub async fn ask(&self, message: &NewInbound) -> Authentication {
        match timeout(ASK_WITHIN, self.ask_all(message)).await {
            Ok(said) => said,
            Err(_) => Authentication {
                verdict: Verdict::Unknown,
                findings: "dmarc=temperror, DNS did not answer in time".to_owned(),
            },
        }
    }

    async fn ask_all(&self, message: &NewInbound) -> Authentication {
        let nothing = Authentication::default();
        if count_signatures(&message.octets).is_none() {
            let findings = "more signatures than are looked up, nobody was asked".to_owned();
            return Authentication { findings, ..nothing };
        }
        // Files and pipes may have lost the CRs that were signed.
        let octets = with_crlf(&message.octets);
        let Some(author) = read_sole_author(&octets) else { return nothing };
        let Some(parsed) = AuthenticatedMessage::parse(&octets) else { return nothing };
        // What the parser takes for the author must be who we think it is.
        if !matches!(parsed.from.as_slice(), [only] if only.eq_ignore_ascii_case(author.as_str())) {
            return nothing;
        }
        let mut dkim = self.resolver.verify_dkim(&parsed).await;
        // Behind the length that a signature covers, anybody may write.
        dkim.retain(|one| one.signature().is_none_or(|signature| signature.l == 0));
        let spf = self.ask_spf(message).await;
        let domain = message.reverse_path.as_deref().and_then(|path| path.rsplit_once('@'));
        let hello = message.client.outside.as_ref().map_or("", |outside| outside.hello.as_str());
        let domain = domain.map_or(hello, |(_, domain)| domain);
        let nobody = SpfOutput::default();
        let spf_said = spf.as_ref().unwrap_or(&nobody);
        let parameters = DmarcParameters::new(&parsed, &dkim, domain, spf_said);
        let dmarc = self.resolver.verify_dmarc(parameters).await;
        let own = judge(&dmarc, &dkim, spf.as_ref(), domain);
        if own.verdict == Verdict::Pass || self.arc_sealers.is_empty() {
            return own;
        }
        let arc = self.resolver.verify_arc(&parsed).await;
        let sealed = self.judge_seal(&arc, &author);
        own.or(sealed)
    }

    /// Only of a stranger's host that handed the message to us: behind another server, SPF would say
    /// what is true of that server.
    async fn ask_spf(&self, message: &NewInbound) -> Option<SpfOutput> {
        let outside = message.client.outside.as_ref()?;
        if is_inside(outside.address) {
            return None;
        }
        let parameters = match &message.reverse_path {
            Some(path) => {
                SpfParameters::verify_mail_from(outside.address, &outside.hello, &self.host, path)
            }
            // RFC 7208 section 2.4: a delivery report is of the name in HELO.
            None => SpfParameters::verify_ehlo(outside.address, &outside.hello, &self.host),
        };
        Some(self.resolver.verify_spf(parameters).await)
    }

    /// The newest set counts, when its seal and all below it hold and its sealer is configured.
    fn judge_seal(&self, arc: &ArcOutput<'_>, author: &Address) -> Option<Authentication> {
        let newest = arc.sets().last().filter(|_| *arc.result() == DkimResult::Pass)?;
        let sealer = newest.seal.header.d.to_ascii_lowercase();
        if !self.arc_sealers.contains(&sealer) {
            return None;
        }
        let value = String::from_utf8_lossy(newest.results.value);
        let said = read_sealed_results(&value, author)?;
        Some(Authentication { findings: format!("arc=pass of {sealer}, {}", said.findings), ..said })
    }
}

fn judge(
    dmarc: &DmarcOutput,
    dkim: &[DkimOutput<'_>],
    spf: Option<&SpfOutput>,
    domain: &str,
) -> Authentication {
    let result = dmarc.result();
    let verdict = match &result {
        DmarcResult::Pass => Verdict::Pass,
        // Without SPF nobody knows that it fails; and a domain that asks for nothing says nothing.
        DmarcResult::Fail(_)
            if spf.is_some() && matches!(dmarc.policy(), Policy::Quarantine | Policy::Reject) =>
        {
            Verdict::Fail
        }
        _ => Verdict::Unknown,
    };
    let word = match result {
        DmarcResult::Fail(_) if verdict == Verdict::Unknown && spf.is_none() => "none",
        DmarcResult::Pass => "pass",
        DmarcResult::Fail(_) => "fail",
        DmarcResult::TempError(_) => "temperror",
        DmarcResult::PermError(_) => "permerror",
        DmarcResult::None => "none",
    };
    let mut findings = vec![format!("dmarc={word} header.from={}", shown(dmarc.domain()))];
    if let Some(spf) = spf {
        findings.push(format!("spf={} smtp.mailfrom={}", spf_word(spf), shown(domain)));
    }
    findings.extend(dkim.iter().take(SHOWN_MAX).map(|one| {
        let domain = one.signature().map_or("?", |signature| signature.d.as_str());
        format!("dkim={} header.d={}", dkim_word(one.result()), shown(domain))
    }));
    Authentication { verdict, findings: findings.join(", ") }
}

/// Signatures that people are told of.
const SHOWN_MAX: usize = 3;

fn spf_word(spf: &SpfOutput) -> &'static str {
    match spf.result() {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
        SpfResult::None => "none",
    }
}

fn dkim_word(result: &DkimResult) -> &'static str {
    match result {
        DkimResult::Pass => "pass",
        DkimResult::Fail(_) => "fail",
        DkimResult::Neutral(_) => "neutral",
        DkimResult::TempError(_) => "temperror",
        DkimResult::PermError(_) => "permerror",
        DkimResult::None => "none",
    }
}

/// A domain as it may stand in a timeline and on a terminal.
fn shown(domain: &str) -> String {
    domain.chars().take(100).filter(|c| c.is_alphanumeric() || "-._".contains(*c)).collect()
}

/// Our own machines and networks are in nobody's SPF record but our own, which proves nothing.
fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

fn with_crlf(octets: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let bare = octets.iter().enumerate().any(|(at, octet)| {
        *octet == b'\n' && at.checked_sub(1).and_then(|before| octets.get(before)) != Some(&b'\r')
    });
    if !bare {
        return octets.into();
    }
    let mut whole = Vec::with_capacity(octets.len() + octets.len() / 32);
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                whole.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                whole.extend_from_slice(b"\r\n");
            }
            None => whole.extend_from_slice(line),
        }
    }
    whole.into()
}

/// `None` where nobody is to be asked.
fn open(resolver: Resolver) -> Result<Option<MessageAuthenticator>, String> {
    let opened = match resolver {
        Resolver::Off => return Ok(None),
        Resolver::System => MessageAuthenticator::new_system_conf(),
        Resolver::At(address) => MessageAuthenticator::new(resolver_at(address), options()),
    };
    opened.map(Some).map_err(|error| error.to_string())
}

/// The hosts that take mail for a domain (RFC 5321 section 5.1), the preferred ones first; none where it
/// has no MX record.
///
/// # Errors
///
/// As [`ask_text`].
pub async fn ask_mail_hosts(resolver: Resolver, domain: &str) -> Result<Vec<String>, String> {
    let resolver = open(resolver)?.ok_or_else(|| "[receive.trust] resolver is off".to_owned())?;
    let uncached: Option<&NoCache<Box<str>, RecordSet<MX>>> = None;
    match timeout(ASK_WITHIN, resolver.mx_lookup(domain, uncached)).await {
        Ok(Ok(found)) => {
            Ok(found.rrset.iter().flat_map(|mx| mx.exchanges.clone()).map(Into::into).collect())
        }
        Ok(Err(mail_auth::Error::Dns(DnsError::RecordNotFound(
            ResponseCode::NXDomain | ResponseCode::NoError,
        )))) => Ok(Vec::new()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// The text that DNS has at a name; `None` where it has none.
///
/// # Errors
///
/// The operator's: nobody may be asked, or nobody answers.
pub async fn ask_text(resolver: Resolver, name: &str) -> Result<Option<String>, String> {
    let resolver = open(resolver)?.ok_or_else(|| "[receive.trust] resolver is off".to_owned())?;
    match timeout(ASK_WITHIN, resolver.txt_raw_lookup(name)).await {
        Ok(Ok(octets)) if octets.is_empty() => Ok(None),
        Ok(Ok(octets)) => Ok(Some(String::from_utf8_lossy(&octets).into_owned())),
        Ok(Err(mail_auth::Error::Dns(DnsError::RecordNotFound(
            ResponseCode::NXDomain | ResponseCode::NoError,
        )))) => Ok(None),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

fn resolver_at(address: SocketAddr) -> ResolverConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    let server = NameServerConfig::new(address.ip(), true, connections.to_vec());
    ResolverConfig::from_parts(None, Vec::new(), vec![server])
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = ANSWER_WITHIN;
    options.attempts = 2;
    options
}

/// Asks about unproven messages until `shutdown` becomes true. `unproven` wakes it, and `arrivals` is
/// woken for those that may be read.
pub async fn run(
    store: Store,
    clock: Clock,
    authenticator: Arc<Authenticator>,
    unproven: Arc<Notify>,
    arrivals: Arc<Notify>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut asking = JoinSet::new();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => return,
            () = unproven.notified() => {}
            _ = looks.tick() => {}
            Some(_) = asking.join_next() => {
                arrivals.notify_one();
                if asking.len() + 1 < AT_ONCE {
                    continue;
                }
            }
        }
        let room = AT_ONCE.saturating_sub(asking.len());
        let now = clock.now();
        let leased = match store.lease_unproven(now, now + LEASE, i64::try_from(room).unwrap_or(0)).await
        {
            Ok(leased) => leased,
            Err(StoreError::Conflict) => continue,
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "mail waits to be asked about");
                continue;
            }
        };
        for message in leased {
            asking.spawn(ask_and_keep(store.clone(), authenticator.clone(), message));
        }
    }
}

async fn ask_and_keep(store: Store, authenticator: Arc<Authenticator>, message: NewInbound) {
    let said = authenticator.ask(&message).await;
    debug!(inbound.id = message.id, verdict = ?said.verdict, "asked about mail {}", message.id);
    if let Err(error) = store.save_authentication(message.id, &said).await {
        error!(
            inbound.id = message.id,
            error = &error as &dyn std::error::Error,
            "mail {} is asked about again",
            message.id
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_as_they_were_signed() {
        assert_eq!(with_crlf(b"a\r\nb\r\n").as_ref(), b"a\r\nb\r\n");
        assert_eq!(with_crlf(b"a\nb\n\nc").as_ref(), b"a\r\nb\r\n\r\nc");
        assert_eq!(with_crlf(b"a\r\nb\n").as_ref(), b"a\r\nb\r\n");
        assert_eq!(with_crlf(b"\n").as_ref(), b"\r\n");
    }

    #[test]
    fn hosts_of_our_own_prove_nothing_by_their_address() {
        for inside in ["127.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fd00::1", "::ffff:127.0.0.1"] {
            assert!(is_inside(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["192.0.2.1", "2001:db8::1"] {
            assert!(!is_inside(outside.parse().unwrap()), "{outside}");
        }
    }
}
