//! `lease grant`, `revoke`, `timetolive`, `list` and `keep-alive`.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use clap::Args;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        value,
        words::{Ignored, Words},
    },
    client::ClientError,
    golang::string,
    output::{
        Format,
        replies::lease::{Revoked, TimeToLive},
    },
    proto::etcdserverpb as pb,
    words,
};

/// Create a lease
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl lease grant 60")]
pub struct GrantArgs {
    #[command(flatten)]
    words: Words<GrantWords>,
}

words! {
    /// A time to live in seconds.
    pub GrantWords: 1..=1, "<ttl>", BadArgs "lease grant command needs TTL argument"
}

/// Runs `lease grant`.
///
/// # Errors
/// The time is not a number, or an error from the server.
pub async fn grant(ctx: &Context, args: GrantArgs) -> Result<pb::LeaseGrantResponse, CommandError> {
    let [ttl] = args.words.exactly()?;
    let ttl = value::int(&string::text(ttl.as_bytes()), 10)
        .map_err(|e| CommandError::new(ErrorKind::BadArgs, format!("bad TTL ({e})")))?;
    let (client, deadline) = ctx.connect().await?;
    let request = pb::LeaseGrantRequest { ttl, id: 0 };
    let failed = |text: &str| format!("failed to grant lease ({text})");
    let answer = client.lease_grant(request, deadline).await;
    answer.map_err(|e| CommandError::from(e).reworded(failed))
}

/// Revoke a lease and delete its keys
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl lease revoke 32695410dcc0ca06")]
pub struct RevokeArgs {
    #[command(flatten)]
    words: Words<RevokeWords>,
}

words! { pub RevokeWords: 1..=1, "<leaseID>", BadArgs "lease revoke command needs 1 argument" }

/// Runs `lease revoke`.
///
/// # Errors
/// The id is not a hexadecimal number, or an error from the server.
pub async fn revoke(ctx: &Context, args: RevokeArgs) -> Result<Revoked, CommandError> {
    let [id] = args.words.exactly()?;
    let id = lease_id(id)?;
    let (client, deadline) = ctx.connect().await?;
    let request = pb::LeaseRevokeRequest { id };
    let failed = |text: &str| format!("failed to revoke lease ({text})");
    match client.lease_revoke(request, deadline).await {
        Ok(answer) => Ok(Revoked { id, answer }),
        Err(error) => Err(CommandError::from(error).reworded(failed)),
    }
}

/// Show the remaining time of a lease
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl lease timetolive 32695410dcc0ca06
  etcdctl lease timetolive 32695410dcc0ca06 --keys")]
pub struct TimeToLiveArgs {
    /// Show the keys that are attached to the lease
    #[arg(long)]
    keys: bool,
    #[command(flatten)]
    words: Words<TimeToLiveWords>,
}

words! {
    pub TimeToLiveWords: 1..=1, "<leaseID>",
        BadArgs "lease timetolive command needs lease ID as argument"
}

/// Runs `lease timetolive`.
///
/// # Errors
/// The id is not a hexadecimal number, or an error from the server (exit code 2, as in etcdctl).
pub async fn time_to_live(ctx: &Context, args: TimeToLiveArgs) -> Result<TimeToLive, CommandError> {
    let [id] = args.words.exactly()?;
    let id = lease_id(id)?;
    let (client, deadline) = ctx.connect_patiently().await?;
    let keys = args.keys;
    let request = pb::LeaseTimeToLiveRequest { id, keys };
    let answer = client.lease_time_to_live(request, deadline).await;
    let answer = answer.map_err(bad_connection)?;
    Ok(TimeToLive { answer, keys })
}

/// List all leases
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl lease list")]
pub struct ListArgs {
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Runs `lease list`.
///
/// # Errors
/// An error from the server (exit code 2, as in etcdctl).
pub async fn list(ctx: &Context, _args: ListArgs) -> Result<pb::LeaseLeasesResponse, CommandError> {
    let (client, deadline) = ctx.connect_patiently().await?;
    let answer = client
        .lease_leases(pb::LeaseLeasesRequest {}, deadline)
        .await;
    answer.map_err(bad_connection)
}

/// Keep a lease alive
///
/// The lease is renewed whenever a third of its time to live has passed, until the command is interrupted or the lease
/// expires or is revoked. After a lost connection, the command reconnects as long as the lease can still be alive.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl lease keep-alive 32695410dcc0ca06
  etcdctl lease keep-alive --once 32695410dcc0ca06")]
pub struct KeepAliveArgs {
    /// Renew the lease once and exit
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    words: Words<KeepAliveWords>,
}

words! {
    pub KeepAliveWords: 1..=1, "<leaseID>",
        BadArgs "lease keep-alive command needs lease ID as argument"
}

/// Runs `lease keep-alive`.
///
/// # Errors
/// The id is not a hexadecimal number, no server could be reached (exit code 2), or with `--once` the lease does not
/// exist (exit code 2, as in etcdctl).
pub async fn keep_alive(ctx: &Context, args: KeepAliveArgs) -> Result<(), CommandError> {
    let [id] = args.words.exactly()?;
    let id = lease_id(id)?;
    if args.once {
        let (client, deadline) = ctx.connect_patiently().await?;
        let answer = client.keep_alive_once(id, deadline).await;
        return ctx.emit(&answer.map_err(bad_connection)?);
    }
    // The first answer has a limit in etcdctl too, because how long the lease lives is not known before it.
    let (client, deadline) = ctx.connect().await?;
    let mut alive = client.keep_alive(id, deadline);
    loop {
        match alive.next().await {
            Ok(answer) => ctx.emit(&answer)?,
            Err(error) if error.lease_is_over() => break,
            Err(error) => return Err(bad_connection(error)),
        }
    }
    if ctx.settings()?.format == Format::Simple {
        ctx.ui
            .line(&format!("lease {id:016x} expired or revoked."))?;
    }
    Ok(())
}

/// The id of a lease, in hexadecimal.
fn lease_id(word: &OsStr) -> Result<i64, CommandError> {
    value::int(&string::text(word.as_bytes()), 16).map_err(|e| {
        CommandError::new(
            ErrorKind::BadArgs,
            format!("bad lease ID arg ({e}), expecting ID in Hex"),
        )
    })
}

/// For some lease commands, etcdctl reports errors from the server as a bad connection.
fn bad_connection(error: ClientError) -> CommandError {
    CommandError::from(error).kind(ErrorKind::BadConnection)
}
