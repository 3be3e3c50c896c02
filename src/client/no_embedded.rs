//! Replaces `embedded.rs` in a build without the `server` feature: rejects every `embedded:` endpoint.

use std::path::Path;

use tokio::io::DuplexStream;

use super::{access::Access, cause::Cause, deadline::Deadline, error::ClientError};

const REFUSAL: &str = "this program was built without the embedded server";

/// No servers run in this process.
#[derive(Clone, Debug, Default)]
pub struct EmbeddedServers;

impl EmbeddedServers {
    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub async fn open(
        &self,
        _: &Path,
        _: &[(String, String)],
        _: Access,
        _: Deadline,
    ) -> Result<bool, ClientError> {
        Err(ClientError::Permanent(REFUSAL.to_owned()))
    }

    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub async fn open_snapshot(&self, _: &Path) -> Result<(), ClientError> {
        Err(ClientError::Permanent(REFUSAL.to_owned()))
    }

    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub async fn connect(&self, _: &Path) -> Result<DuplexStream, Cause> {
        Err(Cause::Unsupported(REFUSAL.to_owned()))
    }

    /// Does nothing.
    pub async fn close(&self) {}
}
