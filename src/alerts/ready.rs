//! Rules that are built in, and switched on by name: each knows the mails of one system as it sends
//! them before anybody changed its templates.
//!
//! A row of [`READY`] is data; a new system is a new row, with mails of its shape in
//! `tests/mails/alerts`.

use crate::incident::Severity::{self, Sev1, Sev2, Sev3, Sev4, Sev5};

/// A rule before anything of it is the organisation's own.
#[derive(Debug)]
pub struct Ready {
    /// `use = "…"`.
    pub name: &'static str,
    /// What the subject matches.
    pub subject: &'static str,
    /// What the body matches, where the subject alone could be another system's.
    pub body: Option<&'static str>,
    /// What is taken of the body where it stands there.
    pub facts: &'static [&'static str],
    /// In the subject: the thing has recovered.
    pub recovered: &'static str,
    /// In the subject: nothing fires and nothing recovers.
    pub remarks: Option<&'static str>,
    pub group: &'static str,
    pub title: &'static str,
    pub severities: &'static [(&'static str, Severity)],
}

const LINK: &str = r"(?<link>https?://\S+)";
/// What people call the labels of Prometheus' rules.
const LABELLED: &[(&str, Severity)] =
    &[("critical", Sev2), ("page", Sev2), ("error", Sev2), ("warning", Sev3), ("info", Sev4)];
/// The states of Nagios and its kin.
const STATES: &[(&str, Severity)] =
    &[("critical", Sev2), ("down", Sev2), ("unreachable", Sev3), ("unknown", Sev3), ("warning", Sev3)];

/// Every ready rule.
pub const READY: [Ready; 7] = [
    // Its mail, and what the API makes of its webhook. The labels in brackets change while a group
    // fires, and are no part of the name.
    Ready {
        name: "alertmanager",
        subject: r"^\[(?:FIRING|RESOLVED)(?::\d+)?\] (?<title>.+?)(?: \(.*\))?\s*$",
        body: Some("(?i)alertmanager"),
        facts: &[
            r"^\s*severity = (?<severity>\S+)",
            r"^\s*service = (?<service>\S+)",
            r"^Source: (?<link>https?://\S+)",
            r"^Thing: (?<thing>.+)$",
        ],
        recovered: r"^\[RESOLVED",
        remarks: None,
        group: "alertmanager {title}",
        title: "{title}",
        severities: LABELLED,
    },
    Ready {
        name: "grafana",
        subject: r"^\[(?:FIRING:\d+(?:, RESOLVED:\d+)?|RESOLVED(?::\d+)?|Alerting|OK)\] (?<title>.+?)(?: \(.*\))?\s*$",
        body: Some("(?i)grafana"),
        facts: &[
            r"\bseverity\s*[=:]\s*(?<severity>[A-Za-z0-9-]+)",
            r"\bservice\s*[=:]\s*(?<service>[A-Za-z0-9._-]+)",
            LINK,
        ],
        recovered: r"^\[(?:RESOLVED|OK)",
        remarks: None,
        group: "grafana {title}",
        title: "{title}",
        severities: LABELLED,
    },
    // An acknowledgement, a downtime or flapping is told with the same words.
    Ready {
        name: "nagios",
        subject: r"^\*\* [A-Z]+ (?:Service|Host) Alert: (?<title>.+) is (?<severity>[A-Z]+) \*\*$",
        body: None,
        facts: &[LINK],
        recovered: r"^\*\* RECOVERY ",
        remarks: Some(r"^\*\* (?:ACK|FLAP|DOWNTIME|CUSTOM)"),
        group: "nagios {title}",
        title: "{title}",
        severities: STATES,
    },
    Ready {
        name: "icinga",
        subject: r"^\[[A-Z]+\] (?:Host )?(?<title>.+) is (?<severity>[A-Z]+)!?$",
        body: None,
        facts: &[LINK],
        recovered: r"^\[RECOVERY\] ",
        remarks: Some(r"^\[(?:ACK|FLAP|DOWNTIME|CUSTOM)"),
        group: "icinga {title}",
        title: "{title}",
        severities: STATES,
    },
    Ready {
        name: "zabbix",
        subject: r"^(?:Problem|Resolved|Updated problem)(?: in [^:]+)?: (?<problem>.+)$",
        body: None,
        facts: &[
            r"^Host: (?<host>.+)$",
            r"^Severity: (?<severity>Not classified|Information|Warning|Average|High|Disaster)\b",
            LINK,
        ],
        recovered: "^Resolved",
        remarks: Some("^Updated problem"),
        group: "zabbix {host} {problem}",
        title: "{host} {problem}",
        severities: &[
            ("disaster", Sev1),
            ("high", Sev2),
            ("average", Sev3),
            ("warning", Sev4),
            ("information", Sev5),
            ("not classified", Sev4),
        ],
    },
    // Whoever has an account there can have mail sent from the same address: a rule for it needs a
    // secret address.
    Ready {
        name: "cloudwatch",
        subject: r#"^(?:ALARM|OK|INSUFFICIENT_DATA): "(?<alarm>.+)" in (?<region>.+)$"#,
        body: Some("CloudWatch"),
        facts: &[r"(?<link>https://\S*console\.aws\.amazon\.com/cloudwatch/\S+)"],
        recovered: "^OK:",
        remarks: Some("^INSUFFICIENT_DATA:"),
        group: "cloudwatch {region} {alarm}",
        title: "{alarm}",
        severities: &[],
    },
    Ready {
        name: "uptime-kuma",
        subject: r"^\[(?<title>.+?)\] \[\S+ (?:Down|Up)\]",
        body: None,
        facts: &[LINK],
        recovered: r"^\[.+?\] \[\S+ Up\]",
        remarks: None,
        group: "uptime-kuma {title}",
        title: "{title}",
        severities: &[],
    },
];

/// The ready rule of this name.
pub fn ready(name: &str) -> Option<&'static Ready> {
    READY.iter().find(|ready| ready.name == name)
}
