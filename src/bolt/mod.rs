//! The bbolt file format and the storage engine over it. Knows nothing of etcd and nothing of async.
//!
//! There are two ways to read: a [`FileReader`] for files of unknown origin (pread, every bound checked), and a
//! [`ReadTx`] of a [`Db`] open for writing or of a [`ReadOnly`] one (mapped). Both are a [`Source`] of pages for
//! [`Bucket`] and [`Cursor`]. A [`ForeignFile`] is a file of unknown origin that is served while its owner may change it.

mod batch;
mod bulk;
mod check;
mod commit_record;
mod cursor;
mod db;
mod defrag;
mod defrag_file;
mod digest;
mod disk;
mod edit_node;
mod editor;
mod error;
mod file;
mod foreign;
mod free;
mod map;
mod merge;
mod meta;
mod new_file;
mod new_pages;
mod node;
mod open;
mod options;
mod page;
mod page_counts;
mod page_set;
mod pages;
mod read_only;
mod rebalance;
mod residency;
mod reverse;
mod salvage;
mod sizes;
mod snapshot;
mod spill;
mod tree;
mod unpack;
mod view;
mod watcher;
mod writer;

pub use batch::{Batch, Pending};
pub use bulk::BulkWriter;
pub use check::{Checked, Finding, MAX_FINDINGS, Visit, check, check_with};
pub use cursor::{Cursor, Entry, Range};
pub use db::Db;
pub use defrag_file::LockedFile;
pub(crate) use digest::{DIGEST_SIZE, SECTOR_SIZE, has_trailing_digest};
pub(crate) use disk::parent;
pub use editor::{Edit, Editor};
pub use error::{Damage, Error, Result, plain};
pub use file::FileReader;
pub use foreign::ForeignFile;
pub use meta::{Meta, MetaFault, Metas, NO_FREELIST};
pub use new_file::NewFile;
pub use options::Options;
pub use page::{Buf, MAX_KEY_SIZE, MAX_VALUE_SIZE, Page};
pub(crate) use page_set::PageSet;
pub use pages::{PageScan, Scanned};
pub use read_only::ReadOnly;
pub use residency::ResidentView;
pub use reverse::Reverse;
pub use salvage::{FoundItem, Lost, inline_records, readable_elements};
pub use sizes::Sizes;
pub use snapshot::SnapshotReader;
pub use tree::{Bucket, Buckets, Source};
pub use unpack::plain as unpacked;
pub use view::{ReadTx, View};
pub use watcher::{Event, Watcher};
