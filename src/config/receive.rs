//! `[receive]`: where mail comes in, and who is believed.
//!
//! Opens nothing. Start with [`read_receive`].

use std::net::SocketAddr;

use super::mailbox::{Mailbox, read_mailbox};
use super::source::{Source, Table};
use super::values::{Listen, Network, read_listen, read_network, read_socket};
use crate::incident::policy::DeclareFrom;

/// How mail comes in, and who is believed.
pub(super) struct Receive {
    pub(super) smtp: Option<SocketAddr>,
    pub(super) lmtp: Option<Listen>,
    pub(super) imap: Option<Mailbox>,
    pub(super) networks: Vec<Network>,
    pub(super) authserv_ids: Vec<String>,
    pub(super) declare_from: DeclareFrom,
}

pub(super) fn read_receive<'t>(source: &mut Source<'t>, top: Table<'t>) -> Receive {
    let usual = SocketAddr::from(([127, 0, 0, 1], 2525));
    let mut receive = Receive {
        smtp: Some(usual),
        lmtp: None,
        imap: None,
        networks: Vec::new(),
        authserv_ids: Vec::new(),
        declare_from: DeclareFrom::Known,
    };
    let Some(table) = source.table(top, "receive") else { return receive };
    source.check_keys(table, "[receive]", &["smtp", "lmtp", "imap", "trust"]);
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
        source.check_keys(smtp, "[receive.smtp]", &["listen"]);
        receive.smtp = Some(source.parsed(smtp, "listen", read_socket).unwrap_or(usual));
    }
    if let Some(trust) = source.table(table, "trust") {
        read_trust(source, trust, &mut receive);
    }
    receive
}

fn read_trust<'t>(source: &mut Source<'t>, trust: Table<'t>, receive: &mut Receive) {
    source.check_keys(trust, "[receive.trust]", &["networks", "authserv_ids", "declare_from"]);
    for text in source.strings(trust, "networks").unwrap_or_default() {
        match read_network(&text.value) {
            Ok(network) => receive.networks.push(network),
            Err(why) => source.mistake(text.line, format!("'networks': {why}")),
        }
    }
    let ids = source.strings(trust, "authserv_ids").unwrap_or_default();
    receive.authserv_ids = ids.into_iter().map(|id| id.value.into_owned()).collect();
    let from = source.parsed(trust, "declare_from", |text| match text {
        "known" => Ok(DeclareFrom::Known),
        "anyone" => Ok(DeclareFrom::Anyone),
        _ => Err(format!("`{text}` is nobody; write known or anyone")),
    });
    receive.declare_from = from.unwrap_or(DeclareFrom::Known);
}
