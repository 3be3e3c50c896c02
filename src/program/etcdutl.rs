//! `etcdutl`: reads the command line, runs the command and reports how it ended.

use std::ffi::OsString;

use clap::FromArgMatches;

use super::line::{self, Line};
use crate::{
    cli::{
        error::{CommandError, ErrorKind},
        ui::Ui,
    },
    commands::utl::{Context, GlobalArgs, table},
    output::Format,
    process::signals,
};

/// Runs `etcdutl` with `args` (without the name of the program), and returns the exit code.
pub fn etcdutl(args: Vec<OsString>) -> u8 {
    signals::survive_file_size_limit();
    let ui = Ui::new();
    let root = table::tree_for(&args);
    let Line { path, args } = match line::read(&ui, &root, args) {
        Ok(line) => line,
        Err(exit) => return exit,
    };
    let failed = |error: String| Err(CommandError::new(ErrorKind::Failed, error));
    let matches = match line::matches(root, args) {
        Ok(matches) => matches,
        Err(error) => return line::end(&ui, table::tree, &path, failed(error), Format::Simple),
    };
    let globals = GlobalArgs::from_arg_matches(&matches).unwrap_or_default();
    let context = Context::new(ui, globals);
    let result = match table::find(&matches) {
        Some((run, matches)) => run(&context, matches),
        None => failed(format!("no command called {}", path.join(" "))),
    };
    let format = context.error_format();
    line::end(&context.ui, table::tree, &path, result, format)
}
