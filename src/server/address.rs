//! Addresses to listen on: converts an address to a bound socket, and to the endpoint for clients.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream, lookup_host};

use super::value;

/// Maximum number of connections waiting to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 4096;

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    /// `http://host:port`.
    Tcp(TcpListener),
    /// `unix://path`. The file is removed with the listener.
    Unix {
        /// Accepts connections.
        listener: UnixListener,
        /// Removes the file when dropped.
        _file: SocketFile,
    },
}

/// The file of a Unix socket. It is removed when this is dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The file may already have been removed.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An accepted connection.
pub enum Accepted {
    /// Over TCP, from this address.
    Tcp(TcpStream, SocketAddr),
    /// Over a Unix socket.
    Unix(UnixStream),
}

/// Options of TCP listeners. As in Go, `SO_REUSEADDR` is always set.
#[derive(Clone, Copy, Debug, Default)]
pub struct SocketOptions {
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
}

impl Listener {
    /// Binds `host:port`, `http://host:port`, `https://host:port`, `unix://path`, `unixs://path` or `unix:path`.
    /// Returns the listener and its endpoint. Does not care about the protocol spoken over it.
    ///
    /// # Errors
    /// The address is malformed, in use, or cannot be bound; the text names it.
    pub async fn bind(address: &str, options: SocketOptions) -> io::Result<(Listener, String)> {
        let named = |e: io::Error| {
            let why = match e.kind() {
                io::ErrorKind::AddrInUse => "address already in use".into(),
                io::ErrorKind::PermissionDenied => "permission denied".into(),
                _ => crate::bolt::plain(&e),
            };
            io::Error::new(e.kind(), format!("cannot listen on {address}: {why}"))
        };
        if let Some((scheme, path)) = unix_path(address) {
            let listener = bind_unix(Path::new(path)).await.map_err(named)?;
            let file = SocketFile(PathBuf::from(path));
            let listener = Listener::Unix {
                listener,
                _file: file,
            };
            return Ok((listener, format!("{scheme}://{path}")));
        }
        let (scheme, listener) = bind_tcp(address, options).await.map_err(named)?;
        let endpoint = format!("{scheme}://{}", listener.local_addr().map_err(named)?);
        Ok((Listener::Tcp(listener), endpoint))
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// Those of `accept(2)`, most of which are transient.
    pub async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Responses are small and must be sent immediately. The socket works without this option, too.
                let _ = stream.set_nodelay(true);
                Ok(Accepted::Tcp(stream, peer))
            }
            Listener::Unix { listener, .. } => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }
}

fn unix_path(address: &str) -> Option<(&str, &str)> {
    let (scheme, path) = address.split_once(':')?;
    let path = path.strip_prefix("//").unwrap_or(path);
    matches!(scheme, "unix" | "unixs").then_some((scheme, path))
}

/// Binds the first address of the host, preferring IPv4 as Go does.
async fn bind_tcp(address: &str, options: SocketOptions) -> io::Result<(&str, TcpListener)> {
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
    let malformed = || invalid("not of the form host:port");
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    if !matches!(scheme, "http" | "https") {
        return Err(invalid("the scheme must be http, https, unix or unixs"));
    }
    let (host, port) = value::host_and_port(rest).ok_or_else(malformed)?;
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let mut addresses: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let first = *addresses.first().ok_or_else(malformed)?;
    let socket = if first.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // As in Go and tokio, so that a restart need not wait until the kernel has forgotten old connections.
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(options.reuse_port)?;
    socket.bind(first)?;
    Ok((scheme, socket.listen(BACKLOG)?))
}

/// Binds the path, replacing a socket file on which nobody listens.
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
        let (_held, endpoint) = Listener::bind("127.0.0.1:0", SocketOptions::default())
            .await
            .unwrap();
        let refusal = Listener::bind(&endpoint, SocketOptions::default())
            .await
            .unwrap_err();
        assert_eq!(
            refusal.to_string(),
            format!("cannot listen on {endpoint}: address already in use")
        );
    }

    #[tokio::test]
    async fn a_port_may_be_shared_where_both_agree() {
        let shared = SocketOptions { reuse_port: true };
        let (_first, endpoint) = Listener::bind("127.0.0.1:0", shared).await.unwrap();
        assert!(Listener::bind(&endpoint, shared).await.is_ok());
        assert!(
            Listener::bind(&endpoint, SocketOptions::default())
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_live_one_or_a_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let url = format!("unix://{}", path.display());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (live, endpoint) = Listener::bind(&url, SocketOptions::default())
            .await
            .unwrap();
        assert_eq!(endpoint, url);
        let refusal = Listener::bind(&url, SocketOptions::default())
            .await
            .unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::AddrInUse);
        drop(live);
        assert!(!path.exists());
        std::fs::write(&path, "data").unwrap();
        assert!(
            Listener::bind(&url, SocketOptions::default())
                .await
                .is_err()
        );
        assert_eq!(std::fs::read(&path).unwrap(), b"data");
    }
}
