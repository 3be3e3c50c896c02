//! `defrag`: one member after the other, the leader last, because a member is blocked during its defragmentation.

use std::time::{Duration, Instant};

use clap::Args;

use super::{
    cleanup::remove_unfinished_on_signals,
    cluster::{ask_all, endpoints},
};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        hints,
        progress::Spinner,
        words::{Ignored, Words},
    },
    client::{ClientError, Deadline, Endpoint, Limit, endpoint::EMBEDDED},
    output::{
        Format,
        replies::maintenance::{Defragmented, MemberTook},
    },
    proto::etcdserverpb as pb,
};

/// Return the free space of the members' databases to the file system
///
/// Members are defragmented one after the other, the leader last, because each is blocked in the meantime. A large
/// database may need more than the default --command-timeout.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl defrag
  etcdctl defrag --cluster --command-timeout=1m")]
pub struct DefragArgs {
    /// Every member of the cluster, not only the endpoints given
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    cluster: Option<bool>,
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Timeout for finding out which member leads, before any work begins.
const ROLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs `defrag`.
///
/// # Errors
/// The error of a member, after all others have been defragmented.
pub async fn defrag(ctx: &Context, args: DefragArgs) -> Result<(), CommandError> {
    let format = ctx.settings()?.format;
    let endpoints = endpoints(ctx, args.cluster.unwrap_or(false)).await?;
    let endpoints = leader_last(ctx, endpoints).await?;
    let several = endpoints.len() > 1;
    let login = ctx.login()?;
    // The server of such an endpoint runs in this process.
    if endpoints.iter().any(|typed| typed.starts_with(EMBEDDED)) {
        remove_unfinished_on_signals();
    }
    let mut rows = vec![];
    let (mut failures, mut errors) = (vec![], vec![]);
    for endpoint in endpoints {
        let client = match Endpoint::parse(&endpoint) {
            // Defragment the others in spite of the error.
            Err(error) if several => Err(ClientError::from(error)),
            _ => {
                let client = ctx.client_of(std::slice::from_ref(&endpoint))?;
                match login.log_in(&client).await {
                    Ok(()) => Ok(client),
                    Err(error) if several => Err(error),
                    Err(error) => {
                        return Err(CommandError::from(error).kind(ErrorKind::BadConnection));
                    }
                }
            }
        };
        let spinner = Spinner::start(&ctx.ui, &format!("defragmenting {endpoint}"));
        let start = Instant::now();
        let request = pb::DefragmentRequest {};
        let result = match client {
            Ok(client) => client.defragment(request, ctx.deadline()?).await,
            Err(error) => Err(error),
        };
        let took = start.elapsed();
        drop(spinner);
        let error = result.err().map(|error| {
            failures.push(format!("failed to defragment {endpoint}: {error}"));
            let text = error.to_string();
            errors.push(error);
            text
        });
        rows.push(MemberTook {
            endpoint,
            took,
            error,
        });
        if format != Format::Json {
            // Print each member's line as soon as the member is done.
            let done = Defragmented(std::mem::take(&mut rows));
            ctx.emit(&done)?;
            done.failures().iter().for_each(|line| ctx.ui.note(line));
        }
    }
    if format == Format::Json {
        ctx.emit(&Defragmented(rows))?;
    }
    if failures.is_empty() {
        return Ok(());
    }
    let mut error = match format {
        Format::Json => CommandError::new(ErrorKind::Failed, failures.join("; ")),
        _ => CommandError::already_reported(ErrorKind::Failed),
    };
    error.hints = hints::of_all(&errors);
    Err(error)
}

/// Moves leaders to the end. A member that does not respond in time is treated as a follower.
async fn leader_last(ctx: &Context, endpoints: Vec<String>) -> Result<Vec<String>, CommandError> {
    if endpoints.len() < 2 {
        return Ok(endpoints);
    }
    let length = ctx.settings()?.command_timeout.to_std().min(ROLE_TIMEOUT);
    let outcomes = ask_all(ctx, endpoints, move |client, _| async move {
        client
            .status(
                pb::StatusRequest {},
                Deadline::after(Limit { length, flag: "" }),
            )
            .await
    })
    .await?;
    let (leaders, others): (Vec<_>, Vec<_>) = outcomes.each.into_iter().partition(|outcome| {
        outcome.result.as_ref().is_ok_and(|status| {
            status
                .header
                .as_ref()
                .is_some_and(|h| h.member_id == status.leader)
        })
    });
    Ok(others
        .into_iter()
        .chain(leaders)
        .map(|o| o.endpoint)
        .collect())
}
