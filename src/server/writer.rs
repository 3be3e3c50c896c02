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

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering, mpsc::Sender},
};

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::{
    apply::{Applier, Compaction, Response, Writes},
    backend::Tx,
    core::shared::{Published, Shared},
    error::Error,
    mvcc::index::KeyRange,
    queue::Job,
};
use crate::{
    bolt::Db,
    proto::etcdserverpb::{DeleteRangeRequest, PutRequest},
};

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
        let mut sum = Sum::new(&self.applier);
        for job in group {
            job.request.add_to(&mut sum);
        }
        let (bytes, records) = sum.total();
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
        // Kept until everybody is answered: giving back the blocks of the old file takes its time.
        let old = self.db.read();
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
        drop(old);
    }
}

/// Bytes that a put's record takes beside key and value: its revision, field tags, lengths, varints.
const PUT_OVERHEAD: u64 = 18 + 6 + 2 * 5 + 4 * 10;
/// Bytes that a tombstone's record takes beside the key.
const TOMBSTONE_OVERHEAD: u64 = 18 + 1 + 5;
/// The consistent index, and an alarm that the group may raise.
const BESIDE: (u64, u64) = (128, 4);

/// An upper bound for what a group writes: bytes and records.
struct Sum<'a> {
    applier: &'a Applier<Tx>,
    puts: (u64, u64),
    others: (u64, u64),
    deletions: (u64, u64),
    /// Bytes of the largest value that the group puts.
    largest: u64,
    /// Ranges that were counted already: what is deleted once can't be deleted again unless it is
    /// put again.
    ranges: HashSet<(Bytes, Bytes)>,
}

impl<'a> Sum<'a> {
    fn new(applier: &'a Applier<Tx>) -> Sum<'a> {
        Sum {
            applier,
            puts: (0, 0),
            others: (0, 0),
            deletions: (0, 0),
            largest: 0,
            ranges: HashSet::new(),
        }
    }

    fn total(&self) -> (u64, u64) {
        // Whatever the group puts, it may also delete.
        let again = match self.ranges.is_empty() {
            true => (0, 0),
            false => self.puts,
        };
        [BESIDE, self.puts, self.others, self.deletions, again]
            .into_iter()
            .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    }
}

impl Writes for Sum<'_> {
    fn put(&mut self, r: &PutRequest) {
        let mut value = r.value.len() as u64;
        if r.ignore_value {
            // The value is taken over from a record, or from an earlier request of the group. A record
            // that can't be read stops the request later.
            let view = self.applier.head.view(&self.applier.index);
            let stored = view.get(&r.key).ok().flatten();
            value = stored
                .map_or(0, |kv| kv.value.len() as u64)
                .max(self.largest);
        }
        self.largest = self.largest.max(value);
        self.puts.0 += r.key.len() as u64 + value + PUT_OVERHEAD;
        self.puts.1 += 1;
    }

    fn delete(&mut self, r: &DeleteRangeRequest) {
        if !self.ranges.insert((r.key.clone(), r.range_end.clone())) {
            return;
        }
        let Applier { index, head, .. } = self.applier;
        let keys = KeyRange::new(&r.key, &r.range_end);
        index.visit(keys, head.revision, |key, _| {
            self.deletions.0 += key.len() as u64 + TOMBSTONE_OVERHEAD;
            self.deletions.1 += 1;
            true
        });
    }

    fn other(&mut self, bytes: u64, records: u64) {
        self.others.0 += bytes;
        self.others.1 += records;
    }
}

fn refuse(group: Vec<Job>, error: &Error) {
    for job in group {
        let _ = job.reply.send(Err(error.clone()));
    }
}
