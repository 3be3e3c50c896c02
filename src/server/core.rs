//! The server without a network: requests in, answers out. The gRPC services, the JSON gateway and
//! the tests call it; it knows nothing of HTTP, listeners or how messages are framed. One file per
//! service; this one opens, closes, and has what the services share.
//!
//! Invariant: an answer to a write means that it is durable, and nothing is visible that a crash
//! could take back.

mod admission;
mod auth;
mod hashing;
mod kv;
mod lease;
mod maintenance;
mod open;
mod reading;
mod snapshot;
#[cfg(test)]
mod tests;
mod watch;

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Instant,
};

use parking_lot::Mutex;
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
    compaction,
    compactor::{self, Schedule},
    config::Config,
    context::RequestContext,
    error::Error,
    meter::Cancelled,
    quota::Quota,
    shared::Shared,
    writer::Writer,
};
use crate::{bolt, proto::etcdserverpb as pb, schema::membership::Member};

/// The version that the server says it is.
pub const VERSION: &str = "3.7.1";

/// A running server core: cheap to clone, shared by every connection. It stops when the last clone
/// is gone, or with [`Core::shutdown`].
#[derive(Clone)]
pub struct Core {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Whether the threads of the watchers run.
    watching: Mutex<bool>,
    admission: Admission,
    max_request_bytes: usize,
    quota: Quota,
    quota_bytes: i64,
    passwords: Passwords,
    /// Whether the common name of a verified client certificate is the name of a user.
    client_cert_auth: bool,
    /// The members that a snapshot names, where one is read.
    members: Option<Vec<Member>>,
}

impl Core {
    /// Opens (or creates) the data directory of `config` and starts the writer. Blocks on disk.
    ///
    /// # Errors
    /// The directory is locked, damaged, read-only, a real etcd member's, or holds what this server can't serve.
    pub fn open(config: &Config) -> Result<Core, OpenError> {
        Core::open_with(config, bolt::Options::default())
    }

    /// As [`Core::open`], on a file that is opened with these options.
    ///
    /// # Errors
    /// As [`Core::open`].
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
            // The receiver lives in this function.
            let _ = compactions.send(Compaction {
                revision,
                previous,
                previous_finished: false,
                done,
            });
        }
        let mut writer = Writer::new(shared.clone(), db, applier, compactions, resumed);
        // What has expired while the file was closed is gone before anybody reads.
        writer.revoke_expired();
        let compacts = shared.clone();
        start("writer", Box::new(move || writer.run()))?;
        let started = start(
            "compaction",
            Box::new(move || compaction::run(&compacts, &waiting)),
        );
        let core = |threads| Core {
            inner: Arc::new(Inner {
                shared: shared.clone(),
                threads: Mutex::new(threads),
                watching: Mutex::default(),
                admission: Admission::default(),
                max_request_bytes: config.max_request_bytes,
                quota,
                quota_bytes: config.quota_backend_bytes,
                passwords: Passwords::new(config.bcrypt_cost),
                client_cert_auth: config.tls.client_cert_auth,
                members: None,
            }),
        };
        let leases = shared.clone();
        let started = started.and_then(|()| start("leases", Box::new(move || lease::run(&leases))));
        if let Err(error) = started {
            drop(core(threads));
            return Err(error);
        }
        let current = shared.published().map_or(1, |p| p.revision);
        if let Some(schedule) = Schedule::new(config.auto_compaction, current) {
            let shared = shared.clone();
            let work = move || auto_compact(&shared, schedule);
            if let Err(error) = start("compactor", Box::new(work)) {
                drop(core(threads));
                return Err(error);
            }
        }
        Ok(core(threads))
    }

    /// Opens the data directory of `config` for reading: nothing is created or written, and every write is
    /// refused. Works on a file system that is full or mounted read-only. Blocks on disk.
    ///
    /// # Errors
    /// There is no database, a process has it open for writing, or it can't be served.
    pub fn open_read_only(config: &Config) -> Result<Core, OpenError> {
        let open::Reading { shared, members } = open::open_read_only(config)?;
        // A snapshot shows leases as they were when it was saved.
        if config.snapshot.is_some() {
            return Ok(Core::reading(config, shared, members));
        }
        // Keys of leases that have expired must be deleted before anybody reads. Where the disk does not let that
        // happen, they can still be read.
        if !shared.lessor.expired(Instant::now()).is_empty() {
            drop(shared);
            match Core::open(config) {
                Ok(core) => return Ok(core),
                Err(error) => warn!(%error, "the keys of expired leases can't be deleted"),
            }
            let reading = open::open_read_only(config)?;
            return Ok(Core::reading(config, reading.shared, None));
        }
        Ok(Core::reading(config, shared, None))
    }

    fn reading(config: &Config, shared: Arc<Shared>, members: Option<Vec<Member>>) -> Core {
        Core {
            inner: Arc::new(Inner {
                shared,
                threads: Mutex::default(),
                watching: Mutex::default(),
                admission: Admission::default(),
                max_request_bytes: config.max_request_bytes,
                // The quota is looked at for writes alone.
                quota: Quota::unlimited(),
                quota_bytes: config.quota_backend_bytes,
                passwords: Passwords::new(config.bcrypt_cost),
                client_cert_auth: config.tls.client_cert_auth,
                members,
            }),
        }
    }

    /// The members that the snapshot which is read names; `None` for a data directory.
    pub fn stored_members(&self) -> Option<&[Member]> {
        self.inner.members.as_deref()
    }

    /// The header that stands in every answer, at the committed revision.
    pub fn header(&self) -> pb::ResponseHeader {
        let shared = &self.inner.shared;
        shared.header(shared.published().map_or(0, |p| p.revision))
    }

    /// Completes a header that holds the revision only.
    fn complete(&self, header: &mut Option<pb::ResponseHeader>) {
        let revision = header.as_ref().map_or(0, |h| h.revision);
        *header = Some(self.inner.shared.header(revision));
    }

    /// Answers a read that the caller is permitted to make. An answer that users and roles have overtaken does not go
    /// out.
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

    /// Answers a read: at once where that takes no time, otherwise on a thread that may wait, when its turn
    /// has come. Stops when the caller goes away.
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

    /// Runs work that may take long or touch cold pages off the async workers, when its turn has come. The
    /// work is told when the caller goes away.
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

    /// Sends an operation to the writer and waits for the answer.
    async fn write<O: Op>(&self, context: &RequestContext, op: O) -> Result<O::Answer, Error> {
        let shared = &self.inner.shared;
        let request = Request::new(op, self.identify(context)?, shared.ids.member);
        if request.size > self.inner.max_request_bytes {
            return Err(self
                .refusal(context, request.cost, Error::RequestTooLarge)
                .await);
        }
        let answer = shared.queue.push(request)?;
        answer.await.map_err(|_| Error::Stopped)?
    }

    /// What etcd says of a request that is refused with `error` before it gets to the writer: the quota comes
    /// first. One that does not fit raises the alarm, whatever else is wrong with it.
    pub async fn refusal(&self, _context: &RequestContext, cost: i64, error: Error) -> Error {
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
            // The refusal is the same if that fails.
            if let Ok(raised) = shared.queue.push(raise) {
                let _ = raised.await;
            }
        }
        Error::NoSpace
    }

    /// Finishes what is under way, closes the file clean. Requests from now on are refused; the file
    /// is unlocked when the last reader that is under way is done.
    pub async fn shutdown(&self) {
        let inner = self.inner.clone();
        // Nothing can be done about a runtime that is going down at the same time: then the last
        // clone of the core does it.
        let _ = tokio::task::spawn_blocking(move || inner.stop()).await;
    }
}

/// Tells the work of a request that its caller has gone away.
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
        // The last thing that the writer does. The reply is kept, because a request that nobody waits for is dropped.
        let record = Request::new(RecordLeases, Identity::Server, self.shared.ids.member);
        let recorded = self.shared.queue.push(record);
        self.shared.queue.close();
        self.shared.hub.close();
        let mut threads = self.threads.lock();
        for thread in threads.drain(..) {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
        drop(recorded);
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
