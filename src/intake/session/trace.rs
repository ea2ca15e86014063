//! What is kept of who handed a message over: our line of its trace, and what its sender is judged by.

use std::net::IpAddr;

use super::{Arrival, Client, Outside, Protocol, Route, Session, Tls, Transaction};

impl Session<'_> {
    pub(super) fn arrival(&self, mut octets: Vec<u8>, transaction: Transaction) -> Arrival {
        let trace = self.trace_field(transaction.utf8);
        octets.splice(0..0, trace.into_bytes());
        Arrival {
            reverse_path: transaction.reverse_path,
            recipients: transaction.recipients,
            client: self.client(),
            route: if self.protocol == Protocol::Lmtp { Route::Lmtp } else { Route::Smtp },
            octets,
        }
    }

    /// What the wire tells of who handed the message over.
    fn client(&self) -> Client {
        let hello = self.hello.as_ref().map(|hello| hello.name.clone()).unwrap_or_default();
        let asks_spf = self.settings.is_mx && self.protocol == Protocol::Smtp && self.login.is_none();
        Client {
            network_trusted: self.peer.network_trusted,
            login: self.login.clone(),
            outside: self.peer.address.filter(|_| asks_spf).map(|address| Outside { address, hello }),
        }
    }

    /// Our own line of the message's trace (RFC 5321 section 4.4). The reverse-path stays in the
    /// row: Return-Path is for whoever delivers the message to a person.
    fn trace_field(&self, utf8: bool) -> String {
        let name = self.hello.as_ref().map_or("unknown", |hello| hello.name.as_str());
        let name: String = name
            .chars()
            .take(255)
            .map(|c| if c.is_ascii_alphanumeric() || "-._:[]".contains(c) { c } else { '?' })
            .collect();
        let extended = self.hello.as_ref().is_some_and(|hello| hello.extended);
        // The names of RFC 3848 and RFC 6531: S is TLS, A is a login.
        let secured = if self.peer.tls == Tls::Active { "S" } else { "" };
        let logged_in = if self.login.is_some() { "A" } else { "" };
        let with = match (self.protocol, utf8, extended) {
            (Protocol::Lmtp, true, _) => "UTF8LMTP",
            (Protocol::Lmtp, false, _) => "LMTP",
            (Protocol::Smtp, true, _) => "UTF8SMTP",
            (Protocol::Smtp, false, true) => "ESMTP",
            (Protocol::Smtp, false, false) => "SMTP",
        };
        let client = match self.peer.address {
            Some(IpAddr::V4(address)) => format!("[{address}]"),
            Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
            None => "local socket".to_owned(),
        };
        let date = self.settings.clock.now().to_rfc2822();
        let host = &self.settings.host;
        format!(
            "Received: from {name} ({client})\r\n\tby {host} (Firebell) with {with}{secured}{logged_in};\r\n\t{date}\r\n"
        )
    }
}
