//! Counters and histograms of the store: the writer, compactions, reads, snapshots and hashes. The parts of a core
//! share one instance, which is registered with `/metrics`.

use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntGauge, Registry, exponential_buckets,
    proto::MetricFamily,
};

use super::register::Register;
use crate::proto::etcdserverpb::{TxnResponse, response_op::Response};

/// Counters and histograms of one store.
pub struct StoreMetrics {
    /// A commit of the backend: writing the pages of a group and syncing them.
    pub commit: Histogram,
    /// The same, under the name that alerts for etcd use: here the sync of the backend is the only one.
    pub sync: Histogram,
    /// The same, under its name for debugging.
    pub commit_write: Histogram,
    /// A defragmentation.
    pub defragment: Histogram,
    /// A snapshot, from its first byte to its last.
    pub snapshot: Histogram,
    /// A hash of the backend.
    pub hash: Histogram,
    /// A hash of the keys by revision.
    pub hash_by_revision: Histogram,
    /// Keys put.
    pub puts: IntCounter,
    /// Requests to delete, also those inside transactions.
    pub deletes: IntCounter,
    /// Requests to read, also those inside transactions.
    pub ranges: IntCounter,
    /// Transactions of several operations.
    pub txns: IntCounter,
    /// Bytes of the records put.
    pub put_bytes: IntGauge,
    /// TTLs granted, in seconds.
    pub lease_ttl: Histogram,
    /// A compaction of the database, in milliseconds.
    pub compaction: Histogram,
    /// The time that a step of a compaction kept the writer busy, in milliseconds.
    pub compaction_pause: Histogram,
    /// The time that a step of a compaction of the index kept others out, in milliseconds.
    pub index_compaction_pause: Histogram,
    /// Records removed by compactions.
    pub compacted_records: IntCounter,
    /// When the last compaction ended, in seconds since 1970.
    pub last_compaction: IntGauge,
    /// Applying an operation: `version`, `op`, `success`.
    apply: HistogramVec,
    /// Reading a range: failures and successes.
    range: [Histogram; 2],
    /// A request until its response: `type`, `success`.
    request: HistogramVec,
    /// Operations and reads that took longer than `--warning-apply-duration`.
    pub slow_applies: IntCounter,
    /// Requests that were not executed because the queue was full or the server stopped.
    pub failed: IntCounter,
    /// Requests that are queued or being applied by the writer.
    pub pending: IntGauge,
    /// The histograms of the operations that have occurred, so that labels are looked up once.
    by_operation: Operations,
    registry: Registry,
}

/// The histograms of one operation: for failures and successes.
pub struct Operation {
    apply: [Histogram; 2],
    request: [Histogram; 2],
}

impl Operation {
    /// It was applied in this time.
    pub fn applied(&self, success: bool, took: Duration) {
        self.apply[usize::from(success)].observe(took.as_secs_f64());
    }

    /// It was answered after this time.
    pub fn answered(&self, success: bool, took: Duration) {
        self.request[usize::from(success)].observe(took.as_secs_f64());
    }
}

/// The values of the label `success`.
const OUTCOMES: [&str; 2] = ["false", "true"];

/// The operations that have occurred, as a list that only grows, so that every request can look through it without a
/// lock. There are few operations.
#[derive(Default)]
struct Operations(OnceLock<Box<Occurred>>);

struct Occurred {
    name: &'static str,
    operation: Operation,
    next: Operations,
}

/// The lowest bucket, and a number of buckets, each twice the previous one.
type Doubling = (f64, usize);

const COMMIT: Doubling = (0.001, 14);
const DEFRAGMENT: Doubling = (0.1, 13);
const SNAPSHOT: Doubling = (0.01, 17);
const HASH: Doubling = (0.01, 15);
const TTL: Doubling = (1.0, 24);
const COMPACTION: Doubling = (100.0, 14);
const PAUSE: Doubling = (1.0, 13);
const INDEX_PAUSE: Doubling = (0.5, 14);
const APPLY: Doubling = (0.0001, 20);

/// The options of a histogram with such buckets.
fn doubling(
    name: &str,
    help: &str,
    (first, number): Doubling,
) -> prometheus::Result<HistogramOpts> {
    let buckets = exponential_buckets(first, 2.0, number)?;
    Ok(HistogramOpts::new(name, help).buckets(buckets))
}

impl StoreMetrics {
    /// Creates all of them, with etcd's names and buckets.
    ///
    /// # Errors
    /// A name or a bucket is invalid, which a test rules out.
    pub fn new() -> prometheus::Result<StoreMetrics> {
        let registry = Registry::new();
        let made = Register(&registry);
        let histogram = |name: &str, help: &str, buckets| {
            made.keep(Histogram::with_opts(doubling(name, help, buckets)?)?)
        };
        let histograms = |name: &str, help: &str, buckets, labels: &[&str]| {
            made.histograms(doubling(name, help, buckets)?, labels)
        };
        let range = histograms(
            "etcd_server_range_duration_seconds",
            "The latency distributions of txn.Range",
            APPLY,
            &["success"],
        )?;
        Ok(StoreMetrics {
            commit: histogram(
                "etcd_disk_backend_commit_duration_seconds",
                "The latency distributions of commit called by backend.",
                COMMIT,
            )?,
            sync: histogram(
                "etcd_disk_wal_fsync_duration_seconds",
                "The latency distributions of fsync called by WAL.",
                COMMIT,
            )?,
            commit_write: histogram(
                "etcd_debugging_disk_backend_commit_write_duration_seconds",
                "The latency distributions of commit.write called by bboltdb backend.",
                COMMIT,
            )?,
            defragment: histogram(
                "etcd_disk_backend_defrag_duration_seconds",
                "The latency distribution of backend defragmentation.",
                DEFRAGMENT,
            )?,
            snapshot: histogram(
                "etcd_disk_backend_snapshot_duration_seconds",
                "The latency distribution of backend snapshots.",
                SNAPSHOT,
            )?,
            hash: histogram(
                "etcd_mvcc_hash_duration_seconds",
                "The latency distribution of storage hash operation.",
                HASH,
            )?,
            hash_by_revision: histogram(
                "etcd_mvcc_hash_rev_duration_seconds",
                "The latency distribution of storage hash by revision operation.",
                HASH,
            )?,
            puts: made.counter(
                "etcd_mvcc_put_total",
                "Total number of puts seen by this member.",
            )?,
            deletes: made.counter(
                "etcd_mvcc_delete_total",
                "Total number of deletes seen by this member.",
            )?,
            ranges: made.counter(
                "etcd_mvcc_range_total",
                "Total number of ranges seen by this member.",
            )?,
            txns: made.counter(
                "etcd_mvcc_txn_total",
                "Total number of txns seen by this member.",
            )?,
            put_bytes: made.gauge(
                "etcd_debugging_mvcc_total_put_size_in_bytes",
                "The total size of put kv pairs seen by this member.",
            )?,
            lease_ttl: histogram(
                "etcd_debugging_lease_ttl_total",
                "Bucketed histogram of lease TTLs.",
                TTL,
            )?,
            compaction: histogram(
                "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
                "Bucketed histogram of db compaction total duration.",
                COMPACTION,
            )?,
            compaction_pause: histogram(
                "etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds",
                "Bucketed histogram of db compaction pause duration.",
                PAUSE,
            )?,
            index_compaction_pause: histogram(
                "etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds",
                "Bucketed histogram of index compaction pause duration.",
                INDEX_PAUSE,
            )?,
            compacted_records: made.counter(
                "etcd_debugging_mvcc_db_compaction_keys_total",
                "Total number of db keys compacted.",
            )?,
            last_compaction: made.gauge(
                "etcd_debugging_mvcc_db_compaction_last",
                "The unix time of the last db compaction. Resets to 0 on start.",
            )?,
            apply: histograms(
                "etcd_server_apply_duration_seconds",
                "The latency distributions of v2 apply called by backend.",
                APPLY,
                &["version", "op", "success"],
            )?,
            range: OUTCOMES.map(|success| range.with_label_values(&[success])),
            request: histograms(
                "etcd_server_request_duration_seconds",
                "Response latency distribution in seconds for each type.",
                COMMIT,
                &["type", "success"],
            )?,
            slow_applies: made.counter(
                "etcd_server_slow_apply_total",
                "The total number of slow apply requests (likely overloaded from slow disk).",
            )?,
            failed: made.counter(
                "etcd_server_proposals_failed_total",
                "The total number of failed proposals seen.",
            )?,
            pending: made.gauge(
                "etcd_server_proposals_pending",
                "The current number of pending proposals to commit.",
            )?,
            by_operation: Operations::default(),
            registry,
        })
    }

    /// The metric families for `/metrics`.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// The histograms of an operation.
    pub fn operation(&self, name: &'static str) -> &Operation {
        let mut operations = &self.by_operation;
        loop {
            let occurred = operations.0.get_or_init(|| {
                Box::new(Occurred {
                    name,
                    operation: self.new_operation(name),
                    next: Operations::default(),
                })
            });
            if occurred.name == name {
                return &occurred.operation;
            }
            operations = &occurred.next;
        }
    }

    fn new_operation(&self, name: &str) -> Operation {
        let label = name.strip_suffix("Request").unwrap_or(name);
        Operation {
            apply: OUTCOMES.map(|ok| self.apply.with_label_values(&["v3", label, ok])),
            request: OUTCOMES.map(|ok| self.request.with_label_values(&[label, ok])),
        }
    }

    /// A commit was made.
    pub fn committed(&self, took: Duration) {
        for histogram in [&self.commit, &self.sync, &self.commit_write] {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// A compaction of the database has ended; `began` is its start.
    pub fn compacted(&self, began: Instant, records: usize) {
        self.compaction.observe(milliseconds(began.elapsed()));
        self.compacted_records.inc_by(records as u64);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.unwrap_or_default().as_secs();
        self.last_compaction
            .set(i64::try_from(seconds).unwrap_or(i64::MAX));
    }

    /// A transaction was carried out.
    pub fn count_txn(&self, answer: &TxnResponse) {
        let (mut ranges, mut puts, mut deletes) = (0, 0, 0);
        count_operations(answer, &mut ranges, &mut puts, &mut deletes);
        self.ranges.inc_by(ranges);
        self.puts.inc_by(puts);
        self.deletes.inc_by(deletes);
        if ranges + puts + deletes > 1 {
            self.txns.inc();
        }
    }

    /// A range was read.
    pub fn ranged(&self, success: bool, took: Duration) {
        self.range[usize::from(success)].observe(took.as_secs_f64());
    }
}

fn count_operations(answer: &TxnResponse, ranges: &mut u64, puts: &mut u64, deletes: &mut u64) {
    for response in &answer.responses {
        match &response.response {
            Some(Response::ResponseRange(_)) => *ranges += 1,
            Some(Response::ResponsePut(_)) => *puts += 1,
            Some(Response::ResponseDeleteRange(_)) => *deletes += 1,
            Some(Response::ResponseTxn(nested)) => count_operations(nested, ranges, puts, deletes),
            None => {}
        }
    }
}

/// A duration in milliseconds, for the histograms.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_has_etcds_labels_and_is_looked_up_once() {
        let metrics = StoreMetrics::new().unwrap();
        let put = metrics.operation("PutRequest");
        put.applied(true, Duration::from_millis(1));
        put.answered(false, Duration::from_millis(2));
        assert!(std::ptr::eq(put, metrics.operation("PutRequest")));
        let families = metrics.gather();
        let labels = |name: &str| {
            let family = families.iter().find(|f| f.name() == name).unwrap();
            let seen = family.get_metric().iter();
            let seen = seen.filter(|m| m.get_histogram().get_sample_count() > 0);
            let label = seen.flat_map(|m| m.get_label().iter().map(|l| l.value().to_string()));
            label.collect::<Vec<_>>()
        };
        let mut applied = labels("etcd_server_apply_duration_seconds");
        applied.sort();
        assert_eq!(applied, ["Put", "true", "v3"]);
        let mut answered = labels("etcd_server_request_duration_seconds");
        answered.sort();
        assert_eq!(answered, ["Put", "false"]);
    }
}
