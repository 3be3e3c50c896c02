//! Our client with every release of etcd's server: what an older server does not report is left empty, and is never a
//! crash or a made-up zero.

use crate::support::etcd::{self, Release};
use crate::support::program::{Program, scratch, self_test};
use crate::support::server::Server;

/// A server of each available release with one key, and our client configured for it.
fn each(check: impl Fn(Release, &Server, &dyn Fn(&[&str]) -> String)) {
    if self_test() {
        // etcd's own client prints other output for older servers.
        return;
    }
    for release in Release::ALL {
        let Some(launch) = etcd::server(release) else {
            continue;
        };
        let server = launch.start();
        let run = |args: &[&str]| {
            Program::etcdctl()
                .arg(format!("--endpoints={}", server.endpoint()))
                .args(args)
                .run()
                .success()
                .out()
        };
        assert_eq!(run(&["put", "a", "1"]), "OK\n");
        check(release, &server, &run);
    }
}

#[test]
fn status_leaves_missing_values_empty() {
    each(|release, _, run| {
        let line = run(&["endpoint", "status"]);
        let cells: Vec<&str> = line.trim_end_matches('\n').split(", ").collect();
        assert_eq!(cells.len(), 16, "{release}: {line}");
        let fields = run(&["endpoint", "status", "-w", "fields"]);
        let json = run(&["endpoint", "status", "-w", "json"]);
        // The quota and the downgrade state exist since 3.6; every release here reports the size in use.
        let told = release >= Release::V3_6;
        assert_eq!(cells[7].is_empty(), !told, "{release}: the quota in {line}");
        assert_eq!(
            cells[15].is_empty(),
            !told,
            "{release}: the downgrade state in {line}"
        );
        assert!(
            !cells[5].is_empty() && cells[6].ends_with('%'),
            "{release}: the size in use in {line}"
        );
        for (name, text) in [
            ("DBSizeQuota", &fields),
            ("DowngradeEnabled", &fields),
            ("dbSizeQuota", &json),
        ] {
            assert_eq!(text.contains(name), told, "{release}: {name} in {text}");
        }
        let table = run(&["endpoint", "status", "-w", "table"]);
        assert!(
            table
                .lines()
                .all(|line| line.len() == table.lines().next().map_or(0, str::len)),
            "{release}: {table}"
        );
    });
}

#[test]
fn a_hash_has_its_revision_if_the_server_sends_it() {
    each(|release, server, run| {
        let told = release >= Release::V3_6;
        let line = run(&["endpoint", "hashkv"]);
        let revision = if told { "2" } else { "" };
        assert_eq!(
            line,
            format!("{}, 2587454935, {revision}\n", server.endpoint()),
            "{release}"
        );
        assert_eq!(
            run(&["endpoint", "hashkv", "-w", "fields"]).contains("HashRevision"),
            told,
            "{release}"
        );
        assert_eq!(
            run(&["endpoint", "hashkv", "-w", "json"]).contains("hash_revision"),
            told,
            "{release}"
        );
    });
}

#[test]
fn a_snapshot_has_the_servers_version_if_the_server_sends_it() {
    let dir = scratch();
    let file = dir.path().join("backup.db");
    let file = file.to_str().expect("a path of this build is UTF-8");
    each(|release, _, run| {
        let told = release >= Release::V3_6;
        let version = match told {
            true => format!("Server version {release}.0\n"),
            false => String::new(),
        };
        assert_eq!(
            run(&["snapshot", "save", file]),
            format!("Snapshot saved at {file}\n{version}"),
            "{release}"
        );
        assert_eq!(
            run(&["snapshot", "save", file, "-w", "json"]).contains("\"version\""),
            told,
            "{release}"
        );
        assert!(
            run(&["member", "list", "-w", "table"]).contains("| started |"),
            "{release}"
        );
    });
}
