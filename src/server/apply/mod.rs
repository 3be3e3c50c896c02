//! From a request to its effect on the store: layers for alarms and quota around the plain applier.
//! Synchronous, called by the writer alone; commits nothing.

mod applier;
mod request;

pub use applier::{Applier, Compaction, Start};
pub use request::{Request, Response, Writes};
