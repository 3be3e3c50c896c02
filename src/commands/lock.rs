//! `lock`: holds a named lock until a signal arrives or a program ends.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use clap::Args;

use super::{child, elect};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        value,
        words::Words,
    },
    client::concurrency::{Mutex, Session},
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
    let (name, program) = (words[0].as_bytes(), &words[1..]);
    let (client, deadline) = ctx.connect_patiently().await?;
    // etcd's client ignores a time that is not positive and uses its default.
    let ttl = args.ttl.filter(|ttl| *ttl > 0);
    let ttl = ttl.unwrap_or(if args.ttl.is_some() { 60 } else { DEFAULT_TTL });
    let session = Session::new(&client, ttl, deadline).await?;

    // Handle signals from here on, because the lock must be released at the end.
    let mut signals = elect::listen()?;
    let mut mutex = Mutex::new(&session, name);
    let locked = tokio::select! {
        locked = mutex.lock() => locked.map_err(CommandError::from),
        _ = signals.recv() => Err(CommandError::new(ErrorKind::Failed, "context canceled")),
    };
    let held = match locked {
        Ok(()) if program.is_empty() => hold(ctx, &session, &mutex, &mut signals).await,
        Ok(()) => run(ctx, &session, &mutex, program).await,
        Err(error) => Err(error),
    };
    elect::end(&session, held, &mut signals).await
}

/// Prints the key of the lock and waits for a signal.
async fn hold(
    ctx: &Context,
    session: &Session,
    mutex: &Mutex,
    signals: &mut Termination,
) -> Result<(), CommandError> {
    let answer = session.read(mutex.key()).await?;
    if answer.kvs.is_empty() {
        return Err(CommandError::new(ErrorKind::Failed, "lock lost on init"));
    }
    ctx.emit(&Get {
        answer,
        ..Default::default()
    })?;
    tokio::select! {
        _ = signals.recv() => Ok(()),
        () = session.ended() => Err(CommandError::new(ErrorKind::Failed, "session expired")),
    }
}

/// Runs a program while holding the lock. If the lock is lost, the program continues, as in etcdctl, but a warning is
/// printed at once.
async fn run(
    ctx: &Context,
    session: &Session,
    mutex: &Mutex,
    program: &[OsString],
) -> Result<(), CommandError> {
    let variables = vec![
        (
            "ETCD_LOCK_KEY".to_owned(),
            OsString::from_vec(mutex.key().to_vec()),
        ),
        (
            "ETCD_LOCK_REV".to_owned(),
            mutex.acquired().to_string().into(),
        ),
    ];
    let mut ended = std::pin::pin!(child::run(program, variables));
    let ended = tokio::select! {
        ended = &mut ended => ended,
        () = session.ended() => {
            ctx.ui.note(
                "Warning: session expired: the lock is lost and others may take it, but the command still runs",
            );
            ended.await
        }
    };
    ended.map_err(|failed| CommandError::new(ErrorKind::Child(failed.code), failed))
}
