//! `elect`: campaigns in an election with a value, or observes the leaders.

use std::{os::unix::ffi::OsStrExt, time::Duration};

use clap::Args;
use tokio::time::timeout;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        words::Words,
    },
    client::concurrency::{ConcurrencyError, Election, Observer, Session},
    output::replies::kv::Get,
    process::signals::Termination,
    words,
};

/// Take part in an election, or observe it
///
/// With a proposal, the command waits until it is elected, prints its key, and resigns when it receives a signal.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl elect scheduler node1
  etcdctl elect -l scheduler")]
pub struct ElectArgs {
    /// Print each leader as it takes over
    #[arg(long, short)]
    listen: bool,
    #[command(flatten)]
    words: Words<ElectWords>,
}

words! {
    pub ElectWords: 1..=2, "<election> [proposal]",
        BadArgs "elect takes one election name argument and an optional proposal argument"
}

/// Time in seconds after which the leadership ends if the process can no longer reach the server (etcd v3.7.1,
/// client/v3/concurrency).
const TTL: i64 = 60;

/// Runs `elect`.
///
/// # Errors
/// Conflicting arguments (exit code 128), an error from the server, or a lost session.
pub async fn elect(ctx: &Context, args: ElectArgs) -> Result<(), CommandError> {
    let words = args.words.get()?;
    let name = words[0].as_bytes();
    match (words.get(1), args.listen) {
        (None, false) => Err(CommandError::bad_args(
            "no proposal argument but -l not set",
        )),
        (Some(_), true) => Err(CommandError::bad_args("proposal given but -l is set")),
        (None, true) => observe(ctx, name).await,
        (Some(value), false) => campaign(ctx, name, value.as_bytes()).await,
    }
}

async fn campaign(ctx: &Context, name: &[u8], value: &[u8]) -> Result<(), CommandError> {
    let (client, deadline) = ctx.connect_patiently().await?;
    let session = Session::new(&client, TTL, deadline).await?;

    // Handle signals from here on, because the leadership must be given up at the end.
    let mut signals = listen()?;
    let mut election = Election::new(&session, name);
    let elected = tokio::select! {
        elected = election.campaign(value) => elected.map_err(of_election),
        _ = signals.recv() => Err(CommandError::new(ErrorKind::Failed, "context canceled")),
    };
    let led = match elected {
        Ok(()) => lead(ctx, &session, &election, &mut signals).await,
        Err(error) => Err(error),
    };
    end(&session, led, &mut signals).await
}

fn of_election(error: ConcurrencyError) -> CommandError {
    match error {
        ConcurrencyError::SessionExpired => session_expired(),
        error => error.into(),
    }
}

fn session_expired() -> CommandError {
    CommandError::new(ErrorKind::Failed, "elect: session expired")
}

/// Prints the key of the leader, and waits for a signal.
async fn lead(
    ctx: &Context,
    session: &Session,
    election: &Election,
    signals: &mut Termination,
) -> Result<(), CommandError> {
    let answer = session.read(election.key()).await.map_err(of_election)?;
    // The lease, and with it the key, may have ended while this session waited for its turn.
    if answer.kvs.is_empty() {
        return Err(session_expired());
    }
    ctx.emit(&Get {
        answer,
        ..Default::default()
    })?;
    tokio::select! {
        _ = signals.recv() => Ok(()),
        () = session.ended() => Err(session_expired()),
    }
}

/// Releases what the session of a lock or a leadership holds, by revoking its lease, which deletes its keys. A failure to
/// do so is reported only if nothing else has failed; the lease then expires later. Another signal ends the wait for
/// that at once.
pub(super) async fn end(
    session: &Session,
    outcome: Result<(), CommandError>,
    signals: &mut Termination,
) -> Result<(), CommandError> {
    if session.has_ended() {
        return outcome;
    }
    // A signal during a command that ran under the lock was for that command. Let the runtime receive it first.
    tokio::task::yield_now().await;
    while timeout(Duration::ZERO, signals.recv()).await.is_ok() {}
    let closed = tokio::select! {
        closed = session.close() => closed,
        signal = signals.recv() => {
            return Err(CommandError::already_reported(ErrorKind::Signal(signal)));
        }
    };
    outcome?;
    match closed {
        Err(error) if !error.lease_is_over() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints each leader and each of its proposals, until a signal arrives.
async fn observe(ctx: &Context, name: &[u8]) -> Result<(), CommandError> {
    let (client, deadline) = ctx.connect_patiently().await?;
    let mut signals = listen()?;
    let mut observer = Observer::new(&client, name, deadline);
    loop {
        let answer = tokio::select! {
            answer = observer.next() => answer?,
            _ = signals.recv() => return Ok(()),
        };
        ctx.emit(&Get {
            answer,
            ..Default::default()
        })?;
    }
}

/// Handles the signals that end the command.
pub(super) fn listen() -> Result<Termination, CommandError> {
    Termination::listen_even_if_ignored().map_err(|e| CommandError::new(ErrorKind::Failed, e))
}

impl From<ConcurrencyError> for CommandError {
    fn from(error: ConcurrencyError) -> CommandError {
        match error {
            ConcurrencyError::Client(error) => error.into(),
            error => CommandError::new(ErrorKind::Failed, error),
        }
    }
}
