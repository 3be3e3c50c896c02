//! Watchers: who is notified of which change, in order, without ever blocking the writer. Synchronous; knows nothing of
//! users, network or tokio.
//!
//! A watcher is *synced* when it has received every event up to the latest that the notifier has handled. Synced
//! watchers receive the events that each group publishes. All others are *unsynced*: they read history from the backend
//! in bounded steps until they have caught up. A watcher whose client does not read becomes unsynced, and continues
//! from the store when its stream has space again, so that no backlog grows.

mod event;
mod history;
mod hub;
mod interval;
mod queue;
mod range;
mod set;
#[cfg(test)]
mod tests;
mod watcher;

pub use event::SharedEvent;
pub use history::{EachRecord, History, Store};
pub use hub::{Counts, Hub};
pub use queue::{Content, Delivery, StreamQueue};
pub use range::Range;
pub use set::SPARSE;
pub use watcher::{Options, Watcher};
