//! From an endpoint to an open connection: one attempt, bounded in time. Decides nothing about others.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

use super::{
    cause::{Cause, Limit},
    connection::{Connection, KeepAlive},
    endpoint::{Endpoint, Target},
    tls::{Tls, handshake},
};

/// Bounds of one attempt.
#[derive(Clone, Copy, Debug)]
pub struct DialOptions {
    /// For connecting, and again for the server's first words.
    pub timeout: Duration,
    /// Of the connection.
    pub keepalive: KeepAlive,
    /// Whether a request is sent before the server has said anything.
    pub at_once: bool,
}

/// Opens a connection over the network; `connected` is told when only the server's words are missing.
///
/// # Errors
/// Why it did not come about.
pub async fn dial(
    endpoint: &Endpoint,
    tls: &Tls,
    options: DialOptions,
    connected: impl FnOnce(),
) -> Result<Connection, Cause> {
    let timeout = options.timeout;
    match &endpoint.target {
        Target::Tcp {
            host,
            port,
            tls: secret,
        } => {
            let stream = connect(host, *port, timeout).await?;
            connected();
            speak(stream, endpoint, secret.then_some(tls), options).await
        }
        Target::Unix { path, tls: secret } => {
            let stream = tokio::time::timeout(timeout, UnixStream::connect(path))
                .await
                .map_err(|_| Cause::ConnectTimeout(Limit::dial(timeout)))?
                .map_err(|e| Cause::of_connect(&e))?;
            connected();
            speak(stream, endpoint, secret.then_some(tls), options).await
        }
        Target::Nothing(reason) => Err(Cause::Meaningless(reason.clone())),
        Target::Embedded { .. } => Err(Cause::Unsupported(
            "an embedded server is not dialled".into(),
        )),
    }
}

/// Speaks HTTP/2 over a stream that is connected, in TLS if `secret` is given.
async fn speak<S>(
    stream: S,
    endpoint: &Endpoint,
    secret: Option<&Tls>,
    options: DialOptions,
) -> Result<Connection, Cause>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let origin = endpoint.origin()?;
    match secret {
        None => Connection::open(stream, origin, options).await,
        Some(tls) => {
            let name = endpoint.server_name();
            let stream = handshake(tls, stream, name, options.timeout).await?;
            Connection::open(stream, origin, options).await
        }
    }
}

/// Connects to the first address of `host` that takes it.
///
/// # Errors
/// Why none did: the cause at the last one.
pub async fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, Cause> {
    let end = Instant::now() + timeout;
    let mut cause = Cause::NameNotFound(host.to_owned());
    for address in addresses(host, port, timeout).await? {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, TcpStream::connect(address)).await {
            Err(_) => return Err(Cause::ConnectTimeout(Limit::dial(timeout))),
            Ok(Err(error)) => cause = Cause::of_connect(&error),
            Ok(Ok(stream)) => {
                // Requests are small and wait for their answers.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
        }
    }
    Err(cause)
}

async fn addresses(host: &str, port: u16, timeout: Duration) -> Result<Vec<SocketAddr>, Cause> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    if host == "localhost" {
        // Not worth a resolver and the thread that it runs on.
        return Ok(vec![
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
            SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port),
        ]);
    }
    let unknown = || Cause::NameNotFound(host.to_owned());
    let found: io::Result<Vec<_>> =
        match tokio::time::timeout(timeout, tokio::net::lookup_host((host, port))).await {
            Err(_) => return Err(unknown()),
            Ok(found) => found.map(Iterator::collect),
        };
    found.map_err(|_| unknown())
}
