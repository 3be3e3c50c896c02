//! The physical half of compactions, on a thread of its own: first the index lets go of old changes,
//! then their records are removed in pieces that go through the writer like any request, so that no
//! put waits long behind them. A compaction that was interrupted is taken up again at the next start.

use std::{
    ops::Bound,
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};

use tracing::{info, warn};

use super::shared::Shared;
use crate::{
    schema::{hashkv::HashKv, key::RevisionKey},
    server::{
        apply::{Compaction, Request},
        error::Error,
        mvcc::{
            hashes::{Kept, KeyHash},
            revision::Revision,
        },
    },
};

/// How long a piece should take, its syncs included.
const PIECE_TIME: Duration = Duration::from_millis(8);
/// Records looked at for one piece, at least and at most. On a disk that syncs slowly smaller pieces
/// would help nobody: the sync is most of what others wait for.
const PIECE_RECORDS: std::ops::RangeInclusive<usize> = 1000..=20_000;
/// Records of the first piece.
const FIRST_PIECE: usize = 1000;
/// How long to wait for space on the disk before a piece is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Works through compactions until the writer is gone.
pub fn run(shared: &Arc<Shared>, compactions: &Receiver<Compaction>) {
    for compaction in compactions {
        let revision = compaction.revision;
        match compact(shared, &compaction) {
            Ok(hash) => {
                if compaction.whole {
                    shared.hashes.lock().store(hash);
                } else {
                    info!(
                        "previous compaction was interrupted, skip storing compaction hash value"
                    );
                }
                // Nobody may be waiting.
                let _ = compaction.done.send(());
            }
            Err(Error::Stopped) => return,
            Err(error) => warn!(revision, %error, "failed compaction"),
        }
    }
}

fn compact(shared: &Arc<Shared>, compaction: &Compaction) -> Result<KeyHash, Error> {
    let started = Instant::now();
    let revision = compaction.revision;
    let mut kept: Vec<Revision> = Vec::new();
    let mut cursor = None;
    while shared.index.compact_piece(revision, &mut cursor, &mut kept) {
        if shared.is_stopping() {
            return Err(Error::Stopped);
        }
    }
    kept.sort_unstable();

    let mut removed = 0;
    let mut hash = HashKv::new(compaction.previous, revision);
    let (mut keeps, mut takes_part) = (Kept::new(&kept), Kept::new(&kept));
    let mut from: Option<Vec<u8>> = None;
    let mut size = FIRST_PIECE;
    loop {
        let piece = {
            // A fresh state for each piece: an old one would keep its pages from being used again.
            let published = shared.published()?;
            let start = from.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut piece = Piece::default();
            let mut seen = 0;
            published.tx.records(start, revision, |key, value| {
                let at = RevisionKey::of_record(key).map_err(|e| Error::record(&e))?;
                hash.write(key, value, |rev| takes_part.takes_part(rev))
                    .map_err(|e| Error::record(&e))?;
                if !keeps.contains(at.revision) {
                    piece.records.push((at.revision, at.tombstone));
                }
                seen += 1;
                if seen == size {
                    piece.resume = Some(key.to_vec());
                }
                Ok(seen < size)
            })?;
            piece
        };
        removed += piece.records.len();
        let last = piece.resume.is_none();
        from = piece.resume;
        if last || !piece.records.is_empty() {
            let asked = Instant::now();
            discard(shared, &piece.records, last.then_some(revision))?;
            size = next_size(size, asked.elapsed());
        }
        if last {
            break;
        }
        if shared.is_stopping() {
            return Err(Error::Stopped);
        }
    }
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

/// Some records of a compaction.
#[derive(Default)]
struct Piece {
    records: Vec<(Revision, bool)>,
    /// The last key that was looked at, unless there are no more.
    resume: Option<Vec<u8>>,
}

/// The next piece is larger where this one was quick, and smaller where it was slow.
fn next_size(size: usize, took: Duration) -> usize {
    let factor = PIECE_TIME.as_secs_f64() / took.as_secs_f64().max(1e-6);
    let next = (size as f64 * factor.clamp(0.5, 2.0)) as usize;
    next.clamp(*PIECE_RECORDS.start(), *PIECE_RECORDS.end())
}

/// Has the writer remove records, however long the disk is full.
fn discard(
    shared: &Arc<Shared>,
    records: &[(Revision, bool)],
    finished: Option<i64>,
) -> Result<(), Error> {
    loop {
        let request = Request::Discard {
            records: records.to_vec(),
            finished,
        };
        let answer = match shared.queue.push(request, 18 * records.len()) {
            Ok(answer) => answer
                .blocking_recv()
                .map_err(|_| Error::Stopped)?
                .map(drop),
            Err(error) => Err(error),
        };
        match answer {
            Err(Error::RequestTooManyRequests) => {}
            Err(Error::Other(tonic::Code::ResourceExhausted, _)) => {}
            other => return other,
        }
        if !shared.pause(RETRY) {
            return Err(Error::Stopped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_the_time_they_take() {
        assert_eq!(next_size(3000, PIECE_TIME), 3000);
        assert_eq!(next_size(3000, PIECE_TIME / 10), 6000);
        assert_eq!(next_size(3000, PIECE_TIME * 10), 1500);
        assert_eq!(next_size(1000, PIECE_TIME * 10), *PIECE_RECORDS.start());
        assert_eq!(next_size(20_000, Duration::ZERO), *PIECE_RECORDS.end());
    }
}
