//! Limits how often a client may ping, like grpc-go (grpc v1.82.1, internal/transport/http2_server.go, `handlePing`).
//! Only counts; the connection is closed elsewhere.

use std::time::{Duration, Instant};

/// Number of early pings that are tolerated before the connection is closed.
const STRIKES: u32 = 2;
/// Minimum interval of pings from a client without open requests.
const IDLE: Duration = Duration::from_secs(2 * 3600);

/// The pings of one client.
#[derive(Debug)]
pub struct Pings {
    /// Minimum interval of pings from a client with open requests.
    min_time: Duration,
    last: Option<Instant>,
    strikes: u32,
    /// Whether part of a response has been sent since the last ping, which permits the next one.
    forgiven: bool,
}

impl Pings {
    /// For a client that has not pinged yet.
    pub fn new(min_time: Duration) -> Pings {
        Pings {
            min_time,
            last: None,
            strikes: 0,
            forgiven: false,
        }
    }

    /// Records that part of a response was sent.
    pub fn sent(&mut self) {
        self.forgiven = true;
    }

    /// Records a ping at `now`, with `open` requests. Returns whether the client has pinged too often.
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
        // In time, with an open request.
        assert!((0..10).all(|i| !pings.received(at(5 * i), 1)));
        // Too early, but with a response in between.
        for i in 46..60 {
            pings.sent();
            assert!(!pings.received(at(i), 1));
        }
        assert!(!pings.received(at(60), 1));
        assert!(!pings.received(at(61), 1));
        assert!(pings.received(at(62), 1));
        // Without an open request.
        let mut idle = Pings::new(Duration::from_secs(5));
        let many = (0..4).map(|i| idle.received(at(60 * i), 0));
        assert_eq!(many.collect::<Vec<_>>(), [false, false, false, true]);
    }
}
