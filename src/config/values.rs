//! The values of the configuration: spans, times, days, networks, listeners, relays.
//!
//! Every reader returns a sentence for whoever wrote the value wrongly. Nothing here opens a file
//! or a socket.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use chrono::{NaiveDate, NaiveTime, TimeDelta, Weekday};

use super::mailbox::Credential;
use crate::incident::policy::{Party, PostmortemDuty, RungAt, Span};
use crate::roster::zone::Zone;

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A network of hosts (RFC 4632), such as `192.0.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    pub address: IpAddr,
    pub prefix: u8,
}

impl Network {
    /// Whether a host is in the network. An IPv4 host that IPv6 maps is its IPv4 self.
    pub fn contains(&self, host: IpAddr) -> bool {
        let first_bits = |bits: u128, width: u32| {
            bits.checked_shr(width.saturating_sub(u32::from(self.prefix))).unwrap_or(0)
        };
        match (self.address.to_canonical(), host.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(host)) => {
                first_bits(own.to_bits().into(), 32) == first_bits(host.to_bits().into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(host)) => {
                first_bits(own.to_bits(), 128) == first_bits(host.to_bits(), 128)
            }
            _ => false,
        }
    }
}

/// Who is asked about names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolver {
    /// Nobody: SPF, DKIM, DMARC and ARC prove nothing.
    Off,
    /// As `/etc/resolv.conf` says.
    System,
    At(SocketAddr),
}

/// How mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relay {
    Smtp {
        host: String,
        port: u16,
        tls: RelayTls,
        login: Option<Login>,
    },
    /// A folder of mailboxes, one a recipient.
    Maildir(PathBuf),
}

impl Relay {
    /// What people and machines call it.
    pub fn name(&self) -> String {
        match self {
            Self::Smtp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Smtp { host, port, .. } => format!("{host}:{port}"),
            Self::Maildir(_) => "maildir".to_owned(),
        }
    }
}

/// Who logs in, and where to find what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub name: String,
    pub credential: Credential,
}

/// How the way to the relay is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayTls {
    /// Not at all: to loopback only.
    Plain,
    /// STARTTLS, required and verified.
    StartTls,
    /// TLS from the first octet, verified.
    Implicit,
}

pub(super) fn read_time(text: &str) -> Result<NaiveTime, String> {
    NaiveTime::parse_from_str(text.trim(), "%H:%M")
        .map_err(|_| format!("`{text}` is no time of day; write it as 09:00"))
}

pub(super) fn read_date(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d")
        .map_err(|_| format!("`{text}` is no date; write it as 2026-12-25"))
}

fn read_weekday(text: &str) -> Result<Weekday, String> {
    text.trim().parse().map_err(|_| {
        format!("`{text}` is no day of the week; write Mon, Tue, Wed, Thu, Fri, Sat or Sun")
    })
}

/// `Mon-Fri`, or `Mon, Tue, Thu`.
pub(super) fn read_weekdays(text: &str) -> Result<Vec<Weekday>, String> {
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (read_weekday(first)?, read_weekday(last)?);
        days.push(day);
        while day != last {
            day = day.succ();
            days.push(day);
        }
    }
    Ok(days)
}

/// `09:00-18:00`.
pub(super) fn read_hours(text: &str) -> Result<(NaiveTime, NaiveTime), String> {
    let wrong = || format!("`{text}` are no hours; write them as 09:00-18:00");
    let (opens, closes) = text.split_once('-').ok_or_else(wrong)?;
    let (opens, closes) = (read_time(opens)?, read_time(closes)?);
    if opens < closes { Ok((opens, closes)) } else { Err(wrong()) }
}

/// `Mon 09:00` is weekly, `09:00` is daily.
pub(super) fn read_handover(text: &str) -> Result<(Option<Weekday>, NaiveTime), String> {
    match text.trim().split_once(' ') {
        Some((day, time)) => Ok((Some(read_weekday(day)?), read_time(time)?)),
        None => Ok((None, read_time(text)?)),
    }
}

pub(super) fn read_zone(text: &str) -> Result<Zone, String> {
    Zone::named(text).ok_or_else(|| {
        let names = Zone::names();
        let near = super::source::nearest(text, names.iter().map(String::as_str));
        let near =
            near.map_or("such as Europe/Berlin".to_owned(), |near| format!("did you mean `{near}`?"));
        format!("there is no time zone `{text}`; {near}")
    })
}

/// `5s`, `30m`, `2h`, `1h30m`, `90 days`.
pub(super) fn read_delta(text: &str) -> Result<TimeDelta, String> {
    let wrong = || format!("`{text}` is no duration; write it as 5s, 30m, 2h, 1h30m or 3 days");
    let mut rest = text.trim();
    let mut seconds = 0_i64;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at_checked(digits).ok_or_else(wrong)?;
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let after = after.trim_start();
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, after) = after.split_at_checked(letters).ok_or_else(wrong)?;
        let unit_seconds = match unit {
            "s" | "sec" | "second" | "seconds" => 1,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3_600,
            "d" | "day" | "days" => 86_400,
            _ => return Err(wrong()),
        };
        seconds = seconds.saturating_add(i64::from(number) * unit_seconds);
        rest = after.trim_start();
    }
    // A hundred years; beyond it sums of instants would leave the calendar.
    if seconds > 100 * 366 * 86_400 {
        return Err(format!("`{text}` is longer than any promise"));
    }
    Ok(TimeDelta::seconds(seconds))
}

/// A duration of more than nothing.
pub(super) fn read_positive(text: &str) -> Result<TimeDelta, String> {
    read_delta(text).and_then(|delta| {
        if delta > TimeDelta::zero() {
            Ok(delta)
        } else {
            Err(format!("`{text}` is no time at all; write at least 1s"))
        }
    })
}

/// A duration of more than nothing, or `never`.
pub(super) fn read_positive_or_never(text: &str) -> Result<Option<TimeDelta>, String> {
    if text.trim().eq_ignore_ascii_case("never") {
        return Ok(None);
    }
    read_positive(text).map(Some).map_err(|why| format!("{why}, or never"))
}

/// Room on a disk: `500 MB`, `2 GB`, in powers of ten.
pub(super) fn read_room(text: &str) -> Result<u64, String> {
    // A tenth of it is a day's, and the largest message must fit in there.
    const LEAST: u64 = 200_000_000;
    let text = text.trim();
    let (number, unit) =
        text.split_at(text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len());
    let unit = match unit.trim() {
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000_u64,
        _ => return Err(format!("`{text}` is no room on a disk; write it as 500 MB or 2 GB")),
    };
    let octets = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match octets {
        Some(octets) if octets >= LEAST => Ok(octets),
        Some(_) => Err(format!("`{text}` is too little for a few large mails; write 200 MB or more")),
        None => Err(format!("`{text}` is no room on a disk; write it as 500 MB or 2 GB")),
    }
}

/// A duration, `3 business days` or `next working hour`.
pub(super) fn read_span(text: &str) -> Result<Span, String> {
    if text.trim().eq_ignore_ascii_case("next working hour") {
        return Ok(Span::NextWorkingHour);
    }
    if let Some(days) = read_business_days(text) {
        return Ok(Span::BusinessDays(days));
    }
    read_positive(text)
        .map(Span::Clock)
        .map_err(|why| format!("{why}, 3 business days or next working hour"))
}

fn read_business_days(text: &str) -> Option<u32> {
    let (number, words) = text.trim().split_once(' ')?;
    let is_days = matches!(words.trim(), "business day" | "business days");
    number.parse().ok().filter(|days| is_days && (1..=366).contains(days))
}

pub(super) fn read_duty(text: &str) -> Result<PostmortemDuty, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "none" | "never" => Ok(PostmortemDuty::None),
        "asked once" => Ok(PostmortemDuty::AskedOnce),
        _ => match read_span(text)? {
            Span::NextWorkingHour => {
                Err("a postmortem needs more than the next working hour".to_owned())
            }
            span => Ok(PostmortemDuty::Within(span)),
        },
    }
}

/// `-5m`, `0s`, `50%`, `due day 09:00`, `1 business day`.
pub(super) fn read_rung_at(text: &str) -> Result<RungAt, String> {
    let text = text.trim();
    if let Some(percent) = text.strip_suffix('%') {
        let percent = percent.trim().parse().ok().filter(|percent| *percent <= 100);
        return percent
            .map(RungAt::BusinessPercent)
            .ok_or_else(|| format!("`{text}` is no share; write 0% to 100%"));
    }
    if let Some(time) = text.strip_prefix("due day") {
        return read_time(time).map(RungAt::DueDayAt);
    }
    let (sign, plain) = match text.strip_prefix('-') {
        Some(plain) => (-1, plain),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if let Some(days) = read_business_days(plain).filter(|_| sign == 1) {
        return Ok(RungAt::BusinessDaysAfter(days));
    }
    read_delta(plain).map(|delta| RungAt::Offset(delta * sign))
}

pub(super) fn read_party(text: &str) -> Result<Party, String> {
    const PARTIES: [(&str, Party); 6] = [
        ("owner", Party::Owner),
        ("reporter", Party::Reporter),
        ("commander", Party::Commander),
        ("deputy", Party::Deputy),
        ("liaison", Party::Liaison),
        ("leadership", Party::Leadership),
    ];
    PARTIES.iter().find(|(name, _)| *name == text).map(|(_, party)| *party).ok_or_else(|| {
        let names = PARTIES.map(|(name, _)| name);
        match super::source::nearest(text, names.into_iter()) {
            Some(near) => format!("nobody is called `{text}`; did you mean '{near}'?"),
            None => format!("nobody is called `{text}`; write one of {}", names.join(", ")),
        }
    })
}

pub(super) fn read_socket(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| {
        format!("`{text}` is no address to listen on; write it as 127.0.0.1:2525 or [::1]:2525")
    })
}

pub(super) fn read_resolver(text: &str) -> Result<Resolver, String> {
    let wrong =
        || format!("`{text}` is no resolver; write system, off, or an address such as 127.0.0.1:53");
    match text.trim() {
        "system" => Ok(Resolver::System),
        "off" => Ok(Resolver::Off),
        address => match address.parse::<IpAddr>() {
            Ok(address) => Ok(Resolver::At(SocketAddr::new(address, 53))),
            Err(_) => address.parse().map(Resolver::At).map_err(|_| wrong()),
        },
    }
}

pub(super) fn read_listen(text: &str) -> Result<Listen, String> {
    match text.trim().strip_prefix("unix:") {
        Some(path) if path.starts_with('/') => Ok(Listen::Unix(PathBuf::from(path))),
        Some(_) => Err(format!("`{text}` needs a whole path; write it as unix:/run/firebell/lmtp")),
        None => read_socket(text).map(Listen::Tcp),
    }
}

pub(super) fn read_network(text: &str) -> Result<Network, String> {
    let wrong = || format!("`{text}` is no network; write it as 192.0.2.0/24 or 2001:db8::/32");
    let (address, prefix) = match text.trim().split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| wrong())?)),
        None => (text.trim(), None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(width);
    if prefix > width {
        return Err(wrong());
    }
    // `192.0.2.1/24` may mean the host or the network; trust is no place to guess.
    let bits = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    let host_bits = u32::from(width - prefix);
    let host_mask = 1_u128.checked_shl(host_bits).map_or(u128::MAX, |bit| bit - 1);
    if bits & host_mask != 0 {
        return Err(format!(
            "`{text}` has bits behind its prefix; write the network, or the one host without /{prefix}"
        ));
    }
    Ok(Network { address, prefix })
}

/// `smtp://127.0.0.1:25`, `smtp+starttls://relay.example.org:587`, `smtps://…`, `maildir:PATH`; and
/// the name before the host, if there is one.
pub(super) fn read_relay(text: &str) -> Result<(Relay, Option<String>), String> {
    let text = text.trim();
    if let Some(path) = text.strip_prefix("maildir:") {
        return if path.is_empty() {
            Err("a maildir needs a path; write it as maildir:/var/lib/firebell/out".to_owned())
        } else {
            Ok((Relay::Maildir(PathBuf::from(path)), None))
        };
    }
    let (tls, rest, usual_port) = if let Some(rest) = text.strip_prefix("smtp://") {
        (RelayTls::Plain, rest, 25)
    } else if let Some(rest) = text.strip_prefix("smtp+starttls://") {
        (RelayTls::StartTls, rest, 587)
    } else if let Some(rest) = text.strip_prefix("smtps://") {
        (RelayTls::Implicit, rest, 465)
    } else {
        return Err(format!(
            "`{text}` is no relay; write it as smtp://127.0.0.1:25, smtp+starttls://host:587, \
             smtps://host:465 or maildir:PATH"
        ));
    };
    let rest = rest.trim_end_matches('/');
    let (login, place) = match rest.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, rest),
    };
    if login.is_some_and(|login| login.contains(':')) {
        return Err(
            "a password does not belong into this file; name its file as password_file".to_owned()
        );
    }
    let (host, port) = split_port(place, usual_port)
        .ok_or_else(|| format!("`{place}` is no host; write it as relay.example.org:{usual_port}"))?;
    if tls == RelayTls::Plain && !is_loopback(host) {
        return Err(format!(
            "smtp:// is not protected and goes to this machine only; write smtp+starttls://{host} or smtps://{host}"
        ));
    }
    let relay = Relay::Smtp { host: host.to_owned(), port, tls, login: None };
    Ok((relay, login.map(|login| login.replace("%40", "@"))))
}

pub(super) fn split_port(place: &str, usual: u16) -> Option<(&str, u16)> {
    let (host, port) = if let Some(inner) = place.strip_prefix('[') {
        let (host, after) = inner.split_once(']')?;
        (host, after.strip_prefix(':'))
    } else {
        match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        }
    };
    let port = match port {
        Some(port) => port.parse().ok()?,
        None => usual,
    };
    let host_ok =
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:_".contains(c));
    (host_ok && port > 0).then_some((host, port))
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
}

pub(super) fn read_web_url(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(char::is_whitespace) => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is no address of a page; write it as https://incidents.example.org")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_smtp_goes_to_this_machine_only() {
        assert!(read_relay("smtp://127.0.0.1:25").is_ok());
        assert!(read_relay("smtp://[::1]:25").is_ok());
        assert!(read_relay("smtp://localhost").is_ok());
        assert!(read_relay("smtp://relay.example.org:25").is_err());
        assert!(read_relay("smtp+starttls://relay.example.org").is_ok());
        assert!(read_relay("smtps://me:secret@relay.example.org").is_err());
        assert!(read_relay("smtps://me%40example.org@relay.example.org").is_ok());
        for wrong in ["", "relay", "smtp://", "smtps://host:99999", "smtps://ho st", "maildir:"] {
            assert!(read_relay(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_network_holds_its_hosts() {
        let network = read_network("192.0.2.0/24").unwrap();
        assert!(network.contains("192.0.2.77".parse().unwrap()));
        assert!(network.contains("::ffff:192.0.2.77".parse().unwrap()));
        assert!(!network.contains("192.0.3.1".parse().unwrap()));
        assert!(!network.contains("2001:db8::1".parse().unwrap()));
        assert!(read_network("0.0.0.0/0").unwrap().contains("10.0.0.1".parse().unwrap()));
        assert!(read_network("2001:db8::/32").unwrap().contains("2001:db8::1".parse().unwrap()));
        assert!(read_network("::/0").unwrap().contains("2001:db8::1".parse().unwrap()));
        assert!(!read_network("127.0.0.1").unwrap().contains("127.0.0.2".parse().unwrap()));
        for wrong in ["", "192.0.2.0/33", "192.0.2/24", "host", "10.0.0.0/-1", "10.0.0.0/", "::/129"] {
            assert!(read_network(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_network_that_may_be_a_slip_is_refused() {
        for text in ["192.0.2.1/24", "::1/0"] {
            assert!(read_network(text).unwrap_err().contains("bits behind its prefix"), "{text:?}");
        }
    }

    #[test]
    fn spans_of_real_and_of_working_time_are_told_apart() {
        assert_eq!(read_span("1h30m"), Ok(Span::Clock(TimeDelta::minutes(90))));
        assert_eq!(read_span("5s"), Ok(Span::Clock(TimeDelta::seconds(5))));
        assert_eq!(read_span("3 business days"), Ok(Span::BusinessDays(3)));
        assert_eq!(read_span("next working hour"), Ok(Span::NextWorkingHour));
        for wrong in ["", "soon", "30", "0s", "0 business days", "5 x", "\u{e9}"] {
            assert!(read_span(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read_rung_at("-5m"), Ok(RungAt::Offset(TimeDelta::minutes(-5))));
        assert_eq!(read_rung_at("50 %"), Ok(RungAt::BusinessPercent(50)));
        assert_eq!(read_rung_at("1 business day"), Ok(RungAt::BusinessDaysAfter(1)));
        assert!(read_rung_at("101%").is_err());
    }

    #[test]
    fn working_days_wrap_round_the_week() {
        use Weekday::{Fri, Mon, Sat, Sun};
        assert_eq!(read_weekdays("Fri-Mon"), Ok(vec![Fri, Sat, Sun, Mon]));
        assert_eq!(read_weekdays("Mon, Fri"), Ok(vec![Mon, Fri]));
        assert!(read_weekdays("Mo-Xy").is_err());
        assert!(read_hours("18:00-09:00").is_err());
    }
}
