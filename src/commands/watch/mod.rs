//! `watch`: prints events as they arrive, for one watch or, interactively, for several.

mod arguments;
mod ended;
mod interactive;
#[allow(clippy::module_inception)]
mod watch;

pub use watch::{WatchArgs, watch};
