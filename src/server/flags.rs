//! Every flag of etcd's server as data: what it does here, its default, its help. Help texts,
//! completions, man pages and `ETCD_*` all come from this one table; it sets nothing itself.

/// How a flag's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// `--flag` alone means true.
    Bool,
    /// A whole number, with sign.
    Int,
    /// A whole number of 0 or more.
    Uint,
    /// A number with a unit, such as `5s`.
    Duration,
    /// Comma-separated URLs.
    Urls,
}

/// What a flag does in this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what it does in etcd.
    Served,
    /// Only the ids of member and cluster come from it.
    Ids,
    /// Taken so that a unit file needs no change; a single member has no use for it.
    None,
    /// Refused unless it has its default value; the text says what to use.
    Refused(&'static str),
}

/// One flag of etcd v3.7.1 (server/embed/config.go, server/etcdmain/config.go).
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Without dashes.
    pub name: &'static str,
    /// As etcd's help shows it; empty: none.
    pub default: &'static str,
    /// How the value is read.
    pub kind: Kind,
    /// What it does here.
    pub effect: Effect,
    /// One line, without a full stop; empty where the flag has no effect here.
    pub help: &'static str,
}

impl Flag {
    /// The environment variable that sets it: `ETCD_DATA_DIR`.
    pub fn variable(&self) -> String {
        let mut name = String::from("ETCD_");
        for c in self.name.chars() {
            name.push(if c == '-' {
                '_'
            } else {
                c.to_ascii_uppercase()
            });
        }
        name
    }
}

/// The flag of that name.
pub fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|f| f.name == name)
}

const TLS: &str =
    "TLS is not served yet: listen on 127.0.0.1 or on unix:// and put a TLS proxy in front";
const DISCOVERY: &str = "a single member has nobody to discover: leave it out";
const TRACING: &str = "tracing is not exported: leave it out";
const ONE_PORT: &str = "HTTP, metrics and health are answered on --listen-client-urls: use that";

const fn flag(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    effect: Effect,
    help: &'static str,
) -> Flag {
    Flag {
        name,
        default,
        kind,
        effect,
        help,
    }
}

const fn unused(name: &'static str, default: &'static str, kind: Kind) -> Flag {
    flag(name, default, kind, Effect::None, "")
}

const fn refused(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    instead: &'static str,
) -> Flag {
    flag(name, default, kind, Effect::Refused(instead), "")
}

/// All of them, those that do something first.
pub static FLAGS: &[Flag] = &[
    flag(
        "data-dir",
        "${name}.etcd",
        Kind::Text,
        Effect::Served,
        "Directory that holds the database",
    ),
    flag(
        "name",
        "default",
        Kind::Text,
        Effect::Served,
        "Name of this member, as `member list` shows it",
    ),
    flag(
        "listen-client-urls",
        "http://localhost:2379",
        Kind::Urls,
        Effect::Served,
        "Addresses to listen on for gRPC and HTTP: http://IP:PORT (port 0: any free one) or unix://PATH, separated by commas",
    ),
    flag(
        "advertise-client-urls",
        "http://localhost:2379",
        Kind::Urls,
        Effect::Served,
        "Addresses that `member list` names; where only --listen-client-urls is given, those",
    ),
    flag(
        "quota-backend-bytes",
        "0",
        Kind::Int,
        Effect::Served,
        "Size of the database in bytes past which writes are refused; 0 is 2 GiB, below 0 is no quota",
    ),
    flag(
        "auto-compaction-mode",
        "periodic",
        Kind::Text,
        Effect::Served,
        "What --auto-compaction-retention counts: periodic (time) or revision",
    ),
    flag(
        "auto-compaction-retention",
        "0",
        Kind::Text,
        Effect::Served,
        "History to keep: a duration such as 30m, a number of hours, or a number of revisions; 0 keeps all",
    ),
    flag(
        "max-txn-ops",
        "128",
        Kind::Uint,
        Effect::Served,
        "Operations that one transaction may hold",
    ),
    flag(
        "max-request-bytes",
        "1572864",
        Kind::Uint,
        Effect::Served,
        "Size of a request in bytes past which it is refused",
    ),
    flag(
        "max-concurrent-streams",
        "4294967295",
        Kind::Uint,
        Effect::Served,
        "Requests that one connection may have open",
    ),
    flag(
        "grpc-keepalive-interval",
        "2h",
        Kind::Duration,
        Effect::Served,
        "Time after which a silent connection is pinged; 0 never",
    ),
    flag(
        "grpc-keepalive-timeout",
        "20s",
        Kind::Duration,
        Effect::Served,
        "Time after which a connection that answers no ping is closed",
    ),
    flag(
        "enable-grpc-gateway",
        "true",
        Kind::Bool,
        Effect::Served,
        "Answer JSON requests under /v3/ as well",
    ),
    flag(
        "auth-token",
        "simple",
        Kind::Text,
        Effect::Served,
        "Tokens of logged-in users: simple, or jwt,sign-method=METHOD,priv-key=FILE[,pub-key=FILE][,ttl=10m]",
    ),
    flag(
        "auth-token-ttl",
        "300",
        Kind::Uint,
        Effect::Served,
        "Seconds that a simple token is good after its last use",
    ),
    flag(
        "bcrypt-cost",
        "10",
        Kind::Uint,
        Effect::Served,
        "Cost of hashing passwords with bcrypt, from 4 to 31",
    ),
    flag(
        "log-level",
        "info",
        Kind::Text,
        Effect::Served,
        "Least important lines to log: debug, info, warn, error, panic or fatal",
    ),
    flag(
        "log-format",
        "json",
        Kind::Text,
        Effect::Served,
        "Shape of a log line: json or console",
    ),
    flag(
        "initial-advertise-peer-urls",
        "http://localhost:2380",
        Kind::Urls,
        Effect::Ids,
        "Peer addresses, from which the member's id is made",
    ),
    flag(
        "initial-cluster",
        "default=http://localhost:2380",
        Kind::Text,
        Effect::Ids,
        "NAME=PEER_URL of this one member, from which the ids are made",
    ),
    flag(
        "initial-cluster-token",
        "etcd-cluster",
        Kind::Text,
        Effect::Ids,
        "Word that sets this cluster's ids apart from others'",
    ),
    unused("listen-peer-urls", "http://localhost:2380", Kind::Urls),
    unused("initial-cluster-state", "new", Kind::Text),
    unused("snapshot-count", "10000", Kind::Uint),
    unused("snapshot-catchup-entries", "5000", Kind::Uint),
    unused("max-snapshots", "5", Kind::Uint),
    unused("max-wals", "5", Kind::Uint),
    unused("strict-reconfig-check", "true", Kind::Bool),
    unused("heartbeat-interval", "100", Kind::Uint),
    unused("election-timeout", "1000", Kind::Uint),
    unused("initial-election-tick-advance", "true", Kind::Bool),
    unused("pre-vote", "true", Kind::Bool),
    unused("feature-gates", "", Kind::Text),
    unused("max-learners", "1", Kind::Int),
    unused("raft-read-timeout", "5s", Kind::Duration),
    unused("raft-write-timeout", "5s", Kind::Duration),
    unused("peer-cert-file", "", Kind::Text),
    unused("peer-key-file", "", Kind::Text),
    unused("peer-client-cert-file", "", Kind::Text),
    unused("peer-client-key-file", "", Kind::Text),
    unused("peer-client-cert-auth", "false", Kind::Bool),
    unused("peer-trusted-ca-file", "", Kind::Text),
    unused("peer-auto-tls", "false", Kind::Bool),
    unused("peer-crl-file", "", Kind::Text),
    unused("peer-cert-allowed-cn", "", Kind::Text),
    unused("peer-cert-allowed-hostname", "", Kind::Text),
    unused("peer-skip-client-san-verification", "false", Kind::Bool),
    unused("self-signed-cert-validity", "1", Kind::Uint),
    unused("cipher-suites", "", Kind::Text),
    unused("tls-min-version", "TLS1.2", Kind::Text),
    unused("tls-max-version", "", Kind::Text),
    unused("backend-bbolt-freelist-type", "map", Kind::Text),
    unused("backend-batch-interval", "0s", Kind::Duration),
    unused("backend-batch-limit", "0", Kind::Int),
    unused("grpc-keepalive-min-time", "5s", Kind::Duration),
    unused("socket-reuse-port", "false", Kind::Bool),
    unused("socket-reuse-address", "false", Kind::Bool),
    unused("metrics", "basic", Kind::Text),
    unused("logger", "zap", Kind::Text),
    unused("corrupt-check-time", "0s", Kind::Duration),
    unused("compact-hash-check-time", "1m", Kind::Duration),
    unused("compaction-batch-limit", "1000", Kind::Int),
    unused("compaction-sleep-interval", "10ms", Kind::Duration),
    unused("watch-progress-notify-interval", "10m", Kind::Duration),
    unused("downgrade-check-time", "5s", Kind::Duration),
    unused("warning-apply-duration", "100ms", Kind::Duration),
    unused("warning-unary-request-duration", "300ms", Kind::Duration),
    unused("bootstrap-defrag-threshold-megabytes", "0", Kind::Uint),
    unused("v2-deprecation", "not-yet", Kind::Text),
    unused("cors", "*", Kind::Text),
    unused("log-rotation-config-json", "", Kind::Text),
    refused(
        "log-outputs",
        "default",
        Kind::Text,
        "the log goes to stderr: send it on from there",
    ),
    refused(
        "enable-log-rotation",
        "false",
        Kind::Bool,
        "the log goes to stderr: rotate it there",
    ),
    refused(
        "host-whitelist",
        "*",
        Kind::Text,
        "hosts are not told apart: listen on 127.0.0.1 or on unix://",
    ),
    refused(
        "memory-mlock",
        "false",
        Kind::Bool,
        "pages are not locked into memory: leave it out",
    ),
    refused(
        "wal-dir",
        "",
        Kind::Text,
        "there is no write-ahead log: everything is in --data-dir",
    ),
    refused("listen-client-http-urls", "", Kind::Urls, ONE_PORT),
    refused("listen-metrics-urls", "", Kind::Urls, ONE_PORT),
    refused(
        "enable-pprof",
        "false",
        Kind::Bool,
        "use perf on the process",
    ),
    refused(
        "config-file",
        "",
        Kind::Text,
        "use flags or the ETCD_* variables",
    ),
    refused(
        "force-new-cluster",
        "false",
        Kind::Bool,
        "use `snapshot save` and `snapshot restore`",
    ),
    refused(
        "unsafe-no-fsync",
        "false",
        Kind::Bool,
        "an answer means durable: put --data-dir on a tmpfs for tests",
    ),
    refused("cert-file", "", Kind::Text, TLS),
    refused("key-file", "", Kind::Text, TLS),
    refused("client-cert-file", "", Kind::Text, TLS),
    refused("client-key-file", "", Kind::Text, TLS),
    refused("client-cert-auth", "false", Kind::Bool, TLS),
    refused("client-crl-file", "", Kind::Text, TLS),
    refused("client-cert-allowed-hostname", "", Kind::Text, TLS),
    refused("trusted-ca-file", "", Kind::Text, TLS),
    refused("auto-tls", "false", Kind::Bool, TLS),
    refused("discovery", "", Kind::Text, DISCOVERY),
    refused("discovery-endpoints", "", Kind::Text, DISCOVERY),
    refused("discovery-token", "", Kind::Text, DISCOVERY),
    refused("discovery-dial-timeout", "2s", Kind::Duration, DISCOVERY),
    refused("discovery-request-timeout", "5s", Kind::Duration, DISCOVERY),
    refused("discovery-keepalive-time", "2s", Kind::Duration, DISCOVERY),
    refused(
        "discovery-keepalive-timeout",
        "6s",
        Kind::Duration,
        DISCOVERY,
    ),
    refused(
        "discovery-insecure-transport",
        "true",
        Kind::Bool,
        DISCOVERY,
    ),
    refused(
        "discovery-insecure-skip-tls-verify",
        "false",
        Kind::Bool,
        DISCOVERY,
    ),
    refused("discovery-cert", "", Kind::Text, DISCOVERY),
    refused("discovery-key", "", Kind::Text, DISCOVERY),
    refused("discovery-cacert", "", Kind::Text, DISCOVERY),
    refused("discovery-user", "", Kind::Text, DISCOVERY),
    refused("discovery-password", "", Kind::Text, DISCOVERY),
    refused("discovery-srv", "", Kind::Text, DISCOVERY),
    refused("discovery-srv-name", "", Kind::Text, DISCOVERY),
    refused("discovery-fallback", "exit", Kind::Text, DISCOVERY),
    refused("enable-distributed-tracing", "false", Kind::Bool, TRACING),
    refused(
        "distributed-tracing-address",
        "localhost:4317",
        Kind::Text,
        TRACING,
    ),
    refused(
        "distributed-tracing-service-name",
        "etcd",
        Kind::Text,
        TRACING,
    ),
    refused("distributed-tracing-instance-id", "", Kind::Text, TRACING),
    refused("distributed-tracing-sampling-rate", "0", Kind::Int, TRACING),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_helped() {
        let mut names: Vec<_> = FLAGS.iter().map(|f| f.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        for f in FLAGS {
            let used = matches!(f.effect, Effect::Served | Effect::Ids);
            assert_eq!(used, !f.help.is_empty(), "{}", f.name);
            assert!(!f.help.ends_with('.'), "{}", f.name);
        }
    }

    #[test]
    fn the_variable_is_etcds() {
        assert_eq!(
            find("quota-backend-bytes").map(Flag::variable).as_deref(),
            Some("ETCD_QUOTA_BACKEND_BYTES")
        );
    }
}
