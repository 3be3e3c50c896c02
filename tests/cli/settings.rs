//! Flags, `ETCDCTL_*` variables and defaults.

use crate::support::program::Program;
use crate::support::server::{Launch, free_ports};

#[test]
fn variables_stand_for_flags_and_flags_beat_them() {
    let server = Launch::serve().start();
    let etcdctl = || Program::etcdctl().env("ETCDCTL_ENDPOINTS", server.endpoint());
    etcdctl().args(["put", "k", "v"]).run().success();
    let hex = etcdctl()
        .env("ETCDCTL_HEX", "1")
        .args(["get", "k"])
        .run()
        .success();
    assert_eq!(hex.out(), "\\x6b\n\\x76\n");
    let plain = etcdctl()
        .env("ETCDCTL_HEX", "1")
        .args(["get", "k", "--hex=false"])
        .run()
        .success();
    assert_eq!(plain.out(), "k\nv\n");
    assert_eq!(plain.err(), "");
}

#[test]
fn unusable_variables_are_named_once() {
    let server = Launch::serve().start();
    let run = Program::etcdctl()
        .env("ETCDCTL_ENDPOINTS", server.endpoint())
        .env("ETCDCTL_API", "3")
        .env("ETCDCTL_COLOUR", "red")
        .env("ETCDCTL_DIAL_TIMEOUT", "5")
        .args(["endpoint", "health", "--write-out=json"])
        .run()
        .success();
    assert_eq!(
        run.err(),
        "{\"level\":\"warn\",\"msg\":\"ignored: time: missing unit in duration \\\"5\\\"\",\"environment-variable\":\"ETCDCTL_DIAL_TIMEOUT=5\"}\n\
         {\"level\":\"warn\",\"msg\":\"unrecognized environment variable\",\"environment-variable\":\"ETCDCTL_COLOUR=red\"}\n"
    );
}

#[test]
fn commands_that_need_no_server_ignore_variables() {
    for command in ["version", "options", "help"] {
        let run = Program::etcdctl()
            .env("ETCDCTL_NOPE", "1")
            .env("ETCDCTL_USER", "somebody")
            .arg(command)
            .run()
            .success();
        assert_eq!(run.err(), "", "{command}");
    }
}

#[test]
fn endpoints_add_up_over_repeated_flags() {
    let server = Launch::serve().start();
    let rows = Program::etcdctl()
        .arg(format!("--endpoints={0},{0}", server.endpoint()))
        .args(["endpoint", "health", "-w", "json", "-w", "json"])
        .arg(format!("--endpoints={}", server.url()))
        .run()
        .success()
        .json();
    assert_eq!(rows.as_array().map(Vec::len), Some(3), "{rows}");
}

#[test]
fn an_empty_endpoint_in_a_list_is_ignored() {
    let server = Launch::serve().start();
    for list in [
        format!("{},", server.endpoint()),
        format!(",{}", server.url()),
    ] {
        let run = Program::etcdctl()
            .env("ETCDCTL_ENDPOINTS", list)
            .args(["endpoint", "status", "-w", "json"])
            .run()
            .success();
        assert_eq!(run.json().as_array().map(Vec::len), Some(1), "{run}");
    }
}

#[test]
fn a_name_without_a_password_does_not_log_in() {
    let server = Launch::serve().start();
    for user in ["root", "root:", ":secret"] {
        let run = Program::etcdctl()
            .arg(format!("--endpoints={}", server.endpoint()))
            .args(["put", "k", "v", "--user", user])
            .run()
            .success();
        assert_eq!(run.out(), "OK\n");
    }
}

#[test]
fn debug_shows_what_is_used() {
    let server = Launch::serve().start();
    Program::etcdctl()
        .arg(format!("--endpoints={}", server.endpoint()))
        .args(["get", "k", "--debug", "--dial-timeout=1500ms"])
        .run()
        .success()
        .failure(0, "ETCDCTL_DIAL_TIMEOUT=1.5s\n");
}

/// Neither `--debug` nor an error nor the server's log shows a password or a token.
#[test]
fn no_secret_is_printed() {
    const SECRET: &str = "hush-4711";
    let server = Launch::serve().flag("--log-level=debug").start();
    let [dead] = free_ports();
    let dead = format!("127.0.0.1:{dead}");
    let printed_by = |program: Program| {
        for format in ["simple", "json"] {
            let args = ["--debug", "-w", format];
            let run = program.clone().args(args).stdin(SECRET).run();
            assert!(!run.out().contains(SECRET), "{run}");
            assert!(!run.err().contains(SECRET), "{run}");
            assert!(run.err().contains("ETCDCTL_DEBUG=true\n"), "{run}");
        }
    };
    let etcdctl = |endpoint: &str| {
        let time = if endpoint == dead { "200ms" } else { "20s" };
        Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .arg(format!("--command-timeout={time}"))
            .arg(format!("--dial-timeout={time}"))
    };
    let user = format!("root:{SECRET}");
    let get = |endpoint: &str| etcdctl(endpoint).args(["get", "k"]);
    let logins = |endpoint: &str| {
        printed_by(get(endpoint).args(["--user", "root", "--password", SECRET]));
        printed_by(get(endpoint).args(["--user", &user]));
        printed_by(get(endpoint).args(["--user", "root"]));
        printed_by(get(endpoint).env("ETCDCTL_USER", &user));
        let env = get(endpoint).env("ETCDCTL_USER", "root");
        printed_by(env.env("ETCDCTL_PASSWORD", SECRET));
        printed_by(get(endpoint).args(["--auth-jwt-token", SECRET]));
        printed_by(get(endpoint).env("ETCDCTL_AUTH_JWT_TOKEN", SECRET));
        // This token is not valid in a header.
        printed_by(get(endpoint).args(["--auth-jwt-token", &format!("{SECRET}\n")]));
    };
    logins(&dead);
    for endpoint in [&dead, server.endpoint()] {
        for args in [
            &["add", &user][..],
            &["add", "alice", "--interactive=false"],
            &["passwd", "alice", "--interactive=false"],
        ] {
            printed_by(etcdctl(endpoint).arg("user").args(args));
        }
    }
    let proxy = format!("http://somebody:{SECRET}@{dead}");
    let far = get("192.0.2.1:2379").arg("--command-timeout=200ms");
    printed_by(far.env("HTTPS_PROXY", proxy));

    // The password is correct, and later it no longer is.
    let etcdctl = || etcdctl(server.endpoint());
    etcdctl().args(["auth", "enable"]).run().success();
    logins(server.endpoint());
    let change = etcdctl().args(["user", "passwd", "root", "--interactive=false"]);
    let change = change.args(["--user", &user]).stdin("another");
    change.run().success();
    logins(server.endpoint());
    let refused = get(server.endpoint()).args(["--user", &user]).run();
    refused.failure(2, "invalid user ID or password");
    assert!(!server.log().contains(SECRET), "{}", server.log());
}

#[test]
fn a_limit_on_answers_is_above_that_on_requests() {
    Program::etcdctl()
        .args(["get", "k", "--max-request-bytes=20", "--max-recv-bytes=10"])
        .run()
        .failure(
            2,
            "Error: gRPC message recv limit (10 bytes) must be greater than send limit (20 bytes)\n",
        );
}
