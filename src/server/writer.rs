//! The single writer: takes the waiting requests, applies them, commits them as one batch, publishes the result, and
//! only then responds. While one group is being synced, the next one accumulates; after a slow sync, the queue also
//! waits a little for the clients that were just answered (`queue.rs`).
//!
//! A group goes through these steps, in this order:
//!
//! 1. claim the disk space: if there is not enough for a request, it is rejected and nothing changes
//! 2. apply the requests in order, to the index and to one batch
//! 3. commit the batch, which includes the consistent index
//! 4. publish the new state, with the events of the group
//! 5. respond, and start the group's compactions
//!
//! When a commit fails, the state of the disk is unknown, and the writer never writes again.
//!
//! A defragmentation waits until no compaction is in progress, because otherwise the new file would keep what the
//! compaction is about to remove. Requests are processed meanwhile.

use std::{
    sync::{Arc, atomic::Ordering, mpsc::Sender},
    time::{Duration, Instant},
};

use tracing::{error, info, warn};

use super::{
    apply::{Applier, Compaction, Request, Space, SpaceClaim},
    auth::Identity,
    backend::{DatabaseFile, Tx},
    error::Error,
    queue::{self, AfterCompactions, Done, Pending, Work},
    shared::{Published, Shared},
};
use crate::{
    bolt::{self, Db},
    golang::format,
    proto::etcdserverpb::LeaseRevokeRequest,
};

/// Size of responses in bytes after which no more requests join a group.
const GROUP_ANSWER_BYTES: usize = 64 << 20;
/// A commit that takes longer is logged, as etcd does with a sync of its log (etcd v3.7.1, server/storage/wal/wal.go).
const SLOW_COMMIT: Duration = Duration::from_secs(1);
/// Number of leases revoked in one group when the file is opened.
const REVOKED_AT_ONCE: usize = 1000;

/// The single writer of a core.
pub struct Writer {
    shared: Arc<Shared>,
    db: Db,
    applier: Applier,
    compactions: Sender<Compaction>,
    /// Number of compactions that have been passed to their thread and have not ended.
    compacting: usize,
    /// What waits for these compactions to end.
    after_compactions: Vec<AfterCompactions>,
    /// Whether the disk had no space for the last group. A compaction may then be waiting for space that only a
    /// defragmentation can free.
    disk_full: bool,
    /// Why nothing is written any more.
    failed: Option<Error>,
    /// How long the last commit of the current group took.
    last_commit: Duration,
}

impl Writer {
    /// A writer for an open file, with this number of compactions in progress.
    pub fn new(
        shared: Arc<Shared>,
        db: Db,
        applier: Applier,
        compactions: Sender<Compaction>,
        compacting: usize,
    ) -> Writer {
        Writer {
            shared,
            db,
            applier,
            compactions,
            compacting,
            after_compactions: Vec::new(),
            disk_full: false,
            failed: None,
            last_commit: Duration::ZERO,
        }
    }

    /// Processes requests until the queue is closed and empty.
    pub fn run(mut self) {
        let mut done = Done::default();
        while let Some(work) = self.shared.queue.take(done) {
            done = Done::default();
            match work {
                Work::Group(group) => done = self.write(group),
                Work::AfterCompactions(after) => self.after_compactions.push(after),
                Work::CompactionEnded => self.compacting -= 1,
            }
            let may_defragment = self.compacting == 0 || self.disk_full || self.failed.is_some();
            if may_defragment && !self.after_compactions.is_empty() {
                self.serve_after_compactions();
            }
        }
    }

    /// Revokes the leases that have expired by now, before anything is served. If this fails, the leases still exist
    /// and revoking them is retried later.
    pub fn revoke_expired(&mut self) {
        let lessor = self.shared.lessor.clone();
        let expired = lessor.expired(Instant::now());
        for ids in expired.chunks(REVOKED_AT_ONCE) {
            let (requests, replies): (Vec<_>, Vec<_>) = (ids.iter())
                .map(|&id| {
                    let revoke = LeaseRevokeRequest { id };
                    let member = self.shared.ids.member;
                    queue::pending(Request::new(revoke, Identity::Server, member))
                })
                .unzip();
            self.write(requests);
            lessor.count_expired(ids.len() as u64);
            drop(replies);
        }
    }

    /// Writes a group, in several commits if the responses become too large. Returns what was done.
    fn write(&mut self, mut group: Vec<Box<dyn Pending>>) -> Done {
        let answered = group.len();
        self.last_commit = Duration::ZERO;
        while !group.is_empty() {
            group = self.write_group(group);
        }
        Done {
            answered,
            commit: self.last_commit,
        }
    }

    /// Takes a group through all steps. Returns the requests that did not fit into it because the responses became too
    /// large.
    fn write_group(&mut self, group: Vec<Box<dyn Pending>>) -> Vec<Box<dyn Pending>> {
        if let Some(failed) = &self.failed {
            refuse(group, failed);
            return Vec::new();
        }
        // 1. Claim the space.
        let mut group = self.claim(group);
        if group.is_empty() {
            return group;
        }
        // 2. Apply.
        self.applier.begin_group(self.db.sizes().total);
        let (mut applied, mut answer_bytes) = (0, 0);
        for request in &mut group {
            if answer_bytes > GROUP_ANSWER_BYTES {
                break;
            }
            answer_bytes += request.apply(&mut self.applier);
            applied += 1;
        }
        let rest = group.split_off(applied);
        // 3. and 4. Commit and publish.
        if let Err(error) = self.commit() {
            error!(%error, "commit failed; no more writes are accepted");
            refuse(group, &error);
            self.failed = Some(error);
            return rest;
        }
        // 5. Answer, and start the compactions.
        for request in group {
            request.answer();
        }
        for compaction in self.applier.take_compactions() {
            if self.compactions.send(compaction).is_ok() {
                self.compacting += 1;
            }
        }
        rest
    }

    /// Claims the space that the whole group may need. If there is not enough, rejects the requests that do not fit and
    /// returns the others.
    fn claim(&mut self, group: Vec<Box<dyn Pending>>) -> Vec<Box<dyn Pending>> {
        let mut whole = SpaceClaim::new(self.applier.state());
        for request in &group {
            request.claim(&mut whole);
        }
        let Err(error) = claim(&self.db, whole.total()) else {
            self.disk_full = false;
            return group;
        };
        if !is_no_space(&error) {
            error!(%error, "nothing can be written to the file; no more writes are accepted");
            refuse(group, &error);
            self.failed = Some(error);
            return Vec::new();
        }
        self.disk_full = true;
        if group.len() == 1 {
            warn!(%error, "no space on the disk; request refused");
            refuse(group, &error);
            return Vec::new();
        }
        let mut admitted = Vec::new();
        let mut refused = 0;
        let mut claimed = SpaceClaim::new(self.applier.state());
        for request in group {
            let mut next = claimed.next();
            request.claim(&mut next);
            match claim(&self.db, claimed.total_with(Some(&next))) {
                Ok(()) => {
                    claimed.merge(next);
                    admitted.push(request);
                }
                Err(error) => {
                    refused += 1;
                    request.refuse(&error);
                }
            }
        }
        warn!(%error, requests = refused, "no space on the disk; requests refused");
        admitted
    }

    fn commit(&mut self) -> Result<(), Error> {
        if self.applier.is_broken() {
            let broken = "etcdserver: a damaged record stopped a write halfway";
            return Err(Error::Other(tonic::Code::DataLoss, broken.into()));
        }
        let Some(batch) = self.applier.take_batch()? else {
            return Ok(());
        };
        let since = Instant::now();
        self.db.commit(&batch).map_err(Error::storage)?;
        let took = since.elapsed();
        self.last_commit = took;
        self.shared.metrics.committed(took);
        if took > SLOW_COMMIT {
            warn!(
                took = format::duration(took),
                "expected-duration" = format::duration(SLOW_COMMIT),
                "slow fdatasync"
            );
        }
        self.publish();
        Ok(())
    }

    /// Makes the committed state visible.
    fn publish(&mut self) {
        let tx = Tx::new(self.db.read());
        let tokens = &self.shared.tokens;
        let state = self.applier.state_mut();
        let effects = state.take_auth_effects();
        if state.auth.is_enabled() {
            tokens.enable();
        }
        // Before the rest, so that a reader who sees a key finds it attached to its lease.
        state.leases.commit(Instant::now());
        let events = state.head.committed(tx.clone());
        let compacted = state.head.compacted.load(Ordering::Acquire);
        let published = Published {
            file: DatabaseFile::Writable(self.db.clone()),
            tx,
            revision: state.head.revision,
            applied: state.applied,
            alarms: state.alarms.clone(),
            auth: state.auth.clone(),
            membership: state.membership.clone(),
            events,
        };
        self.shared.publish(published, compacted);
        // After the rest, so that no token becomes invalid before the reason is visible.
        for effects in effects {
            effects
                .invalidated
                .iter()
                .for_each(|user| tokens.invalidate(user));
            if effects.disabled {
                tokens.disable();
            }
        }
    }

    /// Serves everybody who has waited for compactions to end.
    fn serve_after_compactions(&mut self) {
        let mut waiting = std::mem::take(&mut self.after_compactions);
        waiting.retain(|after| !after.reply.is_closed());
        // Keep the old file until everybody has been served, because freeing its blocks takes time.
        let old = self.db.read();
        let defragment = waiting.iter().any(|after| after.defragment);
        let defragmented = match &self.failed {
            Some(failed) => Err(failed.clone()),
            None if defragment => self.defragment(),
            None => Ok(()),
        };
        for AfterCompactions { defragment, reply } in waiting {
            let result = match defragment {
                true => defragmented.clone(),
                false => Ok(()),
            };
            // The caller may have gone away.
            let _ = reply.send(result);
        }
        drop(old);
    }

    fn defragment(&mut self) -> Result<(), Error> {
        let before = self.db.sizes();
        info!(
            "current-db-size-bytes" = before.total,
            "current-db-size-in-use-bytes" = before.in_use,
            "defragmenting"
        );
        let started = std::time::Instant::now();
        let result = (self.db.defragment()).map_err(|error| match error.is_no_space() {
            true => self.no_space_to_defragment(before.in_use, &error),
            false => Error::storage(error),
        });
        match &result {
            Ok(_) => {
                let took = started.elapsed().as_secs_f64();
                self.shared.metrics.defragment.observe(took);
                self.disk_full = false;
                self.publish();
                let after = self.db.sizes();
                info!(
                    "current-db-size-bytes-diff" = after.total as i64 - before.total as i64,
                    "current-db-size-bytes" = after.total,
                    "current-db-size-in-use-bytes" = after.in_use,
                    took = ?started.elapsed(),
                    "finished defragmenting directory"
                );
            }
            Err(error) => warn!(%error, "failed to defragment"),
        }
        result.map(drop)
    }

    /// The error of a defragmentation whose new file of about `wanted` bytes does not fit on the disk.
    fn no_space_to_defragment(&self, wanted: u64, error: &bolt::Error) -> Error {
        let free = rustix::fs::statvfs(self.db.path())
            .map_or(0, |fs| fs.f_bavail.saturating_mul(fs.f_frsize));
        let missing = wanted.saturating_sub(free);
        let text = format!(
            "etcdserver: {error}: the new file needs about {wanted} bytes, {free} are free, \
             {missing} more are needed"
        );
        Error::Other(tonic::Code::ResourceExhausted, text)
    }
}

/// Whether a full disk is the cause of an error.
fn is_no_space(error: &Error) -> bool {
    matches!(error, Error::Other(tonic::Code::ResourceExhausted, _))
}

/// Makes sure that this much can be written.
fn claim(db: &Db, space: Space) -> Result<(), Error> {
    let records = usize::try_from(space.records).unwrap_or(usize::MAX);
    db.claim(space.bytes, records).map_err(Error::storage)
}

fn refuse(group: Vec<Box<dyn Pending>>, error: &Error) {
    for request in group {
        request.refuse(error);
    }
}
