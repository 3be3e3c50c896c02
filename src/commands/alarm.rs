//! `alarm list` and `alarm disarm`.

use clap::Args;

use crate::{
    cli::{context::Context, error::CommandError, words::Words},
    proto::etcdserverpb::{self as pb, alarm_request::AlarmAction},
    words,
};

/// Clear every alarm
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl alarm disarm    # after compaction and defrag have freed space")]
pub struct DisarmArgs {
    #[command(flatten)]
    words: Words<DisarmWords>,
}

words! { pub DisarmWords: 0..=0, "", BadArgs "alarm disarm command accepts no arguments" }

/// List the active alarms
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl alarm list
  etcdctl alarm list --write-out=json")]
pub struct ListArgs {
    #[command(flatten)]
    words: Words<ListWords>,
}

words! { pub ListWords: 0..=0, "", BadArgs "alarm list command accepts no arguments" }

/// Runs `alarm list`.
///
/// # Errors
/// Unexpected arguments, or an error from the server.
pub async fn list(ctx: &Context, args: ListArgs) -> Result<pb::AlarmResponse, CommandError> {
    args.words.get()?;
    let (client, deadline) = ctx.connect().await?;
    Ok(client
        .alarm(request(AlarmAction::Get, 0, 0), deadline)
        .await?)
}

/// Runs `alarm disarm`. Like etcd's client, disarms the alarms one by one. The reply lists those that were disarmed.
///
/// # Errors
/// Unexpected arguments, or an error from the server.
pub async fn disarm(ctx: &Context, args: DisarmArgs) -> Result<pb::AlarmResponse, CommandError> {
    args.words.get()?;
    let (client, deadline) = ctx.connect().await?;
    let active = client
        .alarm(request(AlarmAction::Get, 0, 0), deadline)
        .await?;
    let mut cleared = pb::AlarmResponse::default();
    for alarm in active.alarms {
        let request = request(AlarmAction::Deactivate, alarm.member_id, alarm.alarm);
        let answer = client.alarm(request, deadline).await?;
        cleared.alarms.extend(answer.alarms);
    }
    Ok(cleared)
}

fn request(action: AlarmAction, member_id: u64, alarm: i32) -> pb::AlarmRequest {
    pb::AlarmRequest {
        action: action.into(),
        member_id,
        alarm,
    }
}
