//! The metrics of a server and its page. Values that are cheap to obtain are gauges that are set when the page is
//! requested; everything else is counted where it happens.

use std::sync::Arc;

use prometheus::{
    Encoder as _, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use super::{
    absent,
    grpc::{GrpcMetrics, MethodLabels},
    process::Process,
    register::Register,
    store::StoreMetrics,
};

/// The metrics of one server.
pub struct Metrics {
    registry: Registry,
    process: Process,
    /// gRPC requests.
    pub grpc: GrpcMetrics,
    /// Number of times `/health` reported that the server is healthy.
    pub health_successes: IntCounter,
    /// Number of times `/health` reported that it is not.
    pub health_failures: IntCounter,
    /// Whether a defragmentation is in progress.
    pub defragmenting: IntGauge,
    scrapes: IntCounterVec,
    /// The metrics of the store.
    pub store: Arc<StoreMetrics>,
    state: StateGauges,
}

/// The state of the server when the page is requested.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Version of the server, `MAJOR.MINOR.PATCH`.
    pub version: String,
    /// Version of the cluster, `MAJOR.MINOR`.
    pub cluster_version: String,
    /// Id of the member.
    pub member_id: u64,
    /// Current revision.
    pub revision: i64,
    /// Size of the database file in bytes.
    pub db_size: i64,
    /// Number of bytes of it in use.
    pub db_size_in_use: i64,
    /// Quota in bytes.
    pub quota: i64,
    /// Index of the last request that was applied.
    pub applied_index: u64,
    /// Keys.
    pub keys: u64,
    /// The latest requested compaction; -1: none.
    pub compact_revision: i64,
    /// Streams of watchers.
    pub watch_streams: u64,
    /// Number of watchers.
    pub watchers: u64,
    /// Number of watchers that are catching up.
    pub slow_watchers: u64,
    /// Number of events sent to watchers since the start.
    pub events: u64,
    /// Features: name, stage, on.
    pub features: Vec<(&'static str, &'static str, bool)>,
    /// Auth revision.
    pub auth_revision: u64,
    /// Leases granted since the start.
    pub leases_granted: u64,
    /// Leases revoked since the start.
    pub leases_revoked: u64,
    /// Renewals of leases since the start.
    pub leases_renewed: u64,
    /// Leases that expired since the start.
    pub leases_expired: u64,
}

struct StateGauges {
    cluster_version: IntGaugeVec,
    server_version: IntGaugeVec,
    server_id: IntGaugeVec,
    revision: IntGauge,
    db_size: IntGauge,
    db_size_in_use: IntGauge,
    quota: IntGauge,
    committed: IntGauge,
    applied: IntGauge,
    keys: IntGauge,
    compact_revision: IntGauge,
    watch_streams: IntGauge,
    tasks: IntGauge,
    watchers: IntGauge,
    slow_watchers: IntGauge,
    events: IntCounter,
    features: IntGaugeVec,
    auth_revision: IntGauge,
    leases_granted: IntCounter,
    leases_revoked: IntCounter,
    leases_renewed: IntCounter,
    leases_expired: IntCounter,
}

impl Metrics {
    /// Registers all metrics. `methods` are those of the gRPC services, ordered by number; `extensive` is
    /// `--metrics=extensive`.
    ///
    /// # Errors
    /// A name is registered twice, which a test rules out.
    pub fn new(
        methods: &[MethodLabels],
        extensive: bool,
        store: Arc<StoreMetrics>,
    ) -> prometheus::Result<Metrics> {
        let registry = Registry::new();
        let register = Register(&registry);
        let constant = |name: &str, help: &str, value: i64| {
            register.gauge(name, help).map(|gauge| gauge.set(value))
        };
        constant(
            "etcd_server_has_leader",
            "Whether or not a leader exists. 1 is existence, 0 is not.",
            1,
        )?;
        constant(
            "etcd_server_is_leader",
            "Whether or not this member is a leader. 1 if is, 0 otherwise.",
            1,
        )?;
        constant(
            "etcd_server_is_learner",
            "Whether or not this member is a learner. 1 if is, 0 otherwise.",
            0,
        )?;
        register
            .counter(
                "etcd_server_leader_changes_seen_total",
                "The number of leader changes seen.",
            )?
            .inc();
        absent::register(&register)?;
        let scrapes = register.counters(
            "promhttp_metric_handler_requests_total",
            "Total number of scrapes by HTTP status code.",
            &["code"],
        )?;
        // The label of a response to `/metrics` itself, so that the family exists from the start.
        scrapes.with_label_values(&["200"]);
        Ok(Metrics {
            process: Process::register(&register)?,
            grpc: GrpcMetrics::register(&register, methods, extensive)?,
            health_successes: register.counter(
                "etcd_server_health_success",
                "The total number of successful health checks",
            )?,
            health_failures: register.counter(
                "etcd_server_health_failures",
                "The total number of failed health checks",
            )?,
            defragmenting: register.gauge(
                "etcd_disk_defrag_inflight",
                "Whether or not defrag is active on the member. 1 means active, 0 means not.",
            )?,
            scrapes,
            state: StateGauges::register(&register)?,
            store,
            registry,
        })
    }

    /// The page with the given state.
    pub fn page(&self, state: &State) -> String {
        self.state.set(state);
        self.process.update();
        let mut page = Vec::new();
        let mut families = self.registry.gather();
        families.extend(self.store.gather());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        self.scrapes.with_label_values(&["200"]).inc();
        // Writing to memory cannot fail, and registered families always have a name and values.
        let _ = TextEncoder::new().encode(&families, &mut page);
        String::from_utf8(page).unwrap_or_default()
    }
}

impl StateGauges {
    fn register(register: &Register<'_>) -> prometheus::Result<StateGauges> {
        Ok(StateGauges {
            cluster_version: register.gauges(
                "etcd_cluster_version",
                "Which version is running. 1 for 'cluster_version' label with current cluster version",
                &["cluster_version"],
            )?,
            server_version: register.gauges(
                "etcd_server_version",
                "Which version is running. 1 for 'server_version' label with current version.",
                &["server_version"],
            )?,
            server_id: register.gauges(
                "etcd_server_id",
                "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
                &["server_id"],
            )?,
            revision: register.gauge(
                "etcd_debugging_mvcc_current_revision",
                "The current revision of store.",
            )?,
            db_size: register.gauge(
                "etcd_mvcc_db_total_size_in_bytes",
                "Total size of the underlying database physically allocated in bytes.",
            )?,
            db_size_in_use: register.gauge(
                "etcd_mvcc_db_total_size_in_use_in_bytes",
                "Total size of the underlying database logically in use in bytes.",
            )?,
            quota: register.gauge(
                "etcd_server_quota_backend_bytes",
                "Current backend storage quota size in bytes.",
            )?,
            committed: register.gauge(
                "etcd_server_proposals_committed_total",
                "The total number of consensus proposals committed.",
            )?,
            applied: register.gauge(
                "etcd_server_proposals_applied_total",
                "The total number of consensus proposals applied.",
            )?,
            keys: register.gauge("etcd_debugging_mvcc_keys_total", "Total number of keys.")?,
            compact_revision: register.gauge(
                "etcd_debugging_mvcc_compact_revision",
                "The revision of the last compaction in store.",
            )?,
            watch_streams: register.gauge(
                "etcd_debugging_mvcc_watch_stream_total",
                "Total number of watch streams.",
            )?,
            tasks: register.gauge(
                "go_goroutines",
                "Number of goroutines that currently exist; here: of tasks of the async runtime.",
            )?,
            watchers: register.gauge(
                "etcd_debugging_mvcc_watcher_total",
                "Total number of watchers.",
            )?,
            slow_watchers: register.gauge(
                "etcd_debugging_mvcc_slow_watcher_total",
                "Total number of unsynced slow watchers.",
            )?,
            events: register.counter(
                "etcd_debugging_mvcc_events_total",
                "Total number of events sent by this member.",
            )?,
            features: register.gauges(
                "etcd_server_feature_enabled",
                "Whether or not a feature is enabled. 1 is enabled, 0 is not.",
                &["name", "stage"],
            )?,
            auth_revision: register.gauge(
                "etcd_debugging_auth_revision",
                "The current revision of auth store.",
            )?,
            leases_granted: register.counter(
                "etcd_debugging_lease_granted_total",
                "The total number of granted leases.",
            )?,
            leases_revoked: register.counter(
                "etcd_debugging_lease_revoked_total",
                "The total number of revoked leases.",
            )?,
            leases_renewed: register.counter(
                "etcd_debugging_lease_renewed_total",
                "The number of renewed leases seen by the leader.",
            )?,
            leases_expired: register.counter(
                "etcd_debugging_server_lease_expired_total",
                "The total number of expired leases.",
            )?,
        })
    }

    fn set(&self, state: &State) {
        // Remove the gauge of a previous value from the page.
        self.cluster_version.reset();
        self.cluster_version
            .with_label_values(&[&state.cluster_version])
            .set(1);
        self.server_version
            .with_label_values(&[&state.version])
            .set(1);
        self.server_id
            .with_label_values(&[&format!("{:x}", state.member_id)])
            .set(1);
        self.revision.set(state.revision);
        self.db_size.set(state.db_size);
        self.db_size_in_use.set(state.db_size_in_use);
        self.quota.set(state.quota);
        let applied = i64::try_from(state.applied_index).unwrap_or(i64::MAX);
        self.committed.set(applied);
        self.applied.set(applied);
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.keys.set(gauge(state.keys));
        self.compact_revision.set(state.compact_revision);
        self.watch_streams.set(gauge(state.watch_streams));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            self.tasks
                .set(gauge(runtime.metrics().num_alive_tasks() as u64));
        }
        self.watchers.set(gauge(state.watchers));
        self.slow_watchers.set(gauge(state.slow_watchers));
        catch_up(&self.events, state.events);
        for (name, stage, on) in &state.features {
            let gauge = self.features.with_label_values(&[name, stage]);
            gauge.set(i64::from(*on));
        }
        self.auth_revision
            .set(i64::try_from(state.auth_revision).unwrap_or(i64::MAX));
        for (counter, value) in [
            (&self.leases_granted, state.leases_granted),
            (&self.leases_revoked, state.leases_revoked),
            (&self.leases_renewed, state.leases_renewed),
            (&self.leases_expired, state.leases_expired),
        ] {
            catch_up(counter, value);
        }
    }
}

/// Raises a counter to a count that is maintained elsewhere and only grows.
fn catch_up(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}
