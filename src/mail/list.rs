//! A post through a mailing list: that it is one, and who wrote it.
//!
//! Lists whose members' domains publish a strict DMARC policy (RFC 7489) put their own address into
//! From and the author's elsewhere; the post is its author's all the same. Nothing here is proof:
//! whoever sends may write these fields as well as From. Start with [`read_author`].

use super::header::{self, Fields};
use super::{Address, Mailbox};

/// Fields that only lists write (RFC 2919, RFC 2369, and what lists did before).
const LIST_FIELDS: [&str; 6] =
    ["list-id", "list-post", "list-unsubscribe", "x-mailing-list", "mailing-list", "x-loop"];
/// Where lists keep the author whom they took out of From: of the whole mailbox first.
const AUTHOR_FIELDS: [&str; 2] = ["x-original-from", "x-original-sender"];

/// Whether the message came through a mailing list.
pub(super) fn came_through_list(fields: &Fields) -> bool {
    LIST_FIELDS.iter().any(|name| fields.has(name))
        || fields.all("precedence").any(|value| value.trim().eq_ignore_ascii_case("list"))
}

/// Who wrote a post whose From the list made its own: `Bob via ops <ops@lists.example>`.
///
/// `None` when From is the author's, or nothing says who that is.
pub(super) fn read_author(fields: &Fields, from: &Mailbox) -> Option<Mailbox> {
    if !came_through_list(fields) {
        return None;
    }
    let lists = read_addresses(fields);
    let name = name_of_author(&from.name);
    if name.is_none() && !lists.contains(&from.address) {
        return None;
    }
    let mut kept = AUTHOR_FIELDS.iter().filter_map(|name| fields.first(name));
    let author = kept
        .find_map(header::read_author)
        .or_else(|| only_other(fields, "reply-to", from, &lists))
        .or_else(|| named_in_copy(fields, name?))?;
    let name = if author.name.is_empty() { name.unwrap_or_default().to_owned() } else { author.name };
    // A list that rewrites the author's name adds itself there, too.
    let name = name_of_author(&name).map_or(name.clone(), str::to_owned);
    Some(Mailbox { name, address: author.address })
}

/// `Bob Okafor` of `'Bob Okafor' via ops` and of `Bob Okafor (via ops)`.
fn name_of_author(name: &str) -> Option<&str> {
    let lower = name.to_ascii_lowercase();
    let at = lower.find(" via ").or_else(|| lower.find("(via "))?;
    let name = name.get(..at)?.trim().trim_matches(['\'', '"', '‘', '’']).trim();
    (!name.is_empty()).then_some(name)
}

/// The addresses that are the list's own.
fn read_addresses(fields: &Fields) -> Vec<Address> {
    let posts = fields.all("list-post").filter_map(|value| {
        let (_, rest) = value.split_once("mailto:")?;
        rest.split(['>', '?']).next()
    });
    let been = fields.all("x-beenthere").chain(fields.all("x-mailing-list"));
    // `list ops@groups.example; contact ops+owners@groups.example`
    let named = fields.all("mailing-list").flat_map(|value| value.split([' ', ';', ',']));
    let written = posts.chain(been).chain(named).map(|text| text.trim_matches(['<', '>', ' ']));
    written.filter_map(|text| Address::read(text).ok()).collect()
}

/// The one mailbox of a field that is not the list's own.
fn only_other(fields: &Fields, field: &str, from: &Mailbox, lists: &[Address]) -> Option<Mailbox> {
    let mailboxes = fields.all(field).flat_map(header::read_mailboxes);
    let mut others = mailboxes
        .flatten()
        .filter(|mailbox| mailbox.address != from.address && !lists.contains(&mailbox.address));
    match (others.next(), others.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// Where answers go to the list, Mailman puts the author into Cc.
fn named_in_copy(fields: &Fields, name: &str) -> Option<Mailbox> {
    let copies = fields.all("cc").flat_map(header::read_mailboxes).flatten();
    copies.into_iter().find(|mailbox| mailbox.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(from: &str, more: &str) -> Option<String> {
        let fields = Fields::read(format!("From: {from}\r\n{more}\r\n\r\n").as_bytes());
        let from = header::read_author(from)?;
        read_author(&fields, &from).map(|author| format!("{}|{}", author.name, author.address))
    }

    #[test]
    fn the_author_of_a_post_is_who_wrote_it_and_not_the_list() {
        const BOB: Option<&str> = Some("Bob Okafor|bob@ops.example");
        let post = "List-Post: <mailto:ops@lists.example>";
        for (from, more) in [
            // Google Groups
            (
                "'Bob Okafor' via Ops <ops@lists.example>",
                "Mailing-list: list ops@lists.example; contact x@y.example\r\n\
                 X-Original-Sender: bob@ops.example\r\nX-Original-From: Bob Okafor <bob@ops.example>",
            ),
            (
                "'Bob Okafor' via Ops <ops@lists.example>",
                "List-ID: <ops>\r\nX-Original-Sender: bob@ops.example",
            ),
            // Mailman
            (
                "Bob Okafor via Ops <ops@lists.example>",
                "List-Id: <ops>\r\nReply-To: Bob Okafor <bob@ops.example>",
            ),
            (
                "Bob Okafor via Ops <ops@lists.example>",
                "Reply-To: ops@lists.example, bob@ops.example\r\nList-Post: <mailto:ops@lists.example>",
            ),
            (
                "Bob Okafor via Ops <ops@lists.example>",
                "Reply-To: ops@lists.example\r\nCc: Eve <eve@x.example>, Bob Okafor <bob@ops.example>\r\n\
                 List-Post: <mailto:ops@lists.example>",
            ),
            // Sympa
            (
                "\"Bob Okafor (via ops list)\" <ops@lists.example>",
                "X-Loop: ops@lists.example\r\nX-Original-From: Bob Okafor <bob@ops.example>",
            ),
        ] {
            assert_eq!(author(from, more).as_deref(), BOB, "{from} {more}");
        }
        assert_eq!(author("Bob <bob@ops.example>", post), None, "From is the author's");
        assert_eq!(
            author("Bob via Ops <ops@lists.example>", "Reply-To: bob@ops.example"),
            None,
            "no list"
        );
        let several = format!("{post}\r\nReply-To: a@x.example, b@x.example");
        assert_eq!(author("Bob via Ops <ops@lists.example>", &several), None, "nobody says who");
    }
}
