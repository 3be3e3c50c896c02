//! Proxies between this client and its servers: which connections use one, by the rules of Go's httpproxy package
//! (golang.org/x/net/http/httpproxy), and the tunnel that grpc-go requests from the proxy (CONNECT). Reads the
//! environment once, and never prints a proxy's password.

use std::{fmt, net::IpAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, Request, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::cause::Cause;

/// Default port of a proxy, as in grpc-go.
const DEFAULT_PORT: u16 = 443;

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `name:password`, decoded.
    credentials: Option<String>,
}

impl fmt::Debug for Proxy {
    /// Omits the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Which connections use which proxy.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    proxy: Option<Proxy>,
    exceptions: Vec<Exception>,
}

/// An entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    All,
    Network {
        address: IpAddr,
        bits: u8,
    },
    Address {
        address: IpAddr,
        port: Option<String>,
    },
    /// `domain` begins with a dot; `itself` tells whether it also matches the name without the dot.
    Domain {
        domain: String,
        itself: bool,
        port: Option<String>,
    },
}

impl Proxies {
    /// From `HTTPS_PROXY` and `NO_PROXY`, or their lower-case forms. As in grpc-go, this proxy is also used for
    /// connections without TLS.
    pub fn from_env() -> Proxies {
        let first = |names: [&str; 2]| {
            names
                .into_iter()
                .filter_map(|name| std::env::var(name).ok())
                .find(|value| !value.is_empty())
                .unwrap_or_default()
        };
        Proxies::new(
            &first(["HTTPS_PROXY", "https_proxy"]),
            &first(["NO_PROXY", "no_proxy"]),
        )
    }

    /// From the values of those variables. As in Go, an invalid proxy is ignored.
    pub fn new(proxy: &str, exceptions: &str) -> Proxies {
        let exceptions = exceptions
            .split(',')
            .filter_map(|entry| exception(&entry.trim().to_lowercase()))
            .collect();
        Proxies {
            proxy: parse(proxy),
            exceptions,
        }
    }

    /// The proxy for a connection to this host, which may be an address.
    pub fn proxy_for(&self, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = self.proxy.as_ref()?;
        let address: Option<IpAddr> = host.parse().ok();
        let local = host == "localhost" || address.is_some_and(|a| a.to_canonical().is_loopback());
        let port = port.to_string();
        let host = host.to_lowercase();
        let excepted = self
            .exceptions
            .iter()
            .any(|e| e.matches(&host, &port, address));
        (!local && !excepted).then_some(proxy)
    }
}

impl Exception {
    fn matches(&self, host: &str, port: &str, ip: Option<IpAddr>) -> bool {
        let port_fits = |wanted: &Option<String>| wanted.as_deref().is_none_or(|w| w == port);
        match self {
            Exception::All => true,
            Exception::Network { address, bits } => {
                ip.is_some_and(|ip| within(ip, *address, *bits))
            }
            Exception::Address { address, port } => {
                ip.is_some_and(|ip| ip.to_canonical() == address.to_canonical()) && port_fits(port)
            }
            Exception::Domain {
                domain,
                itself,
                port,
            } => {
                let fits = host.ends_with(domain.as_str()) || (*itself && host == &domain[1..]);
                ip.is_none() && fits && port_fits(port)
            }
        }
    }
}

fn exception(entry: &str) -> Option<Exception> {
    if entry.is_empty() {
        return None;
    }
    if entry == "*" {
        return Some(Exception::All);
    }
    if let Some((address, bits)) = entry.split_once('/')
        && let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse::<u8>())
        && bits <= if address.is_ipv4() { 32 } else { 128 }
    {
        return Some(Exception::Network { address, bits });
    }
    let (host, port) = split_port(entry);
    let host = host
        .strip_prefix('[')
        .map_or(host, |h| h.trim_end_matches(']'));
    if host.is_empty() {
        return None;
    }
    let port = port.filter(|p| !p.is_empty()).map(str::to_owned);
    if let Ok(address) = host.parse() {
        return Some(Exception::Address { address, port });
    }
    let host = host
        .strip_prefix('*')
        .filter(|h| h.starts_with('.'))
        .unwrap_or(host);
    let itself = !host.starts_with('.');
    let domain = if itself {
        format!(".{host}")
    } else {
        host.to_owned()
    };
    Some(Exception::Domain {
        domain,
        itself,
        port,
    })
}

/// Splits host and port. There is no port if the colons belong to an IPv6 address.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    }
}

fn within(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    let mask = |value: u128, width: u8| value.checked_shr((width - bits).into()).unwrap_or(0);
    match (ip.to_canonical(), network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            mask(ip.to_bits().into(), 32) == mask(network.to_bits().into(), 32)
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            mask(ip.to_bits(), 128) == mask(network.to_bits(), 128)
        }
        _ => false,
    }
}

/// Parses a proxy's URL, or just its host and port.
fn parse(text: &str) -> Option<Proxy> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let (credentials, host) = match authority.rsplit_once('@') {
        Some((credentials, host)) => (Some(credentials), host),
        None => (None, authority),
    };
    let (host, port) = split_port(host);
    let port = match port {
        None | Some("") => DEFAULT_PORT,
        Some(port) => port.parse().ok()?,
    };
    let host = host
        .strip_prefix('[')
        .map_or(host, |h| h.trim_end_matches(']'));
    if host.is_empty() {
        return None;
    }
    Some(Proxy {
        host: host.to_owned(),
        port,
        credentials: credentials.map(|c| {
            let (name, password) = c.split_once(':').unwrap_or((c, ""));
            format!("{}:{}", percent_decoded(name), percent_decoded(password))
        }),
    })
}

fn percent_decoded(text: &str) -> String {
    let mut out = vec![];
    let mut bytes = text.as_bytes();
    while let Some((first, rest)) = bytes.split_first() {
        let hex = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                bytes = &rest[2..];
            }
            _ => {
                out.push(*first);
                bytes = rest;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Asks the proxy connected to `stream` to open a tunnel to the server at `authority` (`host:port`).
///
/// # Errors
/// The proxy refused, closed the connection, or is not a proxy.
pub async fn tunnel(
    stream: TcpStream,
    proxy: &Proxy,
    authority: &str,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>, Cause> {
    let failed = |what: String| {
        Cause::Proxy(format!(
            "the proxy {proxy:?} (HTTPS_PROXY) did not connect to {authority}: {what}"
        ))
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| failed(super::connection::text(&e)))?;
    tokio::spawn(connection.with_upgrades());
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(authority)
        .header(header::HOST, authority)
        .header(
            header::USER_AGENT,
            concat!("etcdctl/", env!("CARGO_PKG_VERSION")),
        );
    if let Some(credentials) = &proxy.credentials {
        let value = format!("Basic {}", STANDARD.encode(credentials));
        request = request.header(header::PROXY_AUTHORIZATION, value);
    }
    let request = request
        .body(Empty::<bytes::Bytes>::new())
        .map_err(|e| failed(e.to_string()))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|e| failed(super::connection::text(&e)))?;
    if response.status() != StatusCode::OK {
        return Err(failed(format!("it answered {}", response.status())));
    }
    let upgraded = hyper::upgrade::on(response)
        .await
        .map_err(|e| failed(super::connection::text(&e)))?;
    Ok(TokioIo::new(upgraded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_that_are_not_local_and_not_excepted_use_the_proxy() {
        let exceptions = "foo.com, .dot.org ,*.star.net:2379,10.0.0.0/8,192.168.1.1:2379,[fd00::1],fd01::/16,,:80,intern";
        let proxies = Proxies::new("proxy:3128", exceptions);
        for (host, port, used) in [
            ("localhost", 2379, false),
            ("127.0.0.1", 2379, false),
            ("127.8.9.1", 2379, false),
            ("::1", 2379, false),
            ("example.com", 2379, true),
            ("foo.com", 2379, false),
            ("FOO.com", 2379, false),
            ("a.foo.com", 2379, false),
            ("afoo.com", 2379, true),
            ("dot.org", 2379, true),
            ("a.dot.org", 2379, false),
            ("star.net", 2379, true),
            ("a.star.net", 2379, false),
            ("a.star.net", 2380, true),
            ("10.200.0.1", 2379, false),
            ("11.0.0.1", 2379, true),
            ("192.168.1.1", 2379, false),
            ("192.168.1.1", 2380, true),
            ("fd00::1", 2379, false),
            ("fd00::2", 2379, true),
            ("fd01:2::3", 2379, false),
            ("intern", 1, false),
            ("10.0.0.1.example", 1, true),
        ] {
            assert_eq!(
                proxies.proxy_for(host, port).is_some(),
                used,
                "{host}:{port}"
            );
        }
        assert!(Proxies::new("proxy:1", "*").proxy_for("a", 1).is_none());
        assert!(Proxies::new("", "").proxy_for("a", 1).is_none());
    }

    #[test]
    fn a_proxy_is_a_url_or_a_host_with_a_port() {
        let proxy = |text| parse(text).map(|p| (p.host, p.port, p.credentials));
        let plain = |host: &str, port| Some((host.to_owned(), port, None));
        assert_eq!(proxy("http://p:3128/x"), plain("p", 3128));
        assert_eq!(proxy("p:3128"), plain("p", 3128));
        assert_eq!(proxy("https://p"), plain("p", 443));
        assert_eq!(proxy("http://[::1]:8080"), plain("::1", 8080));
        assert_eq!(proxy(""), None);
        assert_eq!(proxy("p:port"), None);
        let (_, _, credentials) = proxy("http://us%40er:p%3Ass@p:1").unwrap();
        assert_eq!(credentials.as_deref(), Some("us@er:p:ss"));
        let shown = format!("{:?}", parse("http://user:secret@p:1"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
