//! etcd's write-ahead log and raft snapshot files: `snapshot restore` writes them so that etcd can start, and the
//! offline tools read them. Synchronous; knows nothing of etcd's buckets or of commands.

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
pub use record::{Content, Frame, MAX_RECORD, Record, RecordType};
pub use snap::{Newest, decode_snap, encode_snap, newest_snap, read_snap};
pub use writer::{SEGMENT_SIZE, Writer};
