//! What readers, the writer and the compaction share: the published state, the index and the queue. Contains no logic.

use std::{
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, RwLock};

use crate::{
    proto::etcdserverpb::ResponseHeader,
    schema::{
        key::{KeyValueRef, RevisionKey},
        membership::Membership,
    },
    server::{
        alarms::Alarms,
        apply::Ids,
        auth::{AuthStore, Tokens},
        backend::{DatabaseFile, Tx},
        error::Error,
        lease::{IdGenerator, Lessor},
        metrics::StoreMetrics,
        mvcc::{
            compaction_hashes::CompactionHashes,
            event::Event,
            index::TreeIndex,
            revision::Revision,
            view::View,
            watch::{EachRecord, History, Hub, Store},
        },
        queue::Queue,
    },
};

/// A committed state: everything that is visible to clients, as of one group.
pub struct Published {
    /// The file, for its sizes.
    pub file: DatabaseFile,
    /// The records.
    pub tx: Tx,
    /// Main revision of the latest write.
    pub revision: i64,
    /// The consistent index.
    pub applied: u64,
    /// Active alarms.
    pub alarms: Alarms,
    /// Users and roles.
    pub auth: Arc<AuthStore>,
    /// Members and versions.
    pub membership: Arc<Membership>,
    /// The changes of keys since the previously published state, in order.
    pub events: Vec<Event>,
}

/// What the parts of a core share.
pub struct Shared {
    /// All keys; may be ahead of what is published.
    pub index: Arc<TreeIndex>,
    /// The requests for the writer.
    pub queue: Queue,
    /// Hashes of the last compactions.
    pub compaction_hashes: Mutex<CompactionHashes>,
    /// The ids in response headers.
    pub ids: Ids,
    /// The committed leases.
    pub lessor: Arc<Lessor>,
    /// Generates ids for leases whose clients do not choose one.
    pub lease_ids: IdGenerator,
    /// The tokens of logged-in users.
    pub tokens: Tokens,
    /// What is counted and timed.
    pub metrics: Arc<StoreMetrics>,
    /// All watchers.
    pub hub: Hub,
    /// The published compact revision; -1 before the first compaction.
    compacted: AtomicI64,
    published: RwLock<Option<Arc<Published>>>,
    stop: Stop,
}

impl Shared {
    /// For a core that starts with `published`.
    pub fn new(
        index: Arc<TreeIndex>,
        ids: Ids,
        lessor: Arc<Lessor>,
        tokens: Tokens,
        published: Published,
        compacted: i64,
        metrics: Arc<StoreMetrics>,
    ) -> Shared {
        Shared {
            index,
            lessor,
            metrics,
            lease_ids: IdGenerator::new(ids.member, SystemTime::now()),
            tokens,
            queue: Queue::default(),
            compaction_hashes: Mutex::default(),
            ids,
            hub: Hub::new(published.revision),
            compacted: AtomicI64::new(compacted),
            published: RwLock::new(Some(Arc::new(published))),
            stop: Stop::default(),
        }
    }

    /// The current committed state.
    ///
    /// # Errors
    /// The server has stopped.
    pub fn published(&self) -> Result<Arc<Published>, Error> {
        self.published.read().clone().ok_or(Error::Stopped)
    }

    /// The committed users and roles.
    ///
    /// # Errors
    /// The server has stopped.
    pub fn auth(&self) -> Result<Arc<AuthStore>, Error> {
        let published = self.published.read();
        let published = published.as_ref().ok_or(Error::Stopped)?;
        Ok(published.auth.clone())
    }

    /// Whether authentication is enabled.
    ///
    /// # Errors
    /// The server has stopped.
    pub fn is_auth_enabled(&self) -> Result<bool, Error> {
        let published = self.published.read();
        let published = published.as_ref().ok_or(Error::Stopped)?;
        Ok(published.auth.is_enabled())
    }

    /// Makes a committed state visible. Its compact revision is published with it, before the index is compacted, so
    /// that a reader can notice that the index it used has been compacted.
    pub fn publish(&self, state: Published, compacted: i64) {
        let state = Arc::new(state);
        let mut published = self.published.write();
        self.compacted.store(compacted, Ordering::Release);
        // After `close` nothing is published any more.
        let before = published
            .as_mut()
            .map(|published| std::mem::replace(published, state.clone()));
        drop(published);
        if before.is_some() {
            self.hub.publish(state);
        }
        // Drop it outside the lock: it may be the last handle of a replaced file, and freeing the blocks of a large
        // file takes time.
        drop(before);
    }

    /// The published compact revision; -1 before the first compaction.
    pub fn compacted(&self) -> i64 {
        self.compacted.load(Ordering::Acquire)
    }

    /// A reader's view of a published state; `values` are its records.
    pub fn view_of<'a, V>(&'a self, published: &Published, values: &'a V) -> View<'a, V> {
        View {
            index: &self.index,
            values,
            revision: published.revision,
            compacted: &self.compacted,
        }
    }

    /// A response header at `revision`.
    pub fn header(&self, revision: i64) -> ResponseHeader {
        self.ids.header(revision)
    }

    /// Announces that the server is stopping.
    pub fn stop(&self) {
        self.stop.flag.store(true, Ordering::Release);
        let _held = self.stop.lock.lock();
        self.stop.changed.notify_all();
    }

    /// Whether the server is stopping.
    pub fn is_stopping(&self) -> bool {
        self.stop.flag.load(Ordering::Acquire)
    }

    /// Waits for this long, or until the server stops. Returns false if it is stopping.
    pub fn pause(&self, time: std::time::Duration) -> bool {
        let mut held = self.stop.lock.lock();
        let until = std::time::Instant::now().checked_add(time);
        while !self.is_stopping() {
            let over = match until {
                Some(until) => self.stop.changed.wait_until(&mut held, until).timed_out(),
                None => {
                    self.stop.changed.wait(&mut held);
                    false
                }
            };
            if over {
                break;
            }
        }
        !self.is_stopping()
    }

    /// Releases the file, which is closed when the last reader has ended.
    pub fn close(&self) {
        *self.published.write() = None;
    }
}

impl History for Published {
    fn revision(&self) -> i64 {
        self.revision
    }

    fn events(&self) -> &[Event] {
        &self.events
    }

    fn records(&self, from: i64, each: EachRecord<'_>) -> Result<(), Error> {
        let start = Revision::new(from, 0).encode();
        let start = Bound::Included(&start[..]);
        self.tx.records(start, self.revision, |key, record| {
            let at = RevisionKey::of_record(key).map_err(|e| Error::record(&e))?;
            each(at.revision, at.tombstone, record)
        })
    }

    fn record(&self, rev: Revision) -> Option<Bytes> {
        self.tx.record(rev).ok()
    }

    fn key<'a>(&self, rev: Revision, record: &'a [u8]) -> Result<&'a [u8], Error> {
        let kv = KeyValueRef::of_record(&rev.encode(), record);
        kv.map(|kv| kv.key).map_err(|e| Error::record(&e))
    }
}

impl Store for Shared {
    fn newest(&self) -> Option<Arc<dyn History>> {
        let newest = self.published().ok()?;
        Some(newest)
    }

    fn compacted(&self) -> i64 {
        Shared::compacted(self)
    }

    fn put_at(&self, key: &[u8], at: i64) -> Option<Revision> {
        self.index.get(key, at).map(|found| found.modified)
    }
}

#[derive(Default)]
struct Stop {
    flag: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}
