//! Puts a limited load of streams, leases, users or TLS on an etcd-compatible server and prints the results as one JSON
//! object: rate, latencies, and the server's CPU time and memory. `load.rs` describes the method of measurement; this
//! program uses tonic's channels, because its requests need metadata or TLS.

use std::error::Error;
use std::io::{self, Read as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::{Parser, ValueEnum};
use etcd_maintenance::proto::etcdserverpb as pb;
use hyper_util::rt::TokioIo;
use pb::auth_client::AuthClient;
use pb::kv_client::KvClient;
use pb::lease_client::LeaseClient;
use pb::watch_client::WatchClient;
use pb::watch_request::RequestUnion;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint, Uri};

type Failure = Box<dyn Error>;

#[derive(Parser)]
struct Args {
    /// host:port of the server
    #[arg(long)]
    endpoint: String,
    #[arg(long, value_enum)]
    op: Op,
    /// Number of clients, each with one request at a time
    #[arg(long, default_value_t = 1)]
    clients: usize,
    /// Number of clients that share a connection
    #[arg(long, default_value_t = 8)]
    clients_per_connection: usize,
    /// Seconds to measure
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Seconds to run before measuring
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// Number of keys
    #[arg(long, default_value_t = 1000)]
    keys: u64,
    /// Size of a value in bytes
    #[arg(long, default_value_t = 256)]
    value: usize,
    /// Number of watchers
    #[arg(long, default_value_t = 0)]
    watchers: usize,
    /// Number of watchers that share a stream
    #[arg(long, default_value = "100")]
    watchers_per_stream: NonZeroUsize,
    /// Number of streams of watchers that share a connection
    #[arg(long, default_value = "1")]
    streams_per_connection: NonZeroUsize,
    /// Number of prefixes over which the watchers are spread; with 1, all of them watch one key
    #[arg(long, default_value_t = 1)]
    prefixes: usize,
    /// NAME:PASSWORD to log in with first
    #[arg(long)]
    user: Option<String>,
    /// Certificate of the authority, for a server with TLS
    #[arg(long)]
    cacert: Option<PathBuf>,
    /// Process id of the server, for its CPU time and memory
    #[arg(long)]
    pid: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Op {
    Put,
    Get,
    /// Grant a lease with each request
    Grant,
    /// Renew one lease per client, each over one stream
    KeepAlive,
    /// Renew one lease per client, each time over a new stream, as `benchmark lease-keepalive` of etcd does
    KeepAliveOnce,
    /// Puts by `--clients`, whose events go to `--watchers`; measures the latency of events
    Watch,
    /// `--watchers` without events; measures memory
    IdleWatchers,
    /// `--clients` connections on which nothing is requested; measures memory
    IdleConnections,
}

#[derive(Clone)]
struct Client {
    channel: Channel,
    token: Option<MetadataValue<tonic::metadata::Ascii>>,
}

impl Client {
    async fn connect(args: &Args) -> Result<Client, Failure> {
        let channel = match &args.cacert {
            None => {
                let endpoint = Endpoint::from_shared(format!("http://{}", args.endpoint))?;
                endpoint.tcp_nodelay(true).connect().await?
            }
            Some(file) => {
                let mut stream = Some(TokioIo::new(secured(&args.endpoint, file).await?));
                let connect = tower::service_fn(move |_: Uri| {
                    let stream = stream.take();
                    async move { stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)) }
                });
                let endpoint = Endpoint::from_shared(format!("http://{}", args.endpoint))?;
                endpoint.connect_with_connector(connect).await?
            }
        };
        let mut token = None;
        if let Some((name, password)) = args.user.as_deref().and_then(|user| user.split_once(':')) {
            let login = pb::AuthenticateRequest {
                name: name.into(),
                password: password.into(),
            };
            let answer = AuthClient::new(channel.clone()).authenticate(login).await?;
            token = Some(answer.into_inner().token.parse()?);
        }
        Ok(Client { channel, token })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        request
    }
}

/// A connection with TLS to a server whose certificate this authority has signed.
async fn secured(endpoint: &str, cacert: &Path) -> Result<TlsStream<TcpStream>, Failure> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(cacert).map_err(|e| e.to_string())?;
    roots.add(certificate)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(endpoint).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("127.0.0.1")?;
    let connector = TlsConnector::from(Arc::new(config));
    Ok(connector.connect(name, stream).await?)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn key(number: u64) -> Bytes {
    format!("key/{number:012}").into()
}

/// The key that the watchers of a prefix watch; with one prefix, the key itself.
fn watched(prefix: usize) -> String {
    format!("watched/{prefix:04}/")
}

/// The time in which results count, and the start of the times in events.
#[derive(Clone, Copy)]
struct Times {
    epoch: Instant,
    begin: Instant,
    end: Instant,
}

async fn requests(
    client: Client,
    number: u64,
    args: Rc<Args>,
    times: Times,
) -> Result<Vec<Duration>, Failure> {
    let mut kv = KvClient::new(client.channel.clone());
    let mut lease = LeaseClient::new(client.channel.clone());
    let mut random = Random(number.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut latencies = Vec::new();
    let mut id = 0;
    let mut renewals: Option<(mpsc::Sender<_>, tonic::Streaming<_>)> = None;
    if matches!(args.op, Op::KeepAlive | Op::KeepAliveOnce) {
        let grant = client.request(pb::LeaseGrantRequest { ttl: 600, id: 0 });
        id = lease.lease_grant(grant).await?.into_inner().id;
    }
    loop {
        let started = Instant::now();
        if started >= times.end {
            return Ok(latencies);
        }
        match args.op {
            Op::Put => {
                let put = pb::PutRequest {
                    key: key(random.next() % args.keys),
                    value: vec![b'v'; args.value].into(),
                    ..Default::default()
                };
                kv.put(client.request(put)).await?;
            }
            Op::Get => {
                let get = pb::RangeRequest {
                    key: key(random.next() % args.keys),
                    ..Default::default()
                };
                kv.range(client.request(get)).await?;
            }
            Op::Grant => {
                let grant = pb::LeaseGrantRequest { ttl: 600, id: 0 };
                lease.lease_grant(client.request(grant)).await?;
            }
            Op::KeepAlive | Op::KeepAliveOnce => {
                let answers = match &mut renewals {
                    Some((sender, answers)) => {
                        sender.send(pb::LeaseKeepAliveRequest { id }).await?;
                        answers
                    }
                    none => {
                        let (sender, messages) = mpsc::channel(1);
                        sender.send(pb::LeaseKeepAliveRequest { id }).await?;
                        let stream = client.request(ReceiverStream::new(messages));
                        let answers = lease.lease_keep_alive(stream).await?.into_inner();
                        &mut none.insert((sender, answers)).1
                    }
                };
                let answer = answers.message().await?.ok_or("the stream ended")?;
                if answer.ttl == 0 {
                    return Err("a lease is gone".into());
                }
                if args.op == Op::KeepAliveOnce {
                    renewals = None;
                }
            }
            Op::Watch => {
                // The value begins with the time at which it was sent.
                let nanos = times.epoch.elapsed().as_nanos() as u64;
                let mut value = nanos.to_le_bytes().to_vec();
                value.resize(args.value.max(8), b'v');
                let prefix = random.next() as usize % args.prefixes;
                let put = pb::PutRequest {
                    key: watched(prefix).into(),
                    value: value.into(),
                    ..Default::default()
                };
                kv.put(client.request(put)).await?;
            }
            Op::IdleWatchers | Op::IdleConnections => return Err("nothing to ask".into()),
        }
        if started >= times.begin {
            latencies.push(started.elapsed());
        }
    }
}

/// A stream of watchers, which ends with its sender.
type Watching = (
    mpsc::Sender<pb::WatchRequest>,
    tonic::Streaming<pb::WatchResponse>,
);

/// Opens all watchers.
async fn open_all_watchers(args: &Args) -> Result<Vec<Watching>, Failure> {
    let mut streams = Vec::new();
    let mut client = None;
    let mut first = 0;
    while first < args.watchers {
        let count = args.watchers_per_stream.get().min(args.watchers - first);
        let client = match &mut client {
            Some(client) if streams.len() % args.streams_per_connection.get() != 0 => client,
            client => client.insert(Client::connect(args).await?),
        };
        streams.push(open_watchers(client, first, count, args).await?);
        first += count;
    }
    Ok(streams)
}

/// Opens a stream with this many watchers, starting with this number. Returns once all of them are created.
async fn open_watchers(
    client: &Client,
    first: usize,
    count: usize,
    args: &Args,
) -> Result<Watching, Failure> {
    let (sender, messages) = mpsc::channel(count.max(1));
    for number in first..first + count {
        let prefix = watched(number % args.prefixes);
        let range_end = match args.prefixes {
            1 => Bytes::new(),
            // The prefix with its last byte raised by one: from "/" to "0".
            _ => format!("{}0", prefix.trim_end_matches('/')).into(),
        };
        let create = pb::WatchCreateRequest {
            key: prefix.into(),
            range_end,
            ..Default::default()
        };
        let union = Some(RequestUnion::CreateRequest(create));
        sender
            .send(pb::WatchRequest {
                request_union: union,
            })
            .await?;
    }
    let mut watch = WatchClient::new(client.channel.clone());
    let stream = client.request(ReceiverStream::new(messages));
    let mut answers = watch.watch(stream).await?.into_inner();
    let mut created = 0;
    while created < count {
        let answer = answers.message().await?.ok_or("the stream ended")?;
        created += usize::from(answer.created && !answer.canceled);
        if answer.canceled {
            return Err(format!("a watcher was refused: {}", answer.cancel_reason).into());
        }
    }
    Ok((sender, answers))
}

/// Receives the events of one stream and records the latency of each.
async fn events(
    mut answers: tonic::Streaming<pb::WatchResponse>,
    times: Times,
) -> Result<Vec<Duration>, Failure> {
    let mut latencies = Vec::new();
    loop {
        let next = tokio::time::timeout_at(times.end.into(), answers.message()).await;
        let Ok(answer) = next else {
            return Ok(latencies);
        };
        let answer = answer?.ok_or("the stream ended")?;
        let now = Instant::now();
        for event in &answer.events {
            let value = event
                .kv
                .as_ref()
                .map(|kv| &kv.value[..])
                .unwrap_or_default();
            let Some(nanos) = value.first_chunk::<8>() else {
                continue;
            };
            let sent = times.epoch + Duration::from_nanos(u64::from_le_bytes(*nanos));
            if sent >= times.begin {
                latencies.push(now.saturating_duration_since(sent));
            }
        }
    }
}

async fn measure(args: Rc<Args>) -> Result<serde_json::Value, Failure> {
    let streams = open_all_watchers(&args).await?;
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..args.clients {
        let client = match clients.last() {
            Some(last) if number % args.clients_per_connection != 0 => last.clone(),
            _ => Client::connect(&args).await?,
        };
        clients.push(client);
    }
    if args.op == Op::Get {
        for number in 0..args.keys {
            let put = pb::PutRequest {
                key: key(number),
                value: vec![b'v'; args.value].into(),
                ..Default::default()
            };
            let client = &clients[0];
            KvClient::new(client.channel.clone())
                .put(client.request(put))
                .await?;
        }
    }
    let epoch = Instant::now();
    let begin = epoch + Duration::try_from_secs_f64(args.warmup)?;
    let end = begin + Duration::try_from_secs_f64(args.seconds)?;
    let times = Times { epoch, begin, end };
    let (mut kept, mut receiving) = (Vec::new(), Vec::new());
    for (sender, answers) in streams {
        // A stream ends with its sender.
        kept.push(sender);
        receiving.push(tokio::task::spawn_local(events(answers, times)));
    }
    let sending: Vec<_> = (clients.into_iter().enumerate())
        .map(|(i, client)| {
            tokio::task::spawn_local(requests(client, i as u64 + 1, Rc::clone(&args), times))
        })
        .collect();
    tokio::time::sleep_until(begin.into()).await;
    let before = cpu(args.pid)?;
    tokio::time::sleep_until(end.into()).await;
    let took = cpu(args.pid)? - before;
    let (mut requests, mut delivered) = (Vec::new(), Vec::new());
    for task in sending {
        requests.extend(task.await??);
    }
    for task in receiving {
        delivered.extend(task.await??);
    }
    let mut all = if args.op == Op::Watch {
        delivered
    } else {
        requests
    };
    if all.is_empty() {
        return Err("nothing was measured".into());
    }
    all.sort_unstable();
    let quantile = |q: f64| {
        let at = ((q * all.len() as f64) as usize).min(all.len() - 1);
        all[at].as_secs_f64() * 1e3
    };
    Ok(serde_json::json!({
        "op": format!("{:?}", args.op),
        "ops": all.len(),
        "rate": all.len() as f64 / args.seconds,
        "p50_ms": quantile(0.5),
        "p99_ms": quantile(0.99),
        "max_ms": quantile(1.0),
        "server_cpu_us": took * 1e6 / all.len() as f64,
    }))
}

/// Memory use of the server, first with nothing open and then with everything.
async fn idle(args: Rc<Args>) -> Result<serde_json::Value, Failure> {
    let before = memory(args.pid)?;
    let streams = open_all_watchers(&args).await?;
    let mut sockets = Vec::new();
    if args.op == Op::IdleConnections {
        for _ in 0..args.clients {
            let mut socket = TcpStream::connect(&args.endpoint).await?;
            // The preface of HTTP/2, and empty settings (RFC 9113, section 3.4).
            socket
                .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
                .await?;
            sockets.push(socket);
        }
    }
    // Wait for what the server does after the last one has arrived.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = memory(args.pid)?;
    Ok(serde_json::json!({
        "op": format!("{:?}", args.op),
        "before": before,
        "after": after,
        "streams": streams.len(),
        "connections": sockets.len(),
    }))
}

/// User and system time of a process, in seconds.
fn cpu(pid: u32) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no process status")?;
    let mut ticks = 0_u64;
    for field in fields.split(' ').skip(11).take(2) {
        ticks += field.parse::<u64>()?;
    }
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Resident bytes of the process itself.
fn memory(pid: u32) -> Result<u64, Failure> {
    let mut status = String::new();
    std::fs::File::open(format!("/proc/{pid}/status"))?.read_to_string(&mut status)?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next());
    Ok(kilobytes.ok_or("no memory in the status")?.parse::<u64>()? * 1024)
}

fn main() -> Result<(), Failure> {
    let args = Rc::new(Args::parse());
    if args.prefixes == 0 || args.keys == 0 || args.clients_per_connection == 0 {
        return Err("prefixes, keys and clients per connection must be positive".into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    let result = local.block_on(&runtime, async {
        match args.op {
            Op::IdleWatchers | Op::IdleConnections => idle(Rc::clone(&args)).await,
            _ => measure(Rc::clone(&args)).await,
        }
    })?;
    println!("{result}");
    Ok(())
}
