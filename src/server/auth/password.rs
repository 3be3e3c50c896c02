//! Passwords: hashing and comparing with bcrypt, which takes as long as its cost says. Runs beside the async workers, in
//! few threads at once, so that a flood of logins takes neither the workers nor all processors from other requests.
//! Stores nothing. Source: etcd v3.7.1, server/auth/store.go and golang.org/x/crypto/bcrypt.

use std::sync::Arc;

use base64::Engine as _;
use tokio::{sync::Semaphore, task};
use tracing::warn;

use crate::server::error::Error;

/// Go refuses to hash more, because bcrypt would ignore it.
pub const MAX_PASSWORD: usize = 72;
/// etcd's default of `--bcrypt-cost`.
pub const DEFAULT_COST: u32 = 10;
/// What bcrypt can do.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;
/// Most requests that wait for a thread; any more are refused, "too many requests".
const MOST_WAITING: usize = 1000;

/// Why a password cannot be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is too long.
    #[error("bcrypt: password length exceeds 72 bytes")]
    TooLong,
    /// The system gave no random numbers.
    #[error("no random numbers for a salt")]
    Salt,
}

/// The bcrypt hash of a password.
///
/// # Errors
/// See [`PasswordError`].
pub fn hash(password: &str, cost: u32) -> Result<String, PasswordError> {
    if password.len() > MAX_PASSWORD {
        return Err(PasswordError::TooLong);
    }
    // The version is the one that Go writes.
    bcrypt::hash_with_result(password, cost)
        .map(|parts| parts.format_for_version(bcrypt::Version::TwoA))
        .map_err(|_| PasswordError::Salt)
}

/// Whether a password belongs to a hash. A hash that is none belongs to no password.
pub fn matches(password: &str, hash: &[u8]) -> bool {
    // bcrypt ignores all but the first 72 bytes, and no password with more was ever set.
    password.len() <= MAX_PASSWORD
        && std::str::from_utf8(hash)
            .is_ok_and(|hash| bcrypt::verify(password, hash).unwrap_or(false))
}

/// Hashes and compares passwords beside the async workers.
#[derive(Debug)]
pub struct Passwords {
    cost: u32,
    /// One permit a thread that works.
    threads: Arc<Semaphore>,
    /// One permit a request that works or waits.
    waiting: Arc<Semaphore>,
}

impl Passwords {
    /// With a cost as `--bcrypt-cost` gives it; one that bcrypt does not have is replaced by the default, as etcd does.
    /// Half of the processors work at once, and at least one.
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

    /// The hash of a password as a request holds it: base64.
    ///
    /// # Errors
    /// The password is too long, or too many requests wait.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        let cost = self.cost;
        let hash = self.run(move || hash(&password, cost)).await?;
        match hash {
            Ok(hash) => Ok(base64::engine::general_purpose::STANDARD.encode(hash)),
            // etcd has no code for it, so it goes out as "unknown".
            Err(e) => Err(Error::Other(tonic::Code::Unknown, e.to_string())),
        }
    }

    /// Whether a password belongs to a hash.
    ///
    /// # Errors
    /// Too many requests wait.
    pub async fn matches(&self, password: String, hash: bytes::Bytes) -> Result<bool, Error> {
        self.run(move || matches(&password, &hash)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let waits = self.waiting.clone().try_acquire_owned();
        let waits = waits.map_err(|_| Error::RequestTooManyRequests)?;
        // Whoever goes away while waiting here costs nothing.
        let thread = self.threads.clone().acquire_owned().await;
        let thread = thread.map_err(|_| Error::Stopped)?;
        let work = move || {
            // The thread is busy until the work is done, also when nobody waits for it any more.
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
        // A well-known vector (OpenBSD's regression tests), and the other versions that Go takes.
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
    fn what_bcrypt_would_ignore_is_refused() {
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
        // The only thread works, one request may wait, and the next is refused.
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
