//! A complete salvage: gather, select, write, verify, and only then rename the new file.

use std::path::{Path, PathBuf};

use super::{
    AtOdds, Salvaged, Source,
    choose::{Chosen, choose},
    gather::{Allowed, GatherError, Gathered, MAX_LAPSES, Record, gather},
    output::{has_lost_lease, write},
};
use crate::{
    bolt::{self, NewFile},
    schema::key::KeyValueRef,
    snapshot::{
        Error,
        examine::{ExamineOptions, examine},
    },
};

/// Which sources to take the records from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// The newest meta's tree, and other sources as needed.
    #[default]
    Best,
    /// Only the newest meta's tree.
    Tree,
    /// Only the older meta's tree.
    Meta,
    /// All pages, regardless of the trees.
    Scan,
}

/// The options of a salvage.
#[derive(Clone, Debug, Default)]
pub struct SalvageOptions {
    /// Which sources to take the records from.
    pub from: From,
    /// Whether to keep old revisions, as far as none are missing between them.
    pub keep_history: bool,
    /// Whether to write nothing.
    pub dry_run: bool,
}

/// Why there is no new file.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// A file cannot be read or written, or the new file's name is taken.
    #[error(transparent)]
    File(#[from] Error),
    /// The small buckets contain too much.
    #[error("{}: {what}", file.display())]
    TooLarge {
        /// The damaged file.
        file: PathBuf,
        /// What there is too much of.
        what: String,
    },
    /// No part of an etcd database was found.
    #[error("{}: no record of etcd was found in it: nothing was written", file.display())]
    Nothing {
        /// The damaged file.
        file: PathBuf,
    },
    /// The result is not sound. This is not expected to happen.
    #[error("{}: the recovered snapshot is not sound, and was discarded: {layer}: {what}", file.display())]
    NotSound {
        /// The damaged file.
        file: PathBuf,
        /// The layer of `snapshot verify` that fails.
        layer: String,
        /// The defect.
        what: String,
    },
}

impl std::convert::From<bolt::Error> for SalvageError {
    fn from(error: bolt::Error) -> SalvageError {
        SalvageError::File(error.into())
    }
}

/// Recovers a sound snapshot `out` from the damaged file `path`. Memory use is bounded by the number of records (about
/// 100 bytes each), the largest of them, and 256 MiB for the other buckets.
///
/// # Errors
/// See [`SalvageError`]; `out` does not exist then.
pub fn salvage(
    path: &Path,
    out: &Path,
    options: &SalvageOptions,
) -> Result<Salvaged, SalvageError> {
    crate::snapshot::exists(path)?;
    let new_file = NewFile::new(out)?;
    // Gather the records.
    let allowed = match options.from {
        From::Best => (true, true, true),
        From::Tree => (true, false, false),
        From::Meta => (false, true, false),
        From::Scan => (false, false, true),
    };
    let (tree, meta, scan) = allowed;
    let gathered = gather(path, Allowed { tree, meta, scan });
    let mut gathered = gathered.map_err(|error| match error {
        GatherError::Bolt(error) => error.into(),
        GatherError::TooLarge => SalvageError::TooLarge {
            file: path.to_owned(),
            what: error.to_string(),
        },
    })?;
    let found = std::mem::take(&mut gathered.records);
    let last = found.iter().map(|r| r.revision.main).max().unwrap_or(0);
    let is_nothing = found.is_empty() && gathered.small.is_empty();
    if is_nothing {
        let file = path.to_owned();
        return Err(SalvageError::Nothing { file });
    }
    // Select a consistent set of them, and make the small buckets consistent with it.
    let compacted = gathered.compaction(last);
    let source = found.iter().map(|r| r.source).max();
    let chosen = choose(found, compacted, options.keep_history);
    let compaction = Some(chosen.compacted).filter(|revision| *revision > 0);
    gathered.small.set_compaction(compaction);
    let mended = gathered.small.mend();
    gathered.notes.extend(mended);
    let mut salvaged = report(&gathered, &chosen, source);
    if options.dry_run {
        let leases = gathered.small.leases();
        let lost = chosen.records.iter().filter(|r| has_lost_lease(r, &leases));
        salvaged.without_lease = lost.count() as u64;
        return Ok(salvaged);
    }
    // Write the new file, verify it, and rename it.
    new_file.remove_leftovers();
    let written = write(
        new_file.temp(),
        &gathered.reader,
        gathered.txid,
        &chosen.records,
        &gathered.small,
    )?;
    salvaged.size = written.size;
    salvaged.without_lease = written.without_lease;
    must_be_good(path, new_file.temp())?;
    new_file.place()?;
    Ok(salvaged)
}

/// A file that `snapshot verify` would not call good must not get its name.
fn must_be_good(path: &Path, temp: &Path) -> Result<(), SalvageError> {
    let examination = examine(temp, &ExamineOptions::default())?;
    let Some(bad) = examination.first_bad() else {
        return Ok(());
    };
    let report = examination.layers.into_iter().find(|r| r.layer == bad);
    Err(SalvageError::NotSound {
        file: path.to_owned(),
        layer: bad.to_string(),
        what: report.map(|r| r.text).unwrap_or_default(),
    })
}

fn report(gathered: &Gathered, chosen: &Chosen, source: Option<Source>) -> Salvaged {
    let key = |record: &Record| {
        let mut value = vec![0; record.len as usize];
        // If the file has become unreadable in the meantime, the report contains less.
        let read = gathered.reader.read_raw(record.at, &mut value);
        let kv = read.ok().and_then(|()| KeyValueRef::decode(&value).ok());
        kv.map(|kv| kv.key.to_vec()).unwrap_or_default()
    };
    let at_odds = chosen.at_odds.iter().take(MAX_LAPSES).map(|group| AtOdds {
        revision: group
            .first()
            .map_or_else(String::new, |r| r.revision.to_string()),
        keys: group.iter().map(key).collect(),
        offsets: group.iter().map(|r| r.at).collect(),
    });
    Salvaged {
        source: source.unwrap_or(Source::Tree),
        tree: gathered.tree.clone(),
        older: gathered.older.clone(),
        scan: gathered.scan,
        records: chosen.count,
        unreadable: gathered.unreadable,
        at_odds: at_odds.collect(),
        superseded: chosen.superseded,
        left_out: gathered.extra.len() as u64,
        without_lease: 0,
        notes: gathered.notes.clone(),
        keys: chosen.keys,
        revision: chosen.revision,
        compact_revision: chosen.compacted,
        size: 0,
    }
}
