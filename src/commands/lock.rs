//! `lock`: holds a named lock until a signal arrives or a program ends.

use std::ffi::OsString;

use clap::Args;

use super::recipes::{child, queue::Place};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        value,
        words::Words,
    },
    golang::string,
    output::replies::kv::Get,
    process::signals::Termination,
    words,
};

/// Hold a named lock
///
/// Without a command, the lock is held until a signal arrives. With a command, it is held while the command runs, with
/// ETCD_LOCK_KEY and ETCD_LOCK_REV in its environment, and the exit code is that of the command.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl lock deploy
  etcdctl lock deploy ./deploy.sh
  etcdctl lock deploy -- sh -c 'echo \"$ETCD_LOCK_KEY\"'")]
pub struct LockArgs {
    /// Seconds after which the lock is released if this process can no longer reach the server [default: 10]
    #[arg(long, value_name = "seconds", value_parser = value::flag_int)]
    ttl: Option<i64>,
    #[command(flatten)]
    words: Words<LockWords>,
}

words! {
    pub LockWords: 1..=usize::MAX, "<name> [command [argument...]]",
        BadArgs "lock takes a lock name argument and an optional command to execute",
        HINT = clap::ValueHint::CommandName
}

const DEFAULT_TTL: i64 = 10;

/// Runs `lock`.
///
/// # Errors
/// The lock could not be acquired or was lost, or the program failed (its exit code).
pub async fn lock(ctx: &Context, args: LockArgs) -> Result<(), CommandError> {
    let words = args.words.get()?;
    let name = string::text(std::os::unix::ffi::OsStrExt::as_bytes(words[0].as_os_str()));
    let program = &words[1..];
    ctx.deadline()?;
    let client = ctx.client().await?;
    // Handle signals from here on, because the lock must be released at the end.
    let failed = |e| CommandError::new(ErrorKind::Failed, e);
    let mut signals = Termination::listen().map_err(failed)?;
    // etcd's client ignores a time that is not positive and uses its default.
    let ttl = args.ttl.filter(|ttl| *ttl > 0);
    let ttl = ttl.unwrap_or(if args.ttl.is_some() { 60 } else { DEFAULT_TTL });
    let mut place = Place::take(ctx, client, &name, bytes::Bytes::new(), ttl).await?;
    let held = tokio::select! {
        waited = place.wait(ctx) => waited,
        _ = signals.recv() => Err(CommandError::new(ErrorKind::Failed, "context canceled")),
    };
    let held = match held {
        Ok(()) if program.is_empty() => hold(ctx, &mut place, &mut signals).await,
        Ok(()) => run(ctx, &place, program).await,
        Err(error) => Err(error),
    };
    place.leave().await;
    held
}

/// Prints the key of the lock and waits for a signal.
async fn hold(
    ctx: &Context,
    place: &mut Place,
    signals: &mut Termination,
) -> Result<(), CommandError> {
    let answer = place.pair(ctx).await?;
    if answer.kvs.is_empty() {
        return Err(CommandError::new(ErrorKind::Failed, "lock lost on init"));
    }
    ctx.emit(&Get {
        answer,
        ..Default::default()
    })?;
    tokio::select! {
        _ = signals.recv() => Ok(()),
        () = place.lost() => Err(CommandError::new(ErrorKind::Failed, "session expired")),
    }
}

/// Runs a program while holding the lock.
async fn run(ctx: &Context, place: &Place, program: &[OsString]) -> Result<(), CommandError> {
    let answer = place.pair(ctx).await?;
    if answer.kvs.is_empty() {
        return Err(CommandError::new(ErrorKind::Failed, "session expired"));
    }
    let revision = answer.header.map_or(0, |h| h.revision);
    let key = string::bytes(&place.key).into_owned();
    let variables = vec![
        (
            "ETCD_LOCK_KEY".to_owned(),
            std::os::unix::ffi::OsStringExt::from_vec(key),
        ),
        ("ETCD_LOCK_REV".to_owned(), revision.to_string().into()),
    ];
    child::run(program, variables)
        .await
        .map_err(|failed| CommandError::new(ErrorKind::Child(failed.code), failed))
}
