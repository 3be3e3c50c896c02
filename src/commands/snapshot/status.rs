//! `snapshot status`: describes a file. Needs no server.

use std::path::Path;

use clap::{Args, ValueHint};

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        words::Words,
    },
    output::replies::snapshot::FileStatus,
    snapshot::{Error, Status},
    words,
};

/// Show the status of a saved snapshot
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
/// The file is not a database, or is damaged; the error says where.
pub async fn status(ctx: &Context, args: StatusArgs) -> Result<(), CommandError> {
    let [path] = args.words.exactly()?;
    ctx.settings()?;
    match crate::snapshot::status(Path::new(path)) {
        Ok(status) => ctx.emit(&reply(status)),
        Err(error) => {
            if let Error::Integrity {
                status: Some(status),
                ..
            } = &error
            {
                // Print the status of what was read, even though the file as a whole is damaged.
                ctx.emit(&reply((**status).clone()))?;
            }
            Err(CommandError::new(ErrorKind::Failed, error))
        }
    }
}

/// Converts the status of a file to a reply.
pub fn reply(status: Status) -> FileStatus {
    FileStatus {
        hash: status.hash,
        revision: status.revision,
        total_key: status.total_key,
        total_size: status.total_size,
        version: status.version,
    }
}
