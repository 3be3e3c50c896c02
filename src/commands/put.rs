//! `put`: writes one key, with the value from the command line or from stdin.

use std::io::Read;

use bytes::Bytes;
use clap::Args;

use super::{
    permission::{self, Needed},
    range::bytes,
};
use crate::{
    cli::{context::Context, error::CommandError, value, words::Words},
    proto::etcdserverpb as pb,
    words,
};

/// Write a key
///
/// If no value is given, it is read from stdin. A value that begins with a dash must follow `--`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl put greeting hello
  etcdctl put config < config.yaml
  etcdctl put temperature -- -5")]
pub struct PutArgs {
    /// Attach the key to this lease (hexadecimal) [default: 0]
    #[arg(long, value_name = "id")]
    lease: Option<String>,
    /// Print the previous key and value
    #[arg(long)]
    prev_kv: bool,
    /// Keep the current value of the key
    #[arg(long)]
    ignore_value: bool,
    /// Keep the current lease of the key
    #[arg(long)]
    ignore_lease: bool,
    #[command(flatten)]
    words: Words<PutWords>,
}

const ARITY: &str = "put command needs 1 argument and input from stdin or 2 arguments";

words! {
    /// A key and its value. Further arguments are ignored, as in etcdctl.
    pub PutWords: 1..=usize::MAX, "<key> [value]", BadArgs ARITY
}

/// Runs `put`.
///
/// # Errors
/// Conflicting arguments, no value, or an error from the server.
pub async fn put(ctx: &Context, args: PutArgs) -> Result<pb::PutResponse, CommandError> {
    let request = args.request(stdin)?;
    let (client, deadline) = ctx.connect().await?;
    let needed = Needed::write(&request.key, &Bytes::new());
    let answer = client.put(request, deadline).await;
    answer.map_err(|error| permission::name(error.into(), &[needed]))
}

/// All of stdin; `None` if it cannot be read.
fn stdin() -> Option<Bytes> {
    let mut value = vec![];
    std::io::stdin().lock().read_to_end(&mut value).ok()?;
    Some(value.into())
}

impl PutArgs {
    /// The request for these flags. `read` returns the value if none was given.
    ///
    /// # Errors
    /// Too few or too many arguments, no value, or a lease that is not a number.
    pub fn request(
        &self,
        read: impl FnOnce() -> Option<Bytes>,
    ) -> Result<pb::PutRequest, CommandError> {
        let words = self.words.get()?;
        let key = bytes(&words[0]);
        if self.ignore_value && words.len() > 1 {
            return Err(CommandError::bad_args(
                "put command needs only 1 argument when 'ignore-value' is set",
            ));
        }
        let value = match words.get(1) {
            _ if self.ignore_value => Bytes::new(),
            Some(word) => bytes(word),
            None => read()
                .filter(|value| !value.is_empty())
                .ok_or_else(|| CommandError::bad_args(ARITY))?,
        };
        let lease = value::int(self.lease.as_deref().unwrap_or("0"), 16).map_err(|e| {
            CommandError::bad_args(format!("bad lease ID ({e}), expecting ID in Hex"))
        })?;
        Ok(pb::PutRequest {
            key,
            value,
            lease,
            prev_kv: self.prev_kv,
            ignore_value: self.ignore_value,
            ignore_lease: self.ignore_lease,
        })
    }
}
