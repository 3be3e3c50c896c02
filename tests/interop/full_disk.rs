//! A full disk, as a memory file system of a few MiB: while writing, defragmenting, and saving a snapshot. Existing
//! data remains, errors give the reason, and the server continues to work.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use bytes::Bytes;
use etcd_maintenance::bolt::FileReader;
use etcd_maintenance::proto::etcdserverpb as pb;
use pb::kv_client::KvClient;
use tonic::transport::Channel;

use crate::support::etcd::{self, Release};
use crate::support::program::{Program, scratch, self_test};
use crate::support::server::{Launch, Server};
use crate::support::small_disk::SmallDisk;

const MIB: u64 = 1 << 20;

/// A client, and what was acknowledged to it.
struct Writer {
    runtime: tokio::runtime::Runtime,
    kv: KvClient<Channel>,
    acknowledged: BTreeMap<Bytes, Bytes>,
}

impl Writer {
    fn new(server: &Server) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let kv = KvClient::new(runtime.block_on(server.channel()));
        Self {
            runtime,
            kv,
            acknowledged: BTreeMap::new(),
        }
    }

    fn put(&mut self, key: &str, value: Vec<u8>) -> Result<(), tonic::Status> {
        let request = pb::PutRequest {
            key: key.to_owned().into(),
            value: value.clone().into(),
            ..Default::default()
        };
        self.runtime.block_on(self.kv.put(request))?;
        self.acknowledged
            .insert(key.to_owned().into(), value.into());
        Ok(())
    }

    /// Asserts that the server contains exactly what was acknowledged.
    #[track_caller]
    fn verify(&mut self) {
        let request = pb::RangeRequest {
            key: b"\0".as_slice().into(),
            range_end: b"\0".as_slice().into(),
            ..Default::default()
        };
        let stored: BTreeMap<Bytes, Bytes> = self
            .runtime
            .block_on(
                self.kv
                    .clone()
                    .max_decoding_message_size(usize::MAX)
                    .range(request),
            )
            .expect("reads are served")
            .into_inner()
            .kvs
            .into_iter()
            .map(|kv| (kv.key, kv.value))
            .collect();
        assert!(
            stored.keys().eq(self.acknowledged.keys()),
            "stored {:?}, acknowledged {:?}",
            stored.keys(),
            self.acknowledged.keys()
        );
        assert!(stored == self.acknowledged, "a value is another");
    }

    fn follow(self, server: &Server) -> Self {
        let mut again = Self::new(server);
        again.acknowledged = self.acknowledged;
        again
    }
}

fn etcdctl(server: &Server) -> Program {
    Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()))
}

#[track_caller]
fn assert_sound(file: &Path) {
    let checked = FileReader::open(file)
        .and_then(|reader| reader.check())
        .unwrap_or_else(|e| panic!("{e}"));
    assert!(checked.findings.is_empty(), "{:?}", checked.findings);
}

/// The content of the data directory, except for the names that are always there.
fn leftovers(server: &Server) -> Vec<String> {
    fs::read_dir(server.data_dir())
        .expect("the data directory can be listed")
        .map(|entry| {
            entry
                .expect("an entry can be read")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.contains("tmp"))
        .collect()
}

#[test]
fn a_write_without_room_is_refused_and_the_server_goes_on() {
    if self_test() {
        // A real etcd exits when its log cannot be written.
        return;
    }
    let Some(disk) = SmallDisk::mount(96 * MIB) else {
        return;
    };
    let ballast = disk.leave_free(24 * MIB);
    let launch = Launch::serve().data_dir(disk.path().join("data"));
    let server = launch.start();
    let mut writer = Writer::new(&server);
    let mut refusals = 0;
    for i in 0..600 {
        // Include small values, so that the disk is full at every size.
        let size = if i % 5 == 0 { 50 } else { 100 << 10 };
        if let Err(status) = writer.put(&format!("key/{i:03}"), vec![b'a' + (i % 26) as u8; size]) {
            assert!(
                status.message().to_lowercase().contains("space"),
                "the refusal says why: {status}"
            );
            refusals += 1;
        }
    }
    assert!(refusals > 0, "600 writes of 48 MiB fit into 24 MiB");
    assert!(
        writer.acknowledged.len() > 100,
        "{} of 600 writes were taken",
        writer.acknowledged.len()
    );
    writer.verify();
    etcdctl(&server)
        .args(["endpoint", "status"])
        .run()
        .success();

    // When started while the disk is still full, it may report that it needs space, but loses nothing.
    let mut server = server;
    server.kill();
    assert_sound(&server.db_file());
    drop(server);
    match launch.try_start() {
        Ok(server) => {
            writer = writer.follow(&server);
            writer.verify();
        }
        Err(refused) => assert!(refused.log.to_lowercase().contains("no space"), "{refused}"),
    }
    fs::remove_file(ballast).expect("the ballast can be removed");
    let server = launch.start();
    let mut writer = writer.follow(&server);
    writer.verify();
    // The full disk may have raised the NOSPACE alarm.
    etcdctl(&server).args(["alarm", "disarm"]).run().success();
    for i in 0..100 {
        writer
            .put(&format!("later/{i:03}"), vec![b'z'; 100 << 10])
            .unwrap_or_else(|e| panic!("there is room again: {e}"));
    }
    writer.verify();
    let mut server = server;
    let ended = server.terminate();
    assert_eq!(
        ended.signal(),
        Some(15),
        "it ends like etcd, by the signal: {ended}"
    );
    assert_sound(&server.db_file());
}

#[test]
fn defragmentation_without_room_changes_nothing() {
    if self_test() {
        return;
    }
    let Some(disk) = SmallDisk::mount(64 * MIB) else {
        return;
    };
    let server = Launch::serve().data_dir(disk.path().join("data")).start();
    let mut writer = Writer::new(&server);
    for i in 0..120 {
        writer
            .put(
                &format!("key/{i:03}"),
                vec![b'a' + (i % 26) as u8; 100 << 10],
            )
            .expect("there is room");
    }
    let size = fs::metadata(server.db_file())
        .expect("the file is there")
        .len();
    let ballast = disk.leave_free(4 * MIB);
    let failed = etcdctl(&server).args(["defrag"]).run();
    assert_eq!(failed.code(), 1, "{failed}");
    assert!(failed.err().to_lowercase().contains("no space"), "{failed}");
    assert_eq!(leftovers(&server), [""; 0], "nothing is left behind");
    assert_eq!(
        fs::metadata(server.db_file())
            .expect("the file is there")
            .len(),
        size
    );
    writer.verify();
    writer
        .put("after", vec![b'x'; 1000])
        .expect("a write that fits is taken after it");

    fs::remove_file(ballast).expect("the ballast can be removed");
    etcdctl(&server).args(["defrag"]).run().success();
    writer.verify();
    let mut server = server;
    server.kill();
    assert_sound(&server.db_file());
    let server = server.restart();
    writer.follow(&server).verify();
}

#[test]
fn a_snapshot_without_room_leaves_no_file() {
    let mut launches = vec![Launch::serve()];
    launches.extend(etcd::server(Release::V3_7));
    for launch in launches {
        let Some(disk) = SmallDisk::mount(8 * MIB) else {
            return;
        };
        let server = launch.start();
        let mut writer = Writer::new(&server);
        for i in 0..40 {
            writer
                .put(&format!("key/{i:02}"), vec![b'a'; 300 << 10])
                .expect("there is room");
        }
        let file = disk.path().join("backup.db");
        let save = || etcdctl(&server).args(["snapshot", "save"]).arg(&file).run();
        let failed = save().failure(5, "Error: ");
        assert!(failed.err().to_lowercase().contains("no space"), "{failed}");
        let left = fs::read_dir(disk.path())
            .expect("the disk can be listed")
            .count();
        assert_eq!(left, 0, "nothing is left behind");

        // An older backup with the same name survives the attempt.
        fs::write(&file, "an older backup").expect("there is room for that");
        save().failure(5, "Error: ");
        assert_eq!(
            fs::read_to_string(&file).expect("it is there"),
            "an older backup"
        );
        writer.verify();

        let elsewhere = scratch();
        let file = elsewhere.path().join("backup.db");
        etcdctl(&server)
            .args(["snapshot", "save"])
            .arg(&file)
            .run()
            .success();
        assert_sound(&file);
    }
}
