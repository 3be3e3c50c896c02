//! What is known about a request besides its message: who sent it, its deadline, and its metadata. Every method of
//! `Core` takes one. Contains only data.
//!
//! Cancellation is not a field: a caller cancels by dropping the future that a `Core` method returned. Work on another
//! thread checks for that and for the deadline.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use http::{HeaderMap, HeaderValue};

use super::auth::Identity;

/// The metadata that may contain a caller's token; the first one that exists counts.
const CREDENTIALS: [&str; 2] = ["token", "authorization"];

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

    /// The token that identifies the caller, as it was sent.
    pub fn token(&self) -> Option<&HeaderValue> {
        (CREDENTIALS.iter()).find_map(|name| self.metadata.get(*name))
    }

    /// Drops all metadata except what identifies the caller, so that a long stream does not keep the rest in memory.
    pub fn keep_only_credentials(&mut self) {
        let mut kept = HeaderMap::new();
        for name in CREDENTIALS {
            if let Some(value) = self.metadata.remove(name) {
                kept.insert(name, value);
            }
        }
        self.metadata = kept;
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

    #[test]
    fn a_stream_keeps_the_token_and_nothing_else() {
        let mut context = RequestContext::in_process();
        for (name, value) in [
            ("authorization", "second"),
            ("user-agent", "grpc-go/1.82.1"),
            ("token", "first"),
            ("token", "ignored"),
        ] {
            (context.metadata).append(name, HeaderValue::from_static(value));
        }
        assert_eq!(context.token().unwrap(), "first");
        context.keep_only_credentials();
        assert_eq!(context.token().unwrap(), "first");
        assert_eq!(context.metadata.len(), 2);
        context.metadata.remove("token");
        assert_eq!(context.token().unwrap(), "second");
        context.metadata.clear();
        context.keep_only_credentials();
        assert_eq!((context.token(), context.metadata.capacity()), (None, 0));
    }
}
