//! `elect`: campaigns in an election with a value, or observes the leaders.

use std::os::unix::ffi::OsStrExt;

use bytes::Bytes;
use clap::Args;

use super::recipes::{queue::Place, watcher::Watcher};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        words::Words,
    },
    client::{Client, rpc::prefix_end, stream::StreamOptions},
    golang::string,
    output::replies::kv::Get,
    process::signals::Termination,
    proto::{
        etcdserverpb::{self as pb, range_request::SortOrder, range_request::SortTarget},
        mvccpb::{KeyValue, event::EventType},
    },
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
    let bad = |text: &'static str| CommandError::new(ErrorKind::BadArgs, text);
    let words = args.words.get()?;
    let name = string::text(words[0].as_bytes());
    match (words.get(1), args.listen) {
        (None, false) => Err(bad("no proposal argument but -l not set")),
        (Some(_), true) => Err(bad("proposal given but -l is set")),
        (None, true) => observe(ctx, &name).await,
        (Some(value), false) => {
            campaign(ctx, &name, Bytes::copy_from_slice(value.as_bytes())).await
        }
    }
}

async fn campaign(ctx: &Context, name: &str, value: Bytes) -> Result<(), CommandError> {
    ctx.deadline()?;
    let client = ctx.client().await?;
    let failed = |e| CommandError::new(ErrorKind::Failed, e);
    // Handle signals from here on, because the leadership must be given up at the end.
    let mut signals = Termination::listen().map_err(failed)?;
    let mut place = Place::take(ctx, client, name, value, TTL).await?;
    let elected = tokio::select! {
        waited = place.wait(ctx) => waited,
        _ = signals.recv() => Err(CommandError::new(ErrorKind::Failed, "context canceled")),
    };
    let led = match elected {
        Ok(()) => lead(ctx, &mut place, &mut signals).await,
        Err(error) => Err(error),
    };
    place.leave().await;
    led
}

/// Prints the key of the leader, and waits for a signal.
async fn lead(
    ctx: &Context,
    place: &mut Place,
    signals: &mut Termination,
) -> Result<(), CommandError> {
    let answer = place.pair(ctx).await?;
    ctx.emit(&Get {
        answer,
        ..Default::default()
    })?;
    tokio::select! {
        _ = signals.recv() => Ok(()),
        () = place.lost() => Err(CommandError::new(ErrorKind::Failed, "elect: session expired")),
    }
}

async fn observe(ctx: &Context, name: &str) -> Result<(), CommandError> {
    ctx.deadline()?;
    let client = ctx.client().await?;
    let failed = |e| CommandError::new(ErrorKind::Failed, e);
    let mut signals = Termination::listen().map_err(failed)?;
    let prefix = format!("{name}/");
    tokio::select! {
        observed = leaders(ctx, &client, &prefix) => observed,
        _ = signals.recv() => Ok(()),
    }
}

/// Prints each leader and each of its proposals.
async fn leaders(ctx: &Context, client: &Client, prefix: &str) -> Result<(), CommandError> {
    let prefix = Bytes::from(prefix.to_owned());
    let end = Bytes::from(prefix_end(&prefix));
    loop {
        // The oldest key is the leader's.
        let request = pb::RangeRequest {
            key: prefix.clone(),
            range_end: end.clone(),
            limit: 1,
            sort_order: SortOrder::Ascend.into(),
            sort_target: SortTarget::Create.into(),
            ..Default::default()
        };
        let answer = client.range(request, ctx.deadline()?).await?;
        let mut header = answer.header.unwrap_or_default();
        let leader = match answer.kvs.into_iter().next() {
            Some(leader) => leader,
            None => {
                // There is no leader: the first key that is put is the next leader's.
                let watch = pb::WatchCreateRequest {
                    key: prefix.clone(),
                    range_end: end.clone(),
                    start_revision: header.revision,
                    ..Default::default()
                };
                let leader = first_put(ctx, client, watch).await?;
                header.revision = leader.mod_revision;
                leader
            }
        };
        let key = leader.key.clone();
        show(ctx, &header, leader)?;
        let watch = pb::WatchCreateRequest {
            key,
            start_revision: header.revision + 1,
            ..Default::default()
        };
        proposals(ctx, client, watch).await?;
    }
}

fn show(ctx: &Context, header: &pb::ResponseHeader, kv: KeyValue) -> Result<(), CommandError> {
    ctx.emit(&Get {
        answer: pb::RangeResponse {
            header: Some(*header),
            kvs: vec![kv],
            ..Default::default()
        },
        ..Default::default()
    })
}

async fn first_put(
    ctx: &Context,
    client: &Client,
    watch: pb::WatchCreateRequest,
) -> Result<KeyValue, CommandError> {
    let options = StreamOptions::default();
    let mut watcher = Watcher::new(client.clone(), watch, options, ctx.deadline()?);
    loop {
        let response = watcher.next().await.map_err(|_| lost())?;
        let mut puts = response
            .events
            .into_iter()
            .filter(|e| e.r#type() == EventType::Put);
        if let Some(kv) = puts.next().and_then(|event| event.kv) {
            return Ok(kv);
        }
    }
}

/// Prints the leader's proposals until its key is deleted.
async fn proposals(
    ctx: &Context,
    client: &Client,
    watch: pb::WatchCreateRequest,
) -> Result<(), CommandError> {
    let options = StreamOptions::default();
    let mut watcher = Watcher::new(client.clone(), watch, options, ctx.deadline()?);
    loop {
        let response = watcher.next().await.map_err(|_| lost())?;
        let header = response.header.unwrap_or_default();
        for event in response.events {
            if event.r#type() == EventType::Delete {
                return Ok(());
            }
            if let Some(kv) = event.kv {
                show(ctx, &header, kv)?;
            }
        }
    }
}

fn lost() -> CommandError {
    CommandError::new(ErrorKind::Failed, "elect: observer lost")
}
