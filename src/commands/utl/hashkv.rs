//! `hashkv`: the hash over the history in a file. Does not write to it, as etcdutl's own does.

use std::{ffi::OsString, path::Path};

use clap::Args;

use super::Context;
use crate::{
    cli::{
        error::{CommandError, Kind},
        value,
    },
    output::{Reply, reply::FileHashKv},
};

/// The arguments of `hashkv`.
#[derive(Args, Debug)]
#[command(
    override_usage = "etcdutl hashkv [options] <filename>",
    after_help = "Examples:
  etcdutl hashkv backup.db
  etcdutl hashkv backup.db --rev=1200 --write-out=json"
)]
pub struct HashKvArgs {
    /// Revision up to which the history is hashed; 0 is the latest [default: 0]
    #[arg(long, value_name = "REVISION", value_parser = value::flag_int, allow_negative_numbers = true)]
    rev: Option<i64>,
    #[arg(hide = true, num_args = 0.., value_hint = clap::ValueHint::FilePath)]
    words: Vec<OsString>,
}

/// Runs `hashkv`.
///
/// # Errors
/// The file is no database, or damaged; the revision is compacted or in the future.
pub fn hashkv(ctx: &Context, args: &HashKvArgs) -> Result<(), CommandError> {
    let [path] = &args.words[..] else {
        let text = format!("accepts 1 arg(s), received {}", args.words.len());
        return Err(CommandError::new(Kind::Usage, text));
    };
    let format = ctx.format()?;
    let hash = crate::snapshot::hash_kv(Path::new(path), args.rev.unwrap_or(0))
        .map_err(|e| CommandError::new(Kind::Failed, e))?;
    let reply = FileHashKv {
        hash: hash.hash,
        hash_revision: hash.hash_revision,
        compact_revision: hash.compact_revision,
    };
    ctx.emit(&Reply::FileHashKv(reply), format)
}
