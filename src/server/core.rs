//! The server without a network: requests in, answers out. The gRPC services, the JSON gateway and
//! the tests call it; it knows nothing of HTTP, listeners or metadata.
//!
//! Invariant: an answer to a write means that it is durable, and nothing is visible that a crash
//! could take back.

pub mod compaction;
pub mod hashing;
pub mod open;
pub mod reading;
pub mod shared;
pub mod snapshot;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tracing::info;

pub use self::{open::OpenError, snapshot::Snapshot};
use self::{
    open::Opened,
    reading::{Piece, Question, Whole},
    shared::Shared,
};
use super::{
    alarms,
    apply::{Compaction, Request, Response},
    compactor::{self, Schedule},
    config::Config,
    context::RequestContext,
    error::Error,
    mvcc::{encoded::Encoded, txn},
    quota::{self, Quota},
    writer::Writer,
};
use crate::{bolt, proto::etcdserverpb as pb, schema::fresh};

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
    max_request_bytes: usize,
    quota: Quota,
    quota_bytes: i64,
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

        if let Some((previous, revision)) = unfinished {
            info!(
                "scheduled-compact-revision" = revision,
                "resume scheduled compaction"
            );
            let (done, _) = oneshot::channel();
            // The receiver is at hand.
            let _ = compactions.send(Compaction {
                revision,
                previous,
                whole: false,
                done,
            });
        }
        let writer = Writer::new(shared.clone(), db, applier, compactions);
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
                max_request_bytes: config.max_request_bytes,
                quota,
                quota_bytes: config.quota_backend_bytes,
            }),
        };
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

    /// The header that stands in every answer, at the committed revision.
    pub fn header(&self) -> pb::ResponseHeader {
        let shared = &self.inner.shared;
        shared.header(shared.published().map_or(0, |p| p.revision))
    }

    fn fill(&self, header: &mut Option<pb::ResponseHeader>) {
        let revision = header.as_ref().map_or(0, |h| h.revision);
        *header = Some(self.inner.shared.header(revision));
    }

    /// Reads keys at one revision; never waits for a sync.
    ///
    /// # Errors
    /// The revision is compacted or in the future, a record is damaged, or the server has stopped.
    pub async fn range(
        &self,
        _context: &RequestContext,
        r: pb::RangeRequest,
    ) -> Result<pb::RangeResponse, Error> {
        let mut answer = self.read(r).await?;
        self.fill(&mut answer.header);
        Ok(answer)
    }

    /// As [`Core::range`], encoded, behind so many free bytes.
    ///
    /// # Errors
    /// As [`Core::range`].
    pub async fn range_encoded(
        &self,
        _context: &RequestContext,
        r: pb::RangeRequest,
        free: usize,
    ) -> Result<Encoded, Error> {
        let header = self.inner.shared.header(0);
        self.read(Whole { r, header, free }).await
    }

    /// One piece of a long range: as [`Core::range`], but `count` counts only up to the limit.
    ///
    /// # Errors
    /// As [`Core::range`].
    pub async fn range_piece(
        &self,
        _context: &RequestContext,
        r: pb::RangeRequest,
    ) -> Result<pb::RangeResponse, Error> {
        let mut answer = self.read(Piece(r)).await?;
        self.fill(&mut answer.header);
        Ok(answer)
    }

    async fn read<Q: Question>(&self, question: Q) -> Result<Q::Answer, Error> {
        match reading::at_once(&self.inner.shared, question) {
            Ok(result) => result,
            Err(question) => {
                self.blocking(move |shared| reading::blocking(shared, &question))
                    .await
            }
        }
    }

    /// Runs work that may take long or touch cold pages, off the async workers.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = self.inner.shared.clone();
        tokio::task::spawn_blocking(move || work(&shared))
            .await
            .map_err(|_| Error::Stopped)?
    }

    /// Sends a request to the writer and waits for the answer.
    async fn write(&self, context: &RequestContext, request: Request) -> Result<Response, Error> {
        let size = request.encoded_len(self.inner.shared.ids.member);
        if size > self.inner.max_request_bytes {
            return Err(self
                .refusal(context, request.cost(), Error::RequestTooLarge)
                .await);
        }
        let answer = self.inner.shared.queue.push(request, size)?;
        answer.await.map_err(|_| Error::Stopped)?
    }

    /// What etcd says of a request that is refused with `error` before it gets to the writer: the quota comes
    /// first. One that does not fit raises the alarm, whatever else is wrong with it.
    pub async fn refusal(&self, _context: &RequestContext, cost: i64, error: Error) -> Error {
        let shared = &self.inner.shared;
        let Ok(published) = shared.published() else {
            return error;
        };
        let used = i64::try_from(published.db.sizes().total).unwrap_or(i64::MAX);
        if self.inner.quota.admits(used, cost) {
            return error;
        }
        if !published.alarms.raised(pb::AlarmType::Nospace) {
            let raise = pb::AlarmRequest {
                action: pb::alarm_request::AlarmAction::Activate.into(),
                member_id: shared.ids.member,
                alarm: pb::AlarmType::Nospace.into(),
            };
            // The refusal is the same if that fails.
            if let Ok(raised) = shared.queue.push(Request::Alarm(raise), 0) {
                let _ = raised.await;
            }
        }
        Error::NoSpace
    }

    /// Writes one key; the answer means that it is durable.
    ///
    /// # Errors
    /// The request is refused (size, space, alarm, missing key or lease), or can't be made durable.
    pub async fn put(
        &self,
        context: &RequestContext,
        r: pb::PutRequest,
    ) -> Result<pb::PutResponse, Error> {
        match self.write(context, Request::Put(r)).await? {
            Response::Put(mut answer) => {
                self.fill(&mut answer.header);
                Ok(answer)
            }
            _ => Err(Error::Stopped),
        }
    }

    /// Deletes a range.
    ///
    /// # Errors
    /// As [`Core::put`].
    pub async fn delete_range(
        &self,
        context: &RequestContext,
        r: pb::DeleteRangeRequest,
    ) -> Result<pb::DeleteRangeResponse, Error> {
        match self.write(context, Request::DeleteRange(r)).await? {
            Response::DeleteRange(mut answer) => {
                self.fill(&mut answer.header);
                Ok(answer)
            }
            _ => Err(Error::Stopped),
        }
    }

    /// Runs a transaction; one that only reads does not enter the writer.
    ///
    /// # Errors
    /// As [`Core::put`] and [`Core::range`].
    pub async fn txn(
        &self,
        context: &RequestContext,
        r: pb::TxnRequest,
    ) -> Result<pb::TxnResponse, Error> {
        let mut answer = if txn::is_read_only(&r) {
            self.read(r).await?
        } else {
            match self.write(context, Request::Txn(r)).await? {
                Response::Txn(answer) => answer,
                _ => return Err(Error::Stopped),
            }
        };
        self.fill(&mut answer.header);
        Ok(answer)
    }

    /// Compacts; with `physical` answers after the old revisions are gone from the file.
    ///
    /// # Errors
    /// The revision is compacted already or in the future, or as [`Core::put`].
    pub async fn compact(
        &self,
        context: &RequestContext,
        r: pb::CompactionRequest,
    ) -> Result<pb::CompactionResponse, Error> {
        match self.write(context, Request::Compact(r)).await? {
            Response::Compact(revision, gone) => {
                if r.physical {
                    gone.await.map_err(|_| Error::Stopped)?;
                }
                // etcd names the newest revision here, which may have moved on.
                let now = self
                    .inner
                    .shared
                    .published()
                    .map_or(revision, |p| p.revision);
                Ok(pb::CompactionResponse {
                    header: Some(self.inner.shared.header(now)),
                })
            }
            _ => Err(Error::Stopped),
        }
    }

    /// Lists, raises or clears alarms.
    ///
    /// # Errors
    /// As [`Core::put`].
    pub async fn alarm(
        &self,
        context: &RequestContext,
        r: pb::AlarmRequest,
    ) -> Result<pb::AlarmResponse, Error> {
        let mut answer = if r.action() == pb::alarm_request::AlarmAction::Get {
            pb::AlarmResponse {
                header: None,
                alarms: self.inner.shared.published()?.alarms.list(r.alarm),
            }
        } else {
            match self.write(context, Request::Alarm(r)).await? {
                Response::Alarm(answer) => answer,
                _ => return Err(Error::Stopped),
            }
        };
        answer.header = Some(self.header());
        Ok(answer)
    }

    /// What `endpoint status` shows.
    ///
    /// # Errors
    /// The server has stopped.
    pub async fn status(&self, _context: &RequestContext) -> Result<pb::StatusResponse, Error> {
        let shared = &self.inner.shared;
        let published = shared.published()?;
        let sizes = published.db.sizes();
        Ok(pb::StatusResponse {
            header: Some(shared.header(published.revision)),
            version: VERSION.into(),
            db_size: sizes.total as i64,
            leader: shared.ids.member,
            raft_index: published.applied,
            raft_term: shared.ids.term,
            raft_applied_index: published.applied,
            errors: published.alarms.list(0).iter().map(alarms::text).collect(),
            db_size_in_use: sizes.in_use as i64,
            is_learner: false,
            storage_version: fresh::current_version().to_string(),
            db_size_quota: match self.inner.quota_bytes {
                0 => quota::DEFAULT_BYTES,
                bytes => bytes,
            },
            downgrade_info: Some(pb::DowngradeInfo::default()),
        })
    }

    /// Rewrites the database file; reads go on, writes wait.
    ///
    /// # Errors
    /// There is no space for the new file, or the server has stopped.
    pub async fn defragment(
        &self,
        context: &RequestContext,
    ) -> Result<pb::DefragmentResponse, Error> {
        self.write(context, Request::Defragment).await?;
        Ok(pb::DefragmentResponse::default())
    }

    /// CRC-32C over the whole backend.
    ///
    /// # Errors
    /// A page is damaged, or the server has stopped.
    pub async fn hash(&self, _context: &RequestContext) -> Result<pb::HashResponse, Error> {
        self.blocking(|shared| {
            let published = shared.published()?;
            Ok(pb::HashResponse {
                header: Some(shared.header(published.revision)),
                hash: published.tx.hash()?,
            })
        })
        .await
    }

    /// CRC-32C over the history of keys up to `r.revision` (0: the current one).
    ///
    /// # Errors
    /// The revision is compacted or in the future, a record is damaged, or the server has stopped.
    pub async fn hash_kv(
        &self,
        _context: &RequestContext,
        r: pb::HashKvRequest,
    ) -> Result<pb::HashKvResponse, Error> {
        self.blocking(move |shared| {
            let (hash, current) = hashing::by_revision(shared, r.revision)?;
            Ok(pb::HashKvResponse {
                header: Some(shared.header(current)),
                hash: hash.hash,
                compact_revision: hash.compact_revision,
                hash_revision: hash.revision,
            })
        })
        .await
    }

    /// The whole database file at one moment; it keeps that moment's pages until it is dropped.
    ///
    /// # Errors
    /// The server has stopped.
    pub async fn snapshot(&self, _context: &RequestContext) -> Result<Snapshot, Error> {
        Ok(Snapshot::new(&self.inner.shared.published()?.tx))
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

impl Inner {
    fn stop(&self) {
        self.shared.stop();
        self.shared.queue.close();
        let mut threads = self.threads.lock();
        for thread in threads.drain(..) {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
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
            let answer = shared.queue.push(Request::Compact(request), 0)?;
            answer
                .blocking_recv()
                .map_err(|_| Error::Stopped)?
                .map(drop)
        },
    );
}
