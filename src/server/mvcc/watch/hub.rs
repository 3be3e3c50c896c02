//! All watchers of a server. One thread passes the events of each published group to the synced watchers
//! (`notifier.rs`); another lets the unsynced ones catch up from the store (`catch_up.rs`). Neither ever blocks the
//! writer, which only puts each group into an inbox of bounded size.

mod catch_up;
mod notifier;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use parking_lot::{Condvar, Mutex};

use super::{
    history::History,
    queue::{Content, Delivery, StreamQueue},
    range::Range,
    set::WatcherSet,
    watcher::{Options, State, Watcher},
};
use crate::server::mvcc::event::Event;

/// Maximum size in bytes of the groups that wait for the notifier. If there are more, the groups are dropped, and the
/// watchers read them from the store.
const INBOX_BYTES: usize = 64 << 20;
/// Size of an event in the inbox in addition to its record, in bytes.
const EVENT_OVERHEAD: usize = 128;

/// Numbers of streams, watchers and events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Streams.
    pub streams: usize,
    /// Watchers.
    pub watchers: usize,
    /// Watchers that are not synced.
    pub slow: usize,
    /// Events passed to streams since the start.
    pub events: u64,
}

/// All watchers of a server.
pub struct Hub {
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    watchers: Mutex<Watchers>,
    /// Notified when a watcher may be able to catch up.
    may_catch_up: Condvar,
    streams: AtomicUsize,
    events: AtomicU64,
}

/// What waits for the notifier.
struct Inbox {
    messages: VecDeque<Message>,
    bytes: usize,
    /// The latest published revision.
    revision: i64,
    /// Number of existing watchers. Without any, groups are not kept.
    watchers: usize,
    closed: bool,
}

enum Message {
    /// A published group, with its first revision and its size in bytes.
    Group {
        history: Arc<dyn History>,
        first: i64,
        bytes: usize,
    },
    /// Groups from this revision on were dropped.
    Dropped { first: i64 },
    /// A client requests progress, of one watcher or of the whole stream.
    Progress {
        stream: Arc<StreamQueue>,
        watcher: Option<Arc<Watcher>>,
    },
}

#[derive(Default)]
struct Watchers {
    synced: WatcherSet,
    /// In the order of their turns. Removed watchers are dropped when it is their turn.
    unsynced: VecDeque<Arc<Watcher>>,
    /// Everything up to this revision has been passed to all synced watchers.
    delivered: i64,
    closed: bool,
}

impl Hub {
    /// A hub without watchers, at this revision.
    pub fn new(revision: i64) -> Hub {
        Hub {
            inbox: Mutex::new(Inbox {
                messages: VecDeque::new(),
                bytes: 0,
                revision,
                watchers: 0,
                closed: false,
            }),
            arrived: Condvar::new(),
            watchers: Mutex::new(Watchers {
                delivered: revision,
                ..Watchers::default()
            }),
            may_catch_up: Condvar::new(),
            streams: AtomicUsize::new(0),
            events: AtomicU64::new(0),
        }
    }

    /// A new stream without watchers.
    pub fn open_stream(&self) -> Arc<StreamQueue> {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Arc::default()
    }

    /// The numbers of streams, watchers and events.
    pub fn counts(&self) -> Counts {
        let watchers = self.inbox.lock().watchers;
        Counts {
            streams: self.streams.load(Ordering::Relaxed),
            watchers,
            slow: watchers.saturating_sub(self.watchers.lock().synced.len()),
            events: self.events.load(Ordering::Relaxed),
        }
    }

    /// Publishes a group. Called by the writer, in order.
    pub fn publish(&self, history: Arc<dyn History>) {
        let mut inbox = self.inbox.lock();
        let first = inbox.revision + 1;
        inbox.revision = history.revision();
        if inbox.watchers == 0 || history.events().is_empty() {
            return;
        }
        let size = |event: &Event| EVENT_OVERHEAD + event.record.len();
        let bytes: usize = history.events().iter().map(size).sum();
        if inbox.bytes > 0 && inbox.bytes + bytes > INBOX_BYTES {
            inbox.drop_groups();
        }
        inbox.bytes += bytes;
        inbox.messages.push_back(Message::Group {
            history,
            first,
            bytes,
        });
        drop(inbox);
        self.arrived.notify_one();
    }

    /// Creates a watcher that starts at revision `start` (0: at the next one), and announces it on its stream.
    pub fn create(
        &self,
        stream: &Arc<StreamQueue>,
        id: i64,
        range: Range,
        options: Options,
        start: i64,
    ) -> Arc<Watcher> {
        let (first, revision) = {
            let mut inbox = self.inbox.lock();
            // From here on, groups are kept.
            inbox.watchers += 1;
            (inbox.watchers == 1, inbox.revision)
        };
        stream.push(Delivery {
            id,
            revision,
            content: Content::Created,
        });
        let next = match start {
            0 => revision + 1,
            start => start,
        };
        let mut watchers = self.watchers.lock();
        let range = watchers.synced.shared(range);
        let watcher = Watcher::new(id, stream.clone(), range, options, start, next);
        let watcher = Arc::new(watcher);
        if first {
            // While there were no watchers, nothing had to be delivered.
            watchers.delivered = watchers.delivered.max(revision);
        }
        stream.latest_start.fetch_max(start, Ordering::Relaxed);
        stream.behind.fetch_add(1, Ordering::Relaxed);
        // The revisions up to `revision` may never have been in the inbox.
        if next > revision && next > watchers.delivered {
            watchers.insert_synced(watcher.clone());
        } else {
            watchers.unsynced.push_back(watcher.clone());
            drop(watchers);
            self.may_catch_up.notify_one();
        }
        watcher
    }

    /// Cancels a watcher. Nothing more is delivered to it. `rest` are the other watchers of its stream.
    pub fn remove<'a>(&self, watcher: &Arc<Watcher>, rest: impl Iterator<Item = &'a Arc<Watcher>>) {
        let mut watchers = self.watchers.lock();
        let stream = &watcher.stream;
        // Most watchers start at no particular revision.
        if watcher.start > 0 {
            let latest = rest.map(|other| other.start).max().unwrap_or(0);
            stream.latest_start.store(latest, Ordering::Relaxed);
        }
        match watcher.set_state(State::Removed) {
            State::Removed => return,
            State::Synced => watchers.synced.remove(watcher),
            // It is removed from the line when it is its turn.
            State::Unsynced => {
                stream.behind.fetch_sub(1, Ordering::Relaxed);
            }
        }
        watchers.answer_wanted_progress(stream);
        drop(watchers);
        self.inbox.lock().watchers -= 1;
    }

    /// Cancels all watchers of a stream from [`Hub::open_stream`] and closes the stream.
    pub fn close_stream<'a>(&self, all: impl Iterator<Item = &'a Arc<Watcher>>) {
        let mut removed = 0;
        let mut watchers = self.watchers.lock();
        for watcher in all {
            match watcher.set_state(State::Removed) {
                State::Removed => continue,
                State::Synced => watchers.synced.remove(watcher),
                State::Unsynced => {}
            }
            removed += 1;
        }
        watchers.unsynced.retain(|watcher| !watcher.is_removed());
        drop(watchers);
        self.inbox.lock().watchers -= removed;
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// Sends the current revision once everything up to it has been delivered: to one watcher if it is synced, or for
    /// the whole stream as soon as all its watchers are.
    pub fn request_progress(&self, stream: &Arc<StreamQueue>, watcher: Option<Arc<Watcher>>) {
        let mut inbox = self.inbox.lock();
        inbox.messages.push_back(Message::Progress {
            stream: stream.clone(),
            watcher,
        });
        drop(inbox);
        self.arrived.notify_one();
    }

    /// A stream on which watchers have waited has space again.
    pub fn has_space(&self) {
        // Under the lock, so that the thread either sees the space or is already waiting.
        let _watchers = self.watchers.lock();
        self.may_catch_up.notify_one();
    }

    /// The latest published revision.
    pub fn revision(&self) -> i64 {
        self.inbox.lock().revision
    }

    /// Ends both threads.
    pub fn close(&self) {
        self.inbox.lock().closed = true;
        self.arrived.notify_all();
        self.watchers.lock().closed = true;
        self.may_catch_up.notify_all();
    }
}

impl Inbox {
    /// Drops all waiting groups; other messages stay, in order.
    fn drop_groups(&mut self) {
        let firsts = self.messages.iter().filter_map(|message| match message {
            Message::Group { first, .. } | Message::Dropped { first } => Some(*first),
            Message::Progress { .. } => None,
        });
        let Some(first) = firsts.min() else { return };
        self.messages
            .retain(|message| matches!(message, Message::Progress { .. }));
        self.messages.push_front(Message::Dropped { first });
        self.bytes = 0;
    }
}

impl Watchers {
    /// Makes a watcher synced that is in no set and has received everything.
    fn insert_synced(&mut self, watcher: Arc<Watcher>) {
        watcher.set_state(State::Synced);
        let stream = watcher.stream.clone();
        stream.behind.fetch_sub(1, Ordering::Relaxed);
        self.synced.insert(watcher);
        self.answer_wanted_progress(&stream);
    }

    /// Responds to a request for progress that has waited until all watchers of the stream are synced.
    fn answer_wanted_progress(&self, stream: &StreamQueue) {
        let wanted = &stream.progress_wanted;
        if wanted.load(Ordering::Relaxed) && stream.is_at(self.delivered) {
            wanted.store(false, Ordering::Relaxed);
            self.progress(stream, -1, self.delivered);
        }
    }

    /// Makes a synced watcher continue from the store.
    fn make_unsynced(&mut self, watcher: Arc<Watcher>) {
        self.synced.remove(&watcher);
        watcher.set_state(State::Unsynced);
        watcher.stream.behind.fetch_add(1, Ordering::Relaxed);
        self.unsynced.push_back(watcher);
    }

    /// Makes all synced watchers continue from the store, from revision `first` on.
    fn fall_back(&mut self, first: i64) {
        for watcher in self.synced.drain() {
            watcher.set_state(State::Unsynced);
            watcher.set_next(watcher.next().max(first));
            watcher.stream.behind.fetch_add(1, Ordering::Relaxed);
            self.unsynced.push_back(watcher);
        }
    }

    fn progress(&self, stream: &StreamQueue, id: i64, revision: i64) {
        stream.push(Delivery {
            id,
            revision,
            content: Content::Progress,
        });
    }
}
