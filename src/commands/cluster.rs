//! What the commands on single endpoints share: determining the endpoints, a client for each, requests to all of them
//! at the same time, and results in the order of the endpoints.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        hints,
    },
    client::{
        Client, ClientError, Deadline,
        endpoint::{Endpoint, EndpointError},
    },
    proto::etcdserverpb as pb,
};

/// The endpoints as given, or with `cluster` the client URLs of all members.
///
/// # Errors
/// The member list cannot be read.
pub async fn endpoints(ctx: &Context, cluster: bool) -> Result<Vec<String>, CommandError> {
    if !cluster {
        return Ok(ctx.endpoints().await?.to_vec());
    }
    ctx.settings()?;
    // etcdctl has no separate exit code here for a client that cannot be created.
    let client = ctx.client().await.map_err(|e| e.kind(ErrorKind::Failed))?;
    let request = pb::MemberListRequest { linearizable: true };
    match client.member_list(request, ctx.deadline()?).await {
        Ok(answer) => Ok(answer
            .members
            .into_iter()
            .flat_map(|m| m.client_ur_ls)
            .collect()),
        Err(error) => {
            let mut out = CommandError::new(
                ErrorKind::Failed,
                format!("failed to fetch endpoints from etcd cluster member list: {error}"),
            );
            out.code = error.code().map(|c| c as i32);
            out.hints = hints::of(&error);
            Err(out)
        }
    }
}

/// The malformed ones among `endpoints`, by index, if there are also valid ones.
///
/// # Errors
/// All are malformed.
pub fn malformed_endpoints(
    endpoints: &[String],
) -> Result<BTreeMap<usize, EndpointError>, CommandError> {
    let errors: BTreeMap<_, _> = endpoints
        .iter()
        .enumerate()
        .filter_map(|(index, endpoint)| Some((index, Endpoint::parse(endpoint).err()?)))
        .collect();
    match errors.get(&0) {
        Some(first) if errors.len() == endpoints.len() => {
            Err(ClientError::from(first.clone()).into())
        }
        _ => Ok(errors),
    }
}

/// Maximum number of endpoints that are queried at the same time.
const MOST_AT_ONCE: usize = 16_384;
/// Number of file descriptors per endpoint: its connection, and a probe if it does not respond.
const DESCRIPTORS: u64 = 3;

/// Number of endpoints for which there are enough file descriptors. Raises the soft limit to the hard limit, as Go
/// programs do.
fn at_once() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // If this fails, the old limit applies.
    let _ = setrlimit(Resource::Nofile, raised);
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(descriptors / DESCRIPTORS)
        .unwrap_or(MOST_AT_ONCE)
        .clamp(16, MOST_AT_ONCE)
}

/// The result for one endpoint.
pub struct Outcome<T> {
    /// As given, or as listed by the member.
    pub endpoint: String,
    /// The result of `ask`.
    pub result: Result<T, ClientError>,
}

/// The results for all endpoints, in order.
pub struct Outcomes<T> {
    /// The results.
    pub each: Vec<Outcome<T>>,
    logged_in: bool,
}

impl<T> Outcomes<T> {
    /// All results, if any server accepted the authentication.
    ///
    /// # Errors
    /// No server did: the first error, or what is wrong with the only endpoint.
    pub fn logged_in(self) -> Result<Vec<Outcome<T>>, CommandError> {
        if self.logged_in {
            return Ok(self.each);
        }
        let alone = self.each.len() == 1;
        let refusal = self.each.iter().find_map(|outcome| match &outcome.result {
            Err(error @ ClientError::Status { .. }) => Some(error.clone()),
            Err(error) if alone => Some(error.clone()),
            _ => None,
        });
        match refusal {
            Some(error) => Err(CommandError::from(error).kind(ErrorKind::BadConnection)),
            None => Ok(self.each),
        }
    }
}

/// Queries all endpoints at the same time, each with the whole timeout of the command, so that unreachable endpoints
/// together cost one timeout. The results are in the order of the endpoints.
///
/// # Errors
/// All endpoints are malformed, or a password cannot be read.
pub async fn ask_all<T, F>(
    ctx: &Context,
    endpoints: Vec<String>,
    ask: impl Fn(Client, Deadline) -> F + Clone + Send + 'static,
) -> Result<Outcomes<T>, CommandError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ClientError>> + Send + 'static,
{
    let limit = ctx.limit()?;
    let mut malformed = malformed_endpoints(&endpoints)?;
    let login = ctx.login()?;
    let turns = Arc::new(Semaphore::new(at_once()));
    let mut asked = JoinSet::new();
    let mut outcomes: Vec<Option<Outcome<T>>> = vec![];
    for (index, endpoint) in endpoints.into_iter().enumerate() {
        if let Some(error) = malformed.remove(&index) {
            let result = Err(error.into());
            outcomes.push(Some(Outcome { endpoint, result }));
            continue;
        }
        outcomes.push(None);
        let client = ctx.client_of(std::slice::from_ref(&endpoint))?;
        let (ask, turns, login) = (ask.clone(), turns.clone(), login.clone());
        asked.spawn(async move {
            // The semaphore is never closed.
            let _turn = turns.acquire_owned().await;
            if let Err(error) = login.log_in(&client).await {
                let result = Err(error);
                return (index, Outcome { endpoint, result }, false);
            }
            let result = ask(client, Deadline::after(limit)).await;
            (index, Outcome { endpoint, result }, true)
        });
    }
    let mut logged_in = false;
    while let Some(done) = asked.join_next().await {
        let (index, outcome, known) = done.map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
        outcomes[index] = Some(outcome);
        logged_in |= known;
    }
    Ok(Outcomes {
        each: outcomes.into_iter().flatten().collect(),
        logged_in,
    })
}
