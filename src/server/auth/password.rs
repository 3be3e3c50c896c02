//! Hashes and compares passwords with bcrypt, which is slow by design. Runs in a few threads apart from the async
//! workers, so that a flood of logins blocks neither the workers nor all processors. Stores nothing. Source: etcd
//! v3.7.1, server/auth/store.go and golang.org/x/crypto/bcrypt.

use std::sync::Arc;

use base64::Engine as _;
use tokio::{sync::Semaphore, task};
use tracing::warn;

use crate::server::error::Error;

/// Maximum length of a password in bytes. Go rejects longer ones, because bcrypt would ignore the rest.
pub const MAX_PASSWORD: usize = 72;
/// etcd's default of `--bcrypt-cost`.
pub const DEFAULT_COST: u32 = 10;
/// The costs that bcrypt supports.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;
/// Maximum number of requests that wait for a thread; further ones are rejected with "too many requests".
const MOST_WAITING: usize = 1000;

/// Why a password cannot be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is too long.
    #[error("bcrypt: password length exceeds 72 bytes")]
    TooLong,
    /// The system provided no random numbers.
    #[error("no random numbers for a salt")]
    Salt,
}

/// Hashes a password with bcrypt.
///
/// # Errors
/// See [`PasswordError`].
pub fn hash(password: &str, cost: u32) -> Result<String, PasswordError> {
    if password.len() > MAX_PASSWORD {
        return Err(PasswordError::TooLong);
    }
    // Write the same version as Go.
    bcrypt::hash_with_result(password, cost)
        .map(|parts| parts.format_for_version(bcrypt::Version::TwoA))
        .map_err(|_| PasswordError::Salt)
}

/// Whether a password matches a hash. An invalid hash matches no password.
pub fn matches(password: &str, hash: &[u8]) -> bool {
    // bcrypt ignores everything after the first 72 bytes, and longer passwords are never set.
    password.len() <= MAX_PASSWORD
        && std::str::from_utf8(hash)
            .is_ok_and(|hash| bcrypt::verify(password, hash).unwrap_or(false))
}

/// Hashes and compares passwords in separate threads.
#[derive(Debug)]
pub struct Passwords {
    cost: u32,
    /// One permit per working thread.
    threads: Arc<Semaphore>,
    /// One permit per request that works or waits.
    waiting: Arc<Semaphore>,
}

impl Passwords {
    /// Uses the cost given by `--bcrypt-cost`. Like etcd, replaces an unsupported cost by the default. At most half of
    /// the processors, but at least one, are used at a time.
    pub fn new(cost: u32) -> Passwords {
        let processors = std::thread::available_parallelism().map_or(1, |n| n.get());
        Passwords::with(cost, (processors / 2).max(1), MOST_WAITING)
    }

    fn with(cost: u32, threads: usize, waiting: usize) -> Passwords {
        let cost = match COSTS.contains(&cost) {
            true => cost,
            false => {
                warn!(
                    "min-cost" = COSTS.start(),
                    "max-cost" = COSTS.end(),
                    "default-cost" = DEFAULT_COST,
                    "given-cost" = cost,
                    "use default bcrypt cost instead of the invalid given cost"
                );
                DEFAULT_COST
            }
        };
        Passwords {
            cost,
            threads: Arc::new(Semaphore::new(threads)),
            waiting: Arc::new(Semaphore::new(waiting + threads)),
        }
    }

    /// Hashes a password. Returns the hash in base64, as in a request.
    ///
    /// # Errors
    /// The password is too long, or too many requests are waiting.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        let cost = self.cost;
        let hash = self.run(move || hash(&password, cost)).await?;
        match hash {
            Ok(hash) => Ok(base64::engine::general_purpose::STANDARD.encode(hash)),
            // etcd has no code for this error and sends it as "unknown".
            Err(e) => Err(Error::Other(tonic::Code::Unknown, e.to_string())),
        }
    }

    /// Whether a password matches a hash.
    ///
    /// # Errors
    /// Too many requests are waiting.
    pub async fn matches(&self, password: String, hash: bytes::Bytes) -> Result<bool, Error> {
        self.run(move || matches(&password, &hash)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let waits = self.waiting.clone().try_acquire_owned();
        let waits = waits.map_err(|_| Error::RequestTooManyRequests)?;
        // A caller that goes away while waiting here costs nothing.
        let thread = self.threads.clone().acquire_owned().await;
        let thread = thread.map_err(|_| Error::Stopped)?;
        let work = move || {
            // The thread is busy until the work is done, even if nobody waits for it any more.
            let _held = (waits, thread);
            work()
        };
        task::spawn_blocking(work).await.map_err(|_| Error::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn hashes_are_written_as_go_writes_them() {
        let hash = hash("secret", 4).unwrap();
        assert!(hash.starts_with("$2a$04$") && hash.len() == 60, "{hash}");
        assert!(matches("secret", hash.as_bytes()));
        assert!(!matches("Secret", hash.as_bytes()) && !matches("", hash.as_bytes()));
        // A well-known test vector (OpenBSD's regression tests), and the other versions that Go accepts.
        let known = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert!(matches("U*U", known.as_bytes()));
        assert!(matches("U*U", known.replace("2a", "2b").as_bytes()));
        for garbage in [
            "",
            "secret",
            "$2a$05$",
            "$2a$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        ] {
            assert!(!matches("U*U", garbage.as_bytes()), "{garbage}");
        }
        assert!(!matches("x", b"\xff\xfe"));
    }

    #[test]
    fn the_empty_password_is_one() {
        let hash = hash("", 4).unwrap();
        assert!(matches("", hash.as_bytes()) && !matches("x", hash.as_bytes()));
        assert!(!matches("", b""), "no hash is not an empty password");
    }

    #[test]
    fn passwords_that_bcrypt_would_truncate_are_refused() {
        let long = "x".repeat(MAX_PASSWORD);
        let stored = hash(&long, 4).unwrap();
        assert!(matches(&long, stored.as_bytes()));
        assert!(!matches(&(long.clone() + "y"), stored.as_bytes()));
        let refused = hash(&(long + "y"), 4).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "bcrypt: password length exceeds 72 bytes"
        );
    }

    #[tokio::test]
    async fn a_request_gets_base64_or_a_refusal() {
        let passwords = Passwords::new(4);
        let text = passwords.hash("secret".into()).await.unwrap();
        let hash = base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap();
        assert!(
            passwords
                .matches("secret".into(), hash.into())
                .await
                .unwrap()
        );
        let refused = passwords.hash("x".repeat(73)).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unknown);
        assert_eq!(refused.text(), "bcrypt: password length exceeds 72 bytes");
        assert_eq!(Passwords::new(3).cost, DEFAULT_COST);
        assert_eq!(Passwords::new(32).cost, DEFAULT_COST);
    }

    #[tokio::test]
    async fn threads_and_waiting_requests_are_bounded() {
        let passwords = Arc::new(Passwords::with(4, 1, 1));
        let (release, held) = mpsc::channel::<()>();
        let (started, running) = tokio::sync::oneshot::channel();
        let first = passwords.clone();
        let first = tokio::spawn(async move {
            let work = move || {
                let _ = started.send(());
                let _ = held.recv();
            };
            first.run(work).await
        });
        running.await.unwrap();
        // The only thread is working, one request may wait, and the next is rejected.
        let second = passwords.clone();
        let second = tokio::spawn(async move { second.run(|| ()).await });
        while passwords.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.run(|| ()).await.unwrap_err();
        assert_eq!(refused, Error::RequestTooManyRequests);
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(second.await.unwrap(), Ok(()));
        assert_eq!(passwords.run(|| 7).await, Ok(7), "there is room again");
    }
}
