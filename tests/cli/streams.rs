//! stdin, stdout and stderr in unusual states: closed, full, cut off, very long.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::gate::Gate;
use crate::support::program::{Program, full_device, scratch};
use crate::support::server::Launch;

fn embedded(dir: &std::path::Path) -> String {
    format!("--endpoints=embedded:{}", dir.join("data").display())
}

#[test]
fn a_full_disk_under_stdout_is_an_error() {
    for args in [&["version"][..], &["options"], &["--help"]] {
        Program::etcdctl()
            .args(args)
            .run_to(full_device())
            .failure(1, "Error: write /dev/stdout: no space left on device\n");
    }
    let dir = scratch();
    let endpoint = embedded(dir.path());
    Program::etcdctl()
        .args([&endpoint, "put", "k", "v"])
        .run()
        .success();
    Program::etcdctl()
        .args([&endpoint, "get", "k"])
        .run_to(full_device())
        .failure(1, "Error: write /dev/stdout: no space left on device\n");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    drop(reader);
    let run = Program::etcdctl().arg("options").run_to(writer);
    assert_eq!(run.err(), "");
    // As a shell reports a program ended by SIGPIPE.
    assert_eq!(run.code(), 141, "{run}");
}

#[test]
fn an_empty_stdin_is_not_a_value() {
    let dir = scratch();
    let endpoint = embedded(dir.path());
    Program::etcdctl()
        .args([&endpoint, "put", "k"])
        .run()
        .failure(
            128,
            "Error: put command needs 1 argument and input from stdin or 2 arguments\n",
        );
    let status = Program::etcdctl()
        .args([&endpoint, "put", "k"])
        .command()
        .stdin(File::open("/dev/null").expect("/dev/null is there"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("our own program starts");
    assert_eq!(status.code(), Some(128));
}

#[test]
fn ten_mebibytes_from_stdin_are_refused_by_the_client() {
    let dir = scratch();
    Program::etcdctl()
        .arg(embedded(dir.path()))
        .args(["put", "k"])
        .stdin(vec![b'x'; 10 << 20])
        .run()
        .failure(
            1,
            "Error: rpc error: code = ResourceExhausted desc = trying to send message larger than max (10485768 vs. 2097152)\n",
        )
        .failure(1, "hint: --max-request-bytes ");
}

#[test]
fn progress_and_colours_do_not_go_into_a_pipe() {
    let dir = scratch();
    let endpoint = embedded(dir.path());
    let backup = dir.path().join("backup.db");
    Program::etcdctl()
        .args([&endpoint, "put", "k", "v"])
        .run()
        .success();
    let save = Program::etcdctl()
        .args([&endpoint, "snapshot", "save"])
        .arg(&backup)
        .run()
        .success();
    assert_eq!(save.err(), "");
    let defrag = Program::etcdctl()
        .args([&endpoint, "defrag"])
        .run()
        .success();
    assert_eq!(defrag.err(), "");
}

/// The output is the same whether the keys are read by one request or in pages.
#[test]
fn a_large_answer_is_printed_page_by_page_like_one() {
    let server = Launch::serve().start();
    let etcdctl = || Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()));
    for hundred in 0..23 {
        let puts: String = (0..100)
            .map(|n| format!("put k{:04} \"value {n} <&>\"\n", hundred * 100 + n))
            .collect();
        let txn = etcdctl().arg("txn").stdin(format!("\n{puts}\n\n"));
        txn.run().success();
    }
    for format in ["simple", "json", "fields", "protobuf"] {
        for args in [
            &["k", "--prefix"][..],
            &["k", "--prefix", "--limit=1500"],
            &["k", "--prefix", "--limit=2300", "--keys-only"],
            &["k0005", "k2100", "--rev=22"],
            &["", "--from-key", "--consistency=s", "--hex"],
        ] {
            let get = || etcdctl().args(["get", "-w", format]).args(args);
            let paged = get().run().success();
            // With a limit on the size of an answer, the keys are read by one request.
            let whole = get().env("ETCDCTL_MAX_RECV_BYTES", "100000000");
            let whole = whole.run().success();
            assert_eq!(paged.stdout, whole.stdout, "{format} {args:?}");
            assert!(paged.stdout.len() > 1500 * 5, "{format} {args:?}");
        }
    }
    etcdctl()
        .args(["get", "k", "--prefix", "--max-recv-bytes=1000"])
        .run()
        .failure(1, "code = ResourceExhausted");
    etcdctl()
        .args(["get", "k", "--prefix"])
        .run_to(full_device())
        .failure(1, "no space left on device");
}

/// All pages are read at the revision of the first one. If that is compacted meanwhile, the error says so, and after how
/// many keys the output ends.
#[test]
fn a_write_between_two_pages_is_not_seen_and_a_compaction_is_an_error() {
    const KEYS: usize = 6000;
    let server = Launch::serve().start();
    let etcdctl = |endpoint: &str| Program::etcdctl().arg(format!("--endpoints={endpoint}"));
    let value = "v".repeat(1000);
    for hundred in 0..KEYS / 100 {
        let puts: String = (0..100)
            .map(|n| format!("put k{:04} {value}\n", hundred * 100 + n))
            .collect();
        let txn = etcdctl(server.endpoint()).arg("txn");
        txn.stdin(format!("\n{puts}\n\n")).run().success();
    }
    let line = value.len() + 1;
    for (n, (format, compacts)) in [
        ("simple", false),
        ("json", false),
        ("simple", true),
        ("json", true),
        ("fields", true),
        ("protobuf", true),
    ]
    .into_iter()
    .enumerate()
    {
        // The first page and a part of the second.
        let gate = Gate::before(server.endpoint(), 2 << 20);
        let get = etcdctl(gate.endpoint()).args(["get", "k", "--prefix", "-w", format]);
        let mut get = get.command();
        get.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut get = get.spawn().expect("it starts");
        let mut printed = vec![0; 500 * line];
        let mut stdout = get.stdout.take().expect("a pipe");
        stdout
            .read_exact(&mut printed)
            .expect("the first page is printed");
        let later = format!("later{n}");
        let put = etcdctl(server.endpoint()).args(["put", "k5999", &later, "-w", "json"]);
        let put = put.run().success().out();
        if compacts {
            let header: serde_json::Value = serde_json::from_str(&put).expect("JSON");
            let revision = header["header"]["revision"].to_string();
            let compact = etcdctl(server.endpoint()).args(["compact", &revision]);
            compact.run().success();
        }
        gate.open();
        stdout
            .read_to_end(&mut printed)
            .expect("a pipe can be read");
        let mut err = String::new();
        let mut stderr = get.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut err).expect("text");
        let code = get.wait().expect("it ends").code();
        let text = String::from_utf8_lossy(&printed);
        for later in [&later, &STANDARD.encode(&later)] {
            assert!(!text.contains(later.as_str()), "{format}");
        }
        // In JSON, values are base64.
        let whole = KEYS * line * if format == "json" { 4 } else { 3 } / 3;
        if !compacts {
            assert_eq!((code, err.as_str()), (Some(0), ""), "{format}");
            assert!(printed.len() > whole, "{format}");
            continue;
        }
        assert_eq!(code, Some(1), "{format}: {err}");
        assert!(printed.len() < whole, "{format}");
        for part in [
            "etcdserver: mvcc: required revision has been compacted",
            "the output is incomplete: it ends after ",
        ] {
            assert!(err.contains(part), "{format}: {err}");
        }
    }
}

/// A pager reads the first lines, and more of them much later.
#[test]
fn a_reader_that_pauses_for_longer_than_the_timeout_gets_the_whole_answer() {
    const KEYS: usize = 1900;
    let server = Launch::serve().start();
    let etcdctl = || Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()));
    // The second page is larger than what the connection receives while nobody reads from it.
    let value = "v".repeat(5000);
    for hundred in 0..KEYS / 100 {
        let puts: String = (0..100)
            .map(|n| format!("put k{:04} {value}\n", hundred * 100 + n))
            .collect();
        let txn = etcdctl().arg("txn").stdin(format!("\n{puts}\n\n"));
        txn.run().success();
    }
    let (mut reader, writer) = std::io::pipe().expect("a pipe can be made");
    let pager = thread::spawn(move || {
        // The time that passes is what is tested.
        thread::sleep(Duration::from_secs(4));
        let mut text = vec![];
        reader.read_to_end(&mut text).map(|_| text)
    });
    let get = etcdctl().args(["get", "k", "--prefix", "--command-timeout=3s"]);
    get.run_to(writer).success();
    let text = pager.join().expect("it does not panic");
    let text = text.expect("a pipe can be read");
    assert_eq!(text.len(), KEYS * ("k0000\n".len() + value.len() + 1));
}
