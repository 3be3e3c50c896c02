//! `check perf`: a minute of writes at a given rate (etcd v3.7.1, etcdctl `check perf`).

use std::time::Duration;

use clap::Args;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::load::{self, Keys, LoadArgs, Outcome};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        progress::Steps,
        words::{Ignored, Words},
    },
    client::Client,
    output::replies::check::Perf,
    process::signals::Termination,
    proto::etcdserverpb as pb,
};

/// Check whether the cluster can handle a load
///
/// Keys are put for a minute and deleted afterwards. The loads are s (150 puts per second by 50 clients), m (1000 by
/// 200), l (8000 by 500) and xl (15000 by 1000). The check passes if 90% of the rate is reached, no put takes longer
/// than 0.5 s, and the standard deviation is at most 0.1 s.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl check perf
  etcdctl check perf --load=m --auto-compact --auto-defrag")]
pub struct PerfArgs {
    /// Prefix of the keys that are put [default: /etcdctl-check-perf/]
    #[arg(long, value_name = "prefix")]
    prefix: Option<String>,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Puts per second of each size.
const RATES: [u32; 4] = [150, 1000, 8000, 15000];
/// Duration of the load.
const DURATION: Duration = Duration::from_secs(60);
const DEFAULT_PREFIX: &str = "/etcdctl-check-perf/";
/// Size of a key after its prefix, and size of a value, in bytes.
const SIZES: (usize, usize) = (256, 1024);

/// Runs `check perf`.
///
/// # Errors
/// Keys with the prefix exist (exit code 3), an error from the server, or the check failed (exit code 1).
pub async fn perf(ctx: &Context, args: PerfArgs) -> Result<(), CommandError> {
    let (rate, count) = args.load.size(RATES)?;
    let client = ctx.client().await?;
    let prefix = args.prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
    let keys = Keys::reserve(ctx, &client, prefix, true).await?;
    let clients = load::clients(ctx, count).await?;
    let failed = |e| CommandError::new(ErrorKind::Failed, e);
    let mut signals = Termination::listen().map_err(failed)?;
    let outcome = tokio::select! {
        outcome = run(ctx, &keys, rate, clients) => outcome?,
        signal = signals.recv() => {
            // Delete the keys that were put so far.
            clean_up(ctx, &keys, &client).await?;
            return Err(CommandError::already_reported(ErrorKind::Signal(signal)));
        }
    };
    let revision = clean_up(ctx, &keys, &client).await?;
    args.load.tidy_up(ctx, &client, revision).await?;
    let perf = Perf {
        wanted: f64::from(rate),
        rate: outcome.rate(),
        slowest: outcome.slowest(),
        deviation: outcome.deviation(),
        errors: outcome.errors,
    };
    ctx.emit(&perf)?;
    if perf.passed() {
        Ok(())
    } else {
        Err(CommandError::already_reported(ErrorKind::Failed))
    }
}

/// Deletes the keys, and returns the revision of that. As in etcdctl, a failure is only reported.
async fn clean_up(
    ctx: &Context,
    keys: &Keys,
    client: &Client,
) -> Result<Option<i64>, CommandError> {
    match keys.clean_up(client).await {
        Ok(revision) => Ok(Some(revision)),
        Err(error) => {
            let text = format!("FAIL: Cleanup failed during key deletion: ERROR({error})");
            load::say(ctx, &text)?;
            Ok(None)
        }
    }
}

/// Puts `rate` keys per second for [`DURATION`].
async fn run(
    ctx: &Context,
    keys: &Keys,
    rate: u32,
    clients: Vec<Client>,
) -> Result<Outcome, CommandError> {
    let (queue, requests) = mpsc::channel::<pb::PutRequest>(clients.len());
    let (done, _) = watch::channel(0);
    let progress = Steps::start(&ctx.ui, DURATION.as_secs());
    let sending = load::send_all(ctx, clients, requests, done);
    let producing = async move {
        let start = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
        let mut sent = 0;
        while start.elapsed() < DURATION {
            ticks.tick().await;
            let request = keys.put(sent, SIZES.0, SIZES.1);
            if queue.send(request).await.is_err() {
                break;
            }
            sent += 1;
            progress.update(start.elapsed().as_secs());
        }
    };
    let (outcome, ()) = tokio::join!(sending, producing);
    outcome
}
