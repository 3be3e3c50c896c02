//! Reads at one revision; all range requests are executed here. Readers use it on the committed state, the writer on
//! what it has applied so far. Checks neither permissions nor sizes.
//!
//! The effects of the options and their order: etcd v3.7.1, server/etcdserver/txn/range.go.

use std::{
    cmp::{Ordering, Reverse},
    sync::atomic,
    sync::atomic::AtomicI64,
};

use bytes::Bytes;

use super::{
    encoded::Encoded,
    index::{KeyRange, TreeIndex},
    key_index::Found,
    revision::Revision,
};
use crate::{
    proto::{
        etcdserverpb::{
            RangeRequest, RangeResponse, ResponseHeader,
            range_request::{SortOrder, SortTarget},
        },
        mvccpb::KeyValue,
    },
    server::error::Error,
};

/// Number of keys in a walk through the index between two checks whether to continue.
const KEYS_BETWEEN_CHECKS: i64 = 1000;

/// Where the records of puts are read from.
pub trait Values {
    /// The records of these puts, in this order.
    ///
    /// # Errors
    /// A record is missing or damaged.
    fn values(&self, revs: &[Revision]) -> Result<Vec<KeyValue>, Error>;

    /// The record of one put.
    ///
    /// # Errors
    /// The record is missing or damaged.
    fn value(&self, rev: Revision) -> Result<KeyValue, Error> {
        let mut one = self.values(&[rev])?;
        one.pop().ok_or(Error::Corrupt)
    }

    /// Whether to continue long-running work.
    ///
    /// # Errors
    /// The caller has gone away.
    fn check_cancelled(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Appends the records of these puts, in this order.
    ///
    /// # Errors
    /// See [`Values::values`].
    fn append(&self, revs: &[Revision], to: &mut Encoded) -> Result<(), Error> {
        self.values(revs)?.iter().for_each(|kv| to.key_value(kv));
        Ok(())
    }
}

/// The key space at `revision`.
pub struct View<'a, V> {
    /// All keys; may be ahead of `revision`.
    pub index: &'a TreeIndex,
    /// Records up to `revision`.
    pub values: &'a V,
    /// The newest revision visible to this reader.
    pub revision: i64,
    /// The current compact revision, which may increase while a reader is working.
    pub compacted: &'a AtomicI64,
}

impl<V: Values> View<'_, V> {
    fn check_compacted(&self, at: i64) -> Result<(), Error> {
        match at < self.compacted.load(atomic::Ordering::Acquire) {
            true => Err(Error::Compacted),
            false => Ok(()),
        }
    }

    /// The revision to read at, for a request that names `asked` (0 or less: the current revision).
    ///
    /// # Errors
    /// It has been compacted or is in the future.
    pub fn resolve(&self, asked: i64) -> Result<i64, Error> {
        if asked > self.revision {
            return Err(Error::FutureRev);
        }
        let at = if asked <= 0 { self.revision } else { asked };
        self.check_compacted(at)?;
        Ok(at)
    }

    /// Executes a range request. The header contains only the revision.
    ///
    /// # Errors
    /// The revision has been compacted or is in the future, or a record is damaged.
    pub fn range(&self, r: &RangeRequest) -> Result<RangeResponse, Error> {
        self.range_counted(r, true)
    }

    /// Like [`View::range`]. Without `total`, keys beyond the limit are not counted, so that a long range can be read
    /// in chunks.
    ///
    /// # Errors
    /// See [`View::range`].
    pub fn range_counted(&self, r: &RangeRequest, total: bool) -> Result<RangeResponse, Error> {
        let Selected { mut answer, what } = self.select(r, total)?;
        answer.kvs = match what {
            Content::Found(kvs) => kvs,
            Content::Records(revs) => self.values.values(&revs)?,
        };
        answer.header = Some(ResponseHeader {
            revision: self.revision,
            ..Default::default()
        });
        Ok(answer)
    }

    /// Like [`View::range`], but appends the records to `to` and returns the other fields of the response, without the
    /// header.
    ///
    /// # Errors
    /// See [`View::range`].
    pub fn range_records(
        &self,
        r: &RangeRequest,
        to: &mut Encoded,
    ) -> Result<RangeResponse, Error> {
        let Selected { answer, what } = self.select(r, true)?;
        match what {
            Content::Found(kvs) => {
                to.expect(kvs.len());
                kvs.iter().for_each(|kv| to.key_value(kv));
            }
            Content::Records(revs) => {
                to.expect(revs.len());
                self.values.append(&revs, to)?;
            }
        }
        Ok(answer)
    }

    /// Selects the keys that a range request returns, in order.
    fn select(&self, r: &RangeRequest, total: bool) -> Result<Selected, Error> {
        let at = self.resolve(r.revision)?;
        let order = Order::of(r);
        let limit = usize::try_from(r.limit).ok().filter(|&l| l > 0);
        let Matches { mut hits, count } = self.look_up(r, at, total)?;
        let answer = RangeResponse {
            count,
            more: limit.is_some_and(|limit| hits.len() > limit),
            ..Default::default()
        };
        let by_value = order.target == SortTarget::Value;
        if !by_value {
            order.sort(&mut hits, |(found, _)| *found);
            hits.truncate(limit.unwrap_or(usize::MAX));
        }
        if index_suffices(r) {
            // The lease is only in the record, so etcd omits it here.
            let named = |(found, key): (Found, Bytes)| KeyValue {
                key,
                mod_revision: found.modified.main,
                create_revision: found.created,
                version: found.version,
                ..Default::default()
            };
            let what = Content::Found(hits.into_iter().map(named).collect());
            return Ok(Selected { answer, what });
        }
        let revs: Vec<Revision> = hits.into_iter().map(|(found, _)| found.modified).collect();
        if !by_value && !r.keys_only {
            let what = Content::Records(revs);
            return Ok(Selected { answer, what });
        }
        let mut kvs = self.values.values(&revs)?;
        if by_value {
            match order.descending {
                false => kvs.sort_by(|a, b| a.value.cmp(&b.value)),
                true => kvs.sort_by(|a, b| b.value.cmp(&a.value)),
            }
            kvs.truncate(limit.unwrap_or(usize::MAX));
        }
        if r.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
        }
        let what = Content::Found(kvs);
        Ok(Selected { answer, what })
    }

    /// Looks up a range in the index at main revision `at`, which had not been compacted when it was resolved. Whether
    /// it has been compacted since is checked after the walk.
    fn look_up(&self, r: &RangeRequest, at: i64, total: bool) -> Result<Matches, Error> {
        let keys = KeyRange::new(&r.key, &r.range_end);
        let order = Order::of(r);
        let filter = Filter::of(r);
        let limit = usize::try_from(r.limit).ok().filter(|&l| l > 0);
        // One key beyond the limit shows that there are more. With a sort target but no order, etcd sorts only the keys
        // within the limit: a client that wants all keys sorted specifies an order.
        let gather = match (order == Order::AS_IS || !order.named) && filter.is_none() {
            _ if r.count_only => 0,
            true => limit.map_or(usize::MAX, |l| l.saturating_add(1)),
            false => usize::MAX,
        };
        let index_suffices = index_suffices(r);
        let mut hits: Vec<(Found, Bytes)> = Vec::new();
        let mut count = 0;
        let mut stopped = Ok(());
        self.index.visit(keys, at, |key, found| {
            count += 1;
            if count % KEYS_BETWEEN_CHECKS == 0 {
                stopped = self.values.check_cancelled();
                if stopped.is_err() {
                    return false;
                }
            }
            if hits.len() < gather && filter.as_ref().is_none_or(|f| f.takes(&found)) {
                let key = match index_suffices {
                    true => Bytes::copy_from_slice(key),
                    false => Bytes::new(),
                };
                hits.push((found, key));
            }
            total || r.count_only || hits.len() < gather
        });
        stopped?;
        self.check_compacted(at)?;
        Ok(Matches { hits, count })
    }

    /// The record of `key`, if it exists.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn get(&self, key: &[u8]) -> Result<Option<KeyValue>, Error> {
        match self.index.get(key, self.revision) {
            Some(found) => self.values.value(found.modified).map(Some),
            None => Ok(None),
        }
    }
}

/// The response to a range request before any record is read.
struct Selected {
    /// The response without header and `kvs`.
    answer: RangeResponse,
    what: Content,
}

/// What the response's `kvs` will contain.
enum Content {
    /// These key-value pairs.
    Found(Vec<KeyValue>),
    /// The records of these puts.
    Records(Vec<Revision>),
}

/// The result of a walk through the index.
struct Matches {
    /// In key order. The key is set only if no record will be read.
    hits: Vec<(Found, Bytes)>,
    /// Number of existing keys, regardless of limit and filters.
    count: i64,
}

/// Whether the index alone can answer the request.
fn index_suffices(r: &RangeRequest) -> bool {
    r.count_only || (r.keys_only && r.sort_target() != SortTarget::Value)
}

/// The sort order. Sorting is stable: equal elements stay in key order.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Order {
    target: SortTarget,
    /// Whether the request specified an order; a target without an order means ascending.
    named: bool,
    descending: bool,
}

impl Order {
    /// By key, ascending: the order of the index.
    const AS_IS: Order = Order {
        target: SortTarget::Key,
        named: true,
        descending: false,
    };

    fn of(r: &RangeRequest) -> Order {
        Order {
            target: r.sort_target(),
            named: r.sort_order() != SortOrder::None,
            descending: r.sort_order() == SortOrder::Descend,
        }
    }

    fn sort<T>(self, hits: &mut [T], found: impl Fn(&T) -> Found) {
        let by = |found: Found| match self.target {
            SortTarget::Version => found.version,
            SortTarget::Create => found.created,
            SortTarget::Mod => found.modified.main,
            SortTarget::Key | SortTarget::Value => 0,
        };
        match (self.target, self.descending) {
            (SortTarget::Key, false) => {}
            (SortTarget::Key, true) => hits.reverse(),
            (_, false) => hits.sort_by_key(|hit| by(found(hit))),
            (_, true) => hits.sort_by_key(|hit| Reverse(by(found(hit)))),
        }
    }
}

/// The revision filters of a request; 0 means no bound. They do not affect the count.
struct Filter {
    modified: (i64, i64),
    created: (i64, i64),
}

impl Filter {
    fn of(r: &RangeRequest) -> Option<Filter> {
        let filter = Filter {
            modified: (r.min_mod_revision, r.max_mod_revision),
            created: (r.min_create_revision, r.max_create_revision),
        };
        (filter.modified != (0, 0) || filter.created != (0, 0)).then_some(filter)
    }

    fn takes(&self, found: &Found) -> bool {
        let within = |value: i64, (min, max): (i64, i64)| {
            (min == 0 || value.cmp(&min) != Ordering::Less)
                && (max == 0 || value.cmp(&max) != Ordering::Greater)
        };
        within(found.modified.main, self.modified) && within(found.created, self.created)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records identified by their revisions.
    struct Named;

    impl Values for Named {
        fn values(&self, revs: &[Revision]) -> Result<Vec<KeyValue>, Error> {
            let named = |rev: &Revision| KeyValue {
                value: rev.to_string().into(),
                ..Default::default()
            };
            Ok(revs.iter().map(named).collect())
        }
    }

    fn get(revision: i64) -> RangeRequest {
        RangeRequest {
            key: "k".into(),
            revision,
            ..Default::default()
        }
    }

    #[test]
    fn a_walk_overtaken_by_a_compaction_is_discarded() {
        let index = TreeIndex::default();
        for main in 2..6 {
            index.put(b"k", Revision::new(main, 0));
        }
        let compacted = AtomicI64::new(-1);
        let view = View {
            index: &index,
            values: &Named,
            revision: 5,
            compacted: &compacted,
        };
        let at = view.resolve(3).unwrap();
        assert_eq!(view.range(&get(3)).unwrap().kvs[0].value, "3_0");
        // Between resolving the revision and the walk, the compact revision is published and the index is compacted.
        compacted.store(4, atomic::Ordering::Release);
        while index.compact_step(4, &mut None, &mut Vec::new()) {}
        assert_eq!(
            view.look_up(&get(3), at, true).err(),
            Some(Error::Compacted)
        );
        assert_eq!(view.range(&get(4)).unwrap().kvs[0].value, "4_0");
    }

    #[test]
    fn a_view_does_not_see_what_the_index_knows_beyond_it() {
        let index = TreeIndex::default();
        index.put(b"k", Revision::new(2, 0));
        index.put(b"k", Revision::new(3, 0));
        index.put(b"later", Revision::new(3, 1));
        index.tombstone(b"k", Revision::new(4, 0));
        let view = View {
            index: &index,
            values: &Named,
            revision: 2,
            compacted: &AtomicI64::new(-1),
        };
        let all = RangeRequest {
            range_end: "z".into(),
            ..get(0)
        };
        let seen = view.range(&all).unwrap();
        assert_eq!((seen.count, seen.kvs[0].value.as_ref()), (1, &b"2_0"[..]));
        assert_eq!(view.range(&get(3)).err(), Some(Error::FutureRev));
    }
}
