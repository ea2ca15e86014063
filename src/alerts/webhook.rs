//! The webhook of Prometheus' Alertmanager (version 4 of its JSON), and the array of its API (v2), as
//! mails: each alert becomes one message to our own address, so that an alert goes one way however it
//! came.
//!
//! Never trusts a value to be short or on one line. Start with [`read_webhook`].

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use ring::digest::{SHA256, digest};
use serde::Deserialize;

use super::one_line;
use crate::mail::OwnAddress;

/// Alerts in one request: a storm comes in several, and each is stored in one transaction.
pub const ALERTS_MAX: usize = 500;
/// Labels of one alert, and annotations: Prometheus itself allows fewer where it has a limit.
const PAIRS_MAX: usize = 100;
/// Of a value so much is kept, in characters; a line of a mail has less than a thousand (RFC 5322
/// section 2.1.1), and a character up to four octets.
const VALUE_CHARS_MAX: usize = 200;
/// Whom the messages are from: an address that nobody has (RFC 2606 section 2).
pub const API_SENDER: &str = "alertmanager@api.invalid";

/// Why a request is no alerts.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The sender's.
    #[error("this is neither Alertmanager's webhook (version 4) nor an array of alerts: {0}")]
    Json(serde_json::Error),
    /// The sender's: it can send them in several requests.
    #[error("{0} alerts are more than {ALERTS_MAX} in one request; set `max_alerts` of the receiver")]
    TooMany(usize),
}

enum Request {
    Webhook(Webhook),
    Array(Vec<One>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    #[serde(default)]
    group_labels: BTreeMap<String, String>,
    alerts: Vec<One>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct One {
    /// `firing` or `resolved`; absent in the array, whose alerts end when they say.
    #[serde(default)]
    status: Option<String>,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    starts_at: Option<DateTime<Utc>>,
    #[serde(default)]
    ends_at: Option<DateTime<Utc>>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

/// The messages that a request makes, one an alert.
///
/// The same alert within an hour is the same message, octet for octet, so that a repeated request does
/// nothing; one that still fires in the next hour is another.
///
/// # Errors
///
/// What the sender can mend.
pub fn read_webhook(
    body: &[u8],
    own: &OwnAddress,
    now: DateTime<Utc>,
) -> Result<Vec<Vec<u8>>, WebhookError> {
    let is_array = body.iter().find(|octet| !octet.is_ascii_whitespace()) == Some(&b'[');
    let request = if is_array {
        serde_json::from_slice(body).map(Request::Array)
    } else {
        serde_json::from_slice(body).map(Request::Webhook)
    };
    let (labels, alerts) = match request.map_err(WebhookError::Json)? {
        Request::Webhook(webhook) => (webhook.group_labels, webhook.alerts),
        Request::Array(alerts) => (BTreeMap::new(), alerts),
    };
    if alerts.len() > ALERTS_MAX {
        return Err(WebhookError::TooMany(alerts.len()));
    }
    Ok(alerts.iter().map(|alert| message(alert, &labels, own, now)).collect())
}

fn message(
    one: &One,
    group: &BTreeMap<String, String>,
    own: &OwnAddress,
    now: DateTime<Utc>,
) -> Vec<u8> {
    let is_resolved = match one.status.as_deref() {
        Some(status) => status == "resolved",
        None => one.ends_at.is_some_and(|ends_at| ends_at <= now),
    };
    let short = |text: &String| one_line(text, VALUE_CHARS_MAX);
    let alertname = one.labels.get("alertname").map_or_else(|| "alert".to_owned(), short);
    // What Alertmanager's mail is called by: the labels that the group has in common.
    let name: Vec<String> = group.values().take(PAIRS_MAX).map(short).collect();
    let name =
        if name.is_empty() { alertname.clone() } else { one_line(&name.join(" "), VALUE_CHARS_MAX) };
    let is_apart = |(label, _): &(&String, &String)| !group.contains_key(*label) && *label != "severity";
    let apart: Vec<String> =
        one.labels.iter().filter(is_apart).take(PAIRS_MAX).map(|(_, value)| short(value)).collect();
    let thing = one_line(&format!("{name} {}", apart.join(" ")), VALUE_CHARS_MAX);
    let (status, head) = if is_resolved { ("resolved", "RESOLVED") } else { ("firing", "FIRING") };
    let mut text = String::new();
    let _ = writeln!(text, "Alertmanager: {alertname} is {status}.\n\nThing: {thing}");
    if let Some(starts_at) = one.starts_at {
        let _ = writeln!(text, "Started: {}", starts_at.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    if !one.generator_url.is_empty() {
        let _ = writeln!(text, "Source: {}", short(&one.generator_url));
    }
    for (heading, pairs) in [("Labels", &one.labels), ("Annotations", &one.annotations)] {
        if !pairs.is_empty() {
            let _ = writeln!(text, "\n{heading}");
        }
        for (name, value) in pairs.iter().take(PAIRS_MAX) {
            let _ = writeln!(text, "  {} = {}", short(name), short(value));
        }
    }
    let hour = now.timestamp().div_euclid(60 * 60);
    let key = digest(&SHA256, format!("{hour}\n{:?}\n{text}", one.starts_at).as_bytes());
    let key: String = key.as_ref().iter().take(16).map(|octet| format!("{octet:02x}")).collect();
    let mut octets = format!(
        "From: Alertmanager <{API_SENDER}>\nTo: {}\nSubject: [{head}] {name}\n\
         Message-ID: <{key}@api.invalid>\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n",
        own.tagged("alert"),
    );
    octets.push_str(&text);
    octets.replace('\n', "\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Address;
    use crate::mail::message::{read_mail, text_of};

    const FIRING: &str = r#"{"version":"4","groupKey":"{}:{alertname=\"HighLatency\"}","status":"firing",
        "groupLabels":{"alertname":"HighLatency"},"externalURL":"http://am.example:9093","alerts":[
        {"status":"firing","labels":{"alertname":"HighLatency","instance":"web01","severity":"critical"},
         "annotations":{"summary":"slow\nSubject: forged\nseverity = info"},
         "startsAt":"2026-11-18T08:00:00.123Z","endsAt":"0001-01-01T00:00:00Z",
         "generatorURL":"http://prometheus.example/graph?g0.expr=x","fingerprint":"abc"},
        {"status":"resolved","labels":{"alertname":"HighLatency","instance":"web02"}}]}"#;

    fn read(body: &str, now: &str) -> Result<Vec<Vec<u8>>, WebhookError> {
        let own = OwnAddress::new(Address::read("incidents@example.org").unwrap(), '+');
        read_webhook(body.as_bytes(), &own, now.parse().unwrap())
    }

    #[test]
    fn each_alert_is_a_mail_and_no_value_makes_a_line_of_its_own() {
        let messages = read(FIRING, "2026-11-18T08:01:00Z").unwrap();
        let mail = read_mail(&messages[0], false);
        assert_eq!(mail.subject, "[FIRING] HighLatency");
        assert!(mail.message_id.is_some());
        let text = text_of(&messages[0]);
        assert!(text.contains("  summary = slow Subject: forged severity = info\n"), "{text}");
        assert!(text.contains("\nThing: HighLatency web01\n"), "{text}");
        assert_eq!(read_mail(&messages[1], false).subject, "[RESOLVED] HighLatency");
    }

    #[test]
    fn the_same_alert_within_the_hour_is_the_same_message() {
        let first = read(FIRING, "2026-11-18T08:01:00Z").unwrap();
        assert_eq!(first, read(FIRING, "2026-11-18T08:59:59Z").unwrap());
        assert_ne!(first, read(FIRING, "2026-11-18T09:00:00Z").unwrap());
    }

    #[test]
    fn the_array_of_the_api_ends_an_alert_by_its_time() {
        let array = r#" [{"labels":{"alertname":"Disk"}},
            {"labels":{"alertname":"Disk"},"endsAt":"2026-11-18T08:00:00Z"}]"#;
        let messages = read(array, "2026-11-18T08:01:00Z").unwrap();
        let subjects: Vec<_> = messages.iter().map(|octets| read_mail(octets, false).subject).collect();
        assert_eq!(subjects, ["[FIRING] Disk", "[RESOLVED] Disk"]);
    }

    #[test]
    fn what_is_no_alert_is_refused_with_what_is_wrong() {
        for wrong in ["", "{}", "[1]", "{\"alerts\":[{}]}", "{\"alerts\":3}", "nonsense"] {
            assert!(
                matches!(read(wrong, "2026-11-18T08:01:00Z"), Err(WebhookError::Json(_))),
                "{wrong}"
            );
        }
        let one = r#"{"labels":{}}"#;
        let many = format!("[{}]", vec![one; ALERTS_MAX + 1].join(","));
        let refused = read(&many, "2026-11-18T08:01:00Z").unwrap_err();
        assert!(refused.to_string().contains("max_alerts"), "{refused}");
    }
}
