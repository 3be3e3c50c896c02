//! The bbolt file format and the storage engine over it. Knows nothing of etcd and nothing of async.
//!
//! Two ways to read: [`FileReader`] for files of unknown origin (pread, every bound checked), and a
//! [`ReadTx`](db) of an open database (mapped). Both are a [`Source`] of pages for [`Bucket`] and [`Cursor`].

mod check;
mod cursor;
mod error;
mod file;
mod meta;
mod page;
mod tree;

pub use check::{Checked, Finding, MAX_FINDINGS, Visit, check, check_with};
pub use cursor::{Cursor, Entry, Range};
pub use error::{Damage, Error, Result};
pub use file::FileReader;
pub use meta::{Meta, MetaFault, Metas, NO_FREELIST};
pub use page::{Buf, MAX_KEY_SIZE, MAX_VALUE_SIZE, Page};
pub use tree::{Bucket, Buckets, Source};
