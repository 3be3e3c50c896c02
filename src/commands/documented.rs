//! The trees of commands as completions and man pages show them: with `serve`'s flags, which clap is not asked
//! to read, from the server's own table. Reads no command line.

use clap::{Arg, Command};

use super::tree::tree;
use crate::cli::argv::RAW;
use crate::server::flags::{Effect, FLAGS, Flag, Kind};

/// Of each program.
pub fn documented_trees() -> Vec<Command> {
    vec![documented(&tree()), documented(&super::utl::tree())]
}

/// `tree` with `serve`'s flags, where it has that command without them, and without the commands that are hidden
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
    let has_flags = |serve: &Command| {
        serve
            .get_arguments()
            .any(|arg| arg.get_long() == Some("data-dir"))
    };
    if shown.find_subcommand("serve").is_none_or(has_flags) {
        return shown;
    }
    shown.mut_subcommand("serve", |serve| {
        let flags = FLAGS.iter().filter(|flag| matches!(flag.effect, Effect::Served | Effect::Ids));
        let unused = FLAGS.iter().filter(|flag| flag.effect == Effect::None);
        let unused: Vec<String> = unused.map(|flag| format!("--{}", flag.name)).collect();
        let about = format!(
            "Run a single-member etcd-compatible server\n\n\
             Flags are etcd's; each can be given as a variable too, and a flag beats its variable.\n\n\
             Taken without effect, since only a cluster needs them: {}.",
            unused.join(", ")
        );
        serve
            .args(flags.map(arg))
            .mut_arg(RAW, |raw| raw.hide(true))
            .override_usage("etcdctl serve [flags]")
            .long_about(about)
            .after_long_help(examples(&super::serve::help()))
    })
}

/// The examples in the middle of a help text, with their heading.
fn examples(help: &str) -> String {
    let from = help.find("Examples:").unwrap_or(help.len());
    let text = help[from..].split("\n\n").next().unwrap_or_default();
    text.to_owned()
}

fn arg(flag: &'static Flag) -> Arg {
    let (value, default) = match flag.kind {
        Kind::Text => ("TEXT", flag.default),
        Kind::Bool => ("BOOL", flag.default),
        Kind::Int | Kind::Uint => ("NUMBER", flag.default),
        Kind::Duration => ("TIME", flag.default),
        Kind::Urls => ("URLS", flag.default),
    };
    let default = if default.is_empty() {
        String::new()
    } else {
        format!(" [default: {default}]")
    };
    // The id of a global flag of the same name, if there is one, which then stays away from `serve`.
    let arg = Arg::new(flag.name.replace('-', "_"))
        .long(flag.name)
        .value_name(value);
    let arg = if flag.kind == Kind::Bool {
        arg.num_args(0..=1).require_equals(true)
    } else {
        arg
    };
    let arg = if flag.name.ends_with("-dir") {
        arg.value_hint(clap::ValueHint::DirPath)
    } else {
        arg
    };
    let help = format!("{}{default} [env: {}]", flag.help, flag.variable());
    match flag.name {
        "auto-compaction-mode" => arg
            .value_parser(["periodic", "revision"])
            .hide_possible_values(true),
        "log-level" => arg
            .value_parser(["debug", "info", "warn", "error", "panic", "fatal"])
            .hide_possible_values(true),
        "log-format" => arg
            .value_parser(["json", "console"])
            .hide_possible_values(true),
        _ => arg,
    }
    .help(help)
}
