//! Who asks, as servers are told it. Asks no person for anything.

use std::time::Duration;

use tonic::Code;

use super::settings::Credentials;
use crate::{
    client::{Client, ClientError, Deadline, Limit},
    golang::string,
};

/// Who asks, with the password.
#[derive(Clone, Debug)]
pub enum Login {
    /// Nobody that a server knows.
    Nobody,
    /// Whoever has this token.
    Token(String),
    /// A user.
    User {
        /// Of the user.
        name: String,
        /// Of the user.
        password: String,
        /// For the answer.
        time: Duration,
    },
}

impl Login {
    /// From the settings, and a password where those have none.
    pub fn new(credentials: &Credentials, asked: Option<&str>, time: Duration) -> Login {
        match credentials {
            Credentials::None => Login::Nobody,
            Credentials::Token(token) => Login::Token(token.clone()),
            Credentials::User(name, given) => {
                let password = given.as_deref().or(asked).unwrap_or_default();
                // As etcdctl: without name or password nobody logs in, and a server with authentication says so.
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

    /// Gives `client` the token that this stands for.
    ///
    /// # Errors
    /// The server refuses, or can't be reached in time.
    pub async fn tell(&self, client: &Client) -> Result<(), ClientError> {
        match self {
            Login::Nobody => Ok(()),
            Login::Token(token) => client.set_token(token),
            Login::User { name, password, .. }
                if !(string::is_utf8(name) && string::is_utf8(password)) =>
            {
                // As Go's protobuf refuses them.
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
