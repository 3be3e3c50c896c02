//! Addresses to listen on: from text to a bound socket and the endpoint that a client is given.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream, lookup_host};

use super::value;

/// Connections that wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 4096;

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

/// Options of TCP listeners. `SO_REUSEADDR` is always set, as Go sets it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SocketOptions {
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
}

impl Listener {
    /// Binds `host:port`, `http://host:port`, `https://host:port`, `unix://path`, `unixs://path` or `unix:path`; gives
    /// the endpoint to reach it by. What is spoken over it is no concern here.
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

fn unix_path(address: &str) -> Option<(&str, &str)> {
    let (scheme, path) = address.split_once(':')?;
    let path = path.strip_prefix("//").unwrap_or(path);
    matches!(scheme, "unix" | "unixs").then_some((scheme, path))
}

/// Binds the first address that the host stands for, IPv4 before IPv6 as Go does.
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
    // As Go and tokio do it always, so that a restart need not wait for old connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(options.reuse_port)?;
    socket.bind(first)?;
    Ok((scheme, socket.listen(BACKLOG)?))
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
