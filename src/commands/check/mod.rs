//! `check`: whether a cluster can handle a load (`perf`), and how much memory data uses (`datascale`).

mod datascale;
mod load;
mod metrics;
mod perf;

pub use datascale::{DatascaleArgs, datascale};
pub use perf::{PerfArgs, perf};
