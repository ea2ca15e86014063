//! Authentication-Results: whatever the field says, it vouches for nobody whom it does not name, and
//! only where the server that is believed wrote the topmost one.

use firebell::mail::Address;
use firebell::mail::authentication::{Authentication, Verdict, read_results, read_sealed_results};

const SERVER: &str = "mx.example.org";
const PASS: &str = "mx.example.org; dmarc=pass header.from=example.org";
/// Beyond it a field is no longer read.
const OCTETS_MAX: usize = 4 * 1024;

/// Reads the octets as the value of a field.
pub fn check(octets: &[u8]) {
    let value = String::from_utf8_lossy(octets.get(..OCTETS_MAX).unwrap_or(octets));
    let value = value.replace(char::is_control, " ");
    let found = read(&[&value], "example.org");
    check_domains(&value, found.as_ref());
    // Whoever wrote a second field, wrote it before the server that is believed.
    assert_eq!(read(&[&value, PASS], "example.org"), found, "changed from below");
    assert_eq!(read(&["mx.evil.example; none", &value], "example.org"), None, "of another server");
    assert_eq!(read(&[&value.replace(' ', "\r\n ")], "example.org"), found, "changed by folding");
    if let Some(found) = &found {
        assert!(super::is_one_line(&found.findings), "{:?}", found.findings);
        let from = author("example.org");
        let sealed = read_sealed_results(&format!("i=1; {value}"), &from);
        assert_eq!(sealed.as_ref(), Some(found), "changed by a seal");
    }
    let text = value.replace(['(', ')', '"', '\\'], "");
    for smuggled in
        [format!("({text})"), format!("smtp.mailfrom=\"{text}\""), format!("reason=\"{text}\"")]
    {
        let found = read(&[&format!("{SERVER}; spf=fail {smuggled}")], "example.org");
        assert!(!is_pass(found.as_ref()), "{smuggled} passes");
    }
}

/// At most one domain is vouched for, and that one is named.
fn check_domains(value: &str, found: Option<&Authentication>) {
    let lower = value.to_ascii_lowercase();
    if is_pass(found) {
        let is_named = ["dmarc", "pass", "example.org", SERVER].iter().all(|word| lower.contains(word));
        assert!(is_named, "{value:?} passes");
        assert!(!is_pass(read(&[value], "other.example").as_ref()), "{value:?} passes for two");
    }
}

fn is_pass(found: Option<&Authentication>) -> bool {
    found.is_some_and(|found| found.verdict == Verdict::Pass)
}

fn author(domain: &str) -> Address {
    Address::read(&format!("alice@{domain}")).expect("an address")
}

fn read(values: &[&str], domain: &str) -> Option<Authentication> {
    let fields: String =
        values.iter().map(|value| format!("Authentication-Results: {value}\r\n")).collect();
    read_results(format!("{fields}\r\n").as_bytes(), &author(domain), &[SERVER.to_owned()])
}
