//! Examines a file or the data directory of a stopped member as the source of a restore: whether it is valid, its
//! revision, and how many log entries are not in the database yet. Only reads.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::{
    bolt,
    golang::format::hex_digits,
    snapshot::{
        Error, Facts, SnapshotFile, Trailer,
        data_dir::file_or_database,
        examine::{ExamineOptions, LayerStatus, examine},
        facts::facts_of,
    },
    wal::{Content, Reader, ReaderOptions},
};

use super::Target;

/// Bytes hashed at once.
const CHUNK: usize = 512 << 10;

/// A possible source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The file or data directory, as given.
    pub path: PathBuf,
    /// The database: the file itself, or the one in the directory.
    pub file: PathBuf,
    /// The layer of `snapshot verify` that failed and the problem it found, if any.
    pub problem: Option<String>,
    /// The revision of a server that starts on it; 0 if it cannot be read.
    pub revision: i64,
    /// Index of the last log entry applied to it; 0 if there is none.
    pub consistent_index: u64,
    /// Number of log entries beyond that index, if there is a readable log.
    pub beyond: Option<u64>,
    /// Size of the database in bytes, decompressed; 0 if it cannot be read.
    pub size: u64,
    /// Whether it ends with a digest, as a snapshot does.
    pub has_digest: bool,
    /// Releases of etcd that start on it.
    pub restorable_by: Vec<Target>,
    /// Ids of current and removed members.
    pub member_ids: BTreeSet<u64>,
}

impl Candidate {
    /// Examines a file, or the database in a data directory.
    ///
    /// # Errors
    /// There is no such file, or a server has it open.
    pub fn judge(path: &Path) -> Result<Candidate, Error> {
        let file = file_or_database(path)?;
        let examination = examine(&file, &ExamineOptions::default())?;
        let bad = examination
            .layers
            .iter()
            .find(|layer| layer.status == LayerStatus::Bad);
        // These cannot always be read from a damaged file.
        let opened = SnapshotFile::open(&file).ok();
        let facts = opened.as_ref().and_then(|file| facts_of(file).ok());
        let facts = facts.unwrap_or_default();
        let consistent_index = facts.meta.consistent_index.unwrap_or(0);
        Ok(Candidate {
            path: path.to_owned(),
            problem: bad.map(|layer| format!("{}: {}", layer.layer, layer.text)),
            revision: facts.revision,
            consistent_index,
            beyond: beyond(path, consistent_index),
            size: opened.as_ref().map_or(0, |file| file.reader().size()),
            has_digest: opened.is_some_and(|file| *file.trailer() == Trailer::Digest),
            restorable_by: examination.restorable_by,
            member_ids: member_ids(&facts),
            file,
        })
    }

    /// Whether no problem was found.
    pub fn is_good(&self) -> bool {
        self.problem.is_none()
    }
}

fn member_ids(facts: &Facts) -> BTreeSet<u64> {
    let membership = &facts.membership;
    let removed = membership.removed.iter();
    membership.members.keys().chain(removed).copied().collect()
}

/// Number of entries after `index` in the log of the data directory `path`; `None` if there is no readable log.
fn beyond(path: &Path, index: u64) -> Option<u64> {
    let options = ReaderOptions {
        from_index: index,
        ..ReaderOptions::default()
    };
    let mut reader = Reader::open(&path.join("member/wal"), options).ok()?;
    let mut last = index;
    // Anything after a torn record was never acknowledged.
    while let Ok(Some(record)) = reader.next_record() {
        if let Content::Entry(entry) = record.content {
            last = entry.index();
        }
    }
    Some(last.saturating_sub(index))
}

/// SHA-256 of a file in hexadecimal, as `sha256sum` prints it.
///
/// # Errors
/// The file cannot be read.
pub fn sha256_of(path: &Path) -> Result<String, Error> {
    let failed = |doing| {
        move |e| {
            Error::from(bolt::Error::Io {
                file: path.to_owned(),
                doing,
                source: e,
            })
        }
    };
    let mut file = File::open(path).map_err(failed("open"))?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk).map_err(failed("read"))? {
            0 => return Ok(hex_digits(&hash.finalize())),
            n => hash.update(&chunk[..n]),
        }
    }
}
