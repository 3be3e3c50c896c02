//! What readers, the writer and the compaction share: the published state, the index and the queue.
//! Holds them and decides nothing.

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
    schema::key::{KeyValueRef, RevisionKey},
    server::{
        alarms::Alarms,
        apply::Ids,
        auth::{AuthStore, Tokens},
        backend::{DatabaseFile, Tx},
        error::Error,
        lease::{IdGenerator, Lessor},
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

/// A committed state: everything that a client may see, as one group left it.
pub struct Published {
    /// The file, for its sizes.
    pub file: DatabaseFile,
    /// The records.
    pub tx: Tx,
    /// Main revision of the newest write.
    pub revision: i64,
    /// The consistent index.
    pub applied: u64,
    /// Active alarms.
    pub alarms: Alarms,
    /// Users and roles.
    pub auth: Arc<AuthStore>,
    /// The changes of keys that led here from the state published before, in order.
    pub events: Vec<Event>,
}

/// What the parts of a core have in common.
pub struct Shared {
    /// All keys; may be ahead of what is published.
    pub index: Arc<TreeIndex>,
    /// The way to the writer.
    pub queue: Queue,
    /// Hashes of the last compactions.
    pub compaction_hashes: Mutex<CompactionHashes>,
    /// The ids in answers.
    pub ids: Ids,
    /// The committed leases.
    pub lessor: Arc<Lessor>,
    /// Ids for leases whose clients choose none.
    pub lease_ids: IdGenerator,
    /// The tokens of logged-in users.
    pub tokens: Tokens,
    /// All watchers.
    pub hub: Hub,
    /// The published compact revision; -1 before the first compaction.
    compacted: AtomicI64,
    published: RwLock<Option<Arc<Published>>>,
    stop: Stop,
}

impl Shared {
    /// A core that begins with `published`.
    pub fn new(
        index: Arc<TreeIndex>,
        ids: Ids,
        lessor: Arc<Lessor>,
        tokens: Tokens,
        published: Published,
        compacted: i64,
    ) -> Shared {
        Shared {
            index,
            lessor,
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

    /// The newest committed state.
    ///
    /// # Errors
    /// The server has stopped.
    pub fn published(&self) -> Result<Arc<Published>, Error> {
        self.published.read().clone().ok_or(Error::Stopped)
    }

    /// Users and roles as committed.
    ///
    /// # Errors
    /// The server has stopped.
    pub fn auth(&self) -> Result<Arc<AuthStore>, Error> {
        let published = self.published.read();
        let published = published.as_ref().ok_or(Error::Stopped)?;
        Ok(published.auth.clone())
    }

    /// Whether authentication is on.
    ///
    /// # Errors
    /// The server has stopped.
    pub fn is_auth_enabled(&self) -> Result<bool, Error> {
        let published = self.published.read();
        let published = published.as_ref().ok_or(Error::Stopped)?;
        Ok(published.auth.is_enabled())
    }

    /// Makes a committed state visible. Its compact revision is published with it, before the index is
    /// compacted, so that a reader that has looked into a compacted index can notice.
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
        // Dropped outside the lock: this may be the last handle of a replaced file, and freeing the blocks
        // of a large file takes time.
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

    /// A header at `revision`.
    pub fn header(&self, revision: i64) -> ResponseHeader {
        self.ids.header(revision)
    }

    /// Announces that the server stops.
    pub fn stop(&self) {
        self.stop.flag.store(true, Ordering::Release);
        let _held = self.stop.lock.lock();
        self.stop.changed.notify_all();
    }

    /// Whether the server stops.
    pub fn is_stopping(&self) -> bool {
        self.stop.flag.load(Ordering::Acquire)
    }

    /// Waits for so long, or until the server stops; returns whether it goes on.
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

    /// Releases the file: it closes when the last reader is done.
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
