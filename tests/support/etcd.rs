//! Finds etcd's own programs, as installed by `.ci/etcd`.
//!
//! They are searched for in `$ETCD_TEST_BIN`, and then in `target/etcd`. A test that needs a missing one is skipped
//! with a message (see `skip`).

use std::fmt;
use std::path::{Path, PathBuf};

use super::program::Program;
use super::server::Launch;
use super::skip::skip;

/// An etcd release line that the tests know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    V3_4,
    V3_5,
    V3_6,
    V3_7,
}

impl Release {
    pub const ALL: [Self; 4] = [Self::V3_4, Self::V3_5, Self::V3_6, Self::V3_7];
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V3_4 => "3.4",
            Self::V3_5 => "3.5",
            Self::V3_6 => "3.6",
            Self::V3_7 => "3.7",
        })
    }
}

/// The folder with etcd's programs.
pub fn folder() -> PathBuf {
    match std::env::var_os("ETCD_TEST_BIN") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/etcd"),
    }
}

/// The file `name` in that folder. `None` if it is missing; prints that the test is skipped.
#[track_caller]
pub fn find(name: &str) -> Option<PathBuf> {
    let file = folder().join(name);
    if file.exists() {
        return Some(file);
    }
    skip(&format!(
        "{} is not there (.ci/etcd brings it)",
        file.display()
    ));
    None
}

/// A real etcd server, to be configured with flags and started.
#[track_caller]
pub fn server(release: Release) -> Option<Launch> {
    let program = find(&format!("etcd-{release}"))?;
    Some(Launch::etcd(program, release))
}

/// A real `etcdctl`.
#[track_caller]
pub fn etcdctl(release: Release) -> Option<Program> {
    let program = Program::new(find(&format!("etcdctl-{release}"))?);
    Some(program)
}

/// A real `etcdutl`; 3.4 has none.
#[track_caller]
pub fn etcdutl(release: Release) -> Option<Program> {
    Some(Program::new(find(&format!("etcdutl-{release}"))?))
}
