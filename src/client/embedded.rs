//! A server in this process, for `embedded:DIR` endpoints. With the channel, the only part of the client
//! that names the server.

use std::path::Path;

use tokio::{io::DuplexStream, runtime::Runtime};

use super::cause::Cause;
use crate::server::{backend::is_locked, config::Config, core::OpenError, embedded::Server};

/// A running server on threads of its own, so that the client's one thread never waits for its disk.
pub struct Embedded {
    runtime: Runtime,
    server: Server,
}

impl Embedded {
    /// Opens (or creates) the data directory.
    ///
    /// # Errors
    /// One line that names the directory or the flag.
    pub async fn start(dir: &Path, flags: &[(String, String)]) -> Result<Embedded, Cause> {
        let mut config = Config::new(dir);
        for (name, value) in flags {
            config
                .set(name, value)
                .map_err(|e| Cause::Embedded(e.to_string()))?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("embedded")
            .enable_all()
            .build()
            .map_err(|e| Cause::Embedded(e.to_string()))?;
        match runtime.spawn(Server::start(config)).await {
            Ok(Ok(server)) => Ok(Embedded { runtime, server }),
            failed => {
                runtime.shutdown_background();
                Err(match failed {
                    Ok(Err(OpenError::Engine(error))) if is_locked(&error) => {
                        Cause::Locked(error.to_string())
                    }
                    Ok(Err(error)) => Cause::Embedded(error.to_string()),
                    Err(error) => Cause::Embedded(error.to_string()),
                    Ok(Ok(_)) => Cause::Closed,
                })
            }
        }
    }

    /// A fresh connection to it.
    pub fn connect(&self) -> DuplexStream {
        let _guard = self.runtime.enter();
        self.server.connect()
    }

    /// Closes the data directory clean.
    pub async fn close(self) {
        let Embedded { runtime, server } = self;
        // A panic in there has been shown by then.
        let _ = runtime.spawn(server.shutdown()).await;
        runtime.shutdown_background();
    }
}
