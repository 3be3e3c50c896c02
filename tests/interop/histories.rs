//! Sends the same random requests to `serve` and to a real etcd: all responses and errors must be identical, field by
//! field, including after restarts of both.
//!
//! Repeat a failed run with `ETCD_HISTORY_SEED=N`; `ETCD_HISTORY_STEPS` makes it longer. Avoids what etcd leaves
//! undefined (the order of equal elements in sorted ranges of more than 12 keys) or gets wrong (it exits on an unknown
//! alarm action, and stores the hash of a compaction at 0 as that of the current revision).

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use etcd_maintenance::proto::etcdserverpb::{
    self as pb, compare::TargetUnion, kv_client::KvClient, maintenance_client::MaintenanceClient,
    request_op::Request,
};
use rustix::process::Signal;
use tonic::{Status, transport::Channel};

use crate::support::etcd::{self, Release};
use crate::support::random::Random;
use crate::support::server::{Launch, Server};

const KEYS: [&[u8]; 12] = [
    b"a", b"aa", b"ab", b"a\0", b"a\0\0", b"b", b"ba", b"c", b"\0", b"\xff", b"\xff\0", b"k",
];
const VALUES: [&[u8]; 5] = [b"", b"1", b"10", b"2", b"\xff"];
const STEPS: u64 = 600;
/// Maximum nesting of transactions.
const NESTED: u32 = 3;

/// A request.
#[derive(Clone, Debug)]
enum Ask {
    Range(pb::RangeRequest),
    RangeStream(pb::RangeRequest),
    Put(pb::PutRequest),
    Delete(pb::DeleteRangeRequest),
    Txn(pb::TxnRequest),
    Compact(pb::CompactionRequest),
    HashKv(i64),
    Defragment,
    Downgrade(pb::DowngradeRequest),
    MoveLeader(u64),
}

/// Generates requests that make sense at the revisions reached so far.
struct Asker {
    random: Random,
    revision: i64,
    compacted: i64,
}

impl Asker {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.within(0..from.len() as u64) as usize]
    }

    fn key(&mut self) -> Bytes {
        match self.random.chance(2) {
            true => Bytes::new(),
            false => Bytes::from_static(self.pick(&KEYS)),
        }
    }

    fn end(&mut self) -> Bytes {
        match self.random.within(0..10) {
            0..=3 => Bytes::new(),
            4..=5 => Bytes::from_static(b"\0"),
            _ => Bytes::from_static(self.pick(&KEYS)),
        }
    }

    /// A revision that is old or current, compacted, in the future, or negative.
    fn any_revision(&mut self) -> i64 {
        let (old, new) = (self.compacted.max(1), self.revision);
        match self.random.within(0..20) {
            0..=8 => 0,
            9..=14 => old + self.random.within(0..(new - old).max(0) as u64 + 1) as i64,
            15 => old - 1,
            16 => new + 1,
            17 => -5,
            18 => self.pick(&[i64::MAX, i64::MIN]),
            _ => new,
        }
    }

    /// A number of an enumeration with `known` values, and sometimes another number.
    fn number(&mut self, known: u64) -> i32 {
        match self.random.chance(2) {
            true => self.pick(&[77, -1, i32::MIN]),
            false => self.random.within(0..known) as i32,
        }
    }

    fn range(&mut self) -> pb::RangeRequest {
        let mut r = pb::RangeRequest {
            key: self.key(),
            range_end: self.end(),
            revision: self.any_revision(),
            limit: self.pick(&[0, 0, 0, 1, 2, 5, -1, i64::MAX]),
            serializable: self.random.chance(30),
            keys_only: self.random.chance(15),
            count_only: self.random.chance(10),
            ..Default::default()
        };
        if self.random.chance(40) {
            r.sort_order = self.number(3);
            r.sort_target = self.number(5);
        }
        if self.random.chance(20) {
            let top = self.revision as u64 + 2;
            r.min_mod_revision = self.random.within(0..top) as i64;
            r.max_create_revision = self.random.within(0..top) as i64;
        }
        r
    }

    fn put(&mut self) -> pb::PutRequest {
        let mut r = pb::PutRequest {
            key: self.key(),
            value: Bytes::from_static(self.pick(&VALUES)),
            prev_kv: self.random.chance(30),
            ..Default::default()
        };
        match self.random.within(0..30) {
            0 => r.lease = 7,
            1 => r.ignore_lease = true,
            2 => {
                r.ignore_value = true;
                r.value.clear();
            }
            3 => r.ignore_value = true,
            _ => {}
        }
        r
    }

    fn delete(&mut self) -> pb::DeleteRangeRequest {
        pb::DeleteRangeRequest {
            key: self.key(),
            range_end: match self.random.chance(40) {
                true => self.end(),
                false => Bytes::new(),
            },
            prev_kv: self.random.chance(30),
        }
    }

    fn compare(&mut self) -> pb::Compare {
        let number = self.pick(&[0, 0, 1, 2, self.revision, self.revision - 1]);
        let union = match self.random.within(0..6) {
            0 => TargetUnion::Version(number),
            1 => TargetUnion::CreateRevision(number),
            2 => TargetUnion::ModRevision(number),
            3 => TargetUnion::Value(Bytes::from_static(self.pick(&VALUES))),
            4 => TargetUnion::Lease(number),
            _ => return self.compare_of(None),
        };
        self.compare_of(Some(union))
    }

    fn compare_of(&mut self, union: Option<TargetUnion>) -> pb::Compare {
        let fitting = match &union {
            Some(TargetUnion::CreateRevision(_)) => 1,
            Some(TargetUnion::ModRevision(_)) => 2,
            Some(TargetUnion::Value(_)) => 3,
            Some(TargetUnion::Lease(_)) => 4,
            _ => 0,
        };
        pb::Compare {
            key: self.key(),
            range_end: match self.random.chance(25) {
                true => self.end(),
                false => Bytes::new(),
            },
            result: self.number(4),
            target: match self.random.chance(10) {
                true => self.number(5),
                false => fitting,
            },
            target_union: union,
        }
    }

    fn txn(&mut self, depth: u32) -> pb::TxnRequest {
        let ops = |of: &mut Asker| {
            let n = of.random.within(0..4);
            (0..n).map(|_| of.op(depth)).collect()
        };
        pb::TxnRequest {
            compare: (0..self.random.within(0..3))
                .map(|_| self.compare())
                .collect(),
            success: ops(self),
            failure: ops(self),
        }
    }

    /// No `ignore_` options here: etcd exits if an earlier operation of the same transaction deletes the key that they
    /// refer to. And no deletion in a nested transaction: etcd permits some in which the key is put again in the same
    /// revision, and a compaction at that revision then loses the key.
    fn op(&mut self, depth: u32) -> pb::RequestOp {
        let request = match self.random.within(0..20) {
            0..=5 => Request::RequestRange(self.range()),
            6..=11 => Request::RequestPut(pb::PutRequest {
                ignore_value: false,
                ignore_lease: false,
                ..self.put()
            }),
            12..=14 if depth == NESTED => Request::RequestDeleteRange(self.delete()),
            15..=18 if depth > 0 => Request::RequestTxn(self.txn(depth - 1)),
            19 if self.random.chance(20) => return pb::RequestOp { request: None },
            _ => Request::RequestRange(self.range()),
        };
        pb::RequestOp {
            request: Some(request),
        }
    }

    fn next(&mut self) -> Ask {
        match self.random.within(0..100) {
            0..=25 => Ask::Range(self.range()),
            26..=29 => Ask::RangeStream(self.range()),
            30..=54 => Ask::Put(self.put()),
            55..=62 => Ask::Delete(self.delete()),
            63..=86 => Ask::Txn(self.txn(NESTED)),
            87..=90 => {
                // A compaction at 0 would leave etcd with a wrong hash of the current revision.
                let revision = match self.any_revision() {
                    0 => (self.revision - 10).max(1),
                    other => other,
                };
                Ask::Compact(pb::CompactionRequest {
                    revision,
                    physical: true,
                })
            }
            91..=95 => Ask::HashKv(self.any_revision()),
            96 => Ask::Defragment,
            97 => Ask::MoveLeader(self.pick(&[0, 1, u64::MAX])),
            _ => Ask::Downgrade(pb::DowngradeRequest {
                action: self.pick(&[0, 0, 0, 2, 9]),
                version: self
                    .pick(&["", "3", "3.6", "3.6.1", "3.5", "3.7", "x", "3.6-a", "v3.6"])
                    .into(),
            }),
        }
    }
}

/// An error or the response as text, and the revision if there is one.
type Answer = (Result<String, String>, Option<i64>);

struct Peer {
    server: Server,
    channel: Channel,
}

impl Peer {
    async fn start(launch: &Launch) -> Peer {
        let server = launch.start();
        let channel = server.channel().await;
        Peer { server, channel }
    }

    async fn again(mut self, how: Signal) -> Peer {
        self.server.signal(how);
        self.server.wait();
        let server = self.server.restart();
        let channel = server.channel().await;
        Peer { server, channel }
    }

    async fn answer(&self, ask: &Ask) -> Answer {
        let mut kv = KvClient::new(self.channel.clone());
        let mut m = MaintenanceClient::new(self.channel.clone());
        macro_rules! told {
            ($call:expr) => {
                told($call.await, |r| &mut r.header)
            };
        }
        match ask.clone() {
            Ask::Range(r) => told!(kv.range(r)),
            Ask::Put(r) => told!(kv.put(r)),
            Ask::Delete(r) => told!(kv.delete_range(r)),
            Ask::Txn(r) => told!(kv.txn(r)),
            Ask::Compact(r) => told!(kv.compact(r)),
            Ask::HashKv(revision) => told!(m.hash_kv(pb::HashKvRequest { revision })),
            Ask::Defragment => told!(m.defragment(pb::DefragmentRequest {})),
            Ask::Downgrade(r) => told!(m.downgrade(r)),
            Ask::MoveLeader(target_id) => told!(m.move_leader(pb::MoveLeaderRequest { target_id })),
            Ask::RangeStream(r) => {
                let whole = async {
                    let mut stream = kv.range_stream(r).await?.into_inner();
                    let mut whole = pb::RangeResponse::default();
                    while let Some(piece) = stream.message().await? {
                        let piece = piece.range_response.unwrap_or_default();
                        whole.kvs.extend(piece.kvs);
                        whole.header = piece.header;
                        whole.more = piece.more;
                        whole.count = piece.count;
                    }
                    Ok(tonic::Response::new(whole))
                };
                told(whole.await, |r| &mut r.header)
            }
        }
    }
}

/// The response without the term, which differs between two servers.
fn told<T: Debug>(
    answer: Result<tonic::Response<T>, Status>,
    header: impl Fn(&mut T) -> &mut Option<pb::ResponseHeader>,
) -> Answer {
    match answer {
        Ok(answer) => {
            let mut answer = answer.into_inner();
            let mut revision = None;
            if let Some(header) = header(&mut answer) {
                header.raft_term = 0;
                revision = Some(header.revision);
            }
            (Ok(format!("{answer:?}")), revision)
        }
        Err(status) => (
            Err(format!("{:?}: {}", status.code(), status.message())),
            None,
        ),
    }
}

async fn history(ours: &Launch, theirs: &Launch, random: Random, steps: u64) {
    let (mut ours, mut theirs) = (Peer::start(ours).await, Peer::start(theirs).await);
    let mut asker = Asker {
        random,
        revision: 1,
        compacted: 0,
    };
    for step in 0..steps {
        if step % 200 == 199 {
            // A killed etcd repeats compactions from its log, and stores their hashes again.
            ours = ours.again(Signal::KILL).await;
            theirs = theirs.again(Signal::TERM).await;
        }
        let ask = asker.next();
        let (want, revision) = theirs.answer(&ask).await;
        let (got, _) = ours.answer(&ask).await;
        assert_eq!(got, want, "step {step}, {ask:?}");
        asker.revision = asker.revision.max(revision.unwrap_or_default());
        if let (Ask::Compact(r), Ok(_)) = (&ask, &want) {
            asker.compacted = r.revision;
        }
    }
}

/// Long enough for a busy machine, and short enough to detect a hang.
const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn every_answer_is_etcds() {
    let Some(theirs) = etcd::server(Release::V3_7) else {
        return;
    };
    let random = Random::from_env("ETCD_HISTORY_SEED");
    let steps = std::env::var("ETCD_HISTORY_STEPS")
        .ok()
        .and_then(|s| s.parse().ok());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ended = runtime.block_on(async {
        let ours = Launch::serve();
        let history = history(&ours, &theirs, random, steps.unwrap_or(STEPS));
        tokio::time::timeout(LIMIT, history).await
    });
    assert!(ended.is_ok(), "not finished within {LIMIT:?}");
}
