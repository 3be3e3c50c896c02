//! The names of log segments and raft snapshot files, and the sorted files of a directory. Source: etcd v3.7.1,
//! server/storage/wal/util.go, server/etcdserver/api/snap/snapshotter.go.
//!
//! ```text
//! 0000000000000001-0000000000000048.wal     sequence number, index of the first entry
//! 0000000000000002-000000000000001f.snap    term, index
//! ```

use std::{fmt, fs, path::Path};

use super::error::{Error, Result};

/// Number of hexadecimal digits of each number.
const DIGITS: usize = 16;

/// The name of a segment of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName {
    /// Counts segments from 0.
    pub sequence: u64,
    /// The index of the first entry that it can contain.
    pub index: u64,
}

impl SegmentName {
    /// Parses a file name; `None` if it is not a segment's name.
    pub fn parse(name: &str) -> Option<SegmentName> {
        let (sequence, index) = parse(name, ".wal")?;
        Some(SegmentName { sequence, index })
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:016x}.wal", self.sequence, self.index)
    }
}

/// The name of a raft snapshot file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapName {
    /// The term of the last entry that the snapshot contains.
    pub term: u64,
    /// The index of that entry.
    pub index: u64,
}

impl SnapName {
    /// Parses a file name; `None` if it is not a raft snapshot's name.
    pub fn parse(name: &str) -> Option<SnapName> {
        let (term, index) = parse(name, ".snap")?;
        Some(SnapName { term, index })
    }
}

impl fmt::Display for SnapName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:016x}.snap", self.term, self.index)
    }
}

fn parse(name: &str, suffix: &str) -> Option<(u64, u64)> {
    let (first, second) = name.strip_suffix(suffix)?.split_once('-')?;
    let number = |text: &str| {
        let digits = text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit());
        digits.then(|| u64::from_str_radix(text, 16).ok())?
    };
    Some((number(first)?, number(second)?))
}

/// The segments of the log in `dir`, in order. Ignores other files.
///
/// # Errors
/// The directory cannot be read or contains no segments, or a segment is missing in the sequence.
pub fn segments(dir: &Path) -> Result<Vec<SegmentName>> {
    let names = list(dir, SegmentName::parse)?;
    if names.is_empty() {
        return Err(Error::Empty(dir.to_owned()));
    }
    for pair in names.windows(2) {
        if let [a, b] = pair
            && Some(b.sequence) != a.sequence.checked_add(1)
        {
            return Err(Error::Gap {
                dir: dir.to_owned(),
                missing: a.sequence.saturating_add(1),
            });
        }
    }
    Ok(names)
}

/// The raft snapshot files in `dir`, oldest first.
///
/// # Errors
/// The directory cannot be read.
pub fn snap_files(dir: &Path) -> Result<Vec<SnapName>> {
    list(dir, SnapName::parse)
}

fn list<T: Ord>(dir: &Path, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>> {
    let fail = |e| Error::io("open", dir, e);
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        names.extend(name.to_str().and_then(&parse));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_as_written() {
        let name = SegmentName {
            sequence: 1,
            index: 0x48,
        };
        assert_eq!(name.to_string(), "0000000000000001-0000000000000048.wal");
        assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
        for other in [
            "1-48.wal",
            "0000000000000001-0000000000000048.wal.broken",
            "0000000000000001_0000000000000048.wal",
            "+000000000000001-0000000000000048.wal",
            "0.tmp",
        ] {
            assert_eq!(SegmentName::parse(other), None, "{other}");
        }
        let snap = SnapName {
            term: 2,
            index: 0x1f,
        };
        assert_eq!(snap.to_string(), "0000000000000002-000000000000001f.snap");
        assert_eq!(SnapName::parse(&snap.to_string()), Some(snap));
    }

    #[test]
    fn a_gap_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(segments(dir.path()), Err(Error::Empty(_))));
        for sequence in [0, 1, 3] {
            let name = SegmentName { sequence, index: 0 };
            fs::write(dir.path().join(name.to_string()), "").unwrap();
        }
        fs::write(dir.path().join("0.tmp"), "").unwrap();
        let error = segments(dir.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("segment 0000000000000002 of the log is missing"),
            "{error}"
        );
    }
}
