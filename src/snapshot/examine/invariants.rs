//! Checks records of an intact file against each other. Each record by itself has already been checked.
//!
//! ```text
//! revision          2 3 4 5 6 7      compacted at 4
//! records above 4         5 6 7      every revision has records, with sub revisions 0, 1, 2, ...
//! records up to 4   2   4            any of them may be gone
//! ```

use std::collections::{HashMap, HashSet};

use crate::{
    schema::{
        RecordError, bucket, counter,
        key::{KeyValueRef, Revision, RevisionKey},
        lease,
    },
    snapshot::{Item, Records, key_set::TooLarge, small_records},
};

use super::{history::Histories, leased::Leased};

/// Exclusive upper bound on the revisions that a cluster can reach by writing.
const MAX_REVISION: i64 = counter::LIMIT as i64;
/// At most this many findings of each kind are kept.
const KEPT: usize = 16;

/// A gap in the sequence of revisions.
#[derive(Clone, Copy, Debug)]
struct Gap {
    before: Option<Revision>,
    at: Revision,
}

/// Collects, record by record, what is needed for the checks at the end.
pub(in crate::snapshot) struct Invariants {
    name: Vec<u8>,
    previous: Option<Revision>,
    /// The last gap in the sequence of revisions, and the first gap in the sub revisions of a later one.
    gaps: Vec<Gap>,
    gap_count: usize,
    last_gap: Option<Gap>,
    /// Records without a value, which only a revision bump leaves behind.
    empty: Vec<Revision>,
    odd: Vec<String>,
    /// `None` if they are not checked.
    histories: Option<Histories>,
    leased: Leased,
    leases: HashSet<i64>,
    buckets: Vec<Vec<u8>>,
    required: HashMap<Vec<u8>, bool>,
    /// Number of records in the history.
    pub revisions: u64,
}

impl Invariants {
    /// Checks of a file that must contain these keys.
    pub fn new(required: &[Vec<u8>]) -> Invariants {
        Invariants {
            name: Vec::new(),
            previous: None,
            gaps: Vec::new(),
            gap_count: 0,
            last_gap: None,
            empty: Vec::new(),
            odd: Vec::new(),
            histories: Some(Histories::default()),
            leased: Leased::default(),
            leases: HashSet::new(),
            buckets: Vec::new(),
            required: required.iter().map(|key| (key.clone(), false)).collect(),
            revisions: 0,
        }
    }

    /// Checks without the history of each key, so that memory use does not grow with the number of keys.
    pub fn without_histories() -> Invariants {
        Invariants {
            histories: None,
            ..Invariants::new(&[])
        }
    }

    /// Adds what a walk visits.
    pub fn add(&mut self, item: Item<'_>) -> Result<(), RecordError> {
        match item {
            Item::Bucket(name) => {
                self.name = name.to_vec();
                self.buckets.push(name.to_vec());
            }
            Item::History { key, value, at, kv } => {
                self.history(value, at, kv);
                if kv.encoded_len() != value.len() {
                    let problem = "the record contains more than the fields of a KeyValue";
                    return Err(RecordError::new(bucket::KEY, key, problem));
                }
                // `restore --bump-revision` leaves an empty record.
                if at.tombstone || !value.is_empty() {
                    let lease = if at.tombstone { 0 } else { kv.lease };
                    self.leased.add(kv.key, lease);
                    if let Some(histories) = &mut self.histories {
                        histories.add(at, kv).map_err(|TooLarge| {
                            RecordError::new(bucket::KEY, key, "more than 16 GiB of user keys")
                        })?;
                    }
                }
            }
            Item::Record { key, value } => self.small(key, value)?,
        }
        Ok(())
    }

    /// A record of a small bucket.
    fn small(&mut self, key: &[u8], value: &[u8]) -> Result<(), RecordError> {
        if self.name == bucket::LEASE {
            self.leases.insert(lease::decode(key, value)?.id);
        }
        small_records::check(&self.name, key, value)
    }

    fn history(&mut self, value: &[u8], at: RevisionKey, kv: KeyValueRef<'_>) {
        self.revisions += 1;
        let revision = at.revision;
        let follows = self.previous.is_some_and(|p| p.is_followed_by(revision));
        // The first change in a cluster has revision 2.
        let first = self.previous.is_none() && revision == Revision::new(2, 0);
        if !follows && !first {
            let gap = Gap {
                before: self.previous,
                at: revision,
            };
            self.gap_count += 1;
            self.last_gap = Some(gap);
            if self.gaps.len() < KEPT {
                self.gaps.push(gap);
            }
        }
        self.previous = Some(revision);
        if value.is_empty() && self.empty.len() < KEPT {
            self.empty.push(revision);
        }
        if !at.tombstone && !value.is_empty() {
            let is_first = kv.version == 1;
            if is_first != (kv.create_revision == kv.mod_revision) && self.odd.len() < KEPT {
                self.odd.push(format!(
                    "the record at {revision} says version {}, created at {}",
                    kv.version, kv.create_revision
                ));
            }
            if kv.key.is_empty() && self.odd.len() < KEPT {
                self.odd
                    .push(format!("the record at {revision} has an empty key"));
            }
        }
        if let Some(found) = self.required.get_mut(kv.key) {
            *found = !at.tombstone && !value.is_empty();
        }
    }

    /// The number of keys that were ever written, and of live keys; 0 without histories.
    pub fn keys(&mut self) -> (u64, u64) {
        self.histories.as_mut().map_or((0, 0), Histories::count)
    }

    /// Number of leases.
    pub fn leases(&self) -> usize {
        self.leases.len()
    }

    /// Required keys that are missing.
    pub fn missing(&self) -> Vec<&[u8]> {
        let missing = self.required.iter().filter(|(_, found)| !**found);
        let mut keys: Vec<&[u8]> = missing.map(|(key, _)| key.as_slice()).collect();
        keys.sort_unstable();
        keys
    }

    /// The invariants that are violated.
    pub fn broken(&mut self, records: &Records) -> Vec<String> {
        let mut out = self.odd.clone();
        let compacted = records.meta.compact_revision();
        let last = records.last_revision;
        if last >= MAX_REVISION {
            out.push(format!(
                "revision {last} is higher than any cluster reaches"
            ));
        }
        out.extend(self.broken_row(compacted.unwrap_or(1)));
        let floor = compacted.unwrap_or(0);
        out.extend(self.histories.as_mut().and_then(|h| h.broken(floor)));
        if let Some(at) = self.empty.iter().find(|at| at.main > floor) {
            out.push(format!("the record at {at} is empty"));
        }
        if let Some(compacted) = compacted
            && is_future(compacted, last, records)
        {
            out.push(format!(
                "compacted at {compacted}, but the newest record is of revision {last}"
            ));
        }
        let meta = &records.meta;
        if let (Some(finished), Some(scheduled)) = (meta.finished_compact, meta.scheduled_compact)
            && finished > scheduled
        {
            out.push(format!(
                "compaction {finished} is finished, but the last one that was requested is {scheduled}"
            ));
        }
        out.extend(broken_log_position(records));
        let named = self.leased.ids();
        let mut unknown: Vec<i64> = named.filter(|id| !self.leases.contains(id)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if let Some(id) = unknown.first() {
            let more = match unknown.len() {
                1 => String::new(),
                n => format!(" (and {} more)", n - 1),
            };
            out.push(format!(
                "a key has lease {id:016x}, which does not exist{more}"
            ));
        }
        out
    }

    /// The first gap above the latest compaction.
    fn broken_row(&self, compacted: i64) -> Option<String> {
        let above = |gap: &Gap| gap.at.main > compacted.max(1);
        let begins = |gap: &Gap| {
            // Everything up to the compaction may be missing; the sequence begins after it.
            let before = gap.before.map_or(0, |p| p.main);
            before <= compacted && gap.at == Revision::new(compacted + 1, 0)
        };
        let kept = self.gaps.iter().chain(&self.last_gap);
        let gap = kept.filter(|gap| above(gap)).find(|gap| !begins(gap))?;
        let before = match gap.before {
            Some(before) => format!("the record at {before}"),
            None => "nothing".into(),
        };
        Some(format!(
            "the record at {} follows {before}: records are missing",
            gap.at
        ))
    }

    /// A bucket that is missing, or that etcd does not have.
    pub fn unexpected_bucket(&self) -> Option<String> {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let missing = bucket::ALL
            .iter()
            .find(|name| !self.buckets.iter().any(|b| b == *name));
        if let Some(name) = missing {
            return Some(format!("there is no bucket {:?}", text(name)));
        }
        let unknown = self
            .buckets
            .iter()
            .find(|b| !bucket::ALL.contains(&b.as_slice()));
        unknown.map(|name| {
            format!(
                "there is a bucket {:?}, which etcd never creates",
                text(name)
            )
        })
    }
}

/// What is wrong with the file's position in the log or with its raft configuration.
fn broken_log_position(records: &Records) -> Option<String> {
    let meta = &records.meta;
    let last = records.last_revision;
    // Every change is an entry of the log; a restore, which begins a new log, applies at least one.
    if last > 1 && meta.consistent_index.unwrap_or(0) == 0 {
        return Some(format!(
            "there are records up to revision {last}, but no entry of the log was applied"
        ));
    }
    for (what, number) in [
        ("consistent index", meta.consistent_index),
        ("term", meta.term),
    ] {
        if let Some(problem) = number.and_then(|n| counter::beyond_limit(what, n)) {
            return Some(problem);
        }
    }
    let state = meta.conf_state.as_ref()?;
    if state.voters.is_empty() {
        return Some("the raft configuration has no voters".into());
    }
    let twice = small_records::named_twice(state)?;
    Some(format!(
        "the raft configuration names member {twice:x} twice"
    ))
}

/// Whether the compact revision is higher than any revision that the file can have reached. Up to 3.5, a compaction removed
/// a deletion at its own revision, so the latest record may be older; each revision in between was an entry of the log.
fn is_future(compacted: i64, last: i64, records: &Records) -> bool {
    if compacted <= last {
        return false;
    }
    if records.meta.storage_version.is_some() {
        return true;
    }
    let entries = records.meta.consistent_index.unwrap_or(0);
    u64::try_from(compacted - last).is_ok_and(|gap| gap > entries)
}
