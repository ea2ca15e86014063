//! Links of letters: looking for them changes nothing, and what they say is decoded once.

use firebell::mail::mailto::{links_of, read_mailto, replace_links};

/// Reads the octets as HTML with links, and as a link.
pub fn check(octets: &[u8]) {
    let html = String::from_utf8_lossy(octets);
    assert_eq!(replace_links(&html, |_| None), html);
    let links = links_of(&html);
    assert!(links.len() <= html.matches("href=\"mailto:").count());
    const INSTEAD: &str = "href=\"/write\"";
    let replaced = replace_links(&html, |_| Some(INSTEAD.to_owned()));
    assert!(html.contains(INSTEAD) || replaced.matches(INSTEAD).count() == links.len());
    if let Some(mailto) = read_mailto(&format!("mailto:{html}")) {
        for part in [&mailto.to, &mailto.subject, &mailto.body] {
            assert!(part.len() <= html.len() * "\u{fffd}".len());
        }
    }
}
