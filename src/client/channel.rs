//! Requests over the connection in use: a request is sent twice only where that can do no harm, as etcd's Go
//! client does it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use prost::Message;
use tokio::time::Instant;
use tonic::{Code, Request, Status, client::Grpc, metadata::AsciiMetadataValue};
use tonic_prost::ProstCodec;

use super::{
    cause::Cause, connection::Connection, deadline::Deadline, embedded::EmbeddedServers,
    endpoint::Endpoint, error::ClientError, stream::StreamOptions, tls::Tls,
};

/// Metadata of every request (etcd v3.7.1, api/v3rpc/rpctypes/metadatafields.go and api/version).
const TOKEN_KEY: &str = "token";
const REQUIRE_LEADER_KEY: &str = "hasleader";
const API_VERSION_KEY: &str = "client-api-version";
/// The version of etcd's API that this client speaks.
const API_VERSION: &str = "3.7";

/// Pause before a read is sent again to a server that is not available: etcd's own.
const RETRY_PAUSE: Duration = Duration::from_millis(25);
/// So much longer than the client a server works on a request whose time has run out.
const SERVER_GRACE: Duration = Duration::from_millis(50);

/// How a client works.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// For one attempt to connect.
    pub dial_timeout: Duration,
    /// Idle time before a ping; at least 10 s are used.
    pub keepalive_time: Duration,
    /// Time for the answer to a ping.
    pub keepalive_timeout: Duration,
    /// Largest request, bytes.
    pub max_request_bytes: usize,
    /// Largest answer, bytes; none: no limit.
    pub max_recv_bytes: Option<usize>,
    /// For TLS; where it is there, also an endpoint without a scheme is reached with it. Without it, `https://`
    /// trusts the authorities of the system.
    pub tls: Option<Arc<Tls>>,
    /// The servers in this process. Whoever made them closes them.
    pub embedded: EmbeddedServers,
}

/// Whether a request may be sent again when its fate is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It only reads.
    Yes,
    /// It only reads, but Go's client does not send it again either.
    Read,
    /// It changes something, and etcd's client repeats it all the same, because doing it twice does little harm.
    Again,
    /// It may have been done.
    No,
}

impl Repeat {
    /// Whether the request may be sent again.
    pub(super) fn allowed(self) -> bool {
        matches!(self, Repeat::Yes | Repeat::Again)
    }

    /// Whether the request may have changed something.
    pub(super) fn changes(self) -> bool {
        matches!(self, Repeat::No | Repeat::Again)
    }
}

/// A client of one cluster; clones share its connection.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) options: ClientOptions,
    pub(super) tls: Arc<Tls>,
    token: Mutex<Option<AsciiMetadataValue>>,
    pub(super) current: tokio::sync::Mutex<Option<(usize, Connection)>>,
    /// Whether a connection was tried before.
    pub(super) tried: AtomicBool,
    /// What became of the last attempt at each endpoint, and those that run.
    pub(super) causes: Mutex<BTreeMap<usize, Cause>>,
    pub(super) running: Mutex<BTreeMap<usize, Running>>,
    /// The endpoint that is tried first.
    pub(super) start: AtomicUsize,
}

/// An attempt to connect.
#[derive(Clone, Copy)]
pub(super) struct Running {
    pub(super) since: Instant,
    /// Only the server's first words are missing.
    pub(super) connected: bool,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// A client of `endpoints`; connects to nothing yet.
    ///
    /// # Errors
    /// There are none, or none of them means anything.
    pub fn new(endpoints: &[String], options: ClientOptions) -> Result<Client, ClientError> {
        if endpoints.is_empty() {
            return Err(ClientError::NoEndpoints);
        }
        let mut parsed: Vec<_> = endpoints.iter().map(|e| Endpoint::parse(e)).collect();
        if parsed.iter().all(Result::is_err)
            && let Err(first) = parsed.swap_remove(0)
        {
            return Err(first.into());
        }
        let endpoints = parsed
            .into_iter()
            .map(|e| e.unwrap_or_else(Endpoint::from))
            .map(|e| e.with_default_tls(options.tls.is_some()))
            .collect();
        Ok(Client {
            inner: Arc::new(Inner {
                endpoints,
                tls: options.tls.clone().unwrap_or_default(),
                options,
                token: Mutex::default(),
                current: tokio::sync::Mutex::default(),
                tried: AtomicBool::new(false),
                causes: Mutex::default(),
                running: Mutex::default(),
                start: AtomicUsize::new(0),
            }),
        })
    }

    /// Sends this token with every request from now on.
    ///
    /// # Errors
    /// It holds what no header can.
    pub fn set_token(&self, token: &str) -> Result<(), ClientError> {
        let token = token
            .parse()
            .map_err(|_| ClientError::Permanent("the token can't be sent as a header".into()))?;
        *lock(&self.inner.token) = Some(token);
        Ok(())
    }

    /// One request, one answer.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn unary<Q, A>(
        &self,
        path: &'static str,
        request: Q,
        repeat: Repeat,
        deadline: Deadline,
    ) -> Result<A, ClientError>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        self.check_size(&request)?;
        loop {
            let (index, connection) = match repeat {
                Repeat::Yes => self.connection_for_read(deadline).await?,
                Repeat::Again | Repeat::Read | Repeat::No => self.connection(deadline).await?,
            };
            let mut grpc = self.grpc(&connection);
            let path = http::uri::PathAndQuery::from_static(path);
            let codec = ProstCodec::<Q, A>::default();
            let call = grpc.unary(self.request(request.clone(), deadline), path, codec);
            match deadline.run(call).await {
                None => return Err(self.late(index, &connection, repeat, deadline).await),
                Some(Ok(answer)) => return Ok(answer.into_inner()),
                Some(Err(status)) => {
                    self.after_failure(index, &connection, status, repeat, deadline)
                        .await?;
                }
            }
        }
    }

    /// The error of a request that is not sent again.
    pub(super) async fn failed_once(
        &self,
        index: usize,
        connection: &Connection,
        status: Status,
        deadline: Deadline,
    ) -> ClientError {
        self.after_failure(index, connection, status, Repeat::Read, deadline)
            .await
            .err()
            // What is not repeated always has an error.
            .unwrap_or(ClientError::NoEndpoints)
    }

    pub(super) fn check_size(&self, request: &impl Message) -> Result<(), ClientError> {
        check_size(request, self.inner.options.max_request_bytes)
    }

    pub(super) fn grpc(&self, connection: &Connection) -> Grpc<Connection> {
        let limit = self.inner.options.max_recv_bytes.unwrap_or(usize::MAX);
        Grpc::with_origin(connection.clone(), connection.origin.clone())
            .max_decoding_message_size(limit)
    }

    fn request<Q>(&self, message: Q, deadline: Deadline) -> Request<Q> {
        let mut request = Request::new(message);
        if let Some(left) = deadline.left() {
            // The server gives up too, but a moment later: the words for it are ours.
            request.set_timeout(left + SERVER_GRACE);
        }
        let metadata = request.metadata_mut();
        metadata.insert(
            API_VERSION_KEY,
            AsciiMetadataValue::from_static(API_VERSION),
        );
        if let Some(token) = &*lock(&self.inner.token) {
            metadata.insert(TOKEN_KEY, token.clone());
        }
        request
    }

    /// As [`Client::request`], for a stream.
    pub(super) fn stream_request<Q>(
        &self,
        message: Q,
        options: StreamOptions,
        deadline: Deadline,
    ) -> Request<Q> {
        let mut request = self.request(message, deadline);
        if options.require_leader {
            let value = AsciiMetadataValue::from_static("true");
            request.metadata_mut().insert(REQUIRE_LEADER_KEY, value);
        }
        request
    }

    /// Returns where the request may be sent again.
    async fn after_failure(
        &self,
        index: usize,
        connection: &Connection,
        status: Status,
        repeat: Repeat,
        deadline: Deadline,
    ) -> Result<(), ClientError> {
        let transport = std::error::Error::source(&status).is_some();
        if deadline.passed()
            && (transport || matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled))
        {
            return Err(self.late(index, connection, repeat, deadline).await);
        }
        if transport && !is_decode_limit(&status) {
            let cause = connection.broken(status.message());
            self.record(index, cause.clone());
            *self.inner.current.lock().await = None;
            if !repeat.allowed() {
                return Err(ClientError::Broken {
                    attempt: self.attempt(index, cause),
                    maybe_done: repeat.changes(),
                });
            }
        } else {
            // A server that has no leader gives up by itself.
            let passing = matches!(
                status.code(),
                Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled
            );
            if !repeat.allowed() || !passing {
                return Err(ClientError::from_status(&status));
            }
            self.record(index, Cause::Unavailable(status.message().to_owned()));
            if self.inner.endpoints.len() > 1 {
                self.inner.start.store(index + 1, Ordering::Relaxed);
                *self.inner.current.lock().await = None;
            }
        }
        if deadline
            .run(tokio::time::sleep(RETRY_PAUSE))
            .await
            .is_none()
        {
            return Err(self.out_of_time(deadline).await);
        }
        Ok(())
    }
}

/// Refuses what is larger than `limit` bytes.
pub(super) fn check_size(request: &impl Message, limit: usize) -> Result<(), ClientError> {
    let size = request.encoded_len();
    if size > limit {
        return Err(ClientError::SendLimit { size, limit });
    }
    Ok(())
}

fn is_decode_limit(status: &Status) -> bool {
    status.code() == Code::OutOfRange
}
