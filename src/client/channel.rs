//! The client of a cluster, and its unary requests: each is sent over a connection that the balancer chooses, and sent
//! again if the policy in `retry.rs` allows it.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use prost::Message;
use tokio::time::Instant;
use tonic::{Request, Status, client::Grpc, metadata::AsciiMetadataValue};
use tonic_prost::ProstCodec;

use super::{
    access::Access,
    balancer::{Avoid, Balancer},
    cause::Cause,
    connection::Connection,
    deadline::Deadline,
    embedded::EmbeddedServers,
    endpoint::{EMBEDDED, Endpoint, EndpointError, SNAPSHOT},
    error::ClientError,
    failure::{Failure, Unprocessed},
    fragments::InFragments,
    proxy::Proxies,
    retry::{MAX_ATTEMPTS, may_repeat, pause},
    stream::StreamOptions,
    tls::Tls,
    token::{self, Tokens},
};

pub use super::retry::Repeat;

/// Metadata of every request (etcd v3.7.1, api/v3rpc/rpctypes/metadatafields.go and api/version).
const TOKEN_KEY: &str = "token";
const REQUIRE_LEADER_KEY: &str = "hasleader";
const API_VERSION_KEY: &str = "client-api-version";
/// The version of etcd's API that this client speaks.
const API_VERSION: &str = "3.7";

/// The request that obtains a token is not repeated with a new one.
const AUTHENTICATE: &str = "/etcdserverpb.Auth/Authenticate";
/// After a request has failed at one endpoint, it waits this long for another one.
const AVOID: Duration = Duration::from_millis(25);
/// The server's timeout is longer than the client's by this, so that the client's error text is used.
const SERVER_GRACE: Duration = Duration::from_millis(50);

/// Options of a client.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Timeout of one attempt to connect.
    pub dial_timeout: Duration,
    /// Idle time before a ping; at least 10 s are used. `None` = no pings.
    pub keepalive_time: Option<Duration>,
    /// Timeout of a ping.
    pub keepalive_timeout: Duration,
    /// Maximum size of a request in bytes.
    pub max_request_bytes: usize,
    /// Maximum size of a response in bytes; `None` = no limit.
    pub max_recv_bytes: Option<usize>,
    /// TLS settings. If present, TLS is also used for endpoints without a scheme. Otherwise, `https://` trusts the
    /// system's authorities.
    pub tls: Option<Arc<Tls>>,
    /// The servers in this process. Their creator closes them.
    pub embedded: EmbeddedServers,
}

/// A client of one cluster; clones share its connections.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) options: ClientOptions,
    pub(super) tls: Arc<Tls>,
    pub(super) proxies: Arc<Proxies>,
    pub(super) tokens: Tokens,
    pub(super) balancer: Balancer,
    /// Whether a connection has been attempted.
    pub(super) tried: AtomicBool,
}

/// The attempts of a request so far.
#[derive(Default)]
pub(super) struct History {
    /// Number of failed attempts.
    attempts: u32,
    /// Whether a new token has been requested.
    refreshed: bool,
    pub(super) avoid: Option<Avoid>,
}

impl Client {
    /// Creates a client for `endpoints`. Does not connect yet.
    ///
    /// # Errors
    /// The list is empty, or all endpoints are malformed.
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
        if parsed.len() > 1
            && let Some(directory) = endpoints
                .iter()
                .find(|e| e.starts_with(EMBEDDED) || e.starts_with(SNAPSHOT))
        {
            return Err(EndpointError::combined(directory).into());
        }
        let endpoints: Vec<Endpoint> = parsed
            .into_iter()
            .map(|e| e.unwrap_or_else(Endpoint::from))
            .map(|e| e.with_default_tls(options.tls.is_some()))
            .collect();
        Ok(Client {
            inner: Arc::new(Inner {
                balancer: Balancer::new(endpoints.len()),
                endpoints,
                tls: options.tls.clone().unwrap_or_default(),
                proxies: Arc::new(Proxies::from_env()),
                options,
                tokens: Tokens::default(),
                tried: AtomicBool::new(false),
            }),
        })
    }

    /// The endpoints as given.
    pub fn endpoints(&self) -> impl Iterator<Item = &str> {
        self.inner.endpoints.iter().map(|e| e.typed.as_str())
    }

    /// Sends this token with every request from now on.
    ///
    /// # Errors
    /// It contains characters that are not allowed in a header.
    pub fn set_token(&self, token: &str) -> Result<(), ClientError> {
        self.inner.tokens.set(token)
    }

    /// Sends a unary request.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn unary<Q, A>(
        &self,
        path: &'static str,
        request: Q,
        repeat: Repeat,
        mut deadline: Deadline,
    ) -> Result<A, ClientError>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        self.check_size(&request)?;
        self.open_embedded(Access::of(path, &request), deadline)
            .await?;
        let mut history = History::default();
        loop {
            let (index, connection) = self.connection(repeat, history.avoid, deadline).await?;
            let mut grpc = self.grpc(&connection);
            let uri = http::uri::PathAndQuery::from_static(path);
            let codec = ProstCodec::<Q, A>::default();
            let token = self.inner.tokens.current();
            let message = self.request(request.clone(), &token, deadline);
            match deadline.run(grpc.unary(message, uri, codec)).await {
                None => return Err(self.timed_out(index, &connection, repeat, deadline).await),
                Some(Ok(answer)) => return Ok(answer.into_inner()),
                Some(Err(status)) => {
                    let failure = Failure::of(&status, &connection);
                    if connection.heard() {
                        deadline = deadline.after_reached();
                    }
                    if path != AUTHENTICATE
                        && self
                            .refresh(&mut history, &failure, &token, deadline)
                            .await?
                    {
                        continue;
                    }
                    self.after_failure(&mut history, index, &connection, failure, repeat, deadline)
                        .await?;
                }
            }
        }
    }

    /// Obtains a new token if the server rejected the current one, once per request. Returns whether it did.
    pub(super) async fn refresh(
        &self,
        history: &mut History,
        failure: &Failure,
        sent: &Option<AsciiMetadataValue>,
        deadline: Deadline,
    ) -> Result<bool, ClientError> {
        let Failure::Answered(error) = failure else {
            return Ok(false);
        };
        if history.refreshed || !token::is_stale(error) {
            return Ok(false);
        }
        history.refreshed = true;
        if self.inner.tokens.renewable() {
            Box::pin(self.renew_token(sent, deadline)).await?;
            return Ok(true);
        }
        // A client that is identified by its certificate has no token; just try again.
        Ok(sent.is_none() && error.is(token::OLD_REVISION))
    }

    /// Tells the balancer how a call over `connection` failed, so that it treats the endpoint differently and can say why.
    fn note(&self, index: usize, connection: &Connection, failure: &Failure) {
        let balancer = &self.inner.balancer;
        match failure {
            Failure::Broken(cause) | Failure::Unprocessed(Unprocessed::NotSent(cause)) => {
                balancer.lost(index, connection, cause.clone());
            }
            Failure::Unprocessed(Unprocessed::Refused(error))
            | Failure::Aborted(error)
            | Failure::Answered(error) => {
                if let ClientError::Status { message, .. } = error {
                    balancer.record(index, Cause::Unavailable(message.clone()));
                }
            }
        }
    }

    /// Returns, after a pause, if the request may be sent again.
    pub(super) async fn after_failure(
        &self,
        history: &mut History,
        index: usize,
        connection: &Connection,
        failure: Failure,
        repeat: Repeat,
        deadline: Deadline,
    ) -> Result<(), ClientError> {
        self.note(index, connection, &failure);

        // A failure because of the deadline is reported as such.
        let out_of_time = match &failure {
            Failure::Aborted(error) | Failure::Answered(error) => error.is_timeout(),
            _ => true,
        };
        if deadline.passed() && out_of_time {
            return Err(self.timed_out(index, connection, repeat, deadline).await);
        }

        history.attempts += 1;
        let endpoints = self.inner.endpoints.len();
        if history.attempts >= MAX_ATTEMPTS || !may_repeat(&failure, repeat, endpoints) {
            return Err(self.final_error(index, failure, repeat));
        }
        history.avoid = (endpoints > 1).then(|| Avoid {
            index,
            until: Instant::now() + AVOID,
        });
        let pause = tokio::time::sleep(pause(history.attempts, endpoints));
        match deadline.run(pause).await {
            Some(()) => Ok(()),
            None => Err(self.out_of_time(deadline).await),
        }
    }

    fn final_error(&self, index: usize, failure: Failure, repeat: Repeat) -> ClientError {
        match failure {
            Failure::Unprocessed(Unprocessed::NotSent(cause)) => ClientError::Broken {
                attempt: self.attempt(index, cause),
                maybe_done: false,
            },
            Failure::Broken(cause) => ClientError::Broken {
                attempt: self.attempt(index, cause),
                maybe_done: repeat.changes(),
            },
            Failure::Unprocessed(Unprocessed::Refused(error))
            | Failure::Aborted(error)
            | Failure::Answered(error) => error,
        }
    }

    /// The error of a stream that is not reopened.
    pub(super) async fn failed_once(
        &self,
        index: usize,
        connection: &Connection,
        status: Status,
        deadline: Deadline,
    ) -> ClientError {
        let failure = Failure::of(&status, connection);
        self.note(index, connection, &failure);
        if deadline.passed() && !matches!(&failure, Failure::Answered(e) if !e.is_timeout()) {
            return self
                .timed_out(index, connection, Repeat::Read, deadline)
                .await;
        }
        self.final_error(index, failure, Repeat::Read)
    }

    pub(super) fn check_size(&self, request: &impl Message) -> Result<(), ClientError> {
        check_size(request, self.inner.options.max_request_bytes)
    }

    pub(super) fn grpc(&self, connection: &Connection) -> Grpc<Connection> {
        let limit = self.inner.options.max_recv_bytes.unwrap_or(usize::MAX);
        Grpc::with_origin(connection.clone(), connection.origin.clone())
            .max_decoding_message_size(limit)
    }

    fn request<Q>(
        &self,
        message: Q,
        token: &Option<AsciiMetadataValue>,
        deadline: Deadline,
    ) -> Request<Q> {
        let mut request = Request::new(message);
        if let Some(left) = deadline.left() {
            request.set_timeout(left + SERVER_GRACE);
        }
        let metadata = request.metadata_mut();
        metadata.insert(
            API_VERSION_KEY,
            AsciiMetadataValue::from_static(API_VERSION),
        );
        if let Some(token) = token {
            metadata.insert(TOKEN_KEY, token.clone());
        }
        request
    }

    /// Like [`Client::request`], for a stream.
    pub(super) fn stream_request<Q>(
        &self,
        message: Q,
        options: StreamOptions,
        token: &Option<AsciiMetadataValue>,
        deadline: Deadline,
    ) -> Request<Q> {
        let mut request = self.request(message, token, deadline);
        if options.require_leader {
            let value = AsciiMetadataValue::from_static("true");
            request.metadata_mut().insert(REQUIRE_LEADER_KEY, value);
        }
        if options.fragments {
            let max_message = self.inner.options.max_recv_bytes;
            request.extensions_mut().insert(InFragments { max_message });
        }
        request
    }
}

/// Rejects a request larger than `limit` bytes.
pub(super) fn check_size(request: &impl Message, limit: usize) -> Result<(), ClientError> {
    let size = request.encoded_len();
    if size > limit {
        return Err(ClientError::SendLimit { size, limit });
    }
    Ok(())
}
