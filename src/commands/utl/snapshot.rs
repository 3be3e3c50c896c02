//! `snapshot status`: what a file holds.

use std::{ffi::OsString, path::Path};

use clap::{Args, Subcommand};

use super::Context;
use crate::{
    cli::error::{CommandError, Kind},
    commands::{later::LaterArgs, snapshot::status::reply},
    output::Reply,
    snapshot::Error,
};

/// The commands under `snapshot`.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    #[command(hide = true)]
    Restore(LaterArgs),
    /// Look into a file that was saved, or a stopped member's member/snap/db
    ///
    /// Prints the hash, the latest revision, the number of keys, the size and the storage version.
    /// Everything in the file is checked on the way, its digest too, and the file is only read.
    Status(StatusArgs),
}

/// The arguments of `snapshot status`.
#[derive(Args, Debug)]
#[command(
    override_usage = "etcdutl snapshot status [options] <filename>",
    after_help = "Examples:
  etcdutl snapshot status backup.db --write-out=table"
)]
pub struct StatusArgs {
    #[arg(hide = true, num_args = 0.., value_hint = clap::ValueHint::FilePath)]
    words: Vec<OsString>,
}

/// Runs `snapshot`.
///
/// # Errors
/// As the command says.
pub fn snapshot(ctx: &Context, command: SnapshotCommand) -> Result<(), CommandError> {
    match command {
        SnapshotCommand::Restore(args) => args.refuse_by("etcdutl", "snapshot restore"),
        SnapshotCommand::Status(args) => status(ctx, &args),
    }
}

/// Runs `snapshot status`.
///
/// # Errors
/// The file is no database, or damaged: what and where.
fn status(ctx: &Context, args: &StatusArgs) -> Result<(), CommandError> {
    let [path] = &args.words[..] else {
        return Err(CommandError::new(
            Kind::BadArgs,
            "snapshot status requires exactly one argument",
        ));
    };
    let path = Path::new(path);
    // A missing file comes before a wrong format, as in etcdutl.
    crate::snapshot::exists(path).map_err(|e| CommandError::new(Kind::Failed, e))?;
    let format = ctx.format()?;
    match crate::snapshot::status(path) {
        Ok(status) => ctx.emit(&Reply::SnapshotStatus(reply(status)), format),
        Err(error) => {
            if let Error::Seal {
                status: Some(status),
                ..
            } = &error
            {
                // True of what was read, whatever else is wrong.
                let status = reply((**status).clone());
                ctx.emit(&Reply::SnapshotStatus(status), format)?;
            }
            Err(CommandError::new(Kind::Failed, error))
        }
    }
}
