//! `snapshot restore-plan`: the page, and one machine's part of it with every check that can fail.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::program::{Finished, Program, scratch};
use crate::support::server::{Launch, Server, free_ports};

fn at(server: &Server) -> Program {
    Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()))
}

/// A server with some keys, and a snapshot of it.
fn saved() -> (Server, tempfile::TempDir) {
    let server = Launch::serve().start();
    for key in ["a", "b"] {
        at(&server).args(["put", key, "1"]).run().success();
    }
    let dir = scratch();
    save(&server, &dir.path().join("backup.db"));
    (server, dir)
}

fn save(server: &Server, file: &Path) {
    at(server)
        .args(["snapshot", "save"])
        .arg(file)
        .run()
        .success();
}

const CLUSTER: &str =
    "--initial-cluster=m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380,m3=http://10.0.0.3:2380";

fn plan(dir: &Path, args: &[&str]) -> Finished {
    Program::etcdutl()
        .current_dir(dir)
        .args(["snapshot", "restore-plan", "backup.db"])
        .args(args)
        .run()
}

#[test]
fn the_page_is_for_all_members_and_says_what_the_file_loses() {
    let (server, dir) = saved();
    let page = plan(
        dir.path(),
        &[CLUSTER, "--service=systemd", "--chown=etcd:etcd"],
    )
    .success();
    let out = page.out();
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].starts_with("file   backup.db, revision 3, good, sha256 "),
        "{out}"
    );
    assert!(lines[1].starts_with("for    etcd "), "{out}");
    assert_eq!(lines[2], "1 on m1, m2, m3  systemctl stop etcd");
    assert!(lines[3].starts_with("2 on m1, m2, m3  echo '"), "{out}");
    assert!(
        lines[4].starts_with(
            "3 on m1          { [ ! -e m1.etcd ] || mv -T m1.etcd m1.etcd.before; } && etcdutl snapshot restore \
             backup.db --name m1 "
        ),
        "{out}"
    );
    assert!(
        lines[4].ends_with(
            " --bump-revision 1000000000 --mark-compacted && chown -R etcd:etcd m1.etcd"
        )
    );
    assert_eq!(lines[7], "6 on m1, m2, m3  systemctl start --no-block etcd");
    assert!(
        lines[8].starts_with("7 anywhere       etcdctl --endpoints=http://10.0.0.1:2379,"),
        "{out}"
    );
    // A newer file is a better choice, unless it is damaged.
    at(&server).args(["put", "c", "1"]).run().success();
    let newer = dir.path().join("newer.db");
    save(&server, &newer);
    let mut bytes = fs::read(&newer).expect("it was saved");
    bytes[2 * 4096..4 * 4096].fill(0);
    fs::write(dir.path().join("bad.db"), bytes).expect("it can be written");
    let args = [
        CLUSTER,
        "--candidate=bad.db",
        "--candidate=newer.db",
        "-w",
        "json",
    ];
    let json = plan(dir.path(), &args).success().json();
    assert_eq!(json["loses_revisions"], 1);
    assert_eq!(json["bump_revision"], 1_000_001);
    assert_eq!(json["candidates"][0]["path"], "newer.db");
    assert_eq!(json["candidates"][1]["verdict"], "bad");
    assert_eq!(
        json["newest"],
        "newer.db is good and at 4 -> use it as FILE"
    );
    // A running cluster provides the members and the revision.
    let from = format!("--from-cluster={}", server.endpoint());
    let json = plan(dir.path(), &[&from, "-w", "json"]).success().json();
    assert_eq!(json["bump_revision"], 1_000_001);
    let restore = json["steps"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|s| s["argv"][2] == "restore");
    let argv = &restore.expect("a restore")["argv"];
    assert!(
        argv.to_string().contains("default=http://localhost:2380"),
        "{argv}"
    );
}

#[test]
fn there_is_no_page_for_an_invalid_file() {
    let (_server, dir) = saved();
    let file = dir.path().join("backup.db");
    let mut bytes = fs::read(&file).expect("it was saved");
    bytes[100] ^= 1;
    fs::write(&file, bytes).expect("it can be written");
    plan(dir.path(), &[CLUSTER]).failure(10, "Error: backup.db is not valid: digest: ");
    fs::remove_file(&file).expect("it can be removed");
    plan(dir.path(), &[CLUSTER]).failure(10, "no such file or directory");
}

#[test]
fn flags_that_make_no_sense_are_named() {
    let (_server, dir) = saved();
    let fails = |args: &[&str], code, text| plan(dir.path(), args).failure(code, text);
    fails(&[], 128, "--initial-cluster names the members");
    fails(
        &["--initial-cluster=m1=ftp://x"],
        1,
        "URL scheme must be http",
    );
    fails(
        &["--initial-cluster=a=http://h:1,b=http://h:1"],
        1,
        "has duplicate url",
    );
    fails(
        &[CLUSTER, "--service=upstart"],
        128,
        "--service: \"upstart\" is none of",
    );
    fails(
        &[CLUSTER, "--chown=-x:y"],
        128,
        "--chown: \"-x:y\" is not USER:GROUP",
    );
    fails(
        &[CLUSTER, "--bump-revision=0"],
        128,
        "clients would see the revision go back",
    );
    fails(
        &[CLUSTER, "--sha256=00"],
        10,
        "is another file: its SHA-256 is ",
    );
    fails(
        &[CLUSTER, "--run=m1", "--candidate=backup.db"],
        128,
        "needs --bump-revision",
    );
    fails(
        &[CLUSTER, "--run=m9"],
        10,
        "\"m9\" is not in --initial-cluster, which has m1, m2, m3\n",
    );
    fails(
        &[CLUSTER, "--from-cluster=127.0.0.1:1"],
        1,
        "--from-cluster: 127.0.0.1:1: ",
    );
}

/// Everything below `dir`, by its path from there.
fn tree(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(&next).expect("a directory").flatten() {
            if entry.path().is_dir() {
                todo.push(entry.path());
            }
            out.push(entry.path());
        }
    }
    out.sort();
    out
}

#[test]
fn a_machine_does_its_part_only_after_every_check() {
    let (_server, dir) = saved();
    let [port] = free_ports();
    let cluster = format!("--initial-cluster=m1=http://127.0.0.1:{port}");
    let run = |args: &[&str]| plan(dir.path(), &[&[&cluster[..], "--run=m1"], args].concat());
    // An old directory that an etcd has open.
    let old = dir.path().join("m1.etcd");
    fs::create_dir_all(old.join("member/snap")).expect("it can be made");
    let db = old.join("member/snap/db");
    fs::write(&db, "old").expect("it can be written");
    let lock = File::open(&db).expect("it was written");
    lock.lock().expect("it can be locked");
    let before = tree(dir.path());
    let held = run(&["--yes"]).failure(
        10,
        "Error: in use: m1.etcd/member/snap/db: an etcd has it open; stop it first",
    );
    assert!(
        held.err().starts_with("file      ok  backup.db, sha256 "),
        "{held}"
    );
    drop(lock);
    // A process listens at the peer URL.
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    run(&["--yes"]).failure(10, "a process listens there; stop it first");
    drop(listener);
    // The path to which the old directory would be renamed exists.
    let taken = dir.path().join("m1.etcd.before");
    fs::create_dir(&taken).expect("it can be made");
    run(&["--yes"]).failure(10, "Error: directory: m1.etcd.before already exists");
    fs::remove_dir(&taken).expect("it can be removed");
    // The command is not confirmed, or only a preview is requested.
    run(&[]).failure(128, "nothing was changed: --yes is needed");
    run(&["--dry-run"]).success();
    assert_eq!(tree(dir.path()), before, "nothing was changed");
    // With confirmation, the restore is carried out, and the old directory is kept.
    let done = run(&["--yes"]).success();
    assert!(
        done.err()
            .contains("m1 is restored to m1.etcd; start etcd when every member is\n"),
        "{done}"
    );
    assert_eq!(
        fs::read_to_string(taken.join("member/snap/db")).expect("kept"),
        "old"
    );
    let meta = Program::etcdutl()
        .args(["meta", "-w", "json"])
        .arg(&old)
        .run()
        .success()
        .json();
    assert!(meta.is_object());
    // The second time, the path to which the old directory would be renamed exists already.
    run(&["--yes"]).failure(10, "already exists");
}

#[test]
fn a_token_of_an_old_member_is_not_generated_again() {
    let (_server, dir) = saved();
    let page = |args: &[&str]| -> Value {
        plan(dir.path(), &[&[CLUSTER, "-w", "json"], args].concat())
            .success()
            .json()
    };
    let first = page(&[]);
    let token = first["initial_cluster_token"]
        .as_str()
        .expect("text")
        .to_owned();
    assert_eq!(
        page(&[])["initial_cluster_token"],
        *token,
        "the same on every machine"
    );
    // A member that this page made survives, and is a candidate of the next restore.
    let restored = Program::etcdutl()
        .current_dir(dir.path())
        .args([
            "snapshot",
            "restore",
            "backup.db",
            "--name=m1",
            CLUSTER,
            "--data-dir=m1.etcd",
        ])
        .arg(format!("--initial-cluster-token={token}"))
        .arg("--initial-advertise-peer-urls=http://10.0.0.1:2380")
        .run();
    restored.success();
    let second = page(&["--candidate=m1.etcd"]);
    assert_eq!(second["initial_cluster_token"], format!("{token}-2"));
    let typed = format!("--initial-cluster-token={token}");
    plan(dir.path(), &[CLUSTER, "--candidate=m1.etcd", &typed])
        .failure(1, "a member of an old cluster has it");
}
