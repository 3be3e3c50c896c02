//! `auth enable`, `disable` and `status`.

use clap::Args;

use crate::{
    cli::{context::Context, error::CommandError, words::Words},
    client::{Client, ClientError, Deadline},
    output::replies::auth::Switched,
    proto::etcdserverpb as pb,
    words,
};

/// Enable authentication
///
/// A user root must exist. It is given the role root, which is created if it is missing.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl user add root
  etcdctl auth enable")]
pub struct EnableArgs {
    #[command(flatten)]
    words: Words<EnableWords>,
}

words! { pub EnableWords: 0..=0, "", BadArgs "auth enable command does not accept any arguments" }

/// Runs `auth enable`.
///
/// # Errors
/// An error from the server.
pub async fn enable(ctx: &Context, args: EnableArgs) -> Result<Switched, CommandError> {
    args.words.get()?;
    let (client, deadline) = ctx.connect().await?;
    let answer = match client.auth_enable(pb::AuthEnableRequest {}, deadline).await {
        Err(error) if error.is("etcdserver: root user does not have root role") => {
            grant_root(&client, deadline).await?;
            client
                .auth_enable(pb::AuthEnableRequest {}, deadline)
                .await?
        }
        answer => answer?,
    };
    Ok(Switched {
        enabled: true,
        header: answer.header,
    })
}

/// Grants the role root to the user root.
async fn grant_root(client: &Client, deadline: Deadline) -> Result<(), ClientError> {
    let name = "root".to_owned();
    let request = pb::AuthRoleAddRequest { name: name.clone() };
    match client.role_add(request, deadline).await {
        // The role exists, but is not granted.
        Err(error) if error.is("etcdserver: role name already exists") => {}
        answer => drop(answer?),
    }
    let request = pb::AuthUserGrantRoleRequest {
        user: name.clone(),
        role: name,
    };
    client.user_grant_role(request, deadline).await.map(drop)
}

/// Disable authentication
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl --user=root auth disable")]
pub struct DisableArgs {
    #[command(flatten)]
    words: Words<DisableWords>,
}

words! { pub DisableWords: 0..=0, "", BadArgs "auth disable command does not accept any arguments" }

/// Runs `auth disable`.
///
/// # Errors
/// An error from the server.
pub async fn disable(ctx: &Context, args: DisableArgs) -> Result<Switched, CommandError> {
    args.words.get()?;
    let (client, deadline) = ctx.connect().await?;
    let request = pb::AuthDisableRequest {};
    let answer = client.auth_disable(request, deadline).await?;
    Ok(Switched {
        enabled: false,
        header: answer.header,
    })
}

/// Show whether authentication is enabled
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl auth status")]
pub struct StatusArgs {
    #[command(flatten)]
    words: Words<StatusWords>,
}

words! { pub StatusWords: 0..=0, "", BadArgs "auth status command does not accept any arguments" }

/// Runs `auth status`.
///
/// # Errors
/// An error from the server.
pub async fn status(
    ctx: &Context,
    args: StatusArgs,
) -> Result<pb::AuthStatusResponse, CommandError> {
    args.words.get()?;
    let (client, deadline) = ctx.connect().await?;
    Ok(client
        .auth_status(pb::AuthStatusRequest {}, deadline)
        .await?)
}
