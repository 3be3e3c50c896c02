//! `member add`, `list`, `promote`, `remove` and `update`.

use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::range;
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        value::{self, Suggest},
        words::{Arity, Ignored, Words},
    },
    golang::{format::quote, string},
    output::replies::cluster::{Added, MemberChanged},
    proto::etcdserverpb as pb,
    words,
};

/// List the members of the cluster
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl member list --write-out=table
  etcdctl member list --consistency=s")]
pub struct ListArgs {
    /// Linearizable (l): the latest state; serializable (s): the state of the queried member [default: l]
    #[arg(long, value_name = "l|s", value_parser = Suggest(&["l", "s"]), hide_possible_values = true)]
    consistency: Option<String>,
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Runs `member list`.
///
/// # Errors
/// An error from the server.
pub async fn list(ctx: &Context, args: ListArgs) -> Result<pb::MemberListResponse, CommandError> {
    let linearizable = !range::serializable(args.consistency.as_deref())?;
    let (client, deadline) = ctx.connect().await?;
    let request = pb::MemberListRequest { linearizable };
    Ok(client.member_list(request, deadline).await?)
}

/// Add a member to the cluster
///
/// Prints the environment variables for starting the new member.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl member add m2 --peer-urls=http://10.0.0.2:2380
  etcdctl member add m2 --peer-urls=http://10.0.0.2:2380 --learner")]
pub struct AddArgs {
    /// Peer URLs of the new member, separated by commas
    #[arg(long, value_name = "url,...")]
    peer_urls: Option<String>,
    /// Add the member as a learner, which does not vote
    #[arg(long)]
    learner: bool,
    #[command(flatten)]
    words: Words<AddWords>,
}

/// The name of the new member.
#[derive(Clone, Copy, Debug)]
pub struct AddWords;

impl Arity for AddWords {
    const MIN: usize = 0;
    const MAX: usize = usize::MAX;
    const USAGE: &'static str = "<name>";

    fn error(_given: usize) -> CommandError {
        CommandError::bad_args("member name not provided")
    }
}

/// Runs `member add`.
///
/// # Errors
/// Missing or superfluous arguments, or an error from the server.
pub async fn add(ctx: &Context, args: AddArgs) -> Result<Added, CommandError> {
    let words: Vec<_> = args
        .words
        .get()?
        .iter()
        .map(|w| string::text(w.as_bytes()))
        .collect();
    let name = match &words[..] {
        [] => return Err(CommandError::bad_args("member name not provided")),
        [name] => name.clone().into_owned(),
        words => {
            let mut text = String::from("too many arguments");
            let urls = words
                .iter()
                .filter(|w| w.to_lowercase().starts_with("http"));
            urls.for_each(|url| text.push_str(&format!(", did you mean --peer-urls={url}")));
            return Err(CommandError::bad_args(text));
        }
    };
    let peer_urls = peer_urls(args.peer_urls)?;
    let urls = split(&peer_urls)?;
    let (client, deadline) = ctx.connect().await?;
    let request = pb::MemberAddRequest {
        peer_ur_ls: urls,
        is_learner: args.learner,
    };
    Ok(Added {
        name,
        answer: client.member_add(request, deadline).await?,
        peer_urls,
    })
}

fn peer_urls(given: Option<String>) -> Result<String, CommandError> {
    let given = given.filter(|urls| !urls.is_empty());
    given.ok_or_else(|| CommandError::bad_args("member peer urls not provided"))
}

/// The comma-separated URLs, checked as in etcd's client (etcd v3.7.1, client/pkg/types/urls.go).
fn split(urls: &str) -> Result<Vec<String>, CommandError> {
    let urls: Vec<String> = urls.split(',').map(str::to_owned).collect();
    let wrong = urls.iter().find_map(|url| fault(url.trim()));
    wrong.map_or(Ok(urls), |text| {
        Err(CommandError::new(ErrorKind::Failed, text))
    })
}

/// The defect of a peer URL, with Go's error text.
fn fault(url: &str) -> Option<String> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let first = url.split('/').next().unwrap_or_default();
    if first.contains(':')
        && !(scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(plain))
    {
        // To Go's parser, `127.0.0.1:2380` begins with a path, which cannot contain a colon.
        return Some(format!(
            "parse {}: first path segment in URL cannot contain colon",
            quote(url.as_bytes())
        ));
    }
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {
            let rest = url.split_once("://").map_or("", |(_, rest)| rest);
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (host, path) = rest.split_at(end);
            let port = host.rsplit_once(':');
            let bracketed = host.starts_with('[');
            let fits = port.is_some_and(|(name, _)| {
                (bracketed && name.ends_with(']')) || (!bracketed && !name.contains(':'))
            });
            if !fits {
                let text = "URL address does not have the form \"host:port\"";
                return Some(format!("{text}: {url}"));
            }
            path.starts_with('/')
                .then(|| format!("URL must not contain a path: {url}"))
        }
        "unix" | "unixs" => None,
        _ => Some(format!(
            "URL scheme must be http, https, unix, or unixs: {url}"
        )),
    }
}

words! {
    /// The id of a member in hexadecimal.
    pub MemberId: 1..=1, "<memberID>", BadArgs "member ID is not provided"
}

fn member_id(words: &Words<MemberId>) -> Result<u64, CommandError> {
    let [id] = words.exactly()?;
    value::uint(&string::text(id.as_bytes()), 16).map_err(|e| {
        CommandError::bad_args(format!("bad member ID arg ({e}), expecting ID in Hex"))
    })
}

/// Remove a member from the cluster
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl member remove 8e9e05c52164694d")]
pub struct RemoveArgs {
    #[command(flatten)]
    words: Words<MemberId>,
}

/// Runs `member remove`.
///
/// # Errors
/// The id is not a hexadecimal number, or an error from the server.
pub async fn remove(
    ctx: &Context,
    args: RemoveArgs,
) -> Result<MemberChanged<pb::MemberRemoveResponse>, CommandError> {
    let id = member_id(&args.words)?;
    let (client, deadline) = ctx.connect().await?;
    let request = pb::MemberRemoveRequest { id };
    Ok(MemberChanged {
        id,
        what: "removed from",
        answer: client.member_remove(request, deadline).await?,
    })
}

/// Change the peer URLs of a member
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl member update 8e9e05c52164694d --peer-urls=http://10.0.0.2:2380")]
pub struct UpdateArgs {
    /// New peer URLs of the member, separated by commas
    #[arg(long, value_name = "url,...")]
    peer_urls: Option<String>,
    #[command(flatten)]
    words: Words<MemberId>,
}

/// Runs `member update`.
///
/// # Errors
/// The id is not a hexadecimal number, there are no URLs, or an error from the server.
pub async fn update(
    ctx: &Context,
    args: UpdateArgs,
) -> Result<MemberChanged<pb::MemberUpdateResponse>, CommandError> {
    let id = member_id(&args.words)?;
    let peer_urls = split(&peer_urls(args.peer_urls)?)?;
    let (client, deadline) = ctx.connect().await?;
    let request = pb::MemberUpdateRequest {
        id,
        peer_ur_ls: peer_urls,
    };
    Ok(MemberChanged {
        id,
        what: "updated in",
        answer: client.member_update(request, deadline).await?,
    })
}

/// Promote a learner to a voting member
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl member promote 8e9e05c52164694d")]
pub struct PromoteArgs {
    #[command(flatten)]
    words: Words<MemberId>,
}

/// Runs `member promote`.
///
/// # Errors
/// The id is not a hexadecimal number, or an error from the server.
pub async fn promote(
    ctx: &Context,
    args: PromoteArgs,
) -> Result<MemberChanged<pb::MemberPromoteResponse>, CommandError> {
    let id = member_id(&args.words)?;
    let (client, deadline) = ctx.connect().await?;
    let request = pb::MemberPromoteRequest { id };
    Ok(MemberChanged {
        id,
        what: "promoted in",
        answer: client.member_promote(request, deadline).await?,
    })
}
