//! Parses a command line by the rules of Go's cobra and pflag, and rewrites it into a form that clap always accepts:
//! each command by its full name, followed by its own flags as `--flag=value`, each given once, then `--` and the
//! positional arguments. The flags and their types come from clap's command tree; the only names known here are `help`
//! and those in `OURS`.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use super::{
    flags::{Flag, HELP, flags_of, parse},
    value::{self, ValueType},
    words::{SEPARATED_WORDS, WORDS},
};
use crate::golang::{format::quote, similar, string};

/// What to do with a command line.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Pass these to clap: the program, then each command of the path followed by its flags, then `--` and the
    /// positional arguments.
    Run {
        /// The names of the command, below the root.
        path: Vec<String>,
        /// The arguments for clap.
        args: Vec<OsString>,
    },
    /// Show the help of the command with this path, and this hint if the next word is not a command of that group.
    Help(Vec<String>, Option<String>),
}

/// An invalid command line.
#[derive(Debug, PartialEq, Eq)]
pub enum ArgvError {
    /// Unknown command: the error text with suggestions.
    Command(String),
    /// Unknown flag or invalid value at the command with this path: the error text, and a hint.
    Flag(Vec<String>, String, Option<String>),
}

/// Id of the argument of a command that parses its own arguments, flags included.
pub const RAW: &str = "raw";

/// Parses `args` (without the program name) for the command tree `root`.
///
/// # Errors
/// The errors of cobra and pflag.
pub fn read(root: &clap::Command, args: Vec<OsString>) -> Result<Parsed, ArgvError> {
    let args: Vec<Vec<u8>> = args.into_iter().map(OsString::into_vec).collect();
    let (path, mut rest, at) = find(root, args);
    let names: Vec<String> = path[1..].iter().map(|c| c.get_name().to_owned()).collect();
    // A path is never empty: it begins with the root.
    let command = path[path.len() - 1];
    if path.len() == 1
        && let Some(word) = words_of(&rest, &path).first()
    {
        return Err(ArgvError::Command(format!(
            "unknown command {} for {}{}",
            quote(word),
            quote(root.get_name().as_bytes()),
            suggestions(root, &String::from_utf8_lossy(word))
        )));
    }
    // If the command parses its own arguments, only what precedes its name is parsed here.
    let raw = command.get_arguments().any(|a| a.get_id() == RAW);
    let words = if raw { rest.split_off(at) } else { vec![] };
    let flags = flags_of(&path);
    let separated = command
        .get_arguments()
        .any(|a| a.get_id() == SEPARATED_WORDS);
    let takes_words = separated || command.get_arguments().any(|a| a.get_id() == WORDS);
    let mut read = parse(&flags, rest, separated).map_err(|wrong| {
        let hint = match wrong.near {
            Some(flag) => Some(format!("did you mean --{flag}?")),
            None => wrong.word.filter(|_| takes_words).map(|word| {
                format!(
                    "to pass {word} as an argument rather than a flag, put it after --: -- {word}"
                )
            }),
        };
        ArgvError::Flag(names.clone(), wrong.text, hint)
    })?;
    if raw && read.help {
        read.words.push(b"--help".to_vec());
    } else if read.help || command.has_subcommands() {
        let wrong = read.words.first().filter(|_| !read.help);
        let hint = wrong.map(|word| no_command(command, &path, word));
        return Ok(Parsed::Help(names, hint));
    }
    read.words.extend(words);
    let mut args = vec![];
    for (level, command) in path.iter().enumerate() {
        args.push(OsString::from(command.get_name()));
        for (flag, values) in flags.iter().zip(&read.values) {
            if flag.level != level {
                continue;
            }
            let values = match flag.kind {
                ValueType::List => &values[..],
                _ => &values[values.len().saturating_sub(1)..],
            };
            for value in values {
                push_flag(&mut args, command, flag, value);
            }
        }
    }
    args.push("--".into());
    args.extend(read.words.into_iter().map(OsString::from_vec));
    Ok(Parsed::Run { path: names, args })
}

/// The full name of the first command in `args` (without the program name). `names` needs to contain only the names of
/// the commands and the flags of the root.
pub fn first_command(names: &clap::Command, args: &[OsString]) -> Option<String> {
    let args = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
    let (path, ..) = find(names, args);
    path.get(1).map(|command| command.get_name().to_owned())
}

/// The path of the command whose help `words` request; `None` if the first word is not a command. Ignores what follows
/// the name of a command.
pub fn topic(root: &clap::Command, words: Vec<OsString>) -> Option<Vec<String>> {
    let words = words.into_iter().map(OsString::into_vec).collect();
    let (path, rest, _) = find(root, words);
    if path.len() == 1 && !words_of(&rest, &path).is_empty() {
        return None;
    }
    Some(path[1..].iter().map(|c| c.get_name().to_owned()).collect())
}

fn push_flag(out: &mut Vec<OsString>, command: &clap::Command, flag: &Flag<'_>, value: &[u8]) {
    let switch = command
        .get_arguments()
        .any(|a| a.get_long() == Some(flag.long) && !a.get_action().takes_values());
    if switch {
        if std::str::from_utf8(value).is_ok_and(|v| value::boolean(v) == Ok(true)) {
            out.push(format!("--{}", flag.long).into());
        }
        return;
    }
    let mut arg = format!("--{}=", flag.long).into_bytes();
    match flag.kind {
        ValueType::Bool => {
            let value = std::str::from_utf8(value).map(value::boolean);
            arg.extend_from_slice(if matches!(value, Ok(Ok(true))) {
                b"true"
            } else {
                b"false"
            });
        }
        // Give clap valid UTF-8. Consumers turn the stand-ins back into bytes.
        _ => arg.extend_from_slice(string::text(value).as_bytes()),
    }
    out.push(OsString::from_vec(arg));
}

/// Cobra's search for the command: the first word that is neither a flag nor the value of one. Returns the path, the
/// remaining `args`, and how many of those preceded the name of the command.
fn find(
    root: &clap::Command,
    mut args: Vec<Vec<u8>>,
) -> (Vec<&clap::Command>, Vec<Vec<u8>>, usize) {
    let mut path = vec![root];
    let mut before = 0;
    loop {
        let Some(at) = word_positions(&args, &path).first().copied() else {
            return (path, args, before);
        };
        let Some(next) = child(&path, &args[at]) else {
            return (path, args, before);
        };
        args.remove(at);
        before = at;
        if next.get_arguments().any(|a| a.get_id() == RAW) {
            path.push(next);
            return (path, args, before);
        }
        path.push(next);
    }
}

/// Commands that etcd's v3.7.1 programs do not have, by their parent command. They do not make prefixes of etcd's names
/// ambiguous: `etcdctl snapshot s` is `save`, `etcdutl m` is `migrate`.
const OURS: [(&str, &[&str]); 4] = [
    ("etcdctl", &["restore-keys", "serve"]),
    ("etcdctl snapshot", &["restore", "status", "verify"]),
    (
        "etcdutl",
        &[
            "hash",
            "iterate-bucket",
            "list-bucket",
            "meta",
            "scan-keys",
            "wal",
        ],
    ),
    ("etcdutl snapshot", &["restore-plan", "salvage", "verify"]),
];

/// The subcommand of the last command of `path` that is called `word`, or whose name is the only one to begin with it.
pub fn child<'a>(path: &[&'a clap::Command], word: &[u8]) -> Option<&'a clap::Command> {
    let begins = |c: &&clap::Command| c.get_name().as_bytes().starts_with(word);
    let matches: Vec<_> = path.last()?.get_subcommands().filter(begins).collect();
    if let Some(exact) = matches.iter().find(|c| c.get_name().as_bytes() == word) {
        return Some(exact);
    }
    let names: Vec<&str> = path.iter().map(|c| c.get_name()).collect();
    let parent = names.join(" ");
    let ours = OURS.iter().find(|(name, _)| *name == parent);
    let is_ours = |c: &clap::Command| ours.is_some_and(|(_, names)| names.contains(&c.get_name()));
    let mut theirs = matches.iter().filter(|c| !is_ours(c));
    match (&matches[..], theirs.next(), theirs.next()) {
        ([only], ..) | (_, Some(only), None) => Some(only),
        _ => None,
    }
}

fn words_of<'a>(args: &'a [Vec<u8>], path: &[&clap::Command]) -> Vec<&'a [u8]> {
    word_positions(args, path)
        .into_iter()
        .map(|i| &args[i][..])
        .collect()
}

/// Positions of the words that are neither flags nor their values. An unknown flag without `=` is assumed to have a
/// value, as in cobra.
fn word_positions(args: &[Vec<u8>], path: &[&clap::Command]) -> Vec<usize> {
    let flags = flags_of(path);
    let mut words = vec![];
    let mut i = 0;
    while i < args.len() {
        let arg = &args[i][..];
        i += 1;
        if arg == b"--" {
            break;
        }
        let bare = !arg.contains(&b'=');
        let takes_next = if let Some(long) = arg.strip_prefix(b"--") {
            bare && !flags
                .iter()
                .chain([&HELP].into_iter().filter(|_| path.len() == 1))
                .any(|f| f.long.as_bytes() == long && f.kind == ValueType::Bool)
        } else if let (Some(short), 2) = (arg.strip_prefix(b"-"), arg.len()) {
            bare && !flags
                .iter()
                .chain([&HELP].into_iter().filter(|_| path.len() == 1))
                .any(|f| {
                    f.short.map(|c| c as u8) == short.first().copied() && f.kind == ValueType::Bool
                })
        } else {
            false
        };
        if takes_next {
            if args.len() - i <= 1 {
                break;
            }
            i += 1;
        } else if !arg.is_empty() && !arg.starts_with(b"-") {
            words.push(i - 1);
        }
    }
    words
}

/// The end of the error message for an unknown command: names within two edits of it, or beginning with it.
fn suggestions(root: &clap::Command, word: &str) -> String {
    let lower = word.to_lowercase();
    let near: Vec<&str> = root
        .get_subcommands()
        .map(clap::Command::get_name)
        .filter(|name| similar::suggests(&lower, name))
        .collect();
    if near.is_empty() {
        return String::new();
    }
    let lines: String = near.iter().map(|name| format!("\t{name}\n")).collect();
    format!("\n\nDid you mean this?\n{lines}")
}

/// The hint for a word that should name a command of `group`, which is the last one of `path`.
fn no_command(group: &clap::Command, path: &[&clap::Command], word: &[u8]) -> String {
    let path: Vec<&str> = path.iter().map(|c| c.get_name()).collect();
    let hint = format!("{} has no command {}", path.join(" "), quote(word));
    let names = group.get_subcommands().map(clap::Command::get_name);
    match similar::closest(&string::text(word).to_lowercase(), names) {
        Some(near) => format!("{hint}; did you mean {near}?"),
        None => hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> clap::Command {
        use clap::{Arg, ArgAction, Command, value_parser};
        Command::new("tool")
            .arg(
                Arg::new("out")
                    .long("write-out")
                    .short('w')
                    .global(true)
                    .action(ArgAction::Set),
            )
            .arg(
                Arg::new("hex")
                    .long("hex")
                    .global(true)
                    .value_parser(value_parser!(bool))
                    .num_args(0..=1),
            )
            .arg(
                Arg::new("endpoints")
                    .long("endpoints")
                    .global(true)
                    .action(ArgAction::Append),
            )
            .subcommand(
                Command::new("get")
                    .arg(Arg::new("prefix").long("prefix").action(ArgAction::SetTrue))
                    .arg(Arg::new("consistency").long("consistency"))
                    .arg(
                        Arg::new("limit")
                            .long("limit")
                            .value_parser(crate::cli::value::flag_int),
                    )
                    .arg(Arg::new("words").num_args(0..)),
            )
            .subcommand(Command::new("compaction"))
            .subcommand(Command::new("completion"))
            .subcommand(
                Command::new("endpoint")
                    .arg(
                        Arg::new("cluster")
                            .long("cluster")
                            .global(true)
                            .value_parser(value_parser!(bool))
                            .num_args(0..=1),
                    )
                    .subcommand(Command::new("status")),
            )
    }

    fn typed(line: &str) -> Result<Parsed, ArgvError> {
        read(
            &tree(),
            line.split_whitespace().map(OsString::from).collect(),
        )
    }

    fn run(line: &str) -> String {
        match typed(line) {
            Ok(Parsed::Run { args, .. }) => args
                .iter()
                .map(|a| a.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
                .join(" "),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn flags_stand_anywhere() {
        assert_eq!(
            run("--consistency s get k -wjson --prefix=T"),
            "tool --write-out=json get --prefix --consistency=s -- k"
        );
        assert_eq!(run("get k --prefix=0 --hex"), "tool --hex=true get -- k");
        assert_eq!(
            run("endpoint --cluster st -w=table"),
            "tool --write-out=table endpoint --cluster=true status --"
        );
        assert_eq!(run("get -- k --prefix"), "tool get -- k --prefix");
    }

    #[test]
    fn the_last_value_of_a_flag_wins_and_lists_accumulate() {
        assert_eq!(
            run("get -w json --endpoints a,b k -w simple --endpoints=c --hex --hex=false"),
            "tool --write-out=simple --hex=false --endpoints=a,b --endpoints=c get -- k"
        );
    }

    #[test]
    fn a_unique_beginning_of_a_name_is_enough() {
        assert_eq!(run("compact 3"), "tool compaction -- 3");
        assert_eq!(
            typed("comp 3"),
            Err(ArgvError::Command(
                "unknown command \"comp\" for \"tool\"\n\nDid you mean this?\n\tcompaction\n\tcompletion\n"
                    .into()
            ))
        );
        for (line, hint) in [
            ("endpoint nope", "tool endpoint has no command \"nope\""),
            (
                "endpoint sattus",
                "tool endpoint has no command \"sattus\"; did you mean status?",
            ),
        ] {
            let help = Parsed::Help(vec!["endpoint".into()], Some(hint.into()));
            assert_eq!(typed(line), Ok(help));
        }
        assert_eq!(
            typed("endpoint nope -h"),
            Ok(Parsed::Help(vec!["endpoint".into()], None))
        );
    }

    #[test]
    fn errors_are_those_of_pflag() {
        for (line, text) in [
            ("get k --nope", "unknown flag: --nope"),
            ("get k -z", "unknown shorthand flag: 'z' in -z"),
            ("get k --limit", "flag needs an argument: --limit"),
            ("get k -w", "flag needs an argument: 'w' in -w"),
            ("get k --=x", "bad flag syntax: --=x"),
            (
                "get k --limit=many",
                "invalid argument \"many\" for \"--limit\" flag: strconv.ParseInt: parsing \"many\": invalid syntax",
            ),
        ] {
            assert_eq!(
                typed(line).map_err(without_hint),
                Err(ArgvError::Flag(vec!["get".into()], text.into(), None)),
                "{line}"
            );
        }
    }

    fn without_hint(error: ArgvError) -> ArgvError {
        match error {
            ArgvError::Flag(path, text, _) => ArgvError::Flag(path, text, None),
            other => other,
        }
    }

    #[test]
    fn a_mistyped_flag_has_a_suggestion_and_a_dash_an_explanation() {
        for (line, hint) in [
            ("get k --prefx", "did you mean --prefix?"),
            ("get k --endpoint=a", "did you mean --endpoints?"),
            ("get k --cons s", "did you mean --consistency?"),
            ("get k --hlep", "did you mean --help?"),
            ("get k -prefix", "did you mean --prefix?"),
            ("get k -endpoint=a", "did you mean --endpoints?"),
            (
                "get -5",
                "to pass -5 as an argument rather than a flag, put it after --: -- -5",
            ),
            (
                "get --nothing-like-it",
                "to pass --nothing-like-it as an argument rather than a flag, put it after --: -- --nothing-like-it",
            ),
        ] {
            match typed(line) {
                Err(ArgvError::Flag(_, _, Some(given))) => assert_eq!(given, hint),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_unknown_flag_before_the_command_swallows_it() {
        assert!(
            matches!(typed("--nope get a"), Err(ArgvError::Command(text)) if text.contains("\"a\""))
        );
    }

    #[test]
    fn help_is_asked_for_in_every_form() {
        assert_eq!(
            typed("get --help"),
            Ok(Parsed::Help(vec!["get".into()], None))
        );
        assert_eq!(typed("-h"), Ok(Parsed::Help(vec![], None)));
        assert_eq!(typed(""), Ok(Parsed::Help(vec![], None)));
    }
}
