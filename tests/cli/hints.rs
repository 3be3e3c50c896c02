//! What is printed besides the error: how to recover a full database, the oldest readable revision.

use crate::support::program::{Program, scratch};

#[test]
fn a_compacted_revision_says_which_is_the_oldest_that_can_be_read() {
    let dir = scratch();
    let endpoint = format!("--endpoints=embedded:{}", dir.path().join("d").display());
    let etcdctl = |args: &[&str]| Program::etcdctl().arg(&endpoint).args(args).run();
    for value in ["1", "2", "3", "4", "5"] {
        etcdctl(&["put", "k", value]).success();
    }
    assert_eq!(
        etcdctl(&["compact", "5"]).success().out(),
        "compacted revision 5\n"
    );
    let expected = "Error: etcdserver: mvcc: required revision has been compacted\n\
                    hint: the oldest revision that can still be read is 5\n";
    assert_eq!(
        etcdctl(&["get", "k", "--rev=2"]).failure(1, "").err(),
        expected
    );
    assert_eq!(etcdctl(&["compact", "3"]).failure(1, "").err(), expected);
    assert_eq!(etcdctl(&["get", "k", "--rev=5"]).success().out(), "k\n4\n");
    let json = etcdctl(&["get", "k", "--rev=2", "-w", "json"]).failure(1, "");
    assert_eq!(
        json.err(),
        "{\"error\":\"etcdserver: mvcc: required revision has been compacted\",\"code\":11,\"exit\":1}\n"
    );
}

#[test]
fn a_full_database_says_which_commands_lead_out_of_it() {
    let dir = scratch();
    let endpoint = format!(
        "--endpoints=embedded:{}?quota-backend-bytes=131072",
        dir.path().join("d").display()
    );
    let run = Program::etcdctl()
        .args([&endpoint, "put", "big"])
        .stdin(vec![b'v'; 200_000])
        .run()
        .failure(1, "Error: etcdserver: mvcc: database space exceeded\n");
    for command in [
        "etcdctl compaction REVISION",
        "etcdctl defrag",
        "etcdctl alarm disarm",
    ] {
        assert!(run.err().contains(command), "{run}");
    }
    assert_eq!(run.out(), "");
}

#[test]
fn a_data_directory_in_use_is_named_and_serve_is_recommended() {
    let dir = scratch();
    let data = dir.path().join("d");
    let server = crate::support::server::Launch::serve()
        .data_dir(&data)
        .start();
    Program::etcdctl()
        .arg(format!("--endpoints=embedded:{}", data.display()))
        .args(["--command-timeout=100ms", "get", "k"])
        .run()
        .failure(1, "serve");
    drop(server);
}

#[test]
fn an_unknown_flag_of_the_embedded_server_is_named() {
    let dir = scratch();
    Program::etcdctl()
        .arg(format!(
            "--endpoints=embedded:{}?no-such=1",
            dir.path().join("d").display()
        ))
        .args(["get", "k"])
        .run()
        .failure(1, "Error: unknown flag: --no-such\n");
    assert!(!dir.path().join("d").exists());
}
