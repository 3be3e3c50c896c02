//! The hub with a history in memory: what each watcher receives when it is slow, when groups are dropped, and when the
//! history is compacted.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::RwLock;

use super::*;
use crate::{
    proto::mvccpb::KeyValue,
    schema::key::{self, KeyValueRef},
    server::{
        error::Error,
        mvcc::{event::Event, revision::Revision},
    },
};

/// A history of puts, one event per revision, and the latest group.
#[derive(Clone, Default)]
struct Log {
    records: BTreeMap<i64, Event>,
    group: Vec<Event>,
}

impl History for Log {
    fn revision(&self) -> i64 {
        self.records.last_key_value().map_or(1, |(rev, _)| *rev)
    }

    fn events(&self) -> &[Event] {
        &self.group
    }

    fn records(&self, from: i64, each: EachRecord<'_>) -> Result<(), Error> {
        for event in self.records.range(from..).map(|(_, event)| event) {
            if !each(event.rev, event.tombstone, &event.record)? {
                break;
            }
        }
        Ok(())
    }

    fn record(&self, rev: Revision) -> Option<Bytes> {
        self.records
            .get(&rev.main)
            .map(|event| event.record.clone())
    }

    fn key<'a>(&self, rev: Revision, record: &'a [u8]) -> Result<&'a [u8], Error> {
        let kv = KeyValueRef::of_record(&rev.encode(), record);
        kv.map(|kv| kv.key).map_err(|e| Error::record(&e))
    }
}

struct Fake {
    log: RwLock<Log>,
    compacted: RwLock<i64>,
}

impl Store for Fake {
    fn newest(&self) -> Option<Arc<dyn History>> {
        Some(Arc::new(self.log.read().clone()))
    }

    fn compacted(&self) -> i64 {
        *self.compacted.read()
    }

    fn put_at(&self, key: &[u8], at: i64) -> Option<Revision> {
        let log = self.log.read();
        let mut puts = log.records.range(..=at).map(|(_, event)| event);
        puts.rfind(|event| event.key == key).map(|event| event.rev)
    }
}

struct Fixture {
    hub: Arc<Hub>,
    store: Arc<Fake>,
    threads: Vec<JoinHandle<()>>,
}

impl Fixture {
    /// A hub whose threads are not running yet, so that a test decides what they find.
    fn new() -> Fixture {
        Fixture {
            hub: Arc::new(Hub::new(1)),
            store: Arc::new(Fake {
                log: RwLock::default(),
                compacted: RwLock::new(-1),
            }),
            threads: Vec::new(),
        }
    }

    fn run(&mut self) {
        let hub = self.hub.clone();
        self.threads.push(thread::spawn(move || hub.run_notifier()));
        let (hub, store) = (self.hub.clone(), self.store.clone());
        self.threads
            .push(thread::spawn(move || hub.run_catch_up(&*store)));
    }

    /// Publishes a group of puts of these keys. Returns the last revision.
    fn put(&self, keys: &[&str], size: usize) -> i64 {
        let mut log = self.store.log.write();
        log.group.clear();
        for key in keys {
            let main = log.revision() + 1;
            let record = Bytes::from(key::encode(&KeyValue {
                key: key.to_string().into(),
                value: vec![7; size].into(),
                mod_revision: main,
                ..Default::default()
            }));
            let event = Event {
                rev: Revision::new(main, 0),
                tombstone: false,
                key: key::user_key(&record),
                record,
                lease: 0,
                previous: None,
            };
            log.records.insert(main, event.clone());
            log.group.push(event);
        }
        let published = Arc::new(log.clone());
        let revision = log.revision();
        drop(log);
        self.hub.publish(published);
        revision
    }

    fn watch(&self, stream: &Arc<StreamQueue>, id: i64, key: &str, start: i64) -> Arc<Watcher> {
        let range = Range::new(key.as_bytes(), &[]).unwrap();
        self.hub
            .create(stream, id, range, Options::default(), start)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.hub.close();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

/// Takes deliveries until `enough` returns true.
fn take(
    hub: &Hub,
    stream: &StreamQueue,
    mut enough: impl FnMut(&[Delivery]) -> bool,
) -> Vec<Delivery> {
    let mut taken = Vec::new();
    let until = Instant::now() + Duration::from_secs(60);
    while !enough(&taken) {
        assert!(Instant::now() < until, "{taken:?}");
        match stream.poll_take(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready((deliveries, space_wanted)) => {
                taken.extend(deliveries);
                if space_wanted {
                    hub.has_space();
                }
            }
            Poll::Pending => thread::yield_now(),
        }
    }
    taken
}

/// The revisions of all events.
fn revisions(deliveries: &[Delivery]) -> Vec<i64> {
    let mut revisions = Vec::new();
    for delivery in deliveries {
        match &delivery.content {
            Content::Event(event, _) => revisions.push(event.event.rev.main),
            Content::Events(events, _) => {
                revisions.extend(events.iter().map(|event| event.event.rev.main));
            }
            _ => {}
        }
    }
    revisions
}

#[test]
fn a_slow_stream_falls_back_to_the_store_and_others_do_not_notice() {
    let mut f = Fixture::new();
    f.run();
    let (slow, quick) = (f.hub.open_stream(), f.hub.open_stream());
    f.watch(&slow, 0, "k", 0);
    f.watch(&quick, 0, "k", 0);
    let number = 2500;
    let mut told = Vec::new();
    for i in 0..number {
        let revision = f.put(&["k"], 100);
        // Within a step of the writer, so that its queue is never full.
        told.extend(take(&f.hub, &quick, |taken| {
            revisions(taken).last() == Some(&revision)
        }));
        assert!(i < 1100 || !slow.has_space(), "what waits is bounded");
    }
    let wanted: Vec<i64> = (2..2 + number).collect();
    assert_eq!(revisions(&told), wanted);
    let told = take(&f.hub, &slow, |taken| {
        revisions(taken).len() >= wanted.len()
    });
    assert_eq!(revisions(&told), wanted);
    // It is synced again.
    let revision = f.put(&["k"], 100);
    take(&f.hub, &slow, |taken| revisions(taken) == [revision]);
    assert_eq!(f.hub.counts().slow, 0);
}

#[test]
fn dropped_groups_are_read_from_the_store() {
    let mut f = Fixture::new();
    let stream = f.hub.open_stream();
    f.watch(&stream, 0, "k", 0);
    f.watch(&stream, 1, "k", 60);
    f.hub.request_progress(&stream, None);
    // With nobody taking groups, the inbox overflows.
    let mut last = 0;
    for _ in 0..100 {
        last = f.put(&["k", "other"], 1 << 20);
    }
    f.run();
    let told = take(&f.hub, &stream, |taken| {
        taken.iter().any(|d| matches!(d.content, Content::Progress))
    });
    let of = |id: i64| {
        let mut revisions_of = Vec::new();
        for delivery in told.iter().filter(|d| d.id == id) {
            revisions_of.extend(revisions(std::slice::from_ref(delivery)));
        }
        revisions_of
    };
    let all: Vec<i64> = (2..=last).step_by(2).collect();
    assert_eq!(of(0), all);
    assert_eq!(of(1), all[29..]);
    // Progress was requested when nothing had been delivered, and is reported when everything has.
    let progress = told.last().unwrap();
    assert_eq!((progress.id, progress.revision), (-1, last));
}

#[test]
fn a_watcher_that_is_overtaken_by_a_compaction_is_cancelled() {
    let mut f = Fixture::new();
    for _ in 0..10 {
        f.put(&["k"], 10);
    }
    let stream = f.hub.open_stream();
    f.watch(&stream, 3, "k", 5);
    f.watch(&stream, 4, "k", 7);
    *f.store.compacted.write() = 7;
    f.run();
    let told = take(&f.hub, &stream, |taken| taken.len() == 4);
    let compacted = told
        .iter()
        .find(|d| matches!(d.content, Content::Compacted(_)));
    let Some(Delivery {
        id: 3,
        content: Content::Compacted(7),
        ..
    }) = compacted
    else {
        panic!("{told:?}");
    };
    assert_eq!(revisions(&told), [7, 8, 9, 10, 11]);
    assert_eq!(f.hub.counts().watchers, 1);
    f.put(&["k"], 10);
    take(&f.hub, &stream, |taken| revisions(taken) == [12]);
}

#[test]
fn a_cancelled_watcher_gets_nothing_more() {
    let mut f = Fixture::new();
    f.run();
    let stream = f.hub.open_stream();
    let one = f.watch(&stream, 0, "k", 0);
    let other = f.watch(&stream, 1, "k", 0);
    f.put(&["k"], 10);
    take(&f.hub, &stream, |taken| revisions(taken).len() == 2);
    f.hub.remove(&one, [&other].into_iter());
    f.hub.remove(&one, [&other].into_iter());
    f.put(&["k"], 10);
    let told = take(&f.hub, &stream, |taken| !taken.is_empty());
    assert_eq!((told.len(), told[0].id), (1, 1));
    f.hub.close_stream([&other, &one].into_iter());
    let counts = f.hub.counts();
    assert_eq!((counts.watchers, counts.streams, counts.events), (0, 0, 3));
    f.put(&["k"], 10);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(stream.poll_take(&mut cx).is_pending());
}
