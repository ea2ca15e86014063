//! Whether people see what an element holds, by its `style` and `hidden` attributes.
//!
//! Only what nearly every client hides is hidden: text that nobody sees is no text, and what somebody
//! sees must not be lost. Style sheets are not read, since most clients drop them from what people
//! paste. Start with [`Sight::within`].

use super::tags::Tag;

/// What decides whether the text within an element is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sight {
    /// Nothing within can be seen, whatever it says of itself.
    is_gone: bool,
    /// Not seen, unless an element within says that it is visible.
    is_invisible: bool,
    /// Too small to be seen, unless an element within has a size of its own.
    is_tiny: bool,
}

impl Sight {
    /// Whether text is seen.
    pub(super) fn is_seen(self) -> bool {
        !(self.is_gone || self.is_invisible || self.is_tiny)
    }

    /// Of what nobody sees.
    pub(super) fn gone(self) -> Self {
        Self { is_gone: true, ..self }
    }

    /// Within an element of what is seen so.
    pub(super) fn within(self, tag: Tag<'_>) -> Self {
        let mut sight = self;
        for (attribute, value) in tag.attributes {
            match *attribute {
                "hidden" => sight.is_gone = true,
                "style" => sight = sight.styled(value),
                // The smallest of these sizes is readable (HTML, section 15.3.7).
                "size" if tag.name == "font" => sight.is_tiny = false,
                _ => {}
            }
        }
        sight
    }

    fn styled(mut self, style: &str) -> Self {
        let style = bare(style);
        let value = |name| declared(&style, name);
        let is = |name, wanted: &str| value(name) == Some(wanted);
        let is_zero = |name| value(name).is_some_and(is_zero);
        let is_flat = ["height", "max-height", "width", "max-width"].into_iter().any(is_zero);
        self.is_gone |= is("display", "none")
            || is("mso-hide", "all")
            || is_zero("opacity")
            || is_flat && is("overflow", "hidden");
        match value("visibility") {
            Some("hidden" | "collapse") => self.is_invisible = true,
            Some("visible" | "initial") => self.is_invisible = false,
            _ => {}
        }
        match value("font-size") {
            Some(size) if is_zero_size(size) => self.is_tiny = true,
            // A share of nothing is nothing.
            // A share of nothing is nothing.
            Some(size) if size.ends_with('%') || size.ends_with("em") && !size.ends_with("rem") => {}
            Some(_) => self.is_tiny = false,
            None => {}
        }
        self
    }
}

/// In lower case, without white space and comments.
fn bare(style: &str) -> String {
    let mut bare = String::with_capacity(style.len());
    for (at, piece) in style.split("/*").enumerate() {
        let seen = if at == 0 { piece } else { piece.split_once("*/").map_or("", |(_, behind)| behind) };
        bare.extend(seen.split_whitespace());
    }
    bare.make_ascii_lowercase();
    bare
}

/// The value that counts of a property: the last, or the last that calls itself important.
fn declared<'a>(style: &'a str, name: &str) -> Option<&'a str> {
    let mut found: Option<(&str, bool)> = None;
    for declaration in style.split(';') {
        let value = declaration.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
        let Some(value) = value else { continue };
        let (value, is_important) = match value.strip_suffix("!important") {
            Some(value) => (value, true),
            None => (value, false),
        };
        if is_important || !found.is_some_and(|(_, is_important)| is_important) {
            found = Some((value, is_important));
        }
    }
    found.map(|(value, _)| value)
}

/// `0`, `0px`, `0.0em`.
fn is_zero(value: &str) -> bool {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    number.parse::<f32>().is_ok_and(|number| number == 0.0)
}

/// Nothing, or one dot of the screen.
fn is_zero_size(value: &str) -> bool {
    is_zero(value) || matches!(value, "1px" | "1pt" | "0.1px" | "0.1pt" | "0.01px")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(style: &str) -> bool {
        Sight::default().styled(style).is_seen()
    }

    #[test]
    fn what_no_client_shows_is_not_seen() {
        for style in [
            "display:none",
            "DISPLAY : None !important; color:red",
            "display:none !important;display:block",
            "dis/* x */play:none",
            "visibility: hidden",
            "color:#fff;font-size:0",
            "font-size:0.0px;line-height:0",
            "font-size:1px",
            "opacity:0",
            "max-height:0px;overflow:hidden",
            "mso-hide:all",
        ] {
            assert!(!seen(style), "{style}");
        }
    }

    #[test]
    fn what_some_client_shows_is_seen() {
        for style in [
            "",
            "display:block",
            "display:none;display:block",
            "margin:0;padding:0;height:0",
            "overflow:hidden",
            "max-height:10px;overflow:hidden",
            "font-size:10px",
            "opacity:0.8",
            "visibility:visible",
            "x-display:none",
            "font-family:\"display:none\"",
        ] {
            assert!(seen(style), "{style}");
        }
    }
}
