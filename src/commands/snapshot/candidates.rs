//! Chooses the members for `snapshot save --failover` and `--prefer`. Saves nothing.

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
    },
    client::ClientError,
    commands::cluster,
    proto::etcdserverpb as pb,
};

/// Number of log entries that a healthy member may lag behind the others.
const MAX_LAG: u64 = 1_000;

/// The role of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The leader.
    Leader,
    /// A voting member that is not the leader.
    Follower,
    /// A member without a vote.
    Learner,
}

impl Role {
    /// The name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Role::Leader => "leader",
            Role::Follower => "follower",
            Role::Learner => "learner",
        }
    }
}

/// A member that answered.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// As typed, or as in the member list.
    pub endpoint: String,
    /// The role of the member.
    pub role: Role,
    /// The id of the member.
    pub member_id: u64,
    /// The id of its cluster.
    pub cluster_id: u64,
    /// Whether it reports errors or lags far behind.
    unwell: bool,
}

impl Candidate {
    fn new(endpoint: String, status: &pb::StatusResponse, newest: u64) -> Self {
        let header = status.header.unwrap_or_default();
        let role = match (status.is_learner, status.leader == header.member_id) {
            (true, _) => Role::Learner,
            (false, true) => Role::Leader,
            (false, false) => Role::Follower,
        };
        let lag = newest.saturating_sub(status.raft_applied_index);
        Candidate {
            endpoint,
            role,
            member_id: header.member_id,
            cluster_id: header.cluster_id,
            // A member with an alarm can still deliver a snapshot, but a healthy one is better.
            unwell: !status.errors.is_empty() || lag > MAX_LAG,
        }
    }
}

/// Returns the members in the order in which to use them: healthy ones first, then those with the preferred role, then in
/// the order of the endpoints. Learners come last. With `whole_cluster`, a single endpoint stands for all members of its
/// cluster.
///
/// # Errors
/// No member answered, or the endpoints belong to different clusters.
pub async fn candidates(
    ctx: &Context,
    prefer: Role,
    whole_cluster: bool,
) -> Result<Vec<Candidate>, CommandError> {
    let mut endpoints = ctx.endpoints().await?.to_vec();
    if whole_cluster && endpoints.len() == 1 {
        // The list is not linearizable, because the cluster may have lost its quorum. Without a list, only the given
        // endpoint is used.
        let client = ctx.client().await?;
        let request = pb::MemberListRequest {
            linearizable: false,
        };
        let answer = client.member_list(request, ctx.deadline()?).await;
        let members = answer.map(|answer| answer.members).unwrap_or_default();
        for endpoint in members.into_iter().flat_map(|m| m.client_ur_ls) {
            if !endpoints.iter().any(|known| same(known, &endpoint)) {
                endpoints.push(endpoint);
            }
        }
    }
    let ask = |client: crate::client::Client, deadline| async move {
        client.status(pb::StatusRequest {}, deadline).await
    };
    let outcomes = cluster::ask_all(ctx, endpoints, ask).await?.logged_in()?;
    let newest = outcomes
        .iter()
        .filter_map(|o| o.result.as_ref().ok())
        .map(|status| status.raft_applied_index)
        .max()
        .unwrap_or(0);
    let mut found: Vec<Candidate> = Vec::new();
    let mut failure = None;
    for outcome in outcomes {
        match outcome.result {
            Ok(status) => found.push(Candidate::new(outcome.endpoint, &status, newest)),
            Err(error) => failure = Some((outcome.endpoint, error)),
        }
    }
    let Some(first) = found.first() else {
        let error = failure.map_or_else(
            || CommandError::from(ClientError::NoEndpoints),
            |(endpoint, error)| {
                CommandError::from(error).reworded(|text| format!("{endpoint}: {text}"))
            },
        );
        return Err(error.kind(ErrorKind::Interrupted));
    };
    if let Some(other) = found.iter().find(|c| c.cluster_id != first.cluster_id) {
        let text = format!(
            "{} and {} belong to different clusters ({:016x} and {:016x})",
            first.endpoint, other.endpoint, first.cluster_id, other.cluster_id
        );
        return Err(CommandError::new(ErrorKind::Interrupted, text));
    }
    found.sort_by_key(|c| (c.unwell, c.role == Role::Learner, c.role != prefer));
    Ok(found)
}

/// Whether two endpoints are the same except for the scheme.
fn same(a: &str, b: &str) -> bool {
    let bare = |endpoint: &str| {
        let rest = endpoint
            .split_once("://")
            .map_or(endpoint, |(_, rest)| rest);
        rest.trim_end_matches('/').to_owned()
    };
    bare(a) == bare(b)
}
