//! `[receive]`: where mail comes in, and who is believed.
//!
//! Opens nothing. Start with [`read_receive`].

use std::net::SocketAddr;
use std::path::PathBuf;

use super::mailbox::{Mailbox, read_mailbox};
use super::reading::read_path;
use super::source::{Source, Table};
use super::values::{Listen, Network, Resolver, read_listen, read_network, read_resolver, read_socket};
use crate::incident::policy::DeclareFrom;

/// The certificate that clients are shown after STARTTLS, and its key, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// With the chain of those who signed it.
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

/// How mail comes in, and who is believed.
pub(super) struct Receive {
    pub(super) smtp: Option<SocketAddr>,
    pub(super) is_mx: bool,
    pub(super) passwords_file: Option<PathBuf>,
    pub(super) proxies: Vec<Network>,
    pub(super) tls: Option<Tls>,
    pub(super) lmtp: Option<Listen>,
    pub(super) imap: Option<Mailbox>,
    pub(super) networks: Vec<Network>,
    pub(super) authserv_ids: Vec<String>,
    pub(super) arc_sealers: Vec<String>,
    pub(super) resolver: Resolver,
    pub(super) declare_from: DeclareFrom,
}

pub(super) fn read_receive<'t>(source: &mut Source<'t>, top: Table<'t>) -> Receive {
    let usual = SocketAddr::from(([127, 0, 0, 1], 2525));
    let mut receive = Receive {
        smtp: Some(usual),
        is_mx: false,
        passwords_file: None,
        proxies: Vec::new(),
        tls: None,
        lmtp: None,
        imap: None,
        networks: Vec::new(),
        authserv_ids: Vec::new(),
        arc_sealers: Vec::new(),
        resolver: Resolver::System,
        declare_from: DeclareFrom::Known,
    };
    let Some(table) = source.table(top, "receive") else { return receive };
    source.check_keys(table, "[receive]", &["smtp", "lmtp", "imap", "tls", "trust"]);
    if let Some(lmtp) = source.table(table, "lmtp") {
        source.check_keys(lmtp, "[receive.lmtp]", &["listen"]);
        let usual = Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 2424)));
        receive.lmtp = Some(source.parsed(lmtp, "listen", read_listen).unwrap_or(usual));
        receive.smtp = None;
    }
    if let Some(imap) = source.table(table, "imap") {
        receive.imap = read_mailbox(source, imap);
        receive.smtp = None;
    }
    if let Some(smtp) = source.table(table, "smtp") {
        source.check_keys(smtp, "[receive.smtp]", &["listen", "mx", "passwords_file"]);
        receive.smtp = Some(source.parsed(smtp, "listen", read_socket).unwrap_or(usual));
        receive.is_mx = source.boolean(smtp, "mx").unwrap_or(false);
        receive.passwords_file = read_path(source, smtp, "passwords_file");
        if receive.passwords_file.is_some() && !source.has(table, "tls") {
            let line = source.line_of(smtp, "passwords_file");
            source.mistake(line, "'passwords_file' needs [receive.tls]: nobody logs in unencrypted");
        }
    }
    receive.tls = source.table(table, "tls").and_then(|tls| read_tls(source, tls));
    if let Some(trust) = source.table(table, "trust") {
        read_trust(source, trust, &mut receive);
    }
    receive
}

fn read_tls<'t>(source: &mut Source<'t>, table: Table<'t>) -> Option<Tls> {
    let place = "[receive.tls]";
    source.check_keys(table, place, &["certificate_file", "key_file"]);
    source.required(table, place, "certificate_file", "/etc/ssl/firebell.pem");
    source.required(table, place, "key_file", "/etc/ssl/firebell.key");
    let certificate_file = read_path(source, table, "certificate_file");
    let key_file = read_path(source, table, "key_file");
    Some(Tls { certificate_file: certificate_file?, key_file: key_file? })
}

fn read_networks<'t>(source: &mut Source<'t>, table: Table<'t>, key: &str) -> Vec<Network> {
    let mut networks = Vec::new();
    for text in source.strings(table, key).unwrap_or_default() {
        match read_network(&text.value) {
            Ok(network) => networks.push(network),
            Err(why) => source.mistake(text.line, format!("'{key}': {why}")),
        }
    }
    networks
}

fn read_trust<'t>(source: &mut Source<'t>, trust: Table<'t>, receive: &mut Receive) {
    const KEYS: &[&str] =
        &["networks", "proxies", "authserv_ids", "arc_sealers", "resolver", "declare_from"];
    source.check_keys(trust, "[receive.trust]", KEYS);
    receive.networks = read_networks(source, trust, "networks");
    receive.proxies = read_networks(source, trust, "proxies");
    let ids = source.strings(trust, "authserv_ids").unwrap_or_default();
    receive.authserv_ids = ids.into_iter().map(|id| id.value.into_owned()).collect();
    let sealers = source.strings(trust, "arc_sealers").unwrap_or_default();
    receive.arc_sealers = sealers.into_iter().map(|domain| domain.value.into_owned()).collect();
    receive.resolver = source.parsed(trust, "resolver", read_resolver).unwrap_or(Resolver::System);
    let from = source.parsed(trust, "declare_from", |text| match text {
        "known" => Ok(DeclareFrom::Known),
        "anyone" => Ok(DeclareFrom::Anyone),
        _ => Err(format!("`{text}` is nobody; write known or anyone")),
    });
    receive.declare_from = from.unwrap_or(DeclareFrom::Known);
}
