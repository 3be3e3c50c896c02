//! `help`: the help of another command.

use std::{ffi::OsString, os::unix::ffi::OsStrExt};

use clap::Args;

use crate::{
    cli::{argv, context::Context, error::CommandError, help as text, ui::Ui},
    golang::format::quote,
};

/// Show the help of a command
#[derive(Args, Debug)]
#[command(override_usage = "etcdctl help [command]")]
pub struct HelpArgs {
    #[arg(hide = true, num_args = 0..)]
    words: Vec<OsString>,
}

/// Runs `help`.
///
/// # Errors
/// stdout does not take it.
pub fn help(ctx: &Context, args: HelpArgs, tree: &clap::Command) -> Result<(), CommandError> {
    print(&ctx.ui, args, tree)
}

/// As [`help`], for the tool whose commands `tree` holds.
///
/// # Errors
/// As [`help`].
pub fn print(ui: &Ui, args: HelpArgs, tree: &clap::Command) -> Result<(), CommandError> {
    let topics: Vec<String> = args
        .words
        .iter()
        .map(|w| match w.to_str() {
            Some(word) if !word.contains(|c: char| c == '`' || c.is_control()) => {
                format!("`{word}`")
            }
            _ => quote(w.as_bytes()),
        })
        .collect();
    match argv::topic(tree, args.words) {
        Some(path) if path == ["serve"] => ui.line(super::serve::help().trim_end()),
        Some(path) => ui.line(text::help(tree, &path).trim_end()),
        None => {
            ui.note(&format!("Unknown help topic [{}]", topics.join(" ")));
            ui.note(&text::usage(tree, &[]));
            Ok(())
        }
    }
}
