//! The single writer: takes what waits, applies it, commits it as one batch, publishes the result,
//! and only then answers. While one group is being synced, the next one gathers.
//!
//! A group goes through these steps, in this order:
//!
//! 1. claim the space on the disk: where there is none, the group is refused and nothing has changed
//! 2. apply its requests, in order, to the index and into one batch
//! 3. commit the batch with the consistent index in it: two syncs
//! 4. publish the new state
//! 5. answer, and start the compactions of the group
//!
//! When a commit fails, what is on the disk is not known: the writer never writes again.

use std::sync::{Arc, atomic::Ordering, mpsc::Sender};

use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::{
    apply::{Applier, Compaction, Response},
    backend::Tx,
    core::shared::{Published, Shared},
    error::Error,
    mvcc::index::KeyRange,
    queue::Job,
};
use crate::{bolt::Db, proto::etcdserverpb::DeleteRangeRequest};

/// An answer that waits for its group to be durable.
type Answer = (
    oneshot::Sender<Result<Response, Error>>,
    Result<Response, Error>,
);

/// The single writer of a core.
pub struct Writer {
    shared: Arc<Shared>,
    db: Db,
    applier: Applier<Tx>,
    compactions: Sender<Compaction>,
    /// Why nothing is written any more.
    failed: Option<Error>,
}

impl Writer {
    /// A writer on an open file.
    pub fn new(
        shared: Arc<Shared>,
        db: Db,
        applier: Applier<Tx>,
        compactions: Sender<Compaction>,
    ) -> Writer {
        Writer {
            shared,
            db,
            applier,
            compactions,
            failed: None,
        }
    }

    /// Works until the queue is closed and empty.
    pub fn run(mut self) {
        while let Some(group) = self.shared.queue.take() {
            if let Some(failed) = &self.failed {
                refuse(group, failed);
            } else if group.iter().all(|job| job.request.is_defragment()) {
                self.defragment(group);
            } else {
                self.write(group);
            }
        }
    }

    fn write(&mut self, group: Vec<Job>) {
        if let Err(error) = self.claim(&group) {
            warn!(%error, requests = group.len(), "no space on the disk; requests refused");
            refuse(group, &error);
            return;
        }
        self.applier.begin(self.db.sizes().total);
        let mut answers: Vec<Answer> = Vec::with_capacity(group.len());
        for Job { request, reply, .. } in group {
            let result = self.applier.apply(&request);
            answers.push((reply, result));
        }
        if let Err(error) = self.commit() {
            error!(%error, "commit failed; no more writes are taken");
            self.failed = Some(error.clone());
            for (reply, _) in answers {
                let _ = reply.send(Err(error.clone()));
            }
            return;
        }
        for (reply, result) in answers {
            // Whoever asked may have gone away.
            let _ = reply.send(result);
        }
        for compaction in self.applier.take_compactions() {
            let _ = self.compactions.send(compaction);
        }
    }

    /// Makes sure that the whole group can be written.
    fn claim(&self, group: &[Job]) -> Result<(), Error> {
        let index = &self.applier.index;
        let revision = self.applier.head.revision;
        let (mut bytes, mut records) = (64, 4);
        // A deletion may meet keys that the group itself makes.
        let mut puts = (0, 0);
        for job in group {
            let mut count = |r: &DeleteRangeRequest| {
                let (mut bytes, mut n) = puts;
                index.visit(KeyRange::new(&r.key, &r.range_end), revision, |key, _| {
                    bytes += key.len() as u64 + 32;
                    n += 1;
                    true
                });
                (bytes, n)
            };
            let (b, n) = job.request.bounds(&mut count);
            bytes += b;
            records += n;
            puts = (puts.0 + b, puts.1 + n);
        }
        self.db
            .claim(bytes, usize::try_from(records).unwrap_or(usize::MAX))
            .map_err(Error::storage)
    }

    /// Steps 3 and 4.
    fn commit(&mut self) -> Result<(), Error> {
        if self.applier.is_broken() {
            let broken = "etcdserver: a damaged record stopped a write half-way";
            return Err(Error::Other(tonic::Code::DataLoss, broken.into()));
        }
        let Some(batch) = self.applier.take_batch()? else {
            return Ok(());
        };
        self.db.commit(&batch).map_err(Error::storage)?;
        self.publish();
        Ok(())
    }

    fn publish(&mut self) {
        let tx = Tx::new(self.db.read());
        self.applier.head.committed(tx.clone());
        let state = Published {
            db: self.db.clone(),
            tx,
            revision: self.applier.head.revision,
            applied: self.applier.applied,
            alarms: self.applier.alarms.clone(),
        };
        let compacted = self.applier.head.compacted.load(Ordering::Acquire);
        self.shared.publish(state, compacted);
    }

    fn defragment(&mut self, group: Vec<Job>) {
        let before = self.db.sizes();
        info!(
            "current-db-size-bytes" = before.total,
            "current-db-size-in-use-bytes" = before.in_use,
            "defragmenting"
        );
        let started = std::time::Instant::now();
        let result = self.db.defragment().map_err(Error::storage);
        match &result {
            Ok(_) => {
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
        for job in group {
            let result = result.as_ref().map(|_| Response::Done);
            let _ = job.reply.send(result.map_err(Clone::clone));
        }
    }
}

fn refuse(group: Vec<Job>, error: &Error) {
    for job in group {
        let _ = job.reply.send(Err(error.clone()));
    }
}
