//! What is known about a request besides its message: who sent it, its deadline, and its metadata. Every method of
//! `Core` takes one. Contains only data.
//!
//! Cancellation is not a field: a caller cancels by dropping the future that a `Core` method returned. Work on another
//! thread checks for that and for the deadline.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use http::HeaderMap;

use super::auth::Identity;

/// The context of one request.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// Where the request came from.
    pub peer: Peer,
    /// The caller's identity. `Nobody` means that it is determined from the token or client certificate.
    pub identity: Identity,
    /// When the client stops waiting; `None` = never.
    pub deadline: Option<Instant>,
    /// gRPC metadata or HTTP headers as received. May contain secrets; never log it.
    pub metadata: HeaderMap,
}

impl RequestContext {
    /// A request by this process itself: it may do everything, and has no deadline and no metadata.
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

/// The peer of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The type of the connection and the address, if it has one.
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
    /// A Unix socket, whose clients have no address.
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
