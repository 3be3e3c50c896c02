//! What is printed besides the error: how to recover a full database, the oldest readable revision.

use crate::support::program::{Program, scratch};
use crate::support::server::Launch;

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
fn the_oldest_readable_revision_is_found_wherever_it_is() {
    let server = Launch::serve().start();
    let etcdctl = |args: &[&str]| {
        let endpoint = format!("--endpoints={}", server.endpoint());
        Program::etcdctl().arg(endpoint).args(args).run()
    };
    let last = 18;
    for _ in 2..=last {
        etcdctl(&["put", "k", "v"]).success();
    }
    for oldest in 2..=last {
        etcdctl(&["compact", &oldest.to_string()]).success();
        for asked in [1, oldest / 2, oldest - 1] {
            let asked = format!("--rev={}", asked.max(1));
            let run = etcdctl(&["get", "k", &asked]).failure(1, "");
            let hint = format!("hint: the oldest revision that can still be read is {oldest}\n");
            assert!(run.err().ends_with(&hint), "{oldest}, {asked}: {run}");
        }
    }
}

#[test]
fn a_full_database_names_the_commands_that_recover_it() {
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

/// The server's error does not name the key, so a hint does.
#[test]
fn a_refusal_for_lack_of_permission_names_the_keys() {
    let server = Launch::serve().flag("--bcrypt-cost=4").start();
    let etcdctl = |line: &str| {
        Program::etcdctl()
            .arg(format!("--endpoints={}", server.endpoint()))
            .args(line.split(' '))
    };
    for line in [
        "user add root:r",
        "user grant-role root root",
        "user add alice:a",
        "role add some",
        "role grant-permission some read k",
        "user grant-role alice some",
        "auth enable",
    ] {
        etcdctl(line).run().success();
    }
    for (line, stdin, code, hint) in [
        ("get s", "", 1, "read the key \"s\""),
        (
            "get s --prefix",
            "",
            1,
            "read the keys that begin with \"s\"",
        ),
        ("get a c", "", 1, "read the keys from \"a\" up to \"c\""),
        ("put k v", "", 1, "write the key \"k\""),
        ("del k --from-key", "", 1, "write the keys from \"k\" on"),
        ("watch s", "", 5, "read the key \"s\""),
        ("txn", "\nput s v\n\n\n", 1, "write the key \"s\""),
    ] {
        etcdctl(&format!("{line} --user=alice:a"))
            .stdin(stdin)
            .run()
            .failure(code, &format!("hint: no permission to {hint}\n"));
    }
    etcdctl("txn --user=alice:a")
        .stdin("value(\"k\") = \"1\"\n\nget s\n\n\n")
        .run()
        .failure(
            1,
            "hint: no permission for at least one of: read the key \"k\"; read the key \"s\"\n",
        );
}

/// The client port of etcd answers a probe in HTTP/1.1 with 404, as a web server would.
#[test]
fn a_server_that_answers_is_not_mistaken_for_another_one() {
    let server = Launch::serve().start();
    let endpoint = format!("--endpoints={}", server.endpoint());
    // The server has no authentication, and the read times out immediately.
    let get = ["get", "k", "--user=root:pw", "--command-timeout=1ns"];
    let run = Program::etcdctl().arg(endpoint).args(get).run();
    let run = run.failure(1, "Error: context deadline exceeded\n");
    let hint = format!(
        "hint: {}: the server answered: etcdserver: authentication is not enabled\n",
        server.endpoint()
    );
    assert!(run.err().contains(&hint), "{run}");
}

/// With JSON, the error object contains the hints that are separate lines in text mode, and nothing else is on stderr.
#[test]
fn json_has_the_hints_of_text() {
    for (code, line) in [
        (1, "endpoint status"),
        (1, "endpoint hashkv"),
        (1, "endpoint health"),
        (1, "endpoint status --cluster"),
        (1, "defrag"),
        (1, "get k"),
        (1, "alarm disarm"),
        (1, "move-leader 1"),
        (1, "user list"),
        (5, "snapshot save backup.db"),
    ] {
        let etcdctl = |format: &str| {
            Program::etcdctl()
                .args([
                    "--endpoints=127.0.0.1:1,127.0.0.1:2",
                    "--command-timeout=50ms",
                    "-w",
                    format,
                ])
                .args(line.split(' '))
                .run()
                .failure(code, "")
        };
        let text = etcdctl("simple").err();
        let hints: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("hint: "))
            .collect();
        assert!(!hints.is_empty(), "{line}: {text}");
        let run = etcdctl("json");
        let object: serde_json::Value = serde_json::from_str(&run.err()).expect("one JSON object");
        assert_eq!(object["hints"], serde_json::json!(hints), "{run}");
        assert_eq!(object["exit"], code, "{run}");
    }
}

/// A failure that text mode explains in several lines is one object too.
#[test]
fn every_failure_is_a_json_object() {
    let server = Launch::serve().start();
    let dir = scratch();
    let data = format!("embedded:{}", dir.path().join("d").display());
    let etcdctl = |endpoint: &str, line: &str| {
        Program::etcdctl()
            .args([&format!("--endpoints={endpoint}"), "-w", "json"])
            .args(line.split(' '))
            .run()
    };
    etcdctl(&data, "put k v").success();
    etcdctl(server.endpoint(), "put k v").success();
    for (endpoint, line, error) in [
        (
            data.as_str(),
            "check datascale",
            "could not read process_resident_memory_bytes before",
        ),
        (
            server.endpoint(),
            "watch k --rev=1 -- false",
            "command [\"false\"] error (exit status 1)",
        ),
    ] {
        let run = etcdctl(endpoint, line).failure(1, "");
        let object: serde_json::Value = serde_json::from_str(&run.err()).expect("one JSON object");
        let text = object["error"].as_str().expect("a text");
        assert!(text.starts_with(error), "{line}: {run}");
    }
}
