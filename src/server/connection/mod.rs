//! One connection from start to end: its protocol, the handling of its requests, and whether its client is still alive.
//! Knows nothing of sockets or of the meaning of requests.

mod backlog;
mod frames;
mod gate;
mod monitor;
mod pings;
mod replay;
mod requests;
mod serve;
mod standby;
mod turn;

pub use serve::{Link, Traffic, handshakes, serve};
pub use standby::Handshakes;
