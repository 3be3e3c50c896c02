//! Gathers the records of a damaged file from its trees, and from all of its pages if the trees do not suffice.
//!
//! ```text
//! tree of the newest meta   | sound ...... | lost | ... sound |      keys of a bucket
//! tree of the older meta                   | what it has here |      of which only the lost part is taken
//! all pages                                | what they have   |      the same, if the older tree is damaged too
//! ```
//!
//! A record of the history never changes: any copy of it is the record, as long as no two copies differ.

use std::{
    hash::{BuildHasher as _, RandomState},
    path::Path,
};

use twox_hash::XxHash3_64;

use super::{
    Lapse, Scanned, Source,
    small::{Small, TooLarge},
};
use crate::{
    bolt::{self, FileReader, FoundItem, Lost, inline_records, readable_elements},
    schema::{
        bucket, counter,
        key::{Revision, RevisionKey},
        meta::Meta,
        show_key,
    },
    snapshot::records::read_history,
};

/// Maximum number of damaged pages that are reported.
pub const MAX_LAPSES: usize = 50;
/// Maximum number of damaged pages whose keys are distinguished.
const MAX_LOST: usize = 512;
/// Exclusive upper bound on the revisions that a cluster can reach by writing.
const MAX_REVISION: i64 = counter::LIMIT as i64;

/// A record of the history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub revision: Revision,
    pub tombstone: bool,
    pub source: Source,
    /// A keyed 128-bit hash of the user's key. 0 for the record of a bumped revision, which has no key.
    pub key: u128,
    pub created: i64,
    /// 0 for a deletion.
    pub version: i64,
    pub lease: i64,
    /// Offset of the value in the file, in bytes.
    pub at: u64,
    /// Length of the value in bytes.
    pub len: u32,
    /// Hash of the value; equal for copies of a record.
    pub digest: u64,
}

/// Everything that was found.
pub(super) struct Gathered {
    pub reader: FileReader,
    /// Transaction of the newest valid meta; 0 if there is none.
    pub txid: u64,
    /// Unordered, with copies.
    pub records: Vec<Record>,
    pub small: Small,
    pub tree: Vec<Lapse>,
    pub older: Option<Vec<Lapse>>,
    pub scan: Option<Scanned>,
    pub unreadable: u64,
    /// Records from a scan that are not needed, because the tree is intact.
    pub extra: Vec<Record>,
    pub notes: Vec<String>,
    hashers: [RandomState; 2],
    too_large: bool,
}

/// Why nothing can be gathered.
#[derive(Debug, thiserror::Error)]
pub(super) enum GatherError {
    #[error(transparent)]
    Bolt(#[from] bolt::Error),
    #[error("the buckets other than the history contain more than 256 MiB")]
    TooLarge,
}

/// The sources that may be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    pub tree: bool,
    pub meta: bool,
    pub scan: bool,
}

/// Reads the file `path`.
pub(super) fn gather(path: &Path, allowed: Allowed) -> Result<Gathered, GatherError> {
    let (states, reader) = FileReader::open_damaged(path)?;
    let mut g = Gathered {
        txid: states.first().map_or(0, |state| state.meta().txid),
        reader,
        records: Vec::new(),
        small: Small::default(),
        tree: Vec::new(),
        older: None,
        scan: None,
        unreadable: 0,
        extra: Vec::new(),
        notes: Vec::new(),
        hashers: [RandomState::new(), RandomState::new()],
        too_large: false,
    };
    let everything = || vec![whole("there is no valid meta page")];
    let mut states = states.into_iter();
    let (newest, older) = (states.next(), states.next());
    // The tree of the newest meta.
    let mut lost = match &newest {
        Some(state) if allowed.tree => g.walk(state, Source::Tree, None)?,
        _ => everything(),
    };
    g.tree = match (&newest, allowed.tree) {
        (Some(_), false) => Vec::new(),
        _ => lapses(&lost),
    };
    // The tree of the older meta, for the lost records.
    if !lost.is_empty() && allowed.meta {
        let older_lost = match &older {
            Some(state) => g.walk(state, Source::Meta, Some(&lost))?,
            None => everything(),
        };
        g.older = Some(lapses(&older_lost));
        if !older_lost
            .iter()
            .any(|part| lost.iter().any(|l| overlaps(part, l)))
        {
            lost.clear();
        }
    }
    if allowed.scan {
        g.scan(&lost)?;
    }
    match g.too_large {
        true => Err(GatherError::TooLarge),
        false => Ok(g),
    }
}

/// All keys of all buckets.
fn whole(what: &str) -> Lost {
    Lost {
        bucket: None,
        from: None,
        to: None,
        page: 0,
        what: what.into(),
    }
}

/// One invalid record in an intact page.
fn of_record(name: &[u8], key: &[u8], page: u64) -> Lost {
    Lost {
        bucket: Some(name.to_vec()),
        from: Some(key.to_vec()),
        to: Some([key, b"\0"].concat()),
        page,
        what: format!("the record {} is not what etcd writes", show_key(key)),
    }
}

fn lapses(lost: &[Lost]) -> Vec<Lapse> {
    let named = lost.iter().take(MAX_LAPSES).map(|part| Lapse {
        page: part.page,
        what: match &part.bucket {
            Some(name) => format!("bucket {}: {}", String::from_utf8_lossy(name), part.what),
            None => part.what.clone(),
        },
    });
    named.collect()
}

/// Whether a record may be among the lost ones. If the tree of buckets is damaged, any may be.
fn is_lost(lost: &[Lost], name: &[u8], key: &[u8]) -> bool {
    lost.iter().any(|part| match &part.bucket {
        None => true,
        Some(bucket) => {
            let behind = part.from.as_deref().is_none_or(|from| key >= from);
            let before = part.to.as_deref().is_none_or(|to| key < to);
            bucket == name && behind && before
        }
    })
}

fn overlaps(a: &Lost, b: &Lost) -> bool {
    let (Some(name), Some(other)) = (&a.bucket, &b.bucket) else {
        return true;
    };
    let ends_before = |a: &Lost, b: &Lost| match (&a.to, &b.from) {
        (Some(to), Some(from)) => to <= from,
        _ => false,
    };
    name == other && !ends_before(a, b) && !ends_before(b, a)
}

impl Gathered {
    /// Adds what the tree of a state contains; if `within` is given, only what is in it.
    fn walk(
        &mut self,
        state: &FileReader,
        source: Source,
        within: Option<&[Lost]>,
    ) -> Result<Vec<Lost>, bolt::Error> {
        let mut name: Option<&'static [u8]> = None;
        let mut previous: Option<RevisionKey> = None;
        let mut bad = Vec::new();
        let mut lost = state.walk_damaged(&mut |item| match item {
            FoundItem::Bucket(found) => {
                name = bucket::ALL.into_iter().find(|known| *known == found);
                previous = None;
                if name.is_none() && within.is_none() {
                    let found = String::from_utf8_lossy(found).into_owned();
                    self.notes
                        .push(format!("bucket {found:?} is not one of etcd's"));
                }
            }
            FoundItem::Entry {
                page,
                sound,
                at,
                key,
                value,
            } => {
                let Some(name) = name else { return };
                if within.is_some_and(|lost| !is_lost(lost, name, key)) {
                    return;
                }
                let record = match name {
                    bucket::KEY => self.record(key, value, at, source).map(Some),
                    _ => self.small_record(name, key, value).then_some(None),
                };
                let Some(record) = record else {
                    self.unreadable += 1;
                    if sound && bad.len() <= MAX_LOST {
                        bad.push(of_record(name, key, page));
                    }
                    return;
                };
                let Some(record) = record else { return };
                // In a damaged page, a deletion contains too little to be trusted if it is at an impossible place.
                let revision = RevisionKey {
                    revision: record.revision,
                    tombstone: record.tombstone,
                };
                let in_order = previous.is_none_or(|p| p.revision < revision.revision);
                if !sound && !in_order {
                    self.unreadable += 1;
                    return;
                }
                previous = Some(revision);
                self.records.push(record);
            }
        })?;
        lost.append(&mut bad);
        if lost.len() > MAX_LOST {
            // From this many gaps on, they are treated as one.
            lost.truncate(MAX_LAPSES);
            lost.push(whole("too many pages are damaged to be distinguished"));
        }
        Ok(lost)
    }

    /// Adds a record of another bucket; false if it is invalid.
    fn small_record(&mut self, name: &'static [u8], key: &[u8], value: &[u8]) -> bool {
        if !Small::is_readable(name, key, value) {
            return false;
        }
        if let Err(TooLarge) = self.small.add(name, key, value) {
            self.too_large = true;
        }
        true
    }

    /// A record of the history, unless it is invalid.
    fn record(&self, key: &[u8], value: &[u8], at: u64, source: Source) -> Option<Record> {
        let (revision_key, kv) = read_history(key, value).ok()?;
        let RevisionKey {
            revision,
            tombstone,
        } = revision_key;
        if revision.main < 1 || revision.main >= MAX_REVISION || kv.encoded_len() != value.len() {
            return None;
        }
        let is_bump = !tombstone && value.is_empty();
        if !tombstone && !is_bump {
            let is_first = kv.version == 1;
            let made_now = kv.create_revision == revision.main;
            if is_first != made_now || kv.key.is_empty() || kv.create_revision < 1 {
                return None;
            }
        }
        let [a, b] = self
            .hashers
            .each_ref()
            .map(|hasher| hasher.hash_one(kv.key));
        Some(Record {
            revision,
            tombstone,
            source,
            key: match is_bump {
                true => 0,
                false => (u128::from(a) << 64 | u128::from(b)).max(1),
            },
            created: kv.create_revision,
            version: if tombstone { 0 } else { kv.version },
            lease: if tombstone { 0 } else { kv.lease },
            at,
            len: u32::try_from(value.len()).ok()?,
            digest: XxHash3_64::oneshot(value),
        })
    }

    /// Reads all pages. Adds what is lost, and notes records that no tree leads to.
    fn scan(&mut self, lost: &[Lost]) -> Result<(), bolt::Error> {
        let page_size = self.reader.page_size();
        let reader = self.reader.fork();
        let end = reader.file_len() / u64::from(page_size);
        let mut counts = Scanned {
            pages: end,
            ..Scanned::default()
        };
        // The page of the tree of buckets with the newest records outside the history.
        let mut buckets: Option<(Option<u64>, Small)> = None;
        let mut pages = reader.scan_pages(end);
        while let Some(next) = pages.next() {
            let (_, bolt::Scanned::Leaf(page)) = next? else {
                continue;
            };
            counts.leaves += 1;
            // Continue after the whole leaf only if it is intact.
            let sound = page.verify(true).is_ok();
            if sound {
                pages.skip_pages(page.data().len() as u64 / u64::from(page_size) - 1);
            }
            let mut found = Small::default();
            let mut previous: Option<Revision> = None;
            for (flags, key, value, at) in readable_elements(&page, page_size) {
                // An inline bucket in a page of the tree of buckets.
                if flags != 0 {
                    let name = bucket::ALL.into_iter().find(|known| **known == key[..]);
                    let Some(name) = name else { continue };
                    for (key, value, at) in inline_records(&value, at) {
                        if name == bucket::KEY {
                            self.scanned(lost, &key, &value, at);
                        } else if is_lost(lost, name, &key)
                            && Small::is_readable(name, &key, &value)
                            && found.add(name, &key, &value).is_err()
                        {
                            self.too_large = true;
                        }
                    }
                    continue;
                }
                // A record of the history. In a damaged page, revisions must ascend.
                if let Ok(RevisionKey { revision, .. }) = RevisionKey::decode(&key) {
                    if sound || previous.is_none_or(|p| p < revision) {
                        previous = Some(revision);
                        self.scanned(lost, &key, &value, at);
                    }
                } else if sound
                    && is_lost(lost, bucket::LEASE, &key)
                    && Small::is_readable(bucket::LEASE, &key, &value)
                {
                    self.small_record(bucket::LEASE, &key, &value);
                }
            }
            // Keep the other records of the page with the highest consistent index.
            let index = found.meta().consistent_index;
            let best = buckets.as_ref().map(|(best, _)| *best);
            if found.records(bucket::META).next().is_some() && best.is_none_or(|best| index > best)
            {
                buckets = Some((index, found));
            }
        }
        if let Some((_, found)) = buckets {
            for name in bucket::ALL {
                for (key, value) in found.records(name) {
                    self.small_record(name, key, value);
                }
            }
        }
        counts.only_there = self.only_scanned();
        self.scan = Some(counts);
        Ok(())
    }

    fn scanned(&mut self, lost: &[Lost], key: &[u8], value: &[u8], at: u64) {
        let Some(record) = self.record(key, value, at, Source::Scan) else {
            return;
        };
        match is_lost(lost, bucket::KEY, key) {
            true => self.records.push(record),
            false => self.extra.push(record),
        }
    }

    /// Removes records that the trees also contain. Returns the number of the others, without copies.
    fn only_scanned(&mut self) -> u64 {
        let name = |r: &Record| (r.revision, r.tombstone, r.digest);
        let mut known: Vec<_> = self.records.iter().map(name).collect();
        known.sort_unstable();
        self.extra
            .retain(|record| known.binary_search(&name(record)).is_err());
        self.extra.sort_unstable_by_key(name);
        self.extra.dedup_by_key(|record| name(record));
        let mut scanned: Vec<_> = (self.records.iter())
            .filter(|r| r.source == Source::Scan)
            .map(name)
            .collect();
        scanned.sort_unstable();
        scanned.dedup();
        (scanned.len() + self.extra.len()) as u64
    }

    /// The compact revision in the file, if it is plausible.
    pub fn compaction(&mut self, last: i64) -> Option<i64> {
        let meta: Meta = self.small.meta();
        let compacted = meta.compact_revision()?;
        // Up to 3.5, the newest record can be older than the compaction. Each revision in between took a log entry.
        let entries = meta.consistent_index.unwrap_or(0);
        let gap = compacted.saturating_sub(last);
        let possible = match meta.storage_version {
            Some(_) => gap <= 0,
            None => u64::try_from(gap).is_ok_and(|gap| gap <= entries) || gap <= 0,
        };
        if possible && (1..MAX_REVISION).contains(&compacted) {
            return Some(compacted);
        }
        self.notes.push(format!(
            "the compaction at {compacted} is newer than any record, and was ignored"
        ));
        None
    }
}
