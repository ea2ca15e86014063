//! How large something is, and what is kept of a file, in a few words.

use crate::incident::decision::Attached;

/// `8 octets`, `12 KB`, `3.4 MB`, `2.0 GB`: powers of ten.
pub fn size(octets: i64) -> String {
    match octets {
        ..1_000 => format!("{octets} octets"),
        1_000..1_000_000 => format!("{} KB", (octets + 500) / 1_000),
        1_000_000..1_000_000_000 => format!("{}.{} MB", octets / 1_000_000, octets / 100_000 % 10),
        _ => format!("{}.{} GB", octets / 1_000_000_000, octets / 100_000_000 % 10),
    }
}

/// `graph.png, 12 KB`; says so when the file is not kept.
pub fn attached(file: &Attached) -> String {
    let mut text = file.name.clone();
    if file.size_octets > 0 {
        text = format!("{text}, {}", size(file.size_octets));
    }
    if file.hash.is_none() {
        text.push_str(", not kept");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_few_digits() {
        let sizes = [0, 999, 1_000, 1_499, 999_499, 1_000_000, 10_240_000, 2_000_000_000].map(size);
        assert_eq!(
            sizes,
            ["0 octets", "999 octets", "1 KB", "1 KB", "999 KB", "1.0 MB", "10.2 MB", "2.0 GB"]
        );
    }
}
