//! TLS of the server's listeners: certificates and their renewal, what is demanded of clients, and the handshake.
//! Knows nothing of HTTP; nothing here is set up before a listener wants it.

mod accept;
mod auto;
mod clients;
mod files;
mod suites;

pub use accept::{Acceptor, HandshakeError};
pub use auto::self_signed;
