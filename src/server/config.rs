//! What a server is told at its start: `serve`'s flags, `ETCD_*`, and the parameters of `embedded:`
//! all end here, under etcd's flag names. Checks each value and what the values say together; opens
//! nothing.

use std::{path::PathBuf, time::Duration};

use super::{
    flags::{self, Effect, Kind},
    value,
};

/// The settings of one server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directory that holds `db`.
    pub data_dir: PathBuf,
    /// Name of the member.
    pub name: String,
    /// Bytes at which writes are refused; 0 = 2 GiB, negative = no quota.
    pub quota_backend_bytes: i64,
    /// History that is kept without being asked.
    pub auto_compaction: AutoCompaction,
    /// Operations that one transaction may hold.
    pub max_txn_ops: usize,
    /// Largest encoded request, in bytes.
    pub max_request_bytes: usize,
    /// Requests that one connection may have open.
    pub max_concurrent_streams: u32,
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
    /// What `member list` names; `None`: the addresses that are listened on.
    pub advertise_client_urls: Option<Vec<String>>,
    /// Peer addresses: for the ids alone.
    pub initial_advertise_peer_urls: Vec<String>,
    /// `name=url,...`: for the ids alone.
    pub initial_cluster: Option<String>,
    /// For the ids alone.
    pub initial_cluster_token: String,
    /// Whether `/v3/...` answers JSON.
    pub gateway: bool,
    /// The tokens of logged-in users, as etcd writes it: `simple`, or `jwt` with options.
    pub auth_token: String,
    /// Time that a simple token is good after its last use.
    pub auth_token_ttl: Duration,
    /// Cost of hashing a password with bcrypt.
    pub bcrypt_cost: u32,
    /// Whether the common name of a verified client certificate is the name of a user.
    pub client_cert_auth: bool,
    /// Whether leases expire while the directory is closed, as one that is opened for each command needs. No flag sets
    /// it: `embedded:` does.
    pub leases_count_downtime: bool,
    /// Least important lines to log.
    pub log_level: LogLevel,
    /// Shape of a log line.
    pub log_format: LogFormat,
    compaction_mode: String,
    compaction_retention: String,
}

/// History that a server gives up by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCompaction {
    /// None.
    Off,
    /// What is older than this.
    Periodic(Duration),
    /// All but so many revisions.
    Revision(i64),
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

/// A flag's value that can't be used: one line that names both.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// etcd's defaults on the given data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Config {
        Config {
            data_dir: data_dir.into(),
            name: "default".into(),
            quota_backend_bytes: 0,
            auto_compaction: AutoCompaction::Off,
            max_txn_ops: 128,
            max_request_bytes: 1_572_864,
            max_concurrent_streams: u32::MAX,
            keepalive_interval: Some(Duration::from_secs(7200)),
            keepalive_timeout: Duration::from_secs(20),
            stream_stall: Duration::from_secs(60),
            watch_progress_notify_interval: Duration::from_secs(600),
            listen_client_urls: vec!["http://localhost:2379".into()],
            advertise_client_urls: None,
            initial_advertise_peer_urls: vec!["http://localhost:2380".into()],
            initial_cluster: None,
            initial_cluster_token: "etcd-cluster".into(),
            gateway: true,
            auth_token: "simple".into(),
            auth_token_ttl: Duration::from_secs(300),
            bcrypt_cost: 10,
            client_cert_auth: false,
            leases_count_downtime: false,
            log_level: LogLevel::Info,
            log_format: LogFormat::Json,
            compaction_mode: "periodic".into(),
            compaction_retention: "0".into(),
        }
    }

    /// Sets one flag by etcd's name (without dashes), from text as typed. A flag set again takes the
    /// last value.
    ///
    /// # Errors
    /// The flag is unknown, needs a cluster, or its value can't be used.
    pub fn set(&mut self, flag: &str, value: &str) -> Result<(), ConfigError> {
        let known =
            flags::find(flag).ok_or_else(|| ConfigError(format!("unknown flag: --{flag}")))?;
        let invalid =
            |why: String| ConfigError(format!("invalid value {value:?} for --{flag}: {why}"));
        if value != known.default || known.kind == Kind::Urls {
            check_kind(known.kind, value).map_err(invalid)?;
        }
        match known.effect {
            Effect::Served | Effect::Ids => self.apply(flag, value).map_err(invalid),
            Effect::None => check_unused(flag, value).map_err(invalid),
            Effect::Refused(instead) if !is_default(known, value) => {
                Err(ConfigError(format!("--{flag} is not supported: {instead}")))
            }
            Effect::Refused(_) => Ok(()),
        }
    }

    fn apply(&mut self, flag: &str, text: &str) -> Result<(), String> {
        match flag {
            "data-dir" if text.is_empty() => return Err("no directory".into()),
            "data-dir" => self.data_dir = PathBuf::from(text),
            "name" => self.name = text.into(),
            "listen-client-urls" => self.listen_client_urls = bindable(text)?,
            "advertise-client-urls" => self.advertise_client_urls = Some(value::urls(text)?),
            "quota-backend-bytes" => self.quota_backend_bytes = value::int(text)?,
            "auto-compaction-mode" => {
                if !matches!(text, "periodic" | "revision") {
                    return Err(format!("unknown auto-compaction-mode {text:?}"));
                }
                self.compaction_mode = text.into();
                self.combine_compaction();
            }
            "auto-compaction-retention" => {
                compaction_retention(text)?;
                self.compaction_retention = text.into();
                self.combine_compaction();
            }
            "max-txn-ops" => self.max_txn_ops = small(text)?,
            "max-request-bytes" => self.max_request_bytes = small(text)?,
            "max-concurrent-streams" => {
                self.max_concurrent_streams =
                    u32::try_from(value::uint(text)?).map_err(|_| "number out of range")?;
            }
            "grpc-keepalive-interval" => {
                let interval = value::duration(text)?;
                self.keepalive_interval = (!interval.is_zero()).then_some(interval);
            }
            "grpc-keepalive-timeout" => self.keepalive_timeout = value::duration(text)?,
            "enable-grpc-gateway" => self.gateway = value::boolean(text)?,
            "auth-token" => self.auth_token = text.into(),
            "auth-token-ttl" => self.auth_token_ttl = Duration::from_secs(value::uint(text)?),
            "bcrypt-cost" => {
                self.bcrypt_cost =
                    u32::try_from(value::uint(text)?).map_err(|_| "number out of range")?;
            }
            "log-level" => self.log_level = log_level(text)?,
            "log-format" => {
                self.log_format = match text {
                    "json" => LogFormat::Json,
                    "console" => LogFormat::Console,
                    _ => return Err("json or console".into()),
                }
            }
            "initial-advertise-peer-urls" => self.initial_advertise_peer_urls = value::urls(text)?,
            "initial-cluster" => {
                one_member(text)?;
                self.initial_cluster = Some(text.into());
            }
            "initial-cluster-token" => self.initial_cluster_token = text.into(),
            // A served flag without a line above is a mistake of this file, kept from users by a test.
            _ => return Err("not wired".into()),
        }
        Ok(())
    }

    /// The two flags may come in any order, so that they may not fit before the second has come:
    /// [`Config::validate`] says so in the end.
    fn combine_compaction(&mut self) {
        self.auto_compaction = compaction(&self.compaction_mode, &self.compaction_retention)
            .unwrap_or(AutoCompaction::Off);
    }

    /// Checks what the settings say together. To be called once, after the last [`Config::set`].
    ///
    /// # Errors
    /// They contradict each other.
    pub fn validate(&self) -> Result<(), ConfigError> {
        compaction(&self.compaction_mode, &self.compaction_retention)
            .map_err(|why| ConfigError(format!("--auto-compaction-retention: {why}")))?;
        if let Some(cluster) = &self.initial_cluster {
            let (name, urls) = one_member(cluster).map_err(ConfigError)?;
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

    /// The peer URLs that the ids are made of, sorted.
    pub fn peer_urls(&self) -> Vec<String> {
        self.initial_cluster
            .as_deref()
            .and_then(|cluster| one_member(cluster).ok())
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

fn check_kind(kind: Kind, text: &str) -> Result<(), String> {
    match kind {
        Kind::Text => Ok(()),
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
    let known_log = flag.name == "log-outputs" && text == "stderr";
    let simple = flag.name == "host-whitelist" && text.is_empty();
    text == flag.default || same_bool || known_log || simple
}

/// Flags without effect whose value would ask for something that a single member can't be.
fn check_unused(flag: &str, text: &str) -> Result<(), String> {
    match (flag, text) {
        ("initial-cluster-state", "new") => Ok(()),
        ("initial-cluster-state", "existing") => {
            Err("a single member joins nobody: use new".into())
        }
        ("initial-cluster-state", _) => Err("use new".into()),
        ("logger", "zap") => Ok(()),
        ("logger", _) => Err("use zap".into()),
        _ => Ok(()),
    }
}

fn small(text: &str) -> Result<usize, String> {
    usize::try_from(value::uint(text)?).map_err(|_| "number out of range".into())
}

/// URLs to listen on: an address or `localhost`, as etcd v3.7.1's `checkBindURLs` wants it.
fn bindable(text: &str) -> Result<Vec<String>, String> {
    let urls = value::urls(text)?;
    for url in &urls {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        match scheme {
            "https" | "unixs" => {
                return Err("TLS is not served yet: use http:// or unix://".to_string());
            }
            "http" => {
                let host = value::host_and_port(rest).map_or("", |(host, _)| host);
                if host != "localhost" && host.parse::<std::net::IpAddr>().is_err() {
                    return Err(format!("expected IP in URL for binding ({url})"));
                }
            }
            _ => {}
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

enum Retention {
    Count(i64),
    Time(Duration),
}

fn compaction_retention(text: &str) -> Result<Retention, String> {
    match text.parse::<i64>() {
        Ok(count) if count >= 0 => Ok(Retention::Count(count)),
        _ => value::duration(text).map(Retention::Time),
    }
}

/// The policy that mode and retention make together (etcd v3.7.1, `parseCompactionRetention`). Unlike
/// etcd, a duration in revision mode is refused: etcd takes it as that many nanoseconds of revisions.
fn compaction(mode: &str, retention: &str) -> Result<AutoCompaction, String> {
    let retention = compaction_retention(retention)?;
    match (mode, retention) {
        ("periodic" | "revision", Retention::Count(0)) => Ok(AutoCompaction::Off),
        ("periodic" | "revision", Retention::Time(Duration::ZERO)) => Ok(AutoCompaction::Off),
        ("periodic", Retention::Count(hours)) => u64::try_from(hours)
            .ok()
            .and_then(|h| h.checked_mul(3600))
            .filter(|s| *s <= i64::MAX as u64 / 1_000_000_000)
            .map(|s| AutoCompaction::Periodic(Duration::from_secs(s)))
            .ok_or_else(|| "number of hours out of range".into()),
        ("periodic", Retention::Time(time)) => Ok(AutoCompaction::Periodic(time)),
        ("revision", Retention::Count(count)) => Ok(AutoCompaction::Revision(count)),
        ("revision", Retention::Time(_)) => {
            Err("a number of revisions is needed with --auto-compaction-mode=revision".into())
        }
        _ => Err(format!("unknown auto-compaction-mode {mode:?}")),
    }
}

/// Name and sorted peer URLs of the only member in an `--initial-cluster`.
fn one_member(text: &str) -> Result<(String, Vec<String>), String> {
    let mut name: Option<&str> = None;
    let mut urls = Vec::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (this, url) = part
            .split_once('=')
            .ok_or_else(|| format!("not of the form NAME=URL: {part}"))?;
        if name.is_some_and(|n| n != this) {
            return Err("this server is a single member: name only that one".into());
        }
        name = Some(this);
        urls.extend(value::urls(url)?);
    }
    urls.sort();
    urls.dedup();
    match name {
        Some(name) => Ok((name.to_string(), urls)),
        None => Err("names no member".into()),
    }
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
        for order in [
            [(mode, "revision"), (keep, "10m")],
            [(keep, "10m"), (mode, "revision")],
        ] {
            assert!(refusal(&order).contains("number of revisions"), "{order:?}");
        }
        assert!(refusal(&[(mode, "monthly")]).contains("unknown auto-compaction-mode"));
        assert!(refusal(&[(keep, "soon")]).contains("--auto-compaction-retention"));
    }

    #[test]
    fn what_only_a_cluster_has_is_refused_in_one_line_that_says_what_to_use() {
        for (flag, value, says) in [
            ("wal-dir", "/w", "--data-dir"),
            ("cert-file", "c.pem", "TLS"),
            ("auto-tls", "true", "TLS"),
            ("discovery-srv", "example.com", "single member"),
            ("force-new-cluster", "true", "snapshot restore"),
            ("initial-cluster-state", "existing", "use new"),
            (
                "initial-cluster",
                "a=http://a:1,b=http://b:1",
                "single member",
            ),
            ("listen-client-urls", "https://127.0.0.1:1", "TLS"),
            ("listen-client-urls", "http://example.com:1", "expected IP"),
            ("quota-backend-bytes", "16MB", "whole number"),
            ("grpc-keepalive-timeout", "20", "unit"),
            ("no-such-flag", "1", "unknown flag: --no-such-flag"),
        ] {
            let text = refusal(&[(flag, value)]);
            assert!(text.contains(says) && text.contains(flag), "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
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
