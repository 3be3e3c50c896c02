//! Random histories compared with a plain map for every revision: puts, deletions, nested transactions, compactions,
//! defragmentations and restarts; reads with every option at every available revision.
//!
//! Repeat a failed run with `MVCC_MODEL_SEED=N`.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    task::Poll,
};

use bytes::Bytes;
use etcd_maintenance::{
    proto::{
        etcdserverpb::{
            self as pb,
            compare::{CompareResult, CompareTarget, TargetUnion},
            range_request::{SortOrder, SortTarget},
            request_op::Request,
            response_op::Response,
        },
        mvccpb::KeyValue,
    },
    schema::{
        hashkv::HashKv,
        key::{self, Revision},
    },
    server::{config::Config, context::RequestContext, core::Core, error::Error},
};

use crate::random::Random;

type State = BTreeMap<Bytes, KeyValue>;

/// The expected behaviour of a store, in the simplest form.
struct Model {
    /// The key space at each revision.
    states: BTreeMap<i64, State>,
    /// Every change ever made.
    records: Vec<(Revision, bool, KeyValue)>,
    compacted: i64,
    /// Revision and hash of each compaction, with the previous compact revision.
    compactions: Vec<(i64, i64)>,
}

/// A transaction in progress: the current state, and what it has changed.
struct Writing {
    state: State,
    main: i64,
    records: Vec<(Revision, bool, KeyValue)>,
}

impl Model {
    fn new() -> Model {
        Model {
            states: BTreeMap::from([(1, State::new())]),
            records: Vec::new(),
            compacted: -1,
            compactions: Vec::new(),
        }
    }

    fn revision(&self) -> i64 {
        *self.states.last_key_value().unwrap().0
    }

    fn now(&self) -> &State {
        self.states.last_key_value().unwrap().1
    }

    fn begin(&self) -> Writing {
        Writing {
            state: self.now().clone(),
            main: self.revision() + 1,
            records: Vec::new(),
        }
    }

    fn end(&mut self, w: Writing) -> i64 {
        if !w.records.is_empty() {
            self.records.extend(w.records);
            self.states.insert(w.main, w.state);
        }
        self.revision()
    }

    fn range(&self, r: &pb::RangeRequest) -> Result<pb::RangeResponse, Error> {
        if r.revision > self.revision() {
            return Err(Error::FutureRev);
        }
        let at = if r.revision <= 0 {
            self.revision()
        } else {
            r.revision
        };
        if at < self.compacted {
            return Err(Error::Compacted);
        }
        let state = self.states.range(..=at).next_back().map(|(_, s)| s);
        let empty = State::new();
        Ok(answer(state.unwrap_or(&empty), self.revision(), r))
    }

    fn hash_kv(&self, revision: i64) -> Result<(u32, i64, i64), Error> {
        // A compaction at 0 leaves a hash, but a request for 0 means the current revision.
        let mut stored = self.compactions.iter().rev().take(10);
        let stored = stored.find(|(_, at)| *at == revision && revision != 0);
        let (compacted, up_to) = match stored {
            Some((before, at)) => (*before, *at),
            None if revision > 0 && revision < self.compacted => return Err(Error::Compacted),
            None if revision > self.revision() => return Err(Error::FutureRev),
            None if revision == 0 => (self.compacted, self.revision()),
            None => (self.compacted, revision),
        };
        let mut last: BTreeMap<&Bytes, (Revision, bool)> = BTreeMap::new();
        for (rev, tombstone, kv) in &self.records {
            if rev.main <= up_to {
                last.insert(&kv.key, (*rev, *tombstone));
            }
        }
        let kept: BTreeSet<Revision> = last
            .values()
            .filter(|(_, tombstone)| !tombstone)
            .map(|(rev, _)| *rev)
            .collect();
        // If nothing is kept, etcd skips nothing; what can then be hashed depends on what earlier compactions have
        // removed.
        let removed = self.removed(compacted);
        // A compaction also keeps a deletion exactly at its revision, so that it may keep something where the same hash
        // computed without it keeps nothing.
        let by_compaction = stored.is_some();
        let deletion = |(rev, tombstone): &(Revision, bool)| *tombstone && rev.main == up_to;
        let nothing = kept.is_empty() && !(by_compaction && last.values().any(deletion));
        let mut hash = HashKv::new(compacted, up_to);
        for (rev, tombstone, kv) in &self.records {
            if removed.contains(rev) {
                continue;
            }
            let (name, record) = match tombstone {
                true => (
                    rev.encode_tombstone().to_vec(),
                    key::encode_tombstone(&kv.key),
                ),
                false => (rev.encode().to_vec(), key::encode(kv)),
            };
            hash.write(&name, &record, |rev| nothing || kept.contains(&rev))
                .unwrap();
        }
        Ok((hash.sum(), compacted, up_to))
    }

    /// The changes removed by compactions up to `at`.
    fn removed(&self, at: i64) -> BTreeSet<Revision> {
        let mut removed = BTreeSet::new();
        let mut last: BTreeMap<&Bytes, (Revision, bool)> = BTreeMap::new();
        for (rev, tombstone, kv) in self.records.iter().filter(|(rev, ..)| rev.main <= at) {
            if let Some((old, _)) = last.insert(&kv.key, (*rev, *tombstone)) {
                removed.insert(old);
            }
        }
        for (rev, tombstone) in last.values() {
            if *tombstone && rev.main < at {
                removed.insert(*rev);
            }
        }
        removed
    }

    fn compact(&mut self, revision: i64) -> Result<i64, Error> {
        if revision <= self.compacted {
            return Err(Error::Compacted);
        }
        if revision > self.revision() {
            return Err(Error::FutureRev);
        }
        self.compactions.push((self.compacted, revision));
        self.compacted = revision;
        Ok(self.revision())
    }

    fn put(&mut self, r: &pb::PutRequest) -> Result<pb::PutResponse, Error> {
        check_put(self.now(), r)?;
        let mut w = self.begin();
        let answer = w.put(r);
        self.end(w);
        Ok(answer)
    }

    fn delete(&mut self, r: &pb::DeleteRangeRequest) -> pb::DeleteRangeResponse {
        let mut w = self.begin();
        let answer = w.delete(r);
        self.end(w);
        answer
    }

    fn txn(&mut self, r: &pb::TxnRequest) -> Result<pb::TxnResponse, Error> {
        let path = choose(self.now(), r);
        self.check(r, &mut path.iter().copied())?;
        let mut w = self.begin();
        let mut answer = w.txn(r, &mut path.iter().copied(), self);
        answer.header = header(self.end(w));
        Ok(answer)
    }

    fn check(&self, r: &pb::TxnRequest, path: &mut dyn Iterator<Item = bool>) -> Result<(), Error> {
        for op in branch(r, path.next().unwrap()) {
            match op.request.as_ref().unwrap() {
                Request::RequestRange(r) if r.revision > self.revision() => {
                    return Err(Error::FutureRev);
                }
                Request::RequestRange(r) if r.revision != 0 && r.revision < self.compacted => {
                    return Err(Error::Compacted);
                }
                Request::RequestPut(r) => check_put(self.now(), r)?,
                Request::RequestTxn(inner) => self.check(inner, path)?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Writing {
    fn revision(&self) -> i64 {
        self.main - i64::from(self.records.is_empty())
    }

    fn next(&self) -> Revision {
        Revision::new(self.main, self.records.len() as i64)
    }

    fn put(&mut self, r: &pb::PutRequest) -> pb::PutResponse {
        let prev = self.state.get(&r.key).cloned();
        let kv = KeyValue {
            key: r.key.clone(),
            value: match (r.ignore_value, &prev) {
                (true, Some(prev)) => prev.value.clone(),
                _ => r.value.clone(),
            },
            create_revision: prev.as_ref().map_or(self.main, |p| p.create_revision),
            mod_revision: self.main,
            version: prev.as_ref().map_or(0, |p| p.version) + 1,
            lease: 0,
        };
        self.records.push((self.next(), false, kv.clone()));
        self.state.insert(r.key.clone(), kv);
        pb::PutResponse {
            header: header(self.main),
            prev_kv: prev.filter(|_| r.prev_kv),
        }
    }

    fn delete(&mut self, r: &pb::DeleteRangeRequest) -> pb::DeleteRangeResponse {
        let gone: Vec<KeyValue> = self
            .state
            .values()
            .filter(|kv| within(&kv.key, &r.key, &r.range_end))
            .cloned()
            .collect();
        for kv in &gone {
            self.records.push((self.next(), true, kv.clone()));
            self.state.remove(&kv.key);
        }
        pb::DeleteRangeResponse {
            header: header(self.revision()),
            deleted: gone.len() as i64,
            prev_kvs: if r.prev_kv { gone } else { Vec::new() },
        }
    }

    fn txn(
        &mut self,
        r: &pb::TxnRequest,
        path: &mut dyn Iterator<Item = bool>,
        model: &Model,
    ) -> pb::TxnResponse {
        let succeeded = path.next().unwrap();
        let mut responses = Vec::new();
        for op in branch(r, succeeded) {
            let response = match op.request.as_ref().unwrap() {
                Request::RequestRange(r) => {
                    let seen = match r.revision > 0 && r.revision < self.main {
                        true => &model.states[&r.revision],
                        false => &self.state,
                    };
                    Response::ResponseRange(answer(seen, self.revision(), r))
                }
                Request::RequestPut(r) => Response::ResponsePut(self.put(r)),
                Request::RequestDeleteRange(r) => Response::ResponseDeleteRange(self.delete(r)),
                Request::RequestTxn(r) => Response::ResponseTxn(self.txn(r, path, model)),
            };
            responses.push(pb::ResponseOp {
                response: Some(response),
            });
        }
        pb::TxnResponse {
            header: Some(pb::ResponseHeader::default()),
            succeeded,
            responses,
        }
    }
}

fn header(revision: i64) -> Option<pb::ResponseHeader> {
    Some(pb::ResponseHeader {
        revision,
        ..Default::default()
    })
}

fn branch(r: &pb::TxnRequest, succeeded: bool) -> &[pb::RequestOp] {
    if succeeded { &r.success } else { &r.failure }
}

fn within(key: &[u8], start: &[u8], end: &[u8]) -> bool {
    match end {
        [] => key == start,
        [0] => key >= start,
        _ => key >= start && key < end,
    }
}

fn check_put(state: &State, r: &pb::PutRequest) -> Result<(), Error> {
    if r.lease != 0 {
        return Err(Error::LeaseNotFound);
    }
    match (r.ignore_value || r.ignore_lease) && !state.contains_key(&r.key) {
        true => Err(Error::KeyNotFound),
        false => Ok(()),
    }
}

/// The results of all compares in the order of the operations, before any of them is executed.
fn choose(state: &State, r: &pb::TxnRequest) -> Vec<bool> {
    let mut path = vec![r.compare.iter().all(|c| holds(state, c))];
    for op in branch(r, path[0]) {
        if let Some(Request::RequestTxn(inner)) = &op.request {
            path.extend(choose(state, inner));
        }
    }
    path
}

fn holds(state: &State, c: &pb::Compare) -> bool {
    let found: Vec<&KeyValue> = state
        .values()
        .filter(|kv| within(&kv.key, &c.key, &c.range_end))
        .collect();
    let one = |kv: &KeyValue| {
        let order = match c.target_union.as_ref().unwrap() {
            TargetUnion::Version(v) => kv.version.cmp(v),
            TargetUnion::CreateRevision(v) => kv.create_revision.cmp(v),
            TargetUnion::ModRevision(v) => kv.mod_revision.cmp(v),
            TargetUnion::Value(v) => kv.value.cmp(v),
            TargetUnion::Lease(v) => kv.lease.cmp(v),
        };
        match c.result() {
            CompareResult::Equal => order.is_eq(),
            CompareResult::NotEqual => order.is_ne(),
            CompareResult::Greater => order.is_gt(),
            CompareResult::Less => order.is_lt(),
        }
    };
    match found.is_empty() {
        true => c.target() != CompareTarget::Value && one(&KeyValue::default()),
        false => found.into_iter().all(one),
    }
}

fn answer(state: &State, revision: i64, r: &pb::RangeRequest) -> pb::RangeResponse {
    let mut kvs: Vec<KeyValue> = state
        .values()
        .filter(|kv| within(&kv.key, &r.key, &r.range_end))
        .cloned()
        .collect();
    let count = kvs.len() as i64;
    let mut answer = pb::RangeResponse {
        header: header(revision),
        count,
        ..Default::default()
    };
    if r.count_only {
        return answer;
    }
    let filters = [
        r.min_mod_revision,
        r.max_mod_revision,
        r.min_create_revision,
        r.max_create_revision,
    ];
    // Without an order, etcd sorts only the keys within the limit.
    if r.limit > 0 && r.sort_order() == SortOrder::None && filters == [0; 4] {
        kvs.truncate(r.limit as usize + 1);
    }
    let min_max =
        |value: i64, min: i64, max: i64| (min == 0 || value >= min) && (max == 0 || value <= max);
    kvs.retain(|kv| {
        min_max(kv.mod_revision, r.min_mod_revision, r.max_mod_revision)
            && min_max(
                kv.create_revision,
                r.min_create_revision,
                r.max_create_revision,
            )
    });
    let descend = r.sort_order() == SortOrder::Descend;
    let order = |a: &KeyValue, b: &KeyValue| {
        let order = match r.sort_target() {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::Create => a.create_revision.cmp(&b.create_revision),
            SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        };
        if descend { order.reverse() } else { order }
    };
    kvs.sort_by(order);
    if r.limit > 0 && kvs.len() > r.limit as usize {
        kvs.truncate(r.limit as usize);
        answer.more = true;
    }
    if r.keys_only {
        kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
    }
    answer.kvs = kvs;
    answer
}

/// Generates requests.
struct Maker {
    random: Random,
}

impl Maker {
    fn key(&mut self) -> Bytes {
        let names = ["a", "ab", "abc", "b", "b\0", "c", "d", "\u{e9}", "zz"];
        names[self.random.within(0..names.len() as u64) as usize].into()
    }

    fn span(&mut self) -> (Bytes, Bytes) {
        let key = self.key();
        match self.random.within(0..5) {
            0 => (key, Bytes::from_static(b"\0")),
            1 => (Bytes::from_static(b"\0"), Bytes::from_static(b"\0")),
            2 | 3 => (key, self.key()),
            _ => (key, Bytes::new()),
        }
    }

    fn value(&mut self) -> Bytes {
        let len = match self.random.within(0..10) {
            0 => 0,
            1 => self.random.within(0..9000),
            _ => self.random.within(0..40),
        };
        let byte = b'a' + self.random.within(0..4) as u8;
        vec![byte; len as usize].into()
    }

    fn put(&mut self) -> pb::PutRequest {
        let ignore_value = self.random.chance(10);
        pb::PutRequest {
            key: self.key(),
            value: if ignore_value {
                Bytes::new()
            } else {
                self.value()
            },
            prev_kv: self.random.chance(30),
            ignore_value,
            ignore_lease: self.random.chance(5),
            lease: if self.random.chance(2) { 7 } else { 0 },
        }
    }

    fn delete(&mut self) -> pb::DeleteRangeRequest {
        let (key, range_end) = self.span();
        pb::DeleteRangeRequest {
            key,
            range_end,
            prev_kv: self.random.chance(40),
        }
    }

    fn range(&mut self, newest: i64) -> pb::RangeRequest {
        let (key, range_end) = self.span();
        let revision = match self.random.within(0..6) {
            0 => newest + self.random.within(0..3) as i64,
            1..4 => self.random.within(0..newest as u64 + 1) as i64,
            _ => 0,
        };
        let mut bound = |percent| match self.random.chance(percent) {
            true => self.random.within(0..newest as u64 + 2) as i64,
            false => 0,
        };
        pb::RangeRequest {
            min_mod_revision: bound(10),
            max_mod_revision: bound(10),
            min_create_revision: bound(10),
            max_create_revision: bound(10),
            limit: bound(30).min(6),
            key,
            range_end,
            revision,
            sort_order: self.random.within(0..3) as i32,
            sort_target: self.random.within(0..5) as i32,
            serializable: self.random.chance(30),
            keys_only: self.random.chance(20),
            count_only: self.random.chance(10),
        }
    }

    fn compare(&mut self, newest: i64) -> pb::Compare {
        let (key, range_end) = self.span();
        let number = match self.random.chance(50) {
            true => self.random.within(0..4) as i64,
            false => self.random.within(0..newest as u64 + 1) as i64,
        };
        let target = self.random.within(0..5) as i32;
        let union = match CompareTarget::try_from(target).unwrap() {
            CompareTarget::Version => TargetUnion::Version(number),
            CompareTarget::Create => TargetUnion::CreateRevision(number),
            CompareTarget::Mod => TargetUnion::ModRevision(number),
            CompareTarget::Value => TargetUnion::Value(self.value()),
            CompareTarget::Lease => TargetUnion::Lease(number % 2),
        };
        pb::Compare {
            result: self.random.within(0..4) as i32,
            target,
            key,
            range_end,
            target_union: Some(union),
        }
    }

    /// A transaction in which no key is put twice, or put and deleted: the gRPC layer rejects those.
    fn txn(&mut self, newest: i64, depth: u64, taken: &mut BTreeSet<Bytes>) -> pb::TxnRequest {
        let compare = (0..self.random.within(0..3))
            .map(|_| self.compare(newest))
            .collect();
        let mut ops = |maker: &mut Maker| {
            let mut ops = Vec::new();
            for _ in 0..maker.random.within(0..4) {
                let request = match maker.random.within(0..8) {
                    0..4 => {
                        let put = maker.put();
                        if !taken.insert(put.key.clone()) {
                            continue;
                        }
                        Request::RequestPut(put)
                    }
                    4 => {
                        let delete = maker.delete();
                        let hit = |key: &Bytes| within(key, &delete.key, &delete.range_end);
                        if taken.iter().any(hit) {
                            continue;
                        }
                        // From here on, do not put a key that may have been deleted.
                        let names = ["a", "ab", "abc", "b", "b\0", "c", "d", "\u{e9}", "zz"];
                        taken.extend(names.map(Bytes::from).into_iter().filter(hit));
                        Request::RequestDeleteRange(delete)
                    }
                    5 if depth > 0 => Request::RequestTxn(maker.txn(newest, depth - 1, taken)),
                    _ => Request::RequestRange(maker.range(newest)),
                };
                ops.push(pb::RequestOp {
                    request: Some(request),
                });
            }
            ops
        };
        pb::TxnRequest {
            compare,
            success: ops(self),
            failure: ops(self),
        }
    }
}

/// Compare only the revision of a header: the ids are always the same.
fn bare(header: &mut Option<pb::ResponseHeader>) {
    if let Some(header) = header {
        *header = pb::ResponseHeader {
            revision: header.revision,
            ..Default::default()
        };
    }
}

async fn check_range(core: &Core, model: &Model, r: pb::RangeRequest) {
    let mut got = core.range(&RequestContext::in_process(), r.clone()).await;
    if let Ok(answer) = &mut got {
        bare(&mut answer.header);
        if r.keys_only && r.sort_target() != SortTarget::Value {
            assert!(answer.kvs.iter().all(|kv| kv.lease == 0));
        }
    }
    assert_eq!(got, model.range(&r), "{r:?}");
}

async fn check_everything(core: &Core, model: &Model) {
    for revision in model.compacted.max(1)..=model.revision() {
        let all = pb::RangeRequest {
            key: Bytes::from_static(b"\0"),
            range_end: Bytes::from_static(b"\0"),
            revision,
            ..Default::default()
        };
        check_range(core, model, all).await;
    }
}

async fn check_hash(core: &Core, model: &Model, revision: i64) {
    let context = RequestContext::in_process();
    let ask = || core.hash_kv(&context, pb::HashKvRequest { revision });
    let mut got = ask().await;
    // The hash of a compaction is available when its last record has been removed.
    for _ in 0..10_000 {
        let waits = got.as_ref().is_ok_and(|h| h.compact_revision == revision);
        if !waits || revision == 0 || !model.compactions.iter().any(|(_, at)| *at == revision) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        got = ask().await;
    }
    let got = got.map(|h| (h.hash, h.compact_revision, h.hash_revision));
    assert_eq!(got, model.hash_kv(revision), "hash at {revision}");
}

type Answer<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Sends requests one right after the other, so that the writer groups several of them, and waits for all.
async fn all_at_once(mut answers: Vec<Answer<'_>>) {
    let mut done = vec![false; answers.len()];
    std::future::poll_fn(|cx| {
        for (answer, done) in answers.iter_mut().zip(&mut done) {
            if !*done {
                *done = answer.as_mut().poll(cx).is_ready();
            }
        }
        match done.iter().all(|d| *d) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

/// Several writes; each checks its response against the model at the time when it was made.
fn writes<'a>(core: &'a Core, model: &mut Model, maker: &mut Maker) -> Vec<Answer<'a>> {
    let n = maker.random.within(1..6);
    (0..n)
        .map(|_| -> Answer<'a> {
            match maker.random.within(0..10) {
                0..5 => {
                    let r = maker.put();
                    let want = model.put(&r);
                    Box::pin(async move {
                        let mut got = core.put(&RequestContext::in_process(), r.clone()).await;
                        got.iter_mut().for_each(|a| bare(&mut a.header));
                        assert_eq!(got, want, "{r:?}");
                    })
                }
                5 | 6 => {
                    let r = maker.delete();
                    let want = model.delete(&r);
                    Box::pin(async move {
                        let mut got = core
                            .delete_range(&RequestContext::in_process(), r.clone())
                            .await;
                        got.iter_mut().for_each(|a| bare(&mut a.header));
                        assert_eq!(got, Ok(want), "{r:?}");
                    })
                }
                _ => {
                    let newest = model.revision();
                    let mut r = maker.txn(newest, 2, &mut BTreeSet::new());
                    // A read-only transaction would overtake the writes that it is sent with.
                    r.failure.push(pb::RequestOp {
                        request: Some(Request::RequestTxn(pb::TxnRequest::default())),
                    });
                    let want = model.txn(&r);
                    Box::pin(async move {
                        let mut got = core.txn(&RequestContext::in_process(), r.clone()).await;
                        got.iter_mut().for_each(|a| bare(&mut a.header));
                        assert_eq!(got, want, "{r:?}");
                    })
                }
            }
        })
        .collect()
}

async fn history(random: Random, steps: u64) {
    let mut maker = Maker { random };
    let mut model = Model::new();
    let dir = tempfile::tempdir().unwrap();
    let config = Config::new(dir.path().join("data"));
    let open = || Core::open(&config).unwrap();
    let mut core = tokio::task::block_in_place(open);
    for _ in 0..steps {
        match maker.random.within(0..100) {
            0..60 => all_at_once(writes(&core, &mut model, &mut maker)).await,
            60..80 => {
                let r = maker.range(model.revision());
                check_range(&core, &model, r).await;
            }
            80..84 => {
                let mut r = maker.txn(model.revision(), 0, &mut BTreeSet::new());
                let reads =
                    |op: &pb::RequestOp| matches!(op.request, Some(Request::RequestRange(_)));
                r.success.retain(reads);
                r.failure.retain(reads);
                let want = model.txn(&r);
                let mut got = core.txn(&RequestContext::in_process(), r.clone()).await;
                got.iter_mut().for_each(|a| bare(&mut a.header));
                assert_eq!(got, want, "{r:?}");
            }
            84..88 => {
                let revision = maker.random.within(0..model.revision() as u64 + 2) as i64;
                let physical = maker.random.chance(50);
                let r = pb::CompactionRequest { revision, physical };
                let got = core.compact(&RequestContext::in_process(), r).await;
                let got = got.map(|a| a.header.unwrap().revision);
                assert_eq!(got, model.compact(revision), "compact {revision}");
            }
            88..92 => {
                let revision = maker.random.within(0..model.revision() as u64 + 2) as i64;
                check_hash(&core, &model, revision).await;
                check_hash(&core, &model, 0).await;
            }
            92..95 => {
                core.defragment(&RequestContext::in_process())
                    .await
                    .unwrap();
            }
            95..97 => {
                core.shutdown().await;
                drop(core);
                core = tokio::task::block_in_place(open);
                // The hashes of compactions are not stored on disk.
                model.compactions.clear();
            }
            _ => check_everything(&core, &model).await,
        }
        assert_eq!(core.header().revision, model.revision());
    }
    check_everything(&core, &model).await;
    check_hash(&core, &model, 0).await;
    core.shutdown().await;
    drop(core);
    let db = etcd_maintenance::bolt::Db::open(
        config.data_dir.join("db"),
        etcd_maintenance::bolt::Options::default(),
    )
    .unwrap();
    let checked = db.check().unwrap();
    assert!(checked.findings.is_empty(), "{:?}", checked.findings);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories() {
    let mut random = Random::from_env("MVCC_MODEL_SEED");
    for _ in 0..12 {
        history(random.split(), 150).await;
    }
}
