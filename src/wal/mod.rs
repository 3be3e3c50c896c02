//! etcd's write-ahead log and raft snapshot files: what `snapshot restore` writes so that etcd boots, and
//! what the offline tools read. Synchronous; knows nothing of etcd's buckets and nothing of commands.

mod crc;
mod error;
mod log;
mod names;
mod reader;
mod record;
mod snap;
mod writer;

pub use error::{Error, Result};
pub use log::{Log, Snapshots, valid_snapshots};
pub use names::{SegmentName, SnapName, segments, snap_files};
pub use reader::{Reader, ReaderOptions};
pub use record::{Content, Frame, Kind, MAX_RECORD, Record};
pub use snap::{Newest, decode_snap, encode_snap, newest_snap, read_snap};
pub use writer::{SEGMENT_SIZE, Writer};
