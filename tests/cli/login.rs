//! Users and passwords: prompted for once, sent to each server, and errors in etcdctl's words. The servers with
//! authentication are real ones.

use std::io::Write;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::support::etcd::{self, Release};
use crate::support::program::{Finished, Program};
use crate::support::server::{Launch, free_ports};

fn etcdctl(endpoints: &str, args: &[&str]) -> Finished {
    Program::etcdctl()
        .arg(format!("--endpoints={endpoints}"))
        .arg("--dial-timeout=500ms")
        .args(args)
        .stdin("secret\n")
        .run()
}

#[test]
fn a_password_is_asked_for_once_and_an_endpoint_that_takes_no_login_costs_only_itself() {
    let server = Launch::serve().start();
    let [port] = free_ports();
    let (good, dead) = (server.endpoint(), format!("127.0.0.1:{port}"));
    let endpoints = format!("{dead},{good}");
    for (command, line) in [
        (&["endpoint", "status"][..], format!("{good}, 8e9e05c5")),
        (&["endpoint", "hashkv"], format!("{good}, ")),
        (&["endpoint", "health"], format!("{good} is healthy")),
        (
            &["defrag"],
            format!("Finished defragmenting etcd member[{good}]"),
        ),
    ] {
        let args = [command, &["--user=u", "--command-timeout=500ms"]].concat();
        let run = etcdctl(&endpoints, &args).failure(1, "context deadline exceeded");
        assert!(run.out().contains(&line), "{run}");
        assert!(run.err().starts_with("Password: \n"), "{run}");
        assert_eq!(run.err().matches("Password").count(), 1, "{run}");
        assert!(run.to_string().contains(&dead), "{run}");
    }
}

#[test]
fn a_person_may_take_longer_than_the_timeout_to_type_a_password() {
    let server = Launch::serve().start();
    let mut put = Program::etcdctl()
        .arg(format!("--endpoints={}", server.endpoint()))
        .args(["put", "k", "v", "--user=u", "--command-timeout=3s"])
        .command();
    let put = put.stdin(Stdio::piped()).stdout(Stdio::piped());
    let put = put.stderr(Stdio::null());
    let mut put = put.spawn().expect("our own program starts");
    // The time that passes is what is tested.
    thread::sleep(Duration::from_secs(4));
    let mut typed = put.stdin.take().expect("stdin is a pipe");
    typed.write_all(b"secret\n").expect("it is awaited");
    let ended = put.wait_with_output().expect("it ends");
    assert_eq!(ended.stdout, b"OK\n");
}

#[test]
fn refusals_are_those_of_etcdctl() {
    let (Some(launch), Some(theirs)) = (etcd::server(Release::V3_7), etcd::etcdctl(Release::V3_7))
    else {
        return;
    };
    let server = launch.start();
    let endpoint = server.endpoint();
    for args in [&["user", "add", "root:pw"][..], &["auth", "enable"]] {
        let endpoints = format!("--endpoints={endpoint}");
        theirs.clone().arg(endpoints).args(args).run().success();
    }
    let wrong = "etcdserver: authentication failed, invalid user ID or password";
    let bad = "--user=root:wrong";
    etcdctl(endpoint, &["get", "k", bad]).failure(2, &format!("Error: {wrong}\n"));
    etcdctl(endpoint, &["endpoint", "status", bad]).failure(2, &format!("Error: {wrong}\n"));
    let health = etcdctl(endpoint, &["endpoint", "health", bad]).failure(
        1,
        &format!("{endpoint} is unhealthy: failed to commit proposal: {wrong}\nError: unhealthy cluster\n"),
    );
    assert_eq!(health.out(), "");
    let json = etcdctl(endpoint, &["endpoint", "health", bad, "-w", "json"]);
    assert_eq!(json.json()[0]["took"], "");
    let empty = "user name is empty\n";
    etcdctl(endpoint, &["get", "k"]).failure(1, &format!("Error: etcdserver: {empty}"));
    etcdctl(endpoint, &["snapshot", "save", "x.db"]).failure(
        5,
        &format!("Error: rpc error: code = InvalidArgument desc = etcdserver: {empty}"),
    );
    let good = etcdctl(endpoint, &["put", "k", "v", "--user=root:pw"]).success();
    assert_eq!(good.out(), "OK\n");
}
