//! `snapshot status`: what a file holds. Asks no server.

use std::{ffi::OsString, path::Path};

use clap::Args;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, Kind},
    },
    output::{Reply, reply::SnapshotStatus},
    snapshot::{Error, Status},
};

/// Look into a file that was saved
///
/// Prints the hash, the latest revision, the number of keys, the size and the storage version.
#[derive(Args, Debug)]
#[command(
    override_usage = "etcdctl snapshot status [options] <filename>",
    after_help = "Examples:
  etcdctl snapshot status backup.db --write-out=table"
)]
pub struct StatusArgs {
    #[arg(hide = true, num_args = 0.., value_hint = clap::ValueHint::FilePath)]
    words: Vec<OsString>,
}

/// Runs `snapshot status`.
///
/// # Errors
/// The file is no database, or damaged: what and where.
pub fn status(ctx: &Context, args: StatusArgs) -> Result<(), CommandError> {
    let [path] = &args.words[..] else {
        return Err(CommandError::new(
            Kind::BadArgs,
            "snapshot status requires exactly one argument",
        ));
    };
    ctx.settings()?;
    match crate::snapshot::status(Path::new(path)) {
        Ok(status) => ctx.emit(&Reply::SnapshotStatus(reply(status))),
        Err(error) => {
            if let Error::Seal {
                status: Some(status),
                ..
            } = &error
            {
                // True of what was read, whatever stands behind it.
                ctx.emit(&Reply::SnapshotStatus(reply((**status).clone())))?;
            }
            Err(CommandError::new(Kind::Failed, error))
        }
    }
}

/// What was found, as a reply.
pub fn reply(status: Status) -> SnapshotStatus {
    SnapshotStatus {
        hash: status.hash,
        revision: status.revision,
        total_key: status.total_key,
        total_size: status.total_size,
        version: status.version,
    }
}
