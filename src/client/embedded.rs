//! A server in this process, for `embedded:DIR` endpoints. With the channel, the only part of the client
//! that names the server.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{io::DuplexStream, runtime::Runtime, sync::Mutex};

use super::cause::Cause;
use crate::server::{config::Config, core::OpenError, embedded::Server};

/// The servers that run in this process, one for each data directory, shared by all its clients: a directory
/// can be opened only once.
#[derive(Clone, Default)]
pub struct EmbeddedServers(Arc<Mutex<BTreeMap<PathBuf, Embedded>>>);

impl fmt::Debug for EmbeddedServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmbeddedServers")
    }
}

impl EmbeddedServers {
    /// A fresh connection to the server of `dir`, which is started where it does not run yet.
    ///
    /// # Errors
    /// The directory can't be opened, or a flag is wrong.
    pub async fn connect(
        &self,
        dir: &Path,
        flags: &[(String, String)],
    ) -> Result<DuplexStream, Cause> {
        // What can't be made absolute fails to open just as well.
        let key = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        match self.0.lock().await.entry(key) {
            Entry::Occupied(server) => Ok(server.get().connect()),
            Entry::Vacant(place) => Ok(place.insert(Embedded::start(dir, flags).await?).connect()),
        }
    }

    /// Closes every data directory clean.
    pub async fn close(&self) {
        let servers = std::mem::take(&mut *self.0.lock().await);
        for server in servers.into_values() {
            server.close().await;
        }
    }
}

/// A running server on threads of its own, so that the client's one thread never waits for its disk.
struct Embedded {
    runtime: Runtime,
    server: Server,
}

impl Embedded {
    /// Opens (or creates) the data directory.
    ///
    /// # Errors
    /// One line that names the directory or the flag.
    async fn start(dir: &Path, flags: &[(String, String)]) -> Result<Embedded, Cause> {
        let mut config = Config::new(dir);
        config.leases_count_downtime = true;
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
                    Ok(Err(OpenError::Locked(error))) => Cause::Locked(error.to_string()),
                    Ok(Err(error)) => Cause::Embedded(error.to_string()),
                    Err(error) => Cause::Embedded(error.to_string()),
                    Ok(Ok(_)) => Cause::Closed,
                })
            }
        }
    }

    /// A fresh connection to it.
    fn connect(&self) -> DuplexStream {
        let _guard = self.runtime.enter();
        self.server.connect()
    }

    /// Closes the data directory clean.
    async fn close(self) {
        let Embedded { runtime, server } = self;
        let close = async move {
            // The next command must not find a compaction of this one under way. A server that has
            // stopped by itself has nothing to finish.
            let _ = server.core().finish_compactions().await;
            server.shutdown().await;
        };
        // A panic in there has been shown by then.
        let _ = runtime.spawn(close).await;
        runtime.shutdown_background();
    }
}
