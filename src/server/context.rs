//! What is known about a request besides its message: who sent it, by when an answer is wanted, and the
//! metadata that came with it. Every method of `Core` takes one. Holds data only and decides nothing.
//!
//! Cancellation is not a field: a caller cancels by dropping the future that a `Core` method returned.
//! Work that runs on another thread watches for that, and for the deadline.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use http::HeaderMap;

use super::auth::Identity;

/// The circumstances of one request.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// Where the request came from.
    pub peer: Peer,
    /// On whose behalf the request is made. `Nobody` means that token and client certificate tell.
    pub identity: Identity,
    /// When the client stops waiting; `None`: never.
    pub deadline: Option<Instant>,
    /// gRPC metadata or HTTP headers, as they were received. May hold secrets: never log it.
    pub metadata: HeaderMap,
}

impl RequestContext {
    /// A request that this process makes on its own behalf: it may do everything, and has no deadline and no metadata.
    pub fn in_process() -> RequestContext {
        RequestContext {
            identity: Identity::Server,
            ..RequestContext::default()
        }
    }

    /// Whether the deadline has passed.
    pub fn is_expired(&self) -> bool {
        self.deadline.is_some_and(|at| Instant::now() >= at)
    }
}

/// The other end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The kind of connection, and its address where it has one.
    pub address: PeerAddress,
    /// Common name of the client certificate that the TLS handshake verified; empty if the certificate has none.
    pub common_name: Option<Arc<str>>,
}

/// The address of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeerAddress {
    /// An in-memory connection, or a call without any connection.
    #[default]
    InProcess,
    /// A TCP connection.
    Tcp(SocketAddr),
    /// A unix socket; its clients have no address.
    Unix,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_deadline_expires_when_it_is_reached() {
        let mut context = RequestContext::in_process();
        assert!(!context.is_expired());
        context.deadline = Some(Instant::now());
        assert!(context.is_expired());
        context.deadline = Instant::now().checked_add(Duration::from_secs(3600));
        assert!(!context.is_expired());
    }
}
