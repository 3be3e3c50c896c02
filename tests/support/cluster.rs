//! A cluster of three real etcds. Members can be killed and started again.

use std::thread;

use super::server::{Launch, Server, free_ports};

/// Three members, identified by their indexes.
pub struct Cluster {
    members: Vec<Option<Server>>,
    /// The endpoint of each member, whether or not it is running.
    endpoints: Vec<String>,
}

impl Cluster {
    /// Starts three members as configured by `launch`.
    #[track_caller]
    pub fn start(launch: &Launch) -> Cluster {
        let ports = free_ports::<6>();
        let url = |at: usize| format!("http://127.0.0.1:{}", ports[at]);
        let cluster: Vec<String> = (0..3).map(|m| format!("m{m}={}", url(m))).collect();
        let cluster = cluster.join(",");
        // No member is ready before a majority is running.
        let members: Vec<Server> = thread::scope(|scope| {
            let starting: Vec<_> = (0..3)
                .map(|m| {
                    let client = url(3 + m);
                    let launch = launch
                        .clone()
                        .flag(format!("--name=m{m}"))
                        .flag(format!("--listen-peer-urls={}", url(m)))
                        .flag(format!("--initial-advertise-peer-urls={}", url(m)))
                        .flag(format!("--initial-cluster={cluster}"))
                        .flag(format!("--listen-client-urls={client}"))
                        .flag(format!("--advertise-client-urls={client}"));
                    scope.spawn(move || launch.start())
                })
                .collect();
            let joined = starting.into_iter().map(|s| s.join());
            joined.map(|member| member.expect("it starts")).collect()
        });
        Cluster {
            members: members.into_iter().map(Some).collect(),
            endpoints: (0..3)
                .map(|m| format!("127.0.0.1:{}", ports[3 + m]))
                .collect(),
        }
    }

    /// `host:port` of a member.
    pub fn endpoint(&self, member: usize) -> &str {
        &self.endpoints[member]
    }

    /// The endpoints of these members, in the form of `--endpoints`.
    pub fn endpoints(&self, members: &[usize]) -> String {
        let endpoints: Vec<&str> = members.iter().map(|m| self.endpoint(*m)).collect();
        format!("--endpoints={}", endpoints.join(","))
    }

    /// Kills a member, calls `during`, and starts the member again.
    #[track_caller]
    pub fn without(&mut self, member: usize, during: impl FnOnce(&Cluster)) {
        let mut server = self.members[member].take().expect("it runs");
        server.kill();
        during(self);
        self.members[member] = Some(server.restart());
    }
}
