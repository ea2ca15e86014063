//! The manual pages of the package, written from what the program itself says: its command line, and
//! the configuration that `firebell init` writes.
//!
//! `FIREBELL_REWRITE=1 cargo test --test man` writes them anew. Start with [`command_page`].

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::{Arg, Command};
use firebell::cli;
use firebell::config::FIRST_CONFIGURATION;

#[test]
fn the_manual_pages_say_what_the_program_says() {
    let mut program = cli::command_line();
    program.build();
    for (name, page) in [("firebell.1", command_page(&program)), ("firebell.toml.5", file_page())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/man").join(name);
        if std::env::var_os("FIREBELL_REWRITE").is_some() {
            fs::write(&path, &page).expect("a page is written");
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == page, "{name} is old: FIREBELL_REWRITE=1 cargo test --test man");
    }
}

/// Every command with every argument, in one page (man-pages(7)).
fn command_page(program: &Command) -> String {
    let mut page = head("FIREBELL", 1);
    section(&mut page, "NAME", "firebell \\- incident coordination by e-mail");
    section(&mut page, "SYNOPSIS", ".B firebell\n[\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]");
    section(
        &mut page,
        "DESCRIPTION",
        &text(
            "There is one address that everybody knows. Mail it, and an incident exists; reply, and the reply \
         is in its timeline. Firebell sends the declaration and the follow-ups, chases what is due, and \
         tells leadership how things stand. `firebell init` writes a first configuration, `firebell check` \
         says what is wrong with it, and `firebell serve` is the server.",
        ),
    );
    page.push_str(".SH OPTIONS\n");
    program.get_arguments().for_each(|argument| describe_argument(&mut page, argument));
    page.push_str(".SH COMMANDS\n");
    for command in program.get_subcommands() {
        describe(&mut page, command, "firebell");
    }
    section(&mut page, "EXIT STATUS", &text(&help(program.get_after_help())));
    section(
        &mut page,
        "FILES",
        ".I firebell.toml\nin this folder, or\n.I /etc/firebell/firebell.toml\nis the configuration; \
         the database is in\n.I /var/lib/firebell\nwhere it names no other place.",
    );
    section(&mut page, "SEE ALSO", ".BR firebell.toml (5)\nand\n.I /usr/share/doc/firebell/README.md");
    page
}

fn file_page() -> String {
    let mut page = head("FIREBELL.TOML", 5);
    section(&mut page, "NAME", "firebell.toml \\- configuration of firebell");
    section(
        &mut page,
        "DESCRIPTION",
        &text(
            "One file in TOML. `firebell check` tells all mistakes in it at once, each with its line, and a \
         running server reads it again at SIGHUP. This is what `firebell init` writes; what stands behind \
         a # is the default, or an example.",
        ),
    );
    page.push_str(".EX\n");
    for line in FIRST_CONFIGURATION.lines() {
        let _ = writeln!(page, "\\&{}", escaped(line));
    }
    page.push_str(".EE\n");
    section(&mut page, "SEE ALSO", ".BR firebell (1)");
    page
}

fn head(title: &str, number: u8) -> String {
    format!(
        ".\\\" Written by tests/man.rs; change what it is written from.\n.TH {title} {number} \"\" firebell\n"
    )
}

fn section(page: &mut String, title: &str, body: &str) {
    let _ = writeln!(page, ".SH {title}\n{body}");
}

/// A command, and those below it.
fn describe(page: &mut String, command: &Command, above: &str) {
    let name = format!("{above} {}", command.get_name());
    if command.has_subcommands() {
        let inner = command.get_subcommands().filter(|inner| inner.get_name() != "help");
        inner.for_each(|inner| describe(page, inner, &name));
        return;
    }
    let positionals: String =
        command.get_positionals().map(|argument| format!(" {}", escaped(&named(argument)))).collect();
    let _ = writeln!(page, ".SS {}{positionals}\n{}.", escaped(&name), text(&help(command.get_about())));
    let own = |argument: &&Arg| !argument.is_global_set() && argument.get_id() != "help";
    command.get_arguments().filter(own).for_each(|argument| describe_argument(page, argument));
}

fn describe_argument(page: &mut String, argument: &Arg) {
    let mut said = help(argument.get_help());
    let values = argument.get_possible_values();
    let values: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
    if !values.is_empty() && argument.get_action().takes_values() {
        let _ = write!(said, ": {}", values.join(", "));
    }
    let _ = writeln!(page, ".TP\n{}\n{}", escaped(&named(argument)), text(&said));
}

/// As it is written on the command line.
fn named(argument: &Arg) -> String {
    let short = argument.get_short().map_or_else(String::new, |short| format!("-{short}, "));
    short + &argument.to_string().replace("...", " …")
}

fn help(styled: Option<&clap::builder::StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

/// Prose: no line begins with what roff takes for a request.
fn text(prose: &str) -> String {
    prose.lines().map(|line| format!("\\&{}", escaped(line))).collect::<Vec<_>>().join("\n.br\n")
}

fn escaped(line: &str) -> String {
    line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga")
}
