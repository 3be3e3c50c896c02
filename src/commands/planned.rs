//! Commands of etcdctl and etcdutl that do not exist yet. Their names are taken, so that a prefix that is unique
//! today stays unique.

use std::ffi::OsString;

use clap::Args;

use crate::cli::error::{CommandError, Kind};

/// Anything is accepted, so that the refusal names the command and not a flag.
#[derive(Args, Debug)]
pub struct PlannedArgs {
    #[arg(id = "raw", hide = true, num_args = 0.., allow_hyphen_values = true)]
    _anything: Vec<OsString>,
}

/// Says that `command` does not exist yet.
///
/// # Errors
/// Always.
pub fn refuse(command: &str) -> Result<(), CommandError> {
    Err(CommandError::new(
        Kind::Failed,
        format!("`{command}` is not part of this version yet"),
    ))
}
