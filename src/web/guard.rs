//! Who may ask this machine's pages for something, and what a browser may do with the answer.
//!
//! A page on loopback is reachable from every site that the same browser shows: by a name that
//! suddenly means 127.0.0.1, and by a form that posts here. The first is refused by the Host field,
//! the second by what browsers say of where a request comes from. Start with [`protect_loopback`].

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Our own style sheet and icon, frames and forms of our own; nothing else, no script at all.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; \
                           form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Answers requests of this machine's own pages only; see [`protect_answer`] for the answers.
pub async fn protect_loopback(State(port): State<u16>, request: Request, next: Next) -> Response {
    match check(request.method(), request.headers(), port) {
        Ok(()) => protect_answer(request, next).await,
        Err(why) => (StatusCode::FORBIDDEN, why).into_response(),
    }
}

/// Adds what keeps an answer from being run, framed, guessed at or kept. An answer with a stricter
/// policy of its own keeps it.
pub async fn protect_answer(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    let policy = HeaderValue::from_static(PAGE_POLICY);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // With `no-referrer` browsers would send `Origin: null` with our own forms.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

fn check(method: &Method, headers: &HeaderMap, port: u16) -> Result<(), &'static str> {
    let ours = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if !value("host").is_some_and(|host| ours.iter().any(|own| own == host)) {
        return Err("This page answers under 127.0.0.1 and localhost only.\n");
    }
    if *method == Method::GET || *method == Method::HEAD {
        return Ok(());
    }
    let site = value("sec-fetch-site").map(|site| site == "same-origin");
    let origin = value("origin").map(|origin| {
        origin.strip_prefix("http://").is_some_and(|host| ours.iter().any(|own| own == host))
    });
    match (site, origin) {
        (None, None) | (Some(false), _) | (_, Some(false)) => {
            Err("A form of another site cannot act here. Open the page itself and use its forms.\n")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &Method, fields: &[(&'static str, &'static str)]) -> bool {
        let fields = fields.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), HeaderValue::from_static(value))
        });
        check(method, &fields.collect(), 8025).is_ok()
    }

    #[test]
    fn a_name_that_suddenly_means_loopback_sees_nothing() {
        assert!(asked(&Method::GET, &[("host", "127.0.0.1:8025")]));
        assert!(asked(&Method::GET, &[("host", "localhost:8025")]));
        for host in ["evil.example:8025", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8025.evil.example", ""]
        {
            assert!(!asked(&Method::GET, &[("host", host)]), "{host}");
        }
        assert!(!asked(&Method::GET, &[]));
    }

    #[test]
    fn only_our_own_forms_act() {
        let host = ("host", "127.0.0.1:8025");
        let post =
            |fields: &[(&'static str, &'static str)]| asked(&Method::POST, &[&[host], fields].concat());
        assert!(post(&[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8025")]));
        assert!(post(&[("origin", "http://localhost:8025")]));
        assert!(post(&[("sec-fetch-site", "same-origin")]));
        for fields in [
            &[][..],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8025")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("origin", "http://127.0.0.1:9")],
            &[("origin", "https://127.0.0.1:8025")],
        ] {
            assert!(!post(fields), "{fields:?}");
        }
    }
}
