//! Three members restored from one snapshot: by our restore, by etcd's own, and by the page of `restore-plan` run as a
//! script. On such a cluster, saves switch to another member, and keys are restored.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::etcd::{self, Release};
use crate::support::program::{Program, scratch, wait_until};
use crate::support::relay::Relay;
use crate::support::server::{Launch, Server, free_ports};

/// Live keys of [`saved`].
const LIVE: usize = 60;
/// The revision of [`saved`].
const REVISION: i64 = 64;
/// By how much the revision grows.
const BUMP: i64 = 1000;

/// A snapshot of a `serve`: 60 keys, one of them large, one deleted, one changed, and a compaction.
fn saved(dir: &Path) -> PathBuf {
    let server = Launch::serve().start();
    let run = |args: &[&str]| {
        let at = Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()));
        at.args(args).run().success()
    };
    for i in 0..LIVE {
        run(&["put", &format!("key/{i:02}"), &"v".repeat(1 + i * 50)]);
    }
    run(&["put", "gone", "soon"]);
    run(&["del", "gone"]);
    run(&["put", "key/00", "changed"]);
    run(&["compaction", "40"]);
    let file = dir.join("backup.db");
    run(&["snapshot", "save", &file.display().to_string()]);
    file
}

/// Three members on this machine.
struct Three {
    ports: [u16; 3],
    dir: PathBuf,
}

impl Three {
    fn new(dir: PathBuf) -> Three {
        std::fs::create_dir(&dir).expect("a directory can be made");
        Three {
            ports: free_ports(),
            dir,
        }
    }

    fn url(&self, i: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[i])
    }

    fn initial_cluster(&self) -> String {
        let member = |i| format!("m{i}={}", self.url(i));
        (0..3).map(member).collect::<Vec<_>>().join(",")
    }

    fn data(&self, i: usize) -> PathBuf {
        self.dir.join(format!("m{i}.etcd"))
    }

    /// Restores every member with `tool`.
    fn restore(&self, tool: &Program, file: &Path, flags: &[String]) {
        for i in 0..3 {
            tool.clone()
                .args(["snapshot", "restore"])
                .arg(file)
                .arg(format!("--data-dir={}", self.data(i).display()))
                .arg("--initial-cluster-token=restored")
                .arg(format!("--name=m{i}"))
                .arg(format!("--initial-cluster={}", self.initial_cluster()))
                .arg(format!("--initial-advertise-peer-urls={}", self.url(i)))
                .args(flags)
                .run()
                .success();
        }
    }

    /// Starts all of them; none answers before two of them run.
    fn start(&self, launch: &Launch) -> Vec<Server> {
        std::thread::scope(|scope| {
            let start = |i: usize| {
                let launch = launch
                    .clone()
                    .data_dir(self.data(i))
                    .flag(format!("--name=m{i}"))
                    .flag(format!("--listen-peer-urls={}", self.url(i)))
                    .flag(format!("--initial-advertise-peer-urls={}", self.url(i)));
                scope.spawn(move || launch.start())
            };
            let threads: Vec<_> = (0..3).map(start).collect();
            let joined = threads.into_iter().map(|t| t.join());
            joined.map(|t| t.expect("the member starts")).collect()
        })
    }
}

/// The state of a member as seen by clients: all keys, the hash, the response to a watch from before the restore, and
/// the revision of the next write.
#[derive(Debug, PartialEq)]
struct ClientView {
    keys: Value,
    hash: Value,
    watch: String,
    next: Value,
}

fn seen(etcdctl: &Program, members: &[Server]) -> ClientView {
    let at = |member: &Server| {
        etcdctl
            .clone()
            .arg(format!("--endpoints={}", member.endpoint()))
    };
    let of = |member: &Server| {
        let get = ["get", "", "--prefix", "-w", "json"];
        let keys = at(member).args(get).run().success().json()["kvs"].take();
        let hash = at(member).args(["endpoint", "hashkv", "-w", "json"]).run();
        let hash = hash.success().json()[0]["HashKV"]["hash"].take();
        (keys, hash)
    };
    let (keys, hash) = of(&members[0]);
    assert_eq!(keys.as_array().map(Vec::len), Some(LIVE));
    assert!(hash.is_u64(), "{hash}");
    for member in members {
        assert_eq!(of(member), (keys.clone(), hash.clone()));
    }
    let watch = at(&members[0]).args(["watch", "key/00", "--rev=50"]).run();
    let put = ["put", "after", "restore", "-w", "json"];
    let next = at(&members[1]).args(put).run().success().json();
    ClientView {
        keys,
        hash,
        watch: watch.err(),
        next: next["header"]["revision"].clone(),
    }
}

#[test]
fn three_members_restored_from_one_snapshot_are_one_cluster() {
    let scratch = scratch();
    let file = saved(scratch.path());
    for release in Release::ALL {
        let (Some(launch), Some(etcdctl)) = (etcd::server(release), etcd::etcdctl(Release::V3_7))
        else {
            continue;
        };
        let flags = [
            format!("--bump-revision={BUMP}"),
            "--mark-compacted".to_owned(),
            format!("--target={release}"),
        ];
        let ours = Three::new(scratch.path().join(format!("ours-{release}")));
        ours.restore(&Program::etcdutl(), &file, &flags);
        let members = ours.start(&launch);
        let by_ours = seen(&etcdctl, &members);
        drop(members);
        assert_eq!(by_ours.next, REVISION + BUMP + 1, "etcd {release}");
        assert!(
            by_ours
                .watch
                .contains("required revision has been compacted"),
            "{by_ours:?}"
        );
        // The state is that of a cluster restored by etcd's own tool. The file is of version 3.7, so only 3.7's tool is used.
        let Some(theirs) = etcd::etcdutl(Release::V3_7).filter(|_| release == Release::V3_7) else {
            continue;
        };
        let copy = scratch.path().join("copy.db");
        std::fs::copy(&file, &copy).expect("it can be copied");
        let cluster = Three::new(scratch.path().join("theirs"));
        cluster.restore(&theirs, &copy, &flags[..2]);
        let members = cluster.start(&launch);
        assert_eq!(seen(&etcdctl, &members), by_ours, "etcd {release}");
    }
}

#[test]
fn the_page_of_a_restore_plan_run_as_a_script_is_a_cluster() {
    let scratch = scratch();
    let file = saved(scratch.path());
    for release in [Release::V3_5, Release::V3_6, Release::V3_7] {
        let (Some(launch), Some(etcdctl)) = (etcd::server(release), etcd::etcdctl(Release::V3_7))
        else {
            continue;
        };
        // The page is for a snapshot of the same release.
        let three = Three::new(scratch.path().join(format!("page-{release}")));
        let file = match release {
            Release::V3_7 => file.clone(),
            _ => snapshot_of(
                &launch,
                &etcdctl,
                &scratch.path().join(format!("{release}.db")),
            ),
        };
        std::fs::create_dir(three.data(1)).expect("an old directory can be made");
        let page = Program::etcdutl()
            .args(["snapshot", "restore-plan", "-w", "json"])
            .arg(&file)
            .arg(format!("--initial-cluster={}", three.initial_cluster()))
            .run()
            .success()
            .json();
        let tools = tools(&three.dir);
        let steps = page["steps"].as_array().expect("a list");
        let mut done = BTreeSet::new();
        for step in steps {
            let argv: Vec<&str> = step["argv"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            // The test starts the members and checks them itself, because the page uses the default ports.
            let Some((program, args)) = argv
                .split_first()
                .filter(|(p, _)| !["etcd", "etcdctl"].contains(p))
            else {
                continue;
            };
            done.insert(*program);
            let ran = Command::new(program)
                .args(args)
                .current_dir(&three.dir)
                .env("PATH", format!("{}:/usr/bin:/bin", tools.display()))
                .output()
                .expect("it can be started");
            assert!(
                ran.status.success(),
                "{argv:?}: {}",
                String::from_utf8_lossy(&ran.stderr)
            );
        }
        assert_eq!(done, BTreeSet::from(["etcdutl", "sh"]));
        assert!(three.dir.join("m1.etcd.before").is_dir());
        let members = three.start(&launch);
        let seen = seen(&etcdctl, &members);
        let bump = page["bump_revision"].as_i64().expect("a number");
        let revision = page["file"]["revision"].as_i64().expect("a number");
        assert_eq!(seen.next, revision + bump + 1, "etcd {release}");
        assert!(
            seen.watch.contains("required revision has been compacted"),
            "{seen:?}"
        );
    }
}

/// A folder with our `etcdutl` under its real name, regardless of the name of the test program.
fn tools(dir: &Path) -> PathBuf {
    let tools = dir.join("tools");
    std::fs::create_dir(&tools).expect("a directory can be made");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_etcdutl"), tools.join("etcdutl"))
        .expect("a link can be made");
    tools
}

/// A snapshot of a real etcd with the keys of [`saved`].
fn snapshot_of(launch: &Launch, etcdctl: &Program, file: &Path) -> PathBuf {
    let server = launch.start();
    let at = etcdctl
        .clone()
        .arg(format!("--endpoints={}", server.endpoint()));
    for i in 0..LIVE {
        at.clone()
            .args(["put", &format!("key/{i:02}"), "v"])
            .run()
            .success();
    }
    at.args(["snapshot", "save"]).arg(file).run().success();
    file.to_owned()
}

/// Real members of 3.7, restored and started.
fn running(dir: &Path, file: &Path) -> Option<Vec<Server>> {
    let launch = etcd::server(Release::V3_7)?;
    let three = Three::new(dir.join("running"));
    three.restore(&Program::etcdutl(), file, &[]);
    Some(three.start(&launch))
}

fn ours(endpoints: &str) -> Program {
    Program::etcdctl().arg(format!("--endpoints={endpoints}"))
}

#[test]
fn a_save_prefers_followers_and_changes_over_when_its_member_dies() {
    let scratch = scratch();
    let file = saved(scratch.path());
    let Some(members) = running(scratch.path(), &file) else {
        return;
    };
    let endpoints: Vec<&str> = members.iter().map(Server::endpoint).collect();
    // Some megabytes, so that a download can be caught in the middle.
    for i in 0..8_u8 {
        let put = ours(endpoints[0]).args(["put", &format!("large/{i}")]);
        put.stdin(vec![b'a' + i; 1 << 20]).run().success();
    }
    let leader = endpoints
        .iter()
        .position(|endpoint| {
            let status = ours(endpoint)
                .args(["endpoint", "status", "-w", "json"])
                .run()
                .success()
                .json();
            status[0]["Status"]["leader"] == status[0]["Status"]["header"]["member_id"]
        })
        .expect("a leader");
    let followers: Vec<usize> = (0..3).filter(|i| *i != leader).collect();
    let out = scratch.path().join("saved.db");
    let all = endpoints.join(",");
    let save = |flags: &[&str]| {
        let save = ours(&all)
            .args(["snapshot", "save", "-w", "json"])
            .args(flags);
        save.arg(&out).run().success().json()
    };
    assert_eq!(save(&["--prefer=leader"])["endpoint"], endpoints[leader]);
    assert_eq!(
        save(&["--prefer=follower"])["endpoint"],
        endpoints[followers[0]]
    );
    // One endpoint represents the whole cluster.
    let whole = ours(endpoints[leader]).args(["snapshot", "save", "--failover", "-w", "json"]);
    let saved = whole.arg(&out).run().success().json();
    assert_ne!(saved["member_id"], "", "{saved}");
    // The connection to the first follower stalls after a while, and is then cut.
    let relay = Relay::before(endpoints[followers[0]]);
    relay.stall(false);
    let list = format!(
        "{},{},{}",
        relay.endpoint(),
        endpoints[followers[1]],
        endpoints[leader]
    );
    let program = ours(&list)
        .args(["snapshot", "save", "--failover", "-w", "json"])
        .arg(&out);
    let mut child = program
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("our own program starts");
    // The stream is cut once there is an unfinished file. It is not a failure if everything has arrived by then.
    let begun = || {
        let entries = std::fs::read_dir(scratch.path())
            .into_iter()
            .flatten()
            .flatten();
        entries
            .into_iter()
            .any(|e| e.file_name().to_string_lossy().ends_with(".part"))
    };
    let end = Instant::now() + Duration::from_secs(60);
    while !begun() && child.try_wait().expect("it can be waited for").is_none() {
        assert!(Instant::now() < end, "it did not begin");
    }
    relay.cut();
    let status = wait_until(&mut child, end).expect("it ends");
    let output = child.wait_with_output().expect("it has ended");
    assert!(
        status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // etcd's own tool restores the received snapshot.
    let Some(theirs) = etcd::etcdutl(Release::V3_7) else {
        return;
    };
    let data = format!("--data-dir={}", scratch.path().join("by-theirs").display());
    theirs
        .args(["snapshot", "restore"])
        .arg(&out)
        .arg(data)
        .run()
        .success();
}

#[test]
fn ten_thousand_keys_come_back_on_a_real_cluster() {
    let scratch = scratch();
    let file = saved(scratch.path());
    let Some(members) = running(scratch.path(), &file) else {
        return;
    };
    let endpoint = members[0].endpoint();
    let n = 10_000;
    let lines = scratch.path().join("keys.ndjson");
    let line = |i| format!("{{\"schema\":1,\"key\":\"/app/{i:05}\",\"value\":\"{i:01024}\"}}\n");
    std::fs::write(&lines, (0..n).map(line).collect::<String>()).expect("it can be written");
    let restore = |from: &str| {
        let restore = [
            "restore-keys",
            from,
            "--prefix",
            "/app/",
            "--yes",
            "-w",
            "json",
        ];
        ours(endpoint).args(restore).run().success().json()
    };
    assert_eq!(restore(&format!("--from={}", lines.display()))["put"], n);
    let all = || {
        let get = ["get", "/app/", "--prefix", "-w", "json"];
        let mut kvs = ours(endpoint).args(get).run().success().json()["kvs"].take();
        // Restored keys have new revisions.
        for kv in kvs.as_array_mut().into_iter().flatten() {
            for field in ["create_revision", "mod_revision", "version"] {
                kv.as_object_mut().map(|kv| kv.remove(field));
            }
        }
        kvs
    };
    let before = all();
    let backup = scratch.path().join("app.db");
    ours(endpoint)
        .args(["snapshot", "save"])
        .arg(&backup)
        .run()
        .success();
    ours(endpoint)
        .args(["del", "/app/", "--prefix"])
        .run()
        .success();
    assert_eq!(
        restore(&format!("--from=snapshot:{}", backup.display()))["put"],
        n
    );
    assert_eq!(all(), before);
}
