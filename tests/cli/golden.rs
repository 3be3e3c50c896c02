//! Replays `tests/data/golden`, which contains what etcd v3.7.1's own tools print. Our tools run against our `serve`, and
//! against a real etcd 3.7 if it is present; etcd's own `etcdctl`, if it is present, runs against `serve`. There is one test
//! per family and combination.
//!
//! A step that differs intentionally is in `tests/data/golden/differences.json`, with the output that we want instead and
//! the row of `docs/differences.md` that gives the reason. Every scenario is replayed, except that `serve` is not used for
//! those in `NEEDS_ETCD`.

use std::fmt::Write;

use crate::support::etcd::{self, Release};
use crate::support::server::{Launch, ServerKind};

mod differences;
mod live;
mod replay;
mod scenario;

use replay::{Replay, Tools};

/// Scenarios that `serve` cannot take part in: a second member joins the cluster, the data directory has etcd's
/// `member/snap/db`, or a server opens one with a write-ahead log.
const NEEDS_ETCD: [&str; 3] = ["move_leader/two-members", "utl/in-use", "utl/boot"];

/// Replays a family, and panics with all differences.
#[track_caller]
fn family(name: &str, tools: Tools, launch: Launch) {
    let family = scenario::load(name);
    let replay = Replay::new(tools, launch.clone());
    let mut compared = 0;
    let mut problems = String::new();
    for scenario in &family.scenarios {
        let full = format!("{name}/{}", scenario.name);
        if launch.kind() == ServerKind::Serve && NEEDS_ETCD.contains(&full.as_str()) {
            continue;
        }
        let outcome = replay.scenario(&full, scenario);
        compared += outcome.compared;
        for problem in outcome.problems {
            let _ = writeln!(problems, "{full} / {problem}");
        }
    }
    assert!(problems.is_empty(), "{problems}");
    assert!(compared > 0, "{name}: nothing was compared");
}

macro_rules! families {
    ($($name:ident)*; etcdctl_on_serve: $($served:ident)*) => {
        mod serve {
            $(#[test] fn $name() {
                super::family(stringify!($name), super::Tools::UnderTest, super::Launch::serve());
            })*
        }
        mod real_etcd {
            $(#[test] fn $name() { super::on_etcd(stringify!($name)); })*
        }
        mod etcdctl_on_serve {
            $(#[test] fn $served() { super::with_etcdctl(stringify!($served)); })*
        }
        const FAMILIES: &str = stringify!($($name)*);
    };
}

#[track_caller]
fn on_etcd(name: &str) {
    if let Some(launch) = etcd::server(Release::V3_7) {
        family(name, Tools::UnderTest, launch);
    }
}

#[track_caller]
fn with_etcdctl(name: &str) {
    if etcd::find(&format!("etcdctl-{}", Release::V3_7)).is_some() {
        family(name, Tools::Etcds, Launch::serve());
    }
}

families! {
    alarm auth check compaction defrag downgrade elect endpoint errors kv lease lock make_mirror member misc move_leader role
    snapshot txn user utl watch;
    etcdctl_on_serve: auth downgrade elect endpoint kv lease lock member role txn user watch
}

/// No family of the recording is left out.
#[test]
fn every_family_is_replayed() {
    let mut recorded: Vec<String> = std::fs::read_dir(scenario::folder())
        .expect("the folder can be read")
        .flatten()
        .filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            Some(name.strip_suffix(".json")?.to_owned())
        })
        .filter(|name| name != "masks" && name != "differences")
        .collect();
    recorded.sort();
    let mut replayed: Vec<&str> = FAMILIES.split_whitespace().collect();
    replayed.sort_unstable();
    assert_eq!(recorded, replayed);
}
