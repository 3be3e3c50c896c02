//! TLS of the client: what is trusted, who the client is, and the handshake. Nothing here is set up before the
//! first endpoint that wants it.

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
