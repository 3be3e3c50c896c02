//! `member list`.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::{later::LaterArgs, range};
use crate::{
    cli::{context::Context, error::CommandError, value::Suggest},
    output::Reply,
    proto::etcdserverpb as pb,
};

/// The commands under `member`.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    #[command(hide = true)]
    Add(LaterArgs),
    #[command(hide = true)]
    Remove(LaterArgs),
    #[command(hide = true)]
    Update(LaterArgs),
    List(ListArgs),
    #[command(hide = true)]
    Promote(LaterArgs),
}

/// List the members of the cluster
#[derive(Args, Debug)]
#[command(
    override_usage = "etcdctl member list [options]",
    after_help = "Examples:
  etcdctl member list --write-out=table
  etcdctl member list --consistency=s"
)]
pub struct ListArgs {
    /// Linearizable (l): the latest; serializable (s): what the asked member knows [default: l]
    #[arg(long, value_name = "l|s", value_parser = Suggest(&["l", "s"]), hide_possible_values = true)]
    consistency: Option<String>,
    #[arg(hide = true, num_args = 0..)]
    words: Vec<OsString>,
}

/// Runs `member`.
///
/// # Errors
/// The server's refusal.
pub async fn member(ctx: &Context, command: MemberCommand) -> Result<Reply, CommandError> {
    let args = match command {
        MemberCommand::List(args) => args,
        MemberCommand::Add(args) => return args.refuse("member add").map(|()| Reply::Nothing),
        MemberCommand::Remove(args) => {
            return args.refuse("member remove").map(|()| Reply::Nothing);
        }
        MemberCommand::Update(args) => {
            return args.refuse("member update").map(|()| Reply::Nothing);
        }
        MemberCommand::Promote(args) => {
            return args.refuse("member promote").map(|()| Reply::Nothing);
        }
    };
    let _ = args.words;
    let linearizable = !range::serializable(args.consistency.as_deref())?;
    let deadline = ctx.deadline()?;
    let client = ctx.client().await?;
    let request = pb::MemberListRequest { linearizable };
    Ok(Reply::MemberList(
        client.member_list(request, deadline).await?,
    ))
}
