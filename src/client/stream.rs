//! Calls with a stream of responses, and bidirectional calls. Never repeats a stream: its reader decides whether and
//! where to resume it.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming, client::Grpc};
use tonic_prost::ProstCodec;

use super::{
    access::Access,
    channel::{Client, History, Repeat},
    connection::Connection,
    deadline::Deadline,
    error::ClientError,
    failure::{Failure, Transport},
};

/// Maximum number of requests queued on a bidirectional stream. Senders then wait, so that a server which reads slowly
/// slows them down instead of filling memory.
const WAITING_REQUESTS: usize = 16;

/// Requirements on the server, besides the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
    /// Ends the stream with an error when the member loses its leader (etcd's `hasleader` metadata).
    pub require_leader: bool,
    /// For a watch: cuts a large response into fragments as it arrives, so that it need not fit into memory.
    pub fragments: bool,
}

/// The sending half of a bidirectional stream. When all clones are dropped, the server is told that no more requests
/// will come.
#[derive(Debug)]
pub struct Requests<Q> {
    sender: mpsc::Sender<Q>,
    limit: usize,
}

impl<Q> Clone for Requests<Q> {
    fn clone(&self) -> Requests<Q> {
        Requests {
            sender: self.sender.clone(),
            limit: self.limit,
        }
    }
}

/// The stream has ended; [`Answers::next`] returns the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream has ended")]
pub struct StreamEnded;

impl<Q: Message> Requests<Q> {
    /// Sends one request, waiting while the server is slow to read.
    ///
    /// # Errors
    /// The request is too large ([`ClientError::SendLimit`]), or the stream has ended ([`ClientError::StreamEnded`]);
    /// [`Answers::next`] then returns the reason.
    pub async fn send(&self, request: Q) -> Result<(), ClientError> {
        super::channel::check_size(&request, self.limit)?;
        self.sender
            .send(request)
            .await
            .map_err(|_| ClientError::StreamEnded(StreamEnded))
    }
}

type Opening<A> =
    Pin<Box<dyn Future<Output = Result<Response<Streaming<A>>, Status>> + Send + 'static>>;

/// The receiving half. A server may send its headers together with the first response, so the stream may still be
/// opening when it is returned to the caller.
enum State<A> {
    Opening(Opening<A>),
    Open(Box<Streaming<A>>),
}

/// How a stream is handled until its first response.
#[derive(Clone, Copy, Debug)]
pub struct FirstAnswer {
    /// Whether the stream is reopened after a failure.
    pub repeat: Repeat,
    /// Deadline of the first response.
    pub deadline: Deadline,
}

/// Yields requests until either side is done: HTTP/2 cancels a call only when its requests have ended too.
struct UntilCancelled<Q> {
    requests: mpsc::Receiver<Q>,
    cancelled: oneshot::Receiver<()>,
}

impl<Q> Stream for UntilCancelled<Q> {
    type Item = Q;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Q>> {
        match Pin::new(&mut self.cancelled).poll(cx) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => self.requests.poll_recv(cx),
        }
    }
}

/// The responses to a call. Dropping it cancels the call.
pub struct Answers<A> {
    client: Client,
    index: usize,
    connection: Connection,
    state: State<A>,
    /// A response that has already been read, or the end of the stream if there was none.
    first: Option<Option<A>>,
    deadline: Deadline,
    /// Ends the requests of a bidirectional stream when this is dropped.
    _cancel_on_drop: Option<oneshot::Sender<()>>,
}

impl<A: Message + Default + 'static> Answers<A> {
    /// The next response, or `None` at the end of the stream.
    ///
    /// Cancel-safe: dropping the future loses nothing.
    ///
    /// # Errors
    /// See [`ClientError`]. Nothing is sent again.
    pub async fn next(&mut self) -> Result<Option<A>, ClientError> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        match self.deadline.run(self.state.message()).await {
            None => Err(self.timed_out(self.deadline).await),
            Some(Ok(answer)) => Ok(answer),
            Some(Err(status)) => Err(self
                .client
                .failed_once(self.index, &self.connection, status, self.deadline)
                .await),
        }
    }

    /// The error if no response arrived before `deadline`.
    pub(super) async fn timed_out(&mut self, deadline: Deadline) -> ClientError {
        self.client
            .timed_out(self.index, &self.connection, Repeat::Read, deadline)
            .await
    }

    /// From now on, each response must arrive before `deadline`.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// The endpoint that responds, as given.
    pub fn endpoint(&self) -> &str {
        &self.client.inner.endpoints[self.index].typed
    }
}

impl<A: Message + Default + 'static> State<A> {
    /// Starts a call. [`State::message`] also reports its failure.
    async fn begin<Q: Message + 'static>(
        mut grpc: Grpc<Connection>,
        path: &'static str,
        requests: Request<impl Stream<Item = Q> + Send + 'static>,
    ) -> State<A> {
        let path = http::uri::PathAndQuery::from_static(path);
        let mut call: Opening<A> = Box::pin(async move {
            let not_ready = |e: Transport| Status::from_error(e.into());
            grpc.ready().await.map_err(not_ready)?;
            grpc.streaming(requests, path, ProstCodec::<Q, A>::default())
                .await
        });
        // The first poll passes the call to the connection, whose task then sends the requests. The response is awaited
        // later, because most servers send nothing before they have received a request.
        match poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await {
            Poll::Pending => State::Opening(call),
            Poll::Ready(Ok(answer)) => State::Open(Box::new(answer.into_inner())),
            Poll::Ready(Err(status)) => State::Opening(Box::pin(async { Err(status) })),
        }
    }

    async fn message(&mut self) -> Result<Option<A>, Status> {
        loop {
            match self {
                State::Opening(call) => *self = State::Open(Box::new(call.await?.into_inner())),
                State::Open(stream) => return stream.message().await,
            }
        }
    }
}

impl Client {
    /// A single read request with a stream of responses. `connect` bounds the connection to a server, `deadline` each
    /// response. Sent once.
    ///
    /// # Errors
    /// The request is too large, or no server could be reached. Later errors are returned by [`Answers::next`].
    pub async fn stream<Q, A>(
        &self,
        path: &'static str,
        request: Q,
        options: StreamOptions,
        connect: Deadline,
        deadline: Deadline,
    ) -> Result<Answers<A>, ClientError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        self.check_size(&request)?;
        self.open_embedded(Access::of(path, &request), connect)
            .await?;
        let requests = tokio_stream::once(request);
        self.open_stream(path, requests, options, connect, deadline)
            .await
    }

    /// A bidirectional call: etcd's Watch and LeaseKeepAlive. `connect` bounds the connection to a server, `deadline`
    /// each response. Dropping the [`Answers`] cancels the call.
    ///
    /// # Errors
    /// No server could be reached. Later errors are returned by [`Answers::next`].
    pub async fn duplex<Q, A>(
        &self,
        path: &'static str,
        options: StreamOptions,
        connect: Deadline,
        deadline: Deadline,
    ) -> Result<(Requests<Q>, Answers<A>), ClientError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        self.open_embedded(Access::of(path, &()), connect).await?;
        let (sender, receiver) = mpsc::channel(WAITING_REQUESTS);
        let (cancel, cancelled) = oneshot::channel();
        let requests = UntilCancelled {
            requests: receiver,
            cancelled,
        };
        let mut answers = self
            .open_stream(path, requests, options, connect, deadline)
            .await?;
        answers._cancel_on_drop = Some(cancel);
        let limit = self.inner.options.max_request_bytes;
        Ok((Requests { sender, limit }, answers))
    }

    /// Like [`Client::stream`], but returns only when the first response has arrived, and until then reopens the stream
    /// if that is allowed.
    pub(super) async fn stream_from_first<Q, A>(
        &self,
        path: &'static str,
        request: Q,
        first: FirstAnswer,
        mut connect: Deadline,
        deadline: Deadline,
    ) -> Result<Answers<A>, ClientError>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        self.check_size(&request)?;
        self.open_embedded(Access::of(path, &request), connect)
            .await?;
        let mut history = History::default();
        loop {
            let (index, connection) = self
                .connection(Repeat::Read, history.avoid, connect)
                .await?;
            let token = self.inner.tokens.current();
            let requests = tokio_stream::once(request.clone());
            let requests =
                self.stream_request(requests, StreamOptions::default(), &token, deadline);
            // Start the call and wait for its first response.
            let mut state = State::begin(self.grpc(&connection), path, requests).await;
            let status = match first.deadline.run(state.message()).await {
                None => {
                    return Err(self
                        .timed_out(index, &connection, Repeat::Read, first.deadline)
                        .await);
                }
                Some(Ok(answer)) => {
                    return Ok(Answers {
                        client: self.clone(),
                        index,
                        connection,
                        state,
                        first: Some(answer),
                        deadline,
                        _cancel_on_drop: None,
                    });
                }
                Some(Err(status)) => status,
            };
            // After a failure, try again with a new token if the old one is the cause, or if the stream may be reopened.
            let failure = Failure::of(&status, &connection);
            if connection.heard() {
                connect = connect.after_reached();
            }
            if !self
                .refresh(&mut history, &failure, &token, first.deadline)
                .await?
            {
                self.after_failure(
                    &mut history,
                    index,
                    &connection,
                    failure,
                    first.repeat,
                    first.deadline,
                )
                .await?;
            }
        }
    }

    async fn open_stream<Q, A>(
        &self,
        path: &'static str,
        requests: impl Stream<Item = Q> + Send + 'static,
        options: StreamOptions,
        connect: Deadline,
        deadline: Deadline,
    ) -> Result<Answers<A>, ClientError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let (index, connection) = self.connection(Repeat::Read, None, connect).await?;
        let token = self.inner.tokens.current();
        let request = self.stream_request(requests, options, &token, deadline);
        let state = State::begin(self.grpc(&connection), path, request).await;
        Ok(Answers {
            client: self.clone(),
            index,
            connection,
            state,
            first: None,
            deadline,
            _cancel_on_drop: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        client::{ClientOptions, EmbeddedServers, Limit},
        proto::etcdserverpb::{
            WatchRequest, WatchResponse,
            watch_server::{Watch, WatchServer},
        },
    };
    use hyper::server::conn::http2;
    use hyper_util::{
        rt::{TokioExecutor, TokioIo},
        service::TowerToHyperService,
    };
    use tokio::net::TcpListener;
    use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

    /// What the server saw of one call.
    struct Call {
        requests: Request<Streaming<WatchRequest>>,
        answers: mpsc::Sender<Result<WatchResponse, Status>>,
    }

    /// Passes each call to the test.
    struct Server(mpsc::Sender<Call>);

    #[tonic::async_trait]
    impl Watch for Server {
        type WatchStream = ReceiverStream<Result<WatchResponse, Status>>;

        async fn watch(
            &self,
            requests: Request<Streaming<WatchRequest>>,
        ) -> Result<Response<Self::WatchStream>, Status> {
            let (answers, receiver) = mpsc::channel(1);
            let call = Call { requests, answers };
            self.0
                .send(call)
                .await
                .map_err(|_| Status::internal("the test is over"))?;
            Ok(Response::new(ReceiverStream::new(receiver)))
        }
    }

    async fn server() -> (Client, mpsc::Receiver<Call>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = mpsc::channel(1);
        let service = TowerToHyperService::new(WatchServer::new(Server(sender)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service.clone());
                tokio::spawn(connection);
            }
        });
        let options = ClientOptions {
            dial_timeout: Duration::from_secs(10),
            keepalive_time: Some(Duration::from_secs(10)),
            keepalive_timeout: Duration::from_secs(10),
            max_request_bytes: 2 << 20,
            max_recv_bytes: None,
            tls: None,
            embedded: EmbeddedServers::default(),
        };
        let client = Client::new(&[address.to_string()], options).unwrap();
        (client, receiver)
    }

    fn soon() -> Deadline {
        Deadline::after(Limit {
            length: Duration::from_secs(60),
            flag: "",
        })
    }

    fn large() -> WatchRequest {
        use crate::proto::etcdserverpb::{
            WatchCreateRequest, watch_request::RequestUnion::CreateRequest,
        };
        let create = WatchCreateRequest {
            key: vec![b'k'; 8 << 10].into(),
            ..Default::default()
        };
        WatchRequest {
            request_union: Some(CreateRequest(create)),
        }
    }

    fn progress() -> WatchRequest {
        use crate::proto::etcdserverpb::{
            WatchProgressRequest, watch_request::RequestUnion::ProgressRequest,
        };
        WatchRequest {
            request_union: Some(ProgressRequest(WatchProgressRequest {})),
        }
    }

    #[tokio::test]
    async fn both_sides_send_independently_and_the_metadata_is_that_of_etcd() {
        let (client, mut calls) = server().await;
        client.set_token("secret").unwrap();
        let options = StreamOptions {
            require_leader: true,
            ..StreamOptions::default()
        };
        let (requests, mut answers) = client.watch_stream(options, soon()).await.unwrap();
        requests.send(progress()).await.unwrap();
        let mut call = calls.recv().await.unwrap();
        let metadata = call.requests.metadata();
        for (key, value) in [
            ("token", "secret"),
            ("hasleader", "true"),
            ("client-api-version", "3.7"),
        ] {
            assert_eq!(metadata.get(key).unwrap(), value, "{key}");
        }
        assert_eq!(metadata.get("grpc-timeout"), None);
        // Send more requests than fit into the queue, and a response to each.
        let incoming = call.requests.get_mut();
        assert!(incoming.next().await.unwrap().is_ok());
        for id in 0..3 * WAITING_REQUESTS as i64 {
            requests.send(progress()).await.unwrap();
            assert!(incoming.next().await.unwrap().is_ok());
            let answer = WatchResponse {
                watch_id: id,
                ..Default::default()
            };
            call.answers.send(Ok(answer)).await.unwrap();
            assert_eq!(answers.next().await.unwrap().unwrap().watch_id, id);
        }
        // The end of the call at the server ends it at the client.
        let refusal = Status::permission_denied("etcdserver: permission denied");
        call.answers.send(Err(refusal)).await.unwrap();
        let error = answers.next().await.unwrap_err();
        assert!(error.is("etcdserver: permission denied"), "{error}");
        let mut last = Ok(());
        while last.is_ok() {
            last = requests.send(progress()).await;
        }
        assert!(matches!(last, Err(ClientError::StreamEnded(_))), "{last:?}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_read_stops_the_sender_and_not_the_answers() {
        let (client, mut calls) = server().await;
        let options = StreamOptions::default();
        let (requests, mut answers) = client.watch_stream(options, soon()).await.unwrap();
        let (stuck, full) = oneshot::channel();
        let sender = tokio::spawn(async move {
            let mut stuck = Some(stuck);
            let mut sent = 0_u64;
            loop {
                let mut send = Box::pin(requests.send(large()));
                // A send that is not accepted for a while is waiting for room.
                match tokio::time::timeout(Duration::from_secs(1), &mut send).await {
                    Ok(done) => done.unwrap(),
                    Err(_) => {
                        if let Some(stuck) = stuck.take() {
                            stuck.send(sent).unwrap();
                        }
                        send.await.unwrap();
                    }
                }
                sent += 1;
            }
        });
        let mut call = calls.recv().await.unwrap();
        let sent = match full.await {
            Ok(sent) => sent,
            Err(_) => panic!("{:?}", answers.next().await),
        };
        // HTTP/2's windows and the queue bound the data in flight.
        assert!(sent < 2_000, "{sent}");
        call.answers
            .send(Ok(WatchResponse::default()))
            .await
            .unwrap();
        assert!(answers.next().await.unwrap().is_some());
        // When the server reads, the sender continues.
        let incoming = call.requests.get_mut();
        for _ in 0..=sent {
            assert!(incoming.next().await.unwrap().is_ok());
        }
        sender.abort();
    }

    #[tokio::test]
    async fn dropping_the_answers_cancels_the_call_and_dropping_the_requests_ends_them() {
        let (client, mut calls) = server().await;
        let options = StreamOptions::default();
        let (requests, answers) = client.watch_stream(options, soon()).await.unwrap();
        let mut call = calls.recv().await.unwrap();
        drop(requests);
        assert!(call.requests.get_mut().next().await.is_none());
        drop(answers);
        call.answers.closed().await;

        let (_requests, answers) = client.watch_stream(options, soon()).await.unwrap();
        let mut call = calls.recv().await.unwrap();
        drop(answers);
        // Cancelled: the server gets an error or the end of the stream, and does not wait.
        assert!(!matches!(call.requests.get_mut().next().await, Some(Ok(_))));
        call.answers.closed().await;
    }
}
