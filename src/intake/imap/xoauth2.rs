//! How a token is shown to an IMAP server. Start with [`XOAuth2`].

use async_imap::Authenticator;

use crate::credential::xoauth2;

/// The SASL mechanism of Google and Microsoft.
pub(super) struct XOAuth2 {
    answer: Option<String>,
}

impl XOAuth2 {
    pub(super) fn new(login: &str, token: &str) -> Self {
        Self { answer: Some(xoauth2(login, token)) }
    }
}

impl Authenticator for XOAuth2 {
    type Response = String;

    /// The second challenge says what is wrong with the token, and wants an empty line; only then
    /// the server refuses the login.
    fn process(&mut self, _challenge: &[u8]) -> String {
        self.answer.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_token_is_answered_with_an_empty_line() {
        let mut mechanism = XOAuth2::new("box@example.org", "t");
        assert_eq!(mechanism.process(b""), "user=box@example.org\u{1}auth=Bearer t\u{1}\u{1}");
        assert_eq!(mechanism.process(b"{\"status\":\"401\"}"), "");
    }
}
