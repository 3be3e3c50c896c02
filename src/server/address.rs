//! Addresses to listen on: from text to a bound socket and the endpoint that a client is given.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, lookup_host};

use super::value;

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    /// `http://host:port`.
    Tcp(TcpListener),
    /// `unix://path`; the file goes when the listener does.
    Unix {
        /// Accepts.
        listener: UnixListener,
        /// Held for its end.
        _file: SocketFile,
    },
}

/// The file of a unix socket, removed with the listener.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An accepted connection.
pub enum Accepted {
    /// Over TCP, from this address.
    Tcp(TcpStream, SocketAddr),
    /// Over a unix socket.
    Unix(UnixStream),
}

impl Listener {
    /// Binds `host:port`, `http://host:port`, `unix://path` or `unix:path`; gives the endpoint to reach
    /// it by.
    ///
    /// # Errors
    /// The address is malformed, in use, or can't be bound; the text names it.
    pub async fn bind(address: &str) -> io::Result<(Listener, String)> {
        let named = |e: io::Error| {
            let why = match e.kind() {
                io::ErrorKind::AddrInUse => "address already in use".into(),
                io::ErrorKind::PermissionDenied => "permission denied".into(),
                _ => crate::bolt::plain(&e),
            };
            io::Error::new(e.kind(), format!("cannot listen on {address}: {why}"))
        };
        if let Some(path) = address
            .strip_prefix("unix://")
            .or_else(|| address.strip_prefix("unix:"))
        {
            let listener = bind_unix(Path::new(path)).await.map_err(named)?;
            let file = SocketFile(PathBuf::from(path));
            let listener = Listener::Unix {
                listener,
                _file: file,
            };
            return Ok((listener, format!("unix://{path}")));
        }
        let listener = bind_tcp(address).await.map_err(named)?;
        let endpoint = format!("http://{}", listener.local_addr().map_err(named)?);
        Ok((Listener::Tcp(listener), endpoint))
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// As `accept(2)`; most of them pass.
    pub async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are small and must not wait for more to come; a socket that can't be told
                // so still works.
                let _ = stream.set_nodelay(true);
                Ok(Accepted::Tcp(stream, peer))
            }
            Listener::Unix { listener, .. } => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }
}

/// Binds the first address that the host stands for, IPv4 before IPv6 as Go does.
async fn bind_tcp(address: &str) -> io::Result<TcpListener> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidInput, "not of the form host:port");
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    if scheme != "http" {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "only http:// and unix:// are served",
        ));
    }
    let (host, port) = value::host_and_port(rest).ok_or_else(malformed)?;
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let mut addresses: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    match addresses.first() {
        Some(first) => TcpListener::bind(first).await,
        None => Err(malformed()),
    }
}

/// Binds the path; a socket file that nobody listens on any more is replaced.
async fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
            use std::os::unix::fs::FileTypeExt as _;
            let socket = std::fs::symlink_metadata(path)?.file_type().is_socket();
            match UnixStream::connect(path).await {
                Err(refused) if socket && refused.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path)?;
                    UnixListener::bind(path)
                }
                _ => Err(e),
            }
        }
        bound => bound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let (_held, endpoint) = Listener::bind("127.0.0.1:0").await.unwrap();
        let refusal = Listener::bind(&endpoint).await.unwrap_err();
        assert_eq!(
            refusal.to_string(),
            format!("cannot listen on {endpoint}: address already in use")
        );
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_live_one_or_a_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let url = format!("unix://{}", path.display());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (live, endpoint) = Listener::bind(&url).await.unwrap();
        assert_eq!(endpoint, url);
        let refusal = Listener::bind(&url).await.unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::AddrInUse);
        drop(live);
        assert!(!path.exists());
        std::fs::write(&path, "data").unwrap();
        assert!(Listener::bind(&url).await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"data");
    }
}
