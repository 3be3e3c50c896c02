//! The notifier: passes the events of each published group to the synced watchers, and responds to requests for progress
//! in order with them. Reads nothing from the store except previous values.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    task::Waker,
};

use super::{
    super::{
        event::SharedEvent,
        history::History,
        queue::{Content, Delivery, StreamQueue},
        set::WatcherSet,
        watcher::{State, Watcher},
    },
    Hub, Message,
};
use crate::server::mvcc::event::Event;

impl Hub {
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
            let mut deliver = |watcher: &Arc<Watcher>, content: Content, count: u64| {
                let delivery = Delivery {
                    id: watcher.id,
                    revision: events[0].rev.main,
                    content,
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
                    deliver(watcher, Content::Event(shared, prev_kv), 1);
                });
            } else {
                for (watcher, events) in match_events(&watchers.synced, events, history) {
                    let count = events.len() as u64;
                    let prev_kv = watcher.options.prev_kv;
                    deliver(&watcher, Content::Events(events, prev_kv), count);
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
            Some(w) if w.state() == State::Synced && revision >= w.start => {
                watchers.progress(stream, w.id, revision);
            }
            Some(_) => {}
        }
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
