//! `help`: the help of another command.

use std::{ffi::OsString, os::unix::ffi::OsStrExt};

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
    print(&ctx.ui, &args, table::tree_for)
}

/// Like [`help`], for the program for which `tree_for` makes the tree of a command line.
///
/// # Errors
/// See [`help`].
pub fn print(
    ui: &Ui,
    args: &HelpArgs,
    tree_for: fn(&[OsString]) -> clap::Command,
) -> Result<(), CommandError> {
    let words = args.words.get()?;
    let tree = &tree_for(words);
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
        Some(path) if path == ["serve"] => {
            ui.line(super::serve::help(ui::stdout_columns()).trim_end())
        }
        Some(path) => ui.line(text::help(tree, &path, ui::stdout_columns()).trim_end()),
        None => {
            ui.note(&format!("Unknown help topic [{}]", topics.join(" ")));
            ui.note(&text::usage(tree, &[]));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::commands::{reference, utl};

    /// The paths of the commands below `command`, including its own.
    fn paths(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
        found.push(path.to_vec());
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let name = sub.get_name().to_owned();
            paths(sub, &[path, &[name]].concat(), found);
        }
    }

    #[test]
    fn no_line_of_any_help_is_wider_than_the_terminal() {
        for tree in [table::tree(), utl::table::tree()] {
            let mut found = vec![];
            paths(&tree, &[], &mut found);
            assert!(found.len() > 15, "{found:?}");
            for (path, width) in found.iter().flat_map(|p| [(p, 40), (p, 80), (p, 200)]) {
                let help = match path.as_slice() {
                    [only] if only == "serve" => crate::commands::serve::help(width),
                    [only] if only == "options" => text::options(&tree, width),
                    path => text::help(&tree, path, width),
                };
                for line in help.lines().filter(|line| line.width() > width) {
                    // Only a single word may be wider.
                    let words = line.trim_end_matches(" \\").split_whitespace();
                    assert_eq!(words.count(), 1, "{path:?} at {width}: {line}");
                    assert!(width < 80, "{path:?} at {width}: {line}");
                }
            }
        }
    }

    #[test]
    fn a_tree_for_one_line_gives_the_same_help_as_the_whole_tree() {
        type TreeFor = fn(&[OsString]) -> clap::Command;
        let programs: [(clap::Command, TreeFor); 2] = [
            (table::tree(), table::tree_for),
            (utl::table::tree(), utl::table::tree_for),
        ];
        for (whole, tree_for) in programs {
            let mut found = vec![];
            paths(&whole, &[], &mut found);
            assert!(found.len() > 15, "{found:?}");
            for path in found {
                let line: Vec<OsString> = path.iter().map(OsString::from).collect();
                let tree = tree_for(&line);
                assert_eq!(text::usage(&tree, &path), text::usage(&whole, &path));
                for width in [20, 40, 80, 100, 120] {
                    let help = text::help(&tree, &path, width);
                    assert_eq!(help, text::help(&whole, &path, width), "{path:?}");
                    let options = text::options(&tree, width);
                    assert_eq!(options, text::options(&whole, width), "{path:?}");
                }
            }
        }
    }

    #[test]
    fn placeholders_are_spelled_alike() {
        fn check(command: &clap::Command) {
            for arg in command
                .get_arguments()
                .filter(|arg| arg.get_action().takes_values())
            {
                for name in arg.get_value_names().unwrap_or_default() {
                    let lower = name.replace("leaseID", "").replace("memberID", "");
                    assert_eq!(lower, lower.to_lowercase(), "{}", command.get_name());
                }
            }
            command.get_subcommands().for_each(check);
        }
        reference::trees().iter().for_each(check);
    }
}
