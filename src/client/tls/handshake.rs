//! The TLS handshake on an open connection. One attempt, without retries.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{error, files::Tls};
use crate::client::cause::{Cause, Limit};

/// The stream below TLS. It is boxed, so that the code above it is compiled only once.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection with TLS.
pub type Secured = TlsStream<Box<dyn Stream>>;

/// Performs the handshake. The server's certificate must be valid for `name`.
///
/// # Errors
/// The server is not trusted, does not trust this client, does not speak TLS, or sends nothing within `timeout`.
pub async fn handshake(
    tls: &Tls,
    stream: impl Stream + 'static,
    name: &str,
    timeout: Duration,
) -> Result<Secured, Cause> {
    let config = tls.config().map_err(Cause::Unsupported)?;
    let name = match ServerName::try_from(name) {
        Ok(name) => name.to_owned(),
        // The name is not verified, and an IP address is not sent to the server anyway.
        Err(_) if tls.takes_any_server() => ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        Err(_) => {
            return Err(Cause::Tls(format!(
                "tls: failed to verify certificate: x509: there is no certificate for {name:?}, which is not a host name"
            )));
        }
    };
    let stream: Box<dyn Stream> = Box::new(stream);
    let handshake = TlsConnector::from(config).connect(name, stream);
    match tokio::time::timeout(timeout, handshake).await {
        Err(_) => Err(Cause::Silent(Limit::dial(timeout))),
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(e)) => Err(error::cause_of(&e).unwrap_or_else(|| match e.kind() {
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset => {
                Cause::TlsClosed
            }
            _ => Cause::of_connect(&e),
        })),
    }
}
