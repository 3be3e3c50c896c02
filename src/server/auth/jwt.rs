//! JSON Web Tokens: user name and auth revision, signed so that the server need not remember them. Checks neither
//! passwords nor permissions. Source: etcd v3.7.1, server/auth/jwt.go; RFC 7519 as implemented by
//! github.com/golang-jwt/jwt v5.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::jwt_key::Keys;
use crate::server::error::Error;

/// Issues and verifies tokens with one pair of keys.
#[derive(Debug)]
pub struct Jwt {
    keys: Keys,
    /// Lifetime of a token in seconds; negative values make tokens that are always expired.
    ttl: i64,
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
}

/// The claims of an issued token, in the order in which Go writes them.
#[derive(Serialize)]
struct Claims<'a> {
    exp: i64,
    revision: u64,
    username: &'a str,
}

/// The claims of a received token.
#[derive(Deserialize)]
struct ReceivedClaims {
    exp: Option<Value>,
    nbf: Option<Value>,
    revision: f64,
    username: String,
}

impl Jwt {
    /// Tokens that are valid for `ttl` seconds.
    pub fn new(keys: Keys, ttl: i64) -> Jwt {
        Jwt { keys, ttl }
    }

    /// Issues a token for a user.
    ///
    /// # Errors
    /// There is no private key.
    pub fn assign(&self, user: &str, revision: u64, now: SystemTime) -> Result<String, Error> {
        let header = Header {
            alg: self.keys.method().name(),
            typ: "JWT",
        };
        let claims = Claims {
            exp: unix(now).saturating_add(self.ttl),
            revision,
            username: user,
        };
        let part =
            |json: serde_json::Result<Vec<u8>>| URL_SAFE_NO_PAD.encode(json.unwrap_or_default());
        let header = part(serde_json::to_vec(&header));
        let signed = format!("{header}.{}", part(serde_json::to_vec(&claims)));
        let signature = self.keys.sign(signed.as_bytes()).ok_or_else(|| {
            let text = "auth: token signing attempted with verify-only key";
            Error::Other(tonic::Code::Unknown, text.into())
        })?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// User and revision of a token; `None` if it is invalid.
    pub fn user(&self, token: &str, now: SystemTime) -> Option<(String, u64)> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        // Require the configured method. If the token could choose, it could choose a weaker one.
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.get("alg")?.as_str()? != self.keys.method().name() {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        if !self.keys.verify(signed.as_bytes(), &signature) {
            return None;
        }
        let claims: ReceivedClaims =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let now = unix(now);
        let is_over = time(claims.exp)?.is_some_and(|exp| now >= exp);
        let is_early = time(claims.nbf)?.is_some_and(|nbf| now < nbf);
        if is_over || is_early {
            return None;
        }
        Some((claims.username, claims.revision as u64))
    }
}

/// A time claim: `None` if it is not a number, `Some(None)` if it is missing or 0.
fn time(claim: Option<Value>) -> Option<Option<i64>> {
    match claim {
        None => Some(None),
        Some(value) => {
            let seconds = value.as_f64()?;
            Some((seconds != 0.0).then_some(seconds as i64))
        }
    }
}

fn unix(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::auth::jwt_key::Method;

    fn jwt(ttl: i64) -> Jwt {
        let method = Method::find("HS256").unwrap();
        Jwt::new(Keys::new(method, Some(b"secret"), None).unwrap(), ttl)
    }

    fn token(jwt: &Jwt, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = jwt.keys.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

    #[test]
    fn a_token_is_written_as_go_writes_it() {
        let jwt = jwt(300);
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let text = jwt.assign("ann", 7, now).unwrap();
        assert_eq!(
            text,
            token(
                &jwt,
                HEADER,
                r#"{"exp":1300,"revision":7,"username":"ann"}"#
            )
        );
        assert_eq!(jwt.user(&text, now), Some(("ann".into(), 7)));
        let at = |seconds| {
            jwt.user(&text, UNIX_EPOCH + Duration::from_secs(seconds))
                .is_some()
        };
        assert!(at(1299) && !at(1300), "it ends in the second that it names");
    }

    #[test]
    fn the_required_claims_of_a_token() {
        let jwt = jwt(300);
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let is_good = |claims: &str| jwt.user(&token(&jwt, HEADER, claims), now).is_some();
        assert!(is_good(r#"{"username":"ann","revision":1}"#), "for ever");
        assert!(is_good(
            r#"{"username":"ann","revision":1,"exp":0,"nbf":1000,"aud":"x"}"#
        ));
        assert!(is_good(
            r#"{"username":"ann","revision":1.0,"exp":1000.5e1}"#
        ));
        for bad in [
            r#"{"username":"ann"}"#,
            r#"{"revision":1}"#,
            r#"{"username":1,"revision":1}"#,
            r#"{"username":"ann","revision":"1"}"#,
            r#"{"username":"ann","revision":1,"exp":1000}"#,
            r#"{"username":"ann","revision":1,"exp":"2000"}"#,
            r#"{"username":"ann","revision":1,"nbf":1001}"#,
            "[]",
            "{",
        ] {
            assert!(!is_good(bad), "{bad}");
        }
    }

    #[test]
    fn forged_tokens_are_refused() {
        let jwt = jwt(300);
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let good = jwt.assign("ann", 7, now).unwrap();
        let claims = r#"{"username":"root","revision":7}"#;
        let refused = |token: &str| assert_eq!(jwt.user(token, now), None, "{token}");
        refused(&token(&jwt, r#"{"alg":"none"}"#, claims));
        refused(&token(&jwt, r#"{"alg":"HS512"}"#, claims));
        refused(&token(&jwt, "{}", claims));
        let (signed, signature) = good.rsplit_once('.').unwrap();
        refused(&format!("{signed}."));
        refused(signed);
        let (header, _) = signed.split_once('.').unwrap();
        refused(&format!(
            "{header}.{}.{signature}",
            URL_SAFE_NO_PAD.encode(claims)
        ));
        refused(&format!("{good}.{signature}"));
        refused(&format!("{good}="));
        for garbage in ["", ".", "..", "...", "x.y.z", "abcdefghijklmnop.12"] {
            refused(garbage);
        }
        let other = Keys::new(Method::find("HS256").unwrap(), Some(b"other"), None).unwrap();
        refused(&Jwt::new(other, 300).assign("ann", 7, now).unwrap());
    }

    #[test]
    fn a_negative_lifetime_is_over_at_once() {
        let jwt = jwt(-1);
        let now = SystemTime::now();
        assert_eq!(jwt.user(&jwt.assign("ann", 7, now).unwrap(), now), None);
    }
}
