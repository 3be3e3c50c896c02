//! One connection, from its first byte to its last: which protocol it speaks, who answers its requests, and whether
//! its client is still there. Knows nothing of sockets and of what requests mean.

mod frames;
mod monitor;
mod pings;
mod serve;

pub use serve::{Link, Traffic, serve};
