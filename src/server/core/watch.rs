//! The Watch service: one object for each client stream, with all its watchers. Everything to be sent, including
//! responses to requests, is returned by [`WatchStream::next`] in order. Knows nothing of the wire format.

use std::{
    borrow::Borrow,
    collections::{HashSet, VecDeque},
    future::poll_fn,
    hash::{Hash, Hasher},
    sync::Arc,
    thread,
};

use super::{Core, Inner};
use crate::{
    proto::etcdserverpb as pb,
    server::{
        error::Error,
        mvcc::watch::{Content, Counts, Delivery, Options, Range, SPARSE, StreamQueue, Watcher},
    },
};

/// The id in a response that concerns no watcher, or the whole stream.
pub const NO_WATCHER: i64 = -1;
/// The id that lets the server choose.
const AUTOMATIC: i64 = 0;

/// The watchers of one client stream. They end when this is dropped.
pub struct WatchStream {
    inner: Arc<Inner>,
    queue: Arc<StreamQueue>,
    watchers: HashSet<ById>,
    next_id: i64,
}

/// A watcher, found in a set by its id. A map would contain each id a second time.
struct ById(Arc<Watcher>);

impl Borrow<i64> for ById {
    fn borrow(&self) -> &i64 {
        &self.0.id
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &ById) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

impl Core {
    /// A stream without watchers.
    ///
    /// # Errors
    /// The server has stopped, or the system refused a thread.
    pub fn watch(&self) -> Result<WatchStream, Error> {
        self.inner.shared.published()?;
        self.inner.start_watching()?;
        Ok(WatchStream {
            inner: self.inner.clone(),
            queue: self.inner.shared.hub.open_stream(),
            watchers: HashSet::new(),
            next_id: 0,
        })
    }

    /// The number of watchers and of events sent to them.
    pub fn watch_counts(&self) -> Counts {
        self.inner.shared.hub.counts()
    }
}

impl Inner {
    /// Starts the watcher threads, once.
    fn start_watching(&self) -> Result<(), Error> {
        let mut started = self.watching.lock();
        if *started {
            return Ok(());
        }
        let (notifies, catches_up) = (self.shared.clone(), self.shared.clone());
        let threads = [
            thread::Builder::new()
                .name("watch".into())
                .spawn(move || notifies.hub.run_notifier()),
            thread::Builder::new()
                .name("watch-catch-up".into())
                .spawn(move || catches_up.hub.run_catch_up(&*catches_up)),
        ];
        for thread in threads {
            let thread = thread.map_err(|e| {
                let text = format!("etcdserver: can't start a thread: {e}");
                Error::Other(tonic::Code::ResourceExhausted, text)
            })?;
            self.threads.lock().push(thread);
        }
        *started = true;
        Ok(())
    }
}

impl WatchStream {
    /// Creates a watcher according to the request. Returns its id, or `None` if it was not created. The response is
    /// delivered like any other.
    pub fn create(&mut self, r: pb::WatchCreateRequest) -> Option<i64> {
        if r.start_revision < 0 {
            self.refuse(Error::Compacted.text());
            return None;
        }
        let Some(range) = Range::new(&r.key, &r.range_end) else {
            self.refuse("mvcc: watcher range is empty");
            return None;
        };
        let id = match r.watch_id {
            AUTOMATIC => {
                while self.watchers.contains(&self.next_id) {
                    self.next_id += 1;
                }
                self.next_id += 1;
                self.next_id - 1
            }
            id if self.watchers.contains(&id) => {
                self.refuse("mvcc: duplicate watch ID provided on the WatchStream");
                return None;
            }
            id => id,
        };
        let filters =
            |kind: pb::watch_create_request::FilterType| r.filters.contains(&i32::from(kind));
        let options = Options {
            prev_kv: r.prev_kv,
            no_put: filters(pb::watch_create_request::FilterType::Noput),
            no_delete: filters(pb::watch_create_request::FilterType::Nodelete),
        };
        let hub = &self.inner.shared.hub;
        let watcher = hub.create(&self.queue, id, range, options, r.start_revision);
        self.watchers.insert(ById(watcher));
        Some(id)
    }

    /// Rejects a request to create a watcher.
    pub fn refuse(&self, reason: &str) {
        self.queue.push(Delivery {
            id: NO_WATCHER,
            revision: self.inner.shared.hub.revision(),
            content: Content::Refused(reason.into()),
        });
    }

    /// Cancels a watcher and confirms it. As in etcd, ignores an unknown id.
    pub fn cancel(&mut self, id: i64) {
        let Some(ById(watcher)) = self.watchers.take(&id) else {
            return;
        };
        if self.watchers.len() < self.watchers.capacity() / SPARSE {
            self.watchers.shrink_to(2 * self.watchers.len());
        }
        let hub = &self.inner.shared.hub;
        hub.remove(&watcher, self.watchers.iter().map(|ById(other)| other));
        self.queue.push(Delivery {
            id,
            revision: hub.revision(),
            content: Content::Cancelled,
        });
    }

    /// Requests a notification of the current revision, to be sent once all watchers have received everything up to it.
    /// As in etcd, there is no response without watchers.
    pub fn request_progress(&self) {
        if !self.watchers.is_empty() {
            self.inner.shared.hub.request_progress(&self.queue, None);
        }
    }

    /// Requests such a notification for one watcher, which is sent if the watcher is synced.
    pub fn notify_progress(&self, id: i64) {
        if let Some(ById(watcher)) = self.watchers.get(&id) {
            let hub = &self.inner.shared.hub;
            hub.request_progress(&self.queue, Some(watcher.clone()));
        }
    }

    /// Whether more requests may be read: not while too much is waiting to be sent.
    pub fn has_space(&self) -> bool {
        self.queue.has_space()
    }

    /// Waits for responses to be sent, and returns all of them. Cancel-safe.
    pub async fn next(&self) -> VecDeque<Delivery> {
        let (deliveries, space_wanted) = poll_fn(|cx| self.queue.poll_take(cx)).await;
        if space_wanted {
            self.inner.shared.hub.has_space();
        }
        deliveries
    }

    /// A response header at a revision.
    pub fn header(&self, revision: i64) -> pb::ResponseHeader {
        self.inner.shared.header(revision)
    }
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        let watchers = self.watchers.iter().map(|ById(watcher)| watcher);
        self.inner.shared.hub.close_stream(watchers);
    }
}
