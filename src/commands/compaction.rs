//! `compaction`: discards the history before a revision.

use std::os::unix::ffi::OsStrExt;

use clap::Args;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        hints, value,
        words::Words,
    },
    golang::string,
    output::replies::kv::Compacted,
    proto::etcdserverpb as pb,
    words,
};

/// Discard the history before a revision
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl compaction 1516
  etcdctl compaction --physical 1516")]
pub struct CompactionArgs {
    /// Wait until the old revisions are removed from the database
    #[arg(long)]
    physical: bool,
    #[command(flatten)]
    words: Words<CompactionWords>,
}

words! { pub CompactionWords: 1..=1, "<revision>", BadArgs "compaction command needs 1 argument" }

/// Runs `compaction`.
///
/// # Errors
/// The revision is not a number, or an error from the server.
pub async fn compaction(ctx: &Context, args: CompactionArgs) -> Result<Compacted, CommandError> {
    let [revision] = args.words.exactly()?;
    let revision = value::int(&string::text(revision.as_bytes()), 10)
        .map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
    let client = ctx.client().await?;
    let request = pb::CompactionRequest {
        revision,
        physical: args.physical,
    };
    match client.compact(request, ctx.deadline()?).await {
        Ok(answer) => Ok(Compacted { answer, revision }),
        // This error also names the compact revision itself, which is still readable.
        Err(error) => {
            let below = revision.saturating_sub(1);
            Err(hints::add_oldest_readable(ctx, error.into(), &client, below).await)
        }
    }
}
