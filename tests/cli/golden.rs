//! Replays `tests/data/golden`, what etcd v3.7.1's own tools print, with our tools: against our `serve`, and
//! against a real etcd 3.7 where it is present. One test a family and server.
//!
//! A step that differs on purpose is in `tests/data/golden/differences.json`, which names what we want instead
//! and the row of `docs/differences.md` that gives the reason. Steps of commands that are not there yet are in
//! [`MISSING`]. Nothing else is passed over.

use std::fmt::Write;

use crate::support::etcd::{self, Release};
use crate::support::server::{Kind, Launch};

mod compare;
mod differences;
mod masks;
mod protobuf;
mod replay;
mod scenario;

use replay::Replay;

/// Commands of etcdctl that come later.
const MISSING: &[&str] = &[
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

/// Scenarios and steps that need what comes later: membership changes, and files of real servers.
const MISSING_STEPS: &[&str] = &[
    "member/change/",
    "member/add-voter/",
    "utl/in-use/",
    "utl/boot/",
];

/// Replays a family and panics with all that differs.
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
        // `serve` has no TLS.
        if scenario.server.as_ref().is_some_and(|s| s.tls) && launch.kind() == Kind::Serve {
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
    ($($name:ident)*) => {
        mod serve {
            $(#[test] fn $name() { super::family(stringify!($name), super::Launch::serve()); })*
        }
        mod real_etcd {
            $(#[test] fn $name() {
                if let Some(launch) = super::etcd::server(super::Release::V3_7) {
                    super::family(stringify!($name), launch);
                }
            })*
        }
    };
}

families! { kv txn compaction alarm defrag endpoint snapshot member misc errors }

/// No server takes part.
#[test]
fn utl() {
    family("utl", Launch::serve());
}
