//! Servers in this process, for `embedded:DIR` endpoints. Apart from `serve`, the only code outside the server that
//! names it. A directory is opened with no more access than a request needs: read requests create and write nothing,
//! and work on a read-only or full disk.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::DuplexStream,
    runtime::{Handle, Runtime},
    sync::Mutex,
    time::sleep,
};

use super::{access::Access, cause::Cause, deadline::Deadline, error::ClientError};
use crate::{
    golang::string,
    server::{config::Config, core::OpenError, embedded::Server},
};

/// Pause before trying again to open a directory that another process has open.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// The servers that run in this process, one for each data directory, which can be opened only once. Shared by all
/// clients.
#[derive(Clone, Default)]
pub struct EmbeddedServers(Arc<Mutex<BTreeMap<PathBuf, Embedded>>>);

impl fmt::Debug for EmbeddedServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmbeddedServers")
    }
}

impl EmbeddedServers {
    /// Makes sure that the server of `dir` runs with at least this access. If another process has the directory open,
    /// waits until the deadline. Returns whether a server with less access was replaced; connections to it are then
    /// unusable.
    ///
    /// # Errors
    /// The directory cannot be opened or is still in use, or a flag is invalid.
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

    /// Makes sure that the snapshot `file` is served. All requests go to the same server, which rejects writes.
    ///
    /// # Errors
    /// The file cannot be read, or is not a database of etcd.
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

    /// Opens a connection to the server of `dir`.
    ///
    /// # Errors
    /// [`EmbeddedServers::open`] has not been called.
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

/// A canonical name for a directory. If it cannot be made absolute, opening it will fail as well.
fn key(dir: &Path) -> PathBuf {
    std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned())
}

/// The threads of a server. What still runs on them when this is dropped is not waited for: a plain [`Runtime`] panics
/// if it is dropped in asynchronous code, for example when the time for opening a directory is up.
struct Threads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Threads {
    fn start() -> io::Result<Threads> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("embedded")
            .enable_all()
            .build()?;
        Ok(Threads {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A running server with its own threads, so that the client's thread never waits for the disk.
struct Embedded {
    threads: Threads,
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
        // A snapshot shows leases unchanged, and is readable without authentication.
        let is_snapshot = flags.iter().any(|(name, _)| name == "snapshot");
        config.leases_count_downtime = !is_snapshot;
        config.bypass_auth = is_snapshot;
        for (name, value) in flags {
            config
                .set(name, value)
                .map_err(|e| Cause::Embedded(e.to_string()))?;
        }
        if access == Access::Change && !has_database(dir) {
            let dir = dir.to_owned();
            return Err(Cause::Embedded(OpenError::NoDatabase { dir }.to_string()));
        }
        let threads = Threads::start().map_err(|e| Cause::Embedded(e.to_string()))?;
        let started = match access {
            Access::Read => threads.handle.spawn(Server::start_read_only(config)).await,
            Access::Change | Access::Create => threads.handle.spawn(Server::start(config)).await,
        };
        match started {
            Ok(Ok(server)) => Ok(Embedded {
                threads,
                server,
                access,
            }),
            Ok(Err(OpenError::Locked(error))) => Err(Cause::Locked(error.to_string())),
            Ok(Err(error)) => Err(Cause::Embedded(error.to_string())),
            Err(error) => Err(Cause::Embedded(error.to_string())),
        }
    }

    /// Opens a connection to it.
    fn connect(&self) -> DuplexStream {
        let _guard = self.threads.handle.enter();
        self.server.connect()
    }

    /// Closes the data directory cleanly.
    async fn close(self) {
        let Embedded {
            threads, server, ..
        } = self;
        let close = async move {
            // Finish compactions, so that the next command does not find one in progress. A server that has already
            // stopped has nothing to finish.
            let _ = server.core().finish_compactions().await;
            server.shutdown().await;
        };
        // A panic there has already been reported.
        let _ = threads.handle.spawn(close).await;
    }
}

/// Whether a data directory contains a database. If that cannot be determined, opening it will report why.
fn has_database(dir: &Path) -> bool {
    dir.join("member").exists() || dir.join("db").try_exists().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Limit;

    #[tokio::test]
    async fn a_start_that_is_no_longer_awaited_frees_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let start = Embedded::start(dir.path(), &[], Access::Create);
        // The future is polled once, which starts the server, and then dropped.
        drop(tokio::time::timeout(Duration::ZERO, start).await);
        let servers = EmbeddedServers::default();
        let deadline = Deadline::after(Limit {
            length: Duration::from_secs(60),
            flag: "",
        });
        let opened = servers
            .open(dir.path(), &[], Access::Create, deadline)
            .await;
        assert!(!opened.unwrap());
        servers.close().await;
    }
}
