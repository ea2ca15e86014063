//! Addresses: what is read is an addr-spec, prints as itself, and our own carry their tags.

use firebell::mail::{Address, OwnAddress, Tag};

/// Reads the octets as an address, and as text in which addresses stand.
pub fn check(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let own = OwnAddress::new(Address::read("incidents@example.org").expect("an address"), '+');
    if let Ok(address) = Address::read(&text) {
        let shown = address.to_string();
        assert!(shown.len() <= 254 && address.local_part().len() <= 64);
        assert!(!shown.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;:\"()".contains(c)));
        assert_eq!(shown, format!("{}@{}", address.local_part(), address.domain()));
        let again = Address::read(&shown).expect("what was printed is read");
        assert_eq!(again.as_str(), address.as_str());
        assert_eq!(again.key(), address.key());
        let folded = Address::read(&address.key());
        assert!(folded.is_err() || folded == Ok(address.clone()));
        check_tag(&own, &address);
    }
    if let Ok(tagged) = Address::read(&format!("incidents+{}@example.org", text.trim())) {
        check_tag(&own, &tagged);
    }
    let shown = own.without_tokens(&text);
    assert_eq!(own.without_tokens(&shown), shown, "no token is behind another");
    assert!(shown.len() <= text.len());
    const TOKEN: &str = "abcdefghijklmnop";
    let with_token = format!("{text} incidents+42.{TOKEN}@example.org {text}");
    assert!(text.contains(TOKEN) || !own.without_tokens(&with_token).contains(TOKEN));
}

fn check_tag(own: &OwnAddress, address: &Address) {
    let Some(tag) = own.tag_of(address) else { return };
    let spelled = match &tag {
        Tag::Plain => return assert_eq!(own.address(), address),
        Tag::Incident { number, token } => match token {
            Some(token) => format!("{number}.{token}"),
            None => number.to_string(),
        },
        Tag::Drill => "drill".to_owned(),
        Tag::Private => "private".to_owned(),
        Tag::Alert { secret: None } => "alert".to_owned(),
        Tag::Alert { secret: Some(secret) } => format!("alert.{secret}"),
        Tag::Ack { id, token } => format!("ack.{id}.{token}"),
        Tag::OnCall { token: None } => "oncall".to_owned(),
        Tag::OnCall { token: Some(token) } => format!("oncall.{token}"),
        Tag::List { wish, list, token: None } => format!("{}.{list}", wish.name()),
        Tag::List { wish, list, token: Some(token) } => format!("{}.{list}.{token}", wish.name()),
        Tag::Swap { id, token } => format!("swap.{id}.{token}"),
        Tag::Help => "help".to_owned(),
        Tag::Held { id, token } => format!("held.{id}.{token}"),
        Tag::Digest { id, token } => format!("digest.{id}.{token}"),
        Tag::Bounce { outbox, mac } => format!("bounce.{outbox}.{mac}"),
        Tag::Unknown(tag) => tag.clone(),
    };
    // A number may be spelled with a plus or zeros; then it says the same, shorter.
    assert_eq!(own.tag_of(&own.tagged(&spelled)), Some(tag), "{address}");
}
