//! `serve`: this library's server as a process. Arguments and variables become a `Config`, the server runs until a
//! signal arrives, and logs go to stderr as etcd's do.

mod args;
mod command;
mod config_file;
mod flag_args;
mod log;
mod notify;
mod run;

pub use args::{ServeArgs, help};
pub use command::command;
pub use flag_args::with_flags;
pub use run::serve;
