//! Metrics of etcd that have no counterpart in this server. They are always zero, but are exported because alerts,
//! dashboards and etcd's own tests look for their names.

use prometheus::{Gauge, Histogram, HistogramOpts};

use super::register::Register;

/// Counters for other members, a write-ahead log, etcd's proxy or the Go runtime.
const COUNTERS: &[(&str, &str)] = &[
    (
        "etcd_server_heartbeat_send_failures_total",
        "The total number of leader heartbeat send failures (likely overloaded from slow disk).",
    ),
    (
        "etcd_server_learner_promote_successes",
        "The total number of successful learner promotions while this member is leader.",
    ),
    (
        "etcd_server_read_indexes_failed_total",
        "The total number of failed read indexes seen.",
    ),
    (
        "etcd_server_slow_read_indexes_total",
        "The total number of pending read indexes not in sync with leader's or timed out read index requests.",
    ),
    (
        "etcd_debugging_store_expires_total",
        "Total number of expired keys.",
    ),
    (
        "etcd_debugging_store_watch_requests_total",
        "Total number of incoming watch requests (new or reestablished).",
    ),
    (
        "etcd_grpc_proxy_events_coalescing_total",
        "Total number of events coalescing",
    ),
    ("go_memstats_alloc_bytes_total", NO_GO),
    ("go_memstats_frees_total", NO_GO),
    ("go_memstats_mallocs_total", NO_GO),
];

const NO_GO: &str = "Always 0: this server is not a Go program.";

const GAUGES: &[(&str, &str)] = &[
    (
        "etcd_debugging_mvcc_pending_events_total",
        "Total number of pending events to be sent.",
    ),
    (
        "etcd_debugging_store_watchers",
        "Count of currently active watchers.",
    ),
    (
        "etcd_disk_wal_write_bytes_total",
        "Total number of bytes written in WAL.",
    ),
    (
        "etcd_grpc_proxy_cache_hits_total",
        "Total number of cache hits",
    ),
    (
        "etcd_grpc_proxy_cache_keys_total",
        "Total number of keys/ranges cached",
    ),
    (
        "etcd_grpc_proxy_cache_misses_total",
        "Total number of cache misses",
    ),
    (
        "etcd_grpc_proxy_watchers_coalescing_total",
        "Total number of current watchers coalescing",
    ),
    (
        "etcd_mvcc_db_open_read_transactions",
        "The number of currently open read transactions",
    ),
    (
        "etcd_server_snapshot_apply_in_progress_total",
        "1 if the server is applying the incoming snapshot. 0 if none.",
    ),
    (
        "promhttp_metric_handler_requests_in_flight",
        "Current number of scrapes being served.",
    ),
    ("go_gc_duration_seconds", NO_GO),
    ("go_gc_gogc_percent", NO_GO),
    ("go_gc_gomemlimit_bytes", NO_GO),
    ("go_memstats_alloc_bytes", NO_GO),
    ("go_memstats_buck_hash_sys_bytes", NO_GO),
    ("go_memstats_gc_sys_bytes", NO_GO),
    ("go_memstats_heap_alloc_bytes", NO_GO),
    ("go_memstats_heap_idle_bytes", NO_GO),
    ("go_memstats_heap_inuse_bytes", NO_GO),
    ("go_memstats_heap_objects", NO_GO),
    ("go_memstats_heap_released_bytes", NO_GO),
    ("go_memstats_heap_sys_bytes", NO_GO),
    ("go_memstats_last_gc_time_seconds", NO_GO),
    ("go_memstats_mcache_inuse_bytes", NO_GO),
    ("go_memstats_mcache_sys_bytes", NO_GO),
    ("go_memstats_mspan_inuse_bytes", NO_GO),
    ("go_memstats_mspan_sys_bytes", NO_GO),
    ("go_memstats_next_gc_bytes", NO_GO),
    ("go_memstats_other_sys_bytes", NO_GO),
    ("go_memstats_stack_inuse_bytes", NO_GO),
    ("go_memstats_stack_sys_bytes", NO_GO),
    ("go_memstats_sys_bytes", NO_GO),
    ("go_sched_gomaxprocs_threads", NO_GO),
];

const HISTOGRAMS: &[(&str, &str)] = &[
    (
        "etcd_debugging_disk_backend_commit_rebalance_duration_seconds",
        "The latency distributions of commit.rebalance called by bboltdb backend.",
    ),
    (
        "etcd_debugging_disk_backend_commit_spill_duration_seconds",
        "The latency distributions of commit.spill called by bboltdb backend.",
    ),
    (
        "etcd_debugging_server_watch_send_loop_control_stream_duration_seconds",
        "The total duration in seconds of running through the send loop control stream response.",
    ),
    (
        "etcd_debugging_server_watch_send_loop_progress_duration_seconds",
        "The total duration in seconds of running through the progress loop control stream response.",
    ),
    (
        "etcd_debugging_server_watch_send_loop_watch_stream_duration_seconds",
        "The total duration in seconds of running through the send loop watch stream response all events.",
    ),
    (
        "etcd_debugging_server_watch_send_loop_watch_stream_duration_per_event_seconds",
        "The average duration in seconds of running through the send loop watch stream response, per event.",
    ),
    (
        "etcd_debugging_snap_save_marshalling_duration_seconds",
        "The marshalling cost distributions of save called by snapshot.",
    ),
    (
        "etcd_debugging_snap_save_total_duration_seconds",
        "The total latency distributions of save called by snapshot.",
    ),
    (
        "etcd_disk_wal_write_duration_seconds",
        "The latency distributions of write called by WAL.",
    ),
    (
        "etcd_snap_db_fsync_duration_seconds",
        "The latency distributions of fsyncing .snap.db file",
    ),
    (
        "etcd_snap_db_save_total_duration_seconds",
        "The total latency distributions of v3 snapshot save",
    ),
    (
        "etcd_snap_fsync_duration_seconds",
        "The latency distributions of fsync called by snap.",
    ),
];

/// Gauges with the value 1 and a fact as their label: there is no Go version.
const FACTS: &[(&str, &str, &str)] = &[
    ("etcd_server_go_version", "server_go_version", "none"),
    ("go_info", "version", "none"),
];

/// Gauges with a label per peer; the only member has no peers other than itself.
const PER_PEER: &[(&str, &str)] = &[(
    "etcd_network_known_peers",
    "The current number of known peers.",
)];

/// Registers them.
///
/// # Errors
/// A name is in use already, which a test rules out.
pub(super) fn register(register: &Register<'_>) -> prometheus::Result<()> {
    for (name, help) in COUNTERS {
        register.counter(name, help)?;
    }
    for (name, help) in GAUGES {
        register.keep(Gauge::new(*name, *help)?)?;
    }
    for (name, help) in HISTOGRAMS {
        register.keep(Histogram::with_opts(HistogramOpts::new(*name, *help))?)?;
    }
    for (name, help) in PER_PEER {
        let gauge = register.gauges(name, help, &["Local", "Remote"])?;
        gauge.with_label_values(&["", ""]);
    }
    for (name, label, value) in FACTS {
        let help = "Which Go version server is running with: none.";
        let fact = register.gauges(name, help, &[label])?;
        fact.with_label_values(&[value]).set(1);
    }
    Ok(())
}
