//! What several commands build on the streams of the client: a watch that survives lost connections, a lease that is
//! kept alive, a queue of waiters, and child processes. Prints nothing.

pub mod child;
pub mod keep_alive;
pub mod queue;
pub mod watcher;
