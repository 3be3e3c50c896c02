//! `etcdutl`: reads the command line, runs the command and reports how it ended.

use std::ffi::OsString;

use clap::FromArgMatches;

use super::line::{self, Ended};
use crate::commands::utl::{Context, GlobalArgs, table};

/// Runs `etcdutl` with `args` (without the name of the program), and returns the exit code.
pub fn etcdutl(args: Vec<OsString>) -> u8 {
    line::run(args, table::tree_for, |ui, path, matches| {
        let globals = GlobalArgs::from_arg_matches(matches).unwrap_or_default();
        let context = Context::new(ui, globals);
        let result = match table::find(matches) {
            Some((run, matches)) => run(&context, matches),
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
