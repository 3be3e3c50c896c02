//! `endpoint health`, `status` and `hashkv`, which query each server separately.

use std::time::{Duration, Instant};

use clap::Args;

use super::{
    cluster::{Outcome, ask_all, endpoints},
    entry::Shared,
};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        hints, value,
        words::{Ignored, Words},
    },
    client::{Client, ClientError, Deadline},
    output::{
        Format,
        replies::endpoint::{EndpointHealth, HashKv, Health, Status},
    },
    proto::etcdserverpb as pb,
};

/// The flag that all commands under `endpoint` accept.
#[derive(Args, Debug)]
pub struct Cluster {
    /// Query every member of the cluster, not only the given endpoints [env: ETCDCTL_CLUSTER]
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    cluster: Option<bool>,
}

impl Cluster {
    async fn endpoints(&self, ctx: &Context) -> Result<Vec<String>, CommandError> {
        let settings = ctx.settings()?;
        endpoints(ctx, self.cluster.unwrap_or(settings.cluster)).await
    }
}

/// Check that a read succeeds and no alarm is active
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl endpoint health
  etcdctl endpoint health --cluster --write-out=json")]
pub struct HealthArgs {
    #[command(flatten)]
    group: Shared<Cluster>,
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Show version, sizes, leader and raft state
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl endpoint status --write-out=table
  etcdctl --endpoints=10.0.0.1:2379,10.0.0.2:2379 endpoint status --write-out=json")]
pub struct StatusArgs {
    #[command(flatten)]
    group: Shared<Cluster>,
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Show the hash of the key history
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl endpoint hashkv --cluster
  etcdctl endpoint hashkv --rev=1200 --write-out=json")]
pub struct HashKvArgs {
    #[command(flatten)]
    group: Shared<Cluster>,
    /// The last revision to hash; 0 is the latest [default: 0]
    #[arg(long, value_name = "revision", value_parser = value::flag_int)]
    rev: Option<i64>,
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Runs `endpoint health`.
///
/// # Errors
/// An endpoint is unhealthy; all of them have been printed by then.
pub async fn health(ctx: &Context, args: HealthArgs) -> Result<(), CommandError> {
    let endpoints = args.group.0.endpoints(ctx).await?;
    let outcomes = ask_all(ctx, endpoints, |client, deadline| async move {
        let start = Instant::now();
        let result = check(&client, deadline).await;
        Ok((start.elapsed(), result))
    })
    .await?;
    let mut errors = vec![];
    let mut rows = vec![];
    for Outcome { endpoint, result } in outcomes.each {
        let (took, result) =
            result.unwrap_or_else(|error| (Duration::ZERO, Err(Unhealthy::Request(error))));
        let error = match result {
            Ok(()) => String::new(),
            Err(Unhealthy::Request(error)) => {
                let text = error.to_string();
                errors.push(error);
                text
            }
            Err(Unhealthy::Other(text)) => text,
        };
        rows.push(EndpointHealth {
            endpoint,
            health: error.is_empty(),
            took,
            error,
        });
    }
    let healthy = rows.iter().all(|r| r.health);
    let reply = Health(rows);
    ctx.emit(&reply)?;
    if ctx.settings()?.format == Format::Simple {
        reply.failures().iter().for_each(|line| ctx.ui.note(line));
    }
    if healthy {
        return Ok(());
    }
    let mut error = CommandError::new(ErrorKind::Failed, "unhealthy cluster");
    error.hints = hints::of_all(&errors);
    Err(error)
}

/// The error of a learner for a linearizable read.
const LEARNER: &str = "etcdserver: rpc not supported for learner";
/// Time after which a member has learned of its promotion: a few heartbeats.
const PROMOTION: Duration = Duration::from_millis(300);

enum Unhealthy {
    Request(ClientError),
    Other(String),
}

/// A linearizable read, then the alarms. A permission error also shows that the read went through consensus.
async fn check(client: &Client, deadline: Deadline) -> Result<(), Unhealthy> {
    let request = pb::RangeRequest {
        key: bytes::Bytes::from_static(b"health"),
        ..Default::default()
    };
    let mut answer = client.range(request.clone(), deadline).await;
    if matches!(&answer, Err(error) if error.is(LEARNER)) {
        // A member that has just been promoted may not know that yet.
        tokio::time::sleep(PROMOTION).await;
        answer = client.range(request, deadline).await;
    }
    match answer {
        Ok(_) => {}
        Err(error) if error.is("etcdserver: permission denied") => {}
        Err(error) => return Err(Unhealthy::Request(error)),
    }
    let Ok(answer) = client.alarm(pb::AlarmRequest::default(), deadline).await else {
        return Err(Unhealthy::Other("Unable to fetch the alarm list".into()));
    };
    if answer.alarms.is_empty() {
        return Ok(());
    }
    let mut text = String::from("Active Alarm(s): ");
    for alarm in answer.alarms {
        text.push_str(match pb::AlarmType::try_from(alarm.alarm) {
            Ok(pb::AlarmType::Nospace) => "NOSPACE ",
            Ok(pb::AlarmType::Corrupt) => "CORRUPT ",
            _ => "UNKNOWN ",
        });
    }
    Err(Unhealthy::Other(text))
}

/// Runs `endpoint status`.
///
/// # Errors
/// An endpoint failed; all others have been printed by then.
pub async fn status(ctx: &Context, args: StatusArgs) -> Result<(), CommandError> {
    let endpoints = args.group.0.endpoints(ctx).await?;
    let outcomes = ask_all(ctx, endpoints, |client, deadline| async move {
        client.status(pb::StatusRequest {}, deadline).await
    })
    .await?
    .logged_in()?;
    let (rows, failures) = split(outcomes);
    let failed = failed(ctx, "Failed to get the status of endpoint", &failures);
    ctx.emit(&Status(rows))?;
    failed.map_or(Ok(()), Err)
}

/// Runs `endpoint hashkv`.
///
/// # Errors
/// An endpoint failed; all others have been printed by then.
pub async fn hashkv(ctx: &Context, args: HashKvArgs) -> Result<(), CommandError> {
    let endpoints = args.group.0.endpoints(ctx).await?;
    let revision = args.rev.unwrap_or(0);
    let outcomes = ask_all(ctx, endpoints, move |client, deadline| async move {
        client
            .hash_kv(pb::HashKvRequest { revision }, deadline)
            .await
    })
    .await?
    .logged_in()?;
    let (rows, mut failures) = split(outcomes);
    let failed = failed(ctx, "Failed to get the hash of endpoint", &failures);
    ctx.emit(&HashKv(rows))?;
    match (failed, failures.pop()) {
        (Some(failed), Some((_, last))) if failed.source.is_none() => {
            let mut error = CommandError::from(last);
            error.hints = failed.hints;
            Err(error)
        }
        (Some(failed), _) => Err(failed),
        (None, _) => Ok(()),
    }
}

type Split<T> = (Vec<(String, T)>, Vec<(String, ClientError)>);

fn split<T>(outcomes: Vec<Outcome<T>>) -> Split<T> {
    let (mut rows, mut failures) = (vec![], vec![]);
    for Outcome { endpoint, result } in outcomes {
        match result {
            Ok(answer) => rows.push((endpoint, answer)),
            Err(error) => failures.push((endpoint, error)),
        }
    }
    (rows, failures)
}

fn failed(ctx: &Context, what: &str, failures: &[(String, ClientError)]) -> Option<CommandError> {
    if failures.is_empty() {
        return None;
    }
    let lines: Vec<String> = failures
        .iter()
        .map(|(endpoint, error)| format!("{what} {endpoint} ({error})"))
        .collect();
    let hints = hints::of_all(failures.iter().map(|(_, error)| error));
    Some(ctx.some_failed(&lines, hints))
}
