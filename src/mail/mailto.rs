//! `mailto:` links (RFC 6068) as a mail program follows them: whom to write to, and what stands in
//! the mail already.
//!
//! Never writes a link and never sends a mail. Reads the HTML of our own letters, in which every
//! link stands as `<a href="mailto:…">label</a>`. Start with [`links_of`].

/// The most links that are read from one letter.
const LINKS_MAX: usize = 100;

/// A mail that a link begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailto {
    pub to: String,
    pub subject: String,
    /// Lines ended by `\n`.
    pub body: String,
}

/// A link of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub label: String,
    pub mailto: Mailto,
}

/// The `mailto:` links of a letter, in its order.
pub fn links_of(html: &str) -> Vec<Link> {
    let mut links = Vec::new();
    replace_links(html, |link| {
        links.push(link);
        None
    });
    links
}

/// The letter with each `mailto:` link's `href` replaced by what `place` says; `None` leaves it.
/// What `place` returns is written into the tag as it is: it must be escaped where it needs to be.
pub fn replace_links(html: &str, mut place: impl FnMut(Link) -> Option<String>) -> String {
    const BEFORE: &str = "href=\"mailto:";
    const QUOTE_AT: usize = "href=\"".len();
    let (mut out, mut rest) = (String::with_capacity(html.len()), html);
    for _ in 0..LINKS_MAX {
        let Some((before, found)) = rest.find(BEFORE).and_then(|at| rest.split_at_checked(at)) else {
            break;
        };
        let Some((href, after)) = found.get(QUOTE_AT..).and_then(|found| found.split_once('"')) else {
            break;
        };
        out.push_str(before);
        let label = after.split_once('>').and_then(|(_, inside)| inside.split_once("</a>"));
        let link = label.and_then(|(label, _)| {
            let label = unescaped(label).replace('\u{a0}', " ").trim().to_owned();
            Some(Link { label, mailto: read_mailto(&unescaped(href))? })
        });
        match link.and_then(&mut place) {
            Some(instead) => out.push_str(&instead),
            None => {
                out.push_str("href=\"");
                out.push_str(href);
                out.push('"');
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Reads `mailto:incidents+42@example.org?subject=Re%3A%20x&body=ack`; `None` when it is no such
/// link. Field names other than subject and body are passed over (RFC 6068 section 4).
pub fn read_mailto(link: &str) -> Option<Mailto> {
    let rest = link.strip_prefix("mailto:")?;
    let (to, fields) = rest.split_once('?').unwrap_or((rest, ""));
    let field = |wanted: &str| {
        fields
            .split('&')
            .filter_map(|field| field.split_once('='))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| percent_decoded(value).replace("\r\n", "\n"))
            .unwrap_or_default()
    };
    Some(Mailto { to: percent_decoded(to), subject: field("subject"), body: field("body") })
}

/// A plus stays a plus (RFC 6068 section 5).
fn percent_decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let octet = hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        octets.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// Undoes the escapes that our letters use: numbers, and the five names of XML and the space.
fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let meant = after.split_once(';').and_then(|(name, behind)| Some((character(name)?, behind)));
        match meant {
            Some((c, behind)) => {
                out.push(c);
                rest = behind;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']);
        let code = hex.map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
        return code.and_then(char::from_u32);
    }
    let names =
        [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\''), ("nbsp", '\u{a0}')];
    names.iter().find(|(known, _)| *known == name).map(|(_, c)| *c)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: &str = "<p><a href=\"mailto:incidents+1.tok@example.org?subject=Re%3A%20A%20%26%20B&#38;body=I%20have%0D%0Aac%6b\" \
        style=\"x\">I&#160;have&nbsp;command</a> or <a href=\"https://x.example\">x</a> or \
        <a href=\"mailto:a@b.example\">b &lt;3</a></p>";

    #[test]
    fn a_link_says_whom_to_write_to_and_what() {
        let links = links_of(LETTER);
        assert_eq!(links.len(), 2);
        assert_eq!(links[0].label, "I have command");
        let mailto = &links[0].mailto;
        assert_eq!(mailto.to, "incidents+1.tok@example.org");
        assert_eq!(mailto.subject, "Re: A & B");
        assert_eq!(mailto.body, "I have\nack");
        assert_eq!((links[1].label.as_str(), links[1].mailto.body.as_str()), ("b <3", ""));
    }

    #[test]
    fn only_the_links_are_replaced() {
        let mut count = 0;
        let replaced = replace_links(LETTER, |_| {
            count += 1;
            (count == 1).then(|| "href=\"/write\"".to_owned())
        });
        assert!(replaced.starts_with("<p><a href=\"/write\" style=\"x\">I&#160;have"));
        assert!(replaced.ends_with("<a href=\"mailto:a@b.example\">b &lt;3</a></p>"));
        assert_eq!(replace_links(LETTER, |_| None), LETTER);
    }

    #[test]
    fn broken_links_are_left_alone() {
        for html in [
            "href=\"mailto:",
            "<a href=\"mailto:x@y\"",
            "&#xffffffff;&;&",
            "<a href=\"mailto:%f\">%</a>",
            "",
        ] {
            assert_eq!(replace_links(html, |_| None), html);
            links_of(html);
        }
        assert_eq!(read_mailto("https://x.example"), None);
        assert_eq!(percent_decoded("%e4%%4"), "\u{fffd}%%4");
    }
}
