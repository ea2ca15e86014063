//! How much of what people write is found, and how little of it lost: figures with floors that only
//! rise, over our own mails and over any folder that `FIREBELL_CORPUS` names.
//!
//! Such a folder holds `cases.jsonl` (an object a line: `mail`, `source`, `accepted`, `contains`,
//! `lacks`) and `mails/NAME.eml`. Our own mails are always read. Start with [`Figures`].

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use firebell::mail::message::{read_mail, text_of};
use firebell::mail::quote::new_text;

/// Our own mails: every one exactly as the text beside it.
const OWN_FLOOR: Floor = Floor { source: "own", exact: 1.0, f1: 1.0, lost: 0.0 };
/// How many of our own there are at least, and in how many writings.
const OWN_CASES_MIN: usize = 120;
/// What is reached on the replies that other projects accept. Raise a floor when you pass it.
const FLOORS: [Floor; 5] = [
    Floor { source: "erp-family", exact: 0.92, f1: 0.985, lost: 0.025 },
    Floor { source: "webridge", exact: 0.99, f1: 0.99, lost: 0.0 },
    Floor { source: "talon", exact: 0.96, f1: 0.98, lost: 0.012 },
    Floor { source: "quotequail", exact: 0.91, f1: 0.91, lost: 0.0 },
    Floor { source: "forge", exact: 0.85, f1: 0.99, lost: 0.0 },
];
/// Over all of them together.
const LOST_MAX: f64 = 0.007;

struct Floor {
    source: &'static str,
    exact: f64,
    f1: f64,
    lost: f64,
}

/// A mail, and the texts of which any is right.
struct Case {
    source: String,
    mail: PathBuf,
    accepted: Vec<String>,
    contains: Vec<String>,
    lacks: Vec<String>,
}

/// What came of the cases of one source.
#[derive(Default)]
struct Figures {
    cases: f64,
    exact: f64,
    graded: f64,
    f1: f64,
    /// Cases in which a tenth of the author's words is missing.
    lost: f64,
}

impl Figures {
    fn add(&mut self, case: &Case) {
        let found = normal(&new_text(&std::fs::read(&case.mail).expect("a mail")));
        let accepted: Vec<String> = case.accepted.iter().map(|text| normal(text)).collect();
        let has = |part: &String| found.contains(&normal(part));
        let is_exact = if accepted.is_empty() {
            case.contains.iter().all(has) && !case.lacks.iter().any(has)
        } else {
            accepted.contains(&found)
        };
        self.cases += 1.0;
        self.exact += f64::from(u8::from(is_exact));
        let fits = accepted.iter().map(|accepted| overlap(&found, accepted));
        if let Some((f1, recall)) = fits.max_by(|a, b| a.0.total_cmp(&b.0)) {
            self.graded += 1.0;
            self.f1 += f1;
            self.lost += f64::from(u8::from(recall < 0.9));
        }
    }

    fn shares(&self) -> (f64, f64, f64) {
        let graded = self.graded.max(1.0);
        (self.exact / self.cases.max(1.0), self.f1 / graded, self.lost / graded)
    }
}

/// Without marks of quotation at the starts of lines, and with single spaces.
fn normal(text: &str) -> String {
    let bare: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'))
        .collect();
    let lines =
        bare.lines().map(|line| line.trim_start_matches(|c: char| c == '>' || c.is_whitespace()));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// F1 and recall of two normal texts, by words with repetition.
fn overlap(found: &str, accepted: &str) -> (f64, f64) {
    let mut counts: HashMap<&str, i64> = HashMap::new();
    accepted
        .split(' ')
        .filter(|word| !word.is_empty())
        .for_each(|word| *counts.entry(word).or_default() += 1);
    let (wanted, mut all, mut common) = (counts.values().sum::<i64>(), 0, 0);
    for word in found.split(' ').filter(|word| !word.is_empty()) {
        all += 1;
        if let Some(left) = counts.get_mut(word).filter(|left| **left > 0) {
            *left -= 1;
            common += 1;
        }
    }
    if all == 0 || wanted == 0 {
        let both = f64::from(u8::from(all == wanted));
        return (both, if wanted == 0 { 1.0 } else { both });
    }
    let [common, all, wanted] = [common, all, wanted].map(|count: i64| count as f64);
    let (precision, recall) = (common / all, common / wanted);
    (if common > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }, recall)
}

fn own_cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails");
    let entries = std::fs::read_dir(folder).expect("the folder of mails");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mails = paths.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
    let case = |mail: PathBuf| {
        let beside = std::fs::read_to_string(mail.with_extension("txt")).expect("the text beside");
        let (_origin, text) = beside.split_once("\n\n").expect("an origin above the text");
        let accepted = vec![text.to_owned()];
        Case { source: "own".to_owned(), mail, accepted, contains: Vec::new(), lacks: Vec::new() }
    };
    mails.map(case).collect()
}

fn cases_in(folder: &Path) -> Vec<Case> {
    let lines = std::fs::read_to_string(folder.join("cases.jsonl")).expect("cases.jsonl");
    let case = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).expect("an object a line");
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let texts = |name: &str| {
            let all = value[name].as_array().into_iter().flatten();
            all.filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        Case {
            source: text("source"),
            mail: folder.join("mails").join(format!("{}.eml", text("mail"))),
            accepted: texts("accepted"),
            contains: texts("contains"),
            lacks: texts("lacks"),
        }
    };
    lines.lines().map(case).collect()
}

fn figures(cases: &[Case]) -> BTreeMap<String, Figures> {
    let mut by_source: BTreeMap<String, Figures> = BTreeMap::new();
    for case in cases {
        by_source.entry(case.source.clone()).or_default().add(case);
    }
    by_source
}

fn shown(by_source: &BTreeMap<String, Figures>) -> String {
    let mut table = String::from("source          cases  exact     F1   lost\n");
    for (source, figures) in by_source {
        let (exact, f1, lost) = figures.shares();
        let _ = writeln!(table, "{source:15}{:6}{exact:7.3}{f1:7.3}{lost:7.3}", figures.cases);
    }
    table
}

fn assert_floors(floors: &[Floor], by_source: &BTreeMap<String, Figures>) {
    let table = shown(by_source);
    println!("{table}");
    for floor in floors {
        let Some(figures) = by_source.get(floor.source) else { continue };
        let (exact, f1, lost) = figures.shares();
        assert!(
            exact >= floor.exact && f1 >= floor.f1 && lost <= floor.lost,
            "{}\n{table}",
            floor.source
        );
    }
}

#[test]
fn our_own_mails_and_the_corpus_at_hand_reach_their_floors() {
    let own = own_cases();
    assert!(own.len() >= OWN_CASES_MIN, "{} own cases", own.len());
    assert_floors(&[OWN_FLOOR], &figures(&own));
    if let Some(folder) = std::env::var_os("FIREBELL_CORPUS") {
        let by_source = figures(&cases_in(Path::new(&folder)));
        assert_floors(&FLOORS, &by_source);
        let (lost, graded) =
            by_source.values().fold((0.0, 0.0), |sum, one| (sum.0 + one.lost, sum.1 + one.graded));
        assert!(lost <= LOST_MAX * graded, "{lost} of {graded} lost");
    }
}

/// Lines without the marks and the white space in which a quotation is written anew.
fn bare_lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(normal);
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn new_text_holds_nothing_that_the_mail_does_not_show() {
    for case in own_cases() {
        let octets = std::fs::read(&case.mail).expect("a mail");
        // An attribution in the sender's own line is parted from it: a part of a line is one too.
        let whole = bare_lines(&text_of(&octets)).join("\n");
        for line in bare_lines(&new_text(&octets)) {
            assert!(whole.contains(&line), "{}: {line}", case.mail.display());
        }
    }
}

#[test]
fn what_is_cut_off_and_what_is_kept_are_together_the_whole() {
    for case in own_cases() {
        let octets = std::fs::read(&case.mail).expect("a mail");
        let mail = read_mail(&octets, false);
        let words = |text: &str| {
            let mut words: Vec<String> = normal(text).split(' ').map(str::to_owned).collect();
            words.retain(|word| !word.is_empty());
            words.sort();
            words
        };
        let both = words(&format!("{}\n{}", mail.new_text, mail.elided));
        assert_eq!(
            both.concat().len(),
            words(&text_of(&octets)).concat().len(),
            "{}",
            case.mail.display()
        );
    }
}

/// Nanoseconds that the processor spent on this thread, whoever else it had to serve meanwhile.
fn processor_time() -> u64 {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux with schedstat");
    line.split(' ').next().and_then(|first| first.parse().ok()).expect("nanoseconds")
}

/// The lesser of two readings.
fn cost_of(mail: &str) -> u64 {
    let costs = (0..2).map(|_| {
        let before = processor_time();
        read_mail(mail.as_bytes(), false);
        processor_time() - before
    });
    costs.min().unwrap_or_default().max(1)
}

#[test]
fn four_times_the_octets_cost_no_more_than_ten_times_the_work() {
    // Unoptimised code: more would show the same and take minutes.
    const QUARTER: usize = 60_000;
    let plain = "From: a@b.example\n\n";
    let html = "From: a@b.example\nContent-Type: text/html\n\n";
    for (header, unit) in [
        (plain, ">"),
        (plain, "> \n"),
        (plain, "> a\n\nb\n"),
        (plain, "On Mon, 2 Apr 2012 at 18:26, Megan One wrote:\n"),
        (plain, "To: a@b.example\n"),
        (plain, "2026-11-21 10:00 mail to a@b.example: x\n"),
        (plain, "Sent from my iPhone\n\n"),
        (plain, "confidential message for the recipient "),
        (html, "<div>"),
        (html, "<div class=gmail_quote>x"),
        (html, "<blockquote type=cite>x"),
        (html, "<table><tr><td>x"),
        (html, "<a href=x>y</a>"),
        (html, "<span id=OLK_SRC_BODY_SECTION>x"),
    ] {
        let mail = |octets: usize| format!("{header}{}", unit.repeat(octets / unit.len()));
        let (small, large) = (cost_of(&mail(QUARTER)), cost_of(&mail(QUARTER * 4)));
        assert!(large < small * 10, "{unit:?}: {small} ns and {large} ns");
    }
}
