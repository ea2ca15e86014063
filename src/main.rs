//! The program: what the command line asks for, and its exit code. See `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    firebell::cli::run(std::env::args_os())
}
