//! How a client logs in: SMTP AUTH with PLAIN (RFC 4616) or LOGIN, as a state machine.
//!
//! Never checks a password: [`passwords`](super::passwords) does. Start with [`Exchange::begin`].

use data_encoding::BASE64;
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN};

/// A name and a password beyond it are nobody's; RFC 4954 section 4 allows lines of 12,288 octets.
const RESPONSE_OCTETS_MAX: usize = 2_048;

/// A name and the password to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub name: String,
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(***)")
    }
}

/// An exchange under way: what the next line answers.
#[derive(Debug)]
pub enum Exchange {
    Plain,
    Name,
    Password { name: String },
}

/// What follows from a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The line to send; the exchange goes on.
    Ask(&'static str),
    Check(Login),
    /// The exchange has ended with this answer.
    Refuse(&'static str),
}

impl Exchange {
    /// Begins an exchange, with the response that came along with AUTH where one did.
    pub fn begin(mechanism: u64, initial_response: &str) -> (Option<Self>, Next) {
        let begun = match mechanism {
            AUTH_PLAIN => Self::Plain,
            AUTH_LOGIN => Self::Name,
            _ => return (None, Next::Refuse("504 5.5.4 PLAIN and LOGIN are what there is")),
        };
        match (begun, initial_response) {
            (Self::Plain, "") => (Some(Self::Plain), Next::Ask("334 ")),
            (begun, "") => (Some(begun), Next::Ask("334 VXNlcm5hbWU6")),
            // RFC 4954 section 4: an empty response that came along is written as `=`.
            (begun, "=") => begun.take(b""),
            (begun, response) => begun.take(response.as_bytes()),
        }
    }

    /// Takes the client's next line, without its line end.
    pub fn take(self, line: &[u8]) -> (Option<Self>, Next) {
        const NOT_BASE64: Next = Next::Refuse("501 5.5.2 Not in base64");
        if line == b"*" {
            return (None, Next::Refuse("501 5.7.0 As you wish"));
        }
        let decoded = (line.len() <= RESPONSE_OCTETS_MAX).then(|| BASE64.decode(line).ok()).flatten();
        let Some(text) = decoded.and_then(|octets| String::from_utf8(octets).ok()) else {
            return (None, NOT_BASE64);
        };
        match self {
            Self::Name => (Some(Self::Password { name: text }), Next::Ask("334 UGFzc3dvcmQ6")),
            Self::Password { name } => (None, Next::Check(Login { name, password: text })),
            Self::Plain => (None, read_plain(&text)),
        }
    }
}

/// `authorization NUL name NUL password`: nobody may act for somebody else.
fn read_plain(text: &str) -> Next {
    let mut parts = text.split('\0');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(acts_for), Some(name), Some(password), None)
            if acts_for.is_empty() || acts_for == name =>
        {
            Next::Check(Login { name: name.to_owned(), password: password.to_owned() })
        }
        (Some(_), Some(_), Some(_), None) => Next::Refuse("535 5.7.8 Nobody acts for somebody else"),
        _ => Next::Refuse("501 5.5.2 Not what PLAIN looks like"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, password: &str) -> Next {
        Next::Check(Login { name: name.into(), password: password.into() })
    }

    fn plain(text: &str) -> Next {
        Exchange::begin(AUTH_PLAIN, &BASE64.encode(text.as_bytes())).1
    }

    #[test]
    fn plain_is_read_with_and_without_an_initial_response() {
        assert_eq!(plain("\0alice@example.org\0sesame"), check("alice@example.org", "sesame"));
        assert_eq!(plain("a\0a\0p"), check("a", "p"));
        let (exchange, asked) = Exchange::begin(AUTH_PLAIN, "");
        assert_eq!(asked, Next::Ask("334 "));
        let line = BASE64.encode(b"\0a\0p");
        assert_eq!(exchange.unwrap().take(line.as_bytes()).1, check("a", "p"));
    }

    #[test]
    fn login_asks_for_name_and_password() {
        let (exchange, asked) = Exchange::begin(AUTH_LOGIN, "");
        assert_eq!(asked, Next::Ask("334 VXNlcm5hbWU6"));
        let (exchange, asked) = exchange.unwrap().take(b"YQ==");
        assert_eq!(asked, Next::Ask("334 UGFzc3dvcmQ6"));
        assert_eq!(exchange.unwrap().take(b"cA==").1, check("a", "p"));
        assert_eq!(Exchange::begin(AUTH_LOGIN, "YQ==").1, Next::Ask("334 UGFzc3dvcmQ6"));
    }

    #[test]
    fn what_is_no_login_is_refused() {
        for (text, code) in [("bob\0alice\0p", "535"), ("alice\0p", "501"), ("a\0b\0c\0d", "501")] {
            assert!(matches!(plain(text), Next::Refuse(answer) if answer.starts_with(code)), "{text:?}");
        }
        let refused = |line: &[u8]| matches!(Exchange::Plain.take(line), (None, Next::Refuse(_)));
        assert!(refused(b"*") && refused(b"%%%") && refused(b"/w==") && refused(b""));
        assert!(refused(BASE64.encode(&[b'a'; 5_000]).as_bytes()));
        assert!(matches!(Exchange::begin(0, "").1, Next::Refuse(answer) if answer.starts_with("504")));
        assert!(matches!(Exchange::begin(AUTH_PLAIN, "=").1, Next::Refuse(_)));
    }
}
