//! The settings of a server. `serve`'s flags, `ETCD_*` variables, the configuration file and the parameters of
//! `embedded:` are all read into a [`Config`] under etcd's flag names. This module checks each value by itself and all
//! of them together; it opens nothing.

mod compaction;
mod features;
mod log;
mod members;
mod security;
mod set;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

pub use self::{
    compaction::AutoCompaction,
    features::Features,
    log::{LogFormat, LogLevel, LogOutput},
    members::ClusterRules,
    security::{Allowed, TlsSettings, TlsVersion},
};

/// The settings of one server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directory that holds `db`.
    pub data_dir: PathBuf,
    /// A snapshot, or a stopped member's database, to serve read-only instead of a data directory.
    pub snapshot: Option<PathBuf>,
    /// Name of the member.
    pub name: String,
    /// Bytes at which writes are refused; 0 = 2 GiB, negative = no quota.
    pub quota_backend_bytes: i64,
    /// Automatic compaction of old revisions.
    pub auto_compaction: AutoCompaction,
    /// Number of revisions that a compaction examines in one step; `None`: as many as the time of a step allows.
    pub compaction_batch_limit: Option<usize>,
    /// Pause between two steps of a compaction.
    pub compaction_sleep_interval: Duration,
    /// The file is defragmented at the start if that frees at least this many MiB; 0 = never.
    pub bootstrap_defrag_threshold: u64,
    /// Maximum number of operations in a transaction.
    pub max_txn_ops: usize,
    /// Maximum size of an encoded request in bytes.
    pub max_request_bytes: usize,
    /// Maximum number of concurrent requests on one connection.
    pub max_concurrent_streams: u32,
    /// Shortest time between two pings of a client.
    pub keepalive_min_time: Duration,
    /// Time after which a silent connection is pinged; `None`: never.
    pub keepalive_interval: Option<Duration>,
    /// Time to wait for the answer to such a ping before the connection is closed.
    pub keepalive_timeout: Duration,
    /// Time without progress after which a snapshot stream is ended.
    pub stream_stall: Duration,
    /// Time between two progress notifications of an idle watch.
    pub watch_progress_notify_interval: Duration,
    /// The client URLs that `serve` listens on.
    pub listen_client_urls: Vec<String>,
    /// URLs that serve only HTTP. If there are any, the client URLs serve only gRPC.
    pub listen_client_http_urls: Vec<String>,
    /// Additional URLs that serve only metrics and health checks.
    pub listen_metrics_urls: Vec<String>,
    /// Whether TCP listeners set `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// The client URLs that `member list` reports; `None`: the URLs that are listened on.
    pub advertise_client_urls: Option<Vec<String>>,
    /// Peer URLs. Used only to compute the ids of member and cluster.
    pub initial_advertise_peer_urls: Vec<String>,
    /// `name=url,...`. Used only to compute the ids.
    pub initial_cluster: Option<String>,
    /// Used only to compute the ids.
    pub initial_cluster_token: String,
    /// Whether the data directory must already hold a database.
    pub existing: bool,
    /// Rules for members and leaders.
    pub cluster: ClusterRules,
    /// Certificates, and what is required of clients.
    pub tls: TlsSettings,
    /// Origins from which browsers may send requests (CORS).
    pub cors: Allowed,
    /// Host names accepted in HTTP requests without TLS.
    pub host_whitelist: Allowed,
    /// Whether the JSON gateway serves `/v3/...`.
    pub gateway: bool,
    /// The kind of authentication tokens in etcd's notation: `simple`, or `jwt` with options.
    pub auth_token: String,
    /// Time that a simple token stays valid after its last use.
    pub auth_token_ttl: Duration,
    /// Cost of hashing a password with bcrypt.
    pub bcrypt_cost: u32,
    /// Whether the time during which the directory was closed counts towards the expiry of leases. `embedded:` sets it,
    /// because it opens the directory anew for each command; there is no flag for it.
    pub leases_count_downtime: bool,
    /// Whether requests need no authentication and no permissions. `snapshot:` sets it, because a user who can read
    /// the file can read all of its content anyway; there is no flag for it.
    pub bypass_auth: bool,
    /// Whether metrics include histograms of request durations.
    pub extensive_metrics: bool,
    /// A request that takes longer than this to apply is logged as slow.
    pub warning_apply_duration: Duration,
    /// A request that takes longer than this in total is logged as slow.
    pub warning_unary_request_duration: Duration,
    /// Feature gates.
    pub features: Features,
    /// The least severe level that is logged.
    pub log_level: LogLevel,
    /// Format of a log line.
    pub log_format: LogFormat,
    /// Where log lines go.
    pub log_outputs: BTreeSet<LogOutput>,
    /// Warnings about flags, to be logged once logging is set up.
    pub warnings: Vec<String>,
    /// Retention and mode of `auto_compaction` as typed; they are only valid together.
    compaction_mode: String,
    compaction_retention: String,
}

/// The value of a flag is invalid. The text is one line that names both.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// etcd's defaults on the given data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Config {
        Config {
            data_dir: data_dir.into(),
            snapshot: None,
            name: "default".into(),
            quota_backend_bytes: 0,
            auto_compaction: AutoCompaction::Off,
            compaction_batch_limit: None,
            compaction_sleep_interval: Duration::ZERO,
            bootstrap_defrag_threshold: 0,
            max_txn_ops: 128,
            max_request_bytes: 1_572_864,
            max_concurrent_streams: u32::MAX,
            keepalive_min_time: Duration::from_secs(5),
            keepalive_interval: Some(Duration::from_secs(7200)),
            keepalive_timeout: Duration::from_secs(20),
            stream_stall: Duration::from_secs(60),
            watch_progress_notify_interval: Duration::from_secs(600),
            listen_client_urls: vec!["http://localhost:2379".into()],
            listen_client_http_urls: Vec::new(),
            listen_metrics_urls: Vec::new(),
            reuse_port: false,
            advertise_client_urls: None,
            initial_advertise_peer_urls: vec!["http://localhost:2380".into()],
            initial_cluster: None,
            initial_cluster_token: "etcd-cluster".into(),
            existing: false,
            cluster: ClusterRules::default(),
            tls: TlsSettings::default(),
            cors: Allowed::All,
            host_whitelist: Allowed::All,
            gateway: true,
            auth_token: "simple".into(),
            auth_token_ttl: Duration::from_secs(300),
            bcrypt_cost: 10,
            leases_count_downtime: false,
            bypass_auth: false,
            extensive_metrics: false,
            warning_apply_duration: Duration::from_millis(100),
            warning_unary_request_duration: Duration::from_millis(300),
            features: Features::default(),
            log_level: LogLevel::Info,
            log_format: LogFormat::Json,
            log_outputs: BTreeSet::from([LogOutput::Stderr]),
            warnings: Vec::new(),
            compaction_mode: "periodic".into(),
            compaction_retention: "0".into(),
        }
    }

    /// Checks the settings against each other. To be called once, after the last [`Config::set`].
    ///
    /// # Errors
    /// Two settings contradict each other.
    pub fn validate(&self) -> Result<(), ConfigError> {
        compaction::policy(&self.compaction_mode, &self.compaction_retention)
            .map_err(|why| ConfigError(format!("--auto-compaction-retention: {why}")))?;
        self.features.validate().map_err(ConfigError)?;
        self.tls.validate().map_err(ConfigError)?;
        self.cluster.validate().map_err(ConfigError)?;
        self.check_listeners()?;
        if let Some(cluster) = &self.initial_cluster {
            let (name, urls) = members::one_member(cluster).map_err(ConfigError)?;
            if name != self.name {
                return Err(ConfigError(format!(
                    "couldn't find local name {:?} in the initial cluster configuration: \
                     --initial-cluster names {name:?}",
                    self.name
                )));
            }
            let advertised = &self.initial_advertise_peer_urls;
            let default = Config::new("").initial_advertise_peer_urls;
            if *advertised != default && *advertised != urls {
                return Err(ConfigError(format!(
                    "--initial-cluster and --initial-advertise-peer-urls name different peer URLs: {} and {}",
                    urls.join(","),
                    advertised.join(",")
                )));
            }
        }
        Ok(())
    }

    /// TLS needs a certificate (etcd v3.7.1, server/embed/etcd.go, `configureClientListeners` and `resolveUrl`).
    fn check_listeners(&self) -> Result<(), ConfigError> {
        let all = [&self.listen_client_urls, &self.listen_client_http_urls];
        for url in all.into_iter().flatten() {
            if is_secure(url) && !self.tls.is_given() {
                return Err(ConfigError(format!(
                    "TLS key/cert (--cert-file, --key-file) must be provided for client url {url} with HTTPS scheme"
                )));
            }
        }
        let metrics_are_secure = self.listen_metrics_urls.iter().any(|url| is_secure(url));
        if metrics_are_secure && !self.tls.is_given() {
            return Err(ConfigError(
                "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url".into(),
            ));
        }
        Ok(())
    }

    /// The peer URLs from which the ids are computed, sorted.
    pub fn peer_urls(&self) -> Vec<String> {
        self.initial_cluster
            .as_deref()
            .and_then(|cluster| members::one_member(cluster).ok())
            .map_or_else(
                || self.initial_advertise_peer_urls.clone(),
                |(_, urls)| urls,
            )
    }

    /// The client URLs that `member list` reports.
    pub fn client_urls(&self) -> Vec<String> {
        self.advertise_client_urls
            .clone()
            .unwrap_or_else(|| self.listen_client_urls.clone())
    }
}

/// Whether connections to this URL use TLS.
pub fn is_secure(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("unixs:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::flags;

    fn set(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut config = Config::new("d");
        for (flag, value) in pairs {
            config.set(flag, value)?;
        }
        config.validate().map(|()| config)
    }

    fn refusal(pairs: &[(&str, &str)]) -> String {
        set(pairs).map_or_else(|e| e.to_string(), |_| "taken".into())
    }

    #[test]
    fn every_flag_takes_its_own_default() {
        for flag in flags::FLAGS {
            let mut config = Config::new("d");
            let taken = config.set(flag.name, flag.default);
            assert!(taken.is_ok(), "{}: {taken:?}", flag.name);
        }
    }

    #[test]
    fn compaction_reads_hours_durations_and_revisions_in_any_order() {
        let mode = "auto-compaction-mode";
        let keep = "auto-compaction-retention";
        let policy = |pairs: &[(&str, &str)]| set(pairs).map(|c| c.auto_compaction).ok();
        let hour = Duration::from_secs(3600);
        assert_eq!(policy(&[(keep, "1")]), Some(AutoCompaction::Periodic(hour)));
        assert_eq!(
            policy(&[(keep, "30m")]),
            Some(AutoCompaction::Periodic(hour / 2))
        );
        assert_eq!(policy(&[(keep, "0")]), Some(AutoCompaction::Off));
        for order in [
            [(mode, "revision"), (keep, "1000")],
            [(keep, "1000"), (mode, "revision")],
        ] {
            assert_eq!(policy(&order), Some(AutoCompaction::Revision(1000)));
        }
        // As in etcd, a duration counts as its number of nanoseconds in revision mode.
        for order in [
            [(mode, "revision"), (keep, "1h")],
            [(keep, "1h"), (mode, "revision")],
        ] {
            let revisions = AutoCompaction::Revision(3_600_000_000_000);
            assert_eq!(policy(&order), Some(revisions), "{order:?}");
        }
        assert_eq!(
            AutoCompaction::Periodic(hour).to_string(),
            "periodic 1h0m0s"
        );
        assert!(refusal(&[(mode, "monthly")]).contains("unknown auto-compaction-mode"));
        assert!(refusal(&[(keep, "soon")]).contains("--auto-compaction-retention"));
    }

    #[test]
    fn requests_that_need_a_cluster_are_refused_with_an_alternative() {
        for (flag, value, says) in [
            ("wal-dir", "/w", "--data-dir"),
            (
                "cert-file",
                "c.pem",
                "KeyFile and CertFile must both be present",
            ),
            ("enable-pprof", "true", "perf"),
            ("discovery-srv", "example.com", "single member"),
            ("force-new-cluster", "true", "snapshot restore"),
            ("initial-cluster-state", "joined", "unexpected clusterState"),
            ("tls-min-version", "TLS1.1", "unexpected TLS version"),
            ("feature-gates", "Nope=true", "unrecognized feature gate"),
            ("cors", "http://a.com", "host:port"),
            ("logger", "capnslog", "removed"),
            ("log-outputs", "default,stdout", "multi logoutput"),
            (
                "initial-cluster",
                "a=http://a:1,b=http://b:1",
                "single member",
            ),
            (
                "listen-client-urls",
                "https://127.0.0.1:1",
                "must be provided for client url",
            ),
            ("listen-client-urls", "http://example.com:1", "expected IP"),
            ("quota-backend-bytes", "16MB", "whole number"),
            ("grpc-keepalive-timeout", "20", "unit"),
            ("no-such-flag", "1", "unknown flag: --no-such-flag"),
        ] {
            let text = refusal(&[(flag, value)]);
            assert!(text.contains(says), "{text}");
            let names_no_flag = ["cert-file", "listen-client-urls"];
            assert!(
                text.contains(flag) || names_no_flag.contains(&flag),
                "{text}"
            );
            assert!(!text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn flags_that_etcd_no_longer_needs_are_warned_of() {
        let config = set(&[
            ("max-snapshots", "7"),
            ("max-snapshots", "8"),
            ("bcrypt-cost", "99"),
        ])
        .unwrap();
        assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
        assert!(config.warnings[0].contains("--max-snapshots is deprecated"));
        assert_eq!(config.bcrypt_cost, 10);
    }

    #[test]
    fn ids_come_from_the_cluster_that_is_named() {
        let config = set(&[
            ("name", "m1"),
            ("initial-cluster", "m1=http://10.0.0.1:2380"),
            ("initial-cluster-token", "t"),
        ]);
        assert_eq!(
            config.map(|c| c.peer_urls()).ok(),
            Some(vec!["http://10.0.0.1:2380".to_string()])
        );
        assert!(
            refusal(&[("initial-cluster", "m1=http://a:1")]).contains("couldn't find local name")
        );
        assert!(
            refusal(&[
                ("initial-cluster", "default=http://a:1"),
                ("initial-advertise-peer-urls", "http://b:1"),
            ])
            .contains("different peer URLs")
        );
    }
}
