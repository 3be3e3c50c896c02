//! The servers on which a case runs.

use std::{future::Future, sync::Arc, time::Duration};

use etcd_maintenance::{
    proto::etcdserverpb::{
        self as pb, auth_client::AuthClient, cluster_client::ClusterClient, kv_client::KvClient,
        lease_client::LeaseClient, maintenance_client::MaintenanceClient,
    },
    server::{config::Config, embedded::Server},
};
use tonic::transport::{Channel, Endpoint};

use super::support::{
    authority::Authority,
    etcd::{self, Release},
    program::scratch,
    server::Server as Process,
};

/// No case takes longer, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// Our server in this process, over an in-memory connection.
    Memory,
    /// Our server in this process, over TCP.
    Tcp,
    /// Our server in this process, over TCP with TLS.
    Tls,
    /// A real etcd.
    Etcd,
}

/// A running target and a connection to it.
pub struct Target {
    pub kind: TargetKind,
    pub channel: Channel,
    /// `127.0.0.1:PORT` if bytes are sent over it unencrypted: not in memory, and not with TLS.
    pub address: Option<String>,
}

impl Target {
    pub fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX)
    }

    pub fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    pub fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel.clone())
    }

    pub fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel.clone())
    }

    pub fn auth(&self) -> AuthClient<Channel> {
        AuthClient::new(self.channel.clone())
    }
}

/// Starts our server with these flags (`--name=value`) on a data directory.
pub async fn start(dir: &std::path::Path, flags: &[&str]) -> Server {
    let mut config = Config::new(dir);
    for flag in flags {
        let (name, value) = flag.trim_start_matches('-').split_once('=').unwrap();
        config.set(name, value).unwrap();
    }
    Server::start(config).await.unwrap()
}

/// Runs a case on one kind of target, or prints that it is skipped.
#[track_caller]
pub fn run<F>(kind: TargetKind, flags: &[&str], case: impl FnOnce(Arc<Target>) -> F)
where
    F: Future<Output = ()>,
{
    let process = match kind {
        TargetKind::Etcd => match etcd::server(Release::V3_7) {
            Some(launch) => Some(launch.flags(flags.iter().copied()).start()),
            None => return,
        },
        _ => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let ended = runtime.block_on(async {
        tokio::time::timeout(LIMIT, on_target(kind, process, flags, case)).await
    });
    assert!(ended.is_ok(), "not finished within {LIMIT:?}");
}

async fn on_target<F>(
    kind: TargetKind,
    process: Option<Process>,
    flags: &[&str],
    case: impl FnOnce(Arc<Target>) -> F,
) where
    F: Future<Output = ()>,
{
    let dir = scratch();
    let mut server = None;
    let (channel, address) = match &process {
        Some(process) => (
            process.channel().await,
            Some(process.endpoint().to_string()),
        ),
        None => {
            let data = dir.path().join("data");
            let authority = Authority::new();
            let mut flags = flags.to_vec();
            let files = authority.server_files(dir.path());
            if kind == TargetKind::Tls {
                flags.extend(files.iter().map(String::as_str));
            }
            let server = server.insert(start(&data, &flags).await);
            if kind == TargetKind::Memory {
                (server.channel().await.unwrap(), None)
            } else if kind == TargetKind::Tls {
                let url = server.listen("https://127.0.0.1:0").await.unwrap();
                let address = url.trim_start_matches("https://").to_string();
                (authority.channel(&address, None).await.unwrap(), None)
            } else {
                let url = server.listen("127.0.0.1:0").await.unwrap();
                let endpoint = Endpoint::from_shared(url.clone()).unwrap();
                let address = url.trim_start_matches("http://").to_string();
                (endpoint.connect().await.unwrap(), Some(address))
            }
        }
    };
    let target = Target {
        kind,
        channel,
        address,
    };
    settle(&target).await;
    case(Arc::new(target)).await;
    if let Some(server) = server {
        server.shutdown().await;
    }
}

/// A new etcd determines its version a moment after it is ready, by writes.
async fn settle(target: &Target) {
    let request = pb::StatusRequest {};
    let mut maintenance = target.maintenance();
    while {
        let status = maintenance.status(request).await.unwrap().into_inner();
        status.storage_version.is_empty()
    } {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Generates four tests for each case: `case::memory`, `case::tcp`, `case::tls`, `case::etcd`. The name may be followed
/// by flags for the server.
macro_rules! on_every_target {
    ($($case:ident $([$($flag:literal),*])?;)*) => {$(
        mod $case {
            use crate::target::{TargetKind, run};

            const FLAGS: &[&str] = &[$($($flag),*)?];

            #[test]
            fn memory() {
                run(TargetKind::Memory, FLAGS, super::$case);
            }

            #[test]
            fn tcp() {
                run(TargetKind::Tcp, FLAGS, super::$case);
            }

            #[test]
            fn tls() {
                run(TargetKind::Tls, FLAGS, super::$case);
            }

            #[test]
            fn etcd() {
                run(TargetKind::Etcd, FLAGS, super::$case);
            }
        }
    )*};
}
