//! A watch that is resumed after a lost connection, without a gap and without repeating an event.

use std::time::Duration;

use tonic::Code;

use crate::{
    client::{
        Client, ClientError, Deadline,
        stream::{Answers, Requests, StreamOptions},
    },
    proto::etcdserverpb::{self as pb, watch_request::RequestUnion},
};

/// The shortest and the longest pause before a lost connection is made again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Why a watch has ended.
#[derive(Debug)]
pub struct Ended {
    /// The server's reason; none if it gave none.
    pub reason: Option<String>,
    /// The last response, which says that the watch is canceled.
    pub response: pb::WatchResponse,
    /// The failure of the stream, if that was the reason.
    pub error: Option<ClientError>,
}

struct Stream {
    requests: Requests<pb::WatchRequest>,
    answers: Answers<pb::WatchResponse>,
    /// Set by the answer that the watch is created.
    created: bool,
}

/// A watch.
pub struct Watcher {
    client: Client,
    /// How the watch is created; the start revision follows the events.
    create: pb::WatchCreateRequest,
    options: StreamOptions,
    /// The end of the time for the first connection.
    connect: Deadline,
    stream: Option<Stream>,
    /// Parts of a response that is not complete yet.
    partial: Option<pb::WatchResponse>,
    /// Whether the server has created the watch at least once.
    established: bool,
    pause: Duration,
}

impl Watcher {
    /// A watch that is not connected yet. The first connection must be made before `connect`; later ones are tried for
    /// as long as the caller waits.
    pub fn new(
        client: Client,
        create: pb::WatchCreateRequest,
        options: StreamOptions,
        connect: Deadline,
    ) -> Watcher {
        Watcher {
            client,
            create,
            options,
            connect,
            stream: None,
            partial: None,
            established: false,
            pause: PAUSES.0,
        }
    }

    /// Asks the server to say how far the watch is. Does nothing while the watch is not connected.
    pub async fn request_progress(&mut self) {
        if let Some(stream) = &self.stream {
            let request = RequestUnion::ProgressRequest(pb::WatchProgressRequest {});
            // A stream that has ended is noticed by whoever reads it.
            let _ = stream.requests.send(wrap(request)).await;
        }
    }

    /// The next response with events, or one about progress. Dropping the future before it is ready loses nothing.
    ///
    /// # Errors
    /// The watch has ended.
    pub async fn next(&mut self) -> Result<pb::WatchResponse, Box<Ended>> {
        loop {
            let Some(stream) = &mut self.stream else {
                if let Err(error) = self.open().await {
                    self.failed(error).await?;
                }
                continue;
            };
            match stream.answers.next().await {
                Ok(Some(response)) => {
                    if let Some(response) = self.received(response)? {
                        return Ok(response);
                    }
                }
                Ok(None) => self.stream = None,
                Err(error) => self.failed(error).await?,
            }
        }
    }

    /// Opens the stream and asks for the watch.
    async fn open(&mut self) -> Result<(), ClientError> {
        let deadline = if self.established {
            Deadline::never()
        } else {
            self.connect
        };
        let (requests, mut answers) = self.client.watch_stream(self.options, deadline).await?;
        answers.set_deadline(deadline);
        let create = RequestUnion::CreateRequest(self.create.clone());
        requests.send(wrap(create)).await?;
        self.partial = None;
        self.stream = Some(Stream {
            requests,
            answers,
            created: false,
        });
        Ok(())
    }

    /// Takes one response; gives back a complete one that the caller wants to see.
    fn received(
        &mut self,
        response: pb::WatchResponse,
    ) -> Result<Option<pb::WatchResponse>, Box<Ended>> {
        let Some(stream) = &mut self.stream else {
            return Ok(None);
        };
        if response.canceled {
            return Err(canceled(response));
        }
        if response.created {
            stream.created = true;
            stream.answers.set_deadline(Deadline::never());
            self.established = true;
            self.pause = PAUSES.0;
            // A watch of what comes next is resumed from here on, even if nothing has come until then.
            if self.create.start_revision == 0 {
                let revision = response.header.as_ref().map_or(0, |h| h.revision);
                self.create.start_revision = revision + 1;
            }
            return Ok(None);
        }
        // The events of one revision may come in several responses.
        let fragment = response.fragment;
        let whole = match self.partial.take() {
            Some(mut whole) => {
                whole.events.extend(response.events);
                whole
            }
            None => response,
        };
        if fragment {
            self.partial = Some(whole);
            return Ok(None);
        }
        let last = whole
            .events
            .iter()
            .filter_map(|e| e.kv.as_ref())
            .next_back();
        if let Some(kv) = last {
            self.create.start_revision = kv.mod_revision + 1;
        }
        Ok(Some(whole))
    }

    /// Waits before the next attempt, or ends the watch where another attempt is of no use.
    async fn failed(&mut self, error: ClientError) -> Result<(), Box<Ended>> {
        self.stream = None;
        let lasting = !matches!(
            error.code(),
            Some(Code::Unavailable | Code::Internal | Code::DeadlineExceeded)
        );
        let gave_up = matches!(error, ClientError::Deadline { .. });
        if lasting || gave_up || error.is("etcdserver: no leader") {
            return Err(Box::new(Ended {
                reason: Some(error.to_string()),
                response: pb::WatchResponse {
                    canceled: true,
                    ..Default::default()
                },
                error: Some(error).filter(|_| !self.established),
            }));
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSES.1);
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

fn wrap(request: RequestUnion) -> pb::WatchRequest {
    pb::WatchRequest {
        request_union: Some(request),
    }
}

/// How a watch has ended that the server canceled (etcd v3.7.1, client/v3/watch.go).
fn canceled(mut response: pb::WatchResponse) -> Box<Ended> {
    let reason = if response.compact_revision != 0 {
        Some("etcdserver: mvcc: required revision has been compacted".to_owned())
    } else if response.created && !response.cancel_reason.is_empty() {
        // It was never created; Go's client shows the reason as it came, and nothing of the response.
        let reason = response.cancel_reason;
        response = pb::WatchResponse {
            canceled: true,
            ..Default::default()
        };
        Some(reason)
    } else {
        None
    };
    Box::new(Ended {
        reason,
        response,
        error: None,
    })
}
