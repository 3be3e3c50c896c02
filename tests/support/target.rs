//! The servers that a test runs against: embedded in the client's process, our `serve`, and real etcd.
//!
//! A test uses a target's endpoint and must not depend on its kind, except for known differences.

use std::fmt;

use tempfile::TempDir;

use super::etcd::{self, Release};
use super::program::{Program, scratch};
use super::server::{Launch, Server};

/// A server for our client.
#[derive(Debug)]
pub enum Target {
    Embedded { dir: TempDir, flags: Vec<String> },
    Serve(Server),
    Etcd(Release, Server),
}

impl Target {
    /// A new data directory, opened by the client itself with these flags (`--name=value`).
    pub fn embedded(flags: &[&str]) -> Self {
        Self::Embedded {
            dir: scratch(),
            flags: flags.iter().map(|f| (*f).to_owned()).collect(),
        }
    }

    #[track_caller]
    pub fn serve(flags: &[&str]) -> Self {
        Self::Serve(Launch::serve().flags(flags.iter().copied()).start())
    }

    /// A real etcd. `None` if it is missing; prints that this target is skipped.
    #[track_caller]
    pub fn etcd(release: Release, flags: &[&str]) -> Option<Self> {
        let launch = etcd::server(release)?;
        Some(Self::Etcd(
            release,
            launch.flags(flags.iter().copied()).start(),
        ))
    }

    /// The value of `--endpoints=`.
    pub fn endpoint(&self) -> String {
        match self {
            Self::Embedded { dir, flags } => {
                let query: Vec<&str> = flags.iter().map(|f| f.trim_start_matches('-')).collect();
                let data = dir.path().join("data");
                if query.is_empty() {
                    format!("embedded:{}", data.display())
                } else {
                    format!("embedded:{}?{}", data.display(), query.join("&"))
                }
            }
            Self::Serve(server) | Self::Etcd(_, server) => server.endpoint().to_owned(),
        }
    }

    /// Our `etcdctl` with this target as its endpoint.
    pub fn etcdctl(&self) -> Program {
        Program::etcdctl().arg(format!("--endpoints={}", self.endpoint()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { .. } => f.write_str("embedded"),
            Self::Serve(_) => f.write_str("serve"),
            Self::Etcd(release, _) => write!(f, "etcd {release}"),
        }
    }
}
