//! `snapshot save` with flags that etcdctl does not have: another member when a stream breaks, stalls, standard output,
//! compression, manifests and metrics.

use std::fs::{self, File};
use std::path::Path;

use serde_json::Value;

use super::save::{HELD_AT, filled_server, names, wait_for_bytes};
use crate::support::background::Background;
use crate::support::fixtures::sha256;
use crate::support::gate::Gate;
use crate::support::program::{Finished, Program, scratch};
use crate::support::relay::Relay;
use crate::support::server::Launch;

fn at(endpoint: &str) -> Program {
    Program::etcdctl().arg(format!("--endpoints={endpoint}"))
}

fn save(endpoints: &str, flags: &[&str], file: &Path) -> Program {
    at(endpoints)
        .args(["snapshot", "save"])
        .args(flags)
        .arg(file)
}

fn verdict(file: &Path) -> Value {
    let verify = ["snapshot", "verify", "-w", "json"];
    Program::etcdutl()
        .args(verify)
        .arg(file)
        .run()
        .success()
        .json()
}

#[test]
fn another_member_is_asked_when_a_stream_breaks_off() {
    let server = filled_server();
    let dir = scratch();
    let file = dir.path().join("backup.db");
    // The first endpoint lets some bytes through, and then the connection is cut.
    let gate = Gate::before(server.endpoint(), HELD_AT);
    let relay = Relay::before(gate.endpoint());
    let endpoints = format!("{},{}", relay.endpoint(), server.endpoint());
    let running = Background::start(&save(&endpoints, &["--failover", "-w", "json"], &file));
    wait_for_bytes(&file, &[]);
    relay.cut();
    let (code, out, err) = running.end();
    assert_eq!(code, 0, "{err}");
    let told = format!("; taken from {} (leader)\n", server.endpoint());
    assert!(
        err.contains(" broke off after ") && err.ends_with(&told),
        "{err}"
    );
    let saved: Value = serde_json::from_str(&out).expect("one JSON");
    assert_eq!(saved["endpoint"], server.endpoint());
    assert_eq!(saved["tried"][0]["endpoint"], relay.endpoint());
    assert_eq!(saved["revision"], 6);
    let bytes = fs::read(&file).expect("the file is there");
    assert_eq!(saved["sha256"], sha256(&bytes));
    assert_eq!(saved["size"], bytes.len());
    assert_eq!(saved["member_id"].as_str().map(str::len), Some(16));
    assert_eq!(verdict(&file)["verdict"], "good");
    assert_eq!(names(dir.path()), ["backup.db"]);
}

#[test]
fn a_stream_with_a_flipped_bit_is_rejected() {
    let server = filled_server();
    let dir = scratch();
    let file = dir.path().join("backup.db");
    // Only the stream is long enough to contain this byte; all other answers are shorter.
    let flipping = Gate::that_flips(server.endpoint(), 3 << 20);
    let run = save(flipping.endpoint(), &[], &file).run();
    run.failure(5, "Error: ");
    assert_eq!(names(dir.path()), [""; 0]);
    let endpoints = format!("{},{}", flipping.endpoint(), server.endpoint());
    let run = save(&endpoints, &["--failover"], &file).run().success();
    assert!(run.err().contains("taken from "), "{run}");
    assert_eq!(verdict(&file)["verdict"], "good");
}

#[test]
fn a_stream_that_stalls_is_given_up_and_leaves_nothing() {
    let server = filled_server();
    let dir = scratch();
    let file = dir.path().join("backup.db");
    let gate = Gate::before(server.endpoint(), HELD_AT);
    let stalled = || save(gate.endpoint(), &["--stall-timeout=300ms"], &file);
    stalled()
        .run()
        .failure(
            5,
            "the stream has stalled: less than 64 KiB came in 300ms\n",
        )
        .failure(5, "--failover continues with another member\n");
    assert_eq!(names(dir.path()), [""; 0]);
    // Another member takes over. With 0, stalls are not detected.
    let endpoints = format!("{},{}", gate.endpoint(), server.endpoint());
    let flags = ["--stall-timeout=300ms", "--failover"];
    save(&endpoints, &flags, &file).run().success();
    assert_eq!(verdict(&file)["verdict"], "good");
    gate.open();
    save(gate.endpoint(), &["--stall-timeout=0"], &file)
        .run()
        .success();
}

#[test]
fn without_failover_the_first_failure_is_the_end() {
    let server = filled_server();
    let dir = scratch();
    let file = dir.path().join("backup.db");
    let gate = Gate::before(server.endpoint(), HELD_AT);
    let endpoints = format!("{},{}", gate.endpoint(), server.endpoint());
    let flags = ["--stall-timeout=300ms", "--prefer=leader"];
    save(&endpoints, &flags, &file)
        .run()
        .failure(5, "the stream has stalled");
    assert_eq!(names(dir.path()), [""; 0]);
    save("127.0.0.1:1", &["--prefer=boss"], &file)
        .run()
        .failure(128, "--prefer: \"boss\" is neither follower nor leader\n");
}

#[test]
fn endpoints_of_two_clusters_are_not_mixed() {
    let one = Launch::serve().start();
    let two = Launch::serve().flag("--initial-cluster-token=two").start();
    let dir = scratch();
    let endpoints = format!("{},{}", one.endpoint(), two.endpoint());
    save(&endpoints, &["--failover"], &dir.path().join("x.db"))
        .run()
        .failure(5, "belong to different clusters");
    assert_eq!(names(dir.path()), [""; 0]);
}

/// Runs it with standard output into a file, as a shell does with `>`.
fn into_file(program: &Program, file: &Path) -> Finished {
    program.run_to(File::create(file).expect("a file can be made"))
}

#[test]
fn a_snapshot_on_standard_output_is_data_and_nothing_else() {
    let server = filled_server();
    let dir = scratch();
    let file = dir.path().join("stdout.db");
    let run = into_file(&save(server.endpoint(), &[], Path::new("-")), &file).success();
    assert_eq!(run.err(), "Snapshot saved at -\nServer version 3.7.0\n");
    assert_eq!(verdict(&file)["verdict"], "good");
    // An incomplete snapshot is reported by the exit status.
    let gate = Gate::before(server.endpoint(), HELD_AT);
    let cut = save(gate.endpoint(), &["--stall-timeout=300ms"], Path::new("-"));
    into_file(&cut, &file).failure(5, "the stream has stalled");
    assert!(fs::metadata(&file).expect("it is there").len() < 5 << 20);
    // A full disk behind it, and flags that need a file.
    save(server.endpoint(), &[], Path::new("-"))
        .run_to(crate::support::program::full_device())
        .failure(5, "write /dev/stdout: no space left on device\n");
    save(server.endpoint(), &["--manifest"], Path::new("-"))
        .run()
        .failure(128, "--manifest needs a file, not standard output\n");
}

#[test]
fn a_compressed_file_is_read_by_every_command_that_takes_one() {
    let server = filled_server();
    let dir = scratch();
    let plain = dir.path().join("plain.db");
    save(server.endpoint(), &[], &plain).run().success();
    let file = dir.path().join("backup.db.zst");
    for flag in ["--compress=zstd", "--compress=zstd:1"] {
        let flags = [flag, "-w", "json"];
        let saved = save(server.endpoint(), &flags, &file)
            .run()
            .success()
            .json();
        let bytes = fs::read(&file).expect("the file is there");
        assert_eq!(saved["size"], bytes.len());
        assert_eq!(saved["sha256"], sha256(&bytes));
        assert!(bytes.len() < 1 << 20, "{} bytes", bytes.len());
    }
    let both = |program: Program, words: &[&str]| {
        let run = |file: &Path| program.clone().args(words).arg(file).run().success().out();
        assert_eq!(run(&file), run(&plain), "{words:?}");
    };
    both(Program::etcdutl(), &["snapshot", "status"]);
    both(Program::etcdctl(), &["snapshot", "status", "-w", "json"]);
    both(Program::etcdutl(), &["hashkv"]);
    both(Program::etcdutl(), &["list-bucket"]);
    assert_eq!(verdict(&file)["verdict"], "good");
    let get = |file: &Path| {
        at(&format!("snapshot:{}", file.display()))
            .args(["get", "key3"])
            .run()
            .success()
            .out()
    };
    assert_eq!(get(&file), get(&plain));
    let restored = |file: &Path, name: &str| {
        let data = dir.path().join(name);
        Program::etcdutl()
            .args(["snapshot", "restore"])
            .arg(file)
            .arg(format!("--data-dir={}", data.display()))
            .run()
            .success();
        fs::read(data.join("member/snap/db")).expect("it was restored")
    };
    assert!(restored(&file, "a") == restored(&plain, "b"));
    // A truncated file is named.
    let bytes = fs::read(&file).expect("the file is there");
    fs::write(&file, &bytes[..bytes.len() / 2]).expect("it can be written");
    let cut = Program::etcdutl()
        .args(["snapshot", "status"])
        .arg(&file)
        .run();
    cut.failure(1, &format!("Error: unpack {}: ", file.display()));
    save(server.endpoint(), &["--compress=gzip"], &file)
        .run()
        .failure(128, "--compress: \"gzip\" is not zstd or zstd:LEVEL");
}

#[test]
fn a_manifest_says_where_the_file_came_from_and_what_is_in_it() {
    let server = filled_server();
    at(server.endpoint())
        .args(["compaction", "3"])
        .run()
        .success();
    let dir = scratch();
    for (name, flags) in [
        ("backup.db", &["--manifest"][..]),
        ("backup.db.zst", &["--manifest", "--compress=zstd:1"]),
    ] {
        let file = dir.path().join(name);
        save(server.endpoint(), flags, &file).run().success();
        let manifest = fs::read(dir.path().join(format!("{name}.json"))).expect("it is there");
        let manifest: Value = serde_json::from_slice(&manifest).expect("it is JSON");
        let bytes = fs::read(&file).expect("the file is there");
        assert_eq!(manifest["schema"], 1);
        assert_eq!(manifest["file"], name);
        assert_eq!(manifest["sha256"], sha256(&bytes));
        assert_eq!(manifest["size"], bytes.len());
        assert_eq!(manifest["endpoint"], server.endpoint());
        assert_eq!(manifest["revision"], 6);
        assert_eq!(manifest["compact_revision"], 3);
        assert_eq!(manifest["server_version"], "3.7.0");
        let hash = at(server.endpoint())
            .args(["endpoint", "hashkv", "-w", "json"])
            .run()
            .success()
            .json();
        assert_eq!(manifest["hash"], hash[0]["HashKV"]["hash"]);
        let (begin, end) = (&manifest["begin"], &manifest["end"]);
        assert!(begin.as_str() <= end.as_str(), "{manifest}");
    }
}

#[test]
fn the_metrics_file_reports_failures_too() {
    let server = filled_server();
    let dir = scratch();
    let metrics = dir.path().join("save.prom");
    let flag = format!("--metrics-file={}", metrics.display());
    let read = || fs::read_to_string(&metrics).expect("it was written");
    let line = |name: &str| {
        let text = read();
        text.lines()
            .find(|l| l.starts_with(name))
            .map(str::to_owned)
    };
    let success = "etcdctl_job_last_success_timestamp_seconds{job=\"snapshot_save\"} ";
    let exit = "etcdctl_job_last_exit_code{job=\"snapshot_save\"} ";
    let dead = || save("127.0.0.1:1", &[&flag], &dir.path().join("x.db"));
    dead().run().failure(5, "");
    assert_eq!(
        (line(success), line(exit)),
        (None, Some(format!("{exit}5")))
    );
    save(server.endpoint(), &[&flag], &dir.path().join("x.db"))
        .run()
        .success();
    let first = line(success).expect("it has succeeded");
    assert_eq!(line(exit), Some(format!("{exit}0")));
    let size = fs::metadata(dir.path().join("x.db"))
        .expect("it is there")
        .len();
    let size = format!("etcdctl_snapshot_size_bytes {size}");
    assert_eq!(line("etcdctl_snapshot_size_bytes"), Some(size));
    dead().run().failure(5, "");
    assert_eq!(line(success), Some(first));
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(&metrics)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o044, 0o044, "another user reads it");
}
