//! The command line and its environment: arguments, settings, terminal, errors and exit codes. Knows no command.

pub mod argv;
pub mod context;
pub mod error;
pub mod flags;
pub mod global;
pub mod help;
pub mod hints;
pub mod login;
pub mod progress;
pub mod settings;
pub mod terminal_line;
pub mod ui;
pub mod value;
pub mod words;
