//! The two programs, from the arguments of the process to its exit code. This is the only code above both `cli` and
//! `commands`; nothing below it ends the process.

mod etcdctl;
mod etcdutl;
mod line;

pub use etcdctl::etcdctl;
pub use etcdutl::etcdutl;

/// The data for completion scripts and man pages (`examples/docs`).
pub mod documentation {
    pub use crate::cli::help::with_variable;
    pub use crate::commands::{completion::script, reference::trees};
}
