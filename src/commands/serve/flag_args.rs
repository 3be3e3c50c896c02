//! `serve` as shown in completions and man pages, with every flag that has an effect, from the server's table. Parses
//! no command line.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::args::{ABOUT, EXAMPLES, ignored};
use crate::cli::argv::RAW;
use crate::server::flags::{Effect, FLAGS, Flag, FlagType};

/// Adds the flags, which clap does not parse, to the command.
pub fn with_flags(serve: Command) -> Command {
    let flags = FLAGS
        .iter()
        .filter(|flag| matches!(flag.effect, Effect::Served | Effect::Ids));
    let mut about = ABOUT.to_owned();
    for (reason, names) in ignored() {
        // Writing to a String cannot fail.
        let _ = write!(
            about,
            "\n\nAccepted but ignored, because {reason}: {}.",
            names.join(", ")
        );
    }
    serve
        .args(flags.map(arg))
        .mut_arg(RAW, |raw| raw.hide(true))
        .override_usage("etcdctl serve [options]")
        .long_about(about)
        .after_long_help(EXAMPLES)
}

fn names_directory(flag: &Flag) -> bool {
    flag.name.ends_with("-dir")
}

fn names_file(flag: &Flag) -> bool {
    flag.name.ends_with("-file") || flag.name == "snapshot"
}

fn arg(flag: &'static Flag) -> Arg {
    let value = match flag.kind {
        FlagType::Text if names_directory(flag) => "dir",
        FlagType::Text if names_file(flag) => "file",
        FlagType::Text => "text",
        FlagType::Bool => "bool",
        FlagType::Int | FlagType::Uint if flag.name.ends_with("-bytes") => "bytes",
        FlagType::Int | FlagType::Uint => "n",
        FlagType::Duration => "time",
        FlagType::Urls => "url,...",
        FlagType::List => "list",
    };
    let default = if flag.default.is_empty() {
        String::new()
    } else {
        format!(" [default: {}]", flag.default)
    };
    // If a global flag has the same id, this one hides it for `serve`.
    let arg = Arg::new(flag.name.replace('-', "_"))
        .long(flag.name)
        .value_name(value);
    let arg = if flag.kind == FlagType::Bool {
        arg.num_args(0..=1).require_equals(true)
    } else {
        arg
    };
    let arg = if names_directory(flag) {
        arg.value_hint(clap::ValueHint::DirPath)
    } else if names_file(flag) {
        arg.value_hint(clap::ValueHint::FilePath)
    } else {
        arg
    };
    let help = format!("{}{default} [env: {}]", flag.help, flag.variable());
    match flag.name {
        "auto-compaction-mode" => arg
            .value_parser(["periodic", "revision"])
            .hide_possible_values(true),
        "initial-cluster-state" => arg
            .value_parser(["new", "existing"])
            .hide_possible_values(true),
        "metrics" => arg
            .value_parser(["basic", "extensive"])
            .hide_possible_values(true),
        "tls-min-version" | "tls-max-version" => arg
            .value_parser(["TLS1.2", "TLS1.3"])
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
