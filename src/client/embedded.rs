//! Servers in this process, for `embedded:DIR` endpoints. Apart from `serve`, the only code outside the server that
//! names it. A directory is opened for no more than a request needs: what only reads creates and writes nothing, and
//! works on a read-only or full disk.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{io::DuplexStream, runtime::Runtime, sync::Mutex, time::sleep};

use super::{access::Access, cause::Cause, deadline::Deadline, error::ClientError};
use crate::{
    golang::string,
    server::{config::Config, core::OpenError, embedded::Server},
};

/// Pause before a directory that another process has open is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

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
    /// Makes sure that the server of `dir` runs and gives at least this access. A directory that another process has
    /// open is waited for until the deadline. Returns whether a server with less access was replaced, whose connections
    /// are of no use any more.
    ///
    /// # Errors
    /// The directory can't be opened or is still in use, or a flag is wrong.
    pub async fn open(
        &self,
        dir: &Path,
        flags: &[(String, String)],
        access: Access,
        deadline: Deadline,
    ) -> Result<bool, ClientError> {
        let key = key(dir);
        let mut servers = self.0.lock().await;
        let replaced = match servers.get(&key) {
            Some(server) if server.access >= access => return Ok(false),
            Some(_) => servers.remove(&key),
            None => None,
        };
        let was_replaced = replaced.is_some();
        if let Some(server) = replaced {
            server.close().await;
        }
        loop {
            match Embedded::start(dir, flags, access).await {
                Ok(server) => {
                    servers.insert(key, server);
                    return Ok(was_replaced);
                }
                Err(Cause::Locked(text)) => {
                    if deadline.run(sleep(LOCK_PAUSE)).await.is_none() {
                        return Err(ClientError::Locked(text));
                    }
                }
                Err(cause) => return Err(ClientError::Permanent(cause.to_string())),
            }
        }
    }

    /// Makes sure that the snapshot `file` is served. Everything that it is asked goes to the same server, which
    /// refuses writes.
    ///
    /// # Errors
    /// The file can't be read, or is no database of etcd.
    pub async fn open_snapshot(&self, file: &Path) -> Result<(), ClientError> {
        let key = key(file);
        let mut servers = self.0.lock().await;
        if servers.contains_key(&key) {
            return Ok(());
        }
        let flags = [("snapshot".to_owned(), string::of_path(file))];
        let server = Embedded::start(file, &flags, Access::Read).await;
        let server = server.map_err(|cause| ClientError::Permanent(cause.to_string()))?;
        servers.insert(key, server);
        Ok(())
    }

    /// A fresh connection to the server of `dir`.
    ///
    /// # Errors
    /// [`EmbeddedServers::open`] was not called before.
    pub async fn connect(&self, dir: &Path) -> Result<DuplexStream, Cause> {
        match self.0.lock().await.get(&key(dir)) {
            Some(server) => Ok(server.connect()),
            None => Err(Cause::Closed),
        }
    }

    /// Closes every data directory cleanly.
    pub async fn close(&self) {
        let servers = std::mem::take(&mut *self.0.lock().await);
        for server in servers.into_values() {
            server.close().await;
        }
    }
}

/// One name for a directory, however it was typed. A name that can't be made absolute fails to open as well.
fn key(dir: &Path) -> PathBuf {
    std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned())
}

/// A running server on threads of its own, so that the client's one thread never waits for its disk.
struct Embedded {
    runtime: Runtime,
    server: Server,
    access: Access,
}

impl Embedded {
    /// Opens the data directory.
    ///
    /// # Errors
    /// One line that names the directory or the flag.
    async fn start(
        dir: &Path,
        flags: &[(String, String)],
        access: Access,
    ) -> Result<Embedded, Cause> {
        let mut config = Config::new(dir);
        // A snapshot shows leases as they were, and all that is in it.
        let is_snapshot = flags.iter().any(|(name, _)| name == "snapshot");
        config.leases_count_downtime = !is_snapshot;
        config.asks_no_permission = is_snapshot;
        for (name, value) in flags {
            config
                .set(name, value)
                .map_err(|e| Cause::Embedded(e.to_string()))?;
        }
        if access == Access::Change && !has_database(dir) {
            let dir = dir.to_owned();
            return Err(Cause::Embedded(OpenError::NoDatabase { dir }.to_string()));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("embedded")
            .enable_all()
            .build()
            .map_err(|e| Cause::Embedded(e.to_string()))?;
        let started = match access {
            Access::Read => runtime.spawn(Server::start_read_only(config)).await,
            Access::Change | Access::Create => runtime.spawn(Server::start(config)).await,
        };
        match started {
            Ok(Ok(server)) => Ok(Embedded {
                runtime,
                server,
                access,
            }),
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

    /// Closes the data directory cleanly.
    async fn close(self) {
        let Embedded {
            runtime, server, ..
        } = self;
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

/// Whether a data directory holds a database. Where that can't be told, opening it will say why.
fn has_database(dir: &Path) -> bool {
    dir.join("member").exists() || dir.join("db").try_exists().unwrap_or(true)
}
