//! The entry of `serve` in etcdctl's table of commands.

use super::{ServeArgs, args::version, help, serve};
use crate::cli::{
    context::Context,
    error::{CommandError, ErrorKind},
};

/// Runs `serve`, or prints its help, which does not come from clap.
///
/// # Errors
/// The server could not start or did not stop cleanly; or the signal that ended it.
pub async fn command(ctx: &Context, args: ServeArgs) -> Result<(), CommandError> {
    if args.wants_help() {
        return ctx.ui.line(help().trim_end());
    }
    if args.wants_version() {
        return ctx.ui.line(&version());
    }
    let signal = serve(&args).map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
    // As etcd: the process ends by the signal that it was told to end with, so that a service manager or a shell sees
    // it. The kernel does not end the first process of a container so, and 0 says that it is well.
    if std::process::id() == 1 {
        return Ok(());
    }
    Err(CommandError::already_reported(ErrorKind::Signal(signal)))
}
