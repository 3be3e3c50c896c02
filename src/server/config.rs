//! What a server is told at its start: `serve`'s flags, `ETCD_*` variables, a configuration file and the parameters of
//! `embedded:` all end here, under etcd's flag names. Checks each value and what the values say together; opens
//! nothing.

mod compaction;
mod features;
mod members;
mod security;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

pub use self::{
    compaction::AutoCompaction,
    features::Features,
    security::{Allowed, TlsSettings, TlsVersion},
};
use super::{
    flags::{self, Effect, Kind},
    value,
};

/// The settings of one server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directory that holds `db`.
    pub data_dir: PathBuf,
    /// A snapshot, or a stopped member's database, that is served read-only in place of a data directory.
    pub snapshot: Option<PathBuf>,
    /// Name of the member.
    pub name: String,
    /// Bytes at which writes are refused; 0 = 2 GiB, negative = no quota.
    pub quota_backend_bytes: i64,
    /// History that is kept without being asked.
    pub auto_compaction: AutoCompaction,
    /// Revisions that a compaction removes in one step.
    pub compaction_batch_limit: usize,
    /// Pause between two steps of a compaction.
    pub compaction_sleep_interval: Duration,
    /// MiB that a defragmentation before the start must free; 0: none is made.
    pub bootstrap_defrag_threshold: u64,
    /// Operations that one transaction may hold.
    pub max_txn_ops: usize,
    /// Largest encoded request, in bytes.
    pub max_request_bytes: usize,
    /// Requests that one connection may have open.
    pub max_concurrent_streams: u32,
    /// Shortest time between two pings of a client.
    pub keepalive_min_time: Duration,
    /// Time after which a silent connection is pinged; `None`: never.
    pub keepalive_interval: Option<Duration>,
    /// Time that the answer to such a ping may take.
    pub keepalive_timeout: Duration,
    /// Time without progress after which a client of a snapshot loses it.
    pub stream_stall: Duration,
    /// Time between two progress notifications of an idle watch.
    pub watch_progress_notify_interval: Duration,
    /// Where `serve` listens.
    pub listen_client_urls: Vec<String>,
    /// Where `serve` listens for HTTP alone; if there are any, the client URLs are for gRPC alone.
    pub listen_client_http_urls: Vec<String>,
    /// Further addresses for metrics and probes.
    pub listen_metrics_urls: Vec<String>,
    /// Whether TCP listeners set `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// What `member list` names; `None`: the addresses that are listened on.
    pub advertise_client_urls: Option<Vec<String>>,
    /// Peer addresses: for the ids alone.
    pub initial_advertise_peer_urls: Vec<String>,
    /// `name=url,...`: for the ids alone.
    pub initial_cluster: Option<String>,
    /// For the ids alone.
    pub initial_cluster_token: String,
    /// Whether the data directory must have been served before.
    pub existing: bool,
    /// Certificates and what is demanded of clients.
    pub tls: TlsSettings,
    /// Origins that browsers may call from.
    pub cors: Allowed,
    /// Host names that HTTP requests without TLS may name.
    pub host_whitelist: Allowed,
    /// Whether `/v3/...` answers JSON.
    pub gateway: bool,
    /// The tokens of logged-in users, as etcd writes it: `simple`, or `jwt` with options.
    pub auth_token: String,
    /// Time that a simple token is good after its last use.
    pub auth_token_ttl: Duration,
    /// Cost of hashing a password with bcrypt.
    pub bcrypt_cost: u32,
    /// Whether leases expire while the directory is closed, as one that is opened for each command needs. No flag sets
    /// it: `embedded:` does.
    pub leases_count_downtime: bool,
    /// Whether nobody is asked for a user: whoever can read a snapshot as a file can read all of it anyway. No flag sets
    /// it: `snapshot:` does.
    pub asks_no_permission: bool,
    /// Whether metrics include histograms of handling times.
    pub extensive_metrics: bool,
    /// Time after which the application of a request is logged as slow.
    pub warning_apply_duration: Duration,
    /// Time after which a request is logged as slow.
    pub warning_unary_request_duration: Duration,
    /// Feature gates.
    pub features: Features,
    /// Least important lines to log.
    pub log_level: LogLevel,
    /// Shape of a log line.
    pub log_format: LogFormat,
    /// Where log lines go.
    pub log_outputs: BTreeSet<LogOutput>,
    /// What should be logged about the flags once there is a log.
    pub warnings: Vec<String>,
    compaction_mode: String,
    compaction_retention: String,
}

/// Importance of a log line, as zap names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// The default.
    Info,
    /// What an operator should look at.
    Warn,
    /// What failed.
    Error,
    /// Nothing in this server is as bad as that.
    Fatal,
}

/// Shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Tab-separated text.
    Console,
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogOutput {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// The end of a file.
    File(PathBuf),
}

/// A flag's value that cannot be used: one line that names both.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// The most that a flag in milliseconds or seconds may ask for: a hundred years.
const LONG: Duration = Duration::from_secs(100 * 365 * 86_400);

impl Config {
    /// etcd's defaults on the given data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Config {
        Config {
            data_dir: data_dir.into(),
            snapshot: None,
            name: "default".into(),
            quota_backend_bytes: 0,
            auto_compaction: AutoCompaction::Off,
            compaction_batch_limit: 1000,
            compaction_sleep_interval: Duration::from_millis(10),
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
            tls: TlsSettings::default(),
            cors: Allowed::All,
            host_whitelist: Allowed::All,
            gateway: true,
            auth_token: "simple".into(),
            auth_token_ttl: Duration::from_secs(300),
            bcrypt_cost: 10,
            leases_count_downtime: false,
            asks_no_permission: false,
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

    /// Sets one flag by etcd's name (without dashes), from text as typed. A flag set again takes the last value.
    ///
    /// # Errors
    /// The flag is unknown, is not supported, or its value cannot be used.
    pub fn set(&mut self, flag: &str, value: &str) -> Result<(), ConfigError> {
        let known =
            flags::find(flag).ok_or_else(|| ConfigError(format!("unknown flag: --{flag}")))?;
        let invalid =
            |why: String| ConfigError(format!("invalid value {value:?} for --{flag}: {why}"));
        if value != known.default || known.kind == Kind::Urls {
            check_kind(known.kind, value).map_err(invalid)?;
        }
        match known.effect {
            Effect::Served | Effect::Ids => self.apply(flag, value).map_err(invalid)?,
            Effect::Cluster | Effect::Moot(_) => check_unused(flag, value).map_err(invalid)?,
            Effect::Refused(instead) if !is_default(known, value) => {
                return Err(ConfigError(format!("--{flag} is not supported: {instead}")));
            }
            Effect::Refused(_) => {}
        }
        if let Some(warning) = deprecated(flag)
            && !self.warnings.iter().any(|w| w == warning)
        {
            self.warnings.push(warning.to_string());
        }
        Ok(())
    }

    fn apply(&mut self, flag: &str, text: &str) -> Result<(), String> {
        match flag {
            "data-dir" if text.is_empty() => return Err("no directory".into()),
            "data-dir" => self.data_dir = PathBuf::from(text),
            "snapshot" => self.snapshot = (!text.is_empty()).then(|| PathBuf::from(text)),
            "name" => self.name = text.into(),
            // Read before anything else by whoever has words and variables to ignore.
            "config-file" if text.is_empty() => {}
            "config-file" => return Err("use the flags themselves here".into()),
            "listen-client-urls" => self.listen_client_urls = bindable(text)?,
            "listen-client-http-urls" => self.listen_client_http_urls = bindable(text)?,
            "listen-metrics-urls" => self.listen_metrics_urls = bindable(text)?,
            "socket-reuse-port" => self.reuse_port = value::boolean(text)?,
            // Set always, as Go does: there is nothing to remember.
            "socket-reuse-address" => drop(value::boolean(text)?),
            "advertise-client-urls" => self.advertise_client_urls = Some(value::urls(text)?),
            "quota-backend-bytes" => self.quota_backend_bytes = value::int(text)?,
            "auto-compaction-mode" => {
                compaction::check_mode(text)?;
                self.compaction_mode = text.into();
                self.combine_compaction();
            }
            "auto-compaction-retention" => {
                compaction::check_retention(text)?;
                self.compaction_retention = text.into();
                self.combine_compaction();
            }
            "compaction-batch-limit" => {
                // etcd takes 0 and negative numbers for the default.
                let limit = usize::try_from(value::int(text)?).unwrap_or(0);
                self.compaction_batch_limit = if limit == 0 { 1000 } else { limit };
            }
            "compaction-sleep-interval" => {
                self.compaction_sleep_interval = value::duration(text)?.min(LONG);
            }
            "bootstrap-defrag-threshold-megabytes" => {
                self.bootstrap_defrag_threshold = value::uint(text)?;
            }
            "max-txn-ops" => self.max_txn_ops = small(text)?,
            "max-request-bytes" => self.max_request_bytes = small(text)?,
            "max-concurrent-streams" => {
                self.max_concurrent_streams =
                    u32::try_from(value::uint(text)?).map_err(|_| "number out of range")?;
            }
            "grpc-keepalive-min-time" => self.keepalive_min_time = value::duration(text)?.min(LONG),
            "grpc-keepalive-interval" => {
                let interval = value::duration(text)?.min(LONG);
                self.keepalive_interval = (!interval.is_zero()).then_some(interval);
            }
            "grpc-keepalive-timeout" => self.keepalive_timeout = value::duration(text)?.min(LONG),
            "watch-progress-notify-interval" => {
                self.watch_progress_notify_interval = value::duration(text)?.min(LONG);
            }
            "cert-file"
            | "key-file"
            | "trusted-ca-file"
            | "client-cert-auth"
            | "client-crl-file"
            | "client-cert-allowed-hostname"
            | "auto-tls"
            | "self-signed-cert-validity"
            | "cipher-suites"
            | "tls-min-version"
            | "tls-max-version" => self.tls.set(flag, text)?,
            "cors" => self.cors = Allowed::origins(text)?,
            "host-whitelist" => self.host_whitelist = Allowed::hosts(text),
            "enable-grpc-gateway" => self.gateway = value::boolean(text)?,
            "auth-token" => self.auth_token = text.into(),
            "auth-token-ttl" => {
                self.auth_token_ttl = Duration::from_secs(value::uint(text)?).min(LONG);
            }
            "bcrypt-cost" => self.set_bcrypt_cost(value::uint(text)?),
            // etcd compares with this one word and accepts all others.
            "metrics" => self.extensive_metrics = text == "extensive",
            "warning-apply-duration" => {
                self.warning_apply_duration = value::duration(text)?.min(LONG);
            }
            "warning-unary-request-duration" => {
                // As in etcd, 0 stands for the default.
                let limit = value::duration(text)?.min(LONG);
                self.warning_unary_request_duration = match limit {
                    Duration::ZERO => Duration::from_millis(300),
                    limit => limit,
                };
            }
            "feature-gates" => self.features.set(text)?,
            "log-level" => self.log_level = log_level(text)?,
            "log-format" => {
                self.log_format = match text {
                    "json" => LogFormat::Json,
                    "console" => LogFormat::Console,
                    _ => {
                        return Err(format!(
                            "unknown log format: {text}, supported values json, console"
                        ));
                    }
                }
            }
            "log-outputs" => self.log_outputs = log_outputs(text)?,
            "initial-advertise-peer-urls" => self.initial_advertise_peer_urls = value::urls(text)?,
            "initial-cluster" => {
                members::one_member(text)?;
                self.initial_cluster = Some(text.into());
            }
            "initial-cluster-token" => self.initial_cluster_token = text.into(),
            "initial-cluster-state" => {
                self.existing = match text {
                    "new" => false,
                    "existing" => true,
                    _ => {
                        return Err(format!(
                            "unexpected clusterState {text:?}: use new or existing"
                        ));
                    }
                }
            }
            // A served flag without a line above is a mistake of this file, kept from users by a test.
            _ => return Err("not wired".into()),
        }
        Ok(())
    }

    /// bcrypt takes 4 to 31; etcd takes the default in the place of anything else, and logs it (etcd v3.7.1,
    /// server/auth/store.go, `NewAuthStore`).
    fn set_bcrypt_cost(&mut self, cost: u64) {
        self.bcrypt_cost = match u32::try_from(cost) {
            Ok(cost) if (4..=31).contains(&cost) => cost,
            _ => {
                self.warnings.push(format!(
                    "use default bcrypt cost instead of the invalid given cost: min-cost 4, max-cost 31, default-cost \
                     10, given-cost {cost}"
                ));
                10
            }
        };
    }

    /// The two flags may come in any order, so that they may not fit before the second has come:
    /// [`Config::validate`] says so in the end.
    fn combine_compaction(&mut self) {
        self.auto_compaction =
            compaction::policy(&self.compaction_mode, &self.compaction_retention)
                .unwrap_or(AutoCompaction::Off);
    }

    /// Checks what the settings say together. To be called once, after the last [`Config::set`].
    ///
    /// # Errors
    /// They contradict each other.
    pub fn validate(&self) -> Result<(), ConfigError> {
        compaction::policy(&self.compaction_mode, &self.compaction_retention)
            .map_err(|why| ConfigError(format!("--auto-compaction-retention: {why}")))?;
        self.features.validate().map_err(ConfigError)?;
        self.tls.validate().map_err(ConfigError)?;
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
        let all = [
            &self.listen_client_urls,
            &self.listen_client_http_urls,
            &self.listen_metrics_urls,
        ];
        for url in all.into_iter().flatten() {
            if is_secure(url) && !self.tls.is_given() {
                return Err(ConfigError(format!(
                    "TLS key/cert (--cert-file, --key-file) must be provided for client url {url} with HTTPS scheme"
                )));
            }
        }
        Ok(())
    }

    /// The peer URLs that the ids are made of, sorted.
    pub fn peer_urls(&self) -> Vec<String> {
        self.initial_cluster
            .as_deref()
            .and_then(|cluster| members::one_member(cluster).ok())
            .map_or_else(
                || self.initial_advertise_peer_urls.clone(),
                |(_, urls)| urls,
            )
    }

    /// The addresses for `member list`.
    pub fn client_urls(&self) -> Vec<String> {
        self.advertise_client_urls
            .clone()
            .unwrap_or_else(|| self.listen_client_urls.clone())
    }
}

/// Whether connections to this URL speak TLS.
pub fn is_secure(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("unixs:")
}

fn check_kind(kind: Kind, text: &str) -> Result<(), String> {
    match kind {
        Kind::Text | Kind::List => Ok(()),
        Kind::Bool => value::boolean(text).map(drop),
        Kind::Int => value::int(text).map(drop),
        Kind::Uint => value::uint(text).map(drop),
        Kind::Duration => value::duration(text).map(drop),
        Kind::Urls if text.is_empty() => Ok(()),
        Kind::Urls => value::urls(text).map(drop),
    }
}

fn is_default(flag: &flags::Flag, text: &str) -> bool {
    let same_bool = flag.kind == Kind::Bool
        && value::boolean(text).is_ok_and(|b| (flag.default == "true") == b);
    text == flag.default || same_bool
}

/// Flags without effect whose value would ask for something that there is not.
fn check_unused(flag: &str, text: &str) -> Result<(), String> {
    match (flag, text) {
        ("logger", "capnslog") => Err("--logger=capnslog is removed in v3.5".into()),
        ("logger", "zap") => Ok(()),
        ("logger", _) => Err(format!("unknown logger option {text:?}")),
        _ => Ok(()),
    }
}

/// What etcd logs about flags that it no longer needs (etcd v3.7.1, server/etcdmain/config.go).
fn deprecated(flag: &str) -> Option<&'static str> {
    match flag {
        "max-snapshots" => {
            Some("--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.")
        }
        "v2-deprecation" => Some(
            "--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user input.",
        ),
        _ => None,
    }
}

fn small(text: &str) -> Result<usize, String> {
    usize::try_from(value::uint(text)?).map_err(|_| "number out of range".into())
}

/// URLs to listen on: an address or `localhost`, as etcd v3.7.1's `checkBindURLs` wants it.
fn bindable(text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let urls = value::urls(text)?;
    for url in &urls {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        if matches!(scheme, "http" | "https") {
            let host = value::host_and_port(rest).map_or("", |(host, _)| host);
            if host != "localhost" && host.parse::<std::net::IpAddr>().is_err() {
                return Err(format!("expected IP in URL for binding ({url})"));
            }
        }
    }
    Ok(urls)
}

fn log_level(text: &str) -> Result<LogLevel, String> {
    Ok(match text {
        "debug" => LogLevel::Debug,
        "info" => LogLevel::Info,
        "warn" => LogLevel::Warn,
        "error" => LogLevel::Error,
        "dpanic" | "panic" | "fatal" => LogLevel::Fatal,
        _ => return Err("debug, info, warn, error, panic or fatal".into()),
    })
}

/// etcd v3.7.1, server/embed/config_logging.go. `default` is standard error; journald is not written to directly, since
/// it takes standard error as well.
fn log_outputs(text: &str) -> Result<BTreeSet<LogOutput>, String> {
    let words: Vec<&str> = text.split(',').collect();
    if words.len() > 1 && words.contains(&"default") {
        return Err("multi logoutput for \"default\" is not supported yet".into());
    }
    words
        .into_iter()
        .map(|word| match word {
            "default" | "stderr" | "" => Ok(LogOutput::Stderr),
            "stdout" => Ok(LogOutput::Stdout),
            "systemd/journal" => Err(
                "journald is not written to directly: use stderr, which it takes as well".into(),
            ),
            file => Ok(LogOutput::File(file.into())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // As in etcd, a duration is so many nanoseconds, and so many revisions.
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
    fn what_only_a_cluster_has_is_refused_in_one_line_that_says_what_to_use() {
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
