//! `snapshot restore` killed at every step that can be observed from outside: nothing that looks like a data directory is
//! left behind, and the next attempt succeeds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::program::{Program, scratch};
use crate::support::server::Launch;

/// All paths below `dir`, and the length of each file in steps of 1 MiB.
fn state(dir: &Path) -> BTreeSet<(PathBuf, u64)> {
    let mut out = BTreeSet::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(next) = todo.pop() {
        // Directories and files are created and removed meanwhile.
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            let len = entry.metadata().map_or(0, |m| m.len() >> 20);
            if path.is_dir() {
                todo.push(path.clone());
                out.insert((path, 0));
            } else {
                out.insert((path, len));
            }
        }
    }
    out
}

fn restore(file: &Path, data: &Path, wal: Option<&Path>) -> Program {
    let mut program = Program::etcdutl()
        .args(["snapshot", "restore"])
        .arg(file)
        .arg(format!("--data-dir={}", data.display()));
    if let Some(wal) = wal {
        program = program.arg(format!("--wal-dir={}", wal.display()));
    }
    program
}

/// Runs the program and kills it when the `step`th change below `dir` is observed. Returns false if it ended before that.
fn kill_at(program: &Program, dir: &Path, step: usize) -> bool {
    let mut child: Child = program
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("our own program starts");
    let end = Instant::now() + Duration::from_secs(60);
    let mut last = state(dir);
    let mut seen = 0;
    loop {
        if child.try_wait().expect("it can be waited for").is_some() {
            return false;
        }
        let now = state(dir);
        if now != last {
            last = now;
            seen += 1;
        }
        if seen == step {
            // SIGKILL.
            let _ = child.kill();
            child.wait().expect("it ends");
            return true;
        }
        assert!(Instant::now() < end, "it does not end");
    }
}

/// Asserts that database and log are complete.
fn assert_whole(data: &Path, wal: &Path) {
    let db = data.join("member/snap/db");
    let status = Program::etcdutl()
        .args(["snapshot", "status", "-w", "json"])
        .arg(&db)
        .run()
        .success()
        .json();
    assert_eq!(status["totalKey"], 8);
    let dump = Program::etcdutl()
        .args(["wal", "dump"])
        .arg(data)
        .arg(format!("--wal-dir={}", wal.display()))
        .run()
        .success();
    let member = "nodeID=8e9e05c52164694d clusterID=cdf818194e3a8c32 term=1 commitIndex=1";
    assert!(dump.out().contains(member), "{dump}");
}

#[test]
fn a_restore_killed_at_any_step_leaves_no_data_directory_and_the_next_works() {
    let server = Launch::serve().start();
    for i in 0..8_u8 {
        Program::etcdctl()
            .arg(format!("--endpoints={}", server.endpoint()))
            .args(["put", &format!("key{i}")])
            .stdin(vec![b'a' + i; 1 << 20])
            .run()
            .success();
    }
    let dir = scratch();
    let file = dir.path().join("backup.db");
    Program::etcdctl()
        .arg(format!("--endpoints={}", server.endpoint()))
        .args(["snapshot", "save"])
        .arg(&file)
        .run()
        .success();
    for outside in [false, true] {
        let mut killed = 0;
        for step in 0.. {
            let place = dir.path().join(format!("{outside}-{step}"));
            fs::create_dir(&place).expect("it can be made");
            let (data, other) = (place.join("data"), place.join("wal"));
            let wal = outside.then_some(other.as_path());
            let program = restore(&file, &data, wal);
            let ended = !kill_at(&program, &place, step);
            killed += usize::from(!ended);
            let wal = wal.map_or_else(|| data.join("member/wal"), Path::to_owned);
            // Either everything is there, or nothing that a server would recognise as its data.
            if data.join("member").exists() {
                assert_whole(&data, &wal);
                program.run().failure(1, "not empty or could not be read");
            } else {
                assert!(!ended, "it ended without a directory");
                for entry in fs::read_dir(&data).into_iter().flatten().flatten() {
                    assert_eq!(entry.file_name(), ".restore.tmp", "killed at step {step}");
                }
                program.run().success();
                assert_whole(&data, &wal);
                // Nothing that the killed restore was building is left next to them.
                let left = state(&place).into_iter().map(|(path, _)| path);
                let odd: Vec<PathBuf> = left
                    .filter(|path| path.to_string_lossy().contains(".restore.tmp"))
                    .collect();
                assert!(odd.is_empty(), "{odd:?}");
            }
            fs::remove_dir_all(&place).expect("it can be removed");
            if ended {
                break;
            }
        }
        assert!(killed >= 3, "killed at {killed} steps only");
    }
}
