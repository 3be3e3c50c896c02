//! TLS of the server's listeners: certificates and their renewal, verification of clients, and the handshake. Knows
//! nothing of HTTP. Nothing is set up before a listener needs it.

mod accept;
mod auto;
mod clients;
mod files;
mod suites;

pub use accept::{Acceptor, HandshakeError};
pub use auto::self_signed;
pub use suites::suites;
