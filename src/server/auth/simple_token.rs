//! Simple tokens: random texts that this process remembers as long as they are in use. Checks neither passwords nor
//! permissions. Source: etcd v3.7.1, server/auth/simple_token.go.
//!
//! A token is `RANDOM.INDEX`: 16 letters, and the index of the last request that was applied when it was issued. In a
//! cluster, a member waits for that index before it rejects an unknown token. Here a token is known before anybody
//! receives it, so an unknown one is rejected immediately.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::RwLock;
use ring::rand::{SecureRandom, SystemRandom};

use crate::server::error::Error;

const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Number of letters in the random part.
const LENGTH: usize = 16;
/// Maximum number of tokens; further logins are rejected with "too many requests" until some expire.
const MOST: usize = 1 << 20;
/// With fewer tokens than this, expired ones are not removed.
const FEW: usize = 1024;

/// The valid tokens.
#[derive(Debug)]
pub struct SimpleTokens {
    /// Lifetime of a token after its last use.
    ttl: Duration,
    most: usize,
    /// The origin of all times.
    start: Instant,
    /// `None` if authentication is disabled; no token is valid then.
    known: RwLock<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    tokens: HashMap<String, Token>,
    /// Number of tokens at which expired ones are removed: twice the number that remained the last time.
    sweep_at: usize,
}

#[derive(Debug)]
struct Token {
    user: String,
    /// Time of expiry in milliseconds after the start. Atomic, so that uses need only a read lock.
    until: AtomicU64,
}

impl SimpleTokens {
    /// No tokens; authentication is disabled.
    pub fn new(ttl: Duration) -> SimpleTokens {
        SimpleTokens {
            ttl,
            most: MOST,
            start: Instant::now(),
            known: RwLock::new(None),
        }
    }

    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }

    fn until(&self, now: Instant) -> u64 {
        let ttl = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX);
        self.millis(now).saturating_add(ttl)
    }

    /// Authentication has been enabled.
    pub fn enable(&self) {
        self.known.write().get_or_insert_with(|| Known {
            tokens: HashMap::new(),
            sweep_at: FEW,
        });
    }

    /// Authentication has been disabled: removes all tokens.
    pub fn disable(&self) {
        *self.known.write() = None;
    }

    /// Removes all tokens of a user.
    pub fn invalidate(&self, user: &str) {
        if let Some(known) = self.known.write().as_mut() {
            known.tokens.retain(|_, token| token.user != user);
        }
    }

    /// Issues a token for a user, at the index `applied`.
    ///
    /// # Errors
    /// Authentication is disabled, there are too many tokens, or the system provided no random numbers.
    pub fn assign(&self, user: &str, applied: u64, now: Instant) -> Result<String, Error> {
        let text = format!("{}.{applied}", random()?);
        let mut known = self.known.write();
        let known = known.as_mut().ok_or(Error::AuthNotEnabled)?;
        if known.tokens.len() >= known.sweep_at.min(self.most) {
            let time = self.millis(now);
            (known.tokens).retain(|_, token| token.until.load(Ordering::Relaxed) > time);
            known.sweep_at = (known.tokens.len() * 2).max(FEW);
            if known.tokens.len() >= self.most {
                return Err(Error::RequestTooManyRequests);
            }
        }
        let token = Token {
            user: user.into(),
            until: AtomicU64::new(self.until(now)),
        };
        known.tokens.insert(text.clone(), token);
        Ok(text)
    }

    /// The user of a token, whose lifetime starts again; `None` if the token is invalid.
    pub fn user(&self, token: &str, now: Instant) -> Option<String> {
        let known = self.known.read();
        let token = known.as_ref()?.tokens.get(token)?;
        if token.until.load(Ordering::Relaxed) <= self.millis(now) {
            return None;
        }
        token.until.fetch_max(self.until(now), Ordering::Relaxed);
        Some(token.user.clone())
    }
}

/// Random letters, uniformly distributed.
fn random() -> Result<String, Error> {
    let random = SystemRandom::new();
    let mut letters = String::with_capacity(LENGTH);
    let mut bytes = [0; 2 * LENGTH];
    while letters.len() < LENGTH {
        let failed = "etcdserver: no random numbers for a token";
        (random.fill(&mut bytes))
            .map_err(|_| Error::Other(tonic::Code::Internal, failed.into()))?;
        // Skip bytes above the last multiple of 52, which would favour the first letters.
        let even = 256 - 256 % LETTERS.len();
        let good = bytes.iter().filter(|b| usize::from(**b) < even);
        let good = good.map(|b| char::from(LETTERS[usize::from(*b) % LETTERS.len()]));
        letters.extend(good.take(LENGTH - letters.len()));
    }
    Ok(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(300);

    fn enabled() -> (SimpleTokens, Instant) {
        let tokens = SimpleTokens::new(TTL);
        tokens.enable();
        (tokens, Instant::now())
    }

    #[test]
    fn a_token_has_letters_and_an_index() {
        let (tokens, now) = enabled();
        let token = tokens.assign("ann", 42, now).unwrap();
        let (letters, index) = token.split_once('.').unwrap();
        assert!(
            letters.len() == 16 && letters.bytes().all(|b| b.is_ascii_alphabetic()),
            "{token}"
        );
        assert_eq!(index, "42");
        assert_ne!(tokens.assign("ann", 42, now).unwrap(), token);
        assert_eq!(tokens.user(&token, now).as_deref(), Some("ann"));
        for garbage in [
            "",
            ".",
            "x",
            "x.y",
            letters,
            "abcdefghijklmnop.42",
            &(token.clone() + "0"),
        ] {
            assert_eq!(tokens.user(garbage, now), None, "{garbage}");
        }
    }

    #[test]
    fn every_use_restarts_the_lifetime() {
        let (tokens, start) = enabled();
        let token = tokens.assign("ann", 1, start).unwrap();
        let good = |at| tokens.user(&token, at).is_some();
        assert!(good(start + TTL / 2));
        assert!(good(start + TTL), "used half-way");
        assert!(!good(start + TTL * 2));
        assert!(
            !good(start + TTL * 2),
            "asking for it does not bring it back"
        );
    }

    #[test]
    fn tokens_end_with_their_user_and_with_authentication() {
        let (tokens, now) = enabled();
        let ann = tokens.assign("ann", 1, now).unwrap();
        let bob = tokens.assign("bob", 1, now).unwrap();
        tokens.enable();
        assert!(
            tokens.user(&ann, now).is_some(),
            "enabling twice changes nothing"
        );
        tokens.invalidate("ann");
        assert!(tokens.user(&ann, now).is_none() && tokens.user(&bob, now).is_some());
        tokens.disable();
        assert!(tokens.user(&bob, now).is_none());
        assert_eq!(tokens.assign("bob", 1, now), Err(Error::AuthNotEnabled));
        tokens.invalidate("bob");
        tokens.enable();
        assert!(tokens.user(&bob, now).is_none(), "an old token stays ended");
    }

    #[test]
    fn tokens_are_bounded_and_expired_ones_make_room() {
        let (mut tokens, start) = enabled();
        tokens.most = 3;
        for _ in 0..3 {
            tokens.assign("ann", 1, start).unwrap();
        }
        let refused = tokens.assign("ann", 1, start + TTL / 2);
        assert_eq!(refused, Err(Error::RequestTooManyRequests));
        let token = tokens.assign("ann", 1, start + TTL).unwrap();
        assert!(tokens.user(&token, start + TTL).is_some());
        let known = tokens.known.read();
        assert_eq!(known.as_ref().map(|k| k.tokens.len()), Some(1));
    }

    #[test]
    fn expired_tokens_do_not_accumulate() {
        let (tokens, start) = enabled();
        for i in 0..10 * FEW as u32 {
            tokens.assign("ann", 1, start + TTL * i).unwrap();
        }
        let known = tokens.known.read();
        assert!(known.as_ref().is_some_and(|k| k.tokens.len() <= FEW));
    }
}
