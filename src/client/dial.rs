//! Opens a connection to an endpoint: one attempt with a timeout. Knows nothing of other endpoints.

use std::{error::Error, io, time::Duration};

use hyper_util::client::legacy::connect::HttpConnector;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tower_service::Service;

use super::{
    cause::{Cause, Limit},
    connection::{Connection, KeepAlive},
    endpoint::{Endpoint, Target, authority},
    proxy::{Proxies, tunnel},
    resolver::{ResolveError, Resolver},
    tls::{Tls, handshake},
};

/// Options of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct DialOptions {
    /// Timeout of connecting, and of waiting for the server's SETTINGS.
    pub timeout: Duration,
    /// Keep-alive options of the connection.
    pub keepalive: KeepAlive,
    /// Whether to send a request before the server has sent anything.
    pub at_once: bool,
}

/// Addresses of the other family are tried too if those of the first have not answered within this time, as in Go.
const OTHER_FAMILY_AFTER: Duration = Duration::from_millis(300);

/// The resolver's timeout is longer than the connector's by this.
const RESOLVED: Duration = Duration::from_millis(10);

/// Opens a connection over the network; `connected` is called when only the server's SETTINGS are missing.
///
/// # Errors
/// Why it failed.
pub async fn dial(
    endpoint: &Endpoint,
    tls: &Tls,
    proxies: &Proxies,
    options: DialOptions,
    connected: impl FnOnce(),
) -> Result<Connection, Cause> {
    let limit = options.timeout;
    let late = |_| Cause::ConnectTimeout(Limit::dial(limit));
    match &endpoint.target {
        Target::Tcp {
            host,
            port,
            tls: secret,
        } => {
            let secret = secret.then_some(tls);
            let Some(proxy) = proxies.proxy_for(host, *port) else {
                let stream = connect(host, *port, limit).await?;
                connected();
                return start_http2(stream, endpoint, secret, options).await;
            };
            let stream = connect(&proxy.host, proxy.port, limit)
                .await
                .map_err(|cause| {
                    Cause::Proxy(format!("the proxy {proxy:?} (HTTPS_PROXY): {cause}"))
                })?;
            let authority = authority(host, *port);
            let stream = timeout(limit, tunnel(stream, proxy, &authority))
                .await
                .map_err(late)??;
            connected();
            start_http2(stream, endpoint, secret, options).await
        }
        Target::Unix { path, tls: secret } => {
            let stream = timeout(limit, UnixStream::connect(path))
                .await
                .map_err(late)?
                .map_err(|e| Cause::of_connect(&e))?;
            connected();
            start_http2(stream, endpoint, secret.then_some(tls), options).await
        }
        Target::Malformed(reason) => Err(Cause::Malformed(reason.clone())),
        Target::Embedded { .. } | Target::Snapshot { .. } => Err(Cause::Unsupported(
            "an embedded server is not dialled".into(),
        )),
    }
}

/// Starts HTTP/2 over a connected stream, with TLS if `secret` is given.
async fn start_http2<S>(
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
            let name = tls.server_name().unwrap_or(endpoint.server_name());
            let stream = handshake(tls, stream, name, options.timeout).await?;
            Connection::open(stream, origin, options).await
        }
    }
}

/// Connects to the first address of `host` that accepts, trying both address families.
///
/// # Errors
/// Why none did.
pub async fn connect(host: &str, port: u16, limit: Duration) -> Result<TcpStream, Cause> {
    let uri: http::Uri = format!("http://{}", authority(host, port))
        .parse()
        .map_err(|_| Cause::NameNotFound(host.to_owned()))?;
    let mut connector = HttpConnector::new_with_resolver(Resolver(limit));
    // Requests are small and wait for responses.
    connector.set_nodelay(true);
    connector.set_happy_eyeballs_timeout(Some(OTHER_FAMILY_AFTER));
    connector.set_connect_timeout(Some(limit));
    // Name resolution has the same limit and reports its own timeout.
    match timeout(limit + RESOLVED, connector.call(uri)).await {
        Err(_) => Err(Cause::ConnectTimeout(Limit::dial(limit))),
        Ok(Ok(stream)) => Ok(stream.into_inner()),
        Ok(Err(error)) => Err(cause_of(&error, host, limit)),
    }
}

/// The cause of a connector's error, taken from the error that it wraps.
fn cause_of(error: &(dyn Error + 'static), host: &str, limit: Duration) -> Cause {
    let mut inner: Option<&io::Error> = None;
    let mut source = Some(error);
    while let Some(error) = source {
        match error.downcast_ref::<ResolveError>() {
            Some(ResolveError::NoSuchHost) => return Cause::NameNotFound(host.to_owned()),
            Some(ResolveError::Failed(text)) => {
                return Cause::NameUnknown(format!("{host:?}: {text}"));
            }
            None => {}
        }
        inner = error.downcast_ref::<io::Error>().or(inner);
        source = error.source();
    }
    match inner {
        // Without an error number, it is the connector's own timeout rather than the system's.
        Some(io) if io.kind() == io::ErrorKind::TimedOut && io.raw_os_error().is_none() => {
            Cause::ConnectTimeout(Limit::dial(limit))
        }
        Some(io) => Cause::of_connect(io),
        None => Cause::Io(error.to_string()),
    }
}
