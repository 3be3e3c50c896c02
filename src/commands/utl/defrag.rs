//! `defrag`: shrinks the database of a stopped member.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{Context, restore::log};
use crate::{
    cli::{
        error::{CommandError, ErrorKind},
        words::{Ignored, Words},
    },
    commands::cleanup::remove_unfinished_on_signals,
    golang::string,
    snapshot::data_dir,
};

/// Defragment the database of a stopped member
///
/// Free pages are returned to the file system. The old file is replaced only when the new one is complete and synced.
/// Use `etcdctl defrag` for a running member.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl defrag --data-dir=/var/lib/etcd")]
pub struct DefragArgs {
    /// Data directory of the member (required)
    #[arg(long, value_name = "dir", value_hint = ValueHint::DirPath)]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Runs `defrag`.
///
/// # Errors
/// There is no database, a server keeps it open for longer than --timeout, or it is damaged.
pub fn defrag(ctx: &Context, args: &DefragArgs) -> Result<(), CommandError> {
    let Some(dir) = &args.data_dir else {
        return Err(missing_flags(&["data-dir"]));
    };
    remove_unfinished_on_signals();
    data_dir::defragment(dir, ctx.lock_timeout(), &mut |line| log(&ctx.ui, &line))
        .map(drop)
        .map_err(|e| {
            let dir = string::of_path(dir);
            let text = format!("Failed to defragment etcd data[{dir}] ({e})");
            CommandError::new(ErrorKind::Failed, text)
        })
}

/// Cobra's error for missing required flags.
pub fn missing_flags(names: &[&str]) -> CommandError {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let text = format!("required flag(s) {} not set", quoted.join(", "));
    CommandError::new(ErrorKind::Usage, text)
}
