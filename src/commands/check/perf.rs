//! `check perf`: a minute of writes at a given rate (etcd v3.7.1, etcdctl `check perf`).

use std::time::Duration;

use clap::Args;
use tokio::{sync::mpsc, time::Instant};

use super::load::{self, Keys, LOADS, Outcome};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        progress::Steps,
        value::Suggest,
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
    /// Size of the load: s, m, l or xl [default: s]
    #[arg(long, value_name = "load", value_parser = Suggest(LOADS), hide_possible_values = true)]
    load: Option<String>,
    /// Prefix of the keys that are put [default: /etcdctl-check-perf/]
    #[arg(long, value_name = "prefix")]
    prefix: Option<String>,
    /// Compact the history when the check is finished
    #[arg(long)]
    auto_compact: bool,
    /// Defragment the endpoints when the check is finished
    #[arg(long)]
    auto_defrag: bool,
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Puts per second, and number of clients.
#[derive(Clone, Copy)]
struct Load {
    rate: u32,
    clients: usize,
}

const LOAD_TABLE: [Load; 4] = [
    Load {
        rate: 150,
        clients: 50,
    },
    Load {
        rate: 1000,
        clients: 200,
    },
    Load {
        rate: 8000,
        clients: 500,
    },
    Load {
        rate: 15000,
        clients: 1000,
    },
];

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
    let load = load::of_size(args.load.as_deref(), LOAD_TABLE)?;
    let client = ctx.client().await?;
    let prefix = args.prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
    let keys = Keys::reserve(ctx, &client, prefix, true).await?;
    let clients = load::clients(ctx, load.clients).await?;
    let failed = |e| CommandError::new(ErrorKind::Failed, e);
    let mut signals = Termination::listen().map_err(failed)?;
    let outcome = tokio::select! {
        outcome = run(ctx, &keys, load, clients) => outcome?,
        signal = signals.recv() => {
            // Delete the keys that were put so far.
            clean_up(ctx, &keys, &client, false).await?;
            return Err(CommandError::already_reported(ErrorKind::Signal(signal)));
        }
    };
    clean_up(ctx, &keys, &client, args.auto_compact).await?;
    if args.auto_defrag {
        load::defragment(ctx).await?;
    }
    let perf = Perf {
        wanted: f64::from(load.rate),
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

/// Deletes the keys. As in etcdctl, a failure is only reported.
async fn clean_up(
    ctx: &Context,
    keys: &Keys,
    client: &Client,
    compact: bool,
) -> Result<(), CommandError> {
    match keys.delete(client).await {
        Ok(revision) if compact => load::compact(ctx, client, revision).await,
        Ok(_) => Ok(()),
        Err(error) => load::say(
            ctx,
            &format!("FAIL: Cleanup failed during key deletion: ERROR({error})"),
        ),
    }
}

/// Puts keys at the rate of the load until its duration is over.
async fn run(
    ctx: &Context,
    keys: &Keys,
    load: Load,
    clients: Vec<Client>,
) -> Result<Outcome, CommandError> {
    let (queue, requests) = mpsc::channel::<pb::PutRequest>(load.clients);
    let (done, _) = mpsc::unbounded_channel();
    let progress = Steps::start(&ctx.ui, DURATION.as_secs());
    let sending = load::send_all(clients, requests, ctx.limit()?, done);
    let producing = async move {
        let start = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / load.rate);
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
    Ok(outcome)
}
