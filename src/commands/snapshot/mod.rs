//! The commands under `snapshot`.

mod save;
pub mod status;

use clap::Subcommand;

use super::later::LaterArgs;
use crate::cli::{context::Context, error::CommandError};

/// The commands under `snapshot`.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    Save(save::SaveArgs),
    Status(status::StatusArgs),
    #[command(hide = true)]
    Restore(LaterArgs),
}

/// Runs `snapshot`.
///
/// # Errors
/// As the command says.
pub async fn snapshot(ctx: &Context, command: SnapshotCommand) -> Result<(), CommandError> {
    match command {
        SnapshotCommand::Save(args) => save::save(ctx, args).await,
        SnapshotCommand::Status(args) => status::status(ctx, args),
        SnapshotCommand::Restore(args) => args.refuse("snapshot restore"),
    }
}
