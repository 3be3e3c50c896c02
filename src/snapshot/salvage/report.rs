//! What a salvage found, omitted and wrote. Makes no decisions.

use std::fmt;

/// Where most of the history comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The tree of the newest meta page.
    Tree,
    /// The tree of the older meta page, partly or completely.
    Meta,
    /// Pages that no readable tree leads to.
    Scan,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Source::Tree => "tree",
            Source::Meta => "meta",
            Source::Scan => "scan",
        })
    }
}

/// Different records at the same revision, none of which was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtOdds {
    /// The revision, as `MAIN_SUB`.
    pub revision: String,
    /// The user keys of the records.
    pub keys: Vec<Vec<u8>>,
    /// Offsets of the records' values in the file, in bytes.
    pub offsets: Vec<u64>,
}

/// A page that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// The page number.
    pub page: u64,
    /// What is wrong with it.
    pub what: String,
}

/// What a scan of all pages found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Number of pages.
    pub pages: u64,
    /// Number of leaves, including those in free pages.
    pub leaves: u64,
    /// Number of history records that no readable tree leads to.
    pub only_there: u64,
}

/// The result of a salvage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// The least trustworthy source that was needed.
    pub source: Source,
    /// Defects of the tree of the newest meta, by page; at most `MAX_LAPSES`.
    pub tree: Vec<Lapse>,
    /// The same for the older meta, if it was used.
    pub older: Option<Vec<Lapse>>,
    /// What a scan found, if there was one.
    pub scan: Option<Scanned>,
    /// Number of history records that were read, without copies.
    pub records: u64,
    /// Number of invalid records.
    pub unreadable: u64,
    /// Conflicting records.
    pub at_odds: Vec<AtOdds>,
    /// Number of records that were omitted because a newer one replaces them, or because they are deletions.
    pub superseded: u64,
    /// Number of records that only a scan found and that were omitted because the tree is intact.
    pub left_out: u64,
    /// Number of keys whose lease is lost; they have none in the new file.
    pub without_lease: u64,
    /// Other changes and omissions, one line each.
    pub notes: Vec<String>,
    /// Number of live keys in the new file.
    pub keys: u64,
    /// Its revision.
    pub revision: i64,
    /// Its compact revision; 0: none.
    pub compact_revision: i64,
    /// Its size in bytes; 0 if nothing was written.
    pub size: u64,
}
