//! The table that is printed: each figure beside its reference of the same run, the ratio, and what it
//! is to be. Start with [`row`].

use std::fmt::Display;

/// What a ratio of figure to reference is to be.
#[derive(Debug, Clone, Copy)]
pub enum Wanted {
    AtLeast(f64),
    AtMost(f64),
    /// To be seen, and nothing more.
    Known,
}

/// A figure with its unit.
#[derive(Debug, Clone, Copy)]
pub struct Figure(pub f64, pub &'static str);

impl Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(figure, unit) = self;
        // Three digits that say something.
        let places = if *figure >= 100.0 { 0 } else { usize::from(*figure < 10.0) + 1 };
        f.pad(&format!("{figure:.places$} {unit}"))
    }
}

/// Prints the names of the columns.
pub fn head(subject: &str) {
    println!("\n{subject:<52} {:>12}   {:<38} {:>12} {:>7}   to be", "", "beside", "", "ratio");
}

/// Prints a figure beside its reference, in the same unit.
pub fn row(what: &str, figure: Figure, beside: &str, reference: f64, wanted: Wanted) {
    let ratio = figure.0 / reference;
    let verdict = |is_reached| if is_reached { "reached" } else { "MISSED" };
    let wanted = match wanted {
        Wanted::AtLeast(share) => format!("\u{2265} {share}  {}", verdict(ratio >= share)),
        Wanted::AtMost(share) => format!("\u{2264} {share}  {}", verdict(ratio <= share)),
        Wanted::Known => String::new(),
    };
    let reference = Figure(reference, figure.1);
    println!("{what:<52} {figure:>12}   {beside:<38} {reference:>12} {ratio:>7.2}   {wanted}");
}
