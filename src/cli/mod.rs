//! The edge towards the person: arguments, settings, terminal, errors and exit codes.

pub mod argv;
pub mod context;
pub mod error;
pub mod global;
pub mod help;
pub mod hints;
pub mod login;
pub mod progress;
pub mod run;
pub mod settings;
pub mod terminal_line;
pub mod ui;
pub mod value;
