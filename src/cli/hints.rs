//! Hints printed after an error: which endpoint failed and why, what to do about a full database, the oldest readable
//! revision, how to authenticate.

use super::{
    context::Context,
    error::{CommandError, ErrorKind},
};
use crate::{
    client::{Client, ClientError, Deadline, Limit, error::Attempt},
    output::Format,
    proto::etcdserverpb as pb,
};

/// Error texts of the server that have hints.
pub const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
const NO_SPACE: &str = "etcdserver: mvcc: database space exceeded";

/// For a request that changes something and whose response was not received.
const MAYBE_DONE: &str = "the request may have been executed: check before you repeat it";

/// At most this many endpoints are listed individually.
const NAMED: usize = 5;

impl From<ClientError> for CommandError {
    fn from(error: ClientError) -> CommandError {
        let kind = match &error {
            ClientError::NoEndpoints => ErrorKind::BadConnection,
            _ => ErrorKind::Failed,
        };
        let mut out = CommandError::new(kind, error.clone());
        out.code = error.code().map(|c| c as i32);
        out.hints = of(&error);
        out
    }
}

/// The hints for an error, without further requests.
pub fn of(error: &ClientError) -> Vec<String> {
    match error {
        ClientError::Deadline {
            limit,
            attempts,
            maybe_done,
        } => {
            let mut hints = of_attempts(attempts);
            if !limit.flag.is_empty() && !hints.iter().any(|h| h.contains(limit.flag)) {
                hints.push(format!("gave up after {limit}"));
            }
            hints.extend(maybe_done.then(|| MAYBE_DONE.into()));
            hints
        }
        ClientError::Unreachable { attempts } => of_attempts(attempts),
        error if error.is_not_grpc() => {
            vec!["an HTTP server answered there, but not etcd".into()]
        }
        ClientError::Broken {
            attempt,
            maybe_done,
        } => {
            let mut hints = vec![format!("{}: {}", attempt.endpoint, attempt.cause)];
            hints.extend(maybe_done.then(|| MAYBE_DONE.into()));
            hints
        }
        ClientError::SendLimit { .. } => {
            vec![
                "--max-request-bytes sets the limit of this client; it does not change that of the server"
                    .into(),
            ]
        }
        ClientError::Locked(_) => vec![
            "one process at a time opens a data directory; to share one, run `etcdctl serve --data-dir DIR` and give its address to --endpoints".into(),
        ],
        error if error.is(NO_SPACE) => no_space(),
        error if error.is("etcdserver: user name is empty") => vec![
            "the server requires authentication: name a user with --user name[:password], or set ETCDCTL_USER".into(),
        ],
        error if error.is("etcdserver: permission denied") => vec![
            "the user's roles do not allow this: `etcdctl user get USER --detail` shows what they allow".into(),
        ],
        error if error.is("etcdserver: authentication failed, invalid user ID or password") => {
            vec!["check --user and --password, and the variables ETCDCTL_USER and ETCDCTL_PASSWORD".into()]
        }
        _ => vec![],
    }
}

/// The hints for errors of several endpoints: without duplicates, and limited to what a person reads.
pub fn of_all<'e>(errors: impl IntoIterator<Item = &'e ClientError>) -> Vec<String> {
    let mut attempts = vec![];
    let mut others = vec![];
    let mut last_limit = None;
    let mut any_done = false;
    for error in errors {
        match error {
            ClientError::Deadline {
                limit,
                attempts: more,
                maybe_done,
            } => {
                last_limit = Some(*limit);
                any_done |= maybe_done;
                attempts.extend_from_slice(more);
            }
            ClientError::Unreachable { attempts: more } => attempts.extend_from_slice(more),
            error => others.extend(of(error)),
        }
    }
    let mut hints = match last_limit {
        Some(limit) => of(&ClientError::Deadline {
            limit,
            attempts,
            maybe_done: any_done,
        }),
        None => of_attempts(&attempts),
    };
    for hint in others {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    hints
}

fn of_attempts(attempts: &[Attempt]) -> Vec<String> {
    let mut hints: Vec<String> = attempts
        .iter()
        .take(NAMED)
        .map(|a| format!("{}: {}", a.endpoint, a.cause))
        .collect();
    if attempts.len() > NAMED {
        hints.push(format!("and {} more endpoints", attempts.len() - NAMED));
    }
    hints
}

fn no_space() -> Vec<String> {
    [
        "the database has reached its quota (--quota-backend-bytes); three commands recover from it:",
        "  etcdctl compaction REVISION    discard old revisions; `etcdctl endpoint status -w json` shows the latest",
        "  etcdctl defrag                 release their space",
        "  etcdctl alarm disarm           allow writes again",
    ]
    .map(String::from)
    .to_vec()
}

/// Adds the oldest readable revision to an error about a compacted one. With JSON, no further request is sent after a
/// failure.
pub async fn add_oldest_readable(
    ctx: &Context,
    mut error: CommandError,
    client: &Client,
    asked: i64,
) -> CommandError {
    if ctx.error_format() != Format::Json
        && error.to_string() == COMPACTED
        && let Some(oldest) = oldest_readable(client, asked).await
    {
        error.hints.push(format!(
            "the oldest revision that can still be read is {oldest}"
        ));
    }
    error
}

/// Searches between a compacted revision and the current one, since etcd has no RPC for this. Reads one key at three
/// revisions at a time, which divide the rest into quarters: a million revisions take ten round trips.
async fn oldest_readable(client: &Client, compacted: i64) -> Option<i64> {
    let deadline = Deadline::after(Limit {
        length: std::time::Duration::from_secs(1),
        flag: "",
    });
    let read = |revision| {
        let request = pb::RangeRequest {
            key: bytes::Bytes::from_static(b"\0"),
            revision,
            count_only: true,
            serializable: true,
            ..Default::default()
        };
        client.range(request, deadline)
    };
    let (mut low, mut high) = (compacted.max(0), read(0).await.ok()?.header?.revision);
    if low >= high {
        return None;
    }
    while high - low > 1 {
        let (between, start) = (high - low, low);
        // Divide before multiplying: `between * 3` could overflow.
        let quarter = |n| start + between / 4 * n + between % 4 * n / 4;
        let revisions = [quarter(1), quarter(2), quarter(3)];
        let [first, second, third] = revisions.map(read);
        let (first, second, third) = tokio::join!(first, second, third);
        for (revision, answer) in revisions.into_iter().zip([first, second, third]) {
            match answer {
                Ok(_) => high = high.min(revision),
                Err(error) if error.is(COMPACTED) => low = low.max(revision),
                Err(_) => return None,
            }
        }
    }
    Some(high)
}
