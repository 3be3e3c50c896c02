//! `etcdctl`: reads the command line, runs the command and reports how it ended.

use std::ffi::OsString;

use clap::FromArgMatches;

use super::line::{self, Ended};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        global::GlobalArgs,
        settings::Extra,
    },
    commands::table,
};

/// Runs `etcdctl` with `args` (without the name of the program), and returns the exit code.
pub fn etcdctl(args: Vec<OsString>) -> u8 {
    line::run(args, table::tree_for, |ui, path, matches| {
        let globals = GlobalArgs::from_arg_matches(matches).unwrap_or_default();
        let extra = Extra {
            cluster: path.first().is_some_and(|name| name == "endpoint"),
        };
        let context = Context::new(ui, globals, extra);
        let result = match table::find(matches) {
            Some((run, matches)) => run_to_end(&context, path, run, matches),
            None => Err(line::no_command(path)),
        };
        let format = context.error_format();
        Ended {
            ui: context.ui,
            result,
            format,
        }
    })
}

/// Runs a command on its own runtime. One thread is enough for a client.
fn run_to_end(
    context: &Context,
    path: &[String],
    run: table::Run,
    matches: &clap::ArgMatches,
) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::new(ErrorKind::Failed, error))?;
    let result = runtime.block_on(async {
        let result = match context.check_globals(path) {
            Ok(()) => run(context, matches).await,
            Err(error) => Err(error),
        };
        context.close().await;
        result
    });
    // Anything still running, such as a name lookup, must not delay the exit.
    runtime.shutdown_background();
    result
}
