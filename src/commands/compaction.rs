//! `compaction`: history before a revision is forgotten.

use std::{ffi::OsString, os::unix::ffi::OsStrExt};

use clap::Args;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, Kind},
        hints, value,
    },
    golang::string,
    output::Reply,
    proto::etcdserverpb as pb,
};

/// Forget the history before a revision
#[derive(Args, Debug)]
#[command(
    override_usage = "etcdctl compaction [options] <revision>",
    after_help = "Examples:
  etcdctl compaction 1516
  etcdctl compaction --physical 1516"
)]
pub struct CompactionArgs {
    /// Wait until the old revisions are gone from the database
    #[arg(long)]
    physical: bool,
    #[arg(hide = true, num_args = 0..)]
    words: Vec<OsString>,
}

/// Runs `compaction`.
///
/// # Errors
/// The revision is no number, or the server refuses it.
pub async fn compaction(ctx: &Context, args: CompactionArgs) -> Result<Reply, CommandError> {
    let [word] = &args.words[..] else {
        return Err(CommandError::new(
            Kind::BadArgs,
            "compaction command needs 1 argument",
        ));
    };
    let revision = value::int(&string::text(word.as_bytes()), 10)
        .map_err(|e| CommandError::new(Kind::Failed, e))?;
    let client = ctx.client().await?;
    let request = pb::CompactionRequest {
        revision,
        physical: args.physical,
    };
    match client.compact(request, ctx.deadline()?).await {
        Ok(answer) => Ok(Reply::Compaction(answer, revision)),
        // The newest compact revision is refused here, but it can be read.
        Err(error) => {
            let below = revision.saturating_sub(1);
            Err(hints::add_oldest_readable(error.into(), &client, below).await)
        }
    }
}
