//! Which connection a client uses: the one that it has, else the first endpoint that answers, tried again until
//! time runs out; and what is known of those that did not answer.

use std::{sync::atomic::Ordering, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    cause::{Cause, Limit},
    channel::{Client, Repeat, Running, lock},
    connection::{Connection, KeepAlive},
    deadline::Deadline,
    dial::{DialOptions, dial},
    endpoint::Target,
    error::{Attempt, ClientError},
    probe,
};

/// Pauses between rounds of attempts: grows from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);
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

impl Client {
    /// For a request that may be sent twice: as [`Client::connection`], but the very first time, where there is one
    /// endpoint, the request may go out before the server has said anything. That saves waiting for it once, and
    /// whatever goes wrong is tried again in the usual way.
    pub(super) async fn connection_for_read(
        &self,
        deadline: Deadline,
    ) -> Result<(usize, Connection), ClientError> {
        let mut current = self.inner.current.lock().await;
        if self.inner.endpoints.len() == 1
            && !self.inner.tried.swap(true, Ordering::Relaxed)
            && let Some(Some(connection)) = deadline.run(self.dial_one(0, true)).await
        {
            *current = Some((0, connection.clone()));
            return Ok((0, connection));
        }
        drop(current);
        self.connection(deadline).await
    }

    /// The connection in use, or the first that comes about.
    pub(super) async fn connection(
        &self,
        deadline: Deadline,
    ) -> Result<(usize, Connection), ClientError> {
        if deadline.passed() {
            return Err(self.out_of_time(deadline).await);
        }
        let mut current = self.inner.current.lock().await;
        if let Some((index, connection)) = &*current
            && connection.usable()
        {
            return Ok((*index, connection.clone()));
        }
        self.inner.tried.store(true, Ordering::Relaxed);
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
            return Some((0, self.dial_one(0, false).await?));
        }
        // Not first the one that has just failed.
        let start = self.inner.start.load(Ordering::Relaxed);
        let mut attempts = JoinSet::new();
        let mut next = 0;
        loop {
            if next < count && attempts.len() < IN_FLIGHT {
                let (client, index) = (self.clone(), (start + next) % count);
                attempts.spawn(async move { (index, client.dial_one(index, false).await) });
                next += 1;
            } else if attempts.is_empty() {
                return None;
            }
            let stagger = Instant::now() + STAGGER;
            let more = next < count && attempts.len() < IN_FLIGHT;
            tokio::select! {
                done = attempts.join_next() => {
                    if let Some(Ok((index, Some(connection)))) = done {
                        // The others end here.
                        lock(&self.inner.running).clear();
                        return Some((index, connection));
                    }
                }
                () = sleep_until(stagger), if more => {}
            }
        }
    }

    async fn dial_one(&self, index: usize, at_once: bool) -> Option<Connection> {
        let endpoint = &self.inner.endpoints[index];
        let options = self.inner.options.clone();
        let options = DialOptions {
            timeout: options.dial_timeout,
            keepalive: KeepAlive {
                time: options.keepalive_time.max(SHORTEST_KEEPALIVE),
                timeout: options.keepalive_timeout,
            },
            at_once,
        };
        let running = |connected| {
            let since = Instant::now();
            lock(&self.inner.running).insert(index, Running { since, connected });
        };
        running(false);
        let result = match &endpoint.target {
            Target::Embedded { dir, flags } => {
                let stream = self.inner.options.embedded.connect(dir, flags).await;
                match stream.and_then(|stream| Ok((stream, endpoint.origin()?))) {
                    Ok((stream, origin)) => Connection::open(stream, origin, options).await,
                    Err(cause) => Err(cause),
                }
            }
            _ => dial(endpoint, &self.inner.tls, options, || running(true)).await,
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

    pub(super) fn record(&self, index: usize, cause: Cause) {
        lock(&self.inner.causes).insert(index, cause);
    }

    pub(super) fn attempt(&self, index: usize, cause: Cause) -> Attempt {
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
            Cause::Unsupported(_) | Cause::Meaningless(_) => {
                ClientError::Permanent(format!("{}: {first}", self.inner.endpoints[*index].typed))
            }
            Cause::Locked(text) => ClientError::Locked(text.clone()),
            _ => ClientError::Permanent(first.to_string()),
        })
    }

    /// Time ran out while a request was under way.
    pub(super) async fn late(
        &self,
        index: usize,
        connection: &Connection,
        repeat: Repeat,
        deadline: Deadline,
    ) -> ClientError {
        let refused = matches!(
            lock(&self.inner.causes).get(&index),
            Some(Cause::Unavailable(_))
        );
        // What it has said each time before is more than that it has not said it once more.
        if !refused {
            let cause = match connection.heard() {
                true => Cause::NoAnswer(deadline.limit),
                false => Cause::Silent(deadline.limit),
            };
            self.record(index, cause);
        }
        let mut error = self.out_of_time(deadline).await;
        if let ClientError::Deadline { maybe_done, .. } = &mut error {
            *maybe_done = repeat.changes();
        }
        error
    }

    /// Time ran out: gathers what is known, and looks once more at what is not clear.
    pub(super) async fn out_of_time(&self, deadline: Deadline) -> ClientError {
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
                && let Target::Tcp { host, port, tls } = &self.inner.endpoints[index].target
            {
                cause = probe::closer(cause, host, *port, *tls, PROBE).await;
            }
            attempts.push(self.attempt(index, cause));
        }
        ClientError::Deadline {
            limit: deadline.limit,
            attempts,
            maybe_done: false,
        }
    }
}
