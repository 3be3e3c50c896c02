//! `alarm list` and `alarm disarm`.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use crate::{
    cli::{
        context::Context,
        error::{CommandError, Kind},
    },
    client::Client,
    output::Reply,
    proto::etcdserverpb as pb,
};

/// The commands under `alarm`.
#[derive(Debug, Subcommand)]
pub enum AlarmCommand {
    /// Clear every alarm
    #[command(
        override_usage = "etcdctl alarm disarm",
        after_help = "Examples:
  etcdctl alarm disarm    # after compaction and defrag have made room"
    )]
    Disarm(NoWords),
    /// List the alarms that are raised
    #[command(
        override_usage = "etcdctl alarm list",
        after_help = "Examples:
  etcdctl alarm list
  etcdctl alarm list --write-out=json"
    )]
    List(NoWords),
}

/// No words are wanted.
#[derive(Args, Debug)]
pub struct NoWords {
    #[arg(hide = true, num_args = 0..)]
    words: Vec<OsString>,
}

/// Runs `alarm`.
///
/// # Errors
/// Words that are not wanted, or the server's refusal.
pub async fn alarm(ctx: &Context, command: AlarmCommand) -> Result<Reply, CommandError> {
    let (name, words) = match &command {
        AlarmCommand::Disarm(args) => ("disarm", &args.words),
        AlarmCommand::List(args) => ("list", &args.words),
    };
    if !words.is_empty() {
        return Err(CommandError::new(
            Kind::BadArgs,
            format!("alarm {name} command accepts no arguments"),
        ));
    }
    let deadline = ctx.deadline()?;
    let client = ctx.client().await?;
    let ask = |action: pb::alarm_request::AlarmAction, member: u64, alarm: i32| pb::AlarmRequest {
        action: action.into(),
        member_id: member,
        alarm,
    };
    use pb::alarm_request::AlarmAction::{Deactivate, Get};
    let raised = client.alarm(ask(Get, 0, 0), deadline).await?;
    if matches!(command, AlarmCommand::List(_)) {
        return Ok(Reply::Alarm(raised));
    }
    // As etcd's client does it: each alarm by itself, and the answer names those that were cleared.
    let mut cleared = pb::AlarmResponse::default();
    for alarm in raised.alarms {
        let answer = disarm(
            &client,
            ask(Deactivate, alarm.member_id, alarm.alarm),
            deadline,
        )
        .await?;
        cleared.alarms.extend(answer.alarms);
    }
    Ok(Reply::Alarm(cleared))
}

async fn disarm(
    client: &Client,
    request: pb::AlarmRequest,
    deadline: crate::client::Deadline,
) -> Result<pb::AlarmResponse, CommandError> {
    Ok(client.alarm(request, deadline).await?)
}
