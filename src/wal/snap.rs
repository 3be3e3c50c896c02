//! Raft snapshot files: an envelope with a CRC that contains the metadata of a raft snapshot and the version 2 store
//! with the cluster members. Source: etcd v3.7.1, server/etcdserver/api/snap/snapshotter.go.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use prost::Message as _;

use super::{
    crc::crc32c,
    error::{Error, Result},
    names::{SnapName, snap_files},
};
use crate::proto::{raftpb::Snapshot, snappb};

/// Largest file that is read, in bytes. Members and versions take kilobytes; a store left behind by etcd 3.3 or older
/// can be larger.
const MAX_FILE: u64 = 512 << 20;

/// Encodes a file that contains `snapshot`.
pub fn encode_snap(snapshot: &Snapshot) -> Vec<u8> {
    let data = snapshot.encode_to_vec();
    snappb::Snapshot {
        crc: Some(crc32c(&data)),
        data: Some(data.into()),
    }
    .encode_to_vec()
}

/// Decodes the content of a file.
///
/// # Errors
/// The defect, without the name of the file.
pub fn decode_snap(bytes: Bytes) -> Result<Snapshot, String> {
    if bytes.is_empty() {
        return Err("the raft snapshot is empty".into());
    }
    let envelope = snappb::Snapshot::decode(bytes).map_err(|e| format!("no raft snapshot: {e}"))?;
    let data = envelope.data.unwrap_or_default();
    let stored = envelope.crc.unwrap_or_default();
    if data.is_empty() || stored == 0 {
        return Err("the raft snapshot is empty".into());
    }
    let actual = crc32c(&data);
    if stored != actual {
        return Err(format!(
            "the CRC of the raft snapshot is {stored:08x}, but that of its data is {actual:08x}"
        ));
    }
    Snapshot::decode(data).map_err(|e| format!("no raft snapshot: {e}"))
}

/// Reads the snapshot file `path`.
///
/// # Errors
/// The file cannot be read, is too large, or is damaged.
pub fn read_snap(path: &Path) -> Result<Snapshot> {
    let wrong = |what: String| Error::Snap {
        file: path.to_owned(),
        what,
    };
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io("read", path, e))?;
    if bytes.len() as u64 > MAX_FILE {
        let what = format!("a raft snapshot of more than {MAX_FILE} bytes is not read");
        return Err(wrong(what));
    }
    decode_snap(bytes.into()).map_err(wrong)
}

/// What [`newest_snap`] finds.
#[derive(Debug, Default)]
pub struct Newest {
    /// The newest intact file.
    pub found: Option<(PathBuf, Snapshot)>,
    /// Why newer files cannot be used.
    pub damaged: Vec<Error>,
}

/// The newest intact snapshot file in `dir` that `wanted` accepts. Damaged files are left unchanged, whereas etcd
/// renames them.
///
/// # Errors
/// The directory cannot be read.
pub fn newest_snap(dir: &Path, wanted: impl Fn(&SnapName) -> bool) -> Result<Newest> {
    let mut out = Newest::default();
    for name in snap_files(dir)?.into_iter().rev().filter(wanted) {
        let path = dir.join(name.to_string());
        match read_snap(&path) {
            Ok(snapshot) => {
                out.found = Some((path, snapshot));
                break;
            }
            Err(error) => out.damaged.push(error),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::raftpb::SnapshotMetadata;

    #[test]
    fn round_trip_and_every_flipped_bit() {
        let snapshot = Snapshot {
            data: Some(Bytes::from_static(b"{}")),
            metadata: Some(SnapshotMetadata {
                index: Some(1),
                term: Some(1),
                conf_state: None,
            }),
        };
        let bytes = encode_snap(&snapshot);
        assert_eq!(decode_snap(bytes.clone().into()), Ok(snapshot.clone()));
        let envelope = snappb::Snapshot::decode(&bytes[..]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // The encoded CRC can have bits above the 32nd, which are ignored.
            if snappb::Snapshot::decode(&bytes[..]).as_ref() == Ok(&envelope) {
                continue;
            }
            assert_ne!(decode_snap(bytes.into()), Ok(snapshot.clone()), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(decode_snap(bytes[..end].to_vec().into()).is_err(), "{end}");
        }
    }

    #[test]
    fn a_damaged_newest_file_is_passed_over_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let snapshot = Snapshot {
            data: Some(Bytes::from_static(b"{}")),
            metadata: None,
        };
        let (old, new) = (
            dir.path().join("0000000000000001-0000000000000001.snap"),
            dir.path().join("0000000000000001-0000000000000002.snap"),
        );
        std::fs::write(&old, encode_snap(&snapshot)).unwrap();
        std::fs::write(&new, b"").unwrap();
        let newest = newest_snap(dir.path(), |_| true).unwrap();
        assert_eq!(newest.found, Some((old, snapshot)));
        assert_eq!(newest.damaged.len(), 1);
        assert!(new.exists());
    }
}
