//! Takes the place of `embedded.rs` in a build without the `server` feature: every `embedded:` endpoint is refused.

use std::path::Path;

use tokio::io::DuplexStream;

use super::{access::Access, cause::Cause, deadline::Deadline, error::ClientError};

const REFUSAL: &str = "this program was built without the embedded server";

/// No servers run in this process.
#[derive(Clone, Debug, Default)]
pub struct EmbeddedServers;

impl EmbeddedServers {
    /// Refuses.
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

    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub async fn open_snapshot(&self, _: &Path) -> Result<(), ClientError> {
        Err(ClientError::Permanent(REFUSAL.to_owned()))
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub async fn connect(&self, _: &Path) -> Result<DuplexStream, Cause> {
        Err(Cause::Unsupported(REFUSAL.to_owned()))
    }

    /// There is nothing to close.
    pub async fn close(&self) {}
}
