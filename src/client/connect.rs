//! How a request gets a connection: it waits until the balancer has one or the deadline passes. Also collects what is
//! known about endpoints that did not answer.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::{
    access::Access,
    balancer::{Avoid, Step},
    cause::Cause,
    channel::{Client, Inner},
    connection::{Connection, KeepAlive},
    deadline::Deadline,
    dial::{DialOptions, dial},
    endpoint::Target,
    error::{Attempt, ClientError},
    probe,
    retry::Repeat,
};

/// Minimum interval of pings, as in grpc-go; servers disconnect clients that ping more often.
const SHORTEST_KEEPALIVE: Duration = Duration::from_secs(10);
/// Longest time of one attempt to connect, as in grpc-go. Each failure doubles the time for the next attempt until then:
/// a server behind a slow network would otherwise never be reached.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(20);
/// A new server gets this much time to acknowledge SETTINGS before a write is sent to it anyway.
const ACKNOWLEDGED: Duration = Duration::from_millis(25);
/// Time limit for probing a port after a command has failed.
const PROBE: Duration = Duration::from_millis(300);
/// At most this many endpoints are probed after a failure.
const PROBED: usize = 3;

impl Client {
    /// Returns a connection for a request.
    ///
    /// The very first request of a client with one endpoint is sent before the server has sent anything, if it may be
    /// repeated. This saves one round trip, and failures are retried as usual. It is not done where the time for an answer
    /// has no limit, but that for reaching a server has.
    pub(super) async fn connection(
        &self,
        repeat: Repeat,
        avoid: Option<Avoid>,
        deadline: Deadline,
    ) -> Result<(usize, Connection), ClientError> {
        let unlimited_answer = deadline.only_to_reach();
        let deadline = deadline.to_connect();
        if deadline.passed() {
            return Err(self.out_of_time(deadline).await);
        }
        let first = !self.inner.tried.swap(true, Ordering::Relaxed);
        let at_once = first && repeat == Repeat::Yes && !unlimited_answer;
        if at_once && self.inner.endpoints.len() == 1 {
            let balancer = &self.inner.balancer;
            balancer.first_dial(|index| self.dial_task(index, true));
        }
        loop {
            let found = deadline.run(self.wait_for_connection(avoid)).await;
            let Some((index, connection)) = found.transpose()? else {
                return Err(self.out_of_time(deadline).await);
            };
            if repeat == Repeat::Yes || connection.answered() {
                return Ok((index, connection));
            }
            // Send a write only to a server that has shown that it speaks HTTP/2. If there are other servers, also wait
            // briefly for it to acknowledge SETTINGS, so that one that closes the connection immediately is abandoned
            // before anything was sent.
            let checked = async {
                connection.settled().await?;
                if self.inner.endpoints.len() > 1 {
                    let _ = tokio::time::timeout(ACKNOWLEDGED, connection.acknowledged()).await;
                }
                if connection.usable() {
                    Ok(())
                } else {
                    Err(connection.broken("EOF"))
                }
            };
            match deadline.run(checked).await {
                Some(Err(cause)) => self.inner.balancer.lost(index, &connection, cause),
                Some(Ok(())) | None => return Ok((index, connection)),
            }
        }
    }

    /// Opens the data directory of an embedded endpoint for `access`. Does nothing for other endpoints.
    ///
    /// # Errors
    /// The directory cannot be opened, or is still in use at the deadline.
    pub(super) async fn open_embedded(
        &self,
        access: Access,
        deadline: Deadline,
    ) -> Result<(), ClientError> {
        // It is the only endpoint of its client.
        let embedded = &self.inner.options.embedded;
        let deadline = deadline.to_connect();
        let (dir, flags) = match self.inner.endpoints.first().map(|e| &e.target) {
            Some(Target::Embedded { dir, flags }) => (dir, flags),
            Some(Target::Snapshot { file }) => return embedded.open_snapshot(file).await,
            _ => return Ok(()),
        };
        if embedded.open(dir, flags, access, deadline).await? {
            self.inner.balancer.disconnect();
        }
        Ok(())
    }

    async fn wait_for_connection(
        &self,
        avoid: Option<Avoid>,
    ) -> Result<(usize, Connection), ClientError> {
        let balancer = &self.inner.balancer;
        loop {
            // Register before examining the state, so that no change is missed.
            let changed = balancer.changed.notified();
            match balancer.step(Instant::now(), avoid, |index| self.dial_task(index, false)) {
                Step::Use(index, connection) => return Ok((index, connection)),
                Step::Never => return Err(self.unreachable().await),
                Step::Wait(None) => changed.await,
                Step::Wait(Some(until)) => {
                    tokio::select! {
                        () = changed => {}
                        () = sleep_until(until) => {}
                    }
                }
            }
        }
    }

    /// Dials once and passes the result to the balancer. Does not keep the client alive.
    fn dial_task(&self, index: usize, at_once: bool) -> impl Future<Output = ()> + Send + 'static {
        let inner = Arc::downgrade(&self.inner);
        let endpoint = self.inner.endpoints[index].clone();
        let (tls, proxies) = (Arc::clone(&self.inner.tls), Arc::clone(&self.inner.proxies));
        let client = &self.inner.options;
        let embedded = client.embedded.clone();
        let mut options = DialOptions {
            timeout: client.dial_timeout,
            keepalive: KeepAlive {
                time: client
                    .keepalive_time
                    .map(|time| time.max(SHORTEST_KEEPALIVE)),
                timeout: client.keepalive_timeout,
            },
            at_once,
        };
        async move {
            let failures = inner.upgrade().map_or(0, |i| i.balancer.failures(index));
            options.timeout = attempt_limit(options.timeout, failures);
            let result = match &endpoint.target {
                Target::Embedded { dir, .. } | Target::Snapshot { file: dir } => {
                    match embedded.connect(dir).await {
                        Ok(stream) => match endpoint.origin() {
                            Ok(origin) => Connection::open(stream, origin, options).await,
                            Err(cause) => Err(cause),
                        },
                        Err(cause) => Err(cause),
                    }
                }
                _ => {
                    let connected = || {
                        if let Some(inner) = inner.upgrade() {
                            inner.balancer.connected(index);
                        }
                    };
                    dial(&endpoint, &tls, &proxies, options, connected).await
                }
            };
            if let Some(inner) = inner.upgrade() {
                inner.balancer.dialled(Instant::now(), index, result);
            }
        }
    }

    pub(super) fn attempt(&self, index: usize, cause: Cause) -> Attempt {
        Attempt {
            endpoint: self.inner.endpoints[index].typed.clone(),
            cause: self.inner.tls.explain(cause),
        }
    }

    /// The error if no endpoint can ever be used.
    async fn unreachable(&self) -> ClientError {
        let causes = self.inner.balancer.causes(super::Limit::none());
        if let Some((index, first)) = causes.first_key_value() {
            match first {
                Cause::Unsupported(_) | Cause::Malformed(_) => {
                    let endpoint = &self.inner.endpoints[*index].typed;
                    return ClientError::Permanent(format!("{endpoint}: {first}"));
                }
                Cause::Embedded(text) => return ClientError::Permanent(text.clone()),
                _ => {}
            }
        }
        ClientError::Unreachable {
            attempts: self.probe_failed_ports(causes).await,
        }
    }

    /// The deadline passed while a request was in progress.
    pub(super) async fn timed_out(
        &self,
        index: usize,
        connection: &Connection,
        repeat: Repeat,
        deadline: Deadline,
    ) -> ClientError {
        // Keep an earlier Unavailable reply; it says more than this timeout.
        let balancer = &self.inner.balancer;
        if !matches!(balancer.cause(index), Some(Cause::Unavailable(_))) {
            let cause = match connection.heard() {
                true => Cause::NoAnswer(deadline.limit),
                false => Cause::Silent(deadline.limit),
            };
            balancer.record(index, cause);
        }
        let mut error = self.out_of_time(deadline).await;
        if let ClientError::Deadline { maybe_done, .. } = &mut error {
            *maybe_done = repeat.changes();
        }
        error
    }

    /// The deadline passed: collects what is known, and probes what is unclear.
    pub(super) async fn out_of_time(&self, deadline: Deadline) -> ClientError {
        let causes = self.inner.balancer.causes(deadline.limit);
        ClientError::Deadline {
            limit: deadline.limit,
            attempts: self.probe_failed_ports(causes).await,
            maybe_done: false,
        }
    }

    /// Probes the first few ports that failed.
    async fn probe_failed_ports(
        &self,
        causes: std::collections::BTreeMap<usize, Cause>,
    ) -> Vec<Attempt> {
        let Inner {
            endpoints, proxies, ..
        } = &*self.inner;
        let mut attempts = vec![];
        for (index, mut cause) in causes {
            if attempts.len() < PROBED
                && let Target::Tcp { host, port, tls } = &endpoints[index].target
                && proxies.proxy_for(host, *port).is_none()
            {
                cause = probe::closer(cause, host, *port, *tls, PROBE).await;
            }
            attempts.push(self.attempt(index, cause));
        }
        attempts
    }
}

/// The time limit of an attempt to connect, after this number of consecutive failures.
fn attempt_limit(first: Duration, failures: u32) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(failures));
    doubled.min(LONGEST_ATTEMPT).max(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_has_twice_the_time_of_the_previous_one() {
        let limits = |first: u64| {
            [0, 1, 2, 3, 4, 40].map(|n| attempt_limit(Duration::from_secs(first), n).as_secs())
        };
        assert_eq!(limits(2), [2, 4, 8, 16, 20, 20]);
        assert_eq!(limits(30), [30; 6]);
    }
}
