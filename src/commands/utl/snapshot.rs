//! `snapshot status`: what a file contains.

use std::path::Path;

use clap::Args;

use super::Context;
use crate::{
    cli::{
        error::{CommandError, Kind},
        words::Words,
    },
    commands::snapshot::status::{StatusWords, reply},
    snapshot::Error,
};

/// Inspect a saved snapshot, or a stopped member's member/snap/db
///
/// Prints the hash, the latest revision, the number of keys, the size and the storage version. Everything in the file
/// is checked on the way, including its digest, and the file is only read.
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
/// The file is no database, or damaged: what and where.
pub fn status(ctx: &Context, args: &StatusArgs) -> Result<(), CommandError> {
    let [path] = args.words.exactly()?;
    let path = Path::new(path);
    // A missing file comes before a wrong format, as in etcdutl.
    crate::snapshot::exists(path).map_err(|e| CommandError::new(Kind::Failed, e))?;
    let format = ctx.format()?;
    match crate::snapshot::status(path) {
        Ok(status) => ctx.emit(&reply(status), format),
        Err(error) => {
            if let Error::Seal {
                status: Some(status),
                ..
            } = &error
            {
                // This holds for the part that was read, even though the file as a whole is damaged.
                ctx.emit(&reply((**status).clone()), format)?;
            }
            Err(CommandError::new(Kind::Failed, error))
        }
    }
}
