//! Keeps a lease alive: renews it three times within its time to live, even if the stream breaks and another endpoint
//! must be found (etcd v3.7.1, client/v3/lease.go).

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::Code;

use super::{
    channel::Client,
    deadline::Deadline,
    error::ClientError,
    stream::{Answers, Requests, StreamOptions},
    token,
};
use crate::proto::etcdserverpb as pb;

/// Pause before a broken stream is opened again.
const RECONNECT: Duration = Duration::from_millis(500);
/// A renewal without a response is repeated after at most this time.
const RESEND: Duration = Duration::from_millis(500);

/// The longest time to live that etcd grants. A server that reports more must not overflow the clock.
const LONGEST_LIFE: Duration = Duration::from_secs(9_000_000_000);

const NOT_FOUND: &str = "etcdserver: requested lease not found";

type Stream = (
    Requests<pb::LeaseKeepAliveRequest>,
    Answers<pb::LeaseKeepAliveResponse>,
);

/// Keeps one lease alive for as long as [`KeepAlive::next`] is called.
pub struct KeepAlive {
    client: Client,
    id: i64,
    stream: Option<Stream>,
    /// When to send the next renewal.
    due: Instant,
    /// The deadline of the first answer.
    first: Deadline,
    /// When the lease ends unless another answer arrives; `None` before the first answer.
    end: Option<Instant>,
}

impl Client {
    /// Keeps the lease with this id alive. The first answer must come before `first`; each later one within the time
    /// that the lease has left.
    pub fn keep_alive(&self, id: i64, first: Deadline) -> KeepAlive {
        KeepAlive {
            client: self.clone(),
            id,
            stream: None,
            due: Instant::now(),
            first,
            end: None,
        }
    }

    /// Renews a lease once.
    ///
    /// # Errors
    /// The lease does not exist, or see [`ClientError`].
    pub async fn keep_alive_once(
        &self,
        id: i64,
        deadline: Deadline,
    ) -> Result<pb::LeaseKeepAliveResponse, ClientError> {
        self.keep_alive(id, deadline).next().await
    }
}

impl ClientError {
    /// Whether the lease in question has ended: it was revoked, has expired, or was not renewed in time.
    pub fn lease_is_over(&self) -> bool {
        matches!(self, ClientError::LeaseExpired { .. }) || self.is(NOT_FOUND)
    }
}

impl KeepAlive {
    /// Renews the lease when it is time to, and returns the server's answer.
    ///
    /// Cancel-safe: dropping the future loses nothing. But nothing is renewed while nobody calls this.
    ///
    /// # Errors
    /// The lease has ended: the server says so, or no server answered before it expired ([`ClientError::LeaseExpired`]).
    /// Or no server answered the first renewal, or a server rejected a renewal permanently.
    pub async fn next(&mut self) -> Result<pb::LeaseKeepAliveResponse, ClientError> {
        loop {
            let renewed = match (self.end, self.first) {
                (Some(end), _) => timeout_at(end, self.renew()).await.ok(),
                (None, first) => first.run(self.renew()).await,
            };
            match renewed {
                None if self.end.is_some() => {
                    return Err(ClientError::LeaseExpired { id: self.id });
                }
                None => {
                    return Err(match &mut self.stream {
                        Some((_, answers)) => answers.timed_out(self.first).await,
                        None => self.client.out_of_time(self.first).await,
                    });
                }
                Some(Ok(answer)) if answer.ttl <= 0 => {
                    return Err(ClientError::Status {
                        code: Code::NotFound,
                        message: NOT_FOUND.into(),
                    });
                }
                Some(Ok(answer)) => {
                    let life = Duration::from_secs(answer.ttl.unsigned_abs()).min(LONGEST_LIFE);
                    self.due = Instant::now() + life / 3;
                    self.end = Some(Instant::now() + life);
                    return Ok(answer);
                }
                Some(Err(error)) => self.interrupted(error).await?,
            }
        }
    }

    /// Sends a renewal when it is due, repeats it while there is no response, and waits for the response.
    async fn renew(&mut self) -> Result<pb::LeaseKeepAliveResponse, ClientError> {
        loop {
            // If it is due already, do not sleep at all: tokio would round up to the next millisecond.
            if self.due > Instant::now() {
                sleep_until(self.due).await;
            }
            if self.stream.is_none() {
                let options = StreamOptions {
                    require_leader: true,
                    ..StreamOptions::default()
                };
                let connect = match self.end {
                    Some(_) => Deadline::never(),
                    None => self.first,
                };
                let stream = self.client.lease_keep_alive_stream(options, connect);
                self.stream = Some(stream.await?);
                self.first = self.first.after_reached();
            }
            let Some((requests, answers)) = &mut self.stream else {
                continue;
            };
            requests
                .send(pb::LeaseKeepAliveRequest { id: self.id })
                .await
                .or_else(|error| match error {
                    // Reading the stream returns the reason.
                    ClientError::StreamEnded(_) => Ok(()),
                    error => Err(error),
                })?;
            self.due = Instant::now() + RESEND;
            loop {
                match timeout_at(self.due, answers.next()).await {
                    Err(_) => break,
                    Ok(Ok(Some(answer))) if answer.id == self.id => return Ok(answer),
                    Ok(Ok(Some(_))) => {}
                    Ok(Ok(None)) => {
                        return Err(ClientError::StreamEnded(super::stream::StreamEnded));
                    }
                    Ok(Err(error)) => return Err(error),
                }
            }
        }
    }

    async fn interrupted(&mut self, error: ClientError) -> Result<(), ClientError> {
        self.stream = None;
        if token::is_stale(&error) && self.client.inner.tokens.renewable() {
            let stale = self.client.inner.tokens.current();
            let limit = match self.end {
                Some(end) => Deadline::after(super::Limit {
                    length: end.saturating_duration_since(Instant::now()),
                    flag: "",
                }),
                None => self.first,
            };
            self.due = Instant::now();
            return self.client.renew_token(&stale, limit).await;
        }
        let resumable = match &error {
            ClientError::Status { code, .. } => {
                matches!(code, Code::Unavailable | Code::Internal)
            }
            ClientError::Broken { .. } | ClientError::StreamEnded(_) => true,
            _ => false,
        };
        if !resumable {
            return Err(error);
        }
        self.due = Instant::now() + RECONNECT;
        Ok(())
    }
}
