//! Watchers: who is told of which change, in order, without ever holding up the writer. Synchronous; knows
//! no users, no network and no tokio.
//!
//! A watcher is *synced* when it has been given every event up to the newest that the notifier has handled.
//! Synced watchers are fed from the events that each group publishes. All others are *unsynced*: they read
//! history from the backend in bounded steps until they have caught up. A watcher whose stream takes nothing
//! becomes unsynced, and goes on from the store when the stream has space again, so that no backlog grows.

mod event;
mod hub;
mod interval;
mod queue;
mod set;
#[cfg(test)]
mod tests;
mod watcher;

pub use event::SharedEvent;
pub use hub::{Counts, EachRecord, History, Hub, Store};
pub use queue::{Delivery, StreamQueue, What};
pub use watcher::{Options, Range, Watcher};
