//! `snapshot status`: what a file holds. Asks no server.

use std::path::Path;

use clap::{Args, ValueHint};

use crate::{
    cli::{
        context::Context,
        error::{CommandError, Kind},
        words::Words,
    },
    output::replies::snapshot::FileStatus,
    snapshot::{Error, Status},
    words,
};

/// Look into a file that was saved
///
/// Prints the hash, the latest revision, the number of keys, the size and the storage version.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl snapshot status backup.db --write-out=table")]
pub struct StatusArgs {
    #[command(flatten)]
    words: Words<StatusWords>,
}

words! {
    pub StatusWords: 1..=1, "<filename>", BadArgs "snapshot status requires exactly one argument",
        HINT = ValueHint::FilePath
}

/// Runs `snapshot status`.
///
/// # Errors
/// The file is no database, or damaged: what and where.
pub async fn status(ctx: &Context, args: StatusArgs) -> Result<(), CommandError> {
    let [path] = args.words.exactly()?;
    ctx.settings()?;
    match crate::snapshot::status(Path::new(path)) {
        Ok(status) => ctx.emit(&reply(status)),
        Err(error) => {
            if let Error::Seal {
                status: Some(status),
                ..
            } = &error
            {
                // This holds for the part that was read, even though the file as a whole is damaged.
                ctx.emit(&reply((**status).clone()))?;
            }
            Err(CommandError::new(Kind::Failed, error))
        }
    }
}

/// The status of a file as a reply.
pub fn reply(status: Status) -> FileStatus {
    FileStatus {
        hash: status.hash,
        revision: status.revision,
        total_key: status.total_key,
        total_size: status.total_size,
        version: status.version,
    }
}
