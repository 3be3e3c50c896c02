//! The authentication token, and how a new one is obtained when the server no longer accepts it. Keeps the user name
//! and password in memory for that purpose, and sends them only to the server.

use parking_lot::Mutex;
use tonic::{Code, metadata::AsciiMetadataValue};

use super::{channel::Client, deadline::Deadline, error::ClientError};
use crate::proto::etcdserverpb as pb;

/// The token in use.
#[derive(Default)]
pub struct Tokens {
    current: Mutex<Option<AsciiMetadataValue>>,
    /// User name and password for obtaining a new token; `None` if the user supplied the token.
    login: Mutex<Option<(String, String)>>,
    /// Held while a new token is being requested, so that only one request does so.
    renewing: tokio::sync::Mutex<()>,
}

impl Tokens {
    /// The current token.
    pub fn current(&self) -> Option<AsciiMetadataValue> {
        self.current.lock().clone()
    }

    /// Sets the token; an empty one means none.
    ///
    /// # Errors
    /// It cannot be sent as a header.
    pub fn set(&self, token: &str) -> Result<(), ClientError> {
        let mut value: AsciiMetadataValue = token
            .parse()
            .map_err(|_| ClientError::Permanent("the token can't be sent as a header".into()))?;
        value.set_sensitive(true);
        *self.current.lock() = (!token.is_empty()).then_some(value);
        Ok(())
    }

    /// Whether a new token can be obtained.
    pub fn renewable(&self) -> bool {
        self.login.lock().is_some()
    }
}

/// Users or roles have changed since the token was issued.
pub const OLD_REVISION: &str = "etcdserver: revision of auth store is old";

/// Whether the server rejects a token that it once accepted (etcd v3.7.1, client/v3/retry_interceptor.go,
/// shouldRefreshToken).
pub fn is_stale(error: &ClientError) -> bool {
    is_stale_text(match error {
        ClientError::Status { message, .. } => message,
        _ => "",
    })
}

/// Like [`is_stale`], for the text of an error. A rejected watch gives the text of a complete gRPC status as the reason
/// (etcd v3.7.1, server/etcdserver/api/v3rpc/watch.go).
pub fn is_stale_text(text: &str) -> bool {
    let message = text
        .split_once(" desc = ")
        .map_or(text, |(_, message)| message);
    matches!(
        message,
        "etcdserver: invalid auth token" | OLD_REVISION | "etcdserver: user name is empty"
    )
}

impl Client {
    /// Authenticates, and sends the token with every request from now on. Authenticates again when the server no longer
    /// accepts the token. A server without authentication needs no token.
    ///
    /// # Errors
    /// The server rejects the password, or cannot be reached.
    pub async fn login(
        &self,
        name: &str,
        password: &str,
        deadline: Deadline,
    ) -> Result<(), ClientError> {
        self.ask_for_token(name, password, deadline).await?;
        *self.inner.tokens.login.lock() = Some((name.to_owned(), password.to_owned()));
        Ok(())
    }

    /// Replaces the token `stale`, unless another request has already done so.
    pub(super) async fn renew_token(
        &self,
        stale: &Option<AsciiMetadataValue>,
        deadline: Deadline,
    ) -> Result<(), ClientError> {
        let tokens = &self.inner.tokens;
        let Some(_guard) = deadline.run(tokens.renewing.lock()).await else {
            return Err(self.out_of_time(deadline).await);
        };
        let login = tokens.login.lock().clone();
        match login {
            Some((name, password)) if tokens.current() == *stale => {
                self.ask_for_token(&name, &password, deadline).await
            }
            _ => Ok(()),
        }
    }

    async fn ask_for_token(
        &self,
        name: &str,
        password: &str,
        deadline: Deadline,
    ) -> Result<(), ClientError> {
        let request = pb::AuthenticateRequest {
            name: name.into(),
            password: password.into(),
        };
        match self.authenticate(request, deadline).await {
            Ok(answer) => self.set_token(&answer.token),
            Err(error) if error.is("etcdserver: authentication is not enabled") => {
                self.inner.tokens.set("")
            }
            // A server with authentication disabled does not need a token.
            Err(ClientError::Status {
                code: Code::Unimplemented,
                ..
            }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_refused_with_the_text_of_a_whole_status() {
        for text in [
            "etcdserver: invalid auth token",
            "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
            "rpc error: code = InvalidArgument desc = etcdserver: revision of auth store is old",
        ] {
            assert!(is_stale_text(text), "{text}");
        }
        let denied = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
        assert!(!is_stale_text(denied));
    }
}
