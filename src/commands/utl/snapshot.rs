//! `snapshot status`: describes a file.

use std::path::Path;

use clap::Args;

use super::Context;
use crate::{
    cli::{
        error::{CommandError, ErrorKind},
        words::Words,
    },
    commands::snapshot::status::{StatusWords, reply},
    snapshot::Error,
};

/// Inspect a saved snapshot, or a stopped member's member/snap/db
///
/// Prints the hash, the latest revision, the number of keys, the size and the storage version. Everything in the file
/// is checked, including its digest. The file is only read.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl snapshot status backup.db --write-out=table")]
pub struct StatusArgs {
    #[command(flatten)]
    words: Words<StatusWords>,
}

/// Runs `snapshot status`.
///
/// # Errors
/// The file is not a database, or is damaged; the error says where.
pub fn status(ctx: &Context, args: &StatusArgs) -> Result<(), CommandError> {
    let [path] = args.words.exactly()?;
    let path = Path::new(path);
    // As in etcdutl, a missing file is reported before an invalid format.
    crate::snapshot::exists(path).map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
    let format = ctx.format()?;
    match crate::snapshot::status(path) {
        Ok(status) => ctx.emit(&reply(status), format),
        Err(error) => {
            if let Error::Integrity {
                status: Some(status),
                ..
            } = &error
            {
                // Print the status of what was read, even though the file as a whole is damaged.
                ctx.emit(&reply((**status).clone()), format)?;
            }
            Err(CommandError::new(ErrorKind::Failed, error))
        }
    }
}
