//! Puts a bounded load on an etcd-compatible server and prints its measurements as a JSON object: rate, latencies, and
//! the CPU time used by the server and by the load itself.
//!
//! Single-threaded, to be pinned to its own core. Uses the generated stubs directly on HTTP/2 connections, without the
//! layers of a client library, so that it measures the server. Each client sends its next request when it has received
//! the response to the last one. Must not know which server it talks to.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::{Parser, ValueEnum};
use etcd_maintenance::proto::etcdserverpb as pb;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pb::kv_client::KvClient;
use pb::request_op::Request;
use tokio::net::TcpStream;
use tonic::body::Body;

type Failure = Box<dyn std::error::Error>;

#[derive(Parser)]
struct Args {
    /// host:port of the server
    #[arg(long)]
    endpoint: String,
    #[arg(long, value_enum)]
    op: Op,
    /// Number of clients, each with one request in flight
    #[arg(long, default_value_t = 1)]
    clients: usize,
    /// Number of clients that share a connection
    #[arg(long, default_value_t = 1)]
    clients_per_connection: usize,
    /// Seconds to measure; fill ends when all keys are written
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Seconds to run before measuring
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// Number of keys to choose from
    #[arg(long, default_value_t = 10_000)]
    keys: u64,
    /// Size of a value in bytes
    #[arg(long, default_value_t = 1024)]
    value: usize,
    /// Number of keys in a range
    #[arg(long, default_value_t = 1000)]
    limit: u64,
    /// Process id of the server, for its CPU time
    #[arg(long)]
    pid: Option<u32>,
    /// Compact physically up to the current revision this many seconds after the start of the measurement
    #[arg(long)]
    compact_after: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Op {
    Put,
    Get,
    /// `--limit` keys in key order
    Range,
    /// Ten puts in a transaction
    Txn,
    /// Each key once, a hundred per transaction
    Fill,
}

/// An HTTP/2 connection for the generated stubs.
#[derive(Clone)]
struct Connection {
    sender: SendRequest<Body>,
    authority: Rc<str>,
}

impl tower_service::Service<http::Request<Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = SendFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.sender.poll_ready(context).map_err(SendFailure::from)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let uri = format!("http://{}{path}", self.authority).parse();
        let mut sender = self.sender.clone();
        Box::pin(async move {
            *request.uri_mut() = uri?;
            Ok(sender.send_request(request).await?)
        })
    }
}

type SendFailure = Box<dyn std::error::Error + Send + Sync>;

type Kv = KvClient<Connection>;

async fn connect(endpoint: &str) -> Result<Kv, Failure> {
    let stream = TcpStream::connect(endpoint).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = Builder::new(TokioExecutor::new())
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(1 << 24)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(async move {
        if let Err(e) = connection.await {
            eprintln!("load: connection: {e}");
        }
    });
    let connection = Connection {
        sender,
        authority: endpoint.into(),
    };
    Ok(KvClient::new(connection).max_decoding_message_size(usize::MAX))
}

/// SplitMix64: fast enough that generating values costs next to nothing.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Bytes that do not repeat, so that compression does not help.
    fn value(&mut self, size: usize) -> Bytes {
        let mut value = Vec::with_capacity(size + 8);
        while value.len() < size {
            value.extend_from_slice(&self.next().to_le_bytes());
        }
        value.truncate(size);
        value.into()
    }
}

fn key(number: u64) -> Bytes {
    format!("key/{number:012}").into()
}

fn put(number: u64, value: Bytes) -> pb::PutRequest {
    pb::PutRequest {
        key: key(number),
        value,
        ..Default::default()
    }
}

fn txn(numbers: impl Iterator<Item = u64>, random: &mut Random, size: usize) -> pb::TxnRequest {
    let operation = |number| pb::RequestOp {
        request: Some(Request::RequestPut(put(number, random.value(size)))),
    };
    pb::TxnRequest {
        success: numbers.map(operation).collect(),
        ..Default::default()
    }
}

async fn once(kv: &mut Kv, random: &mut Random, args: &Args) -> Result<(), tonic::Status> {
    match args.op {
        Op::Put | Op::Fill => {
            let number = random.next() % args.keys;
            kv.put(put(number, random.value(args.value))).await?;
        }
        Op::Get => {
            let request = pb::RangeRequest {
                key: key(random.next() % args.keys),
                ..Default::default()
            };
            let found = kv.range(request).await?.into_inner();
            if found.kvs.len() != 1 {
                return Err(tonic::Status::not_found("a key is not there"));
            }
        }
        Op::Range => {
            let from = random.next() % args.keys.saturating_sub(args.limit).max(1);
            let request = pb::RangeRequest {
                key: key(from),
                range_end: b"key0".as_slice().into(),
                limit: args.limit.cast_signed(),
                ..Default::default()
            };
            let found = kv.range(request).await?.into_inner();
            if found.kvs.len() as u64 != args.limit.min(args.keys) {
                return Err(tonic::Status::not_found("keys are not there"));
            }
        }
        Op::Txn => {
            let from = random.next() % args.keys.saturating_sub(10).max(1);
            kv.txn(txn(from..from + 10, random, args.value)).await?;
        }
    }
    Ok(())
}

/// The measurements of one client.
#[derive(Default)]
struct Seen {
    latencies: Vec<Duration>,
    errors: u64,
    last: Option<tonic::Status>,
}

async fn client(mut kv: Kv, number: u64, args: Rc<Args>, begin: Instant, end: Instant) -> Seen {
    let mut random = Random(number.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut seen = Seen::default();
    loop {
        let started = Instant::now();
        if started >= end {
            return seen;
        }
        let outcome = once(&mut kv, &mut random, &args).await;
        let took = started.elapsed();
        if started < begin {
            continue;
        }
        match outcome {
            Ok(()) => seen.latencies.push(took),
            Err(status) => {
                seen.errors += 1;
                seen.last = Some(status);
                // Do not repeat requests as fast as a server can reject them.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

async fn fill(kvs: Vec<Kv>, args: Rc<Args>) -> Result<serde_json::Value, Failure> {
    const BATCH: u64 = 100;
    let started = Instant::now();
    let share = kvs.len() as u64 * BATCH;
    let mut tasks = Vec::new();
    for (i, mut kv) in kvs.into_iter().enumerate() {
        let args = Rc::clone(&args);
        tasks.push(tokio::task::spawn_local(async move {
            let mut random = Random(i as u64 + 1);
            let mut from = i as u64 * BATCH;
            while from < args.keys {
                let numbers = from..(from + BATCH).min(args.keys);
                kv.txn(txn(numbers, &mut random, args.value)).await?;
                from += share;
            }
            Ok::<(), tonic::Status>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(serde_json::json!({
        "op": "Fill", "ops": args.keys, "seconds": seconds, "rate": args.keys as f64 / seconds,
    }))
}

async fn measure(kvs: Vec<Kv>, args: Rc<Args>) -> Result<serde_json::Value, Failure> {
    let begin = Instant::now() + Duration::try_from_secs_f64(args.warmup)?;
    let end = begin + Duration::try_from_secs_f64(args.seconds)?;
    let compacting = args.compact_after.map(|after| {
        let (mut kv, at) = (kvs[0].clone(), begin + Duration::from_secs_f64(after));
        tokio::task::spawn_local(async move {
            tokio::time::sleep_until(at.into()).await;
            let now = kv
                .range(pb::RangeRequest {
                    key: key(0),
                    ..Default::default()
                })
                .await?;
            let revision = now.into_inner().header.map_or(0, |h| h.revision);
            let started = Instant::now();
            kv.compact(pb::CompactionRequest {
                revision,
                physical: true,
            })
            .await?;
            Ok::<f64, tonic::Status>(started.elapsed().as_secs_f64())
        })
    });
    let tasks: Vec<_> = kvs
        .into_iter()
        .enumerate()
        .map(|(i, kv)| {
            let args = Rc::clone(&args);
            tokio::task::spawn_local(client(kv, i as u64 + 1, args, begin, end))
        })
        .collect();
    tokio::time::sleep_until(begin.into()).await;
    let before = (cpu(args.pid)?, cpu(Some(std::process::id()))?);
    tokio::time::sleep_until(end.into()).await;
    let after = (cpu(args.pid)?, cpu(Some(std::process::id()))?);

    let (mut all, mut errors) = (Vec::new(), 0);
    for task in tasks {
        let seen = task.await?;
        all.extend(seen.latencies);
        errors += seen.errors;
        if let Some(status) = seen.last {
            eprintln!("load: {} errors, the last: {status}", seen.errors);
        }
    }
    let compaction = match compacting {
        Some(task) => Some(task.await??),
        None => None,
    };
    if all.is_empty() {
        return Err("no request succeeded".into());
    }
    all.sort_unstable();
    let quantile = |q: f64| {
        let at = ((q * all.len() as f64) as usize).min(all.len() - 1);
        all[at].as_secs_f64() * 1e3
    };
    let ops = all.len() as f64;
    Ok(serde_json::json!({
        "op": format!("{:?}", args.op),
        "clients": args.clients,
        "ops": all.len(),
        "errors": errors,
        "rate": ops / args.seconds,
        "p50_ms": quantile(0.5),
        "p99_ms": quantile(0.99),
        "p999_ms": quantile(0.999),
        "max_ms": quantile(1.0),
        "server_cpu_us": (after.0 - before.0) * 1e6 / ops,
        "load_cpu_us": (after.1 - before.1) * 1e6 / ops,
        "load_core": (after.1 - before.1) / args.seconds,
        "compaction_s": compaction,
    }))
}

/// User and system time of a process, in seconds.
fn cpu(pid: Option<u32>) -> Result<f64, Failure> {
    let Some(pid) = pid else { return Ok(0.0) };
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may contain spaces; the fields after the parenthesis do not.
    let (_, fields) = stat.rsplit_once(") ").ok_or("no process status")?;
    let mut ticks = 0_u64;
    for field in fields.split(' ').skip(11).take(2) {
        ticks += field.parse::<u64>()?;
    }
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn main() -> Result<(), Failure> {
    let args = Rc::new(Args::parse());
    if args.clients == 0 || args.clients_per_connection == 0 || args.keys == 0 {
        return Err("clients and keys must be positive".into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    let result = local.block_on(&runtime, async {
        let mut kvs: Vec<Kv> = Vec::new();
        for i in 0..args.clients {
            let kv = match kvs.last() {
                Some(kv) if i % args.clients_per_connection != 0 => kv.clone(),
                _ => connect(&args.endpoint).await?,
            };
            kvs.push(kv);
        }
        match args.op {
            Op::Fill => fill(kvs, Rc::clone(&args)).await,
            _ => measure(kvs, Rc::clone(&args)).await,
        }
    })?;
    println!("{result}");
    Ok(())
}
