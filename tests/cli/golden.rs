//! Replays `tests/data/golden`, the output of etcd v3.7.1's own tools, with our tools: against our `serve`, and against
//! a real etcd 3.7 if there is one. One test per family and server.
//!
//! A step that differs intentionally is in `tests/data/golden/differences.json`, with the expected output and the row
//! of `docs/differences.md` that gives the reason. What our own server cannot answer is in [`SERVE_LACKS`]. Nothing
//! else is skipped, except what takes a minute.

use std::fmt::Write;

use crate::support::etcd::{self, Release};
use crate::support::server::{Launch, ServerKind};

mod compare;
mod differences;
mod live;
mod masks;
mod protobuf;
mod replay;
mod scenario;

use replay::Replay;

/// Commands that our own server cannot answer. Those under `member` that change the cluster will stay: ours has a
/// single member.
const SERVE_LACKS: &[&str] = &[
    "lease",
    "watch",
    "auth",
    "user",
    "role",
    "lock",
    "elect",
    "make-mirror",
    "move-leader",
    "downgrade",
    "check",
    "member add",
    "member remove",
    "member update",
    "member promote",
];

/// Scenarios and steps that this replayer cannot run: joining members, and files of real servers.
const MISSING_STEPS: &[&str] = &["move_leader/two-members/", "utl/in-use/", "utl/boot/"];

/// Replays a family, and panics with all differences.
#[track_caller]
fn family(name: &str, launch: Launch) {
    let family = scenario::load(name);
    let replay = Replay::new(launch.clone());
    let mut compared = 0;
    let mut problems = String::new();
    for scenario in &family.scenarios {
        let full = format!("{name}/{}", scenario.name);
        if MISSING_STEPS
            .iter()
            .any(|missing| format!("{full}/").starts_with(missing))
        {
            continue;
        }
        // `serve` without what only a cluster has.
        let ours = launch.kind() == ServerKind::Serve;
        let needs_etcd = scenario
            .server
            .as_ref()
            .is_some_and(|s| s.tls || s.etcd_only);
        if (needs_etcd && ours) || scenario.slow {
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
    };
}

#[track_caller]
fn with_etcd(name: &str) {
    if let Some(launch) = etcd::server(Release::V3_7) {
        family(name, launch);
    }
}

families! {
    kv txn compaction alarm defrag endpoint snapshot member misc errors;
    real: auth check downgrade elect lease lock make_mirror move_leader role user watch
}

/// No server is involved.
#[test]
fn utl() {
    family("utl", Launch::serve());
}
