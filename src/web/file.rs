//! Files of strangers, handed out so that a browser saves them and runs nothing.
//!
//! Who may have a file is asked before. Start with [`hand_out`].

use std::fmt::Write as _;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// Nothing of it may load, run or be framed, should a browser show it all the same.
const FILE_POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'; sandbox";

/// A file to be saved under its name. Whatever it holds, it goes out as octets of no kind: the kind
/// that its sender gave it is one that a browser might run.
pub fn hand_out(name: &str, octets: Vec<u8>) -> Response {
    const FIELDS: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, FILE_POLICY),
    ];
    let mut answer = (FIELDS, octets).into_response();
    let disposition = HeaderValue::try_from(disposition(name))
        .unwrap_or(HeaderValue::from_static("attachment; filename=attachment"));
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    answer
}

/// `attachment` with a name for every browser (RFC 6266 section 4.3, RFC 8187).
fn disposition(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_. ()+,=@".contains(c);
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let mut encoded = String::with_capacity(name.len());
    for octet in name.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                encoded.push(char::from(octet))
            }
            _ => {
                let _ = write!(encoded, "%{octet:02X}");
            }
        }
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_a_stranger_is_saved_and_not_shown() {
        let answer = hand_out("a.html", b"<script>alert(1)</script>".to_vec());
        let field = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(field("content-type"), Some("application/octet-stream"));
        assert_eq!(field("x-content-type-options"), Some("nosniff"));
        let disposition = "attachment; filename=\"a.html\"; filename*=UTF-8''a.html";
        assert_eq!(field("content-disposition"), Some(disposition));
        assert!(field("content-security-policy").is_some_and(|policy| policy.contains("sandbox")));
    }

    #[test]
    fn a_name_stays_within_its_quotes() {
        assert_eq!(
            disposition("графік \"1\"\r\n; x.png"),
            "attachment; filename=\"______ _1____ x.png\"; \
             filename*=UTF-8''%D0%B3%D1%80%D0%B0%D1%84%D1%96%D0%BA%20%221%22%0D%0A%3B%20x.png"
        );
    }
}
