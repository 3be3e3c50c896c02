//! The entry of `serve` in etcdctl's table of commands.

use super::{ServeArgs, args::version, help, serve};
use crate::cli::{
    context::Context,
    error::{CommandError, ErrorKind},
    ui::stdout_columns,
};

/// Runs `serve`, or prints its help, which does not come from clap.
///
/// # Errors
/// The server could not start or did not stop cleanly, or a signal ended it.
pub async fn command(ctx: &Context, args: ServeArgs) -> Result<(), CommandError> {
    if args.wants_help() {
        return ctx.ui.line(help(stdout_columns()).trim_end());
    }
    if args.wants_version() {
        return ctx.ui.line(&version());
    }
    let signal = serve(&args).map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
    // Like etcd, the process dies of the signal that it received, so that a service manager or a shell sees it. The
    // kernel does not let the first process of a container die this way; its exit code is then 0.
    if std::process::id() == 1 {
        return Ok(());
    }
    Err(CommandError::already_reported(ErrorKind::Signal(signal)))
}
