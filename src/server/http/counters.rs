//! What this server has been asked, counted; `metrics` writes it out. Counting is all it does.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::server::grpc::Method;
use tonic::Code;

/// gRPC's codes are 0 to 16.
const CODES: usize = 17;

/// Counters since the server's start.
#[derive(Debug)]
pub struct Counters {
    started: Vec<AtomicU64>,
    handled: Vec<[AtomicU64; CODES]>,
    /// `/health` answered that all is well.
    pub healthy: AtomicU64,
    /// `/health` answered that it is not.
    pub unhealthy: AtomicU64,
    /// Defragmentations under way.
    pub defragmenting: AtomicU64,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            started: Method::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            handled: Method::ALL.iter().map(|_| Default::default()).collect(),
            healthy: AtomicU64::new(0),
            unhealthy: AtomicU64::new(0),
            defragmenting: AtomicU64::new(0),
        }
    }
}

impl Counters {
    /// A request of this method has come in.
    pub fn started(&self, method: Method) {
        self.started[method as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// It has been answered (a stream: has been opened) with this code.
    pub fn handled(&self, method: Method, code: Code) {
        self.handled[method as usize][code as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests of this method came in.
    pub fn starts(&self, method: usize) -> u64 {
        self.started[method].load(Ordering::Relaxed)
    }

    /// Every code that this method was answered with, and how often.
    pub fn codes(&self, method: usize) -> impl Iterator<Item = (Code, u64)> {
        self.handled[method]
            .iter()
            .enumerate()
            .map(|(code, n)| {
                let code = i32::try_from(code).unwrap_or_default();
                (Code::from_i32(code), n.load(Ordering::Relaxed))
            })
            .filter(|(_, n)| *n > 0)
    }
}
