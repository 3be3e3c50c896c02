//! The token that says who asks, and how a new one is had when the server no longer knows it. Keeps the name and
//! password for that in memory, and shows them to nobody but the server.

use parking_lot::Mutex;
use tonic::{Code, metadata::AsciiMetadataValue};

use super::{channel::Client, deadline::Deadline, error::ClientError};
use crate::proto::etcdserverpb as pb;

/// The token in use.
#[derive(Default)]
pub struct Tokens {
    current: Mutex<Option<AsciiMetadataValue>>,
    /// With which a new token is asked for; none where the token was given by the user.
    login: Mutex<Option<(String, String)>>,
    /// Only one request at a time asks for a new token.
    renewing: tokio::sync::Mutex<()>,
}

impl Tokens {
    /// The token to be sent.
    pub fn current(&self) -> Option<AsciiMetadataValue> {
        self.current.lock().clone()
    }

    /// Uses this token; an empty one is none.
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

    /// Whether a new token can be asked for.
    pub fn renewable(&self) -> bool {
        self.login.lock().is_some()
    }
}

/// Users or roles were changed since the token was given.
pub const OLD_REVISION: &str = "etcdserver: revision of auth store is old";

/// Whether the server refuses a token that it once gave (etcd v3.7.1, client/v3/retry_interceptor.go, shouldRefreshToken).
pub fn is_stale(error: &ClientError) -> bool {
    is_stale_text(match error {
        ClientError::Status { message, .. } => message,
        _ => "",
    })
}

/// As [`is_stale`], for a server's text alone.
pub fn is_stale_text(text: &str) -> bool {
    matches!(
        text,
        "etcdserver: invalid auth token" | OLD_REVISION | "etcdserver: user name is empty"
    )
}

impl Client {
    /// Logs in, and sends the token with every request from now on; when the server forgets it, logs in again. A server
    /// without authentication needs no token.
    ///
    /// # Errors
    /// The server refuses the password, or can't be reached.
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

    /// Replaces `stale`, unless another request has already done so.
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
            // A server that knows no authentication asks for none.
            Err(ClientError::Status {
                code: Code::Unimplemented,
                ..
            }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
