//! What the program does from a command line, one file a command.

pub mod new_text;
