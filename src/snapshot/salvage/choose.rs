//! Selects which of the records found are written, so that the result is consistent.
//!
//! ```text
//! found      4_0  5_0  7_0  8_0  8_1  9_0        6 is missing
//! written    the newest record of each key up to 6, and all of 7, 8 and 9: as after a compaction at 6
//! ```

use std::collections::{HashMap, HashSet};

use super::gather::Record;
use crate::schema::key::Revision;

/// The selected records.
pub(super) struct Chosen {
    /// In order.
    pub records: Vec<Record>,
    /// Sets of different records at the same revision, none of which is written.
    pub at_odds: Vec<Vec<Record>>,
    /// Number of records read, without copies.
    pub count: u64,
    /// Number of records omitted because of the compaction.
    pub superseded: u64,
    /// The compact revision of the new file; 0: none.
    pub compacted: i64,
    /// The revision of the new file.
    pub revision: i64,
    /// Number of live keys.
    pub keys: u64,
}

/// Selects from `found`; `compacted` is the compact revision in the file.
pub(super) fn choose(mut found: Vec<Record>, compacted: Option<i64>, keep_history: bool) -> Chosen {
    found.sort_unstable_by_key(|r| (r.revision, r.source, r.tombstone, r.digest));
    let (records, at_odds, count) = without_copies(&found);
    drop(found);
    let last = records.last().map_or(0, |r| r.revision.main);
    let revision = last.max(compacted.unwrap_or(0)).max(1);
    let floor = compacted.unwrap_or(0);
    let compacted = match keep_history {
        true => floor.max(needed_compaction(&records, floor)),
        // Nothing can be missing if there are no records.
        false if records.is_empty() => floor,
        false => revision,
    };
    let before = records.len();
    let (records, keys) = compact(records, compacted);
    Chosen {
        superseded: (before - records.len()) as u64,
        records,
        at_odds,
        count,
        compacted,
        revision,
        keys,
    }
}

/// One record per revision, and the sets of records that differ. Of copies, the one from the better source is kept.
fn without_copies(found: &[Record]) -> (Vec<Record>, Vec<Vec<Record>>, u64) {
    let (mut records, mut at_odds, mut count) = (Vec::with_capacity(found.len()), Vec::new(), 0);
    for group in found.chunk_by(|a, b| a.revision == b.revision) {
        let Some(first) = group.first() else { continue };
        let same = |r: &&Record| r.digest == first.digest && r.tombstone == first.tombstone;
        let best = group.iter().filter(|r| r.source == first.source);
        if best.clone().all(|r| same(&r)) {
            records.push(*first);
            count += 1;
        } else {
            let mut different: Vec<Record> = best.copied().collect();
            different.dedup_by_key(|r| (r.tombstone, r.digest));
            count += different.len() as u64;
            at_odds.push(different);
        }
    }
    (records, at_odds, count)
}

/// The lowest compact revision, `floor` or above, that explains everything that is missing.
fn needed_compaction(records: &[Record], floor: i64) -> i64 {
    let mut needed = floor;
    // The records of a revision begin with sub revision 0, and the next revision follows.
    let mut previous = Revision::new(1, 0);
    let mut keys: HashMap<u128, (i64, i64)> = HashMap::new();
    for record in records {
        let at = record.revision;
        if !previous.is_followed_by(at) {
            needed = needed.max(if at.sub == 0 { at.main - 1 } else { at.main });
        }
        previous = at;
        // A record of a bumped revision has no key, and only a compaction explains it.
        if record.key == 0 {
            needed = needed.max(at.main);
            continue;
        }
        let state = (record.version, record.created);
        let continues = match keys.insert(record.key, state) {
            None | Some((0, _)) => record.version == 1,
            Some(_) if record.version == 0 => true,
            Some((version, created)) => {
                record.version == version.saturating_add(1) && record.created == created
            }
        };
        if !continues {
            needed = needed.max(at.main);
        }
    }
    needed
}

/// The records that remain after a compaction, and the number of live keys.
fn compact(records: Vec<Record>, compacted: i64) -> (Vec<Record>, u64) {
    // From the end, so that the first record of a key is its newest.
    let (mut newest, mut newest_below) = (HashSet::new(), HashSet::new());
    let mut keys = 0;
    let mut left: Vec<Record> = Vec::with_capacity(records.len());
    for record in records.into_iter().rev() {
        let at = record.revision.main;
        keys += u64::from(newest.insert(record.key) && record.version > 0 && record.key != 0);
        let below = at <= compacted;
        let is_newest_below = below && newest_below.insert(record.key);
        // A deletion at the compact revision is kept, as in etcd; so is a record that only marks the revision.
        let stays = match (record.key, record.tombstone) {
            (0, _) | (_, true) => at == compacted,
            (_, false) => true,
        };
        if !below || (is_newest_below && stays) {
            left.push(record);
        }
    }
    left.reverse();
    (left, keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::salvage::Source;

    /// Records as (revision, key, version, created); version 0 is a deletion.
    fn record(main: i64, key: u128, version: i64, created: i64) -> Record {
        Record {
            revision: Revision::new(main, 0),
            tombstone: version == 0,
            source: Source::Tree,
            key,
            created,
            version,
            lease: 0,
            at: 0,
            len: 0,
            digest: main as u64,
        }
    }

    fn revisions(chosen: &Chosen) -> Vec<i64> {
        chosen.records.iter().map(|r| r.revision.main).collect()
    }

    #[test]
    fn history_is_kept_as_far_as_it_is_complete() {
        let found = || {
            vec![
                record(2, 1, 1, 2),
                record(3, 2, 1, 3),
                record(5, 1, 2, 2),
                record(6, 2, 0, 0),
                record(7, 1, 3, 2),
            ]
        };
        let chosen = choose(found(), None, true);
        // 4 is missing: the rest is as after a compaction at 4.
        assert_eq!(chosen.compacted, 4);
        assert_eq!(revisions(&chosen), [2, 3, 5, 6, 7]);
        assert_eq!((chosen.keys, chosen.superseded, chosen.revision), (1, 0, 7));
        let chosen = choose(found(), None, false);
        assert_eq!(chosen.compacted, 7);
        assert_eq!(revisions(&chosen), [7]);
        assert_eq!((chosen.keys, chosen.superseded, chosen.count), (1, 4, 5));
    }

    #[test]
    fn a_version_that_is_missing_moves_the_compaction() {
        let found = vec![
            record(2, 1, 1, 2),
            record(3, 2, 1, 3),
            record(4, 1, 3, 2),
            record(5, 2, 2, 3),
        ];
        let chosen = choose(found, None, true);
        assert_eq!(chosen.compacted, 4);
        assert_eq!(revisions(&chosen), [3, 4, 5]);
    }

    #[test]
    fn two_records_at_one_revision_are_decided_by_their_sources_or_not_at_all() {
        let copy = |source, digest| Record {
            source,
            digest,
            ..record(2, 1, 1, 2)
        };
        let better = choose(
            vec![copy(Source::Scan, 1), copy(Source::Tree, 2)],
            None,
            true,
        );
        assert_eq!(better.records[0].digest, 2);
        let same = choose(
            vec![copy(Source::Scan, 1), copy(Source::Scan, 1)],
            None,
            true,
        );
        assert_eq!((same.count, same.records.len()), (1, 1));
        let apart = choose(
            vec![copy(Source::Scan, 1), copy(Source::Scan, 2)],
            None,
            true,
        );
        assert_eq!((apart.records.len(), apart.at_odds[0].len()), (0, 2));
    }
}
