//! TLS of the client: which servers are trusted, the client's own certificate, and the handshake. Nothing is set up before
//! the first connection that needs it.

mod error;
mod files;
pub mod handshake;
mod p521;
mod pem;
mod verify;
mod x509;

pub use error::cause_of;
pub use files::{FilesError, Tls};
pub use handshake::{Secured, handshake};
