//! `serve` is killed at random moments under load, during compactions and defragmentations. The next start needs no
//! intervention: every acknowledged write is there, at its revision; a write in progress is there completely or not at
//! all; no revision that was ever visible is lost; and the file is intact.
//!
//! `CRASH_ROUNDS` (20) and `CRASH_SEED` are read from the environment.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etcd_maintenance::bolt::FileReader;
use etcd_maintenance::proto::etcdserverpb as pb;
use pb::kv_client::KvClient;
use pb::maintenance_client::MaintenanceClient;
use pb::request_op::Request;
use tonic::transport::Channel;

use crate::support::etcd;
use crate::support::program::{Program, scratch};
use crate::support::random::Random;
use crate::support::server::{Launch, Server};

const WRITERS: usize = 6;
const KEYS: u64 = 20;

/// The value that one write set for a key; `None` is a deletion.
type Change = (Bytes, Option<Bytes>);

/// The expectations of one writer. Its keys are not used by others, and it sends one request at a time, so the state
/// after a crash is either what was acknowledged or that plus the one request in progress.
#[derive(Default)]
struct Writer {
    name: usize,
    /// The value of each key and the revision that set it.
    acknowledged: BTreeMap<Bytes, (Bytes, i64)>,
    under_way: Option<Vec<Change>>,
    /// Acknowledged changes with their revisions, newest last.
    history: Vec<(i64, Vec<Change>)>,
    written: u64,
}

/// What the tasks of a round share.
struct Round {
    killed: AtomicBool,
    /// The highest revision in any response.
    seen: AtomicI64,
    /// The highest revision whose compaction was requested; it may have happened.
    compaction_asked: AtomicI64,
    /// The highest revision whose compaction was acknowledged; it has happened.
    compacted: AtomicI64,
}

impl Round {
    /// Passes on a response. An error is expected only if the server was killed.
    #[track_caller]
    fn answer<T>(
        &self,
        what: &str,
        result: Result<tonic::Response<T>, tonic::Status>,
    ) -> Option<T> {
        match result {
            Ok(response) => Some(response.into_inner()),
            Err(_) if self.killed.load(Ordering::SeqCst) => None,
            Err(status) => panic!("{what} failed on a running server: {status}"),
        }
    }

    fn saw(&self, header: Option<&pb::ResponseHeader>) -> i64 {
        let revision = header.map_or(0, |h| h.revision);
        self.seen.fetch_max(revision, Ordering::SeqCst);
        revision
    }
}

fn rounds() -> u64 {
    std::env::var("CRASH_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20)
}

#[test]
fn every_acknowledged_write_survives_kill_9() {
    let mut random = Random::from_env("CRASH_SEED");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let dir = scratch();
    let launch = Launch::serve().data_dir(dir.path().join("data"));
    let bbolt = etcd::find("bbolt");
    let mut writers: Vec<Writer> = (0..WRITERS)
        .map(|name| Writer {
            name,
            ..Writer::default()
        })
        .collect();
    let (mut seen, mut compaction_asked, mut compacted) = (0, 0, 0);
    for round in 0..rounds() {
        let mut server = launch.start();
        runtime.block_on(verify(
            &mut writers,
            &server,
            seen,
            compaction_asked,
            compacted,
            &mut random,
        ));
        let shared = Arc::new(Round {
            killed: AtomicBool::new(false),
            seen: AtomicI64::new(seen),
            compaction_asked: AtomicI64::new(compaction_asked),
            compacted: AtomicI64::new(compacted),
        });
        writers = runtime.block_on(load(writers, &mut server, &shared, &mut random));
        seen = shared.seen.load(Ordering::SeqCst);
        compaction_asked = shared.compaction_asked.load(Ordering::SeqCst);
        compacted = shared.compacted.load(Ordering::SeqCst);
        check(&server.db_file(), bbolt.as_deref(), round);
        drop(server);
        if random.chance(10) {
            // A second crash, at some moment during the start.
            let killed = launch.start_and_kill(Duration::from_micros(random.within(0..40_000)));
            check(&killed, bbolt.as_deref(), round);
        }
    }
    let server = launch.start();
    runtime.block_on(verify(
        &mut writers,
        &server,
        seen,
        compaction_asked,
        compacted,
        &mut random,
    ));
    let written: u64 = writers.iter().map(|w| w.written).sum();
    println!(
        "{} rounds, {written} acknowledged writes, revision {seen}, compacted at {compacted}",
        rounds()
    );
    // A load that never wrote or never compacted would prove nothing.
    assert!(written > 10 * rounds(), "only {written} writes");
    assert!(compacted > 0, "no compaction was answered");
}

/// Runs the load until the server is killed at a random moment. Returns the writers with their expectations.
async fn load(
    writers: Vec<Writer>,
    server: &mut Server,
    shared: &Arc<Round>,
    random: &mut Random,
) -> Vec<Writer> {
    let channel = server.channel().await;
    let mut tasks = Vec::new();
    for writer in writers {
        tasks.push(tokio::spawn(write(
            writer,
            channel.clone(),
            Arc::clone(shared),
            random.split(),
        )));
    }
    let others = [
        tokio::spawn(read(channel.clone(), Arc::clone(shared), random.split())),
        tokio::spawn(compact(channel.clone(), Arc::clone(shared), random.split())),
        tokio::spawn(defragment(channel, Arc::clone(shared), random.split())),
    ];
    tokio::time::sleep(Duration::from_millis(random.within(5..300))).await;
    shared.killed.store(true, Ordering::SeqCst);
    server.kill();
    let mut back = Vec::new();
    for task in tasks {
        back.push(task.await.expect("a writer does not panic"));
    }
    for task in others {
        task.await.expect("a task of the load does not panic");
    }
    back
}

async fn write(
    mut writer: Writer,
    channel: Channel,
    shared: Arc<Round>,
    mut random: Random,
) -> Writer {
    let mut kv = KvClient::new(channel);
    while !shared.killed.load(Ordering::SeqCst) {
        let changes = writer.next_changes(&mut random);
        writer.under_way = Some(changes.clone());
        let revision = if let [(key, change)] = changes.as_slice() {
            match change {
                Some(value) => {
                    let request = pb::PutRequest {
                        key: key.clone(),
                        value: value.clone(),
                        ..Default::default()
                    };
                    shared
                        .answer("put", kv.put(request).await)
                        .map(|r| shared.saw(r.header.as_ref()))
                }
                None => {
                    let request = pb::DeleteRangeRequest {
                        key: key.clone(),
                        ..Default::default()
                    };
                    shared
                        .answer("delete", kv.delete_range(request).await)
                        .map(|r| shared.saw(r.header.as_ref()))
                }
            }
        } else {
            let request = pb::TxnRequest {
                success: changes.iter().map(operation).collect(),
                ..Default::default()
            };
            shared
                .answer("txn", kv.txn(request).await)
                .map(|r| shared.saw(r.header.as_ref()))
        };
        let Some(revision) = revision else { break };
        writer.acknowledge(revision);
    }
    writer
}

fn operation((key, change): &Change) -> pb::RequestOp {
    let request = match change {
        Some(value) => Request::RequestPut(pb::PutRequest {
            key: key.clone(),
            value: value.clone(),
            ..Default::default()
        }),
        None => Request::RequestDeleteRange(pb::DeleteRangeRequest {
            key: key.clone(),
            ..Default::default()
        }),
    };
    pb::RequestOp {
        request: Some(request),
    }
}

/// Only durable writes may be visible, so everything that a read returns must still be there after the crash.
async fn read(channel: Channel, shared: Arc<Round>, mut random: Random) {
    let mut kv = KvClient::new(channel);
    while !shared.killed.load(Ordering::SeqCst) {
        let request = pb::RangeRequest {
            key: format!("w{}/", random.within(0..WRITERS as u64)).into(),
            range_end: b"x".as_slice().into(),
            serializable: random.chance(50),
            ..Default::default()
        };
        let Some(answer) = shared.answer("range", kv.range(request).await) else {
            return;
        };
        shared.saw(answer.header.as_ref());
        pause(&mut random, 1..8).await;
    }
}

async fn compact(channel: Channel, shared: Arc<Round>, mut random: Random) {
    let mut kv = KvClient::new(channel);
    loop {
        pause(&mut random, 5..80).await;
        let behind = random.within(1..200).cast_signed();
        let revision = shared.seen.load(Ordering::SeqCst) - behind;
        if shared.killed.load(Ordering::SeqCst) {
            return;
        }
        if revision <= shared.compaction_asked.load(Ordering::SeqCst) {
            continue;
        }
        shared.compaction_asked.store(revision, Ordering::SeqCst);
        let request = pb::CompactionRequest {
            revision,
            physical: random.chance(30),
        };
        if shared
            .answer("compaction", kv.compact(request).await)
            .is_none()
        {
            return;
        }
        shared.compacted.store(revision, Ordering::SeqCst);
    }
}

async fn defragment(channel: Channel, shared: Arc<Round>, mut random: Random) {
    let mut maintenance = MaintenanceClient::new(channel);
    loop {
        pause(&mut random, 10..150).await;
        if shared.killed.load(Ordering::SeqCst) {
            return;
        }
        let answer = maintenance.defragment(pb::DefragmentRequest {}).await;
        if shared.answer("defragmentation", answer).is_none() {
            return;
        }
    }
}

async fn pause(random: &mut Random, milliseconds: std::ops::Range<u64>) {
    tokio::time::sleep(Duration::from_millis(random.within(milliseconds))).await;
}

impl Writer {
    fn key(&self, random: &mut Random) -> Bytes {
        format!("w{}/{:02}", self.name, random.within(0..KEYS)).into()
    }

    fn value(&self, random: &mut Random) -> Bytes {
        let mut value = format!("{} {} ", self.written, random.next()).into_bytes();
        let length = if random.chance(3) {
            random.within(8_000..40_000)
        } else {
            random.within(0..1_500)
        };
        value.resize(value.len() + length as usize, b'.');
        value.into()
    }

    fn next_changes(&self, random: &mut Random) -> Vec<Change> {
        let key = self.key(random);
        if random.chance(15) {
            return vec![(key, None)];
        }
        let mut changes = vec![(key, Some(self.value(random)))];
        if random.chance(20) {
            for _ in 0..random.within(1..5) {
                let other = self.key(random);
                // A transaction must not change a key twice.
                if changes.iter().all(|(key, _)| *key != other) {
                    let value = (!random.chance(20)).then(|| self.value(random));
                    changes.push((other, value));
                }
            }
        }
        changes
    }

    fn acknowledge(&mut self, revision: i64) {
        let Some(changes) = self.under_way.take() else {
            return;
        };
        self.apply(&changes, revision);
        self.history.push((revision, changes));
        self.written += 1;
    }

    fn apply(&mut self, changes: &[Change], revision: i64) {
        for (key, value) in changes {
            match value {
                Some(value) => self
                    .acknowledged
                    .insert(key.clone(), (value.clone(), revision)),
                None => self.acknowledged.remove(key),
            };
        }
    }
}

/// Compares the content of a restarted server with the writers' expectations.
async fn verify(
    writers: &mut [Writer],
    server: &Server,
    seen: i64,
    compaction_asked: i64,
    compacted: i64,
    random: &mut Random,
) {
    let mut kv = KvClient::new(server.channel().await);
    for writer in writers {
        let stored = range(&mut kv, writer.name).await;
        let revision = stored.header.as_ref().map_or(0, |h| h.revision);
        assert!(
            revision >= seen,
            "revision {seen} was seen, the server is at {revision}"
        );
        let found: BTreeMap<Bytes, (Bytes, i64)> = stored
            .kvs
            .into_iter()
            .map(|kv| (kv.key, (kv.value, kv.mod_revision)))
            .collect();
        if let Some(changes) = writer.under_way.take()
            && found != writer.acknowledged
        {
            // If the acknowledged state is not there unchanged, the request in progress must explain the difference
            // completely.
            let revision = changes
                .iter()
                .find_map(|(key, value)| value.as_ref().and_then(|_| found.get(key)))
                .map_or(0, |(_, revision)| *revision);
            writer.apply(&changes, revision);
        }
        if found != writer.acknowledged {
            for (key, (value, revision)) in &writer.acknowledged {
                let stored = found.get(key).map(|(v, r)| (start_of(v), *r));
                let expected = (start_of(value), *revision);
                if stored != Some(expected.clone()) {
                    eprintln!("{key:?}: expected {expected:?}, found {stored:?}");
                }
            }
            for key in found.keys() {
                if !writer.acknowledged.contains_key(key) {
                    eprintln!("{key:?}: was deleted, and is there");
                }
            }
            panic!("acknowledged writes of writer {} are gone", writer.name);
        }
        // Check some of the revisions that must still be readable.
        writer
            .history
            .retain(|(revision, _)| *revision >= compaction_asked);
        for _ in 0..writer.history.len().min(8) {
            let at = random.within(0..writer.history.len() as u64) as usize;
            let (revision, changes) = &writer.history[at];
            for (key, value) in changes {
                let request = pb::RangeRequest {
                    key: key.clone(),
                    revision: *revision,
                    ..Default::default()
                };
                let answer = kv
                    .range(request)
                    .await
                    .unwrap_or_else(|e| panic!("{key:?} at {revision}: {e}"))
                    .into_inner();
                let got = answer.kvs.first().map(|kv| &kv.value);
                assert_eq!(got, value.as_ref(), "{key:?} at {revision}");
            }
        }
    }
    if compacted > 1 {
        let request = pb::RangeRequest {
            key: b"w0/00".as_slice().into(),
            revision: compacted - 1,
            ..Default::default()
        };
        let refused = kv
            .range(request)
            .await
            .expect_err("a compaction that was answered has happened");
        assert_eq!(
            refused.message(),
            "etcdserver: mvcc: required revision has been compacted"
        );
    }
}

fn start_of(value: &Bytes) -> String {
    String::from_utf8_lossy(&value[..value.len().min(40)]).into_owned()
}

async fn range(kv: &mut KvClient<Channel>, writer: usize) -> pb::RangeResponse {
    kv.range(pb::RangeRequest {
        key: format!("w{writer}/").into(),
        range_end: format!("w{writer}0").into(),
        ..Default::default()
    })
    .await
    .expect("a server that is ready can be read")
    .into_inner()
}

/// Checks the file left behind by a killed server with our check and with etcd's own tool.
fn check(file: &Path, bbolt: Option<&Path>, round: u64) {
    if !file.exists() {
        return;
    }
    let checked = FileReader::open(file)
        .and_then(|reader| reader.check())
        .unwrap_or_else(|e| panic!("round {round}: {e}"));
    assert!(
        checked.findings.is_empty(),
        "round {round}: {:?}",
        checked.findings
    );
    if let Some(bbolt) = bbolt {
        let checked = Program::new(bbolt).arg("check").arg(file).run();
        assert!(
            checked.code() == 0 && checked.out().contains("OK"),
            "round {round}: {checked}"
        );
    }
}
