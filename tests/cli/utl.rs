//! `etcdutl` on files of real etcd servers, intact and damaged, as seen by a script.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::support::fixtures::bytes as fixture;
use crate::support::program::{Finished, Program};

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Scratch {
        Scratch(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn etcdutl(args: &[&str], file: &Path) -> Finished {
    Program::etcdutl().args(args).arg(file).run()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_digest_that_does_not_fit_follows_the_status() {
    let scratch = Scratch::new();
    let mut bytes = fixture("basic-3.7.snapshot.db");
    let sound = etcdutl(&["snapshot", "status"], &scratch.file("good", &bytes));
    assert_eq!(sound.status.code(), Some(0));
    *bytes.last_mut().unwrap() ^= 1;
    let path = scratch.file("bad", &bytes);
    for tool in [Program::etcdutl(), Program::etcdctl()] {
        let bad = tool.args(["snapshot", "status"]).arg(&path).run();
        assert_eq!(bad.status.code(), Some(1));
        assert_eq!(text(&bad.stdout), text(&sound.stdout));
        let stderr = text(&bad.stderr);
        let begin = format!("Error: {}: the digest does not match", path.display());
        assert!(stderr.starts_with(&begin), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    let json = etcdutl(&["snapshot", "status", "-w", "json"], &path);
    let status: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(status["totalKey"], 33);
    let error: Value = serde_json::from_slice(&json.stderr).unwrap();
    assert_eq!(error["exit"], 1);
}

#[test]
fn damage_is_named_and_nothing_else_printed() {
    let scratch = Scratch::new();
    let mut bytes = fixture("basic-3.7.snapshot.db");
    // A leaf page of bucket `key` that was never written.
    bytes[6 * 4096..7 * 4096].fill(0);
    let path = scratch.file("hole", &bytes);
    for args in [&["snapshot", "status"][..], &["hashkv"][..]] {
        let run = etcdutl(args, &path);
        assert_eq!(run.status.code(), Some(1));
        assert_eq!(text(&run.stdout), "");
        let want = format!(
            "Error: {}: page 6: bucket \"key\": its header says page 0\n",
            path.display()
        );
        assert_eq!(text(&run.stderr), want);
    }
    assert!(std::fs::read(&path).unwrap() == bytes);
}

#[test]
fn hashkv_leaves_the_file_alone() {
    let scratch = Scratch::new();
    // etcd's own etcdutl writes to all of these.
    for name in ["rich-3.7.snapshot.db", "killed-3.7.member.db"] {
        let bytes = fixture(name);
        let path = scratch.file(name, &bytes);
        assert_eq!(etcdutl(&["hashkv"], &path).status.code(), Some(0), "{name}");
        assert!(std::fs::read(&path).unwrap() == bytes, "{name}");
    }
}

#[test]
fn a_file_that_a_server_has_open_is_refused_at_once() {
    let scratch = Scratch::new();
    let path = scratch.file("db", &fixture("basic-3.7.member.db"));
    let file = File::open(&path).unwrap();
    file.lock().unwrap();
    let run = etcdutl(&["snapshot", "status"], &path);
    assert_eq!(run.status.code(), Some(1));
    assert_eq!(
        text(&run.stderr),
        format!(
            "Error: {}: the database is locked: another process has it open\n",
            path.display()
        )
    );
}
