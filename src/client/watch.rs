//! A watch that survives lost connections: after a failure it resumes at another endpoint, after the last revision
//! received, so that no event is lost or repeated (etcd v3.7.1, client/v3/watch.go). Each watch has its own stream.

use std::time::Duration;

use tonic::Code;

use super::{
    channel::Client,
    deadline::Deadline,
    error::ClientError,
    retry::jitter,
    stream::{Answers, Requests, StreamOptions},
    token,
};
use crate::proto::{
    etcdserverpb::{self as pb, watch_request::RequestUnion},
    mvccpb,
};

/// Pauses between attempts to resume: grow from the first to the last, as in etcd.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(100);
const PAUSE_JITTER: f64 = 0.2;
/// Maximum number of consecutive attempts with a new token after the server has rejected the previous one.
const RENEWALS: u32 = 3;

const NO_LEADER: &str = "etcdserver: no leader";
const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
const FUTURE_REVISION: &str = "etcdserver: mvcc: required revision is a future revision";

/// A running watch. Dropping it cancels it.
pub struct Watcher {
    client: Client,
    /// The request that creates the watch. Its start revision is always the next one not yet received, or 0 initially.
    create: pb::WatchCreateRequest,
    options: StreamOptions,
    /// The deadline of the first connection and of the first response, which confirms the watch. Later connections have no
    /// deadline.
    connect: Deadline,
    stream: Option<(Requests<pb::WatchRequest>, Answers<pb::WatchResponse>)>,
    /// The fragments received so far of a fragmented response.
    parts: Option<pb::WatchResponse>,
    /// Whether the caller has been told that the watch was created.
    announced: bool,
    pause: Duration,
    renewals: u32,
    /// Whether to request progress as soon as there is a stream again.
    progress_due: bool,
}

impl Client {
    /// Creates the watch that `create` requests. `connect` bounds the time until the first server confirms it.
    pub fn watch(
        &self,
        create: pb::WatchCreateRequest,
        options: StreamOptions,
        connect: Deadline,
    ) -> Watcher {
        Watcher {
            client: self.clone(),
            create,
            options,
            connect,
            stream: None,
            parts: None,
            announced: false,
            pause: FIRST_PAUSE,
            renewals: 0,
            progress_due: false,
        }
    }
}

impl Watcher {
    /// The next response. The first one says that the watch was created; later ones contain events, or none to indicate
    /// progress. All events of a revision are in the same response. With [`StreamOptions::fragments`], a large response is
    /// returned in several parts, all but the last of which have `fragment` set.
    ///
    /// Cancel-safe: dropping the future loses nothing.
    ///
    /// # Errors
    /// The server canceled the watch ([`ClientError::WatchCancelled`]), rejects it, has no leader although one is
    /// required, or could not be reached initially. The watch has then ended.
    pub async fn next(&mut self) -> Result<pb::WatchResponse, ClientError> {
        loop {
            let answer = match self.stream().await {
                Ok(answers) => answers.next().await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(Some(answer)) => {
                    if let Some(answer) = self.take(answer).await? {
                        return Ok(answer);
                    }
                }
                // A stream that ends without a reason has broken.
                Ok(None) => self.interrupted(None).await?,
                Err(error) => self.interrupted(Some(error)).await?,
            }
        }
    }

    /// Requests progress from the server. The response has no events and is returned by [`Watcher::next`].
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn request_progress(&mut self) -> Result<(), ClientError> {
        self.progress_due = true;
        self.send_progress().await
    }

    async fn send_progress(&mut self) -> Result<(), ClientError> {
        let Some((requests, _)) = &self.stream else {
            return Ok(());
        };
        let request = RequestUnion::ProgressRequest(pb::WatchProgressRequest {});
        let request = pb::WatchRequest {
            request_union: Some(request),
        };
        match requests.send(request).await {
            Ok(()) => self.progress_due = false,
            // Will be sent again on the next stream.
            Err(ClientError::StreamEnded(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The stream, opened if necessary.
    async fn stream(&mut self) -> Result<&mut Answers<pb::WatchResponse>, ClientError> {
        if self.stream.is_none() {
            let connect = self.limit();
            let (requests, mut answers) = self.client.watch_stream(self.options, connect).await?;
            self.connect = self.connect.after_reached();
            answers.set_deadline(connect);
            let request = pb::WatchRequest {
                request_union: Some(RequestUnion::CreateRequest(self.create.clone())),
            };
            match requests.send(request).await {
                // If the stream has already ended, reading it returns the reason.
                Ok(()) | Err(ClientError::StreamEnded(_)) => {}
                Err(error) => return Err(error),
            }
            self.parts = None;
            self.stream = Some((requests, answers));
            if self.progress_due {
                self.send_progress().await?;
            }
        }
        match &mut self.stream {
            Some((_, answers)) => Ok(answers),
            // It has just been set.
            None => Err(ClientError::NoEndpoints),
        }
    }

    /// The time for connecting and logging in.
    fn limit(&self) -> Deadline {
        match self.announced {
            false => self.connect,
            true => Deadline::never(),
        }
    }

    /// Processes a response. Returns what the caller should see of it.
    async fn take(
        &mut self,
        mut answer: pb::WatchResponse,
    ) -> Result<Option<pb::WatchResponse>, ClientError> {
        // Join the fragments of a response, so that the events of a revision are seen together.
        if let Some(mut parts) = self.parts.take() {
            parts.events.append(&mut answer.events);
            parts.fragment = answer.fragment;
            answer = parts;
        }
        if answer.fragment {
            let (first, rest) = self.split(answer);
            self.parts = Some(rest);
            return Ok(first);
        }

        if answer.canceled {
            if answer.created && token::is_stale_text(&answer.cancel_reason) {
                return self.renew().await;
            }
            return Err(cancelled(answer));
        }

        let revision = answer.header.as_ref().map_or(0, |h| h.revision);
        if answer.created {
            // Without a start revision, the watch begins after the current revision.
            if self.create.start_revision == 0 {
                self.create.start_revision = revision.saturating_add(1);
            }
            let first = !self.announced;
            self.announced = true;
            self.renewals = 0;
            self.pause = FIRST_PAUSE;
            if let Some((_, answers)) = &mut self.stream {
                answers.set_deadline(Deadline::never());
            }
            return Ok(first.then_some(answer));
        }
        // A response without events says that all events up to its revision have been sent.
        self.received(answer.events.last().map_or(revision, revision_of));
        Ok(Some(answer))
    }

    /// Splits the fragments received so far into the part that is returned now, if the caller accepts a response in parts,
    /// and the rest. The rest contains the events of the last revision, because more of them may follow.
    fn split(
        &mut self,
        mut parts: pb::WatchResponse,
    ) -> (Option<pb::WatchResponse>, pb::WatchResponse) {
        let last = parts.events.last().map_or(0, revision_of);
        let other = parts.events.iter().rposition(|e| revision_of(e) != last);
        let Some(other) = other.filter(|_| self.options.fragments) else {
            return (None, parts);
        };
        let rest = parts.events.split_off(other + 1);
        let events = std::mem::take(&mut parts.events);
        self.received(events.last().map_or(0, revision_of));
        let first = pb::WatchResponse {
            events,
            ..parts.clone()
        };
        parts.events = rest;
        (Some(first), parts)
    }

    /// Everything up to this revision has been received, so a resumed watch begins after it.
    fn received(&mut self, revision: i64) {
        self.renewals = 0;
        self.pause = FIRST_PAUSE;
        self.create.start_revision = self.create.start_revision.max(revision.saturating_add(1));
    }

    async fn renew(&mut self) -> Result<Option<pb::WatchResponse>, ClientError> {
        self.stream = None;
        self.renewals += 1;
        if self.renewals > RENEWALS {
            return Err(ClientError::Status {
                code: Code::Unauthenticated,
                message: "etcdserver: invalid auth token".into(),
            });
        }
        let stale = self.client.inner.tokens.current();
        self.client.renew_token(&stale, self.limit()).await?;
        Ok(None)
    }

    /// Prepares to resume after a failure, or returns the failure if that is pointless.
    async fn interrupted(&mut self, error: Option<ClientError>) -> Result<(), ClientError> {
        self.stream = None;
        if let Some(error) = error {
            if token::is_stale(&error) && self.client.inner.tokens.renewable() {
                self.renew().await?;
                return Ok(());
            }
            if !resumable(&error) {
                return Err(error);
            }
        }
        tokio::time::sleep(jitter(self.pause, PAUSE_JITTER)).await;
        self.pause = self.pause.mul_f64(1.25).min(LAST_PAUSE);
        Ok(())
    }
}

fn revision_of(event: &mvccpb::Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}

/// Whether another attempt may succeed (etcd v3.7.1, client/v3/client.go, isHaltErr).
fn resumable(error: &ClientError) -> bool {
    match error {
        ClientError::Status { message, .. } if message == NO_LEADER => false,
        ClientError::Status { code, .. } => matches!(code, Code::Unavailable | Code::Internal),
        ClientError::Broken { .. } | ClientError::StreamEnded(_) => true,
        _ => false,
    }
}

/// Why the server canceled a watch.
fn cancelled(answer: pb::WatchResponse) -> ClientError {
    let reason = match answer.cancel_reason.as_str() {
        _ if answer.compact_revision != 0 => COMPACTED,
        "" => FUTURE_REVISION,
        reason => reason,
    };
    ClientError::WatchCancelled {
        reason: reason.to_owned(),
        answer: Box::new(answer),
    }
}
