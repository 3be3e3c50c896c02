//! Commands of etcdctl that are still to come. Their names are taken already, so that a short form that is
//! unique today stays unique.

use std::ffi::OsString;

use clap::Args;

use crate::cli::error::{CommandError, Kind};

/// Whatever was typed.
#[derive(Args, Debug)]
pub struct LaterArgs {
    /// Anything
    #[arg(id = "raw", hide = true, num_args = 0.., allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl LaterArgs {
    /// Says so.
    ///
    /// # Errors
    /// Always.
    pub fn refuse(self, name: &str) -> Result<(), CommandError> {
        self.refuse_by("etcdctl", name)
    }

    /// Says so for another tool.
    ///
    /// # Errors
    /// Always.
    pub fn refuse_by(self, tool: &str, name: &str) -> Result<(), CommandError> {
        let _ = self.words;
        Err(CommandError::new(
            Kind::Failed,
            format!("`{tool} {name}` is not part of this version yet"),
        ))
    }
}
