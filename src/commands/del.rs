//! `del`: one key or a range of keys.

use std::{os::unix::ffi::OsStrExt, time::Duration};

use clap::Args;

use super::{
    permission::{self, Needed},
    range,
};
use crate::{
    cli::{context::Context, error::CommandError, words::Words},
    golang::format::quote,
    proto::etcdserverpb as pb,
    words,
};

/// Delete a key or a range of keys
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl del greeting
  etcdctl del /jobs/ --prefix --prev-kv
  etcdctl del a c --range")]
pub struct DelArgs {
    /// Every key that begins with the given one
    #[arg(long)]
    prefix: bool,
    /// Print what was deleted
    #[arg(long)]
    prev_kv: bool,
    /// Every key from the given one on
    #[arg(long)]
    from_key: bool,
    /// Delete a range without waiting two seconds for an interrupt
    #[arg(long)]
    range: bool,
    #[command(flatten)]
    words: Words<DelWords>,
}

words! {
    pub DelWords: 1..=2, "<key> [range_end]",
        BadArgs "del command needs one argument as key and an optional argument as range_end"
}

/// Delay before deleting a range without confirmation, in which the user can interrupt.
const SECOND_THOUGHTS: Duration = Duration::from_secs(2);

/// Runs `del`.
///
/// # Errors
/// Conflicting arguments, or an error from the server.
pub async fn del(ctx: &Context, args: DelArgs) -> Result<pb::DeleteRangeResponse, CommandError> {
    let request = args.request()?;
    args.warn_before_deleting(ctx).await;
    let (client, deadline) = ctx.connect().await?;
    let needed = Needed::write(&request.key, &request.range_end);
    let answer = client.delete_range(request, deadline).await;
    answer.map_err(|error| permission::name(error.into(), &[needed]))
}

impl DelArgs {
    /// The request for these flags.
    ///
    /// # Errors
    /// Too few or too many arguments, or conflicting flags.
    pub fn request(&self) -> Result<pb::DeleteRangeRequest, CommandError> {
        let words = self.words.get()?;
        range::prefix_or_from_key(self.prefix, self.from_key)?;
        let (key, range_end) = range::range(words, self.prefix, self.from_key)?;
        Ok(pb::DeleteRangeRequest {
            key,
            range_end,
            prev_kv: self.prev_kv,
        })
    }

    /// Warns and waits before deleting a range without confirmation.
    pub async fn warn_before_deleting(&self, ctx: &Context) {
        if let (Ok([key, end]), false) = (self.words.get(), self.range) {
            ctx.ui.note(&format!(
                "Warning: Keys between {} and {} will be deleted. Please interrupt the command within next 2 seconds to cancel. You can provide `--range` flag to avoid the delay.",
                quote(key.as_bytes()),
                quote(end.as_bytes())
            ));
            tokio::time::sleep(SECOND_THOUGHTS).await;
        }
    }
}
