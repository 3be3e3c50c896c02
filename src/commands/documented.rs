//! The trees of commands as completions and man pages show them: with `serve`'s flags, which clap is not asked
//! to read. Reads no command line.

use clap::{Command, builder::PossibleValuesParser};

use super::tree::tree;

/// Of each program.
pub fn documented_trees() -> Vec<Command> {
    vec![documented(&tree()), documented(&super::utl::tree())]
}

/// `tree` with `serve`'s flags, where it has that command without them, with the commands for words of `help`, and without the commands that are hidden
/// because they are still to come.
pub fn documented(tree: &Command) -> Command {
    let mut shown = Command::new(tree.get_name().to_owned())
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .args(tree.get_arguments().cloned())
        .subcommands(
            tree.get_subcommands()
                .filter(|sub| !sub.is_hide_set())
                .map(documented),
        );
    if let Some(about) = tree.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(usage) = tree.get_overridden_usage() {
        shown = shown.override_usage(usage.clone());
    }
    if let Some(after) = tree.get_after_help() {
        shown = shown.after_help(after.clone());
    }
    if let Some(after) = tree.get_after_long_help() {
        shown = shown.after_long_help(after.clone());
    }
    if let Some(about) = tree.get_long_about() {
        shown = shown.long_about(about.clone());
    }
    let names: Vec<String> = shown
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    if shown.find_subcommand("help").is_some() {
        shown = shown.mut_subcommand("help", |help| {
            help.mut_arg("words", |arg| {
                arg.value_parser(PossibleValuesParser::new(names))
            })
        });
    }
    let has_flags = |serve: &Command| {
        serve
            .get_arguments()
            .any(|arg| arg.get_long() == Some("data-dir"))
    };
    if shown.find_subcommand("serve").is_none_or(has_flags) {
        return shown;
    }
    shown.mut_subcommand("serve", super::serve::with_flags)
}
