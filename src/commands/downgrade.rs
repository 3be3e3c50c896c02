//! `downgrade validate`, `enable` and `cancel`.

use std::os::unix::ffi::OsStrExt;

use clap::Args;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        words::{Arity, Ignored, Words},
    },
    golang::string,
    output::replies::maintenance::Downgraded,
    proto::etcdserverpb::{self as pb, downgrade_request::DowngradeAction},
};

/// The version to downgrade to.
#[derive(Clone, Copy, Debug)]
pub struct TargetVersion;

impl Arity for TargetVersion {
    const MIN: usize = 1;
    const MAX: usize = 1;
    const USAGE: &'static str = "<version>";

    fn error(given: usize) -> CommandError {
        let text = match given {
            0 => "TARGET_VERSION not provided",
            _ => "too many arguments",
        };
        CommandError::new(ErrorKind::BadArgs, text)
    }
}

/// Check whether the cluster can be downgraded
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl downgrade validate 3.6")]
pub struct ValidateArgs {
    #[command(flatten)]
    words: Words<TargetVersion>,
}

/// Runs `downgrade validate`.
///
/// # Errors
/// An error from the server.
pub async fn validate(ctx: &Context, args: ValidateArgs) -> Result<Downgraded, CommandError> {
    let version = version(&args.words)?;
    downgrade(ctx, DowngradeAction::Validate, "validate", version).await
}

/// Start to downgrade the cluster
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl downgrade enable 3.6")]
pub struct EnableArgs {
    #[command(flatten)]
    words: Words<TargetVersion>,
}

/// Runs `downgrade enable`.
///
/// # Errors
/// An error from the server.
pub async fn enable(ctx: &Context, args: EnableArgs) -> Result<Downgraded, CommandError> {
    let version = version(&args.words)?;
    downgrade(ctx, DowngradeAction::Enable, "enable", version).await
}

/// Cancel the current downgrade
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl downgrade cancel")]
pub struct CancelArgs {
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Runs `downgrade cancel`.
///
/// # Errors
/// An error from the server.
pub async fn cancel(ctx: &Context, _args: CancelArgs) -> Result<Downgraded, CommandError> {
    downgrade(ctx, DowngradeAction::Cancel, "cancel", String::new()).await
}

fn version(words: &Words<TargetVersion>) -> Result<String, CommandError> {
    let [version] = words.exactly()?;
    if version.is_empty() {
        let text = "target version not provided";
        return Err(CommandError::new(ErrorKind::BadArgs, text));
    }
    Ok(string::text(version.as_bytes()).into_owned())
}

async fn downgrade(
    ctx: &Context,
    action: DowngradeAction,
    what: &'static str,
    version: String,
) -> Result<Downgraded, CommandError> {
    let (client, deadline) = ctx.connect().await?;
    let request = pb::DowngradeRequest {
        action: action.into(),
        version,
    };
    let answer = client.downgrade(request, deadline).await?;
    Ok(Downgraded { what, answer })
}
