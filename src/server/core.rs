//! The server without networking: requests in, responses out. The gRPC services, the JSON gateway and the tests call
//! it; it knows nothing of HTTP, listeners or message framing. There is one file per service; this one contains
//! opening, closing, and what the services share.
//!
//! Invariant: the response to a write means that it is durable, and nothing is visible that a crash could undo.

mod admission;
mod auth;
mod hashing;
mod kv;
mod lease;
mod maintenance;
mod membership;
mod open;
mod reading;
mod snapshot;
mod stored;
#[cfg(test)]
mod tests;
mod watch;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use parking_lot::Mutex;
use prometheus::IntGauge;
use tokio::sync::oneshot;
use tracing::{info, warn};

use self::{
    admission::{Admission, Size},
    open::Opened,
    reading::Read,
};
pub use self::{
    open::OpenError,
    snapshot::Snapshot,
    watch::{NO_WATCHER, WatchStream},
};
use super::{
    apply::{Compaction, Op, RecordLeases, Request},
    auth::{Identity, Passwords},
    compaction::{self, Pace},
    compactor::{self, Schedule},
    config::Config,
    context::RequestContext,
    error::Error,
    meter::Cancelled,
    metrics::StoreMetrics,
    quota::Quota,
    shared::Shared,
    unsent::Holder,
    writer::Writer,
};
use crate::{bolt, proto::etcdserverpb as pb};

/// The version that the server reports.
pub const VERSION: &str = "3.7.1";

/// A running server core. Cheap to clone, and shared by all connections. It stops when the last clone is dropped, or by
/// [`Core::shutdown`].
#[derive(Clone)]
pub struct Core {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Whether the watcher threads are running.
    watching: Mutex<bool>,
    admission: Admission,
    max_request_bytes: usize,
    quota: Quota,
    quota_bytes: i64,
    passwords: Passwords,
    /// Whether the common name of a verified client certificate identifies a user.
    client_cert_auth: bool,
    /// Whether a task is going to change the versions after a downgrade was set.
    following: AtomicBool,
}

impl Core {
    /// Opens (or creates) the data directory of `config` and starts the writer. Blocks on disk.
    ///
    /// # Errors
    /// The directory is locked, damaged, read-only, or that of an etcd member, or contains something that this server
    /// cannot serve.
    pub fn open(config: &Config) -> Result<Core, OpenError> {
        Core::open_with(config, bolt::Options::default())
    }

    /// Like [`Core::open`], with these options for the file.
    ///
    /// # Errors
    /// See [`Core::open`].
    pub fn open_with(config: &Config, options: bolt::Options) -> Result<Core, OpenError> {
        let Opened {
            shared,
            db,
            applier,
            quota,
            unfinished,
        } = open::open(config, options)?;
        let (compactions, waiting) = mpsc::channel::<Compaction>();
        let mut threads = Vec::new();
        let mut start = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = thread::Builder::new().name(name.into()).spawn(work);
            thread
                .map(|thread| threads.push(thread))
                .map_err(|source| OpenError::Thread { source })
        };

        let resumed = usize::from(unfinished.is_some());
        if let Some((previous, revision)) = unfinished {
            info!(
                "scheduled-compact-revision" = revision,
                "resume scheduled compaction"
            );
            let (done, _) = oneshot::channel();
            // The receiver exists until the end of this function.
            let _ = compactions.send(Compaction {
                revision,
                previous,
                previous_finished: false,
                done,
            });
        }
        let mut writer = Writer::new(shared.clone(), db, applier, compactions, resumed);
        // Revoke leases that have expired in the meantime, before anything is read.
        writer.revoke_expired();
        let pace = Pace {
            batch: config.compaction_batch_limit,
            pause: config.compaction_sleep_interval,
        };
        let current = shared.published().map_or(1, |p| p.revision);
        let schedule = Schedule::new(config.auto_compaction, current);
        let (compacts, leases, compactor) = (shared.clone(), shared.clone(), shared.clone());
        let started = start("writer", Box::new(move || writer.run()))
            .and_then(|()| {
                let work = move || compaction::run(&compacts, &waiting, pace);
                start("compaction", Box::new(work))
            })
            .and_then(|()| start("leases", Box::new(move || lease::run(&leases))))
            .and_then(|()| match schedule {
                Some(schedule) => {
                    let work = move || auto_compact(&compactor, schedule);
                    start("compactor", Box::new(work))
                }
                None => Ok(()),
            });
        // After an error, this is dropped, which ends the threads that have started.
        let core = Core::new(config, shared, quota, threads);
        started.map(|()| core)
    }

    /// Opens the data directory of `config` for reading: nothing is created or written, and every write is rejected.
    /// Works on a file system that is full or mounted read-only. Blocks on disk.
    ///
    /// # Errors
    /// There is no database, a process has it open for writing, or it cannot be served.
    pub fn open_read_only(config: &Config) -> Result<Core, OpenError> {
        let shared = open::open_read_only(config)?;
        // A snapshot shows leases as they were when it was saved.
        if config.snapshot.is_some() {
            return Ok(Core::reading(config, shared));
        }
        // The keys of expired leases must be deleted before anything is read. If the disk prevents that, they remain
        // readable.
        if !shared.lessor.expired(Instant::now()).is_empty() {
            drop(shared);
            match Core::open(config) {
                Ok(core) => return Ok(core),
                Err(error) => warn!(%error, "the keys of expired leases can't be deleted"),
            }
            return Ok(Core::reading(config, open::open_read_only(config)?));
        }
        Ok(Core::reading(config, shared))
    }

    /// A core without a writer. The quota applies only to writes.
    fn reading(config: &Config, shared: Arc<Shared>) -> Core {
        Core::new(config, shared, Quota::unlimited(), Vec::new())
    }

    fn new(
        config: &Config,
        shared: Arc<Shared>,
        quota: Quota,
        threads: Vec<JoinHandle<()>>,
    ) -> Core {
        Core {
            inner: Arc::new(Inner {
                shared,
                threads: Mutex::new(threads),
                watching: Mutex::default(),
                admission: Admission::default(),
                max_request_bytes: config.max_request_bytes,
                quota,
                quota_bytes: config.quota_backend_bytes,
                passwords: Passwords::new(config.bcrypt_cost),
                client_cert_auth: config.tls.client_cert_auth,
                following: AtomicBool::new(false),
            }),
        }
    }

    /// Fails if only reads are possible. For requests that are not writes, but make no sense then.
    ///
    /// # Errors
    /// The error of every write.
    pub fn check_changeable(&self) -> Result<(), Error> {
        match self.inner.shared.queue.refusal() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// The metrics of the store.
    pub fn metrics(&self) -> &Arc<StoreMetrics> {
        &self.inner.shared.metrics
    }

    /// The version that the server reports.
    pub fn version(&self) -> &'static str {
        VERSION
    }

    /// Number of keys.
    pub fn key_count(&self) -> usize {
        self.inner.shared.index.live()
    }

    /// The latest requested compaction; -1: none.
    pub fn compact_revision(&self) -> i64 {
        self.inner.shared.compacted()
    }

    /// A response header at the committed revision.
    pub fn header(&self) -> pb::ResponseHeader {
        let shared = &self.inner.shared;
        shared.header(shared.published().map_or(0, |p| p.revision))
    }

    /// The holder that counts the memory of responses that have not been sent yet.
    pub fn answers(&self) -> Arc<dyn Holder> {
        self.inner.admission.answers()
    }

    /// Completes a header that holds the revision only.
    fn complete(&self, header: &mut Option<pb::ResponseHeader>) {
        let revision = header.as_ref().map_or(0, |h| h.revision);
        *header = Some(self.inner.shared.header(revision));
    }

    /// Executes a read if the caller has permission. The response is not sent if users and roles have changed in the
    /// meantime.
    async fn read<R: Read>(&self, context: &RequestContext, read: R) -> Result<R::Answer, Error> {
        let shared = &self.inner.shared;
        if !shared.is_auth_enabled()? {
            return self.read_unchecked(context, read).await;
        }
        let store = shared.auth()?;
        let identity = self.identify(context)?;
        read.authorize(&store, &identity, &shared.lessor)?;
        drop(store);
        let answer = self.read_unchecked(context, read).await?;
        shared.auth()?.check_still(&identity)?;
        Ok(answer)
    }

    /// Executes a read: immediately if that is fast, otherwise on a thread that may block, when its turn has come.
    /// Stops when the caller goes away.
    async fn read_unchecked<R: Read>(
        &self,
        context: &RequestContext,
        read: R,
    ) -> Result<R::Answer, Error> {
        let shared = &self.inner.shared;
        let read = match self.inner.admission.has_space() {
            true => match reading::at_once(shared, read) {
                Ok(result) => return result,
                Err(read) => read,
            },
            false => read,
        };
        let read = Arc::new(read);
        if read.is_short(&shared.index) {
            let small = read.clone();
            let answer = self
                .blocking(context, Size::Small, move |shared, cancelled| {
                    reading::blocking(shared, &*small, reading::SMALL_BYTES, cancelled)
                })
                .await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        let answer = self
            .blocking(context, Size::Large, move |shared, cancelled| {
                reading::blocking(shared, &*read, usize::MAX, cancelled)
            })
            .await?;
        answer.ok_or(Error::Stopped)
    }

    /// Runs work that is slow or may access pages that are not in memory on a blocking thread, when its turn has come.
    /// The work can check whether the caller has gone away.
    async fn blocking<T: Send + 'static>(
        &self,
        context: &RequestContext,
        size: Size,
        work: impl FnOnce(&Shared, &Cancelled) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let admitted = self.inner.admission.admit(size).await?;
        if context.is_expired() {
            return Err(Error::DeadlineExceeded);
        }
        let cancelled = Cancelled::default();
        let _guard = CancelOnDrop(cancelled.clone());
        let shared = self.inner.shared.clone();
        let work = move || {
            let result = cancelled.check().and_then(|()| work(&shared, &cancelled));
            drop(admitted);
            result
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Error::Stopped)?
    }

    /// Sends an operation to the writer and waits for the result.
    async fn write<O: Op>(&self, context: &RequestContext, op: O) -> Result<O::Answer, Error> {
        let shared = &self.inner.shared;
        let request = Request::new(op, self.identify(context)?, shared.ids.member);
        if request.size > self.inner.max_request_bytes {
            return Err(self.refusal(request.cost, Error::RequestTooLarge).await);
        }
        let metrics = &shared.metrics;
        let since = Instant::now();
        let answer = match shared.queue.push(request) {
            Ok(answer) => answer,
            Err(error) => {
                metrics.failed.inc();
                return Err(error);
            }
        };
        let pending = Pending::new(&metrics.pending);
        let answer = answer.await;
        drop(pending);
        let Ok(answer) = answer else {
            metrics.failed.inc();
            return Err(Error::Stopped);
        };
        (metrics.operation(O::NAME)).answered(answer.is_ok(), since.elapsed());
        answer
    }

    /// The error that etcd returns for a request that is rejected with `error` before it reaches the writer: the quota
    /// is checked first, and exceeding it raises the alarm, whatever else is wrong with the request.
    pub async fn refusal(&self, cost: i64, error: Error) -> Error {
        let shared = &self.inner.shared;
        let Ok(published) = shared.published() else {
            return error;
        };
        let used = published.file.sizes().map_or(0, |sizes| sizes.total);
        let used = i64::try_from(used).unwrap_or(i64::MAX);
        if self.inner.quota.admits(used, cost) {
            return error;
        }
        if !published.alarms.raised(pb::AlarmType::Nospace) {
            let raise = pb::AlarmRequest {
                action: pb::alarm_request::AlarmAction::Activate.into(),
                member_id: shared.ids.member,
                alarm: pb::AlarmType::Nospace.into(),
            };
            let raise = Request::new(raise, Identity::Server, shared.ids.member);
            // The error is the same if that fails.
            if let Ok(raised) = shared.queue.push(raise) {
                let _ = raised.await;
            }
        }
        Error::NoSpace
    }

    /// Finishes what is in progress and closes the file cleanly. Further requests are rejected. The file is unlocked
    /// when the last active reader has ended.
    pub async fn shutdown(&self) {
        let inner = self.inner.clone();
        // This fails only if the runtime is shutting down at the same time; then the drop of the last clone does it.
        let _ = tokio::task::spawn_blocking(move || inner.stop()).await;
    }
}

/// Counts a request while it waits, even if it is abandoned.
struct Pending<'a>(&'a IntGauge);

impl<'a> Pending<'a> {
    fn new(count: &'a IntGauge) -> Pending<'a> {
        count.inc();
        Pending(count)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Notifies the work of a request when its caller goes away.
struct CancelOnDrop(Cancelled);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

impl Inner {
    fn stop(&self) {
        self.shared.stop();
        self.shared.lessor.close();
        // The last operations of the writer. Keep the replies, because a request that nobody waits for is dropped.
        let following = self.following.load(Ordering::SeqCst);
        let followed = following.then(|| self.push_follow());
        let record = Request::new(RecordLeases, Identity::Server, self.shared.ids.member);
        let recorded = self.shared.queue.push(record);
        self.shared.queue.close();
        self.shared.hub.close();
        let mut threads = self.threads.lock();
        for thread in threads.drain(..) {
            // A panic has already been reported.
            let _ = thread.join();
        }
        drop((followed, recorded));
        self.shared.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

fn auto_compact(shared: &Arc<Shared>, schedule: Schedule) {
    compactor::run(
        schedule,
        |time| shared.pause(time),
        || shared.published().map_or(0, |p| p.revision),
        |revision| {
            let request = pb::CompactionRequest {
                revision,
                physical: false,
            };
            let request = Request::new(request, Identity::Server, shared.ids.member);
            let answer = shared.queue.push(request)?;
            answer
                .blocking_recv()
                .map_err(|_| Error::Stopped)?
                .map(drop)
        },
    );
}
