//! The entry of `serve` in etcdctl's table of commands.

use super::{ServeArgs, args::version, help, serve};
use crate::cli::{
    context::Context,
    error::{CommandError, ErrorKind},
};

/// Runs `serve`, or prints its help, which does not come from clap.
///
/// # Errors
/// The server could not start or did not stop cleanly.
pub async fn command(ctx: &Context, args: ServeArgs) -> Result<(), CommandError> {
    if args.wants_help() {
        return ctx.ui.line(help().trim_end());
    }
    if args.wants_version() {
        return ctx.ui.line(&version());
    }
    serve(&args).map_err(|e| CommandError::new(ErrorKind::Failed, e))
}
