//! From a host name to addresses. Knows nothing of ports and connections.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use hyper_util::client::legacy::connect::dns::Name;

/// Looks names up for the connector.
#[derive(Clone, Debug)]
pub struct Resolver;

/// The name has no address, and asking again will not change that.
#[derive(Debug, thiserror::Error)]
#[error("no such host")]
pub struct NoSuchHost;

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            let addresses = addresses(name.as_str()).await?;
            let addresses: Vec<_> = addresses.into_iter().map(|ip| (ip, 0).into()).collect();
            Ok(addresses.into_iter())
        })
    }
}

/// The addresses of `name`, in the order in which they should be tried.
///
/// # Errors
/// The name has none ([`NoSuchHost`] is inside), or could not be looked up.
pub async fn addresses(name: &str) -> io::Result<Vec<IpAddr>> {
    if name.eq_ignore_ascii_case("localhost") {
        // Not worth a resolver.
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let no_such_host = |_| io::Error::new(io::ErrorKind::NotFound, NoSuchHost);
    let found = tokio::net::lookup_host((name, 0))
        .await
        .map_err(no_such_host)?;
    Ok(found.map(|address| address.ip()).collect())
}
