//! The rows of the table of flags.

use super::{Effect, Flag, FlagType};

const DISCOVERY: &str = "a single member has no peers to discover: omit it";
const NO_DISCOVERY: &str = "they only matter together with the discovery flags, which are refused";
const TRACING: &str = "traces are not exported: omit it";

const NO_RAFT_LOG: &str =
    "there is no write-ahead log and no raft snapshot: the database file is the only record";
const EVERY_WRITE_COMMITTED: &str = "every group of writes is committed before it is answered";
const GATEWAY_IN_PROCESS: &str = "the JSON gateway calls the server without a connection";
const FREELIST: &str = "the freelist has only one in-memory representation";

const fn flag(
    name: &'static str,
    default: &'static str,
    kind: FlagType,
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

const fn served(
    name: &'static str,
    default: &'static str,
    kind: FlagType,
    help: &'static str,
) -> Flag {
    flag(name, default, kind, Effect::Served, help)
}

const fn ids(
    name: &'static str,
    default: &'static str,
    kind: FlagType,
    help: &'static str,
) -> Flag {
    flag(name, default, kind, Effect::Ids, help)
}

const fn cluster(name: &'static str, default: &'static str, kind: FlagType) -> Flag {
    flag(name, default, kind, Effect::Cluster, "")
}

const fn ignored(
    name: &'static str,
    default: &'static str,
    kind: FlagType,
    because: &'static str,
) -> Flag {
    flag(name, default, kind, Effect::Ignored(because), "")
}

const fn refused(
    name: &'static str,
    default: &'static str,
    kind: FlagType,
    instead: &'static str,
) -> Flag {
    flag(name, default, kind, Effect::Refused(instead), "")
}

/// All flags. Those with an effect come first, in the order of the help text.
#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    served("data-dir", "${name}.etcd", FlagType::Text, "Directory that holds the database"),
    served("snapshot", "", FlagType::Text, "Snapshot, or database of a stopped member, to serve read-only instead of a data directory"),
    served("name", "default", FlagType::Text, "Name of this member, as `member list` shows it"),
    served("config-file", "", FlagType::Text,
        "YAML file with etcd's keys; other flags and the ETCD_* variables are then ignored"),
    served("listen-client-urls", "http://localhost:2379", FlagType::Urls,
        "Addresses to listen on for gRPC and HTTP, separated by commas: http://IP:PORT, https://IP:PORT (port 0 selects a \
         free port), unix://PATH or unixs://PATH"),
    served("listen-client-http-urls", "", FlagType::Urls,
        "Addresses to listen on for HTTP only; --listen-client-urls then serves only gRPC"),
    served("listen-metrics-urls", "", FlagType::Urls,
        "Additional addresses that serve /metrics, /health, /livez and /readyz"),
    served("advertise-client-urls", "http://localhost:2379", FlagType::Urls,
        "Addresses that `member list` shows; if only --listen-client-urls is given, those"),
    served("quota-backend-bytes", "0", FlagType::Int,
        "Size of the database in bytes above which writes are refused; 0 means 2 GiB, a negative number no quota"),
    served("auto-compaction-mode", "periodic", FlagType::Text,
        "Unit of --auto-compaction-retention: periodic (time) or revision"),
    served("auto-compaction-retention", "0", FlagType::Text,
        "History to keep: a duration such as 30m, a number of hours, or a number of revisions; 0 disables compaction"),
    served("compaction-batch-limit", "0", FlagType::Int,
        "Number of revisions examined in one step of a compaction; 0: as many as fit into 8 ms"),
    served("compaction-sleep-interval", "0s", FlagType::Duration, "Pause between two steps of a compaction"),
    served("bootstrap-defrag-threshold-megabytes", "0", FlagType::Uint,
        "Defragment at startup if that frees at least this many MiB; 0 disables it"),
    served("max-txn-ops", "128", FlagType::Uint, "Maximum number of operations in a transaction"),
    served("max-request-bytes", "1572864", FlagType::Uint, "Maximum size of a request in bytes"),
    served("max-concurrent-streams", "4294967295", FlagType::Uint, "Maximum number of concurrent requests on a connection"),
    served("grpc-keepalive-min-time", "5s", FlagType::Duration,
        "Minimum time between pings of a client; one that pings more often is disconnected"),
    served("grpc-keepalive-interval", "2h", FlagType::Duration, "Idle time after which a connection is pinged; 0 disables it"),
    served("grpc-keepalive-timeout", "20s", FlagType::Duration,
        "Time to wait for the answer to a ping before closing the connection"),
    served("socket-reuse-port", "false", FlagType::Bool, "Set SO_REUSEPORT on TCP listeners"),
    served("socket-reuse-address", "false", FlagType::Bool, "Set SO_REUSEADDR on TCP listeners"),
    served("watch-progress-notify-interval", "10m", FlagType::Duration,
        "Interval between progress notifications of an idle watch"),
    served("cert-file", "", FlagType::Text, "Certificate of the server (PEM); reloaded when the file changes"),
    served("key-file", "", FlagType::Text, "Private key of that certificate (PEM)"),
    served("trusted-ca-file", "", FlagType::Text, "Certificate authorities to trust for client certificates (PEM)"),
    served("client-cert-auth", "false", FlagType::Bool, "Require a certificate from every client"),
    served("client-crl-file", "", FlagType::Text, "Revocation list for client certificates"),
    served("client-cert-allowed-hostname", "", FlagType::List,
        "Host names, one of which a client certificate must contain"),
    served("auto-tls", "false", FlagType::Bool, "Generate a self-signed certificate, in DATA_DIR/fixtures/client"),
    served("self-signed-cert-validity", "1", FlagType::Uint, "Validity of the --auto-tls certificate in years"),
    served("cipher-suites", "", FlagType::List, "Cipher suites to allow with TLS 1.2, by Go's names"),
    served("tls-min-version", "TLS1.2", FlagType::Text, "Minimum version of TLS: TLS1.2 or TLS1.3"),
    served("tls-max-version", "", FlagType::Text, "Maximum version of TLS: TLS1.2, TLS1.3, or empty for any"),
    served("cors", "*", FlagType::List, "Origins to allow for cross-origin requests, separated by commas; empty or * allows all"),
    served("host-whitelist", "*", FlagType::List,
        "Host names to accept in HTTP requests without TLS; empty or * accepts all"),
    served("enable-grpc-gateway", "true", FlagType::Bool, "Also serve JSON requests under /v3/"),
    served("auth-token", "simple", FlagType::Text, 
        "Type of the tokens of logged-in users: simple, or jwt,sign-method=METHOD,priv-key=FILE[,pub-key=FILE][,ttl=10m]"),
    served("auth-token-ttl", "300", FlagType::Uint, "Seconds after its last use until a simple token expires"),
    served("bcrypt-cost", "10", FlagType::Uint, "Cost of hashing passwords with bcrypt, from 4 to 31"),
    served("metrics", "basic", FlagType::Text, "Level of detail of /metrics: basic, or extensive for histograms of handling times"),
    served("log-level", "info", FlagType::Text,
        "Minimum level of log entries: debug, info, warn, error, panic or fatal"),
    served("log-format", "json", FlagType::Text, "Format of log entries: json or console"),
    served("log-outputs", "default", FlagType::List, "Destinations of the log: stderr, stdout, or file names"),
    served("warning-apply-duration", "100ms", FlagType::Duration,
        "Time above which applying a request is logged as slow"),
    served("warning-unary-request-duration", "300ms", FlagType::Duration, "Time above which a request is logged as slow"),
    served("feature-gates", "", FlagType::Text, "Feature gates of etcd: NAME=true or NAME=false, separated by commas"),
    ids("initial-advertise-peer-urls", "http://localhost:2380", FlagType::Urls,
        "Peer addresses, from which the member id is computed"),
    ids("initial-cluster", "default=http://localhost:2380", FlagType::Text,
        "NAME=PEER_URL of this member, from which the ids are computed"),
    ids("initial-cluster-token", "etcd-cluster", FlagType::Text,
        "Token that makes the ids of this cluster unique"),
    ids("initial-cluster-state", "new", FlagType::Text,
        "new, or existing if the data directory has been served before"),

    served("strict-reconfig-check", "true", FlagType::Bool,
        "Refuse membership changes that would cost a cluster of real etcd members its quorum"),
    served("max-learners", "1", FlagType::Int, "Number of learners that `member add --learner` can add"),
    served("heartbeat-interval", "100", FlagType::Uint,
        "Milliseconds; together with --election-timeout, determines the shortest TTL of a lease"),
    served("election-timeout", "1000", FlagType::Uint,
        "Milliseconds; the shortest TTL of a lease is one and a half times that, and a restart adds it to every lease"),
    served("snapshot-catchup-entries", "5000", FlagType::Uint,
        "Only shown in the log, where scripts look for it: there is no raft log"),

    cluster("listen-peer-urls", "http://localhost:2380", FlagType::Urls),
    cluster("initial-election-tick-advance", "true", FlagType::Bool),
    cluster("pre-vote", "true", FlagType::Bool),
    cluster("raft-read-timeout", "5s", FlagType::Duration),
    cluster("raft-write-timeout", "5s", FlagType::Duration),
    cluster("corrupt-check-time", "0s", FlagType::Duration),
    cluster("compact-hash-check-time", "1m", FlagType::Duration),
    cluster("downgrade-check-time", "5s", FlagType::Duration),
    cluster("peer-cert-file", "", FlagType::Text),
    cluster("peer-key-file", "", FlagType::Text),
    cluster("peer-client-cert-file", "", FlagType::Text),
    cluster("peer-client-key-file", "", FlagType::Text),
    cluster("peer-client-cert-auth", "false", FlagType::Bool),
    cluster("peer-trusted-ca-file", "", FlagType::Text),
    cluster("peer-auto-tls", "false", FlagType::Bool),
    cluster("peer-crl-file", "", FlagType::Text),
    cluster("peer-cert-allowed-cn", "", FlagType::List),
    cluster("peer-cert-allowed-hostname", "", FlagType::List),
    cluster("peer-skip-client-san-verification", "false", FlagType::Bool),

    ignored("snapshot-count", "10000", FlagType::Uint, NO_RAFT_LOG),
    ignored("max-snapshots", "5", FlagType::Uint, NO_RAFT_LOG),
    ignored("max-wals", "5", FlagType::Uint, NO_RAFT_LOG),
    ignored("backend-batch-interval", "0s", FlagType::Duration, EVERY_WRITE_COMMITTED),
    ignored("backend-batch-limit", "0", FlagType::Int, EVERY_WRITE_COMMITTED),
    ignored("backend-bbolt-freelist-type", "map", FlagType::Text, FREELIST),
    ignored("client-cert-file", "", FlagType::Text, GATEWAY_IN_PROCESS),
    ignored("client-key-file", "", FlagType::Text, GATEWAY_IN_PROCESS),
    ignored("discovery-dial-timeout", "2s", FlagType::Duration, NO_DISCOVERY),
    ignored("discovery-request-timeout", "5s", FlagType::Duration, NO_DISCOVERY),
    ignored("discovery-keepalive-time", "2s", FlagType::Duration, NO_DISCOVERY),
    ignored("discovery-keepalive-timeout", "6s", FlagType::Duration, NO_DISCOVERY),
    ignored("discovery-insecure-transport", "true", FlagType::Bool, NO_DISCOVERY),
    ignored("discovery-insecure-skip-tls-verify", "false", FlagType::Bool, NO_DISCOVERY),
    ignored("discovery-cert", "", FlagType::Text, NO_DISCOVERY),
    ignored("discovery-key", "", FlagType::Text, NO_DISCOVERY),
    ignored("discovery-cacert", "", FlagType::Text, NO_DISCOVERY),
    ignored("discovery-user", "", FlagType::Text, NO_DISCOVERY),
    ignored("discovery-password", "", FlagType::Text, NO_DISCOVERY),
    ignored("discovery-srv-name", "", FlagType::Text, NO_DISCOVERY),
    ignored("discovery-fallback", "exit", FlagType::Text, NO_DISCOVERY),
    ignored("discovery-proxy", "", FlagType::Text, NO_DISCOVERY),
    ignored("v2-deprecation", "", FlagType::Text, "etcd itself ignores it since 3.6"),
    ignored("logger", "zap", FlagType::Text, "etcd has only this one logger left"),
    ignored("log-rotation-config-json", "", FlagType::Text, "it configures log rotation, which is left to logrotate"),

    refused("enable-log-rotation", "false", FlagType::Bool, "rotate the file of --log-outputs with logrotate"),
    refused("memory-mlock", "false", FlagType::Bool, "pages are not locked into memory: omit it"),
    refused("wal-dir", "", FlagType::Text, "there is no write-ahead log: everything is in --data-dir"),
    refused("enable-pprof", "false", FlagType::Bool, "there is no Go runtime to profile: use perf"),
    refused("force-new-cluster", "false", FlagType::Bool, "use `snapshot save` and `snapshot restore`"),
    refused("unsafe-no-fsync", "false", FlagType::Bool, "an answer means durable: put --data-dir on a tmpfs for tests"),
    refused("discovery", "", FlagType::Text, DISCOVERY),
    refused("discovery-endpoints", "", FlagType::List, DISCOVERY),
    refused("discovery-token", "", FlagType::Text, DISCOVERY),
    refused("discovery-srv", "", FlagType::Text, DISCOVERY),
    refused("enable-distributed-tracing", "false", FlagType::Bool, TRACING),
    refused("distributed-tracing-address", "localhost:4317", FlagType::Text, TRACING),
    refused("distributed-tracing-service-name", "etcd", FlagType::Text, TRACING),
    refused("distributed-tracing-instance-id", "", FlagType::Text, TRACING),
    refused("distributed-tracing-sampling-rate", "0", FlagType::Int, TRACING),
];
