//! `member list`.

use clap::Args;

use super::range;
use crate::{
    cli::{
        context::Context,
        error::CommandError,
        value::Suggest,
        words::{Ignored, Words},
    },
    proto::etcdserverpb as pb,
};

/// List the members of the cluster
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl member list --write-out=table
  etcdctl member list --consistency=s")]
pub struct ListArgs {
    /// Linearizable (l) asks for the latest state; serializable (s) for what the asked member knows [default: l]
    #[arg(long, value_name = "l|s", value_parser = Suggest(&["l", "s"]), hide_possible_values = true)]
    consistency: Option<String>,
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Runs `member list`.
///
/// # Errors
/// The server's refusal.
pub async fn list(ctx: &Context, args: ListArgs) -> Result<pb::MemberListResponse, CommandError> {
    let linearizable = !range::serializable(args.consistency.as_deref())?;
    let deadline = ctx.deadline()?;
    let client = ctx.client().await?;
    let request = pb::MemberListRequest { linearizable };
    Ok(client.member_list(request, deadline).await?)
}
