//! Mixed load on one `serve`: puts, transactions, reads, 500 watchers, 1000 leases that are kept alive, and regular
//! compactions and defragmentations. No request fails, no event is missed, memory use is stable, and all descriptors
//! are closed.
//!
//! `SOAK_SECONDS` (8) is the duration; with 1200, the long form, the memory curve is printed too. `SOAK_PACE` (2, or 30
//! in the long form) is the number of seconds between compactions.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_maintenance::proto::etcdserverpb as pb;
use pb::kv_client::KvClient;
use pb::lease_client::LeaseClient;
use pb::maintenance_client::MaintenanceClient;
use pb::request_op::Request;
use pb::watch_client::WatchClient;
use pb::watch_request::RequestUnion;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};

use crate::support::random::Random;
use crate::support::server::{Launch, Server};

const WRITERS: u64 = 8;
const KEYS: u64 = 200;
const STREAMS: u64 = 10;
const WATCHERS: u64 = 500;
const LEASES: i64 = 1000;
/// In seconds; each lease is renewed well before it expires.
const TTL: i64 = 60;
/// Number of bytes by which memory may grow from the second to the last third of the time, in addition to one fifth: in
/// a short run, memory that is kept for reuse stabilizes late.
const SLACK: u64 = 48 << 20;
/// Files replaced by defragmentations that the server keeps open (`bolt/defrag.rs`).
const REPLACED_FILES: usize = 8;
/// The long form prints its curve.
const LONG: u64 = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The state shared by the tasks.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    writes: AtomicU64,
    reads: AtomicU64,
    renewals: AtomicU64,
    events: AtomicU64,
    /// The highest revision in a response so far.
    revision: AtomicI64,
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    fn saw(&self, header: Option<&pb::ResponseHeader>) {
        let revision = header.map_or(0, |h| h.revision);
        self.revision.fetch_max(revision, Ordering::SeqCst);
    }
}

/// Resident bytes and number of open descriptors of a process.
fn usage(pid: u32) -> (u64, usize) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("the server runs");
    (kilobytes.expect("a number") * 1024, descriptors.count())
}

/// A connection that its caller can close.
async fn connection(server: &Server) -> Channel {
    let endpoint = Endpoint::from_shared(server.url()).expect("an address");
    endpoint.connect().await.expect("the server listens")
}

async fn write(channel: Channel, load: Arc<Load>, name: u64, mut random: Random) {
    let mut kv = KvClient::new(channel);
    let put = |random: &mut Random| pb::PutRequest {
        key: format!("soak/{name}/{}", random.within(0..KEYS)).into(),
        value: vec![b'v'; random.within(10..2000) as usize].into(),
        lease: match random.chance(10) {
            true => random.within(1..LEASES as u64) as i64,
            false => 0,
        },
        ..Default::default()
    };
    while load.goes_on() {
        if random.chance(60) {
            let answer = kv.put(put(&mut random)).await.expect("a put");
            load.saw(answer.into_inner().header.as_ref());
        } else if random.chance(70) {
            let mut puts = vec![put(&mut random), put(&mut random)];
            // A transaction may not put the same key twice.
            puts.dedup_by(|a, b| a.key == b.key);
            let ops = puts.into_iter().map(|put| pb::RequestOp {
                request: Some(Request::RequestPut(put)),
            });
            let txn = pb::TxnRequest {
                success: ops.collect(),
                ..Default::default()
            };
            let answer = kv.txn(txn).await.expect("a transaction");
            load.saw(answer.into_inner().header.as_ref());
        } else {
            let delete = pb::DeleteRangeRequest {
                key: put(&mut random).key,
                ..Default::default()
            };
            let answer = kv.delete_range(delete).await.expect("a deletion");
            load.saw(answer.into_inner().header.as_ref());
        }
        load.writes.fetch_add(1, Ordering::Relaxed);
    }
}

async fn read(channel: Channel, load: Arc<Load>, mut random: Random) {
    let mut kv = KvClient::new(channel);
    while load.goes_on() {
        let prefix = format!("soak/{}/", random.within(0..WRITERS));
        let range = pb::RangeRequest {
            range_end: prefix.replace('/', "0").into(),
            key: prefix.into(),
            limit: 100,
            ..Default::default()
        };
        kv.range(range).await.expect("a range");
        load.reads.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Watchers of single keys, and one of all keys, whose events arrive in order and without gaps.
async fn watch(channel: Channel, load: Arc<Load>, stream: u64) {
    let (sender, requests) = mpsc::channel(4);
    let mut client = WatchClient::new(channel);
    let creating = async {
        for id in 0..WATCHERS / STREAMS {
            let watched = stream * (WATCHERS / STREAMS) + id;
            let (key, range_end) = match id {
                0 => (Bytes::from("soak/"), Bytes::from("soak0")),
                _ => {
                    let key = format!("soak/{}/{}", watched % WRITERS, watched % KEYS);
                    (key.into(), Bytes::new())
                }
            };
            let create = pb::WatchCreateRequest {
                key,
                range_end,
                watch_id: 1 + id as i64,
                ..Default::default()
            };
            let create = pb::WatchRequest {
                request_union: Some(RequestUnion::CreateRequest(create)),
            };
            sender.send(create).await.expect("the stream is open");
        }
    };
    let answers = async {
        let answer = client.watch(ReceiverStream::new(requests)).await;
        let mut answers = answer.expect("a watch").into_inner();
        let mut newest = 0;
        while load.goes_on() {
            let next = tokio::time::timeout(Duration::from_millis(200), answers.message());
            let Ok(response) = next.await else { continue };
            let response = response.expect("a watch").expect("the stream goes on");
            assert!(!response.canceled, "{response:?}");
            load.events
                .fetch_add(response.events.len() as u64, Ordering::Relaxed);
            if response.watch_id == 1 {
                for event in &response.events {
                    let revision = event.kv.as_ref().map_or(0, |kv| kv.mod_revision);
                    // Every revision is a change of keys under `soak/`.
                    let follows = newest == 0 || revision == newest || revision == newest + 1;
                    assert!(follows, "{revision} after {newest}");
                    newest = revision;
                }
            }
        }
    };
    tokio::join!(creating, answers);
    drop(sender);
}

/// Grants all leases, and renews them over one stream.
async fn keep_leases(channel: Channel, load: Arc<Load>, ready: tokio::sync::oneshot::Sender<()>) {
    let mut client = LeaseClient::new(channel);
    for id in 1..=LEASES {
        let grant = pb::LeaseGrantRequest { ttl: TTL, id };
        client.lease_grant(grant).await.expect("a grant");
    }
    ready.send(()).expect("somebody waits for the leases");
    let (sender, requests) = mpsc::channel(16);
    let answer = client.lease_keep_alive(ReceiverStream::new(requests)).await;
    let mut answers = answer.expect("a stream of renewals").into_inner();
    'load: while load.goes_on() {
        for id in 1..=LEASES {
            if !load.goes_on() {
                break 'load;
            }
            let request = pb::LeaseKeepAliveRequest { id };
            sender.send(request).await.expect("the stream is open");
            let answer = answers
                .message()
                .await
                .expect("a renewal")
                .expect("a renewal");
            assert_eq!((answer.id, answer.ttl), (id, TTL));
            load.renewals.fetch_add(1, Ordering::Relaxed);
            if id % 50 == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Repeatedly compacts to the latest revision and defragments.
async fn maintain(channel: Channel, load: Arc<Load>, pace: Duration) {
    let mut kv = KvClient::new(channel.clone());
    let mut maintenance = MaintenanceClient::new(channel);
    let mut compacted = 0;
    let mut next = Instant::now() + pace;
    while load.goes_on() {
        if Instant::now() < next {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        next += pace;
        let revision = load.revision.load(Ordering::SeqCst);
        if revision > compacted {
            let compact = pb::CompactionRequest {
                revision,
                physical: true,
            };
            kv.compact(compact).await.expect("a compaction");
            compacted = revision;
        }
        let defragment = maintenance.defragment(pb::DefragmentRequest {});
        defragment.await.expect("a defragmentation");
    }
    assert!(compacted > 0, "nothing was compacted");
}

#[test]
fn mixed_load_leaves_memory_level_and_no_descriptor_behind() {
    let seconds = number("SOAK_SECONDS").unwrap_or(8);
    let is_long = seconds >= LONG;
    let pace = number("SOAK_PACE").unwrap_or(if is_long { 30 } else { 2 });
    let mut random = Random::from_env("SOAK_SEED");
    let mut server = Launch::serve().start();
    let pid = server.pid();
    let (_, at_first) = usage(pid);
    // The replaced files that stay locked, of which there is a bounded number.
    let descriptors = at_first + REPLACED_FILES;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let load = Arc::new(Load::default());
    let curve = runtime.block_on(async {
        let (ready, leases) = tokio::sync::oneshot::channel();
        let channel = connection(&server).await;
        let mut tasks = vec![tokio::spawn(keep_leases(channel, load.clone(), ready))];
        // Puts use leases from the start.
        leases.await.expect("the leases are granted");
        for name in 0..WRITERS {
            let channel = connection(&server).await;
            tasks.push(tokio::spawn(write(
                channel,
                load.clone(),
                name,
                random.split(),
            )));
        }
        for stream in 0..STREAMS {
            let channel = connection(&server).await;
            tasks.push(tokio::spawn(watch(channel, load.clone(), stream)));
        }
        let channel = connection(&server).await;
        tasks.push(tokio::spawn(read(channel, load.clone(), random.split())));
        let channel = connection(&server).await;
        let pace = Duration::from_secs(pace);
        tasks.push(tokio::spawn(maintain(channel, load.clone(), pace)));
        let curve = observe(pid, &load, Duration::from_secs(seconds)).await;
        load.over.store(true, Ordering::SeqCst);
        for task in tasks {
            task.await.expect("every request of the load is answered");
        }
        curve
    });
    drop(runtime);
    check_memory(&curve);
    let writes = load.writes.load(Ordering::Relaxed);
    let events = load.events.load(Ordering::Relaxed);
    assert!(
        writes > 20 * seconds && events > writes,
        "{writes} writes, {events} events"
    );
    // Connections end shortly after their clients.
    let deadline = Instant::now() + Duration::from_secs(30);
    while usage(pid).1 > descriptors && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    let (_, left) = usage(pid);
    assert!(
        left <= descriptors,
        "{left} descriptors are open, at most {descriptors} were expected"
    );
    server.terminate();
    for line in server.log().lines() {
        assert!(!line.contains("\"level\":\"error\""), "{line}");
    }
}

/// Resident bytes, sampled over time.
async fn observe(pid: u32, load: &Load, time: Duration) -> Vec<u64> {
    let samples = 120;
    let began = Instant::now();
    let mut curve = Vec::new();
    for sample in 1..=samples {
        let until = began + time * sample / samples;
        tokio::time::sleep_until(until.into()).await;
        let (bytes, descriptors) = usage(pid);
        curve.push(bytes);
        if time.as_secs() >= LONG {
            println!(
                "{:4} s: {} MiB, {descriptors} descriptors, {} writes, {} reads, {} renewals, {} events, revision {}",
                began.elapsed().as_secs(),
                bytes >> 20,
                load.writes.load(Ordering::Relaxed),
                load.reads.load(Ordering::Relaxed),
                load.renewals.load(Ordering::Relaxed),
                load.events.load(Ordering::Relaxed),
                load.revision.load(Ordering::SeqCst),
            );
        }
    }
    curve
}

/// The maximum memory use in the last third of the time is about that of the second third.
#[track_caller]
fn check_memory(curve: &[u64]) {
    let third = curve.len() / 3;
    let most = |part: &[u64]| part.iter().max().copied().unwrap_or_default();
    let (middle, last) = (most(&curve[third..2 * third]), most(&curve[2 * third..]));
    assert!(
        last <= middle + middle / 5 + SLACK,
        "memory grew from {middle} to {last} bytes: {curve:?}"
    );
}
