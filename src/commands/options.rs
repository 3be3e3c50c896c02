//! `options`: the flags that every command takes.

use std::ffi::OsString;

use clap::Args;

use crate::cli::{context::Context, error::CommandError, help};

/// List the flags that every command takes
#[derive(Args, Debug)]
#[command(override_usage = "etcdctl options")]
pub struct OptionsArgs {
    #[arg(hide = true, num_args = 0..)]
    words: Vec<OsString>,
}

/// Runs `options`.
///
/// # Errors
/// stdout does not take it.
pub fn options(ctx: &Context, args: OptionsArgs, tree: &clap::Command) -> Result<(), CommandError> {
    let _ = args.words;
    ctx.ui.line(help::options(tree).trim_end())
}
