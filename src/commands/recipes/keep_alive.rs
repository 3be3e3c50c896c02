//! Keeps a lease alive, reconnecting as long as the lease can still be alive.

use std::time::Duration;

use tonic::Code;

use crate::{
    client::{
        Client, ClientError, Deadline, Limit,
        stream::{Answers, Requests, StreamOptions},
    },
    proto::etcdserverpb as pb,
};

/// Pause before reconnecting.
const RETRY: Duration = Duration::from_millis(500);

/// A lease that is being kept alive.
pub struct KeepAlive {
    client: Client,
    id: i64,
    /// The lease is certain to be alive until then. Initially, the deadline of the first response.
    until: Deadline,
    /// Pause before the next renewal.
    pause: Duration,
    stream: Option<(
        Requests<pb::LeaseKeepAliveRequest>,
        Answers<pb::LeaseKeepAliveResponse>,
    )>,
}

impl KeepAlive {
    /// Sends nothing yet. The first response must arrive before `first`.
    pub fn new(client: Client, id: i64, first: Deadline) -> KeepAlive {
        KeepAlive {
            client,
            id,
            until: first,
            pause: Duration::ZERO,
            stream: None,
        }
    }

    /// Renews the lease when a third of its time to live has passed; the first time immediately. `None` means that the
    /// lease has expired or was revoked.
    ///
    /// # Errors
    /// An error from the server, or no server could be reached while the lease was certain to be alive.
    pub async fn next(&mut self) -> Result<Option<pb::LeaseKeepAliveResponse>, ClientError> {
        tokio::time::sleep(self.pause).await;
        loop {
            match self.renew().await {
                Ok(answer) => {
                    let Ok(ttl @ 1..) = u64::try_from(answer.ttl) else {
                        return Ok(None);
                    };
                    let length = Duration::from_secs(ttl);
                    self.pause = length / 3;
                    self.until = Deadline::after(Limit { length, flag: "" });
                    return Ok(Some(answer));
                }
                Err(error) => {
                    self.stream = None;
                    let gave_up = matches!(error, ClientError::Deadline { .. });
                    if gave_up || !may_pass(&error) || self.until.passed() {
                        return Err(error);
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Sends one renewal and waits for the response.
    async fn renew(&mut self) -> Result<pb::LeaseKeepAliveResponse, ClientError> {
        let (requests, answers) = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let options = StreamOptions::default();
                let stream = self
                    .client
                    .lease_keep_alive_stream(options, self.until)
                    .await?;
                self.stream.insert(stream)
            }
        };
        answers.set_deadline(self.until);
        match requests
            .send(pb::LeaseKeepAliveRequest { id: self.id })
            .await
        {
            // The response stream reports why it ended.
            Ok(()) | Err(ClientError::StreamEnded(_)) => {}
            Err(error) => return Err(error),
        }
        answers.next().await?.ok_or_else(|| ClientError::Status {
            code: Code::Unavailable,
            message: "the stream has ended".into(),
        })
    }
}

/// Whether another attempt may succeed, because the connection was lost or the server is not ready.
fn may_pass(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(Code::Unavailable | Code::Cancelled | Code::Internal)
    )
}
