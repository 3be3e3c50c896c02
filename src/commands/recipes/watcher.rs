//! A watch that resumes after a lost connection, without missing or repeating events.

use std::time::Duration;

use tonic::Code;

use crate::{
    client::{
        Client, ClientError, Deadline,
        stream::{Answers, Requests, StreamOptions},
    },
    proto::etcdserverpb::{self as pb, watch_request::RequestUnion},
};

/// Minimum and maximum pause before reconnecting.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Why a watch ended.
#[derive(Debug)]
pub struct Ended {
    /// The server's reason, if it gave one.
    pub reason: Option<String>,
    /// The last response, which says that the watch was canceled.
    pub response: pb::WatchResponse,
    /// The error of the stream, if that was the reason.
    pub error: Option<ClientError>,
}

struct Stream {
    requests: Requests<pb::WatchRequest>,
    answers: Answers<pb::WatchResponse>,
    /// Whether the server has confirmed the watch.
    created: bool,
}

/// A watch.
pub struct Watcher {
    client: Client,
    /// The request that creates the watch. Its start revision advances with the events.
    create: pb::WatchCreateRequest,
    options: StreamOptions,
    /// Deadline of the first connection.
    connect: Deadline,
    stream: Option<Stream>,
    /// Fragments of an incomplete response.
    partial: Option<pb::WatchResponse>,
    /// Whether the server has ever created the watch.
    established: bool,
    pause: Duration,
}

impl Watcher {
    /// A watch that is not connected yet. The first connection must succeed before `connect`; later ones are retried as
    /// long as the caller waits.
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

    /// Requests a progress notification. Does nothing while the watch is not connected.
    pub async fn request_progress(&mut self) {
        if let Some(stream) = &self.stream {
            let request = RequestUnion::ProgressRequest(pb::WatchProgressRequest {});
            // If the stream has ended, its reader will notice.
            let _ = stream.requests.send(wrap(request)).await;
        }
    }

    /// The next response with events or progress. Cancel-safe: dropping the future loses nothing.
    ///
    /// # Errors
    /// The watch ended.
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

    /// Opens the stream and requests the watch.
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

    /// Processes one response. Returns it if it is complete and of interest to the caller.
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
            // A watch from the next revision on must resume from here, even if no event has arrived before.
            if self.create.start_revision == 0 {
                let revision = response.header.as_ref().map_or(0, |h| h.revision);
                self.create.start_revision = revision + 1;
            }
            return Ok(None);
        }
        // The events of one revision may be split over several responses.
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

    /// Waits before the next attempt, or ends the watch if another attempt is pointless.
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

/// The end of a watch that the server canceled (etcd v3.7.1, client/v3/watch.go).
fn canceled(mut response: pb::WatchResponse) -> Box<Ended> {
    let reason = if response.compact_revision != 0 {
        Some("etcdserver: mvcc: required revision has been compacted".to_owned())
    } else if response.created && !response.cancel_reason.is_empty() {
        // The watch was never created. Go's client reports only the reason, unchanged.
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
