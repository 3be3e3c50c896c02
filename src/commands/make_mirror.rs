//! `make-mirror`: copies keys to another cluster and then follows their changes.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, time::Duration};

use bytes::Bytes;
use clap::Args;
use tokio::task::JoinSet;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        login::Login,
        settings::{Credentials, tls},
        value,
        words::Words,
    },
    client::{Client, ClientError, Deadline, mirror::Syncer},
    golang::string,
    proto::{
        etcdserverpb::{self as pb, request_op::Request},
        mvccpb::{Event, KeyValue, event::EventType},
    },
    words,
};

/// Copy keys to another cluster and follow their changes
///
/// First all keys are copied in their current state, then every change, until the command is interrupted. With --rev,
/// only the changes from that revision on are copied. The number of copied keys is printed every 30 seconds.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl --endpoints=10.0.0.1:2379 make-mirror 10.0.1.1:2379
  etcdctl make-mirror 10.0.1.1:2379 --prefix=/app/ --dest-prefix=/copy/")]
pub struct MakeMirrorArgs {
    /// Copy every key that begins with this prefix
    #[arg(long, value_name = "prefix")]
    prefix: Option<String>,
    /// Copy no keys, only the changes from this revision on; 0 copies both [default: 0]
    #[arg(long, value_name = "revision", value_parser = value::flag_int)]
    rev: Option<i64>,
    /// Maximum number of changes per transaction at the destination [default: 128]
    #[arg(long, value_name = "n", value_parser = value::flag_uint)]
    max_txn_ops: Option<u64>,
    /// Replace the prefix by this one
    #[arg(long, value_name = "prefix")]
    dest_prefix: Option<String>,
    /// Remove the prefix
    #[arg(long)]
    no_dest_prefix: bool,
    /// Client certificate, for TLS to the destination
    #[arg(long, value_name = "file", value_hint = clap::ValueHint::FilePath)]
    dest_cert: Option<String>,
    /// Private key of --dest-cert
    #[arg(long, value_name = "file", value_hint = clap::ValueHint::FilePath)]
    dest_key: Option<String>,
    /// Certificate authorities to trust, for TLS to the destination
    #[arg(long, value_name = "file", value_hint = clap::ValueHint::FilePath)]
    dest_cacert: Option<String>,
    /// Connect to the destination without TLS unless it is an https:// endpoint [default: true]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    dest_insecure_transport: Option<bool>,
    /// User name at the destination, or name:password; a missing password is prompted for
    #[arg(long, value_name = "name[:password]")]
    dest_user: Option<String>,
    /// Password of --dest-user
    #[arg(long, value_name = "password")]
    dest_password: Option<String>,
    #[command(flatten)]
    words: Words<MakeMirrorWords>,
}

words! {
    pub MakeMirrorWords: 1..=1, "<destination>", BadArgs "make-mirror takes one destination argument"
}

/// Number of concurrent puts to the destination, if there are so many keys that their order does not matter.
const AT_ONCE: usize = 64;
/// Interval at which the number of copied keys is printed.
const REPORT: Duration = Duration::from_secs(30);
const DEFAULT_TXN_OPS: u64 = 128;

/// Runs `make-mirror`.
///
/// # Errors
/// Conflicting arguments, an error from either server, or a revision that has been compacted.
pub async fn make_mirror(ctx: &Context, args: MakeMirrorArgs) -> Result<(), CommandError> {
    let [destination] = args.words.exactly()?;
    let destination = args.destination(ctx, destination).await?;
    let source = ctx.client().await?;
    if args.no_dest_prefix && args.dest_prefix.as_deref().is_some_and(|p| !p.is_empty()) {
        return Err(CommandError::new(
            ErrorKind::BadArgs,
            "`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time, choose one",
        ));
    }
    let names = args.names();
    let from = (args.rev.unwrap_or(0) - 1).max(0);
    let mut syncer = Syncer::new(&source, &names.prefix, from, ctx.patient_deadline()?);
    let mut mirror = Mirror {
        ctx,
        destination,
        names,
        max_ops: usize::try_from(args.max_txn_ops.unwrap_or(DEFAULT_TXN_OPS)).unwrap_or(usize::MAX),
        copied: 0,
        answered: false,
        reported: tokio::time::Instant::now(),
    };
    if from == 0 {
        mirror.copy_all(&mut syncer).await?;
    }
    mirror.follow(&syncer).await
}

impl MakeMirrorArgs {
    /// The client for the destination, authenticated.
    async fn destination(&self, ctx: &Context, endpoint: &OsStr) -> Result<Client, CommandError> {
        let files = [&self.dest_cacert, &self.dest_cert, &self.dest_key];
        let tls = tls(
            files.map(|file| file.as_deref().filter(|f| !f.is_empty())),
            self.dest_insecure_transport == Some(false),
            false,
            None,
        )?;
        let credentials = Credentials::of(self.dest_user.clone(), self.dest_password.clone());
        let asked = match &credentials {
            Credentials::User(_, None) => Some(ctx.ui.ask_password("Destination Password: ")?),
            _ => None,
        };
        let time = ctx.settings()?.dial_limit();
        let login = Login::new(&credentials, asked.as_deref(), time);
        let endpoint = string::text(endpoint.as_bytes()).into_owned();
        let client = ctx.client_with(&[endpoint], tls)?;
        let refused = |e: ClientError| named(e.into()).kind(ErrorKind::BadConnection);
        login.log_in(&client).await.map_err(refused)?;
        Ok(client)
    }

    fn names(&self) -> Names {
        let bytes = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or_default();
            Bytes::from(string::bytes(text).into_owned())
        };
        let prefix = bytes(&self.prefix);
        let new = match &self.dest_prefix {
            Some(new) if !new.is_empty() => bytes(&self.dest_prefix),
            _ if self.no_dest_prefix => Bytes::new(),
            _ => prefix.clone(),
        };
        Names { prefix, new }
    }
}

/// How keys are renamed at the destination.
struct Names {
    prefix: Bytes,
    new: Bytes,
}

impl Names {
    fn of(&self, key: &Bytes) -> Bytes {
        let rest = key.strip_prefix(&self.prefix[..]).unwrap_or(key);
        [&self.new[..], rest].concat().into()
    }
}

/// Marks an error as coming from the destination, since it could be mistaken for one of the source.
fn named(error: CommandError) -> CommandError {
    error.hint("this came from the destination")
}

struct Mirror<'a> {
    ctx: &'a Context,
    destination: Client,
    names: Names,
    max_ops: usize,
    /// Number of keys and changes copied so far.
    copied: u64,
    /// Whether the destination has answered.
    answered: bool,
    reported: tokio::time::Instant,
}

impl Mirror<'_> {
    /// Copies every key as it is now.
    async fn copy_all(&mut self, source: &mut Syncer) -> Result<(), CommandError> {
        let mut first = true;
        while let Some(page) = self.reporting(source.page()).await?? {
            // Put a few keys in order, as etcdctl does, but many of them concurrently.
            let few = first && !source.has_more();
            first = false;
            self.put_all(page, if few { 1 } else { AT_ONCE }).await?;
        }
        Ok(())
    }

    /// Puts pairs at the destination, up to `at_once` at the same time.
    async fn put_all(&mut self, kvs: Vec<KeyValue>, at_once: usize) -> Result<(), CommandError> {
        let mut running = JoinSet::new();
        for kv in kvs {
            // Wait for the first put, which shows whether the destination answers.
            let at_once = if self.answered { at_once } else { 1 };
            if running.len() >= at_once {
                self.joined(&mut running).await?;
            }
            let request = pb::PutRequest {
                key: self.names.of(&kv.key),
                value: kv.value,
                ..Default::default()
            };
            let (client, deadline) = (self.destination.clone(), self.deadline()?);
            running.spawn(async move { client.put(request, deadline).await.map(drop) });
        }
        while !running.is_empty() {
            self.joined(&mut running).await?;
        }
        self.report()
    }

    /// Waits for one of the puts.
    async fn joined(
        &mut self,
        running: &mut JoinSet<Result<(), ClientError>>,
    ) -> Result<(), CommandError> {
        match self.reporting(running.join_next()).await? {
            Some(Ok(put)) => put.map_err(|e| named(e.into()))?,
            Some(Err(panic)) => return Err(CommandError::new(ErrorKind::Failed, panic)),
            None => return Ok(()),
        }
        self.answered = true;
        self.copied += 1;
        Ok(())
    }

    /// The deadline of a write that starts now: `--command-timeout` applies only until the destination has answered for the
    /// first time. Later writes survive a stall of the network.
    fn deadline(&self) -> Result<Deadline, CommandError> {
        match self.answered {
            true => Ok(Deadline::never()),
            false => self.ctx.patient_deadline(),
        }
    }

    /// Copies every change that follows, without end.
    async fn follow(&mut self, source: &Syncer) -> Result<(), CommandError> {
        let mut updates = source.updates();
        loop {
            let answer = self.reporting(updates.next()).await??;
            self.apply(answer.events).await?;
            self.report()?;
        }
    }

    /// Applies events. Those of one revision form one transaction, unless it becomes too large.
    async fn apply(&mut self, events: Vec<Event>) -> Result<(), CommandError> {
        let mut ops = vec![];
        let mut last = 0;
        for event in events {
            let kind = event.r#type();
            let Some(kv) = event.kv else {
                continue;
            };
            if (last != 0 && kv.mod_revision > last) || ops.len() >= self.max_ops.max(1) {
                self.commit(std::mem::take(&mut ops)).await?;
            }
            last = kv.mod_revision;
            let key = self.names.of(&kv.key);
            let request = match kind {
                EventType::Put => Request::RequestPut(pb::PutRequest {
                    key,
                    value: kv.value,
                    ..Default::default()
                }),
                EventType::Delete => Request::RequestDeleteRange(pb::DeleteRangeRequest {
                    key,
                    ..Default::default()
                }),
            };
            ops.push(pb::RequestOp {
                request: Some(request),
            });
        }
        self.commit(ops).await
    }

    async fn commit(&mut self, ops: Vec<pb::RequestOp>) -> Result<(), CommandError> {
        if ops.is_empty() {
            return Ok(());
        }
        let changes = ops.len() as u64;
        let txn = pb::TxnRequest {
            success: ops,
            ..Default::default()
        };
        let (client, deadline) = (self.destination.clone(), self.deadline()?);
        let committed = self.reporting(client.txn(txn, deadline)).await?;
        committed.map_err(|e| named(e.into()))?;
        self.answered = true;
        self.copied += changes;
        Ok(())
    }

    /// Waits for `future`, and prints the reports that become due meanwhile.
    async fn reporting<F: Future>(&mut self, future: F) -> Result<F::Output, CommandError> {
        let mut future = std::pin::pin!(future);
        loop {
            match tokio::time::timeout_at(self.reported + REPORT, &mut future).await {
                Ok(output) => return Ok(output),
                Err(_) => self.report()?,
            }
        }
    }

    /// Prints the number of copied keys, if a report is due.
    fn report(&mut self) -> Result<(), CommandError> {
        if self.reported.elapsed() < REPORT {
            return Ok(());
        }
        self.reported = tokio::time::Instant::now();
        self.ctx.ui.line(&self.copied.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_change_or_lose_their_prefix() {
        let named = |prefix: &'static str, new: &'static str| {
            let names = Names {
                prefix: prefix.into(),
                new: new.into(),
            };
            names.of(&Bytes::from_static(b"a/x/a/"))
        };
        assert_eq!(named("", ""), "a/x/a/");
        assert_eq!(named("a/", "a/"), "a/x/a/");
        assert_eq!(named("a/", "copy/"), "copy/x/a/");
        assert_eq!(named("a/", ""), "x/a/");
        assert_eq!(named("", "new/"), "new/a/x/a/");
    }
}
