//! Which failed requests are sent again, and after which pause: etcd's policy (etcd v3.7.1, client/v3/retry.go and
//! retry_interceptor.go), but stricter if repeating could execute a request twice. Sends nothing itself.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use tonic::Code;

use super::{error::ClientError, failure::Failure};

/// Maximum number of attempts per request, as in etcd.
pub const MAX_ATTEMPTS: u32 = 100;
/// Pause after each round over a quorum of the endpoints, as in etcd, with the same jitter.
const PAUSE: Duration = Duration::from_millis(25);
const PAUSE_JITTER: f64 = 0.1;

/// Whether a request may be sent again when it is unknown whether it was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Yes: it only reads.
    Yes,
    /// It only reads, but etcd's client does not send it again either.
    Read,
    /// It changes something, but etcd's client repeats it anyway, because executing it twice does little harm.
    Again,
    /// No: it may have been executed.
    No,
}

impl Repeat {
    /// Whether the request may be sent again.
    pub fn allowed(self) -> bool {
        matches!(self, Repeat::Yes | Repeat::Again)
    }

    /// Whether the request may have changed something.
    pub fn changes(self) -> bool {
        matches!(self, Repeat::No | Repeat::Again)
    }
}

/// Whether a request that failed like this may be sent again to one of `endpoints` endpoints.
pub fn may_repeat(failure: &Failure, repeat: Repeat, endpoints: usize) -> bool {
    let (code, message) = match failure {
        Failure::Unprocessed(_) => return true,
        Failure::Broken(_) => return repeat.allowed(),
        // Another endpoint may succeed. With a single endpoint, etcd's client does not retry this either.
        Failure::Aborted(_) if endpoints > 1 => return repeat.allowed(),
        Failure::Aborted(ClientError::Status { code, message })
        | Failure::Answered(ClientError::Status { code, message }) => (*code, message.as_str()),
        Failure::Aborted(_) | Failure::Answered(_) => return false,
    };
    match message {
        // A learner rejects the request before doing anything; another member may accept it.
        "etcdserver: rpc not supported for learner" => endpoints > 1,
        // A proxy in between had no backend to send it to.
        "there is no address available" | "there is no connection available" => true,
        // The server gave up by itself, for example because it had no leader. It may have started executing the
        // request, so that a write is not repeated here, although etcd's client does so after Canceled.
        _ => {
            repeat.allowed()
                && matches!(
                    code,
                    Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled
                )
        }
    }
}

/// The pause before an attempt; 1 is the first repetition.
pub fn pause(attempt: u32, endpoints: usize) -> Duration {
    let quorum = u32::try_from(endpoints / 2 + 1).unwrap_or(u32::MAX);
    if attempt.is_multiple_of(quorum) {
        jitter(PAUSE, PAUSE_JITTER)
    } else {
        Duration::ZERO
    }
}

/// Randomly varies `length` by up to this fraction, so that clients do not all retry at the same moment.
pub fn jitter(length: Duration, part: f64) -> Duration {
    let zero_to_two = random() as f64 / (u64::MAX as f64) * 2.0;
    length.mul_f64(1.0 + part * (zero_to_two - 1.0))
}

/// A random number that differs between processes; not for secrets.
pub fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{cause::Cause, failure::Unprocessed};

    fn answered(code: Code, message: &str) -> Failure {
        Failure::Answered(ClientError::Status {
            code,
            message: message.into(),
        })
    }

    #[test]
    fn a_write_is_sent_again_only_where_nothing_was_done() {
        let unsent = Failure::Unprocessed(Unprocessed::NotSent(Cause::Closed));
        let broken = Failure::Broken(Cause::Closed);
        for (failure, read, write) in [
            (unsent, true, true),
            (broken, true, false),
            (
                answered(Code::Unavailable, "etcdserver: no leader"),
                true,
                false,
            ),
            (
                answered(Code::Unavailable, "there is no connection available"),
                true,
                true,
            ),
            (answered(Code::Cancelled, ""), true, false),
            (answered(Code::DeadlineExceeded, ""), true, false),
            (answered(Code::Internal, ""), false, false),
            (
                answered(
                    Code::OutOfRange,
                    "etcdserver: mvcc: required revision has been compacted",
                ),
                false,
                false,
            ),
        ] {
            assert_eq!(may_repeat(&failure, Repeat::Yes, 3), read, "{failure:?}");
            assert_eq!(may_repeat(&failure, Repeat::No, 3), write, "{failure:?}");
            assert_eq!(may_repeat(&failure, Repeat::Read, 3), write, "{failure:?}");
        }
        let reset = || ClientError::Status {
            code: Code::Internal,
            message: String::new(),
        };
        assert!(may_repeat(&Failure::Aborted(reset()), Repeat::Yes, 2));
        assert!(!may_repeat(&Failure::Aborted(reset()), Repeat::Yes, 1));
        assert!(!may_repeat(&Failure::Aborted(reset()), Repeat::No, 2));
        let learner = answered(
            Code::Unavailable,
            "etcdserver: rpc not supported for learner",
        );
        assert!(may_repeat(&learner, Repeat::No, 2));
        assert!(!may_repeat(&learner, Repeat::No, 1));
    }

    #[test]
    fn a_quorum_is_tried_before_each_pause() {
        let pauses: Vec<bool> = (1..=6).map(|n| !pause(n, 3).is_zero()).collect();
        assert_eq!(pauses, [false, true, false, true, false, true]);
        assert!(!pause(1, 1).is_zero());
        let long = pause(1, 1);
        assert!((22..=28).contains(&long.as_millis()), "{long:?}");
    }
}
