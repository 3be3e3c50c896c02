//! `hashkv`: the hash of the history in a file. Unlike etcdutl's own, does not write to it.

use std::path::Path;

use clap::Args;

use super::Context;
use crate::{
    cli::{
        error::{CommandError, ErrorKind},
        value,
        words::{Arity, Words, exact_args},
    },
    output::replies::snapshot::FileHashKv,
};

/// Print the hash of the history of keys in a file
///
/// Members with the same data have the same hash at the same revision, whatever else their files contain. Compare it
/// with `etcdctl endpoint hashkv`. The file is only read.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl hashkv backup.db
  etcdutl hashkv backup.db --rev=1200 --write-out=json")]
pub struct HashKvArgs {
    /// Revision up to which the history is hashed; 0 is the latest [default: 0]
    #[arg(long, value_name = "revision", value_parser = value::flag_int, allow_negative_numbers = true)]
    rev: Option<i64>,
    #[command(flatten)]
    words: Words<HashKvWords>,
}

/// The name of a file.
#[derive(Clone, Copy, Debug)]
pub struct HashKvWords;

impl Arity for HashKvWords {
    const MIN: usize = 1;
    const MAX: usize = 1;
    const USAGE: &'static str = "<filename>";
    const HINT: clap::ValueHint = clap::ValueHint::FilePath;

    fn error(given: usize) -> CommandError {
        exact_args(1, given)
    }
}

/// Runs `hashkv`.
///
/// # Errors
/// The file is not a database or is damaged, or the revision has been compacted or is in the future.
pub fn hashkv(ctx: &Context, args: &HashKvArgs) -> Result<(), CommandError> {
    let [path] = args.words.exactly()?;
    let format = ctx.format()?;
    let hash = crate::snapshot::hash_kv(Path::new(path), args.rev.unwrap_or(0))
        .map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
    let reply = FileHashKv {
        hash: hash.hash,
        hash_revision: hash.hash_revision,
        compact_revision: hash.compact_revision,
    };
    ctx.emit(&reply, format)
}
