//! What both checks share: the sizes of load, clients that put keys, statistics of their requests, and cleaning up.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::Args;
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinSet,
};

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        value::Suggest,
    },
    client::{Client, ClientError, Deadline, Limit, rpc::prefix_end},
    golang::{format::quote, string},
    output::Format,
    proto::etcdserverpb as pb,
};

/// The flags that both checks take.
#[derive(Args, Debug)]
pub struct LoadArgs {
    /// Size of the load: s, m, l or xl [default: s]
    #[arg(long, value_name = "load", value_parser = Suggest(LOADS), hide_possible_values = true)]
    load: Option<String>,
    /// Compact the history when the check is finished
    #[arg(long)]
    auto_compact: bool,
    /// Defragment the endpoints when the check is finished
    #[arg(long)]
    auto_defrag: bool,
}

/// The sizes of load, by the names that `--load` accepts.
pub const LOADS: &[&str] = &["s", "m", "l", "xl", "small", "medium", "large", "xLarge"];

/// Clients of each size.
const CLIENTS: [usize; 4] = [50, 200, 500, 1000];

/// Timeout for cleaning up, for a compaction, for a defragmentation and for reading the metrics.
pub const CLEANUP: Duration = Duration::from_secs(30);

impl LoadArgs {
    /// The value of `table` for the size of load that was asked for (small, medium, large, xLarge), and the number of
    /// clients.
    ///
    /// # Errors
    /// There is no such size; exit code 4.
    pub fn size<T: Copy>(&self, table: [T; 4]) -> Result<(T, usize), CommandError> {
        let load = self.load.as_deref().unwrap_or("s");
        let at = match load {
            "s" | "small" => 0,
            "m" | "medium" => 1,
            "l" | "large" => 2,
            "xl" | "xLarge" => 3,
            _ => {
                let text = format!("unknown load option {load}");
                return Err(CommandError::new(ErrorKind::BadFeature, text));
            }
        };
        Ok((table[at], CLIENTS[at]))
    }

    /// Compacts the history at `revision`, at which the keys of the check were deleted, and defragments, if the flags
    /// request it.
    ///
    /// # Errors
    /// An error from the server.
    pub async fn tidy_up(
        &self,
        ctx: &Context,
        client: &Client,
        revision: Option<i64>,
    ) -> Result<(), CommandError> {
        if let (true, Some(revision)) = (self.auto_compact, revision) {
            compact(ctx, client, revision).await?;
        }
        if self.auto_defrag {
            defragment(ctx).await?;
        }
        Ok(())
    }
}

/// The keys of a check, which have a common prefix that no other key may have.
pub struct Keys {
    /// The prefix.
    pub prefix: Bytes,
}

impl Keys {
    /// Checks that no key has the prefix. `quoted` is how etcdctl prints the command that deletes them.
    ///
    /// # Errors
    /// There are such keys (exit code 3), or an error from the server.
    pub async fn reserve(
        ctx: &Context,
        client: &Client,
        prefix: &str,
        quoted: bool,
    ) -> Result<Keys, CommandError> {
        let keys = Keys {
            prefix: Bytes::from(string::bytes(prefix).into_owned()),
        };
        let request = pb::RangeRequest {
            key: keys.prefix.clone(),
            range_end: prefix_end(&keys.prefix).into(),
            limit: 1,
            ..Default::default()
        };
        let found = client.range(request, ctx.patient_deadline()?).await?;
        if found.kvs.is_empty() {
            return Ok(keys);
        }
        let delete = format!("etcdctl del --prefix {prefix}");
        let delete = if quoted {
            format!("'{delete}'")
        } else {
            delete
        };
        let shown = quote(&keys.prefix);
        let text = format!("prefix {shown} has keys. Delete with {delete} first");
        Err(CommandError::new(ErrorKind::InvalidInput, text))
    }

    /// The request that puts key number `n`, with a key and a value of these sizes in bytes.
    pub fn put(&self, n: u64, key_size: usize, value_size: usize) -> pb::PutRequest {
        let mut tail = vec![0; key_size];
        tail[..8].copy_from_slice(&n.to_be_bytes());
        pb::PutRequest {
            key: [&self.prefix[..], &tail].concat().into(),
            value: vec![0; value_size].into(),
            ..Default::default()
        }
    }

    /// Deletes the keys within the time for cleaning up. Returns the revision.
    ///
    /// # Errors
    /// An error from the server.
    pub async fn clean_up(&self, client: &Client) -> Result<i64, ClientError> {
        self.delete(client, within(CLEANUP)).await
    }

    /// Deletes the keys. Returns the revision.
    ///
    /// # Errors
    /// An error from the server.
    pub async fn delete(&self, client: &Client, deadline: Deadline) -> Result<i64, ClientError> {
        let request = pb::DeleteRangeRequest {
            key: self.prefix.clone(),
            range_end: prefix_end(&self.prefix).into(),
            prev_kv: false,
        };
        let answer = client.delete_range(request, deadline).await?;
        Ok(answer.header.map_or(0, |h| h.revision))
    }
}

fn within(length: Duration) -> Deadline {
    Deadline::after(Limit { length, flag: "" })
}

/// Prints a line of text, except with JSON, which prints one object at the end.
pub fn say(ctx: &Context, text: &str) -> Result<(), CommandError> {
    match ctx.error_format() {
        Format::Json => Ok(()),
        _ => ctx.ui.line(text),
    }
}

async fn compact(ctx: &Context, client: &Client, revision: i64) -> Result<(), CommandError> {
    say(ctx, &format!("Compacting with revision {revision}"))?;
    let request = pb::CompactionRequest {
        revision,
        physical: true,
    };
    client.compact(request, within(CLEANUP)).await?;
    say(ctx, &format!("Compacted with revision {revision}"))
}

async fn defragment(ctx: &Context) -> Result<(), CommandError> {
    for endpoint in ctx.endpoints().await? {
        let shown = quote(endpoint.as_bytes());
        say(ctx, &format!("Defragmenting {shown}"))?;
        let client = ctx.client_of(std::slice::from_ref(endpoint))?;
        ctx.login()?.log_in(&client).await?;
        let request = pb::DefragmentRequest {};
        client.defragment(request, within(CLEANUP)).await?;
        say(ctx, &format!("Defragmented {shown}"))?;
    }
    Ok(())
}

/// The results of the requests of a check.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Durations of the successful requests.
    pub latencies: Vec<Duration>,
    /// Number of occurrences of each error.
    pub errors: BTreeMap<String, u64>,
    /// Time from the first request to the last response.
    pub total: Duration,
}

impl Outcome {
    /// Successful requests per second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.total.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The slowest request, in seconds.
    pub fn slowest(&self) -> f64 {
        self.latencies
            .iter()
            .max()
            .map_or(0.0, Duration::as_secs_f64)
    }

    /// Standard deviation of the latencies in seconds.
    pub fn deviation(&self) -> f64 {
        let count = self.latencies.len().max(1) as f64;
        let seconds = || self.latencies.iter().map(Duration::as_secs_f64);
        let mean = seconds().sum::<f64>() / count;
        let squares = seconds().map(|s| (s - mean).powi(2)).sum::<f64>();
        (squares / count).sqrt()
    }
}

/// Lets each of `clients` send requests from `requests` one after the other, and counts in `done` those that have been
/// answered. As in etcdctl, a request that takes long is not an error; `--command-timeout` bounds each of them if it is
/// given.
///
/// # Errors
/// The settings are invalid.
pub async fn send_all(
    ctx: &Context,
    clients: Vec<Client>,
    requests: mpsc::Receiver<pb::PutRequest>,
    done: watch::Sender<u64>,
) -> Result<Outcome, CommandError> {
    let deadline = ctx.patient_deadline()?;
    let start = Instant::now();
    let requests = Arc::new(Mutex::new(requests));
    let mut running = JoinSet::new();
    for client in clients {
        let (requests, done) = (Arc::clone(&requests), done.clone());
        running.spawn(async move {
            let mut own = Outcome::default();
            loop {
                let next = requests.lock().await.recv().await;
                let Some(request) = next else {
                    return own;
                };
                let start = Instant::now();
                match client.put(request, deadline.again()).await {
                    Ok(_) => own.latencies.push(start.elapsed()),
                    Err(error) => *own.errors.entry(error.to_string()).or_default() += 1,
                }
                done.send_modify(|done| *done += 1);
            }
        });
    }
    let mut all = Outcome::default();
    while let Some(own) = running.join_next().await {
        // A task that panicked has no result.
        let own = own.unwrap_or_default();
        all.latencies.extend(own.latencies);
        for (error, times) in own.errors {
            *all.errors.entry(error).or_default() += times;
        }
    }
    all.total = start.elapsed();
    Ok(all)
}

/// Creates `count` clients, each with its own connection.
///
/// # Errors
/// The settings are invalid, or authentication failed.
pub async fn clients(ctx: &Context, count: usize) -> Result<Vec<Client>, CommandError> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(ctx.client().await?);
    }
    Ok(clients)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_of_etcds_report() {
        let outcome = Outcome {
            latencies: [100, 200, 300].map(Duration::from_millis).to_vec(),
            total: Duration::from_secs(2),
            ..Default::default()
        };
        assert_eq!(outcome.rate(), 1.5);
        assert_eq!(outcome.slowest(), 0.3);
        assert!((outcome.deviation() - 0.0816497).abs() < 1e-6);
        assert_eq!(Outcome::default().deviation(), 0.0);
    }

    #[test]
    fn sizes_have_two_names_each() {
        let size = |load: Option<&str>| {
            let args = LoadArgs {
                load: load.map(String::from),
                auto_compact: false,
                auto_defrag: false,
            };
            args.size([1, 2, 3, 4])
        };
        for (name, value) in LOADS.iter().zip([1, 2, 3, 4, 1, 2, 3, 4]) {
            assert_eq!(size(Some(name)).unwrap().0, value);
        }
        assert_eq!(size(None).unwrap(), (1, 50));
        assert_eq!(
            size(Some("xlarge")).unwrap_err().kind,
            ErrorKind::BadFeature
        );
    }

    #[test]
    fn keys_differ_and_have_the_requested_size() {
        let keys = Keys {
            prefix: "/p/".into(),
        };
        let (a, b) = (keys.put(1, 256, 1024), keys.put(2, 256, 1024));
        assert_ne!(a.key, b.key);
        assert_eq!((a.key.len(), a.value.len()), (259, 1024));
    }
}
