//! Authentication against a server. Never prompts.

use std::time::Duration;

use tonic::Code;

use super::settings::Credentials;
use crate::{
    client::{Client, ClientError, Deadline, Limit},
    golang::string,
};

/// The identity of the client, with the password.
#[derive(Clone, Debug)]
pub enum Login {
    /// Not authenticated.
    Nobody,
    /// A token.
    Token(String),
    /// A user.
    User {
        /// Name of the user.
        name: String,
        /// Password of the user.
        password: String,
        /// Timeout of the authentication request.
        time: Duration,
    },
}

impl Login {
    /// Built from the settings, and a password if they contain none.
    pub fn new(credentials: &Credentials, asked: Option<&str>, time: Duration) -> Login {
        match credentials {
            Credentials::None => Login::Nobody,
            Credentials::Token(token) => Login::Token(token.clone()),
            Credentials::User(name, given) => {
                let password = given.as_deref().or(asked).unwrap_or_default();
                // As in etcdctl: without name or password there is no authentication, and a server that needs it says
                // so.
                if name.is_empty() || password.is_empty() {
                    return Login::Nobody;
                }
                Login::User {
                    name: name.clone(),
                    password: password.to_owned(),
                    time,
                }
            }
        }
    }

    /// Obtains a token and sets it on `client`.
    ///
    /// # Errors
    /// The server rejected the request, or could not be reached in time.
    pub async fn log_in(&self, client: &Client) -> Result<(), ClientError> {
        match self {
            Login::Nobody => Ok(()),
            Login::Token(token) => client.set_token(token),
            Login::User { name, password, .. }
                if !(string::is_utf8(name) && string::is_utf8(password)) =>
            {
                // Go's protobuf rejects such strings.
                Err(ClientError::Status {
                    code: Code::Internal,
                    message: "grpc: error while marshaling: string field contains invalid UTF-8"
                        .into(),
                })
            }
            Login::User {
                name,
                password,
                time,
            } => {
                let deadline = Deadline::after(Limit::dial(*time));
                client.login(name, password, deadline).await
            }
        }
    }
}
