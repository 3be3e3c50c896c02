//! Takes the place of `embedded.rs` in a build without the `server` feature: every `embedded:` endpoint is refused.

use std::path::Path;

use tokio::io::DuplexStream;

use super::cause::Cause;

/// No servers run in this process.
#[derive(Clone, Debug, Default)]
pub struct EmbeddedServers;

impl EmbeddedServers {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub async fn connect(&self, _: &Path, _: &[(String, String)]) -> Result<DuplexStream, Cause> {
        Err(Cause::Unsupported(
            "this program was built without the embedded server".to_owned(),
        ))
    }

    /// There is nothing to close.
    pub async fn close(&self) {}
}
