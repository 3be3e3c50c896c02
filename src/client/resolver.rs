//! Resolves names to addresses and SRV records without the C library, so that a static program works in an empty
//! container, as Go's does: uses `/etc/hosts`, then the name servers and search domains of `/etc/resolv.conf`. Connects
//! only to those servers.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hickory_resolver::{
    Hosts, TokioResolver,
    config::{LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::Query,
        rr::{Name, RData, RecordType},
    },
    system_conf::read_system_conf,
};
use hyper_util::client::legacy::connect::dns;

/// The connector's resolver, with its timeout.
#[derive(Clone, Debug)]
pub struct Resolver(pub Duration);

/// Why a name could not be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// It does not exist or has no record of that type; asking again will not help.
    #[error("no such host")]
    NoSuchHost,
    /// The name servers did not answer or failed.
    #[error("{0}")]
    Failed(String),
}

impl tower_service::Service<dns::Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: dns::Name) -> Self::Future {
        let limit = self.0;
        Box::pin(async move {
            let found = within(limit, addresses(name.as_str())).await?;
            let found: Vec<SocketAddr> = found.into_iter().map(|ip| (ip, 0).into()).collect();
            Ok(found.into_iter())
        })
    }
}

async fn within<T>(
    limit: Duration,
    lookup: impl Future<Output = Result<T, ResolveError>>,
) -> Result<T, ResolveError> {
    match tokio::time::timeout(limit, lookup).await {
        Ok(result) => result,
        Err(_) => Err(ResolveError::Failed(format!(
            "the name servers of /etc/resolv.conf did not answer within {}",
            crate::golang::format::duration(limit)
        ))),
    }
}

/// The addresses of `name`, in the order in which to try them.
async fn addresses(name: &str) -> Result<Vec<IpAddr>, ResolveError> {
    if let Some(known) = special_use_name(name) {
        return known;
    }
    // A trailing dot means that the name is fully qualified.
    let parsed = Name::from_utf8(name).map_err(|_| ResolveError::NoSuchHost)?;
    let hosts = Hosts::from_system().unwrap_or_default();
    let found = in_hosts(&hosts, &parsed);
    if !found.is_empty() {
        return Ok(found);
    }
    let (config, options) = name_servers();
    ask(config, options, parsed).await
}

/// Names that are not sent to a name server (RFC 6761).
fn special_use_name(name: &str) -> Option<Result<Vec<IpAddr>, ResolveError>> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_in = |domain: &str| {
        name.strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if is_in("localhost") {
        return Some(Ok(vec![
            Ipv4Addr::LOCALHOST.into(),
            Ipv6Addr::LOCALHOST.into(),
        ]));
    }
    is_in("invalid").then_some(Err(ResolveError::NoSuchHost))
}

fn in_hosts(hosts: &Hosts, name: &Name) -> Vec<IpAddr> {
    [RecordType::A, RecordType::AAAA]
        .into_iter()
        .filter_map(|kind| hosts.lookup_static_host(&Query::query(name.clone(), kind)))
        .flat_map(|lookup| {
            let records = lookup.answers().iter();
            records
                .filter_map(|record| record.data.ip_addr())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// From `/etc/resolv.conf`; without that file, as in Go, a server on this machine.
fn name_servers() -> (ResolverConfig, ResolverOpts) {
    read_system_conf().unwrap_or_else(|_| {
        let local = NameServerConfig::udp_and_tcp(Ipv4Addr::LOCALHOST.into());
        let config = ResolverConfig::from_parts(None, vec![], vec![local]);
        (config, ResolverOpts::default())
    })
}

/// The resolver needs random numbers, and panics if a statically linked program cannot read this file.
const RANDOM: &str = "/dev/urandom";

fn resolver(
    config: ResolverConfig,
    mut options: ResolverOpts,
) -> Result<TokioResolver, ResolveError> {
    if let Err(error) = std::fs::File::open(RANDOM) {
        return Err(ResolveError::Failed(format!(
            "asking a name server needs {RANDOM}: {error}"
        )));
    }
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Never;
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .map_err(|error| ResolveError::Failed(error.to_string()))
}

async fn ask(
    config: ResolverConfig,
    options: ResolverOpts,
    name: Name,
) -> Result<Vec<IpAddr>, ResolveError> {
    let lookup = resolver(config, options)?.lookup_ip(name).await;
    Ok(lookup.map_err(|e| reason(&e))?.iter().collect())
}

fn reason(error: &NetError) -> ResolveError {
    use hickory_resolver::proto::op::ResponseCode::{NXDomain, NoError};
    match error {
        NetError::Dns(hickory_resolver::net::DnsError::NoRecordsFound(none))
            if matches!(none.response_code, NXDomain | NoError) =>
        {
            ResolveError::NoSuchHost
        }
        other => ResolveError::Failed(other.to_string()),
    }
}

/// The targets of a service (`_name._tcp.domain`), by preference.
///
/// # Errors
/// There are none, or the lookup failed within `limit`.
pub async fn services(name: &str, limit: Duration) -> Result<Vec<(String, u16)>, ResolveError> {
    let (config, options) = name_servers();
    within(limit, ask_for_services(config, options, name)).await
}

async fn ask_for_services(
    config: ResolverConfig,
    options: ResolverOpts,
    name: &str,
) -> Result<Vec<(String, u16)>, ResolveError> {
    if let Some(Err(error)) = special_use_name(name) {
        return Err(error);
    }
    let name = Name::from_utf8(name).map_err(|_| ResolveError::NoSuchHost)?;
    let lookup = resolver(config, options)?.srv_lookup(name).await;
    let lookup = lookup.map_err(|e| reason(&e))?;
    let mut found: Vec<_> = lookup
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((srv.priority, srv.target.to_utf8(), srv.port)),
            _ => None,
        })
        .collect();
    found.sort_by_key(|(priority, ..)| *priority);
    if found.is_empty() {
        return Err(ResolveError::NoSuchHost);
    }
    Ok(found
        .into_iter()
        .map(|(_, target, port)| (target.trim_end_matches('.').to_owned(), port))
        .collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use tokio::net::UdpSocket;

    /// Numbers of the DNS record types.
    const A: u16 = 1;
    const AAAA: u16 = 28;
    const SRV: u16 = 33;

    /// A name server with these records; all other names do not exist.
    async fn name_server(records: Vec<(&'static str, u16, Vec<u8>)>) -> ResolverConfig {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((n, from)) = socket.recv_from(&mut buffer).await {
                let answer = answer(&buffer[..n], &records);
                let _ = socket.send_to(&answer, from).await;
            }
        });
        let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
        server.connections[0].port = port;
        let search = vec![Name::from_utf8("cluster.test").unwrap()];
        ResolverConfig::from_parts(None, search, vec![server])
    }

    fn answer(query: &[u8], records: &[(&str, u16, Vec<u8>)]) -> Vec<u8> {
        // The header is 12 bytes; then come the labels of the name, each preceded by its length.
        let mut name = String::new();
        let mut at = 12;
        while query[at] != 0 {
            let end = at + 1 + usize::from(query[at]);
            name += std::str::from_utf8(&query[at + 1..end]).unwrap();
            name.push('.');
            at = end;
        }
        let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
        let name = name.to_lowercase();
        let known = records.iter().any(|(n, ..)| *n == name);
        let found: Vec<_> = records
            .iter()
            .filter(|(n, k, _)| *n == name && *k == kind)
            .collect();
        let mut out = query[..2].to_vec();
        // A response with recursion available; code 3 means that the name does not exist.
        out.extend([0x81, if known { 0x80 } else { 0x83 }, 0, 1, 0]);
        out.push(u8::try_from(found.len()).unwrap());
        out.extend([0, 0, 0, 0]);
        out.extend(&query[12..at + 5]);
        for (_, kind, data) in found {
            out.extend([0xc0, 12]);
            out.extend(kind.to_be_bytes());
            out.extend([0, 1, 0, 0, 0, 60]);
            out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            out.extend(data);
        }
        out
    }

    fn srv(priority: u8, port: u16, target: &str) -> Vec<u8> {
        let mut data = vec![0, priority, 0, 0];
        data.extend(port.to_be_bytes());
        for label in target.split('.') {
            data.push(u8::try_from(label.len()).unwrap());
            data.extend(label.bytes());
        }
        data.push(0);
        data
    }

    #[tokio::test]
    async fn search_domains_are_used_and_missing_names_are_reported() {
        let config = name_server(vec![
            ("etcd-0.cluster.test.", A, vec![10, 0, 0, 1]),
            (
                "etcd-0.cluster.test.",
                AAAA,
                Ipv6Addr::LOCALHOST.octets().to_vec(),
            ),
            ("only-text.test.", 16, vec![1, b'x']),
        ])
        .await;
        let ask = |name: &str| {
            let name = Name::from_utf8(name).unwrap();
            ask(config.clone(), ResolverOpts::default(), name)
        };
        let both: Vec<IpAddr> = vec![[10, 0, 0, 1].into(), Ipv6Addr::LOCALHOST.into()];
        assert_eq!(ask("etcd-0").await.unwrap(), both);
        assert_eq!(ask("etcd-0.cluster.test").await.unwrap(), both);
        assert_eq!(ask("no-such-name").await, Err(ResolveError::NoSuchHost));
        assert_eq!(ask("only-text.test").await, Err(ResolveError::NoSuchHost));
    }

    #[tokio::test]
    async fn services_come_in_the_order_of_their_priorities() {
        let name = "_etcd-client._tcp.test.";
        let config = name_server(vec![
            (name, SRV, srv(2, 2379, "second.test")),
            (name, SRV, srv(1, 4001, "first.test")),
        ])
        .await;
        let ask = |name| ask_for_services(config.clone(), ResolverOpts::default(), name);
        assert_eq!(
            ask("_etcd-client._tcp.test").await.unwrap(),
            [("first.test".into(), 4001), ("second.test".into(), 2379)]
        );
        assert_eq!(
            ask("_etcd-client-ssl._tcp.test").await,
            Err(ResolveError::NoSuchHost)
        );
    }

    #[tokio::test]
    async fn a_name_server_that_does_not_answer_is_no_proof_that_a_name_does_not_exist() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
        server.connections[0].port = silent.local_addr().unwrap().port();
        let config = ResolverConfig::from_parts(None, vec![], vec![server]);
        let name = Name::from_utf8("etcd.test.").unwrap();
        let lookup = ask(config, ResolverOpts::default(), name);
        let error = within(Duration::from_millis(100), lookup)
            .await
            .unwrap_err();
        assert!(matches!(error, ResolveError::Failed(_)), "{error:?}");
    }

    #[tokio::test]
    async fn special_names_are_resolved_without_a_name_server() {
        let local: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        for name in ["localhost", "LOCALHOST.", "a.localhost"] {
            assert_eq!(addresses(name).await.unwrap(), local, "{name}");
        }
        for name in ["x.invalid", "invalid."] {
            assert_eq!(
                addresses(name).await,
                Err(ResolveError::NoSuchHost),
                "{name}"
            );
        }
        let mut hosts = Hosts::default();
        let file = b"10.1.2.3 member one # a comment\n::5 member\n";
        hosts.read_hosts_conf(&file[..]).unwrap();
        let member = Name::from_utf8("member").unwrap();
        let both: Vec<IpAddr> = vec![[10, 1, 2, 3].into(), "::5".parse().unwrap()];
        assert_eq!(in_hosts(&hosts, &member), both);
        let other = Name::from_utf8("other").unwrap();
        assert_eq!(in_hosts(&hosts, &other), Vec::<IpAddr>::new());
    }
}
