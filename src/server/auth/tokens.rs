//! Issues and verifies tokens as configured by `--auth-token`, and identifies the caller of a request. Checks neither
//! passwords nor permissions. Source: etcd v3.7.1, server/auth/store.go and options.go.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io,
    time::{Duration, Instant, SystemTime},
};

use sha2::{Digest as _, Sha256};
use tracing::warn;

use super::{
    identity::Identity,
    jwt::Jwt,
    jwt_key::{KeyError, Keys, Method},
    simple_token::SimpleTokens,
    store::AuthStore,
};
use crate::{golang::value, server::error::Error};

/// Default lifetime of a token.
pub const DEFAULT_TTL: Duration = Duration::from_secs(300);

/// The options of JSON Web Tokens.
const JWT_OPTIONS: [&str; 4] = ["sign-method", "pub-key", "priv-key", "ttl"];

/// Why `--auth-token` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Unknown type.
    #[error("--auth-token: unknown type {0:?}; use simple or jwt")]
    Type(String),
    /// An option is not of the form `name=value`.
    #[error("--auth-token: {0:?} is not an option; write name=value")]
    Option(String),
    /// An option is given twice.
    #[error("--auth-token: {0} is given twice")]
    Twice(String),
    /// The signing method is missing or unknown.
    #[error("--auth-token: sign-method {0:?} is none of {1}")]
    Method(String, String),
    /// The duration is invalid.
    #[error("--auth-token: ttl {0:?} is not a duration such as 10m")]
    Ttl(String),
    /// A file cannot be read.
    #[error("--auth-token: can't read {option} {path}: {source}")]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// A key cannot be used.
    #[error("--auth-token: {0}")]
    Key(#[from] KeyError),
}

/// Issues and verifies tokens.
#[derive(Debug)]
pub enum Tokens {
    /// Random texts that this process remembers.
    Simple(SimpleTokens),
    /// Signed tokens.
    Jwt(Box<Jwt>),
    /// `--auth-token=''`: login is not possible.
    None,
}

impl Default for Tokens {
    fn default() -> Tokens {
        Tokens::Simple(SimpleTokens::new(DEFAULT_TTL))
    }
}

impl Tokens {
    /// Creates tokens as configured by `--auth-token` and `--auth-token-ttl` (for simple tokens; 0 means the default).
    /// Reads the key files.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn from_flags(text: &str, simple_ttl: Duration) -> Result<Tokens, TokenError> {
        let mut words = text.split(',');
        let kind = words.next().unwrap_or_default();
        let mut options = HashMap::new();
        for word in words {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) if !value.contains('=') => (name, value),
                _ => return Err(TokenError::Option(word.into())),
            };
            if options.insert(name, value).is_some() {
                return Err(TokenError::Twice(name.into()));
            }
        }
        match kind {
            "simple" => {
                warn!("simple token is not cryptographically signed");
                let ttl = match simple_ttl.is_zero() {
                    true => DEFAULT_TTL,
                    false => simple_ttl,
                };
                Ok(Tokens::Simple(SimpleTokens::new(ttl)))
            }
            "jwt" => Ok(Tokens::Jwt(Box::new(jwt(&options)?))),
            "" => Ok(Tokens::None),
            _ => Err(TokenError::Type(kind.into())),
        }
    }

    /// Authentication has been enabled.
    pub fn enable(&self) {
        if let Tokens::Simple(tokens) = self {
            tokens.enable();
        }
    }

    /// Authentication has been disabled: removes simple tokens.
    pub fn disable(&self) {
        if let Tokens::Simple(tokens) = self {
            tokens.disable();
        }
    }

    /// Removes the simple tokens of a user; signed tokens are valid until a request needs a newer revision than theirs.
    pub fn invalidate(&self, user: &str) {
        if let Tokens::Simple(tokens) = self {
            tokens.invalidate(user);
        }
    }

    /// Issues a token for a user whose password was checked at `revision`; `applied` is the index of the last request.
    ///
    /// # Errors
    /// Authentication is disabled, there is no private key, there are too many tokens, or login is not possible.
    pub fn assign(&self, user: &str, revision: u64, applied: u64) -> Result<String, Error> {
        match self {
            Tokens::Simple(tokens) => tokens.assign(user, applied, Instant::now()),
            Tokens::Jwt(jwt) => jwt.assign(user, revision, SystemTime::now()),
            Tokens::None => Err(Error::AuthFailed),
        }
    }

    /// Identifies the caller: the user of its token (metadata `token` or `authorization`), or else the common name of
    /// its client certificate. While authentication is disabled, nothing is checked.
    ///
    /// # Errors
    /// The token is invalid.
    pub fn identify(
        &self,
        store: &AuthStore,
        token: Option<&str>,
        common_name: Option<&str>,
    ) -> Result<Identity, Error> {
        if !store.is_enabled() {
            return Ok(Identity::Nobody);
        }
        let Some(token) = token else {
            let named = common_name.map(|name| Identity::user(name, store.revision()));
            return Ok(named.unwrap_or_default());
        };
        let token = token.strip_prefix("Bearer ").unwrap_or(token);
        let user = match self {
            Tokens::Simple(tokens) => tokens
                .user(token, Instant::now())
                .map(|user| (user, store.revision())),
            Tokens::Jwt(jwt) => jwt.user(token, SystemTime::now()),
            Tokens::None => None,
        };
        match user {
            Some((name, revision)) => Ok(Identity::User { name, revision }),
            None => {
                warn!(
                    "token-fingerprint" = fingerprint(token),
                    "invalid auth token"
                );
                Err(Error::InvalidAuthToken)
            }
        }
    }
}

fn jwt(options: &HashMap<&str, &str>) -> Result<Jwt, TokenError> {
    // An empty value counts as missing.
    let get = |name: &str| options.get(name).copied().filter(|value| !value.is_empty());
    let unknown: Vec<_> = (options.keys())
        .filter(|name| !JWT_OPTIONS.contains(*name))
        .collect();
    if !unknown.is_empty() {
        warn!(keys = ?unknown, "unknown JWT options");
    }
    let ttl = match get("ttl") {
        None => DEFAULT_TTL.as_secs() as i64,
        Some(text) => {
            let nanos = value::duration(text).map_err(|_| TokenError::Ttl(text.into()))?;
            nanos / 1_000_000_000
        }
    };
    let read = |option: &'static str| {
        let file = get(option).map(|path| {
            std::fs::read(path).map_err(|source| TokenError::File {
                option,
                path: path.into(),
                source,
            })
        });
        file.transpose()
    };
    let (public, private) = (read("pub-key")?, read("priv-key")?);
    let name = get("sign-method").unwrap_or_default();
    let unknown = || TokenError::Method(name.into(), Method::names());
    let method = Method::find(name).ok_or_else(unknown)?;
    let keys = Keys::new(method, private.as_deref(), public.as_deref())?;
    Ok(Jwt::new(keys, ttl))
}

/// What a log may contain of a token: the beginning of its SHA-256.
fn fingerprint(token: &str) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(token).iter().take(6) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enabled() -> AuthStore {
        let mut store = AuthStore::restore(false, 1, [], []);
        store.enabled = true;
        store.revision = 9;
        store
    }

    #[test]
    fn the_flag_says_which_tokens() {
        let parse = |text| Tokens::from_flags(text, Duration::ZERO);
        assert!(matches!(parse("simple"), Ok(Tokens::Simple(_))));
        assert!(matches!(parse("simple,any=thing"), Ok(Tokens::Simple(_))));
        assert!(matches!(parse(""), Ok(Tokens::None)));
        let refused = |text| parse(text).unwrap_err().to_string();
        assert_eq!(
            refused("jw"),
            r#"--auth-token: unknown type "jw"; use simple or jwt"#
        );
        assert_eq!(
            refused("jwt,ttl"),
            r#"--auth-token: "ttl" is not an option; write name=value"#
        );
        assert_eq!(
            refused("jwt,a=b=c"),
            r#"--auth-token: "a=b=c" is not an option; write name=value"#
        );
        assert_eq!(
            refused("jwt,ttl=1m,ttl=2m"),
            "--auth-token: ttl is given twice"
        );
        assert_eq!(
            refused("jwt,sign-method=HS1"),
            "--auth-token: sign-method \"HS1\" is none of HS256, HS384, HS512, RS256, RS384, RS512, \
             PS256, PS384, PS512, ES256, ES384, ES512, EdDSA"
        );
        assert!(refused("jwt").starts_with("--auth-token: sign-method \"\" is none of"));
        assert_eq!(
            refused("jwt,ttl=5"),
            r#"--auth-token: ttl "5" is not a duration such as 10m"#
        );
        assert!(
            refused("jwt,priv-key=/no/such")
                .starts_with("--auth-token: can't read priv-key /no/such: ")
        );
        assert_eq!(
            refused("jwt,sign-method=HS256"),
            "--auth-token: sign-method HS256 needs priv-key"
        );
        assert_eq!(
            refused("jwt,sign-method=ES512"),
            "--auth-token: sign-method ES512 needs priv-key or pub-key"
        );
    }

    #[test]
    fn a_request_comes_from_its_token_else_its_certificate() {
        let (store, tokens) = (enabled(), Tokens::default());
        tokens.enable();
        let token = tokens.assign("ann", 9, 3).unwrap();
        let who = |token: Option<&str>, name| tokens.identify(&store, token, name);
        let ann = Ok(Identity::user("ann", 9));
        assert_eq!(who(Some(&token), None), ann);
        assert_eq!(who(Some(&format!("Bearer {token}")), Some("bob")), ann);
        assert_eq!(who(None, Some("bob")), Ok(Identity::user("bob", 9)));
        assert_eq!(who(None, None), Ok(Identity::Nobody));
        assert_eq!(who(Some(""), Some("bob")), Err(Error::InvalidAuthToken));
        assert_eq!(who(Some("garbage"), None), Err(Error::InvalidAuthToken));
        tokens.invalidate("ann");
        assert_eq!(who(Some(&token), None), Err(Error::InvalidAuthToken));
        // While authentication is disabled, even an invalid token is accepted and ignored.
        let off = AuthStore::default();
        assert_eq!(
            tokens.identify(&off, Some("garbage"), None),
            Ok(Identity::Nobody)
        );
    }

    #[test]
    fn without_tokens_nobody_logs_in() {
        let store = enabled();
        assert_eq!(Tokens::None.assign("ann", 9, 3), Err(Error::AuthFailed));
        let refused = Tokens::None.identify(&store, Some("x.1"), None);
        assert_eq!(refused, Err(Error::InvalidAuthToken));
    }

    #[test]
    fn a_log_holds_no_token() {
        assert_eq!(fingerprint("abc"), "ba7816bf8f01");
    }
}
