//! The command line: one file a command, each from arguments to an exit code.
//!
//! Nothing is decided here; a command reads the configuration, asks the parts of the program and
//! prints. Start with [`run`]; what the exit codes mean is in [`Failure`].

mod account;
mod alert;
mod alone;
mod audit;
mod backup;
mod check;
mod demo;
mod failure;
mod inbox;
mod incident;
mod ingest;
mod init;
mod list;
mod logs;
pub mod new_text;
mod notify;
mod oncall;
mod open;
mod outbox;
mod password;
mod rehearse;
mod serve;
mod status;
mod surroundings;
mod tokens;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use failure::Failure;
use failure::USAGE;
use logs::LogFormat;

const EXIT_STATUS: &str = "Exit status, as in sysexits.h: 64 command line, 65 what was given, 66 not \
    there, 69 database, relay or address, 70 a mistake of ours, 73 and 74 files, 75 try again, 77 another \
    account is to do it, 78 configuration.";

/// Coordinates incidents by e-mail.
#[derive(Debug, Parser)]
#[command(name = "firebell", version, disable_help_subcommand = true, after_help = EXIT_STATUS)]
struct Arguments {
    /// The configuration; else firebell.toml here, then /etc/firebell/firebell.toml
    #[arg(short = 'c', long = "config", value_name = "FILE", global = true)]
    configuration: Option<PathBuf>,
    /// How the log on standard error is written
    #[arg(long, value_enum, default_value_t, global = true)]
    log: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play with everything on this machine: nothing to configure, no mail leaves
    Demo(demo::Arguments),
    /// Write a first configuration
    Init {
        /// Print a unit for systemd instead
        #[arg(long)]
        systemd: bool,
    },
    /// Check the configuration, the database, the relay and the addresses to listen on
    Check,
    /// Run the server
    Serve,
    /// Store messages from a pipe, a file, a folder, a Maildir or an mbox
    Ingest(ingest::Arguments),
    /// Look at incidents
    #[command(subcommand)]
    Incident(incident::Command),
    /// Look at mail that is held, was set aside or could not be read, and have it read again
    #[command(subcommand)]
    Inbox(inbox::Command),
    /// Say who was believed and why, and what was refused
    Audit(audit::Arguments),
    /// Make the reply addresses void that somebody was given, and give them new ones
    NewToken(tokens::Arguments),
    /// Look at outgoing mail, send it again or hold it back
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Say who is on the lists, and put somebody on one or take them off
    #[command(subcommand)]
    List(list::Command),
    /// Copy the SQLite database into a new file, while the server runs
    Backup {
        /// Must not exist yet
        #[arg(value_name = "FILE")]
        path: PathBuf,
    },
    /// Make a copy the database again, where there is none
    Restore {
        /// What `firebell backup` wrote
        #[arg(value_name = "FILE")]
        path: PathBuf,
    },
    /// Make a password for somebody who hands mail in after logging in
    Password {
        /// Whose it is
        #[arg(value_name = "ADDRESS")]
        address: String,
    },
    /// Say which rule knows an alert, and what it would do; nothing is stored
    Alert(alert::Arguments),
    /// Say who is on call, for people, as a page or for calendar programmes
    Oncall(oncall::Arguments),
    /// Say what customers were told, or write it as a public page
    Status(status::Arguments),
    /// Play a conversation against the configuration, and print every mail that would be sent
    Rehearse(rehearse::Arguments),
    /// Print the new text of a message, as the timeline would take it
    NewText {
        /// A message, or a folder: then NAME.txt is written beside each NAME.eml
        #[arg(value_name = "FILE|DIR|-")]
        path: Option<PathBuf>,
    },
}

/// What may stand on the command line, for whoever writes about it.
pub fn command_line() -> clap::Command {
    Arguments::command()
}

/// Does what the command line says.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match run_command(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run_command(arguments: Arguments) -> Result<(), Failure> {
    let named = arguments.configuration.as_deref();
    let is_serve = matches!(arguments.command, Command::Serve);
    logs::start(arguments.log, if is_serve { "info" } else { "warn" })?;
    match arguments.command {
        Command::Demo(given) => in_runtime(demo::demo(given)),
        Command::Init { systemd: true } => init::print_unit(),
        Command::Init { systemd: false } => init::init(named),
        Command::NewText { path } => new_text::new_text(path.as_deref()).map_err(Failure::from),
        Command::Check => in_runtime(check::check(named)),
        Command::Serve => in_runtime(serve::serve(open::read(named)?)),
        Command::Ingest(given) => in_runtime(ingest::ingest(named, given)),
        Command::Incident(command) => in_runtime(incident::incident(open::read(named)?, command)),
        Command::Inbox(command) => in_runtime(inbox::inbox(open::read(named)?, command)),
        Command::Audit(given) => in_runtime(audit::audit(open::read(named)?, given)),
        Command::NewToken(given) => in_runtime(tokens::new_token(open::read(named)?, given)),
        Command::Outbox(command) => in_runtime(outbox::outbox(open::read(named)?, command)),
        Command::List(command) => in_runtime(list::list(open::read(named)?, command)),
        Command::Backup { path } => in_runtime(backup::backup(open::read(named)?, path)),
        Command::Restore { path } => in_runtime(backup::restore(open::read(named)?, path)),
        Command::Password { address } => password::password(&address),
        Command::Status(given) => in_runtime(status::status(open::read(named)?, given)),
        Command::Alert(given) => alert::alert(&open::read(named)?, &given),
        Command::Oncall(given) => in_runtime(oncall::oncall(open::read(named)?, given)),
        Command::Rehearse(given) => in_runtime(rehearse::rehearse(open::read(named)?, given)),
    }
}

fn in_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::from)?;
    let done = runtime.block_on(work);
    // A name server that does not answer would keep the process for half a minute more.
    runtime.shutdown_background();
    done
}
