//! Damaged snapshots of real etcd, salvaged by ours, then restored and started by real etcd.

use std::fs;
use std::path::Path;

use etcd_maintenance::bolt::{FileReader, Visit};
use serde_json::Value;

use crate::support::etcd::{self, Release};
use crate::support::program::{Program, scratch};
use crate::support::server::Launch;

/// Keys in the snapshot, each with a value of its own of about a fifth of a page.
const KEYS: usize = 90;
/// Page size of etcd's databases here.
const PAGE: usize = 4096;

fn value(i: usize) -> String {
    format!("{i:04}").repeat(200)
}

/// All keys with values and revisions, and the hash of the history.
fn contents(etcdctl: &Program, endpoint: &str) -> (Vec<Value>, Value) {
    let at = etcdctl.clone().arg(format!("--endpoints={endpoint}"));
    let get = ["get", "", "--prefix", "-w", "json"];
    let mut keys = at.clone().args(get).run().success().json();
    let hash = at.args(["endpoint", "hashkv", "-w", "json"]).run();
    let hash = hash.success().json()[0]["HashKV"]["hash"].take();
    let keys = keys["kvs"].as_array_mut().map(std::mem::take);
    (keys.expect("a list of keys"), hash)
}

/// The pages with records of the history.
fn pages_of_keys(file: &Path) -> Vec<usize> {
    let reader = FileReader::open(file).expect("the snapshot is intact");
    let (mut pages, mut is_key) = (Vec::new(), false);
    let checked = reader.check_with(&mut |met| match met {
        Visit::Bucket { name } => is_key = name == b"key",
        Visit::Entry { page, .. } if is_key => pages.push(page as usize),
        Visit::Entry { .. } => {}
    });
    checked.expect("the snapshot is intact");
    pages.dedup();
    pages
}

#[test]
fn a_salvaged_snapshot_starts_real_etcd_with_every_readable_key() {
    for release in [Release::V3_5, Release::V3_7] {
        let (Some(launch), Some(etcdctl), Some(etcdutl)) = (
            etcd::server(release),
            etcd::etcdctl(release),
            etcd::etcdutl(release),
        ) else {
            continue;
        };
        let dir = scratch();
        let file = dir.path().join("good.db");
        let server = launch.start();
        let at = etcdctl
            .clone()
            .arg(format!("--endpoints={}", server.endpoint()));
        for i in 0..KEYS {
            let put = at.clone().args(["put", &format!("key/{i:03}")]);
            put.stdin(value(i)).run().success();
        }
        at.args(["snapshot", "save"]).arg(&file).run().success();
        let (all, _) = contents(&etcdctl, server.endpoint());
        assert_eq!(all.len(), KEYS);
        drop(server);

        let good = fs::read(&file).expect("the snapshot can be read");
        let root = FileReader::open(&file).expect("it is intact").meta().root as usize;
        let leaves = pages_of_keys(&file);
        assert!(leaves.len() > 10, "{leaves:?}");
        let middle = leaves[leaves.len() / 2];
        for (what, from, to) in [
            ("both metas", 0, 2),
            ("root", root, root + 1),
            ("leaf", middle, middle + 1),
        ] {
            let mut damaged = good.clone();
            damaged[from * PAGE..to * PAGE].fill(0);
            let broken = dir.path().join("broken.db");
            fs::write(&broken, &damaged).expect("it can be written");
            Program::etcdutl()
                .args(["snapshot", "status"])
                .arg(&broken)
                .run()
                .failure(1, "");
            // A value is readable if some page still contains all of it.
            let is_there = |i: &usize| {
                let value = value(*i).into_bytes();
                damaged.windows(value.len()).any(|w| w == value)
            };
            let readable: Vec<usize> = (0..KEYS).filter(is_there).collect();
            assert_eq!(readable.len() == KEYS, what != "leaf", "{what}");
            let saved = dir.path().join(format!("{what}.db"));
            Program::etcdutl()
                .args(["snapshot", "salvage"])
                .args([&broken, &saved])
                .run()
                .success();
            let expected: Vec<Value> = readable.iter().map(|i| all[*i].clone()).collect();
            let hashkv = Program::etcdutl()
                .args(["hashkv", "-w", "json"])
                .arg(&saved);
            let hash = hashkv.run().success().json()["hash"].take();
            for (tool, name) in [(Program::etcdutl(), "ours"), (etcdutl.clone(), "theirs")] {
                let data = dir.path().join(format!("{what}-{name}"));
                restore(&tool, &saved, &data);
                let (keys, served) = contents_of(&launch, &etcdctl, &data);
                let what = format!("etcd {release}, {what}, restored by {name}");
                assert_eq!(keys, expected, "{what}");
                assert_eq!(served, hash, "{what}");
            }
        }
    }
}

fn restore(tool: &Program, file: &Path, data: &Path) {
    tool.clone()
        .args(["snapshot", "restore"])
        .arg(file)
        .arg(format!("--data-dir={}", data.display()))
        .run()
        .success();
}

/// Starts etcd on `data`, reads its contents, and stops it. It must also accept a write.
fn contents_of(launch: &Launch, etcdctl: &Program, data: &Path) -> (Vec<Value>, Value) {
    let server = launch.clone().data_dir(data).start();
    let contents = contents(etcdctl, server.endpoint());
    let at = etcdctl
        .clone()
        .arg(format!("--endpoints={}", server.endpoint()));
    at.args(["put", "after", "salvage"]).run().success();
    contents
}
