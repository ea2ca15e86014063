//! What mail servers say of a message's origin: the results of SPF, DKIM, DMARC and ARC, and
//! `Authentication-Results` (RFC 8601), read strictly.
//!
//! Anybody can write such a field. It is read only where the server that is said to have written it
//! is configured, which must remove forged ones that bear its name (RFC 8601 section 5), and only
//! as the topmost of its kind: whatever stands below was there when that server got the message.
//! Nothing is looked up here. Start with [`Authentication`] and [`read_results`].

use serde::{Deserialize, Serialize};

use super::Address;
use super::header::Fields;

/// What SPF, DKIM, DMARC and ARC come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    pub verdict: Verdict,
    /// For people, in the words of RFC 8601: `dmarc=pass header.from=example.org, dkim=pass …`.
    pub findings: String,
}

/// Whether the domain of the From field stands behind a message (RFC 7489).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    /// It disowns it: DMARC fails, and its policy asks for quarantine or rejection.
    Fail,
    /// Nobody says; or the answer is late, temporary or wrong, which is never a pass.
    #[default]
    Unknown,
}

impl Authentication {
    /// Two opinions as one: a pass of either counts, because each is believed by itself.
    pub fn or(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        let rank = |one: &Self| match one.verdict {
            Verdict::Pass => 0,
            Verdict::Fail => 1,
            Verdict::Unknown => 2,
        };
        let better = rank(&other) < rank(&self);
        let says_more = rank(&other) == rank(&self) && self.findings.is_empty();
        if better || says_more { other } else { self }
    }
}

/// Signatures and seals of one message that are looked up at most: nobody honest has as many. Each is
/// a question to somebody's name server, and the body read once more.
const SIGNATURES_MAX: usize = 30;

/// Whether a message holds signatures that can be looked up, and not more than that.
pub fn is_signed(octets: &[u8]) -> bool {
    count_signatures(octets).is_some_and(|count| count > 0)
}

/// The signatures and seals of a message; `None` when they are more than are looked up.
pub fn count_signatures(octets: &[u8]) -> Option<usize> {
    let fields = Fields::read(octets);
    let names = ["dkim-signature", "arc-seal", "arc-message-signature"];
    let count: usize = names.iter().map(|name| fields.all(name).count()).sum();
    (fields.is_whole() && count <= SIGNATURES_MAX).then_some(count)
}

/// What the topmost Authentication-Results says, when one of `authserv_ids` wrote it.
pub fn read_results(octets: &[u8], from: &Address, authserv_ids: &[String]) -> Option<Authentication> {
    if authserv_ids.is_empty() {
        return None;
    }
    let fields = Fields::read(octets);
    let results = Results::read(fields.first("authentication-results")?)?;
    let own = authserv_ids.iter().any(|id| id.eq_ignore_ascii_case(&results.authserv_id));
    own.then(|| results.judge(from))
}

/// What the sealed results of an ARC set say (RFC 8617 section 4.1.1): the field's value, `i=1;`
/// included.
pub fn read_sealed_results(value: &str, from: &Address) -> Option<Authentication> {
    let (instance, rest) = value.split_once(';')?;
    instance.trim().strip_prefix("i=")?;
    Some(Results::read(rest)?.judge(from))
}

/// `authserv-id; method=result ptype.property=value …; …`, comments removed.
#[derive(Debug, PartialEq, Eq)]
struct Results {
    authserv_id: String,
    methods: Vec<Method>,
}

#[derive(Debug, PartialEq, Eq)]
struct Method {
    name: String,
    result: String,
    /// `header.from`, and its value.
    properties: Vec<(String, String)>,
}

/// The longest field and the most methods that are read: no server writes a tenth of it.
const VALUE_OCTETS_MAX: usize = 16 * 1024;
const METHODS_MAX: usize = 100;

impl Results {
    /// `None` for what is not of the form of RFC 8601 section 2.2, down to the last octet.
    fn read(value: &str) -> Option<Self> {
        if value.len() > VALUE_OCTETS_MAX {
            return None;
        }
        let tokens = Token::read_all(value)?;
        let mut parts = tokens.split(|token| *token == Token::Semicolon);
        let authserv_id = match parts.next()? {
            [Token::Word(id) | Token::Quoted(id)] => id.clone(),
            // The version of the format, of which there is one.
            [Token::Word(id) | Token::Quoted(id), Token::Word(version)] if version == "1" => id.clone(),
            _ => return None,
        };
        let methods = parts.filter(|part| !part.is_empty()).map(Method::read);
        let methods: Vec<Option<Method>> = methods.take(METHODS_MAX).collect();
        // `none`: the server looked at nothing.
        let methods = methods.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Self { authserv_id, methods })
    }

    fn judge(&self, from: &Address) -> Authentication {
        let domain = from.domain();
        let mut dmarc = self.methods.iter().filter(|method| method.name == "dmarc");
        let (Some(only), None) = (dmarc.next(), dmarc.next()) else {
            return Authentication { verdict: Verdict::Unknown, findings: self.shown() };
        };
        let of_author = only.properties.iter().filter(|(name, _)| name == "header.from");
        let of_author: Vec<bool> = of_author.map(|(_, of)| of.eq_ignore_ascii_case(domain)).collect();
        let verdict = match only.result.as_str() {
            "pass" if of_author == [true] => Verdict::Pass,
            "fail" if of_author == [true] => Verdict::Fail,
            _ => Verdict::Unknown,
        };
        Authentication { verdict, findings: self.shown() }
    }

    fn shown(&self) -> String {
        let methods = self.methods.iter().map(|method| {
            let properties = method.properties.iter().filter(|(name, _)| name != "reason");
            let properties: String =
                properties.map(|(name, value)| format!(" {name}={}", printable(value))).collect();
            format!("{}={}{properties}", method.name, method.result)
        });
        format!("{}: {}", printable(&self.authserv_id), methods.collect::<Vec<_>>().join(", "))
    }
}

/// Values go into timelines and terminals.
fn printable(value: &str) -> String {
    value.chars().take(100).map(|c| if c.is_control() || c.is_whitespace() { '?' } else { c }).collect()
}

impl Method {
    /// `method[/version]=result`, then `name=value` pairs. `none` alone is no method.
    fn read(tokens: &[Token]) -> Option<Self> {
        if let [Token::Word(none)] = tokens
            && none.eq_ignore_ascii_case("none")
        {
            return Some(Self { name: "none".into(), result: String::new(), properties: Vec::new() });
        }
        let mut pairs = tokens.chunks(3).map(|pair| match pair {
            [Token::Word(name), Token::Equals, Token::Word(value) | Token::Quoted(value)] => Some((
                name.to_ascii_lowercase(),
                value.clone(),
                matches!(pair.last(), Some(Token::Word(_))),
            )),
            _ => None,
        });
        let (name, result, is_word) = pairs.next()??;
        let name = name.split_once('/').map_or(name.as_str(), |(name, _)| name).to_owned();
        let properties = pairs.map(|pair| pair.map(|(name, value, _)| (name, value)));
        let properties = properties.collect::<Option<Vec<_>>>()?;
        // A result is a keyword and never quoted.
        is_word.then(|| Self { name, result: result.to_ascii_lowercase(), properties })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Equals,
    Semicolon,
}

impl Token {
    /// Comments, which may be nested, say nothing; `None` when a quotation or a comment has no end.
    fn read_all(value: &str) -> Option<Vec<Self>> {
        let mut tokens = Vec::new();
        let mut chars = value.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '(' => {
                    let mut depth = 1;
                    while depth > 0 {
                        match chars.next()? {
                            '(' => depth += 1,
                            ')' => depth -= 1,
                            '\\' => drop(chars.next()?),
                            _ => {}
                        }
                    }
                }
                '"' => {
                    let mut quoted = String::new();
                    loop {
                        match chars.next()? {
                            '"' => break,
                            '\\' => quoted.push(chars.next()?),
                            c => quoted.push(c),
                        }
                    }
                    tokens.push(Self::Quoted(quoted));
                }
                '=' => tokens.push(Self::Equals),
                ';' => tokens.push(Self::Semicolon),
                c if c.is_whitespace() => {}
                c => {
                    // A value may hold an `=`, as addresses of bounces do.
                    let ends = if tokens.last() == Some(&Self::Equals) { "(\";" } else { "(\"=;" };
                    let mut word = String::from(c);
                    while let Some(&c) = chars.peek() {
                        if c.is_whitespace() || ends.contains(c) {
                            break;
                        }
                        word.push(c);
                        chars.next();
                    }
                    tokens.push(Self::Word(word));
                }
            }
        }
        Some(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a header comes to for a mail from alice@example.org behind mx.example.org.
    fn verdict(header: &str) -> Option<Verdict> {
        let from = Address::read("alice@example.org").unwrap();
        let mail = format!("{header}From: Alice <alice@example.org>\r\nSubject: x\r\n\r\nbody\r\n");
        let ids = ["mx.example.org".to_owned()];
        read_results(mail.as_bytes(), &from, &ids).map(|results| results.verdict)
    }

    const REAL: &str = "Authentication-Results: mx.example.org; dkim=pass header.d=example.org;\r\n \
                        dmarc=pass (p=REJECT) header.from=example.org\r\n";
    const FAILED: &str = "Authentication-Results: mx.example.org;\r\n \
                          dmarc=fail header.from=example.org\r\n";

    #[test]
    fn the_field_of_the_configured_server_is_believed() {
        assert_eq!(verdict(REAL), Some(Verdict::Pass));
        assert_eq!(verdict(FAILED), Some(Verdict::Fail));
        assert_eq!(verdict(&REAL.replace("mx.example.org;", "MX.Example.ORG 1;")), Some(Verdict::Pass));
        assert_eq!(
            verdict(&REAL.replace("=example.org\r\n", "=\"example.org\"\r\n")),
            Some(Verdict::Pass)
        );
        assert_eq!(verdict(&REAL.replace("dmarc=", "dmarc/1 = ")), Some(Verdict::Pass));
        let bounce = "spf=pass smtp.mailfrom=b+alice=example.org@lists.example; dkim=pass";
        assert_eq!(verdict(&REAL.replace("dkim=pass", bounce)), Some(Verdict::Pass));
        let from = Address::read("alice@example.org").unwrap();
        assert_eq!(read_results(format!("{REAL}\r\n").as_bytes(), &from, &[]), None);
    }

    #[test]
    fn a_forged_field_is_not_believed_wherever_it_stands() {
        let forged = REAL.replace("mx.example.org", "mx.evil.example");
        assert_eq!(verdict(&forged), None);
        assert_eq!(verdict(&format!("{forged}{REAL}")), None, "above the real one");
        assert_eq!(verdict(&format!("{REAL}{forged}")), Some(Verdict::Pass), "below the real one");
        assert_eq!(verdict(&format!("{FAILED}{REAL}")), Some(Verdict::Fail), "in its name, below");
        assert_eq!(verdict(&format!("{forged}{FAILED}")), None);
        assert_eq!(verdict(&REAL.replace("mx.example.org", "mx.example.org.evil.example")), None);
        assert_eq!(verdict(&REAL.replace("mx.example.org", "evil.example (mx.example.org)")), None);
        assert_eq!(verdict(&REAL.replace("Authentication-Results", "X-Authentication-Results")), None);
    }

    #[test]
    fn a_pass_of_somebody_else_is_none_of_the_author() {
        for from in ["evil.example", "sub.example.org", "example.org.evil.example", "xexample.org"] {
            let other = REAL.replace("header.from=example.org", &format!("header.from={from}"));
            assert_eq!(verdict(&other), Some(Verdict::Unknown), "{from}");
        }
        let unnamed = REAL.replace(" header.from=example.org", "");
        assert_eq!(verdict(&unnamed), Some(Verdict::Unknown));
        let twice = REAL.replace("header.from=", "header.from=evil.example header.from=");
        assert_eq!(verdict(&twice), Some(Verdict::Unknown));
        let two = REAL.replace("dkim=pass header.d", "dmarc=fail header.from");
        assert_eq!(verdict(&two), Some(Verdict::Unknown));
    }

    #[test]
    fn a_pass_within_a_comment_or_a_quotation_is_none() {
        let field = |rest: &str| format!("Authentication-Results: mx.example.org; {rest}\r\n");
        let pass = "dmarc=pass header.from=example.org";
        for smuggled in [
            format!("spf=fail ({pass})"),
            format!("spf=fail (a (b) ; {pass};)"),
            format!("spf=fail smtp.mailfrom=\"x; {pass};\"@evil.example"),
            format!("spf=fail smtp.mailfrom=\"x\\\"; {pass}\""),
            format!("spf=fail reason=\"; {pass}\""),
            "dmarc=\"pass\" header.from=example.org".to_owned(),
            "dmarc=temperror header.from=example.org".to_owned(),
            "dmarc=none header.from=example.org".to_owned(),
            "dmarc=(pass) header.from=example.org".to_owned(),
            "xdmarc=pass header.from=example.org".to_owned(),
            format!("spf=fail smtp.mailfrom=(; {pass}"),
            format!("spf=fail smtp.mailfrom=\"; {pass}"),
            "none".to_owned(),
            String::new(),
        ] {
            assert_ne!(verdict(&field(&smuggled)), Some(Verdict::Pass), "{smuggled}");
        }
        assert_eq!(verdict(&field(&format!("{pass} (spf=fail)"))), Some(Verdict::Pass));
    }

    #[test]
    fn sealed_results_are_read_behind_their_instance() {
        let from = Address::read("alice@example.org").unwrap();
        let sealed = " i=1; lists.example.net; dmarc=pass header.from=example.org";
        assert_eq!(read_sealed_results(sealed, &from).map(|sealed| sealed.verdict), Some(Verdict::Pass));
        assert_eq!(
            read_sealed_results("lists.example.net; dmarc=pass header.from=example.org", &from),
            None
        );
    }

    #[test]
    fn what_is_shown_cannot_break_a_line() {
        let from = Address::read("alice@example.org").unwrap();
        let mail =
            "Authentication-Results: mx.example.org; spf=fail smtp.mailfrom=\"a\tb\u{1b}\"\r\n\r\n";
        let ids = ["mx.example.org".to_owned()];
        let results = read_results(mail.as_bytes(), &from, &ids).unwrap();
        assert_eq!(results.findings, "mx.example.org: spf=fail smtp.mailfrom=a?b?");
    }
}
