//! [`Config::set`]: parses the value of one flag. [`Config::validate`] checks the settings against each other.

use std::{path::PathBuf, time::Duration};

use super::{Allowed, AutoCompaction, Config, ConfigError, compaction, log, members};
use crate::server::{
    flags::{self, Effect, FlagType},
    value,
};

/// Upper bound on durations: a hundred years. Longer ones are clamped to it, so that adding them to a time cannot
/// overflow.
const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 86_400);

impl Config {
    /// Sets one flag by etcd's name (without dashes), from text as typed. A flag set again takes the last value.
    ///
    /// # Errors
    /// The flag is unknown or not supported, or its value is invalid.
    pub fn set(&mut self, flag: &str, value: &str) -> Result<(), ConfigError> {
        let known =
            flags::find(flag).ok_or_else(|| ConfigError(flags::unknown(&format!("--{flag}"))))?;
        // Scripts look for the error about this flag, so it has Go's wording.
        let shown = match flag {
            "v2-deprecation" => "flag -v2-deprecation".into(),
            flag => format!("--{flag}"),
        };
        let invalid =
            |why: String| ConfigError(format!("invalid value {value:?} for {shown}: {why}"));
        if value != known.default || known.kind == FlagType::Urls {
            check_kind(known.kind, value).map_err(invalid)?;
        }
        match known.effect {
            Effect::Served | Effect::Ids => self.apply(flag, value).map_err(invalid)?,
            Effect::Cluster | Effect::Ignored(_) => check_unused(flag, value).map_err(invalid)?,
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
            // `serve` reads the file before it sets any flag, because other flags and variables are ignored then.
            "config-file" if text.is_empty() => {}
            "config-file" => return Err("use the flags themselves here".into()),
            "listen-client-urls" => self.listen_client_urls = bindable(text)?,
            "listen-client-http-urls" => self.listen_client_http_urls = bindable(text)?,
            "listen-metrics-urls" => self.listen_metrics_urls = bindable(text)?,
            "socket-reuse-port" => self.reuse_port = value::boolean(text)?,
            // The option is always set, as Go does; the value is only checked.
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
                // As in etcd, 0 and negative numbers mean the default.
                let limit = usize::try_from(value::int(text)?).unwrap_or(0);
                self.compaction_batch_limit = (limit > 0).then_some(limit);
            }
            "compaction-sleep-interval" => {
                self.compaction_sleep_interval = value::duration(text)?.min(MAX_DURATION);
            }
            "bootstrap-defrag-threshold-megabytes" => {
                self.bootstrap_defrag_threshold = value::uint(text)?;
            }
            "max-txn-ops" => self.max_txn_ops = usize_value(text)?,
            "max-request-bytes" => self.max_request_bytes = usize_value(text)?,
            "max-concurrent-streams" => {
                self.max_concurrent_streams =
                    u32::try_from(value::uint(text)?).map_err(|_| "number out of range")?;
            }
            "grpc-keepalive-min-time" => {
                self.keepalive_min_time = value::duration(text)?.min(MAX_DURATION)
            }
            "grpc-keepalive-interval" => {
                let interval = value::duration(text)?.min(MAX_DURATION);
                self.keepalive_interval = (!interval.is_zero()).then_some(interval);
            }
            "grpc-keepalive-timeout" => {
                self.keepalive_timeout = value::duration(text)?.min(MAX_DURATION)
            }
            "watch-progress-notify-interval" => {
                self.watch_progress_notify_interval = value::duration(text)?.min(MAX_DURATION);
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
            "strict-reconfig-check"
            | "max-learners"
            | "heartbeat-interval"
            | "election-timeout"
            | "snapshot-catchup-entries" => self.cluster.set(flag, text)?,
            "cors" => self.cors = Allowed::origins(text)?,
            "host-whitelist" => self.host_whitelist = Allowed::hosts(text),
            "enable-grpc-gateway" => self.gateway = value::boolean(text)?,
            "auth-token" => self.auth_token = text.into(),
            "auth-token-ttl" => {
                self.auth_token_ttl = Duration::from_secs(value::uint(text)?).min(MAX_DURATION);
            }
            "bcrypt-cost" => self.set_bcrypt_cost(value::uint(text)?),
            // etcd compares with "extensive" and accepts any other text.
            "metrics" => self.extensive_metrics = text == "extensive",
            "warning-apply-duration" => {
                self.warning_apply_duration = value::duration(text)?.min(MAX_DURATION);
            }
            "warning-unary-request-duration" => {
                // As in etcd, 0 means the default.
                let limit = value::duration(text)?.min(MAX_DURATION);
                self.warning_unary_request_duration = match limit {
                    Duration::ZERO => Duration::from_millis(300),
                    limit => limit,
                };
            }
            "feature-gates" => self.features.set(text)?,
            "log-level" => self.log_level = log::level(text)?,
            "log-format" => self.log_format = log::format(text)?,
            "log-outputs" => self.log_outputs = log::outputs(text)?,
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
            // Unreachable: a test sets every flag of the table to its default.
            _ => return Err("not wired".into()),
        }
        Ok(())
    }

    /// bcrypt's cost is 4 to 31. Like etcd, replaces any other value by the default and logs a warning (etcd v3.7.1,
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

    /// Mode and retention may be set in any order and may contradict each other until both are set, so contradictions
    /// are reported only by [`Config::validate`].
    fn combine_compaction(&mut self) {
        self.auto_compaction =
            compaction::policy(&self.compaction_mode, &self.compaction_retention)
                .unwrap_or(AutoCompaction::Off);
    }
}

fn check_kind(kind: FlagType, text: &str) -> Result<(), String> {
    match kind {
        FlagType::Text | FlagType::List => Ok(()),
        FlagType::Bool => value::boolean(text).map(drop),
        FlagType::Int => value::int(text).map(drop),
        FlagType::Uint => value::uint(text).map(drop),
        FlagType::Duration => value::duration(text).map(drop),
        FlagType::Urls if text.is_empty() => Ok(()),
        FlagType::Urls => value::urls(text).map(drop),
    }
}

fn is_default(flag: &flags::Flag, text: &str) -> bool {
    let same_bool = flag.kind == FlagType::Bool
        && value::boolean(text).is_ok_and(|b| (flag.default == "true") == b);
    text == flag.default || same_bool
}

/// Checks the values of flags that have no effect: some of them etcd itself would reject.
fn check_unused(flag: &str, text: &str) -> Result<(), String> {
    match (flag, text) {
        ("logger", "capnslog") => Err("--logger=capnslog is removed in v3.5".into()),
        ("logger", "zap") => Ok(()),
        ("logger", _) => Err(format!("unknown logger option {text:?}")),
        // The values that etcd still knows (etcd v3.7.1, server/config/v2_deprecation.go).
        (
            "v2-deprecation",
            "" | "write-only" | "write-only-skip-check" | "write-only-drop-data" | "gone",
        ) => Ok(()),
        ("v2-deprecation", _) => Err(format!("invalid value {text:?}")),
        _ => Ok(()),
    }
}

/// The warning that etcd logs about a deprecated flag (etcd v3.7.1, server/etcdmain/config.go).
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

fn usize_value(text: &str) -> Result<usize, String> {
    usize::try_from(value::uint(text)?).map_err(|_| "number out of range".into())
}

/// Parses URLs to listen on. Their host must be an IP address or `localhost` (etcd v3.7.1, `checkBindURLs`).
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
