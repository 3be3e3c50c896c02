//! Replays `tests/data/golden`, what etcd v3.7.1's own tools print, with our tools: against our `serve`, and
//! against a real etcd 3.7 where it is present. One test a family and server.
//!
//! A step that differs on purpose is in `tests/data/golden/differences.json`, which names what we want instead
//! and the row of `docs/differences.md` that gives the reason. Nothing is passed over but, against our own server,
//! the scenarios that the recording marks as being about a real cluster.

use std::fmt::Write;

use crate::support::etcd::{self, Release};
use crate::support::server::{Launch, ServerKind};

mod differences;
mod live;
mod replay;
mod scenario;

use replay::Replay;

/// Replays a family, and panics with all differences.
#[track_caller]
fn family(name: &str, launch: Launch) {
    let family = scenario::load(name);
    let replay = Replay::new(launch.clone());
    let mut compared = 0;
    let mut problems = String::new();
    for scenario in &family.scenarios {
        let full = format!("{name}/{}", scenario.name);
        let needs_etcd = scenario.server.as_ref().is_some_and(|s| s.etcd_only);
        if needs_etcd && launch.kind() == ServerKind::Serve {
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
    ($($name:ident)*; real: $($real:ident)*) => {
        mod serve {
            $(#[test] fn $name() { super::family(stringify!($name), super::Launch::serve()); })*
        }
        mod real_etcd {
            $(#[test] fn $name() { super::with_etcd(stringify!($name)); })*
            $(#[test] fn $real() { super::with_etcd(stringify!($real)); })*
        }
        const FAMILIES: &str = stringify!($($name)* $($real)*);
    };
}

#[track_caller]
fn with_etcd(name: &str) {
    if let Some(launch) = etcd::server(Release::V3_7) {
        family(name, launch);
    }
}

// Every scenario of the families behind `real` is about a real cluster.
families! {
    alarm auth check compaction defrag elect endpoint errors kv lease lock make_mirror member misc move_leader role snapshot
    txn user utl watch;
    real: downgrade
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
