//! A recorded history: writers, readers and watchers on `serve`, which is killed and restarted repeatedly. Afterwards
//! the whole history is read from the store, and all responses must be consistent with it:
//!
//! * an acknowledged write is in the history at its revision; one that was in progress is there completely or not at all
//! * an operation that finished before another began has the smaller revision (linearizability: the revisions are the
//!   required order)
//! * a compare-and-swap succeeded if and only if the key was as compared; a read shows the keys at its revision
//! * a watch that was resumed after each kill, from the revision after the last one received, has received exactly that
//!   history: complete, in order, without duplicates, and nothing that the crash undid
//! * a lease that was granted and not revoked exists, with its keys; a revocation deletes them in one revision
//!
//! `CRASH_ROUNDS` (8) and `CRASH_SEED` are taken from the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_maintenance::proto::{etcdserverpb as pb, mvccpb};
use pb::compare::{CompareResult, CompareTarget, TargetUnion};
use pb::kv_client::KvClient;
use pb::lease_client::LeaseClient;
use pb::request_op::Request;
use pb::watch_client::WatchClient;
use pb::watch_request::RequestUnion;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use crate::support::random::Random;
use crate::support::server::{Launch, Server};

const WRITERS: u64 = 4;
const KEYS: u64 = 6;
/// The key on which all writers perform compare-and-swap.
const SHARED: &[u8] = b"shared";
/// Maximum time that a watcher may take to receive the rest of the history after the load has ended.
const CATCH_UP: Duration = Duration::from_secs(60);

/// One change of one key; no value means that it was deleted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    revision: i64,
    key: Bytes,
    value: Option<Bytes>,
}

impl From<&mvccpb::Event> for Change {
    fn from(event: &mvccpb::Event) -> Change {
        let kv = event.kv.clone().unwrap_or_default();
        let put = event.r#type() == mvccpb::event::EventType::Put;
        Change {
            revision: kv.mod_revision,
            key: kv.key,
            value: put.then_some(kv.value),
        }
    }
}

/// A response to a client.
#[derive(Debug)]
struct Told {
    began: Instant,
    ended: Instant,
    what: What,
}

#[derive(Debug)]
enum What {
    /// These changes were made at this revision.
    Wrote(i64, Vec<(Bytes, Option<Bytes>)>),
    /// The shared key was compared with this mod revision, and swapped or not.
    Swapped {
        revision: i64,
        compared: i64,
        succeeded: bool,
    },
    /// These keys of a writer existed at this revision.
    Read(i64, String, BTreeMap<Bytes, (Bytes, i64)>),
    /// A lease was granted, and these keys were attached to it.
    Granted(i64),
    /// A lease and its keys were revoked at this revision.
    Revoked(i64, i64, Vec<Bytes>),
    /// A lease was being revoked when the server was killed: it may exist or not.
    Revoking(i64),
}

/// The state shared by the tasks of a round.
#[derive(Clone)]
struct Round {
    channel: Channel,
    killed: Arc<AtomicBool>,
}

impl Round {
    fn is_over(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// The response, unless the server was killed.
    #[track_caller]
    fn answer<T>(&self, answer: Result<tonic::Response<T>, tonic::Status>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer.into_inner()),
            Err(_) if self.is_over() => None,
            Err(status) => panic!("refused by a running server: {status}"),
        }
    }
}

fn revision(header: Option<pb::ResponseHeader>) -> i64 {
    header.map_or(0, |h| h.revision)
}

fn put(key: &Bytes, value: &Bytes, lease: i64) -> pb::PutRequest {
    pb::PutRequest {
        key: key.clone(),
        value: value.clone(),
        lease,
        ..Default::default()
    }
}

fn op(request: Request) -> pb::RequestOp {
    pb::RequestOp {
        request: Some(request),
    }
}

/// Writes its own keys and the shared one until the server is killed.
async fn write(round: Round, name: u64, mut random: Random) -> Vec<Told> {
    let mut kv = KvClient::new(round.channel.clone());
    let mut leases = LeaseClient::new(round.channel.clone());
    let mut told = Vec::new();
    // The last grant for which it is unknown whether it was revoked.
    let mut held: Option<(i64, Vec<Bytes>)> = None;
    let mut last_seen = 0;
    while !round.is_over() {
        let began = Instant::now();
        let key = |n: u64| Bytes::from(format!("w{name}/{n}"));
        let value = Bytes::from(format!("{}", random.next()));
        let what = match random.within(0..10) {
            0..=3 => {
                let key = key(random.within(0..KEYS));
                let Some(answer) = round.answer(kv.put(put(&key, &value, 0)).await) else {
                    break;
                };
                What::Wrote(revision(answer.header), vec![(key, Some(value))])
            }
            4 => {
                let key = key(random.within(0..KEYS));
                let request = pb::DeleteRangeRequest {
                    key: key.clone(),
                    ..Default::default()
                };
                let Some(answer) = round.answer(kv.delete_range(request).await) else {
                    break;
                };
                let changes = match answer.deleted {
                    0 => Vec::new(),
                    _ => vec![(key, None)],
                };
                What::Wrote(revision(answer.header), changes)
            }
            5 => {
                let keys = [key(0), key(1), key(2)];
                let puts = keys
                    .iter()
                    .map(|k| op(Request::RequestPut(put(k, &value, 0))));
                let request = pb::TxnRequest {
                    success: puts.collect(),
                    ..Default::default()
                };
                let Some(answer) = round.answer(kv.txn(request).await) else {
                    break;
                };
                let changes = keys.into_iter().map(|k| (k, Some(value.clone())));
                What::Wrote(revision(answer.header), changes.collect())
            }
            6..=7 => {
                let shared = Bytes::from_static(SHARED);
                let request = pb::TxnRequest {
                    compare: vec![pb::Compare {
                        result: CompareResult::Equal.into(),
                        target: CompareTarget::Mod.into(),
                        key: shared.clone(),
                        target_union: Some(TargetUnion::ModRevision(last_seen)),
                        ..Default::default()
                    }],
                    success: vec![op(Request::RequestPut(put(&shared, &value, 0)))],
                    failure: vec![op(Request::RequestRange(pb::RangeRequest {
                        key: shared.clone(),
                        ..Default::default()
                    }))],
                };
                let Some(answer) = round.answer(kv.txn(request).await) else {
                    break;
                };
                let at = revision(answer.header);
                let what = What::Swapped {
                    revision: at,
                    compared: last_seen,
                    succeeded: answer.succeeded,
                };
                last_seen = match answer.responses.first().and_then(|r| r.response.as_ref()) {
                    Some(pb::response_op::Response::ResponseRange(r)) => {
                        r.kvs.first().map_or(0, |kv| kv.mod_revision)
                    }
                    _ => at,
                };
                what
            }
            8 => match held.take() {
                None => {
                    let request = pb::LeaseGrantRequest { ttl: 600, id: 0 };
                    let Some(lease) = round.answer(leases.lease_grant(request).await) else {
                        break;
                    };
                    held = Some((lease.id, Vec::new()));
                    What::Granted(lease.id)
                }
                Some((id, keys)) if keys.len() < 2 => {
                    let key = Bytes::from(format!("w{name}/leased-{}", keys.len()));
                    held = Some((id, [keys, vec![key.clone()]].concat()));
                    let Some(answer) = round.answer(kv.put(put(&key, &value, id)).await) else {
                        break;
                    };
                    What::Wrote(revision(answer.header), vec![(key, Some(value))])
                }
                Some((id, keys)) => {
                    let request = pb::LeaseRevokeRequest { id };
                    let Some(answer) = round.answer(leases.lease_revoke(request).await) else {
                        let what = What::Revoking(id);
                        let ended = Instant::now();
                        told.push(Told { began, ended, what });
                        break;
                    };
                    What::Revoked(id, revision(answer.header), keys)
                }
            },
            _ => {
                let prefix = format!("w{}/", random.within(0..WRITERS));
                let request = pb::RangeRequest {
                    key: prefix.clone().into(),
                    range_end: prefix.replace('/', "0").into(),
                    ..Default::default()
                };
                let Some(answer) = round.answer(kv.range(request).await) else {
                    break;
                };
                let at = revision(answer.header);
                let kvs = answer.kvs.into_iter();
                let kvs = kvs.map(|kv| (kv.key, (kv.value, kv.mod_revision)));
                What::Read(at, prefix, kvs.collect())
            }
        };
        told.push(Told {
            began,
            ended: Instant::now(),
            what,
        });
    }
    told
}

/// A watcher that is resumed on every server, and the events that it has received so far.
struct Recorder {
    /// The range of watched keys; without an end, all keys.
    prefix: &'static str,
    prev_kv: bool,
    fragment: bool,
    /// The first revision that it has not received.
    next: i64,
    changes: Vec<Change>,
}

impl Recorder {
    fn wants(&self, change: &Change) -> bool {
        change.key.starts_with(self.prefix.as_bytes())
    }

    /// Records events until the server is killed, or everything up to `until` has arrived.
    async fn record(mut self, round: Round, until: Option<Change>) -> Recorder {
        let (sender, requests) = mpsc::channel(1);
        let (key, range_end) = match self.prefix {
            "" => (Bytes::from_static(b"\0"), Bytes::from_static(b"\0")),
            prefix => (prefix.into(), prefix.replace('/', "0").into()),
        };
        let create = pb::WatchCreateRequest {
            key,
            range_end,
            start_revision: self.next,
            prev_kv: self.prev_kv,
            fragment: self.fragment,
            ..Default::default()
        };
        let create = pb::WatchRequest {
            request_union: Some(RequestUnion::CreateRequest(create)),
        };
        sender.send(create).await.expect("the channel has space");
        let mut client = WatchClient::new(round.channel.clone());
        let Some(mut stream) = round.answer(client.watch(ReceiverStream::new(requests)).await)
        else {
            return self;
        };
        // A response in fragments does not count before the last one has arrived.
        let mut unfinished = Vec::new();
        while until.is_none() || self.changes.last() != until.as_ref() {
            let response = match stream.message().await {
                Ok(Some(response)) => response,
                Ok(None) | Err(_) if round.is_over() => return self,
                other => panic!("a watch on a running server ended: {other:?}"),
            };
            assert!(!response.canceled, "{response:?}");
            unfinished.extend(response.events.iter().map(Change::from));
            if !response.fragment && !unfinished.is_empty() {
                self.changes.append(&mut unfinished);
                self.next = self.changes.last().map_or(1, |last| last.revision + 1);
            }
        }
        self
    }
}

/// The whole history of the store, as received by a watch from its beginning.
async fn history(server: &Server) -> Vec<Change> {
    let channel = server.channel().await;
    let mut kv = KvClient::new(channel.clone());
    // A last write, to mark the end.
    let end = put(&"end".into(), &"end".into(), 0);
    let end = kv.put(end).await.expect("a server that is ready writes");
    let end = revision(end.into_inner().header);
    let round = Round {
        channel,
        killed: Arc::default(),
    };
    let reader = Recorder {
        prefix: "",
        prev_kv: false,
        fragment: false,
        next: 1,
        changes: Vec::new(),
    };
    let last = Change {
        revision: end,
        key: "end".into(),
        value: Some("end".into()),
    };
    let read = tokio::time::timeout(CATCH_UP, reader.record(round, Some(last)));
    read.await.expect("history can be read to its end").changes
}

/// The keys that begin with `prefix` as they were at a revision.
fn state_at(history: &[Change], at: i64, prefix: &str) -> BTreeMap<Bytes, (Bytes, i64)> {
    let mut state = BTreeMap::new();
    for change in history.iter().take_while(|c| c.revision <= at) {
        if change.key.starts_with(prefix.as_bytes()) {
            match &change.value {
                Some(value) => state.insert(change.key.clone(), (value.clone(), change.revision)),
                None => state.remove(&change.key),
            };
        }
    }
    state
}

/// Compares the responses to clients with the history of the store.
fn check(history: &[Change], told: &[Told]) {
    let at = |revision: i64| -> BTreeSet<(Bytes, Option<Bytes>)> {
        let from = history.partition_point(|c| c.revision < revision);
        let there = history[from..]
            .iter()
            .take_while(|c| c.revision == revision);
        there.map(|c| (c.key.clone(), c.value.clone())).collect()
    };
    let shared = std::str::from_utf8(SHARED).expect("a word");
    for Told { what, .. } in told {
        match what {
            What::Wrote(_, changes) if changes.is_empty() => {}
            What::Wrote(revision, changes) => {
                let changes: BTreeSet<_> = changes.iter().cloned().collect();
                assert_eq!(at(*revision), changes, "at {revision}");
            }
            What::Swapped {
                revision,
                compared,
                succeeded,
            } => {
                let before = revision - i64::from(*succeeded);
                let state = state_at(history, before, shared);
                let stood = state.get(SHARED).map_or(0, |(_, revision)| *revision);
                assert_eq!(
                    stood == *compared,
                    *succeeded,
                    "{what:?}: it stood at {stood}"
                );
            }
            What::Read(revision, prefix, kvs) => {
                assert_eq!(*kvs, state_at(history, *revision, prefix), "at {revision}");
            }
            What::Revoked(_, revision, keys) => {
                let gone: BTreeSet<_> = keys.iter().map(|key| (key.clone(), None)).collect();
                assert_eq!(at(*revision), gone, "revoked at {revision}");
            }
            What::Granted(_) | What::Revoking(_) => {}
        }
    }
    check_order(told);
}

/// An operation that ended before another began has a smaller revision, or the same if the other only read.
fn check_order(told: &[Told]) {
    let position = |what: &What| match what {
        What::Wrote(revision, changes) => Some((*revision, !changes.is_empty())),
        What::Swapped {
            revision,
            succeeded,
            ..
        } => Some((*revision, *succeeded)),
        What::Read(revision, ..) => Some((*revision, false)),
        What::Revoked(_, revision, keys) => Some((*revision, !keys.is_empty())),
        What::Granted(_) | What::Revoking(_) => None,
    };
    let mut by_end: Vec<&Told> = told.iter().collect();
    by_end.sort_by_key(|t| t.ended);
    let mut by_begin: Vec<&Told> = told.iter().collect();
    by_begin.sort_by_key(|t| t.began);
    let mut ended = by_end.into_iter().peekable();
    let mut newest = 0;
    for told in by_begin {
        while let Some(before) = ended.next_if(|before| before.ended < told.began) {
            newest = newest.max(position(&before.what).map_or(0, |(revision, _)| revision));
        }
        if let Some((revision, wrote)) = position(&told.what) {
            let fits = revision > newest || revision == newest && !wrote;
            assert!(fits, "revision {newest} was told before {told:?} began");
        }
    }
}

#[test]
fn a_history_with_watches_and_leases_fits_together_across_kill_9() {
    let rounds = std::env::var("CRASH_ROUNDS").ok();
    let rounds: u64 = rounds.and_then(|n| n.parse().ok()).unwrap_or(8);
    let mut random = Random::from_env("CRASH_SEED");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let mut server = Launch::serve().start();
    let recorder = |prefix, prev_kv, fragment| Recorder {
        prefix,
        prev_kv,
        fragment,
        next: 1,
        changes: Vec::new(),
    };
    let mut recorders = vec![
        recorder("", false, false),
        recorder("w0/", true, false),
        recorder("w1/", false, true),
    ];
    let mut told = Vec::new();
    for number in 0..rounds {
        runtime.block_on(async {
            let round = Round {
                channel: server.channel().await,
                killed: Arc::default(),
            };
            let watches: Vec<_> = std::mem::take(&mut recorders)
                .into_iter()
                .map(|recorder| tokio::spawn(recorder.record(round.clone(), None)))
                .collect();
            let writers: Vec<_> = (0..WRITERS)
                .map(|name| tokio::spawn(write(round.clone(), name, random.split())))
                .collect();
            tokio::time::sleep(Duration::from_millis(random.within(50..400))).await;
            round.killed.store(true, Ordering::SeqCst);
            // A clean end now and then, because servers also end that way.
            match number % 4 {
                3 => drop(server.terminate()),
                _ => server.kill(),
            }
            for writer in writers {
                told.extend(writer.await.expect("a writer does not panic"));
            }
            for watch in watches {
                recorders.push(watch.await.expect("a recorder does not panic"));
            }
        });
        server = server.restart();
    }
    runtime.block_on(async {
        let history = history(&server).await;
        check(&history, &told);
        let channel = server.channel().await;
        for recorder in recorders {
            let wanted: Vec<Change> = history
                .iter()
                .filter(|c| recorder.wants(c))
                .cloned()
                .collect();
            let round = Round {
                channel: channel.clone(),
                killed: Arc::default(),
            };
            let prefix = recorder.prefix;
            let rest = recorder.record(round, wanted.last().cloned());
            let recorder = tokio::time::timeout(CATCH_UP, rest).await;
            let recorder = recorder.unwrap_or_else(|_| panic!("{prefix:?} missed an event"));
            assert_eq!(recorder.changes, wanted, "{prefix:?}");
        }
        check_leases(channel, &told, &history).await;
        let writes = told.iter().filter(|t| matches!(t.what, What::Wrote(..)));
        println!(
            "{rounds} rounds, {} answers, {} changes, {} acknowledged writes",
            told.len(),
            history.len(),
            writes.clone().count()
        );
        assert!(
            writes.count() as u64 > 5 * rounds,
            "hardly anything was written"
        );
    });
}

/// Every lease that was granted and not revoked exists. Only a revocation in progress may have happened or not.
async fn check_leases(channel: Channel, told: &[Told], history: &[Change]) {
    let mut leases = LeaseClient::new(channel);
    let listed = leases.lease_leases(pb::LeaseLeasesRequest {}).await;
    let listed = listed.expect("leases are listed").into_inner().leases;
    let listed: BTreeSet<i64> = listed.iter().map(|lease| lease.id).collect();
    let ids = |of: fn(&What) -> Option<i64>| -> BTreeSet<i64> {
        told.iter().filter_map(|told| of(&told.what)).collect()
    };
    let granted = ids(|what| match what {
        What::Granted(id) => Some(*id),
        _ => None,
    });
    let revoked = ids(|what| match what {
        What::Revoked(id, ..) => Some(*id),
        _ => None,
    });
    let revoking = ids(|what| match what {
        What::Revoking(id) => Some(*id),
        _ => None,
    });
    assert!(!granted.is_empty(), "no lease was granted");
    assert!(listed.is_disjoint(&revoked), "revoked leases are there");
    let lost: Vec<&i64> = granted
        .iter()
        .filter(|id| !listed.contains(id) && !revoked.contains(id) && !revoking.contains(id))
        .collect();
    assert!(lost.is_empty(), "granted leases are gone: {lost:?}");
    for id in listed {
        let request = pb::LeaseTimeToLiveRequest { id, keys: true };
        let lease = leases.lease_time_to_live(request).await;
        let lease = lease.expect("a listed lease is known").into_inner();
        let state = state_at(history, i64::MAX, "");
        let lost = lease.keys.iter().find(|key| !state.contains_key(*key));
        assert!(lease.ttl > 0 && lost.is_none(), "{lease:?} names {lost:?}");
    }
}
