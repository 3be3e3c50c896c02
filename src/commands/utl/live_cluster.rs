//! `restore-plan --from-cluster`: queries the members that are still running. Only this flag of etcdutl opens connections.
//! TLS and user are taken from etcdctl's environment variables.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        global::GlobalArgs,
        settings::Extra,
        ui::Ui,
    },
    commands::cluster,
    proto::etcdserverpb as pb,
};

/// The state of a cluster as far as its members report it.
#[derive(Clone, Debug, Default)]
pub struct LiveCluster {
    /// The endpoints, as typed.
    pub endpoints: String,
    /// The newest revision of all members that answered.
    pub revision: i64,
    /// Ids of all members.
    pub member_ids: BTreeSet<u64>,
    /// Peer URLs by name.
    pub peer_urls: BTreeMap<String, Vec<String>>,
    /// Client URLs by name.
    pub client_urls: BTreeMap<String, Vec<String>>,
}

impl LiveCluster {
    /// The members in the form of `--initial-cluster`.
    pub fn initial_cluster(&self) -> String {
        let members = self.peer_urls.iter();
        let pairs =
            members.flat_map(|(name, urls)| urls.iter().map(move |u| format!("{name}={u}")));
        pairs.collect::<Vec<_>>().join(",")
    }
}

/// Queries `endpoints`, separated by commas.
///
/// # Errors
/// None of them answers.
pub fn ask(endpoints: &str) -> Result<LiveCluster, CommandError> {
    let failed = |error| CommandError::new(ErrorKind::Failed, error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let ctx = Context::new(Ui::new(), GlobalArgs::default(), Extra { cluster: false });
    let result = runtime.block_on(ask_all(&ctx, endpoints));
    runtime.shutdown_background();
    result.map_err(|error| error.reworded(|text| format!("--from-cluster: {text}")))
}

async fn ask_all(ctx: &Context, endpoints: &str) -> Result<LiveCluster, CommandError> {
    let list: Vec<String> = endpoints
        .split(',')
        .map(|endpoint| endpoint.trim().to_owned())
        .filter(|endpoint| !endpoint.is_empty())
        .collect();
    let ask = |client: crate::client::Client, deadline| async move {
        let status = client.status(pb::StatusRequest {}, deadline).await?;
        // Not linearizable, because the cluster may have lost its quorum.
        let request = pb::MemberListRequest {
            linearizable: false,
        };
        Ok((status, client.member_list(request, deadline).await?))
    };
    let outcomes = cluster::ask_all(ctx, list, ask).await?.logged_in()?;
    let mut out = LiveCluster {
        endpoints: endpoints.to_owned(),
        ..LiveCluster::default()
    };
    let mut failure = None;
    for outcome in outcomes {
        match outcome.result {
            Ok((status, list)) => {
                out.revision = out.revision.max(status.header.map_or(0, |h| h.revision));
                for member in list.members {
                    out.member_ids.insert(member.id);
                    // A member that never started has no name.
                    if !member.name.is_empty() {
                        out.client_urls
                            .insert(member.name.clone(), member.client_ur_ls);
                        out.peer_urls.insert(member.name, member.peer_ur_ls);
                    }
                }
            }
            Err(error) => {
                let error = CommandError::from(error);
                failure = Some(error.reworded(|text| format!("{}: {text}", outcome.endpoint)));
            }
        }
    }
    match failure {
        Some(failure) if out.revision == 0 => Err(failure),
        _ => Ok(out),
    }
}
