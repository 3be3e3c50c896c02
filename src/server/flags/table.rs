//! The rows of the table of flags.

use super::{Effect, Flag, Kind};

const DISCOVERY: &str = "a single member has nobody to discover: leave it out";
const TRACING: &str = "traces are not exported: leave it out";

const NO_RAFT_LOG: &str =
    "there is no write-ahead log and no raft snapshot: the database file is the only record";
const EVERY_WRITE_COMMITTED: &str = "every group of writes is committed before it is answered";
const GATEWAY_IN_PROCESS: &str = "the JSON gateway calls the server without a connection";
const FREELIST: &str = "the freelist has one form in memory";

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

const fn served(name: &'static str, default: &'static str, kind: Kind, help: &'static str) -> Flag {
    flag(name, default, kind, Effect::Served, help)
}

const fn ids(name: &'static str, default: &'static str, kind: Kind, help: &'static str) -> Flag {
    flag(name, default, kind, Effect::Ids, help)
}

const fn cluster(name: &'static str, default: &'static str, kind: Kind) -> Flag {
    flag(name, default, kind, Effect::Cluster, "")
}

const fn moot(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    because: &'static str,
) -> Flag {
    flag(name, default, kind, Effect::Moot(because), "")
}

const fn refused(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    instead: &'static str,
) -> Flag {
    flag(name, default, kind, Effect::Refused(instead), "")
}

/// All flags. Those with an effect come first, in the order of the help text.
#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    served("data-dir", "${name}.etcd", Kind::Text, "Directory that holds the database"),
    served("snapshot", "", Kind::Text, "Snapshot, or stopped member's database, to serve read-only in place of a data directory"),
    served("name", "default", Kind::Text, "Name of this member, as `member list` shows it"),
    served("config-file", "", Kind::Text,
        "YAML file with etcd's keys; other flags and the ETCD_* variables are then ignored"),
    served("listen-client-urls", "http://localhost:2379", Kind::Urls,
        "Addresses to listen on for gRPC and HTTP: http://IP:PORT, https://IP:PORT (port 0: any free one), unix://PATH or \
         unixs://PATH, separated by commas"),
    served("listen-client-http-urls", "", Kind::Urls,
        "Addresses for HTTP alone; --listen-client-urls is then for gRPC alone"),
    served("listen-metrics-urls", "", Kind::Urls,
        "Further addresses that answer /metrics, /health, /livez and /readyz"),
    served("advertise-client-urls", "http://localhost:2379", Kind::Urls,
        "Addresses that `member list` names; where only --listen-client-urls is given, those"),
    served("quota-backend-bytes", "0", Kind::Int,
        "Size of the database in bytes past which writes are refused; 0 is 2 GiB, below 0 is no quota"),
    served("auto-compaction-mode", "periodic", Kind::Text,
        "What --auto-compaction-retention counts: periodic (time) or revision"),
    served("auto-compaction-retention", "0", Kind::Text,
        "History to keep: a duration such as 30m, a number of hours, or a number of revisions; 0 keeps all"),
    served("compaction-batch-limit", "1000", Kind::Int, "Revisions that a compaction removes in one step"),
    served("compaction-sleep-interval", "10ms", Kind::Duration, "Pause between two steps of a compaction"),
    served("bootstrap-defrag-threshold-megabytes", "0", Kind::Uint,
        "Defragment before serving if that frees so many MiB at least; 0 never"),
    served("max-txn-ops", "128", Kind::Uint, "Operations that one transaction may hold"),
    served("max-request-bytes", "1572864", Kind::Uint, "Size of a request in bytes past which it is refused"),
    served("max-concurrent-streams", "4294967295", Kind::Uint, "Requests that one connection may have open"),
    served("grpc-keepalive-min-time", "5s", Kind::Duration,
        "Shortest time between two pings of a client; one that pings more often is disconnected"),
    served("grpc-keepalive-interval", "2h", Kind::Duration, "Time after which a silent connection is pinged; 0 never"),
    served("grpc-keepalive-timeout", "20s", Kind::Duration,
        "Time after which a connection that answers no ping is closed"),
    served("socket-reuse-port", "false", Kind::Bool, "Set SO_REUSEPORT on TCP listeners"),
    served("socket-reuse-address", "false", Kind::Bool, "Set SO_REUSEADDR on TCP listeners"),
    served("watch-progress-notify-interval", "10m", Kind::Duration,
        "Time between two progress notifications of an idle watch"),
    served("cert-file", "", Kind::Text, "Certificate of the server, PEM; read again when the file changes"),
    served("key-file", "", Kind::Text, "Private key of that certificate, PEM"),
    served("trusted-ca-file", "", Kind::Text, "Certificates of the authorities that may sign clients' certificates, PEM"),
    served("client-cert-auth", "false", Kind::Bool, "Demand a certificate of every client"),
    served("client-crl-file", "", Kind::Text, "Revocation list for clients' certificates"),
    served("client-cert-allowed-hostname", "", Kind::List,
        "Names of which a client's certificate must hold one"),
    served("auto-tls", "false", Kind::Bool, "Make a self-signed certificate, in DATA_DIR/fixtures/client"),
    served("self-signed-cert-validity", "1", Kind::Uint, "Years for which --auto-tls's certificate is valid"),
    served("cipher-suites", "", Kind::List, "Cipher suites of TLS 1.2 that may be used, by Go's names"),
    served("tls-min-version", "TLS1.2", Kind::Text, "Lowest version of TLS: TLS1.2 or TLS1.3"),
    served("tls-max-version", "", Kind::Text, "Highest version of TLS: TLS1.2, TLS1.3, or empty for any"),
    served("cors", "*", Kind::List, "Origins that browsers may call from, separated by commas; empty or * allows all"),
    served("host-whitelist", "*", Kind::List,
        "Host names in HTTP requests that are accepted without TLS; empty or * accepts all"),
    served("enable-grpc-gateway", "true", Kind::Bool, "Answer JSON requests under /v3/ as well"),
    served("auth-token", "simple", Kind::Text, 
        "Tokens of logged-in users: simple, or jwt,sign-method=METHOD,priv-key=FILE[,pub-key=FILE][,ttl=10m]"),
    served("auth-token-ttl", "300", Kind::Uint, "Seconds that a simple token is good after its last use"),
    served("bcrypt-cost", "10", Kind::Uint, "Cost of hashing passwords with bcrypt, from 4 to 31"),
    served("metrics", "basic", Kind::Text, "Detail of /metrics: basic, or extensive with histograms of handling times"),
    served("log-level", "info", Kind::Text,
        "Least important lines to log: debug, info, warn, error, panic or fatal"),
    served("log-format", "json", Kind::Text, "Shape of a log line: json or console"),
    served("log-outputs", "default", Kind::List, "Where the log goes: stderr, stdout, or names of files"),
    served("warning-apply-duration", "100ms", Kind::Duration,
        "Time after which the application of a request is logged as slow"),
    served("warning-unary-request-duration", "300ms", Kind::Duration, "Time after which a request is logged as slow"),
    served("feature-gates", "", Kind::Text, "etcd's feature gates, NAME=true or NAME=false, separated by commas"),
    ids("initial-advertise-peer-urls", "http://localhost:2380", Kind::Urls,
        "Peer addresses, from which the member's id is made"),
    ids("initial-cluster", "default=http://localhost:2380", Kind::Text,
        "NAME=PEER_URL of this one member, from which the ids are made"),
    ids("initial-cluster-token", "etcd-cluster", Kind::Text,
        "Word that sets this cluster's ids apart from others'"),
    ids("initial-cluster-state", "new", Kind::Text,
        "new, or existing where the data directory has been served before"),

    cluster("listen-peer-urls", "http://localhost:2380", Kind::Urls),
    cluster("strict-reconfig-check", "true", Kind::Bool),
    cluster("heartbeat-interval", "100", Kind::Uint),
    cluster("election-timeout", "1000", Kind::Uint),
    cluster("initial-election-tick-advance", "true", Kind::Bool),
    cluster("pre-vote", "true", Kind::Bool),
    cluster("max-learners", "1", Kind::Int),
    cluster("raft-read-timeout", "5s", Kind::Duration),
    cluster("raft-write-timeout", "5s", Kind::Duration),
    cluster("snapshot-catchup-entries", "5000", Kind::Uint),
    cluster("corrupt-check-time", "0s", Kind::Duration),
    cluster("compact-hash-check-time", "1m", Kind::Duration),
    cluster("downgrade-check-time", "5s", Kind::Duration),
    cluster("peer-cert-file", "", Kind::Text),
    cluster("peer-key-file", "", Kind::Text),
    cluster("peer-client-cert-file", "", Kind::Text),
    cluster("peer-client-key-file", "", Kind::Text),
    cluster("peer-client-cert-auth", "false", Kind::Bool),
    cluster("peer-trusted-ca-file", "", Kind::Text),
    cluster("peer-auto-tls", "false", Kind::Bool),
    cluster("peer-crl-file", "", Kind::Text),
    cluster("peer-cert-allowed-cn", "", Kind::List),
    cluster("peer-cert-allowed-hostname", "", Kind::List),
    cluster("peer-skip-client-san-verification", "false", Kind::Bool),

    moot("snapshot-count", "10000", Kind::Uint, NO_RAFT_LOG),
    moot("max-snapshots", "5", Kind::Uint, NO_RAFT_LOG),
    moot("max-wals", "5", Kind::Uint, NO_RAFT_LOG),
    moot("backend-batch-interval", "0s", Kind::Duration, EVERY_WRITE_COMMITTED),
    moot("backend-batch-limit", "0", Kind::Int, EVERY_WRITE_COMMITTED),
    moot("backend-bbolt-freelist-type", "map", Kind::Text, FREELIST),
    moot("client-cert-file", "", Kind::Text, GATEWAY_IN_PROCESS),
    moot("client-key-file", "", Kind::Text, GATEWAY_IN_PROCESS),
    moot("v2-deprecation", "", Kind::Text, "etcd itself ignores it since 3.6"),
    moot("logger", "zap", Kind::Text, "etcd has only this one logger left"),
    moot("log-rotation-config-json", "", Kind::Text, "it configures log rotation, which is left to logrotate"),

    refused("enable-log-rotation", "false", Kind::Bool, "rotate the file of --log-outputs with logrotate"),
    refused("memory-mlock", "false", Kind::Bool, "pages are not locked into memory: leave it out"),
    refused("wal-dir", "", Kind::Text, "there is no write-ahead log: everything is in --data-dir"),
    refused("enable-pprof", "false", Kind::Bool, "there is no Go runtime to profile: use perf on the process"),
    refused("force-new-cluster", "false", Kind::Bool, "use `snapshot save` and `snapshot restore`"),
    refused("unsafe-no-fsync", "false", Kind::Bool, "an answer means durable: put --data-dir on a tmpfs for tests"),
    refused("discovery", "", Kind::Text, DISCOVERY),
    refused("discovery-endpoints", "", Kind::List, DISCOVERY),
    refused("discovery-token", "", Kind::Text, DISCOVERY),
    refused("discovery-dial-timeout", "2s", Kind::Duration, DISCOVERY),
    refused("discovery-request-timeout", "5s", Kind::Duration, DISCOVERY),
    refused("discovery-keepalive-time", "2s", Kind::Duration, DISCOVERY),
    refused("discovery-keepalive-timeout", "6s", Kind::Duration, DISCOVERY),
    refused("discovery-insecure-transport", "true", Kind::Bool, DISCOVERY),
    refused("discovery-insecure-skip-tls-verify", "false", Kind::Bool, DISCOVERY),
    refused("discovery-cert", "", Kind::Text, DISCOVERY),
    refused("discovery-key", "", Kind::Text, DISCOVERY),
    refused("discovery-cacert", "", Kind::Text, DISCOVERY),
    refused("discovery-user", "", Kind::Text, DISCOVERY),
    refused("discovery-password", "", Kind::Text, DISCOVERY),
    refused("discovery-srv", "", Kind::Text, DISCOVERY),
    refused("discovery-srv-name", "", Kind::Text, DISCOVERY),
    refused("discovery-fallback", "exit", Kind::Text, DISCOVERY),
    refused("enable-distributed-tracing", "false", Kind::Bool, TRACING),
    refused("distributed-tracing-address", "localhost:4317", Kind::Text, TRACING),
    refused("distributed-tracing-service-name", "etcd", Kind::Text, TRACING),
    refused("distributed-tracing-instance-id", "", Kind::Text, TRACING),
    refused("distributed-tracing-sampling-rate", "0", Kind::Int, TRACING),
];
