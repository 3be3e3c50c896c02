//! All watchers of a server. One thread passes the events of each published group to the synced watchers; another lets
//! the unsynced ones catch up from the store. Neither ever blocks the writer, which only puts each group into an inbox
//! of bounded size.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::Waker,
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{
    event::SharedEvent,
    queue::{Delivery, StreamQueue, What},
    set::WatcherSet,
    watcher::{Options, Range, Watcher},
};
use crate::{
    schema::key,
    server::{
        error::Error,
        mvcc::{event::Event, revision::Revision},
    },
};

/// Maximum size in bytes of the groups that wait for the notifier. If there are more, the groups are dropped, and the
/// watchers read them from the store.
const INBOX_BYTES: usize = 64 << 20;
/// Size of an event in the inbox in addition to its record, in bytes.
const EVENT_OVERHEAD: usize = 128;
/// Number of watchers that catch up in one step.
const WATCHERS_PER_STEP: usize = 512;
/// Maximum number of records that one step reads, except to complete a revision.
const RECORDS_PER_STEP: usize = 10_000;
/// Maximum number of bytes of events that one step copies, except to complete a revision.
const BYTES_PER_STEP: usize = 256 << 10;

/// Called for each record: its revision, whether it is a deletion, and the record. Returns whether to continue.
pub type EachRecord<'a> = &'a mut dyn FnMut(Revision, bool, &[u8]) -> Result<bool, Error>;

/// A committed state, and the events that led to it.
pub trait History: Send + Sync {
    /// The current revision.
    fn revision(&self) -> i64;

    /// The events of the committed group, in order.
    fn events(&self) -> &[Event];

    /// Calls `each` for the records from main revision `from` on, in order.
    ///
    /// # Errors
    /// A page or record is damaged, or the error that `each` returned.
    fn records(&self, from: i64, each: EachRecord<'_>) -> Result<(), Error>;

    /// The record of a put; `None` if it no longer exists.
    fn record(&self, rev: Revision) -> Option<Bytes>;

    /// The user's key in a record.
    ///
    /// # Errors
    /// The record is damaged.
    fn key<'a>(&self, rev: Revision, record: &'a [u8]) -> Result<&'a [u8], Error>;
}

/// Provides the current committed state.
pub trait Store: Send + Sync {
    /// The current committed state; `None` once the server has stopped.
    fn newest(&self) -> Option<Arc<dyn History>>;

    /// The compact revision.
    fn compacted(&self) -> i64;

    /// The put of `key` that is current at main revision `at`.
    fn put_at(&self, key: &[u8], at: i64) -> Option<Revision>;
}

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
            what: What::Created,
        });
        let next = match start {
            0 => revision + 1,
            start => start,
        };
        let watcher = Watcher::new(id, stream.clone(), range, options, start, next);
        let watcher = Arc::new(watcher);
        let mut watchers = self.watchers.lock();
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
        let latest = rest.map(|other| other.start).max().unwrap_or(0);
        let stream = &watcher.stream;
        stream.latest_start.store(latest, Ordering::Relaxed);
        if watcher.remove() {
            match watcher.is_synced() {
                true => watchers.synced.remove(watcher),
                // It is removed from the line when it is its turn.
                false => {
                    stream.behind.fetch_sub(1, Ordering::Relaxed);
                }
            }
            watchers.answer_wanted_progress(stream);
            drop(watchers);
            self.inbox.lock().watchers -= 1;
        }
    }

    /// Cancels all watchers of a stream from [`Hub::open_stream`] and closes the stream.
    pub fn close_stream<'a>(&self, all: impl Iterator<Item = &'a Arc<Watcher>>) {
        let mut removed = 0;
        let mut watchers = self.watchers.lock();
        for watcher in all.filter(|watcher| watcher.remove()) {
            removed += 1;
            if watcher.is_synced() {
                watchers.synced.remove(watcher);
            }
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

    /// Passes published events to the synced watchers until the hub is closed.
    pub fn run_notifier(&self) {
        while let Some(message) = self.next_message() {
            match message {
                Message::Group { history, .. } => self.notify(&*history),
                Message::Dropped { first } => {
                    self.watchers.lock().fall_back(first);
                    self.may_catch_up.notify_one();
                }
                Message::Progress { stream, watcher } => self.answer_progress(&stream, watcher),
            }
        }
    }

    fn next_message(&self) -> Option<Message> {
        let mut inbox = self.inbox.lock();
        loop {
            if inbox.closed {
                return None;
            }
            if let Some(message) = inbox.messages.pop_front() {
                if let Message::Group { bytes, .. } = &message {
                    inbox.bytes -= bytes;
                }
                return Some(message);
            }
            self.arrived.wait(&mut inbox);
        }
    }

    fn notify(&self, history: &dyn History) {
        let mut wake = Vec::new();
        let mut watchers = self.watchers.lock();
        let mut behind = Vec::new();
        let mut delivered = 0;
        let revisions = history.events().chunk_by(|a, b| a.rev.main == b.rev.main);
        for events in revisions {
            let mut deliver = |watcher: &Arc<Watcher>, what: What, count: u64| {
                let delivery = Delivery {
                    id: watcher.id,
                    revision: events[0].rev.main,
                    what,
                };
                match watcher.stream.offer(delivery, &mut wake) {
                    Ok(()) => delivered += count,
                    Err(_) => behind.push(watcher.clone()),
                }
            };
            if let [event] = events {
                let mut shared = None;
                watchers.synced.watching(&event.key, |watcher| {
                    if event.rev.main < watcher.next() || !watcher.wants(event) {
                        return;
                    }
                    let prev_kv = watcher.options.prev_kv;
                    let shared = share(&mut shared, event, prev_kv, history);
                    deliver(watcher, What::Event(shared, prev_kv), 1);
                });
            } else {
                for (watcher, events) in match_events(&watchers.synced, events, history) {
                    let count = events.len() as u64;
                    let prev_kv = watcher.options.prev_kv;
                    deliver(&watcher, What::Events(events, prev_kv), count);
                }
            }
            for watcher in behind.drain(..) {
                watcher.set_next(events[0].rev.main);
                watchers.make_unsynced(watcher);
            }
        }
        watchers.delivered = watchers.delivered.max(history.revision());
        let some_behind = !watchers.unsynced.is_empty();
        drop(watchers);
        self.events.fetch_add(delivered, Ordering::Relaxed);
        wake.into_iter().for_each(Waker::wake);
        if some_behind {
            self.may_catch_up.notify_one();
        }
    }

    fn answer_progress(&self, stream: &Arc<StreamQueue>, watcher: Option<Arc<Watcher>>) {
        let published = self.inbox.lock().revision;
        let watchers = self.watchers.lock();
        // If there are no messages in between, the latest published group has been delivered.
        let revision = match self.inbox.lock().messages.is_empty() {
            true => published.max(watchers.delivered),
            false => watchers.delivered,
        };
        match watcher {
            None if stream.is_at(revision) => watchers.progress(stream, -1, revision),
            None => stream.progress_wanted.store(true, Ordering::Relaxed),
            Some(w) if w.is_synced() && !w.is_removed() && revision >= w.start => {
                watchers.progress(stream, w.id, revision);
            }
            Some(_) => {}
        }
    }

    /// Lets unsynced watchers catch up until the hub is closed.
    pub fn run_catch_up(&self, store: &dyn Store) {
        while let Some(chosen) = self.choose() {
            // If the server is stopping there is no current state, and the hub will be closed.
            if let Some(history) = store.newest() {
                self.catch_up(store, &*history, chosen);
            }
        }
    }

    /// Waits for watchers that can catch up, and takes some of them from the line.
    fn choose(&self) -> Option<Vec<Arc<Watcher>>> {
        let mut watchers = self.watchers.lock();
        loop {
            if watchers.closed {
                return None;
            }
            let chosen = watchers.choose();
            if !chosen.is_empty() {
                return Some(chosen);
            }
            self.may_catch_up.wait(&mut watchers);
        }
    }

    /// One step for some watchers: reads history without any lock, then delivers it.
    fn catch_up(&self, store: &dyn Store, history: &dyn History, chosen: Vec<Arc<Watcher>>) {
        // Read after the state was obtained. A compaction in between does no harm if the state still contains all
        // records.
        let compacted = store.compacted();
        let (lost, chosen): (Vec<_>, Vec<_>) =
            (chosen.into_iter()).partition(|watcher| watcher.next() < compacted);
        let step = Step::read(store, history, &chosen);

        let mut watchers = self.watchers.lock();
        for watcher in lost {
            self.end(&watchers, &watcher, 0, What::Compacted(compacted));
        }
        let mut step = match step {
            Ok(step) => step,
            Err(error) => {
                let revision = history.revision();
                for watcher in chosen {
                    let why = What::Failed(error.to_string());
                    self.end(&watchers, &watcher, revision, why);
                }
                return;
            }
        };
        let mut wake = Vec::new();
        for watcher in chosen {
            if watcher.is_removed() {
                continue;
            }
            if let Some(events) = step.events.remove(&Arc::as_ptr(&watcher)) {
                let count = events.len() as u64;
                let delivery = Delivery {
                    id: watcher.id,
                    revision: step.last,
                    what: What::Events(events, watcher.options.prev_kv),
                };
                if watcher.stream.offer(delivery, &mut wake).is_err() {
                    watchers.unsynced.push_back(watcher);
                    continue;
                }
                self.events.fetch_add(count, Ordering::Relaxed);
            }
            watcher.set_next(watcher.next().max(step.last + 1));
            if watchers.delivered < watcher.next() {
                watchers.insert_synced(watcher);
            } else {
                watchers.unsynced.push_back(watcher);
            }
        }
        drop(watchers);
        wake.into_iter().for_each(Waker::wake);
    }

    /// Cancels a watcher that has been taken from the line, unless it has been cancelled in the meantime.
    fn end(
        &self,
        watchers: &MutexGuard<'_, Watchers>,
        watcher: &Arc<Watcher>,
        revision: i64,
        what: What,
    ) {
        if watcher.remove() {
            watcher.stream.behind.fetch_sub(1, Ordering::Relaxed);
            watcher.stream.push(Delivery {
                id: watcher.id,
                revision,
                what,
            });
            watchers.answer_wanted_progress(&watcher.stream);
            self.inbox.lock().watchers -= 1;
        }
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
        watcher.set_synced(true);
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
        watcher.set_synced(false);
        watcher.stream.behind.fetch_add(1, Ordering::Relaxed);
        self.unsynced.push_back(watcher);
    }

    /// Makes all synced watchers continue from the store, from revision `first` on.
    fn fall_back(&mut self, first: i64) {
        for watcher in self.synced.drain() {
            watcher.set_synced(false);
            watcher.set_next(watcher.next().max(first));
            watcher.stream.behind.fetch_add(1, Ordering::Relaxed);
            self.unsynced.push_back(watcher);
        }
    }

    /// Takes watchers whose streams have space from the line; the others stay in it.
    fn choose(&mut self) -> Vec<Arc<Watcher>> {
        let mut chosen = Vec::new();
        for _ in 0..self.unsynced.len() {
            let Some(watcher) = self.unsynced.pop_front() else {
                break;
            };
            if watcher.is_removed() {
                continue;
            }
            if !watcher.stream.wants_more() {
                self.unsynced.push_back(watcher);
                continue;
            }
            chosen.push(watcher);
            if chosen.len() == WATCHERS_PER_STEP {
                break;
            }
        }
        chosen
    }

    fn progress(&self, stream: &StreamQueue, id: i64, revision: i64) {
        stream.push(Delivery {
            id,
            revision,
            what: What::Progress,
        });
    }
}

/// The shared form of an event, created when the first watcher needs it.
fn share(
    shared: &mut Option<Arc<SharedEvent>>,
    event: &Event,
    prev_kv: bool,
    history: &dyn History,
) -> Arc<SharedEvent> {
    let shared = shared.get_or_insert_with(|| Arc::new(SharedEvent::new(event.clone())));
    if prev_kv {
        shared.with_previous(|| event.previous.and_then(|rev| history.record(rev)));
    }
    shared.clone()
}

/// The events of one revision for each watcher that wants any of them.
fn match_events(
    set: &WatcherSet,
    events: &[Event],
    history: &dyn History,
) -> Vec<(Arc<Watcher>, Vec<Arc<SharedEvent>>)> {
    let mut matched: Vec<(Arc<Watcher>, Vec<Arc<SharedEvent>>)> = Vec::new();
    let mut places: HashMap<*const Watcher, usize> = HashMap::new();
    for event in events {
        let mut shared = None;
        set.watching(&event.key, |watcher| {
            if event.rev.main < watcher.next() || !watcher.wants(event) {
                return;
            }
            let shared = share(&mut shared, event, watcher.options.prev_kv, history);
            let place = *places.entry(Arc::as_ptr(watcher)).or_insert_with(|| {
                matched.push((watcher.clone(), Vec::new()));
                matched.len() - 1
            });
            matched[place].1.push(shared);
        });
    }
    matched
}

/// A bounded part of the history for some watchers.
struct Step {
    events: HashMap<*const Watcher, Vec<Arc<SharedEvent>>>,
    /// The last revision that has been read completely.
    last: i64,
}

impl Step {
    fn read(
        store: &dyn Store,
        history: &dyn History,
        watchers: &[Arc<Watcher>],
    ) -> Result<Step, Error> {
        let mut step = Step {
            events: HashMap::new(),
            last: history.revision(),
        };
        let Some(from) = watchers.iter().map(|watcher| watcher.next()).min() else {
            return Ok(step);
        };
        if from > history.revision() {
            return Ok(step);
        }
        // None of these watchers is in another set.
        let mut set = WatcherSet::default();
        watchers.iter().for_each(|w| set.insert(w.clone()));
        let (mut records, mut bytes, mut current) = (0, 0, from);
        history.records(from, &mut |rev, tombstone, record| {
            let is_new = rev.main != current;
            if is_new && (records >= RECORDS_PER_STEP || bytes >= BYTES_PER_STEP) {
                step.last = rev.main - 1;
                return Ok(false);
            }
            current = rev.main;
            records += 1;
            let key = history.key(rev, record)?;
            let mut shared: Option<Arc<SharedEvent>> = None;
            set.watching(key, |watcher| {
                if rev.main < watcher.next() {
                    return;
                }
                let shared = shared.get_or_insert_with(|| {
                    bytes += record.len();
                    Arc::new(SharedEvent::new(event_of(rev, tombstone, record)))
                });
                if !watcher.wants(&shared.event) {
                    return;
                }
                if watcher.options.prev_kv {
                    shared.with_previous(|| {
                        let previous = store.put_at(key, rev.main - 1)?;
                        history.record(previous)
                    });
                }
                let events = step.events.entry(Arc::as_ptr(watcher)).or_default();
                events.push(shared.clone());
            });
            Ok(true)
        })?;
        Ok(step)
    }
}

/// An event from the history. What it replaced is looked up only when needed.
fn event_of(rev: Revision, tombstone: bool, record: &[u8]) -> Event {
    let record = Bytes::copy_from_slice(record);
    Event {
        rev,
        tombstone,
        key: key::user_key(&record),
        record,
        lease: 0,
        previous: None,
    }
}
