//! The functions of the separate tools etcd-dump-db and etcd-dump-logs: buckets, records and the log. Unlike those
//! tools, these never write to what they read.

mod buckets;
mod decode;
mod scan;
mod wal;

pub use buckets::{MetaDump, Metas, RawRecord, backend_hash, iterate_bucket, list_buckets, meta};
pub use decode::{decode, plain};
pub use scan::{FoundRecord, ScanEnd, scan_keys};
pub use wal::{DumpedLog, EntryFilter, EntryLine, LogDumpOptions, dump_log, dump_raw};
