//! Commands that write large files, ended by a signal: they remove unfinished files and die of the signal. And commands that
//! are meant to be ended by a signal, even if it was ignored when they were started.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::background::Background;
use crate::support::program::{Program, scratch};
use crate::support::server::Launch;

const SIGNALS: [Signal; 4] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];
/// Maximum number of attempts until a signal arrives while the file is being written.
const RUNS: usize = 20;

/// A snapshot of some 24 MiB.
fn snapshot(dir: &Path) -> PathBuf {
    let server = Launch::serve().start();
    let endpoint = format!("--endpoints={}", server.endpoint());
    for i in 0..24_u8 {
        Program::etcdctl()
            .arg(&endpoint)
            .args(["put", &format!("key{i}")])
            .stdin(vec![b'a' + i; 1 << 20])
            .run()
            .success();
    }
    let file = dir.join("backup.db");
    let save = Program::etcdctl().arg(&endpoint).args(["snapshot", "save"]);
    save.arg(&file).run().success();
    file
}

/// All files and directories below `dir`, apart from `dir` itself.
fn below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(below(&entry.path()));
        }
        found.push(entry.path());
    }
    found.sort();
    found
}

/// Runs `program` and sends it `signal` as soon as something below `dir` has a temporary name. Returns whether it died of
/// that signal; otherwise it must have succeeded.
fn dies_while_writing(program: &Program, dir: &Path, signal: Signal) -> bool {
    let running = Background::start(program);
    let deadline = Instant::now() + Duration::from_secs(60);
    let is_temporary = |path: &PathBuf| path.to_string_lossy().contains(".tmp");
    while !running.ended() && !below(dir).iter().any(is_temporary) {
        assert!(Instant::now() < deadline, "{program} writes nothing");
    }
    running.signal(signal);
    let (code, _, err) = running.end();
    assert!(
        code == 0 || code == 128 + signal.as_raw(),
        "{code} after {signal:?}: {err}"
    );
    code != 0
}

/// Ends `program`, which works in `dir`, by each signal. Afterwards, `dir` must be unchanged. `reset` undoes the effects of a
/// run that ended before the signal arrived.
fn leaves_nothing(program: &Program, dir: &Path, reset: impl Fn()) {
    let before = below(dir);
    for signal in SIGNALS {
        let died = (0..RUNS).any(|_| {
            let died = dies_while_writing(program, dir, signal);
            if !died {
                reset();
            }
            assert_eq!(below(dir), before, "after {signal:?}");
            died
        });
        assert!(died, "{program} always ended before {signal:?}");
    }
}

fn restore(file: &Path, data: &Path) -> Program {
    Program::etcdutl()
        .args(["snapshot", "restore"])
        .arg(file)
        .arg(format!("--data-dir={}", data.display()))
}

fn prepared() -> (TempDir, PathBuf, PathBuf) {
    let dir = scratch();
    let file = snapshot(dir.path());
    let place = dir.path().join("place");
    fs::create_dir(&place).expect("it can be made");
    (dir, file, place)
}

#[test]
fn a_signal_ends_a_restore_without_a_trace() {
    let (_dir, file, place) = prepared();
    let data = place.join("new/data");
    let reset = || fs::remove_dir_all(place.join("new")).expect("it was restored");
    leaves_nothing(&restore(&file, &data), &place, reset);

    // With a log outside the data directory, and by the command's old name.
    let wal = place.join("logs/wal");
    let program = Program::etcdctl()
        .args(["snapshot", "restore"])
        .arg(&file)
        .arg(format!("--data-dir={}", data.display()))
        .arg(format!("--wal-dir={}", wal.display()));
    let reset = || {
        fs::remove_dir_all(place.join("new")).expect("it was restored");
        fs::remove_dir_all(place.join("logs")).expect("it was restored");
    };
    leaves_nothing(&program, &place, reset);
}

#[test]
fn a_signal_ends_a_salvage_without_a_trace() {
    let (_dir, file, place) = prepared();
    let out = place.join("out.db");
    let program = Program::etcdutl()
        .args(["snapshot", "salvage"])
        .arg(&file)
        .arg(&out);
    leaves_nothing(&program, &place, || {
        fs::remove_file(&out).expect("it was written");
    });
}

#[test]
fn a_signal_ends_a_defragmentation_without_a_trace() {
    let (_dir, file, place) = prepared();
    let data = place.join("data");
    restore(&file, &data).run().success();
    let program = Program::etcdutl()
        .arg("defrag")
        .arg(format!("--data-dir={}", data.display()));
    leaves_nothing(&program, &place, || ());

    // The server in the client's own process.
    let served = place.join("served");
    restore(&file, &served).arg("--for-serve").run().success();
    let program = Program::etcdctl()
        .arg(format!("--endpoints=embedded:{}", served.display()))
        .arg("defrag");
    leaves_nothing(&program, &place, || ());
}

/// A shell without job control starts background jobs with SIGINT ignored. etcdctl handles it nevertheless.
#[test]
fn lock_and_elect_end_by_an_interrupt_that_was_ignored() {
    let server = Launch::serve().start();
    let endpoint = format!("--endpoints={}", server.endpoint());
    let etcdctl = Program::etcdctl();
    for (command, signal) in [
        (["lock", "name", ""], Signal::INT),
        (["elect", "name", "me"], Signal::INT),
        (["elect", "name", "me"], Signal::TERM),
    ] {
        let held = Program::new("/bin/sh")
            .args(["-c", r#"trap "" INT TERM; exec "$@""#, "sh"])
            .arg(etcdctl.command().get_program())
            .arg(&endpoint)
            .args(command.into_iter().filter(|word| !word.is_empty()));
        let held = Background::start(&held);
        held.wait_for_text("name/");
        held.signal(signal);
        let (code, _, err) = held.end();
        assert_eq!((code, err.as_str()), (0, ""), "{command:?}");
        let keys = Program::etcdctl().arg(&endpoint);
        let keys = keys.args(["get", "--prefix", "name"]).run().success();
        assert_eq!(keys.out(), "", "{command:?} gives back what it holds");
    }
}
