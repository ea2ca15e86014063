//! HTML as its text, start tags and end tags (HTML Living Standard, section 13.2.5), and the kinds
//! of elements.
//!
//! Of a tag only those attributes are kept that say something of a quotation, a picture or of
//! what is seen. A tokenizer that keeps
//! all compares each with those before it, as duplicates do not count, and one tag of a million
//! attributes would occupy it for an hour. Start with [`read_tokens`].

use std::convert::Infallible;

use html5gum::{Emitter, Error, State, Tokenizer};

/// Attributes that are kept.
const KEPT: &[&str] = &[
    "class",
    "id",
    "style",
    "type",
    "src",
    "hidden",
    "size",
    "data-marker",
    "data-signatureblock",
    "data-smartmail",
];

/// What HTML is made of, as far as it is looked at. Names are in lower case.
pub(super) enum Token<'a> {
    /// Character references are resolved.
    Text(&'a str),
    Start(Tag<'a>),
    /// By its name.
    End(&'a str),
}

/// A start tag.
#[derive(Clone, Copy)]
pub(super) struct Tag<'a> {
    pub name: &'a str,
    /// Name and value, each name once.
    pub attributes: &'a [(&'static str, String)],
}

/// Whether an element holds text that looks like tags and is none of the page's.
pub(super) fn is_raw(name: &str) -> bool {
    matches!(name, "style" | "script" | "title" | "noframes" | "textarea" | "xmp" | "iframe" | "noembed")
}

/// Gives the tokens one after the other. Comments and declarations are none.
pub(super) fn read_tokens(html: &str, take: impl FnMut(Token<'_>)) {
    let tokens = Tokens {
        take,
        text: Vec::new(),
        name: Vec::new(),
        is_start: false,
        attribute: (Vec::new(), Vec::new()),
        attributes: Vec::new(),
        last_start: Vec::new(),
    };
    let Ok(()) = Tokenizer::new_with_emitter(html, tokens).finish();
}

/// What the tokenizer tells, piece by piece; a piece may end within a character.
struct Tokens<F> {
    take: F,
    text: Vec<u8>,
    /// Of the tag that is being read, as what follows.
    name: Vec<u8>,
    is_start: bool,
    attribute: (Vec<u8>, Vec<u8>),
    attributes: Vec<(&'static str, String)>,
    /// The name of the start tag before: what ends raw text.
    last_start: Vec<u8>,
}

impl<F: FnMut(Token<'_>)> Tokens<F> {
    fn give_text(&mut self) {
        if !self.text.is_empty() {
            (self.take)(Token::Text(&String::from_utf8_lossy(&self.text)));
            self.text.clear();
        }
    }

    fn init_tag(&mut self, is_start: bool) {
        self.name.clear();
        self.is_start = is_start;
        self.attribute.0.clear();
        self.attribute.1.clear();
        self.attributes.clear();
    }

    /// Of attributes of one name the first counts.
    fn keep_attribute(&mut self) {
        let (name, value) = &mut self.attribute;
        if let Some(kept) = KEPT.iter().find(|kept| kept.as_bytes() == name)
            && !self.attributes.iter().any(|(name, _)| name == kept)
        {
            self.attributes.push((kept, String::from_utf8_lossy(value).into_owned()));
        }
        name.clear();
        value.clear();
    }
}

impl<F: FnMut(Token<'_>)> Emitter for Tokens<F> {
    type Token = Infallible;

    fn pop_token(&mut self) -> Option<Infallible> {
        None
    }

    fn emit_string(&mut self, octets: &[u8]) {
        self.text.extend_from_slice(octets);
    }

    fn emit_eof(&mut self) {
        self.give_text();
    }

    fn init_start_tag(&mut self) {
        self.init_tag(true);
    }

    fn init_end_tag(&mut self) {
        self.init_tag(false);
    }

    fn push_tag_name(&mut self, octets: &[u8]) {
        self.name.extend_from_slice(octets);
    }

    fn init_attribute(&mut self) {
        self.keep_attribute();
    }

    fn push_attribute_name(&mut self, octets: &[u8]) {
        self.attribute.0.extend_from_slice(octets);
    }

    fn push_attribute_value(&mut self, octets: &[u8]) {
        self.attribute.1.extend_from_slice(octets);
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        self.give_text();
        self.keep_attribute();
        let name = &*String::from_utf8_lossy(&self.name);
        if !self.is_start {
            (self.take)(Token::End(name));
            return None;
        }
        self.last_start.clone_from(&self.name);
        (self.take)(Token::Start(Tag { name, attributes: &self.attributes }));
        is_raw(name).then_some(State::RawText)
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        !self.is_start && self.name == self.last_start
    }

    fn should_emit_errors(&mut self) -> bool {
        false
    }

    // The rest says nothing about what is shown.
    fn emit_error(&mut self, _: Error) {}
    fn set_last_start_tag(&mut self, _: Option<&[u8]>) {}
    fn set_self_closing(&mut self) {}
    fn init_comment(&mut self) {}
    fn push_comment(&mut self, _: &[u8]) {}
    fn emit_current_comment(&mut self) {}
    fn init_doctype(&mut self) {}
    fn set_force_quirks(&mut self) {}
    fn push_doctype_name(&mut self, _: &[u8]) {}
    fn set_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn set_doctype_system_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_system_identifier(&mut self, _: &[u8]) {}
    fn emit_current_doctype(&mut self) {}
}

/// Elements that hold nothing (HTML, section 13.1.2).
pub(super) fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "col"
            | "embed"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
    )
}

pub(super) fn is_part_of_table(name: &str) -> bool {
    matches!(name, "tbody" | "tr")
}

pub(super) fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "blockquote"
            | "body"
            | "center"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "head"
            | "header"
            | "html"
            | "li"
            | "main"
            | "ol"
            | "p"
            | "pre"
            | "section"
            | "table"
            | "tbody"
            | "tr"
            | "ul"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(html: &str) -> String {
        let mut shown = String::new();
        read_tokens(html, |token| match token {
            Token::Text(text) => shown += &format!("{text:?}"),
            Token::Start(tag) => shown += &format!("<{} {:?}>", tag.name, tag.attributes),
            Token::End(name) => shown += &format!("</{name}>"),
        });
        shown
    }

    #[test]
    fn of_attributes_the_first_of_each_kept_name_counts() {
        assert_eq!(
            shown("<P CLASS='a&amp;b' title=x class=c STYLE=d id>é</P class=e>"),
            "<p [(\"class\", \"a&b\"), (\"style\", \"d\"), (\"id\", \"\")]>\"é\"</p>"
        );
    }

    #[test]
    fn text_that_looks_like_a_tag_is_text() {
        assert_eq!(shown("a <é> & <!-- <b> --> <3&lt;i>"), "\"a <é> &  <3<i>\"");
        assert_eq!(shown("<style>a<b></styles></STYLE >"), "<style []>\"a<b></styles>\"</style>");
    }

    #[test]
    fn what_never_ends_is_no_tag() {
        assert_eq!(shown("a<p class='"), "\"a\"");
        assert_eq!(shown("a<!-- b"), "\"a\"");
        assert_eq!(shown("a<"), "\"a<\"");
    }
}
