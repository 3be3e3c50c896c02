//! `migrate`: converts a stopped member's database to another minor version of etcd.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{Context, defrag::missing_flags, restore::log};
use crate::{
    cli::{
        error::{CommandError, ErrorKind},
        words::{Ignored, Words},
    },
    snapshot::data_dir::{self, TargetVersion},
};

/// Migrate the database of a stopped member to another version of etcd
///
/// A downgrade is refused if the write-ahead log contains entries that the older version does not know.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl migrate --data-dir=/var/lib/etcd --target-version=3.6")]
pub struct MigrateArgs {
    /// Data directory of the member (required)
    #[arg(long, value_name = "dir", value_hint = ValueHint::DirPath)]
    data_dir: Option<PathBuf>,
    /// Target version of etcd, 3.5 or later (required)
    #[arg(long, value_name = "x.y")]
    target_version: Option<String>,
    /// Set the version even if the migration is not possible; not recommended
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    force: Option<bool>,
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Runs `migrate`.
///
/// # Errors
/// There is no database, a server keeps it open for longer than --timeout, or the version cannot be reached.
pub fn migrate(ctx: &Context, args: &MigrateArgs) -> Result<(), CommandError> {
    let (dir, target) = match (&args.data_dir, &args.target_version) {
        (Some(dir), Some(target)) => (dir, target),
        (None, Some(_)) => return Err(missing_flags(&["data-dir"])),
        (Some(_), None) => return Err(missing_flags(&["target-version"])),
        (None, None) => return Err(missing_flags(&["data-dir", "target-version"])),
    };
    let target =
        TargetVersion::parse(target).map_err(|e| CommandError::new(ErrorKind::BadArgs, e))?;
    let force = args.force.unwrap_or(false);
    let timeout = ctx.lock_timeout();
    data_dir::migrate(dir, target, force, timeout, &mut |line| log(&ctx.ui, &line))
        .map(drop)
        .map_err(|e| CommandError::new(ErrorKind::Failed, e))
}
