//! The physical part of compactions, on a separate thread. First the index drops old changes. Then their records are
//! removed in steps that go through the writer like any other request, so that no put waits long behind them. An
//! interrupted compaction is resumed at the next start.

use std::{
    ops::Bound,
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};

use tracing::{info, warn};

use super::{
    apply::{Compaction, RemoveRevisions, Request},
    auth::Identity,
    error::Error,
    metrics::milliseconds,
    mvcc::{
        compaction_hashes::{Kept, KeyHash},
        revision::Revision,
    },
    shared::Shared,
};
use crate::schema::{hashkv::HashKv, key::RevisionKey};

/// Intended duration of a step, including its sync.
const STEP_TIME: Duration = Duration::from_millis(8);
/// Minimum and maximum number of records examined in a step. On a disk with slow syncs, smaller steps would not help:
/// other requests mostly wait for the sync.
const STEP_RECORDS: std::ops::RangeInclusive<usize> = 1000..=20_000;
/// Number of records in the first step.
const FIRST_STEP: usize = 1000;
/// Number of records removed by one request if the disk has no space for more. The writer reserves enough space for
/// this many.
const RECORDS_ON_A_FULL_DISK: usize = 8;
/// Time to wait for disk space before a step is repeated.
const RETRY: Duration = Duration::from_secs(1);

/// The pace of removing records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Number of records examined in one step; `None`: as many as `STEP_TIME` allows.
    pub batch: Option<usize>,
    /// Pause between steps.
    pub pause: Duration,
}

/// Runs compactions until the writer is dropped.
pub fn run(shared: &Arc<Shared>, compactions: &Receiver<Compaction>, pace: Pace) {
    for compaction in compactions {
        let revision = compaction.revision;
        let result = compact(shared, &compaction, pace);
        if matches!(result, Err(Error::Stopped)) {
            return;
        }
        match &result {
            Ok(hash) if compaction.previous_finished => {
                shared.compaction_hashes.lock().store(*hash);
            }
            Ok(_) => {
                info!("previous compaction was interrupted, skip storing compaction hash value");
            }
            Err(error) => warn!(revision, %error, "failed compaction"),
        }
        shared.queue.compaction_ended();
        // There may be no receiver.
        let _ = compaction.done.send(result.map(drop));
    }
}

/// Executes one compaction. Returns the hash of the history up to its revision, which is computed from the same records.
fn compact(shared: &Arc<Shared>, compaction: &Compaction, pace: Pace) -> Result<KeyHash, Error> {
    let started = Instant::now();
    let revision = compaction.revision;
    // Drop old changes from the index, so that nothing refers to their records any more.
    let kept = compact_index(shared, revision)?;
    let mut hash = HashKv::new(compaction.previous, revision);
    let (mut keeps, mut takes_part) = (Kept::new(&kept), Kept::new(&kept));
    let mut removed = 0;
    let mut from: Option<Vec<u8>> = None;
    let mut size = pace.batch.unwrap_or(FIRST_STEP);
    loop {
        // Examine the next records: hash them, and find those to be removed.
        let step = {
            // Take a new state for each step: an old one would keep its pages from being reused.
            let published = shared.published()?;
            let start = from.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut step = Step::default();
            let mut seen = 0;
            published.tx.records(start, revision, |key, value| {
                let at = RevisionKey::of_record(key).map_err(|e| Error::record(&e))?;
                hash.write(key, value, |rev| takes_part.takes_part(rev))
                    .map_err(|e| Error::record(&e))?;
                if !keeps.contains(at.revision) {
                    step.obsolete.push((at.revision, at.tombstone));
                }
                seen += 1;
                if seen == size {
                    step.resume = Some(key.to_vec());
                }
                Ok(seen < size)
            })?;
            step
        };
        // Remove them, and adapt the size of the next step to the time that this takes.
        removed += step.obsolete.len();
        let last = step.resume.is_none();
        from = step.resume;
        if last || !step.obsolete.is_empty() {
            let asked = Instant::now();
            remove(shared, &step.obsolete, last.then_some(revision))?;
            let took = asked.elapsed();
            let pause = &shared.metrics.compaction_pause;
            pause.observe(milliseconds(took));
            if pace.batch.is_none() {
                size = next_size(size, took);
            }
        }
        if last {
            break;
        }
        // Pause before the next step, unless the server is stopping.
        let goes_on = match pace.pause.is_zero() {
            true => !shared.is_stopping(),
            false => shared.pause(pace.pause),
        };
        if !goes_on {
            return Err(Error::Stopped);
        }
    }
    shared.metrics.compacted(started, removed);
    let hash = KeyHash {
        hash: hash.sum(),
        compact_revision: compaction.previous,
        revision,
    };
    info!(
        "compact-revision" = revision,
        took = ?started.elapsed(),
        "number-of-keys-compacted" = removed,
        hash = hash.hash,
        "finished scheduled compaction"
    );
    Ok(hash)
}

/// Drops old changes from the index. Returns the remaining changes up to `revision`, in order.
fn compact_index(shared: &Shared, revision: i64) -> Result<Vec<Revision>, Error> {
    let mut kept: Vec<Revision> = Vec::new();
    let mut cursor = None;
    loop {
        let since = Instant::now();
        let more = shared.index.compact_step(revision, &mut cursor, &mut kept);
        let pause = &shared.metrics.index_compaction_pause;
        pause.observe(milliseconds(since.elapsed()));
        if !more {
            break;
        }
        if shared.is_stopping() {
            return Err(Error::Stopped);
        }
    }
    kept.sort_unstable();
    Ok(kept)
}

/// The result of examining records.
#[derive(Default)]
struct Step {
    /// Records to remove.
    obsolete: Vec<(Revision, bool)>,
    /// The last key that was examined; `None` at the end.
    resume: Option<Vec<u8>>,
}

/// Makes the next step larger if this one was fast, and smaller if it was slow.
fn next_size(size: usize, took: Duration) -> usize {
    let factor = STEP_TIME.as_secs_f64() / took.as_secs_f64().max(1e-6);
    let next = (size as f64 * factor.clamp(0.5, 2.0)) as usize;
    next.clamp(*STEP_RECORDS.start(), *STEP_RECORDS.end())
}

/// Lets the writer remove records, and mark the compaction as finished with the last of them. On a full disk, removes a
/// few at a time and waits for space as long as necessary.
fn remove(
    shared: &Arc<Shared>,
    records: &[(Revision, bool)],
    finished: Option<i64>,
) -> Result<(), Error> {
    let mut rest = records;
    let mut at_once = records.len();
    loop {
        let (now, later) = rest.split_at(at_once.min(rest.len()));
        let op = RemoveRevisions {
            records: now.to_vec(),
            finished: finished.filter(|_| later.is_empty()),
        };
        let request = Request::new(op, Identity::Server, shared.ids.member);
        let answer = match shared.queue.push(request) {
            Ok(answer) => answer.blocking_recv().map_err(|_| Error::Stopped)?,
            Err(error) => Err(error),
        };
        match answer {
            Ok(()) if later.is_empty() => return Ok(()),
            Ok(()) => rest = later,
            Err(Error::Other(tonic::Code::ResourceExhausted, _))
                if now.len() > RECORDS_ON_A_FULL_DISK =>
            {
                at_once = RECORDS_ON_A_FULL_DISK;
            }
            Err(
                Error::RequestTooManyRequests | Error::Other(tonic::Code::ResourceExhausted, _),
            ) => {
                if !shared.pause(RETRY) {
                    return Err(Error::Stopped);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_the_time_they_take() {
        assert_eq!(next_size(3000, STEP_TIME), 3000);
        assert_eq!(next_size(3000, STEP_TIME / 10), 6000);
        assert_eq!(next_size(3000, STEP_TIME * 10), 1500);
        assert_eq!(next_size(1000, STEP_TIME * 10), *STEP_RECORDS.start());
        assert_eq!(next_size(20_000, Duration::ZERO), *STEP_RECORDS.end());
    }
}
