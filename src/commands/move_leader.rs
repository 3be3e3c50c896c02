//! `move-leader`: transfers the leadership to another member.

use std::os::unix::ffi::OsStrExt;

use clap::Args;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        value,
        words::Words,
    },
    golang::string,
    output::replies::maintenance::LeaderMoved,
    proto::etcdserverpb as pb,
    words,
};

/// Transfer the leadership to another member
///
/// The leader must be among the endpoints.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl --endpoints=10.0.0.1:2379,10.0.0.2:2379 move-leader 8e9e05c52164694d")]
pub struct MoveLeaderArgs {
    #[command(flatten)]
    words: Words<MoveLeaderWords>,
}

words! {
    pub MoveLeaderWords: 1..=1, "<memberID>", BadArgs "move-leader command needs 1 argument"
}

/// Runs `move-leader`.
///
/// # Errors
/// The id is not a hexadecimal number, no endpoint is the leader, or an error from the server.
pub async fn move_leader(ctx: &Context, args: MoveLeaderArgs) -> Result<LeaderMoved, CommandError> {
    let [target] = args.words.exactly()?;
    let target = value::uint(&string::text(target.as_bytes()), 16)
        .map_err(|e| CommandError::new(ErrorKind::BadArgs, e))?;
    let endpoints = ctx.endpoints().await?;
    let login = ctx.login()?;
    let deadline = ctx.deadline()?;
    // Ask each endpoint whether it leads, and the first that does to transfer the leadership.
    for endpoint in endpoints {
        let client = ctx.client_of(std::slice::from_ref(endpoint))?;
        let refused = |e| CommandError::from(e).kind(ErrorKind::BadConnection);
        login.log_in(&client).await.map_err(refused)?;
        let status = client.status(pb::StatusRequest {}, deadline).await?;
        if status.header.is_none_or(|h| h.member_id != status.leader) {
            continue;
        }
        let request = pb::MoveLeaderRequest { target_id: target };
        return Ok(LeaderMoved {
            from: status.leader,
            to: target,
            answer: client.move_leader(request, deadline).await?,
        });
    }
    let text = format!("no leader endpoint given at [{}]", endpoints.join(" "));
    Err(CommandError::new(ErrorKind::BadArgs, text)
        .hint("`etcdctl endpoint status --cluster` shows which member leads"))
}
