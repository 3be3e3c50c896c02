//! Parses and checks `--initial-cluster` and `--initial-advertise-peer-urls` by etcd's rules and with its error texts.
//! Source: etcd v3.7.1, client/pkg/types/{urls,urlsmap}.go, server/config/config.go, pkg/netutil/netutil.go,
//! server/etcdserver/api/membership/cluster.go.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::ToSocketAddrs as _,
};

use crate::{
    golang::format::quote,
    schema::{ids, membership::Member},
};

/// The members of the new cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    /// Ordered by id.
    pub members: Vec<Member>,
    /// The id of the member that is restored.
    pub me: u64,
    /// The id of the cluster.
    pub cluster_id: u64,
}

impl Peers {
    /// Parses the two flags for the member `name` of a new cluster with `token`.
    ///
    /// # Errors
    /// etcd's error text.
    pub fn read(
        name: &str,
        initial_cluster: &str,
        token: &str,
        advertised: &str,
    ) -> Result<Peers, String> {
        let advertised = urls(advertised.split(','))?;
        let cluster = cluster(initial_cluster)?;
        let Some(mine) = cluster.get(name) else {
            return Err(format!(
                "couldn't find local name {} in the initial cluster configuration",
                quote(name.as_bytes())
            ));
        };
        same_urls(name, &advertised, mine)?;
        unique(&cluster)?;
        let members: BTreeMap<u64, Member> = cluster
            .iter()
            .map(|(name, urls)| {
                let id = ids::member_id(urls, token);
                let member = Member {
                    id,
                    peer_urls: urls.clone(),
                    name: name.clone(),
                    ..Member::default()
                };
                (id, member)
            })
            .collect();
        if members.len() < cluster.len() {
            return Err("two members of the initial cluster have identical IDs".into());
        }
        if members.contains_key(&0) {
            return Err("cannot use 0 as member id".into());
        }
        let ids: Vec<u64> = members.keys().copied().collect();
        Ok(Peers {
            me: ids::member_id(mine, token),
            cluster_id: ids::cluster_id(&ids),
            members: members.into_values().collect(),
        })
    }
}

impl Peers {
    /// Parses `--initial-cluster` into the sorted peer URLs of each name.
    ///
    /// # Errors
    /// The value is not valid; in etcd's words.
    pub fn members_of(initial_cluster: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
        let members = cluster(initial_cluster)?;
        unique(&members)?;
        Ok(members)
    }
}

/// Rejects two members with the same URL.
fn unique(cluster: &BTreeMap<String, Vec<String>>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    if cluster.values().flatten().all(|url| seen.insert(url)) {
        return Ok(());
    }
    let all = list(cluster);
    Err(format!("initial cluster {all} has duplicate url"))
}

/// Parses `name=url,name=url` into the sorted URLs of each name.
fn cluster(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut out: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let (name, url) = pair.split_once('=').unwrap_or((pair, ""));
        out.entry(name.to_owned()).or_default().push(url);
    }
    out.into_iter()
        .map(|(name, texts)| Ok((name, urls(texts.into_iter())?)))
        .collect()
}

fn list(cluster: &BTreeMap<String, Vec<String>>) -> String {
    let pair = |(name, urls): (&String, &Vec<String>)| {
        let pairs: Vec<String> = urls.iter().map(|url| format!("{name}={url}")).collect();
        pairs.join(",")
    };
    cluster.iter().map(pair).collect::<Vec<_>>().join(",")
}

fn urls<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<String>, String> {
    let mut out = texts
        .map(|text| url(text.trim()))
        .collect::<Result<Vec<_>, _>>()?;
    out.sort();
    Ok(out)
}

fn url(text: &str) -> Result<String, String> {
    let wrong = || format!("URL scheme must be http, https, unix, or unixs: {text}");
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (host, path) = rest.split_at(end);
            if host_and_port(host).is_none() {
                return Err(format!(
                    "URL address does not have the form \"host:port\": {text}"
                ));
            }
            if path.starts_with('/') {
                return Err(format!("URL must not contain a path: {text}"));
            }
        }
        "unix" | "unixs" => {}
        _ => return Err(wrong()),
    }
    Ok(format!("{scheme}://{rest}"))
}

/// Parses `host:port` or `[v6]:port`. Returns the host without brackets.
fn host_and_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(v6) => Some((v6.strip_suffix(']')?, port)),
        None if host.contains([':', '[', ']']) => None,
        None => Some((host, port)),
    }
}

/// Checks that the advertised URLs are those of this member in the cluster, comparing texts first and then resolved
/// addresses.
fn same_urls(name: &str, advertised: &[String], initial: &[String]) -> Result<(), String> {
    if advertised == initial {
        return Ok(());
    }
    let why = match resolved(advertised, initial) {
        Ok(()) => return Ok(()),
        Err(why) => why,
    };
    let (all_advertised, all_initial) = (advertised.join(","), initial.join(","));
    let missing: Vec<String> = initial
        .iter()
        .filter(|url| !advertised.contains(url))
        .map(|url| format!("{name}={url}"))
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "--initial-cluster has {} but missing from --initial-advertise-peer-urls={all_advertised} ({why})",
            missing.join(",")
        ));
    }
    let extra: Vec<&str> = advertised
        .iter()
        .filter(|url| !initial.contains(url))
        .map(String::as_str)
        .collect();
    Err(format!(
        "--initial-advertise-peer-urls has {} but missing from --initial-cluster={name}={all_initial}",
        extra.join(",")
    ))
}

/// Compares two lists of URLs after resolving host names. Unlike etcd, which retries for 30 seconds, resolves each name
/// once: a restore does not depend on a name server that is just starting.
fn resolved(advertised: &[String], initial: &[String]) -> Result<(), String> {
    let quoted = |urls: &[String]| {
        let texts: Vec<String> = urls.iter().map(|url| quote(url.as_bytes())).collect();
        format!("[{}]", texts.join(" "))
    };
    if advertised.len() != initial.len() {
        let (a, b) = (quoted(advertised), quoted(initial));
        return Err(format!("len({a}) != len({b})"));
    }
    let look_up = |urls: &[String]| {
        let mut out = urls
            .iter()
            .map(|url| look_up(url))
            .collect::<Result<Vec<_>, _>>()?;
        out.sort();
        Ok::<_, String>(out)
    };
    for (a, b) in look_up(advertised)?.iter().zip(&look_up(initial)?) {
        if a != b {
            let (a, b) = (quote(a.as_bytes()), quote(b.as_bytes()));
            return Err(format!("resolved urls: {a} != {b}"));
        }
    }
    Ok(())
}

fn look_up(url: &str) -> Result<String, String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Ok(url.to_owned());
    };
    match host_and_port(rest) {
        Some((host, _)) if scheme.starts_with("http") && host != "localhost" => {
            let why = |e: String| format!("failed to resolve {} ({e})", quote(url.as_bytes()));
            let mut found = rest
                .to_socket_addrs()
                .map_err(|e| why(crate::bolt::plain(&e)))?;
            // Go also takes the first IPv4 address.
            let first = found
                .find(std::net::SocketAddr::is_ipv4)
                .or_else(|| rest.to_socket_addrs().ok()?.next());
            match first {
                Some(address) => Ok(format!("{scheme}://{address}")),
                None => Err(why("no such host".into())),
            }
        }
        _ => Ok(url.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, cluster: &str, advertised: &str) -> Result<Peers, String> {
        Peers::read(name, cluster, "tok", advertised)
    }

    #[test]
    fn members_have_etcds_ids() {
        let peers = Peers::read(
            "n2",
            "n1=http://127.0.0.1:32381,n2=http://127.0.0.1:32382,n3=http://127.0.0.1:32383",
            "three-restored",
            "http://127.0.0.1:32382",
        )
        .unwrap();
        let ids: Vec<u64> = peers.members.iter().map(|m| m.id).collect();
        // tests/data/fixtures: restored-three-by-3.7.
        assert_eq!(
            ids,
            [
                0x1aeb_d968_3d34_05de,
                0x5029_a2c6_3243_af0e,
                0x9980_c856_7b20_4d7c
            ]
        );
        assert_eq!(peers.me, 0x5029_a2c6_3243_af0e);
        assert_eq!(peers.cluster_id, 0x355c_81a6_0114_cacb);
    }

    #[test]
    fn refusals_are_etcds() {
        let a = "http://127.0.0.1:1";
        for (result, text) in [
            (
                read("x", "m=http://127.0.0.1:1", a),
                "couldn't find local name \"x\" in the initial cluster configuration",
            ),
            (
                read("m", "m", a),
                "URL scheme must be http, https, unix, or unixs: ",
            ),
            (
                read("m", "m=http://127.0.0.1:1", "localhost:2380"),
                "URL scheme must be http, https, unix, or unixs: localhost:2380",
            ),
            (
                read("m", "m=http://127.0.0.1", a),
                "URL address does not have the form \"host:port\": http://127.0.0.1",
            ),
            (
                read("m", "m=http://127.0.0.1:1/x", a),
                "URL must not contain a path: http://127.0.0.1:1/x",
            ),
            (
                read("m", "m=http://127.0.0.1:1,n=http://127.0.0.1:1", a),
                "initial cluster m=http://127.0.0.1:1,n=http://127.0.0.1:1 has duplicate url",
            ),
            (
                read("m", "m=http://localhost:2380", "http://127.0.0.1:9"),
                "--initial-cluster has m=http://localhost:2380 but missing from \
                 --initial-advertise-peer-urls=http://127.0.0.1:9 \
                 (resolved urls: \"http://127.0.0.1:9\" != \"http://localhost:2380\")",
            ),
            (
                read(
                    "m",
                    "m=http://127.0.0.1:1",
                    "http://127.0.0.1:1,http://127.0.0.1:2",
                ),
                "--initial-advertise-peer-urls has http://127.0.0.1:2 but missing from \
                 --initial-cluster=m=http://127.0.0.1:1",
            ),
        ] {
            assert_eq!(result.unwrap_err(), text);
        }
        assert!(read("m", "m=HTTP://127.0.0.1:1,", " http://127.0.0.1:1 ").is_ok());
        assert!(
            read(
                "m",
                "m=unix://m:1,m=http://[::1]:2",
                "http://[::1]:2,unix://m:1"
            )
            .is_ok()
        );
    }
}
