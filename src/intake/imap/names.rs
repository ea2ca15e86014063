//! Folder names as they travel: in the modified UTF-7 of RFC 3501 section 5.1.3, quoted.
//!
//! Every server understands it; UTF-8 must be asked for first (RFC 9051 appendix A). Start with
//! [`quote_folder`].

use data_encoding::{Encoding, Specification};

/// A folder's name as an argument of a command. Control characters do not come this far.
pub(super) fn quote_folder(name: &str) -> String {
    format!("\"{}\"", encode(name).replace('\\', "\\\\").replace('"', "\\\""))
}

fn encode(name: &str) -> String {
    let alphabet = base64();
    let mut encoded = String::with_capacity(name.len());
    let mut wide: Vec<u8> = Vec::new();
    let close = |encoded: &mut String, wide: &mut Vec<u8>| {
        if !wide.is_empty() {
            encoded.push('&');
            encoded.push_str(&alphabet.encode(wide));
            encoded.push('-');
            wide.clear();
        }
    };
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            close(&mut encoded, &mut wide);
            encoded.push(c);
            if c == '&' {
                encoded.push('-');
            }
        } else {
            let mut units = [0; 2];
            wide.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    close(&mut encoded, &mut wide);
    encoded
}

/// Base64 with a comma in place of the slash, which separates folders.
fn base64() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,");
    specification.encoding().expect("64 different symbols")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_travels_as_rfc_3501_says() {
        for (name, wire) in [
            ("INBOX", "\"INBOX\""),
            ("~peter/mail/台北/日本語", "\"~peter/mail/&U,BTFw-/&ZeVnLIqe-\""),
            ("R&D", "\"R&-D\""),
            ("Störungen", "\"St&APY-rungen\""),
            ("🔥", "\"&2D3dJQ-\""),
            ("a \"b\\c\"", "\"a \\\"b\\\\c\\\"\""),
        ] {
            assert_eq!(quote_folder(name), wire);
        }
    }
}
