//! How often a client may ping, as grpc-go enforces it (grpc v1.82.1, internal/transport/http2_server.go,
//! `handlePing`). Counts only; who closes the connection is decided elsewhere.

use std::time::{Duration, Instant};

/// Pings that come too soon before the connection is closed.
const STRIKES: u32 = 2;
/// Shortest time between pings of a client that has no request open.
const IDLE: Duration = Duration::from_secs(2 * 3600);

/// The pings of one client.
#[derive(Debug)]
pub struct Pings {
    /// Shortest time between pings of a client that has requests open.
    min_time: Duration,
    last: Option<Instant>,
    strikes: u32,
    /// Whether something of a response was sent since the last ping, which makes the next one good.
    forgiven: bool,
}

impl Pings {
    /// A client that has not pinged yet.
    pub fn new(min_time: Duration) -> Pings {
        Pings {
            min_time,
            last: None,
            strikes: 0,
            forgiven: false,
        }
    }

    /// Something of a response is sent.
    pub fn sent(&mut self) {
        self.forgiven = true;
    }

    /// A ping has come at `now`, with `open` requests; whether the client has pinged too often.
    pub fn received(&mut self, now: Instant, open: usize) -> bool {
        let last = self.last.replace(now);
        if std::mem::take(&mut self.forgiven) {
            self.strikes = 0;
            return false;
        }
        let least = if open == 0 { IDLE } else { self.min_time };
        if last.is_some_and(|last| now.duration_since(last) < least) {
            self.strikes += 1;
        }
        self.strikes > STRIKES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_pings_too_soon_are_too_many() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pings = Pings::new(Duration::from_secs(5));
        // In time, with a request open.
        assert!((0..10).all(|i| !pings.received(at(5 * i), 1)));
        // Too soon, but with an answer in between.
        for i in 46..60 {
            pings.sent();
            assert!(!pings.received(at(i), 1));
        }
        assert!(!pings.received(at(60), 1));
        assert!(!pings.received(at(61), 1));
        assert!(pings.received(at(62), 1));
        // With no request open.
        let mut idle = Pings::new(Duration::from_secs(5));
        let many = (0..4).map(|i| idle.received(at(60 * i), 0));
        assert_eq!(many.collect::<Vec<_>>(), [false, false, false, true]);
    }
}
