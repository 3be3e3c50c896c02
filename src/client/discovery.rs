//! Finds endpoints through the SRV records of a domain, for `--discovery-srv` (etcd v3.7.1, client/pkg/v3/srv/srv.go
//! and etcdctl/ctlv3/command/global.go).

use std::time::Duration;

use super::{
    endpoint::authority,
    resolver::{ResolveError, services},
};

/// Where to look up endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// `--discovery-srv`.
    pub domain: String,
    /// `--discovery-srv-name`; empty if there is none.
    pub service: String,
    /// `--insecure-discovery`: also accept endpoints without TLS.
    pub insecure: bool,
}

/// The result of a lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// The endpoints, as URLs.
    pub endpoints: Vec<String>,
    /// Endpoints that are ignored because they have no TLS.
    pub ignored: Vec<String>,
}

/// No record of either kind was found; Go's error text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("dns lookup errors: lookup {secure}: {secure_error} and lookup {plain}: {plain_error}")]
pub struct DiscoveryError {
    secure: String,
    secure_error: ResolveError,
    plain: String,
    plain_error: ResolveError,
}

impl Discovery {
    /// Looks up the endpoints, those with TLS first. `limit` bounds each of the two queries.
    ///
    /// # Errors
    /// There are no records, or the lookup failed.
    pub async fn endpoints(&self, limit: Duration) -> Result<Discovered, DiscoveryError> {
        let (secure, plain) = (self.record("etcd-client-ssl"), self.record("etcd-client"));
        let (with_tls, without) = tokio::join!(services(&secure, limit), services(&plain, limit));
        match (with_tls, without) {
            (Err(secure_error), Err(plain_error)) => Err(DiscoveryError {
                secure,
                secure_error,
                plain,
                plain_error,
            }),
            (with_tls, without) => {
                Ok(self.sort(with_tls.unwrap_or_default(), without.unwrap_or_default()))
            }
        }
    }

    fn record(&self, service: &str) -> String {
        let name = match self.service.as_str() {
            "" => String::new(),
            name => format!("-{name}"),
        };
        format!("_{service}{name}._tcp.{}", self.domain)
    }

    fn sort(&self, with_tls: Vec<(String, u16)>, without: Vec<(String, u16)>) -> Discovered {
        let urls = |scheme: &str, found: Vec<(String, u16)>| -> Vec<String> {
            found
                .into_iter()
                .map(|(host, port)| format!("{scheme}://{}", authority(&host, port)))
                .collect()
        };
        let mut endpoints = urls("https", with_tls);
        let plain = urls("http", without);
        if !self.insecure {
            return Discovered {
                endpoints,
                ignored: plain,
            };
        }
        endpoints.extend(plain);
        Discovered {
            endpoints,
            ignored: vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_endpoints_are_those_of_etcdctl() {
        let mut discovery = Discovery {
            domain: "example.com".into(),
            service: String::new(),
            insecure: true,
        };
        assert_eq!(
            discovery.record("etcd-client-ssl"),
            "_etcd-client-ssl._tcp.example.com"
        );
        let found = || (vec![("a".into(), 1)], vec![("b".into(), 2)]);
        let (with, without) = found();
        let all = discovery.sort(with, without);
        assert_eq!(all.endpoints, ["https://a:1", "http://b:2"]);
        discovery.insecure = false;
        discovery.service = "prod".into();
        assert_eq!(
            discovery.record("etcd-client"),
            "_etcd-client-prod._tcp.example.com"
        );
        let (with, without) = found();
        let secure = discovery.sort(with, without);
        assert_eq!(
            (secure.endpoints, secure.ignored),
            (vec!["https://a:1".into()], vec!["http://b:2".into()])
        );
    }

    #[tokio::test]
    async fn a_domain_without_records_is_refused_with_gos_text() {
        let discovery = Discovery {
            domain: "no-such.invalid".into(),
            service: String::new(),
            insecure: true,
        };
        let error = discovery
            .endpoints(Duration::from_secs(5))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "dns lookup errors: lookup _etcd-client-ssl._tcp.no-such.invalid: no such host and lookup _etcd-client._tcp.no-such.invalid: no such host"
        );
    }
}
