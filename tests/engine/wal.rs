//! Logs and raft snapshot files of real etcd members, intact and damaged, compared with `expected.json` for every
//! record; and what our writer produces for the same records.

use std::{
    fs,
    path::{Path, PathBuf},
};

use etcd_maintenance::{
    proto::{etcdserverpb::Metadata, raftpb, walpb},
    wal::{
        Content, Error, Log, Reader, ReaderOptions, Record, SEGMENT_SIZE, Writer, encode_snap,
        read_snap, valid_snapshots,
    },
};
use prost::Message as _;
use serde_json::{Value, json};

use crate::fixture_data::{bytes, expected, hex, sha256};

/// The part of `member/wal/NAME` after the last slash.
fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap()
}

/// Writes the log of a tree to a separate directory.
fn unpack(tree: &str, entry: &Value, dir: &Path) -> PathBuf {
    let wal = dir.join(tree);
    fs::create_dir(&wal).unwrap();
    for (name, file) in entry["files"].as_object().unwrap() {
        if let Some(segment) = name.strip_prefix("member/wal/") {
            let path = wal.join(segment);
            fs::write(&path, bytes(&format!("trees/{tree}.{segment}"))).unwrap();
            let file_len = file["size"].as_u64().unwrap();
            fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(file_len)
                .unwrap();
        }
    }
    wal
}

fn id(id: Option<u64>) -> Value {
    json!(format!("{:x}", id.unwrap_or_default()))
}

fn conf_change_type(kind: raftpb::ConfChangeType) -> &'static str {
    match kind {
        raftpb::ConfChangeType::ConfChangeAddNode => "add_node",
        raftpb::ConfChangeType::ConfChangeRemoveNode => "remove_node",
        raftpb::ConfChangeType::ConfChangeUpdateNode => "update_node",
        raftpb::ConfChangeType::ConfChangeAddLearnerNode => "add_learner_node",
    }
}

/// Compares those parts of a record that `expected.json` contains.
fn check_record(ours: &Record, theirs: &Value, what: &str) {
    assert_eq!(json!(ours.offset), theirs["offset"], "{what}");
    assert_eq!(json!(ours.crc), theirs["crc"], "{what}");
    assert_eq!(json!(ours.padding), theirs["padding"], "{what}");
    assert_eq!(json!(ours.data_len), theirs["data_len"], "{what}");
    assert!(ours.sound, "{what}");
    match (&ours.content, theirs["type"].as_str().unwrap()) {
        (Content::Crc(crc), "crc") => assert_eq!(*crc, ours.crc),
        (Content::Metadata(m), "metadata") => {
            assert_eq!(id(m.node_id), theirs["node_id"], "{what}");
            assert_eq!(id(m.cluster_id), theirs["cluster_id"], "{what}");
        }
        (Content::State(s), "state") => {
            let state = json!({"term": s.term(), "vote": id(s.vote), "commit": s.commit()});
            assert_eq!(state, theirs["state"], "{what}");
        }
        (Content::Snapshot(s), "snapshot") => {
            assert_eq!(json!(s.index()), theirs["snapshot"]["index"], "{what}");
            assert_eq!(json!(s.term()), theirs["snapshot"]["term"], "{what}");
        }
        (Content::Entry(e), "entry") => {
            let entry = &theirs["entry"];
            assert_eq!(json!(e.index()), entry["index"], "{what}");
            assert_eq!(json!(e.term()), entry["term"], "{what}");
            assert_eq!(json!(e.data().len()), entry["data_len"], "{what}");
            let is_change = e.r#type() == raftpb::EntryType::EntryConfChange;
            assert_eq!(is_change, entry["entry_type"] == "conf_change", "{what}");
            if let Some(change) = entry.get("conf_change") {
                let ours = raftpb::ConfChange::decode(e.data()).unwrap();
                assert_eq!(conf_change_type(ours.r#type()), change["type"], "{what}");
                assert_eq!(id(ours.node_id), change["node_id"], "{what}");
            }
        }
        (content, kind) => panic!("{what}: {kind} read as {content:?}"),
    }
}

#[test]
fn every_record_of_every_log_is_read() {
    let (expected, dir) = (expected(), tempfile::tempdir().unwrap());
    let mut count = 0;
    for (tree, entry) in expected["trees"].as_object().unwrap() {
        let wal = unpack(tree, entry, dir.path());
        let listing: Value =
            serde_json::from_slice(&bytes(&format!("trees/{tree}.wal.json"))).unwrap();
        let mut reader = Reader::open(&wal, ReaderOptions::default()).unwrap();
        for (segment, expected) in listing.as_object().unwrap() {
            for theirs in expected["records"].as_array().unwrap() {
                let what = format!("{tree} {segment} at {}", theirs["offset"]);
                let ours = reader.next_record().unwrap().expect(&what);
                let name = reader.segments()[ours.segment].to_string();
                assert_eq!(name, base(segment), "{what}");
                check_record(&ours, theirs, &what);
                count += 1;
            }
            let (_, end) = reader.position().unwrap();
            assert_eq!(json!(end), expected["end_of_records"], "{tree} {segment}");
        }
        assert_eq!(reader.next_record().unwrap(), None, "{tree}");
        fs::remove_dir_all(wal).unwrap();
    }
    assert!(count > 500, "{count} records");
}

#[test]
fn raft_snapshots_are_read_and_written_back() {
    let expected = expected();
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    for (tree, entry) in expected["trees"].as_object().unwrap() {
        for (name, snap) in entry["snap"].as_object().unwrap() {
            if tree == "two-segments-3.7" && !name.ends_with("69.snap") {
                continue;
            }
            let original = bytes(&format!("trees/{tree}.{}", base(name)));
            let path = dir.path().join("snap");
            fs::write(&path, &original).unwrap();
            let ours = read_snap(&path).unwrap();
            let metadata = ours.metadata.clone().unwrap();
            assert_eq!(json!(metadata.index()), snap["index"], "{tree}");
            assert_eq!(json!(metadata.term()), snap["term"], "{tree}");
            assert_eq!(json!(ours.data().len()), snap["data_len"], "{tree}");
            let voters: Vec<Value> = metadata
                .conf_state
                .unwrap()
                .voters
                .iter()
                .map(|v| id(Some(*v)))
                .collect();
            assert_eq!(json!(voters), snap["conf_state"]["voters"], "{tree}");
            assert!(encode_snap(&ours) == original, "{tree} {name}");
            count += 1;
        }
    }
    assert!(count > 10, "{count} files");
}

/// Writing the records of a restored directory again produces an identical segment.
#[test]
fn a_segment_is_written_as_etcd_writes_it() {
    let (expected, dir) = (expected(), tempfile::tempdir().unwrap());
    let mut count = 0;
    for (tree, entry) in expected["trees"].as_object().unwrap() {
        if entry["kind"] != "restored" {
            continue;
        }
        let wal = unpack(tree, entry, dir.path());
        let mut reader = Reader::open(&wal, ReaderOptions::default()).unwrap();
        let ours = dir.path().join(format!("{tree}.ours"));
        fs::create_dir(&ours).unwrap();
        let mut writer: Option<Writer> = None;
        while let Some(record) = reader.next_record().unwrap() {
            match (record.content, &mut writer) {
                (Content::Metadata(m), None) => writer = Some(Writer::create(&ours, &m).unwrap()),
                (Content::Snapshot(s), Some(_)) if s.index() == 0 => {}
                (Content::Snapshot(s), Some(w)) => w.snapshot(&s),
                (Content::Entry(e), Some(w)) => w.entry(&e),
                (Content::State(s), Some(w)) => w.state(&s),
                (Content::Crc(_), None) => {}
                (other, _) => panic!("{tree}: {other:?}"),
            }
        }
        writer.unwrap().finish().unwrap();
        let name = "0000000000000000-0000000000000000.wal";
        let written = fs::read(ours.join(name)).unwrap();
        assert_eq!(written.len() as u64, SEGMENT_SIZE);
        assert!(written == fs::read(wal.join(name)).unwrap(), "{tree}");
        let theirs = &entry["files"][format!("member/wal/{name}")]["sha256"];
        assert_eq!(json!(sha256(&written)), *theirs, "{tree}");
        fs::remove_dir_all(wal).unwrap();
        fs::remove_dir_all(ours).unwrap();
        count += 1;
    }
    assert!(count > 8, "{count} trees");
}

#[test]
fn damage_is_named_and_a_torn_end_is_not_damage() {
    let (expected, dir) = (expected(), tempfile::tempdir().unwrap());
    let tree = &expected["trees"]["datadir-3.7"];
    let segment = "0000000000000000-0000000000000000.wal";
    let good = bytes(&format!("trees/datadir-3.7.{segment}"));
    for (name, case) in tree["damaged_wal"].as_object().unwrap() {
        let mut damaged = Vec::new();
        for piece in case["pieces"].as_array().unwrap() {
            let number = |i: usize| usize::try_from(piece[i].as_u64().unwrap()).unwrap();
            match piece[0].as_str().unwrap() {
                "copy" => damaged.extend_from_slice(&good[number(1)..number(1) + number(2)]),
                "hex" => {
                    let text = piece[1].as_str().unwrap();
                    let digit = |i| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
                    damaged.extend((0..text.len()).step_by(2).map(digit));
                }
                "fill" => damaged.extend(std::iter::repeat_n(number(1) as u8, number(2))),
                other => panic!("piece {other}"),
            }
        }
        let wal = dir.path().join(name);
        fs::create_dir(&wal).unwrap();
        fs::write(wal.join(segment), &damaged).unwrap();
        let log = Log::read(&wal, &walpb::Snapshot::default());
        let served = case["server_3.7"]["result"] == "serves";
        match log {
            // A server continues from a torn end, with the entries before it.
            Ok(log) => {
                let entries = case["dump_logs"]["3.6"]["entries"].as_u64();
                if let (true, Some(entries)) = (served, entries) {
                    assert_eq!(log.entries.len() as u64, entries + 1, "{name}");
                }
            }
            Err(e) => {
                assert!(!served, "{name}: {e}");
                let text = e.to_string();
                assert!(
                    text.contains(segment) || matches!(e, Error::Log { .. }),
                    "{text}"
                );
                assert!(!text.contains('\n'), "{text}");
            }
        }
        assert!(fs::read(wal.join(segment)).unwrap() == damaged, "{name}");
    }
}

/// Changes every byte of a small log, and truncates it at every length: the result is an error or fewer records, never
/// a panic, and never a record that did not exist.
#[test]
fn no_cut_and_no_flip_makes_another_record() {
    let dir = tempfile::tempdir().unwrap();
    let segment = "0000000000000000-0000000000000000.wal";
    let path = dir.path().join(segment);
    let whole = bytes(&format!("trees/restored-three-by-3.7.{segment}"));
    let end = 528;
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let mut reader = Reader::open(dir.path(), ReaderOptions::default()).unwrap();
        let mut records = Vec::new();
        let damage = loop {
            match reader.next_record() {
                Ok(Some(record)) => records.push((record.offset, record.content)),
                Ok(None) => break None,
                Err(e) => break Some(e),
            }
        };
        (records, damage)
    };
    let (all, damage) = read(&whole);
    assert!(damage.is_none());
    assert_eq!(all.len(), 8);
    for cut in 0..end {
        let (records, _) = read(&whole[..cut]);
        assert!(
            records.len() < all.len() && all.starts_with(&records),
            "{cut}"
        );
    }
    // The CRC covers only the data, so a changed type is not detected; and the first record of a segment only contains
    // the start of the chain.
    let kinds: Vec<usize> = all.iter().map(|(at, _)| *at as usize + 9).collect();
    for bit in (16 * 8..end * 8).filter(|bit| !kinds.contains(&(bit / 8))) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (records, damage) = read(&bytes);
        // Padding is not checked.
        assert!(
            all.starts_with(&records),
            "bit {bit}: {records:?} {damage:?}"
        );
    }
}

#[test]
fn a_reader_begins_at_the_segment_of_an_index() {
    let (expected, dir) = (expected(), tempfile::tempdir().unwrap());
    let tree = "two-segments-3.7";
    let wal = unpack(tree, &expected["trees"][tree], dir.path());
    let options = |from_index| ReaderOptions {
        from_index,
        ..ReaderOptions::default()
    };
    let count = |from| {
        let reader = Reader::open(&wal, options(from)).unwrap();
        reader.segments().len()
    };
    assert_eq!((count(0), count(0x47), count(0x48)), (2, 2, 1));
    let snapshots = valid_snapshots(&wal).unwrap();
    let last = snapshots.snapshots.last().unwrap();
    assert_eq!(last.index(), 0x69);
    let log = Log::read(&wal, last).unwrap();
    assert!(log.snapshot_found && log.torn.is_none());
    assert_eq!(log.entries.first().map(raftpb::Entry::index), Some(0x6a));
    assert_eq!(log.state.commit(), 110);
    fs::remove_file(wal.join("0000000000000000-0000000000000000.wal")).unwrap();
    let error = Reader::open(&wal, options(3)).err().unwrap().to_string();
    assert!(
        error.contains("no segment of the log reaches back to index 3"),
        "{error}"
    );
}

/// A file that claims that its next record is larger than the file, or larger than the limit.
#[test]
fn lengths_do_not_take_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0000000000000000-0000000000000000.wal");
    for (len, file_len) in [
        ((1u64 << 56) - 1, 64 << 20),
        (1 << 30, (1 << 30) + 8),
        (9, 12),
        (u64::MAX, 64),
    ] {
        fs::write(&path, len.to_le_bytes()).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(file_len).unwrap();
        let mut reader = Reader::open(dir.path(), ReaderOptions::default()).unwrap();
        let error = reader.next_record().unwrap_err().to_string();
        assert!(error.contains("record at byte 0"), "{error}");
        assert!(reader.next_record().unwrap().is_none());
    }
}

#[test]
fn a_writer_does_not_overwrite_another_log() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = Metadata {
        node_id: Some(1),
        cluster_id: Some(2),
    };
    Writer::create(dir.path(), &metadata)
        .unwrap()
        .finish()
        .unwrap();
    let again = Writer::create(dir.path(), &metadata).err().unwrap();
    assert!(again.to_string().contains("exists"), "{again}");
    let log = Log::read(dir.path(), &walpb::Snapshot::default()).unwrap();
    assert_eq!(log.metadata, Some(metadata));
    assert!(log.snapshot_found);
    assert_eq!(hex(&[0x0a]), "0a");
}
