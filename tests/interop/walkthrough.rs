//! The maintenance session of etcd's operations guide: history, compaction, defragmentation, a full database, its
//! alarm, the recovery, a snapshot. One function for every pair of client and server.
//!
//! Must not depend on the pair, except for known differences between etcd releases.

use std::path::Path;

use serde_json::Value;

use crate::support::etcd::{self, Release};
use crate::support::program::{Finished, Program, scratch, self_test};
use crate::support::server::Launch;
use crate::support::target::Target;

const QUOTA: &str = "--quota-backend-bytes=16777216";
const MIB: usize = 1 << 20;

/// The client of a pair.
struct Client {
    program: Program,
    /// `None` for ours.
    release: Option<Release>,
    /// The endpoint as given to the client.
    endpoint: String,
}

impl Client {
    fn new(program: Program, release: Option<Release>, endpoint: String) -> Self {
        Self {
            program: program.arg(format!("--endpoints={endpoint}")),
            release,
            endpoint,
        }
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> Finished {
        self.program.clone().args(args).run()
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        self.run(args).success().out()
    }

    /// The one entry of `endpoint status -w json`.
    #[track_caller]
    fn status(&self) -> Value {
        self.run(&["endpoint", "status", "-w", "json"])
            .success()
            .json()[0]["Status"]
            .take()
    }

    /// `alarm list` or `alarm disarm`. The number of spaces in etcd's text of an alarm varies between builds; ours does
    /// not.
    #[track_caller]
    fn alarms(&self, command: &str) -> String {
        let said = self.ok(&["alarm", command]);
        if self.release.is_none() && !self_test() {
            return said;
        }
        let words: Vec<&str> = said.split_whitespace().collect();
        words.join(" ") + "\n"
    }

    #[track_caller]
    fn revision(&self) -> i64 {
        self.status()["header"]["revision"]
            .as_i64()
            .expect("a revision")
    }
}

#[test]
fn our_client_on_embedded() {
    if self_test() {
        // etcd's client does not support such an endpoint.
        return;
    }
    walk(&Client::new(
        Program::etcdctl(),
        None,
        Target::embedded(&[]).endpoint(),
    ));
    let target = Target::embedded(&[QUOTA]);
    fill_and_recover(&Client::new(Program::etcdctl(), None, target.endpoint()));
}

#[test]
fn our_client_on_serve() {
    on_server(Program::etcdctl(), None, &Launch::serve());
}

#[test]
fn our_client_on_etcd() {
    for release in Release::ALL {
        if let Some(launch) = etcd::server(release) {
            on_server(Program::etcdctl(), None, &launch);
        }
    }
}

#[test]
fn etcdctl_on_serve() {
    for release in Release::ALL {
        if let Some(etcdctl) = etcd::etcdctl(release) {
            on_server(etcdctl, Some(release), &Launch::serve());
        }
    }
}

fn on_server(program: Program, release: Option<Release>, launch: &Launch) {
    let history = launch.clone().flag("--auto-compaction-retention=1").start();
    walk(&Client::new(
        program.clone(),
        release,
        history.endpoint().into(),
    ));
    drop(history);
    let small = launch.clone().flag(QUOTA).start();
    fill_and_recover(&Client::new(program, release, small.endpoint().into()));
}

/// Steps 1 to 3: history, compaction, defragmentation.
fn walk(client: &Client) {
    for value in ["one", "two", "three", "four"] {
        assert_eq!(client.ok(&["put", "somekey", value]), "OK\n");
    }
    assert_eq!(client.revision(), 5);
    assert_eq!(client.ok(&["compact", "3"]), "compacted revision 3\n");
    client.run(&["get", "--rev=2", "somekey"]).failure(
        1,
        "Error: etcdserver: mvcc: required revision has been compacted",
    );
    assert_eq!(client.ok(&["get", "--rev=3", "somekey"]), "somekey\ntwo\n");
    assert_eq!(
        client.ok(&["get", "somekey", "--print-value-only"]),
        "four\n"
    );
    for (revision, text) in [
        (
            "3",
            "Error: etcdserver: mvcc: required revision has been compacted",
        ),
        (
            "2",
            "Error: etcdserver: mvcc: required revision has been compacted",
        ),
        (
            "100",
            "Error: etcdserver: mvcc: required revision is a future revision",
        ),
    ] {
        client.run(&["compaction", revision]).failure(1, text);
    }
    client.run(&["get", "--rev=100", "somekey"]).failure(
        1,
        "Error: etcdserver: mvcc: required revision is a future revision",
    );

    // Half a MiB of old versions, which only compaction and defragmentation together return.
    for round in 0..16 {
        let value = vec![b'a' + round; 64 << 10];
        client
            .program
            .clone()
            .args(["put", "large"])
            .stdin(value)
            .run()
            .success();
    }
    let revision = client.revision();
    assert_eq!(
        client.ok(&["compaction", "--physical", &revision.to_string()]),
        format!("compacted revision {revision}\n")
    );
    let before = size(&client.status());
    let said = client.ok(&["defrag"]);
    let named = client
        .endpoint
        .split_once('?')
        .map_or(client.endpoint.as_str(), |(path, _)| path);
    assert!(
        said.starts_with("Finished defragmenting etcd member[") && said.contains(named),
        "{said}"
    );
    let status = client.status();
    let after = size(&status);
    assert!(after < before, "{before} bytes before, {after} after");
    if let Some(in_use) = status["dbSizeInUse"].as_u64() {
        assert!(
            after - in_use <= 16 * 4096,
            "{after} bytes of which {in_use} are in use"
        );
    }
    assert_eq!(
        client.ok(&[
            "get",
            &format!("--rev={revision}"),
            "somekey",
            "--print-value-only"
        ]),
        "four\n",
    );
}

/// Steps 4 to 8: a full database, its alarm, the recovery, a snapshot.
fn fill_and_recover(client: &Client) {
    let value = vec![b'v'; MIB];
    let mut written = 0;
    let refused = loop {
        let put = client
            .program
            .clone()
            .args(["put", "filler"])
            .stdin(value.clone())
            .run();
        if put.code() != 0 {
            break put;
        }
        written += 1;
        assert!(written <= 16, "the quota is 16 MiB");
    };
    refused.failure(1, "Error: etcdserver: mvcc: database space exceeded");
    assert!(written >= 4, "refused after {written} MiB of 16");

    // Requests that free space are accepted, and so are all reads.
    assert_eq!(
        client
            .ok(&["get", "filler", "--keys-only", "--limit=1"])
            .trim(),
        "filler"
    );
    assert_eq!(client.ok(&["del", "nothing"]), "0\n");
    let read_only = client
        .program
        .clone()
        .args(["txn"])
        .stdin("version(\"filler\") > \"0\"\n\ndel nothing\n\n\n")
        .run()
        .success();
    assert!(read_only.out().starts_with("SUCCESS"), "{read_only}");
    client
        .run(&["put", "small", "1"])
        .failure(1, "etcdserver: mvcc: database space exceeded");

    let health = client.run(&["endpoint", "health"]);
    if client.release == Some(Release::V3_4) {
        // 3.4 does not check for alarms.
        health.success();
    } else {
        assert_eq!(health.code(), 1, "{health}");
        let said = health.out() + &health.err();
        assert!(said.contains("is unhealthy"), "{said}");
    }
    let member = client.status()["header"]["member_id"]
        .as_u64()
        .expect("a member id");
    let table = client.ok(&["endpoint", "status", "-w", "table"]);
    assert!(
        table.contains(&client.endpoint) && table.contains("NOSPACE"),
        "{table}"
    );
    let alarm = format!("memberID:{member} alarm:NOSPACE\n");
    assert_eq!(client.alarms("list"), alarm);

    let revision = client.revision().to_string();
    client.ok(&["compact", &revision]);
    let before = size(&client.status());
    client.ok(&["defrag"]);
    assert!(size(&client.status()) < before);
    client
        .run(&["put", "newkey", "123"])
        .failure(1, "etcdserver: mvcc: database space exceeded");
    assert_eq!(client.alarms("disarm"), alarm);
    assert_eq!(client.ok(&["alarm", "list"]), "");
    assert_eq!(client.ok(&["put", "newkey", "123"]), "OK\n");

    let dir = scratch();
    let backup = dir.path().join("backup.db");
    save(client, &backup);
    // Ours still has a command that was removed from etcd's `etcdctl`.
    let table = if self_test() {
        Program::etcdutl()
    } else {
        Program::etcdctl()
    }
    .args(["snapshot", "status", "-w", "table"])
    .arg(&backup)
    .run()
    .success()
    .out();
    for column in ["HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE", "VERSION"] {
        assert!(table.contains(column), "{table}");
    }
    let json = Program::etcdutl()
        .args(["snapshot", "status", "-w", "json"])
        .arg(&backup)
        .run()
        .success()
        .json();
    assert_eq!(json["revision"].as_i64(), Some(client.revision()), "{json}");
    // `filler` and `newkey`.
    assert_eq!(json["totalKey"].as_i64(), Some(2), "{json}");
}

fn save(client: &Client, file: &Path) {
    let saved = client
        .program
        .clone()
        .args(["snapshot", "save"])
        .arg(file)
        .run()
        .success();
    assert!(saved.out().contains("Snapshot saved at"), "{saved}");
    assert!(file.is_file());
}

#[track_caller]
fn size(status: &Value) -> u64 {
    status["dbSize"].as_u64().expect("a database size")
}
