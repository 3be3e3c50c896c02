//! The writer's side of the store: the changes that have been applied but not committed, and the transaction that adds
//! to them. Later requests of a group see earlier ones, because reads include the uncommitted records. Makes no
//! decisions about space, alarms or durability.

use std::sync::atomic::AtomicI64;

use bytes::Bytes;

use super::{
    event::Event,
    index::{KeyRange, TreeIndex},
    revision::Revision,
    txn::{self, LeaseLookup, Path},
    view::{Values, View},
};
use crate::{
    proto::{
        etcdserverpb::{
            DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, TxnRequest,
            TxnResponse,
        },
        mvccpb::KeyValue,
    },
    schema::key,
    server::error::Error,
};

/// The state that the writer has applied: the committed records, with those of the group on top.
pub struct Head<B> {
    /// Main revision of the last applied write.
    pub revision: i64,
    /// The compact revision set by the last applied compaction.
    pub compacted: AtomicI64,
    values: Merged<B>,
}

/// Reads by the writer: first the records of the group, then the committed ones.
struct Merged<B> {
    base: B,
    uncommitted: Vec<Event>,
}

impl<B: Values> Values for Merged<B> {
    fn values(&self, revs: &[Revision]) -> Result<Vec<KeyValue>, Error> {
        let Some(first) = self.uncommitted.first().map(|e| e.rev) else {
            return self.base.values(revs);
        };
        let mut values = Vec::with_capacity(revs.len());
        for rev in revs {
            if *rev < first {
                values.push(self.base.value(*rev)?);
                continue;
            }
            let i = self.uncommitted.binary_search_by_key(rev, |e| e.rev);
            let event = i.ok().and_then(|i| self.uncommitted.get(i));
            let record = event.map(|e| key::decode_shared(&rev.encode(), &e.record));
            values.push(record.and_then(Result::ok).ok_or(Error::Corrupt)?);
        }
        Ok(values)
    }
}

impl<B: Values> Head<B> {
    /// A head on top of `base`, which is committed up to `revision`.
    pub fn new(base: B, revision: i64, compacted: i64) -> Head<B> {
        Head {
            revision,
            compacted: AtomicI64::new(compacted),
            values: Merged {
                base,
                uncommitted: Vec::new(),
            },
        }
    }

    /// The changes of the group so far, in order.
    pub fn uncommitted(&self) -> &[Event] {
        &self.values.uncommitted
    }

    /// The group has been committed to `base`. Returns the changes of the group, in order.
    pub fn committed(&mut self, base: B) -> Vec<Event> {
        self.values.base = base;
        std::mem::take(&mut self.values.uncommitted)
    }

    /// The applied state, for checks.
    pub fn view<'a>(&'a self, index: &'a TreeIndex) -> View<'a, impl Values + use<B>> {
        View {
            index,
            values: &self.values,
            revision: self.revision,
            compacted: &self.compacted,
        }
    }

    /// Applies a put.
    ///
    /// # Errors
    /// See [`txn::check_put`]; [`Error::Corrupt`] if a record is damaged.
    pub fn put(
        &mut self,
        index: &TreeIndex,
        r: &PutRequest,
        leases: LeaseLookup<'_>,
    ) -> Result<PutResponse, Error> {
        txn::check_put(&self.view(index), r, leases)?;
        let mut txn = WriteTxn::begin(index, self);
        let response = txn.put(r)?;
        txn.end();
        Ok(response)
    }

    /// Applies a deletion.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a record is damaged.
    pub fn delete_range(
        &mut self,
        index: &TreeIndex,
        r: &DeleteRangeRequest,
    ) -> Result<DeleteRangeResponse, Error> {
        let mut txn = WriteTxn::begin(index, self);
        let response = txn.delete_range(r)?;
        txn.end();
        Ok(response)
    }

    /// Deletes keys in one revision, in the given order.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a record is damaged.
    pub fn delete_keys(&mut self, index: &TreeIndex, keys: &[Bytes]) -> Result<(), Error> {
        let mut txn = WriteTxn::begin(index, self);
        for key in keys {
            txn.delete_range(&DeleteRangeRequest {
                key: key.clone(),
                ..Default::default()
            })?;
        }
        txn.end();
        Ok(())
    }

    /// Applies a transaction.
    ///
    /// # Errors
    /// See [`txn::check`]; [`Error::Corrupt`] if a record is damaged.
    pub fn txn(
        &mut self,
        index: &TreeIndex,
        r: &TxnRequest,
        leases: LeaseLookup<'_>,
    ) -> Result<TxnResponse, Error> {
        let view = self.view(index);
        let path = Path::choose(&view, r)?;
        txn::check(&view, r, &path, leases)?;
        let mut txn = WriteTxn::begin(index, self);
        let mut response = txn::execute(&mut txn, r, &path)?;
        response.header = txn::header(txn.end());
        Ok(response)
    }
}

/// A transaction that writes. Its changes share a main revision, which is used only if there are any.
pub struct WriteTxn<'a, B> {
    index: &'a TreeIndex,
    head: &'a mut Head<B>,
    changes: i64,
}

impl<'a, B: Values> WriteTxn<'a, B> {
    fn begin(index: &'a TreeIndex, head: &'a mut Head<B>) -> WriteTxn<'a, B> {
        WriteTxn {
            index,
            head,
            changes: 0,
        }
    }

    /// Main revision seen by a read inside the transaction.
    fn revision(&self) -> i64 {
        self.head.revision + i64::from(self.changes > 0)
    }

    fn end(self) -> i64 {
        self.head.revision = self.revision();
        self.head.revision
    }

    /// The state including the changes so far.
    pub fn view(&self) -> View<'_, impl Values + use<B>> {
        View {
            revision: self.revision(),
            ..self.head.view(self.index)
        }
    }

    fn push(&mut self, event: Event) {
        self.changes += 1;
        self.head.values.uncommitted.push(event);
    }

    /// Puts one key.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the previous record is needed and damaged.
    pub fn put(&mut self, r: &PutRequest) -> Result<PutResponse, Error> {
        let prev = match r.prev_kv || r.ignore_value || r.ignore_lease {
            true => self.view().get(&r.key)?,
            false => None,
        };
        let rev = Revision::new(self.head.revision + 1, self.changes);
        let (found, previous) = self.index.put(&r.key, rev);
        let kv = KeyValue {
            key: r.key.clone(),
            value: match &prev {
                Some(prev) if r.ignore_value => prev.value.clone(),
                _ => r.value.clone(),
            },
            lease: match &prev {
                Some(prev) if r.ignore_lease => prev.lease,
                _ => r.lease,
            },
            create_revision: found.created,
            mod_revision: rev.main,
            version: found.version,
        };
        let record = Bytes::from(key::encode(&kv));
        self.push(Event {
            rev,
            tombstone: false,
            key: key::user_key(&record),
            record,
            lease: kv.lease,
            previous,
        });
        Ok(PutResponse {
            header: txn::header(rev.main),
            prev_kv: prev.filter(|_| r.prev_kv),
        })
    }

    /// Deletes a range.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a previous record is needed and damaged.
    pub fn delete_range(&mut self, r: &DeleteRangeRequest) -> Result<DeleteRangeResponse, Error> {
        let mut keys = Vec::new();
        let mut revs = Vec::new();
        let range = KeyRange::new(&r.key, &r.range_end);
        self.index.visit(range, self.revision(), |key, found| {
            keys.push(Bytes::copy_from_slice(key));
            revs.push(found.modified);
            true
        });
        let prev_kvs = match r.prev_kv {
            true => self.view().values.values(&revs)?,
            false => Vec::new(),
        };
        for (key, previous) in keys.iter().zip(&revs) {
            let rev = Revision::new(self.head.revision + 1, self.changes);
            self.index.tombstone(key, rev);
            let record = Bytes::from(key::encode_tombstone(key));
            self.push(Event {
                rev,
                tombstone: true,
                key: key::user_key(&record),
                record,
                lease: 0,
                previous: Some(*previous),
            });
        }
        Ok(DeleteRangeResponse {
            header: txn::header(self.revision()),
            deleted: keys.len() as i64,
            prev_kvs,
        })
    }
}
