//! The targets themselves. They use only the public interface of the library.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use etcd_maintenance::{
    bolt::{FileReader, FoundItem},
    proto::{mvccpb, snappb, walpb},
    schema::{
        alarm, auth, bucket, key,
        lease::{self, CheckpointTime},
        membership::Membership,
        meta::Meta,
    },
    snapshot::{
        self, SnapshotFile, data_dir,
        dump::{self, EntryFilter, EntryLine},
        examine::{ExamineOptions, examine},
        restore::{Plan, RestoreOptions},
        salvage::{SalvageOptions, salvage},
    },
    wal::{self, Frame, RecordType},
};
use prost::Message as _;
use sha2::Digest as _;
use tempfile::TempDir;

/// Maximum size of an input in bytes: a few pages suffice for every rule of the formats.
const MAX_INPUT: usize = 64 << 10;
/// The bytes of a meta page that its checksum covers.
const META: std::ops::Range<usize> = 16..72;

thread_local! {
    /// The folder of this thread's files, which is removed when the thread ends.
    static FOLDER: TempDir = {
        let folder = tempfile::tempdir().expect("a folder for the inputs");
        fs::create_dir(folder.path().join("wal")).expect("a folder for the log");
        folder
    };
}

fn folder() -> PathBuf {
    FOLDER.with(|folder| folder.path().to_owned())
}

fn write(path: &Path, data: &[u8]) {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    let file = file.expect("a file for the input");
    file.write_all_at(data, 0).expect("the input is written");
    file.set_len(data.len() as u64).expect("its length is set");
}

/// Corrects the checksums of both metas, so that the code behind this check is reached.
fn mend_metas(data: &mut [u8]) {
    let size = data.get(24..28).and_then(|b| b.first_chunk::<4>());
    let size = size.map_or(0, |b| u32::from_le_bytes(*b)) as usize;
    for page in [0, size] {
        let Some(meta) = data
            .get_mut(page..)
            .filter(|meta| meta.len() >= META.end + 8)
        else {
            continue;
        };
        // FNV-1a, 64 bits.
        let sum = meta[META].iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)
        });
        meta[META.end..META.end + 8].copy_from_slice(&sum.to_le_bytes());
    }
}

/// The reader of bolt files. The first byte decides whether the checksums of the metas are corrected.
pub fn bolt(data: &[u8]) {
    let Some((mode, data)) = data
        .split_first()
        .filter(|(_, data)| data.len() <= MAX_INPUT)
    else {
        return;
    };
    let mut data = data.to_vec();
    if mode & 1 == 1 {
        mend_metas(&mut data);
    }
    let path = folder().join("bolt");
    write(&path, &data);
    if let Ok(reader) = FileReader::open(&path) {
        let sound = reader
            .check()
            .is_ok_and(|checked| checked.findings.is_empty());
        let read = || -> Result<u64, etcd_maintenance::bolt::Error> {
            let mut entries = 0;
            for bucket in reader.buckets()? {
                let (name, bucket) = bucket?;
                for entry in bucket.iter()? {
                    entry?;
                    entries += 1;
                }
                for entry in bucket.iter_rev()? {
                    entry?;
                }
                bucket.get(&name)?;
                bucket.last()?;
            }
            Ok(entries)
        };
        let entries = read();
        assert!(!sound || entries.is_ok(), "sound, but {entries:?}");
        for page in reader.scan_pages(u64::MAX) {
            let _ = page;
        }
    }
    if let Ok((states, all)) = FileReader::open_damaged(&path) {
        for state in states.iter().chain([&all]) {
            let mut entries = 0u64;
            let _ = state.walk_damaged(&mut |item| {
                entries += u64::from(matches!(item, FoundItem::Entry { .. }))
            });
        }
    }
}

/// The bytes of a file for the offline tools. The first byte decides whether the metas are corrected, and whether a digest is
/// appended.
fn whole_file(data: &[u8]) -> Option<Vec<u8>> {
    let (mode, data) = data
        .split_first()
        .filter(|(_, data)| data.len() <= MAX_INPUT)?;
    let mut data = data.to_vec();
    if mode & 1 == 1 {
        mend_metas(&mut data);
    }
    if mode & 2 == 2 {
        let digest = sha2::Sha256::digest(&data);
        data.extend_from_slice(&digest);
    }
    Some(data)
}

/// The offline tools that judge a whole file. The first byte also chooses the revision of the hash; see [`whole_file`].
pub fn snapshot(data: &[u8]) {
    let (Some(mode), Some(data)) = (data.first(), whole_file(data)) else {
        return;
    };
    let path = folder().join("snapshot");
    write(&path, &data);
    let status = snapshot::status(&path);
    let _ = snapshot::hash_kv(&path, i64::from(mode >> 2));
    let verdict = examine(&path, &ExamineOptions::default());
    if let Ok(verdict) = verdict
        && verdict.first_bad().is_none()
    {
        // A good file can be read by every tool.
        let status = status.expect("a good file has a status");
        assert_eq!(
            status.revision.max(1).min(verdict.revision),
            status.revision.max(1)
        );
        let live = snapshot::live_keys(&path, 0).expect("a good file can be listed");
        assert_eq!(live.kvs.len() as u64, verdict.live);
    }
}

/// The offline commands that show a whole file, or write one from it: listings, `salvage`, `restore --for-serve`, and
/// `defrag`. The first byte is as in [`snapshot`].
pub fn offline(data: &[u8]) {
    let Some(data) = whole_file(data) else {
        return;
    };
    let path = folder().join("db");
    write(&path, &data);
    if let Ok(file) = SnapshotFile::open(&path) {
        let _ = dump::meta(&file);
        let _ = dump::backend_hash(&file);
        let _ = dump::scan_keys(&file, 0, &mut |_| true);
        for name in dump::list_buckets(&file).unwrap_or_default() {
            let _ = dump::iterate_bucket(&file, &name, &mut |key, value| {
                dump::decode(&name, key, value);
                true
            });
        }
    }
    // A salvaged file is sound.
    let out = folder().join("salvaged");
    let _ = fs::remove_file(&out);
    let options = SalvageOptions {
        keep_history: data.len().is_multiple_of(2),
        ..SalvageOptions::default()
    };
    if salvage(&path, &out, &options).is_ok() {
        let verdict = examine(&out, &ExamineOptions::default()).expect("it can be read");
        assert_eq!(verdict.first_bad(), None, "{:?}", verdict.layers);
    }
    // So is a restored file.
    let restored = folder().join("restored");
    let _ = fs::remove_dir_all(&restored);
    let options = RestoreOptions {
        skip_hash_check: true,
        for_serve: true,
        data_dir: Some(restored.clone()),
        ..RestoreOptions::new(&path)
    };
    if let Ok(plan) = Plan::new(options)
        && plan.run(&mut |_| ()).is_ok()
    {
        snapshot::hash_kv(restored.join("db"), 0).expect("it can be read");
    }
    let _ = data_dir::defragment(&folder(), Some(Duration::ZERO), &mut |_| ());
}

/// Corrects the CRC of every record of a log, so that the code behind this check is reached.
fn mend_log(data: &[u8]) -> Vec<u8> {
    let (mut out, mut rest, mut crc) = (Vec::new(), data, 0);
    while let Some((field, body)) = rest.split_first_chunk::<8>() {
        let frame = Frame::decode(u64::from_le_bytes(*field));
        let body_len = usize::try_from(frame.body()).unwrap_or(usize::MAX);
        let Some((body, after)) = body.split_at_checked(body_len) else {
            break;
        };
        let record = &body[..body.len() - frame.padding as usize];
        let Ok(mut record) = walpb::Record::decode(record) else {
            break;
        };
        if body.is_empty() {
            break;
        }
        if record.r#type != Some(RecordType::Crc.number()) {
            crc = crc32c::crc32c_append(crc, record.data.as_deref().unwrap_or_default());
        }
        record.crc = Some(crc);
        let record = record.encode_to_vec();
        let frame = Frame::of(record.len() as u64);
        out.extend(frame.encode().to_le_bytes());
        out.extend(record);
        out.resize(out.len() + frame.padding as usize, 0);
        rest = after;
    }
    out.extend(rest);
    out
}

/// Corrects the CRC of a raft snapshot file.
fn mend_snap(data: &[u8]) -> Vec<u8> {
    match snappb::Snapshot::decode(data) {
        Ok(mut envelope) => {
            envelope.crc = Some(crc32c::crc32c(envelope.data.as_deref().unwrap_or_default()));
            envelope.encode_to_vec()
        }
        Err(_) => data.to_vec(),
    }
}

/// The reader of the write-ahead log and of raft snapshot files, and the dump of a log; with the CRCs as they are, and
/// with correct ones.
pub fn wal(data: &[u8]) {
    if data.len() > MAX_INPUT {
        return;
    }
    let dir = folder().join("wal");
    let filter = EntryFilter::parse(EntryFilter::DEFAULT).expect("the filter of the command");
    for data in [data, &mend_log(data)] {
        write(&dir.join("0000000000000000-0000000000000000.wal"), data);
        if let Ok(log) = wal::Log::read_from(&dir, 0) {
            for entry in &log.entries {
                EntryLine::of(entry, &filter);
            }
        }
        let _ = wal::valid_snapshots(&dir);
        let _ = dump::dump_raw(&dir, None, &mut |_| true);
    }
    for data in [data, &mend_snap(data)] {
        let _ = wal::decode_snap(data.to_vec().into());
    }
}

/// The codecs of single records. The first byte chooses the bucket, the second the length of the key.
pub fn records(data: &[u8]) {
    let [which, key_len, rest @ ..] = data else {
        return;
    };
    let (key, value) = rest.split_at(usize::from(*key_len).min(rest.len()));
    match which % 8 {
        0 => {
            // The fast decoder accepts the same bytes as prost's.
            let ours = key::KeyValueRef::decode(value);
            if let Ok(theirs) = mvccpb::KeyValue::decode(value) {
                let ours = ours.expect("protobuf takes it");
                assert_eq!(ours.to_owned(), theirs);
                assert_eq!(ours.encoded_len(), theirs.encoded_len());
            }
            let _ = key::RevisionKey::decode(key);
        }
        1 => drop(Meta::default().read(key, value)),
        2 => drop(lease::decode(key, value)),
        3 => drop(alarm::decode(key)),
        4 => drop(auth::Auth::default().read(key, value)),
        5 => {
            if let Ok(user) = auth::decode_user(key, value) {
                assert_eq!(auth::decode_user(key, &auth::encode_user(&user)), Ok(user));
            }
            if let Ok(role) = auth::decode_role(key, value) {
                assert_eq!(auth::decode_role(key, &auth::encode_role(&role)), Ok(role));
            }
        }
        6 => {
            for name in [bucket::MEMBERS, bucket::MEMBERS_REMOVED, bucket::CLUSTER] {
                let _ = Membership::default().read(name, key, value);
            }
        }
        _ => drop(CheckpointTime::decode(value)),
    }
}
