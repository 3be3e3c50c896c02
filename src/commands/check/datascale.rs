//! `check datascale`: measures how much server memory a number of keys uses (etcd v3.7.1, etcdctl `check datascale`).

use clap::Args;
use tokio::sync::{mpsc, watch};

use super::{
    load::{self, Keys, LoadArgs},
    metrics,
};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        progress::Steps,
        words::{Ignored, Words},
    },
    output::{Format, replies::check::Datascale},
    process::signals::Termination,
    proto::etcdserverpb as pb,
};

/// Check how much memory of the server data uses
///
/// Keys are put and deleted afterwards. The loads are s (10,000 keys by 50 clients), m (100,000 by 200), l (1,000,000
/// by 500) and xl (3,000,000 by 1000), of 1 KiB each. The memory usage is read from /metrics of the first endpoint.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl check datascale
  etcdctl check datascale --load=m --auto-compact --auto-defrag")]
pub struct DatascaleArgs {
    /// Prefix of the keys that are put [default: /etcdctl-check-datascale/]
    #[arg(long, value_name = "prefix")]
    prefix: Option<String>,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Keys of each size.
const KEYS: [u64; 4] = [10_000, 100_000, 1_000_000, 3_000_000];
const DEFAULT_PREFIX: &str = "/etcdctl-check-datascale/";
/// Size of a key after its prefix, and size of a value, in bytes.
const SIZES: (usize, usize) = (512, 512);

/// Runs `check datascale`.
///
/// # Errors
/// Keys with the prefix exist (exit code 3), an error from the server, or its memory usage cannot be read.
pub async fn datascale(ctx: &Context, args: DatascaleArgs) -> Result<(), CommandError> {
    let (count, concurrent) = args.load.size(KEYS)?;
    let client = ctx.client().await?;
    let prefix = args.prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
    let keys = Keys::reserve(ctx, &client, prefix, false).await?;
    let clients = load::clients(ctx, concurrent).await?;
    let before = memory(ctx, "before").await?;
    load::say(
        ctx,
        &format!(
            "Start data scale check for work load [{} key-value pairs, {} bytes per key-value, {} concurrent clients].",
            count,
            SIZES.0 + SIZES.1,
            concurrent
        ),
    )?;
    // Put the keys, until a signal arrives.
    let failed = |e| CommandError::new(ErrorKind::Failed, e);
    let mut signals = Termination::listen().map_err(failed)?;
    let progress = Steps::start(&ctx.ui, count);
    let (queue, requests) = mpsc::channel::<pb::PutRequest>(concurrent);
    let (done, mut counted) = watch::channel(0);
    let producing = async {
        for n in 0..count {
            if queue.send(keys.put(n, SIZES.0, SIZES.1)).await.is_err() {
                break;
            }
        }
        drop(queue);
    };
    let drawing = async {
        while counted.changed().await.is_ok() {
            progress.update(*counted.borrow_and_update());
        }
    };
    let sending = load::send_all(ctx, clients, requests, done);
    let outcome = tokio::select! {
        (outcome, (), ()) = async { tokio::join!(sending, producing, drawing) } => outcome?,
        signal = signals.recv() => {
            // Delete the keys that were put so far.
            keys.clean_up(&client).await?;
            return Err(CommandError::already_reported(ErrorKind::Signal(signal)));
        }
    };
    drop(progress);
    // Measure again, and clean up.
    let after = memory(ctx, "after").await?;
    // The deletion of many keys takes long; etcdctl does not limit it.
    let revision = keys.delete(&client, ctx.patient_deadline()?).await?;
    args.load.tidy_up(ctx, &client, Some(revision)).await?;
    let reply = Datascale {
        keys: count,
        bytes: after - before,
        errors: outcome.errors,
    };
    ctx.emit(&reply)?;
    if reply.errors.is_empty() {
        Ok(())
    } else {
        Err(CommandError::already_reported(ErrorKind::Failed))
    }
}

/// The resident memory of the first endpoint in bytes.
async fn memory(ctx: &Context, when: &str) -> Result<f64, CommandError> {
    let settings = ctx.settings()?;
    let endpoint = ctx.endpoints().await?.first().map_or("", String::as_str);
    let timeout = match settings.command_timeout_given {
        true => settings.command_timeout.to_std(),
        false => load::CLEANUP,
    };
    match metrics::resident_memory(endpoint, settings.tls.as_deref(), timeout).await {
        Ok(bytes) => Ok(bytes),
        Err(why) if ctx.error_format() == Format::Json => {
            let text = format!(
                "could not read process_resident_memory_bytes {when} the put operations: {why}"
            );
            Err(CommandError::new(ErrorKind::Failed, text))
        }
        Err(why) => {
            load::say(ctx, &format!("fetch error: {why}"))?;
            let text = format!(
                "FAIL: Could not read process_resident_memory_bytes {when} the put operations."
            );
            load::say(ctx, &text)?;
            Err(CommandError::already_reported(ErrorKind::Failed))
        }
    }
}
