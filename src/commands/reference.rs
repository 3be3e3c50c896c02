//! The command trees for completions and man pages. They include the flags of `serve`, which clap does not parse.

use clap::{Command, builder::PossibleValuesParser};

use super::{table, utl};

/// The tree of each program.
pub fn trees() -> Vec<Command> {
    vec![
        with_reference(&table::tree()),
        with_reference(&utl::table::tree()),
    ]
}

/// `tree` with the flags of `serve`, with command names as arguments of `help`, and without hidden commands.
pub fn with_reference(tree: &Command) -> Command {
    let mut shown = Command::new(tree.get_name().to_owned())
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .args(tree.get_arguments().cloned())
        .subcommands(
            tree.get_subcommands()
                .filter(|sub| !sub.is_hide_set())
                .map(with_reference),
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
