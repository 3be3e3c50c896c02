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

/// Assumed time to live before the first response: etcd's minimum.
const FIRST_LIFE: Duration = Duration::from_secs(5);
/// Pause before a broken stream is opened again.
const RECONNECT: Duration = Duration::from_millis(500);
/// A renewal without a response is repeated after at most this time.
const RESEND: Duration = Duration::from_millis(500);

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
    /// When the lease expires unless a response arrives.
    end: Instant,
}

impl Client {
    /// Keeps this lease alive.
    pub fn keep_alive(&self, id: i64) -> KeepAlive {
        let now = Instant::now();
        KeepAlive {
            client: self.clone(),
            id,
            stream: None,
            due: now,
            end: now + FIRST_LIFE.max(self.inner.options.dial_timeout + Duration::from_secs(1)),
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
        let mut keep_alive = self.keep_alive(id);
        match deadline.run(keep_alive.next()).await {
            Some(result) => result,
            None => Err(self.out_of_time(deadline).await),
        }
    }
}

impl KeepAlive {
    /// Renews the lease when it is due and returns the server's response.
    ///
    /// Cancel-safe, but the lease is renewed only while this future is being polled.
    ///
    /// # Errors
    /// The lease has ended: the server says so, or no server answered in time ([`ClientError::LeaseExpired`]). Or a
    /// permanent error.
    pub async fn next(&mut self) -> Result<pb::LeaseKeepAliveResponse, ClientError> {
        loop {
            match timeout_at(self.end, self.renew()).await {
                Err(_) => return Err(ClientError::LeaseExpired { id: self.id }),
                Ok(Ok(answer)) if answer.ttl <= 0 => {
                    return Err(ClientError::Status {
                        code: Code::NotFound,
                        message: NOT_FOUND.into(),
                    });
                }
                Ok(Ok(answer)) => {
                    let life = Duration::from_secs(answer.ttl.unsigned_abs());
                    self.due = Instant::now() + life / 3;
                    self.end = Instant::now() + life;
                    return Ok(answer);
                }
                Ok(Err(error)) => self.interrupted(error).await?,
            }
        }
    }

    /// Sends a renewal when it is due, repeats it while there is no response, and waits for the response.
    async fn renew(&mut self) -> Result<pb::LeaseKeepAliveResponse, ClientError> {
        loop {
            sleep_until(self.due).await;
            if self.stream.is_none() {
                let options = StreamOptions {
                    require_leader: true,
                };
                let stream = self
                    .client
                    .lease_keep_alive_stream(options, Deadline::never())
                    .await?;
                self.stream = Some(stream);
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
            let limit = super::Limit {
                length: self.end.saturating_duration_since(Instant::now()),
                flag: "",
            };
            self.due = Instant::now();
            return self
                .client
                .renew_token(&stale, Deadline::after(limit))
                .await;
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
