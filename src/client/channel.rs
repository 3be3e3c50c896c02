//! Requests to a set of endpoints: the first that answers is used, a refused connection is tried again until
//! time runs out, and a request is sent twice only where that can do no harm (as etcd's Go client does it).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prost::Message;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};
use tonic::{Code, Request, Status, Streaming, client::Grpc, metadata::AsciiMetadataValue};
use tonic_prost::ProstCodec;

use super::{
    cause::{Cause, Limit},
    connection::{Connection, KeepAlive},
    dial::{DialOptions, dial},
    embedded::Embedded,
    endpoint::{Endpoint, Target},
    error::{Attempt, ClientError},
    probe,
};

/// Pauses between rounds of attempts: grows from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// Pause before a read is sent again to a server that is not available: etcd's own.
const RETRY_PAUSE: Duration = Duration::from_millis(25);
/// A further endpoint is tried when the ones before have not answered for so long.
const STAGGER: Duration = Duration::from_millis(25);
/// Attempts that run at the same time.
const IN_FLIGHT: usize = 16;
/// grpc-go pings no more often than this; a server closes the connection of who does.
const SHORTEST_KEEPALIVE: Duration = Duration::from_secs(10);
/// Time to find out what stands behind a port, once a command has failed anyway.
const PROBE: Duration = Duration::from_millis(300);
/// Endpoints that are looked at more closely after a failure.
const PROBED: usize = 3;

/// The end of the time that a command has.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Option<Instant>,
    limit: Limit,
}

impl Deadline {
    /// From now on.
    pub fn after(limit: Limit) -> Deadline {
        Deadline {
            // Without an end where the clock has none.
            at: Instant::now().checked_add(limit.length),
            limit,
        }
    }

    /// None.
    pub fn never() -> Deadline {
        Deadline {
            at: None,
            limit: Limit {
                length: Duration::MAX,
                flag: "",
            },
        }
    }

    fn left(&self) -> Option<Duration> {
        self.at
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn passed(&self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// The future's result, or none when time runs out first.
    pub async fn run<F: Future>(&self, future: F) -> Option<F::Output> {
        match self.at {
            Some(at) => timeout_at(at, future).await.ok(),
            None => Some(future.await),
        }
    }
}

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
    /// Whether an endpoint without a scheme is to be reached with TLS.
    pub tls: bool,
}

/// Whether a request may be sent again when its fate is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It only reads.
    Yes,
    /// It may have been done.
    No,
}

/// A client of one cluster; clones share its connection.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    endpoints: Vec<Endpoint>,
    options: ClientOptions,
    token: Mutex<Option<AsciiMetadataValue>>,
    current: tokio::sync::Mutex<Option<(usize, Connection)>>,
    embedded: tokio::sync::Mutex<BTreeMap<usize, Embedded>>,
    /// What became of the last attempt at each endpoint, and those that run.
    causes: Mutex<BTreeMap<usize, Cause>>,
    running: Mutex<BTreeMap<usize, Running>>,
}

/// An attempt to connect.
#[derive(Clone, Copy)]
struct Running {
    since: Instant,
    /// Only the server's first words are missing.
    connected: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// A client of `endpoints`; connects to nothing yet.
    ///
    /// # Errors
    /// There are none, or one means nothing.
    pub fn new(endpoints: &[String], options: ClientOptions) -> Result<Client, ClientError> {
        if endpoints.is_empty() {
            return Err(ClientError::NoEndpoints);
        }
        let endpoints = endpoints
            .iter()
            .map(|e| Endpoint::parse(e).map(|e| e.with_default_tls(options.tls)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Client {
            inner: Arc::new(Inner {
                endpoints,
                options,
                token: Mutex::default(),
                current: tokio::sync::Mutex::default(),
                embedded: tokio::sync::Mutex::default(),
                causes: Mutex::default(),
                running: Mutex::default(),
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

    /// Connects, where that has not been done.
    ///
    /// # Errors
    /// No endpoint could be used in time.
    pub async fn connect(&self, deadline: Deadline) -> Result<(), ClientError> {
        self.connection(deadline).await.map(drop)
    }

    /// Ends the servers that this client has started in its own process.
    pub async fn close(&self) {
        *self.inner.current.lock().await = None;
        let servers = std::mem::take(&mut *self.inner.embedded.lock().await);
        for server in servers.into_values() {
            server.close().await;
        }
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
            let (index, connection) = self.connection(deadline).await?;
            let mut grpc = self.grpc(&connection);
            let path = http::uri::PathAndQuery::from_static(path);
            let codec = ProstCodec::<Q, A>::default();
            let call = grpc.unary(self.request(request.clone(), deadline), path, codec);
            match deadline.run(call).await {
                None => return Err(self.late(index, deadline).await),
                Some(Ok(answer)) => return Ok(answer.into_inner()),
                Some(Err(status)) => {
                    self.after_failure(index, &connection, status, repeat, deadline)
                        .await?;
                }
            }
        }
    }

    /// One request, a stream of answers; the deadline bounds only the wait for its beginning, and the caller
    /// bounds the rest with it.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn stream<Q, A>(
        &self,
        path: &'static str,
        request: Q,
        deadline: Deadline,
    ) -> Result<Answers<A>, ClientError>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        self.check_size(&request)?;
        loop {
            let (index, connection) = self.connection(deadline).await?;
            let mut grpc = self.grpc(&connection);
            let path = http::uri::PathAndQuery::from_static(path);
            let codec = ProstCodec::<Q, A>::default();
            let call = grpc.server_streaming(self.request(request.clone(), deadline), path, codec);
            match deadline.run(call).await {
                None => return Err(self.late(index, deadline).await),
                Some(Ok(answer)) => {
                    return Ok(Answers {
                        client: self.clone(),
                        index,
                        connection,
                        stream: answer.into_inner(),
                        deadline,
                    });
                }
                Some(Err(status)) => {
                    self.after_failure(index, &connection, status, Repeat::Yes, deadline)
                        .await?;
                }
            }
        }
    }

    fn check_size(&self, request: &impl Message) -> Result<(), ClientError> {
        let (size, limit) = (request.encoded_len(), self.inner.options.max_request_bytes);
        if size > limit {
            return Err(ClientError::SendLimit { size, limit });
        }
        Ok(())
    }

    fn grpc(&self, connection: &Connection) -> Grpc<Connection> {
        let limit = self.inner.options.max_recv_bytes.unwrap_or(usize::MAX);
        Grpc::with_origin(connection.clone(), connection.origin.clone())
            .max_decoding_message_size(limit)
    }

    fn request<Q>(&self, message: Q, deadline: Deadline) -> Request<Q> {
        let mut request = Request::new(message);
        if let Some(left) = deadline.left() {
            request.set_timeout(left);
        }
        if let Some(token) = &*lock(&self.inner.token) {
            request.metadata_mut().insert("token", token.clone());
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
            return Err(self.late(index, deadline).await);
        }
        if transport && !is_decode_limit(&status) {
            let cause = connection.broken(status.message());
            self.record(index, cause.clone());
            *self.inner.current.lock().await = None;
            if repeat == Repeat::No {
                return Err(ClientError::Broken {
                    attempt: self.attempt(index, cause),
                });
            }
        } else {
            if repeat == Repeat::No || status.code() != Code::Unavailable {
                return Err(ClientError::from_status(&status));
            }
            self.record(index, Cause::Unavailable(status.message().to_owned()));
            if self.inner.endpoints.len() > 1 {
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

    /// The connection in use, or the first that comes about.
    async fn connection(&self, deadline: Deadline) -> Result<(usize, Connection), ClientError> {
        if deadline.passed() {
            return Err(self.out_of_time(deadline).await);
        }
        let mut current = self.inner.current.lock().await;
        if let Some((index, connection)) = &*current
            && connection.usable()
        {
            return Ok((*index, connection.clone()));
        }
        let mut pause = FIRST_PAUSE;
        loop {
            match deadline.run(self.dial_any()).await {
                None => return Err(self.out_of_time(deadline).await),
                Some(Some((index, connection))) => {
                    *current = Some((index, connection.clone()));
                    return Ok((index, connection));
                }
                Some(None) => {}
            }
            if let Some(error) = self.never() {
                return Err(error);
            }
            if deadline.run(tokio::time::sleep(pause)).await.is_none() {
                return Err(self.out_of_time(deadline).await);
            }
            pause = (pause * 8 / 5).min(LAST_PAUSE);
        }
    }

    /// One round: every endpoint once, in their order, several at a time.
    async fn dial_any(&self) -> Option<(usize, Connection)> {
        let count = self.inner.endpoints.len();
        if count == 1 {
            return Some((0, self.dial_one(0).await?));
        }
        let mut attempts = JoinSet::new();
        let mut next = 0;
        loop {
            if next < count && attempts.len() < IN_FLIGHT {
                let (client, index) = (self.clone(), next);
                attempts.spawn(async move { (index, client.dial_one(index).await) });
                next += 1;
            } else if attempts.is_empty() {
                return None;
            }
            let stagger = Instant::now() + STAGGER;
            let more = next < count && attempts.len() < IN_FLIGHT;
            tokio::select! {
                done = attempts.join_next() => {
                    if let Some(Ok((index, Some(connection)))) = done {
                        return Some((index, connection));
                    }
                }
                () = sleep_until(stagger), if more => {}
            }
        }
    }

    async fn dial_one(&self, index: usize) -> Option<Connection> {
        let endpoint = &self.inner.endpoints[index];
        let options = self.inner.options.clone();
        let options = DialOptions {
            timeout: options.dial_timeout,
            keepalive: KeepAlive {
                time: options.keepalive_time.max(SHORTEST_KEEPALIVE),
                timeout: options.keepalive_timeout,
            },
        };
        let running = |connected| {
            let since = Instant::now();
            lock(&self.inner.running).insert(index, Running { since, connected });
        };
        running(false);
        let result = match &endpoint.target {
            Target::Embedded { dir, flags } => {
                let mut servers = self.inner.embedded.lock().await;
                let stream = match servers.get(&index) {
                    Some(server) => Ok(server.connect()),
                    None => match Embedded::start(dir, flags).await {
                        Ok(server) => {
                            let stream = server.connect();
                            servers.insert(index, server);
                            Ok(stream)
                        }
                        Err(cause) => Err(cause),
                    },
                };
                match stream {
                    Ok(stream) => {
                        let authority = endpoint.authority();
                        Connection::open(stream, &authority, options.keepalive, options.timeout)
                            .await
                    }
                    Err(cause) => Err(cause),
                }
            }
            _ => dial(endpoint, options, || running(true)).await,
        };
        lock(&self.inner.running).remove(&index);
        match result {
            Ok(connection) => {
                lock(&self.inner.causes).remove(&index);
                Some(connection)
            }
            Err(cause) => {
                self.record(index, cause);
                None
            }
        }
    }

    fn record(&self, index: usize, cause: Cause) {
        lock(&self.inner.causes).insert(index, cause);
    }

    fn attempt(&self, index: usize, cause: Cause) -> Attempt {
        Attempt {
            endpoint: self.inner.endpoints[index].typed.clone(),
            cause,
        }
    }

    /// An error where no endpoint can ever be used.
    fn never(&self) -> Option<ClientError> {
        let causes = lock(&self.inner.causes);
        let all = causes.len() == self.inner.endpoints.len();
        let (index, first) = causes.iter().next()?;
        if !all || !causes.values().all(Cause::permanent) {
            return None;
        }
        Some(match first {
            Cause::Unsupported(_) => {
                ClientError::Permanent(format!("{}: {first}", self.inner.endpoints[*index].typed))
            }
            Cause::Locked(text) => ClientError::Locked(text.clone()),
            _ => ClientError::Permanent(first.to_string()),
        })
    }

    /// Time ran out while a request was under way.
    async fn late(&self, index: usize, deadline: Deadline) -> ClientError {
        self.record(index, Cause::NoAnswer(deadline.limit));
        self.out_of_time(deadline).await
    }

    /// Time ran out: gathers what is known, and looks once more at what is not clear.
    async fn out_of_time(&self, deadline: Deadline) -> ClientError {
        for (index, running) in lock(&self.inner.running).clone() {
            let limit = Limit {
                length: running.since.elapsed().min(deadline.limit.length),
                flag: deadline.limit.flag,
            };
            let cause = if running.connected {
                Cause::Silent(limit)
            } else {
                Cause::ConnectTimeout(limit)
            };
            lock(&self.inner.causes).entry(index).or_insert(cause);
        }
        let causes = lock(&self.inner.causes).clone();
        let mut attempts = vec![];
        for (index, mut cause) in causes {
            if attempts.len() < PROBED
                && let Target::Tcp { host, port, .. } = &self.inner.endpoints[index].target
            {
                cause = probe::closer(cause, host, *port, PROBE).await;
            }
            attempts.push(self.attempt(index, cause));
        }
        ClientError::Deadline {
            limit: deadline.limit,
            attempts,
        }
    }
}

fn is_decode_limit(status: &Status) -> bool {
    status.code() == Code::OutOfRange
}

/// The answers to one request.
pub struct Answers<A> {
    client: Client,
    index: usize,
    connection: Connection,
    stream: Streaming<A>,
    deadline: Deadline,
}

impl<A: Message + Default + 'static> Answers<A> {
    /// The next answer; none at the end.
    ///
    /// # Errors
    /// As [`ClientError`] says; nothing is sent again.
    pub async fn next(&mut self) -> Result<Option<A>, ClientError> {
        match self.deadline.run(self.stream.message()).await {
            None => Err(self.client.late(self.index, self.deadline).await),
            Some(Ok(answer)) => Ok(answer),
            Some(Err(status)) => Err(self
                .client
                .after_failure(
                    self.index,
                    &self.connection,
                    status,
                    Repeat::No,
                    self.deadline,
                )
                .await
                .err()
                // A failure that is not repeated always has an error.
                .unwrap_or(ClientError::NoEndpoints)),
        }
    }
}
