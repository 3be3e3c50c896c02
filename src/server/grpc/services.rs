//! What all requests of a server share, with one struct for each gRPC service.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;

use super::{
    cluster::Cluster, election::Election, health::Health, kv::Kv, lease::Lease, lock::Lock,
    maintenance::Maintenance, snapshot::Snapshots, watch::Watch,
};
use crate::server::{config::Config, core::Core, lifecycle::Phase, metrics::Metrics};

/// The services of a server, and what they share. The table in `methods` refers to these fields.
pub struct Services {
    /// The store.
    pub core: Core,
    /// The settings that the server was started with.
    pub config: Arc<Config>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The server's phase.
    pub phase: watch::Receiver<Phase>,
    pub(super) kv: Kv,
    pub(super) lease: Lease,
    pub(super) maintenance: Maintenance,
    pub(super) snapshots: Snapshots,
    pub(super) cluster: Cluster,
    pub(super) lock: Lock,
    pub(super) election: Election,
    pub(super) health: Health,
    pub(super) watch: Watch,
    #[cfg(test)]
    pub(super) echo: super::echo::Echo,
}

/// The addresses that the server listens on; `member list` reports them if none are advertised.
pub type Listening = Arc<RwLock<Vec<String>>>;

/// Number of bytes by which a message may exceed the largest request (etcd v3.7.1, server/config/config.go).
const OVERHEAD: usize = 512 << 10;

impl Services {
    /// The services over an open store.
    pub fn new(
        core: Core,
        config: Config,
        metrics: Arc<Metrics>,
        listening: Listening,
        phase: watch::Receiver<Phase>,
    ) -> Services {
        let config = Arc::new(config);
        let (pause, paused) = watch::channel(false);
        let pause = (config.features.enabled("StopGRPCServiceOnDefrag")).then_some(pause);
        Services {
            kv: Kv::new(core.clone(), &config),
            lease: Lease::new(core.clone()),
            maintenance: Maintenance::new(core.clone(), metrics.clone(), pause),
            snapshots: Snapshots::new(core.clone(), config.stream_stall),
            cluster: Cluster::new(core.clone(), config.clone(), listening),
            lock: Lock::new(core.clone()),
            election: Election::new(core.clone()),
            health: Health::new(phase.clone(), paused),
            watch: Watch::new(core.clone(), &config, receive_limit(&config)),
            #[cfg(test)]
            echo: super::echo::Echo,
            core,
            config,
            metrics,
            phase,
        }
    }

    /// Maximum size of a received message in bytes.
    pub fn receive_limit(&self) -> usize {
        receive_limit(&self.config)
    }
}

fn receive_limit(config: &Config) -> usize {
    config.max_request_bytes.saturating_add(OVERHEAD)
}
