//! Reads one snapshot stream and detects stalls. Writes no file.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use crate::{
    cli::{context::Context, error::CommandError, progress},
    client::{Answers, Client, ClientError, Deadline, Limit, error::go_status},
    golang::format,
    proto::etcdserverpb as pb,
};

/// Minimum number of bytes that must arrive within `--stall-timeout`.
const LEAST: u64 = 64 << 10;

/// Time limit of the first response unless `--dial-timeout` is given. It is longer than the default of that flag, because a
/// member answers late while it is being defragmented or the network stalls.
const FIRST_RESPONSE: Duration = Duration::from_secs(20);

/// Why a save failed.
#[derive(Debug)]
pub enum Broken {
    /// Because of the member or the network; another member may succeed.
    Remote(CommandError),
    /// Because of the output.
    Local(CommandError),
}

/// A snapshot stream.
pub struct Stream {
    answers: Answers<pb::SnapshotResponse>,
    progress: progress::Bytes,
    stall: Stall,
    /// Bytes received.
    pub size: u64,
    /// The version of the server, if it is known.
    pub version: String,
}

impl Stream {
    /// Requests a snapshot.
    ///
    /// # Errors
    /// No server could be reached.
    pub async fn open(
        ctx: &Context,
        client: &Client,
        stall_timeout: Duration,
    ) -> Result<Stream, CommandError> {
        let settings = ctx.settings()?;
        let deadline = if settings.command_timeout_given {
            ctx.deadline()?
        } else {
            Deadline::never()
        };
        // Without a timeout, an unreachable endpoint would be tried forever. If neither flag is given, a server must be reached
        // within the same time as for other commands.
        let dial = Limit::dial(settings.dial_limit());
        let (connect, first) = if settings.command_timeout_given {
            (deadline, deadline)
        } else if settings.dial_timeout_given {
            (Deadline::after(dial), Deadline::after(dial))
        } else {
            let length = FIRST_RESPONSE;
            let first = Deadline::after(Limit { length, ..dial });
            (ctx.deadline()?.until_reached(), first)
        };
        let answers = client.snapshot(connect, first, deadline).await;
        Ok(Stream {
            answers: answers.map_err(|e| broken(&e, 0))?,
            progress: progress::Bytes::start(&ctx.ui),
            stall: Stall::new(stall_timeout),
            size: 0,
            version: String::new(),
        })
    }

    /// The next bytes, or `None` at the end.
    ///
    /// # Errors
    /// The stream broke or stalled.
    pub async fn next(&mut self) -> Result<Option<Bytes>, CommandError> {
        let begin = Instant::now();
        let answer = match self.stall.left() {
            None => self.answers.next().await,
            Some(left) => match timeout(left, self.answers.next()).await {
                Ok(answer) => answer,
                Err(_) => return Err(self.stall.error(self.size)),
            },
        };
        let Some(answer) = answer.map_err(|e| broken(&e, self.size))? else {
            return Ok(None);
        };
        if self.version.is_empty() {
            self.version = answer.version;
        }
        let bytes = answer.blob.len() as u64;
        self.size += bytes;
        self.stall.came(bytes, begin.elapsed());
        self.progress.update(self.size, answer.remaining_bytes);
        Ok(Some(answer.blob))
    }
}

/// Measures the time spent waiting for the server, without the time spent waiting for the disk.
struct Stall {
    timeout: Duration,
    waited: Duration,
    bytes: u64,
}

impl Stall {
    fn new(timeout: Duration) -> Stall {
        Stall {
            timeout,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// The time left until a stall; `None` if there is no limit.
    fn left(&self) -> Option<Duration> {
        (!self.timeout.is_zero()).then(|| self.timeout.saturating_sub(self.waited))
    }

    fn came(&mut self, bytes: u64, waited: Duration) {
        self.bytes += bytes;
        self.waited += waited;
        if self.bytes >= LEAST {
            (self.bytes, self.waited) = (0, Duration::ZERO);
        }
    }

    fn error(&self, size: u64) -> CommandError {
        let timeout = format::duration(self.timeout);
        let text = format!("the stream has stalled: less than 64 KiB came in {timeout}");
        CommandError::new(
            crate::cli::error::ErrorKind::Interrupted,
            match size {
                0 => text,
                _ => format!("could not write snapshot: {text}"),
            },
        )
        .hint("--stall-timeout sets that time, 0 waits forever; --failover continues with another member")
    }
}

/// The error if the stream ended early. As in etcdctl, it contains only the reason if no bytes had arrived.
fn broken(error: &ClientError, size: u64) -> CommandError {
    let mut out = CommandError::from(error.clone());
    // Go's client returns errors of a stream unchanged.
    let text = match error {
        ClientError::Status { code, message } => go_status(*code, message),
        error => error.to_string(),
    };
    out.source = Some(match size {
        0 => text.into(),
        _ => format!("could not write snapshot: {text}").into(),
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_counts_as_a_stall_and_a_pause_of_the_disk_does_not() {
        let second = Duration::from_secs(1);
        let mut stall = Stall::new(3 * second);
        // Enough bytes begin a new period, however long they took.
        stall.came(LEAST, 2 * second);
        assert_eq!(stall.left(), Some(3 * second));
        // A few do not.
        stall.came(100, 2 * second);
        assert_eq!(stall.left(), Some(second));
        stall.came(100, 2 * second);
        assert_eq!(stall.left(), Some(Duration::ZERO));
        assert_eq!(Stall::new(Duration::ZERO).left(), None);
    }
}
