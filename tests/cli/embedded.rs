//! `--endpoints=embedded:DIR`: a server in the client's own process.

use crate::support::program::{Program, scratch};

#[test]
fn one_directory_serves_every_client_of_the_command() {
    let dir = scratch();
    let data = dir.path().join("d");
    let endpoint = format!("embedded:{}", data.display());
    let etcdctl = |endpoints: &str, args: &[&str]| {
        Program::etcdctl()
            .arg(format!("--endpoints={endpoints}"))
            .args(args)
            .run()
    };
    etcdctl(&endpoint, &["put", "k", "v"]).success();
    // The member list is asked of one client, each member of another.
    let run = etcdctl(&endpoint, &["endpoint", "health", "--cluster"]).success();
    assert!(
        run.out().starts_with(&format!("{endpoint} is healthy: ")),
        "{run}"
    );
    let twice = format!("{endpoint}?quota-backend-bytes=16777216,{endpoint}");
    let run = etcdctl(&twice, &["defrag"]).success();
    assert_eq!(run.out().lines().count(), 2, "{run}");
    // And the next command finds it closed clean.
    let run = etcdctl(&endpoint, &["get", "k"]).success();
    assert_eq!((run.out().as_str(), run.err().as_str()), ("k\nv\n", ""));
}

#[test]
fn a_directory_that_can_not_be_made_is_named() {
    Program::etcdctl()
        .args(["--endpoints=embedded:/proc/no/such", "get", "k"])
        .run()
        .failure(1, "Error: /proc/no: ");
}
