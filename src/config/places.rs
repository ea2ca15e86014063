//! Addresses that cannot be two things at once: two listeners, or a listener and the relay, which
//! would send every mail back to its sender.
//!
//! Start with [`check_places`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::receive::Receive;
use super::source::{Source, Table};
use super::values::{Listen, Relay};

pub(super) fn check_places<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    receive: &Receive,
    relays: &[Relay],
    web: Option<SocketAddr>,
) {
    let lmtp = match receive.lmtp {
        Some(Listen::Tcp(address)) => Some(address),
        _ => None,
    };
    let named = [("[receive.smtp]", receive.smtp), ("[receive.lmtp]", lmtp), ("[web]", web)];
    let ours: Vec<(&str, SocketAddr)> =
        named.into_iter().filter_map(|(place, address)| Some((place, address?))).collect();
    for (at, (place, address)) in ours.iter().enumerate() {
        if let Some((other, _)) = ours[..at].iter().find(|(_, other)| overlap(*address, *other)) {
            let line = line_of(source, top, place);
            let what =
                format!("{place} would listen on {address}, where {other} does; change one of them");
            source.mistake(line, what);
        }
    }
    for relay in relays {
        let Some(address) = on_this_machine(relay) else { continue };
        if let Some((place, _)) = ours.iter().find(|(_, own)| overlap(address, *own)) {
            let line = line_of(source, top, "[send]");
            source.mistake(
                line,
                format!(
                    "[send] relay is {address}, where Firebell itself listens ({place}); name the mail \
                     server that sends to others"
                ),
            );
        }
    }
}

/// The table itself, or the first of those around it that is there.
fn line_of<'t>(source: &mut Source<'t>, top: Table<'t>, place: &str) -> usize {
    let names = place.trim_matches(['[', ']']).split('.');
    names
        .fold((top, true), |(table, is_there), name| match is_there.then(|| source.has(table, name)) {
            Some(true) => source.table(table, name).map_or((table, false), |inner| (inner, true)),
            _ => (table, false),
        })
        .0
        .line
}

fn on_this_machine(relay: &Relay) -> Option<SocketAddr> {
    let Relay::Smtp { host, port, .. } = relay else { return None };
    let host = match host.as_str() {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.parse().ok()?,
    };
    Some(SocketAddr::new(host, *port)).filter(|address| address.ip().is_loopback())
}

/// Port 0 is any free one. One that listens everywhere listens where the other does.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (everywhere || one.ip() == other.ip())
}
