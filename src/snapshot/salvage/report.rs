//! What a salvage has found, left out and written. Decides nothing.

use std::fmt;

/// Where most of the history comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The tree of the newest meta page.
    Tree,
    /// The tree of the older meta page, in part or as a whole.
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

/// Two different records at one revision, of which none was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtOdds {
    /// The revision, as `MAIN_SUB`.
    pub revision: String,
    /// The user's keys that the records are of.
    pub keys: Vec<Vec<u8>>,
    /// Where the records' values stand in the file, bytes.
    pub offsets: Vec<u64>,
}

/// A page that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// Its number.
    pub page: u64,
    /// What is wrong with it.
    pub what: String,
}

/// What a scan over all pages found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Pages.
    pub pages: u64,
    /// Leaves among them, those in free pages too.
    pub leaves: u64,
    /// Records of the history that no readable tree leads to.
    pub only_there: u64,
}

/// The result of a salvage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// The least trustworthy source that was needed.
    pub source: Source,
    /// What is wrong with the tree of the newest meta, page by page; at most [`super::gather::MAX_LAPSES`] of them.
    pub tree: Vec<Lapse>,
    /// The same of the older meta, where it was looked at.
    pub older: Option<Vec<Lapse>>,
    /// What a scan found, where there was one.
    pub scan: Option<Scanned>,
    /// Records of the history that were read, each counted once.
    pub records: u64,
    /// Records that cannot be right.
    pub unreadable: u64,
    /// Records at odds.
    pub at_odds: Vec<AtOdds>,
    /// Records that were left out because a newer one takes their place, or because they are deletions.
    pub superseded: u64,
    /// Records that only a scan found, and that were left out because the tree is sound.
    pub left_out: u64,
    /// Keys whose lease is lost: they have none in the new file.
    pub without_lease: u64,
    /// What else was changed or left out, one line each.
    pub notes: Vec<String>,
    /// Live keys of the new file.
    pub keys: u64,
    /// Its revision.
    pub revision: i64,
    /// Its newest compaction; 0 for none.
    pub compact_revision: i64,
    /// Its length, bytes; 0 where none was written.
    pub size: u64,
}
