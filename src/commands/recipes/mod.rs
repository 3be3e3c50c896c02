//! Building blocks for commands: a watch that survives lost connections, a lease that is kept alive, a queue for locks
//! and elections, and child processes. Prints nothing.

pub mod child;
pub mod keep_alive;
pub mod queue;
pub mod watcher;
