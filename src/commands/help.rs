//! `help`: the help of another command.

use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::table;
use crate::{
    cli::{argv, context::Context, error::CommandError, help as text, ui, ui::Ui, words::Words},
    golang::format::quote,
    words,
};

/// Show the help of a command
#[derive(Args, Debug)]
pub struct HelpArgs {
    #[command(flatten)]
    words: Words<HelpWords>,
}

words! {
    /// The name of a command. Further arguments are ignored, as in etcdctl.
    pub HelpWords: 0..=usize::MAX, "[command]", BadArgs ""
}

/// Runs `help`.
///
/// # Errors
/// stdout cannot be written.
pub async fn help(ctx: &Context, args: HelpArgs) -> Result<(), CommandError> {
    print(&ctx.ui, &args, &table::tree())
}

/// Like [`help`], for the program with the commands in `tree`.
///
/// # Errors
/// See [`help`].
pub fn print(ui: &Ui, args: &HelpArgs, tree: &clap::Command) -> Result<(), CommandError> {
    let words = args.words.get()?;
    let topics: Vec<String> = words
        .iter()
        .map(|w| match w.to_str() {
            Some(word) if !word.contains(|c: char| c == '`' || c.is_control()) => {
                format!("`{word}`")
            }
            _ => quote(w.as_bytes()),
        })
        .collect();
    match argv::topic(tree, words.to_vec()) {
        Some(path) if path == ["serve"] => ui.line(super::serve::help().trim_end()),
        Some(path) => ui.line(text::help(tree, &path, ui::stdout_columns()).trim_end()),
        None => {
            ui.note(&format!("Unknown help topic [{}]", topics.join(" ")));
            ui.note(&text::usage(tree, &[]));
            Ok(())
        }
    }
}
