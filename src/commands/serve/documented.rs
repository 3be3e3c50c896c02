//! `serve` as completions and man pages show it: with every flag that does something, from the server's own table.
//! Reads no command line.

use clap::{Arg, Command};

use super::help;
use crate::cli::argv::RAW;
use crate::server::flags::{Effect, FLAGS, Flag, Kind};

/// The command with its flags, which clap is not asked to read.
pub fn with_flags(serve: Command) -> Command {
    let flags = FLAGS
        .iter()
        .filter(|flag| matches!(flag.effect, Effect::Served | Effect::Ids));
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
        .after_long_help(examples(&help()))
}

/// The examples in the middle of a help text, with their heading.
fn examples(help: &str) -> String {
    let from = help.find("Examples:").unwrap_or(help.len());
    let text = help[from..].split("\n\n").next().unwrap_or_default();
    text.to_owned()
}

fn arg(flag: &'static Flag) -> Arg {
    let (value, default) = match flag.kind {
        Kind::Text => ("text", flag.default),
        Kind::Bool => ("bool", flag.default),
        Kind::Int | Kind::Uint => ("number", flag.default),
        Kind::Duration => ("time", flag.default),
        Kind::Urls => ("urls", flag.default),
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
