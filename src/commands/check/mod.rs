//! `check`: whether a cluster is up to a load (`perf`), and what memory data takes (`datascale`).

mod datascale;
mod load;
mod metrics;
mod perf;

pub use datascale::{DatascaleArgs, datascale};
pub use perf::{PerfArgs, perf};
