//! What both programs do with a command line: parse it, let clap match it, and report how the command ended.

use std::ffi::OsString;

use crate::{
    cli::{
        argv::{self, ArgvError, Parsed},
        error::{CommandError, ErrorKind},
        help,
        ui::{self, Ui},
    },
    output::Format,
    process::signals,
};

/// How a command ended, and what is needed to report that.
pub struct Ended {
    /// The terminal, which the command has given back.
    pub ui: Ui,
    /// The outcome.
    pub result: Result<(), CommandError>,
    /// The format in which an error is shown.
    pub format: Format,
}

/// Parses `args` (without the name of the program), runs the command with `command`, reports how it ended, and returns the
/// exit code. `tree_for` builds a tree that contains the arguments of only the command that a line is about.
pub fn run(
    mut args: Vec<OsString>,
    tree_for: fn(&[OsString]) -> clap::Command,
    command: impl FnOnce(Ui, &[String], &clap::ArgMatches) -> Ended,
) -> u8 {
    signals::survive_file_size_limit();
    let ui = Ui::new();
    let mut root = tree_for(&args);
    // etcdctl rejects `--version`, which people try first; treat it as the command `version`.
    let version = args
        .iter()
        .take_while(|arg| *arg != "--")
        .position(|arg| arg == "--version");
    if let (Some(at), None) = (version, argv::first_command(&root, &args)) {
        args.remove(at);
        args.push("version".into());
        root = tree_for(&args);
    }
    let Line { path, args } = match read(&ui, &root, args) {
        Ok(line) => line,
        Err(exit) => return exit,
    };
    // clap consumes the tree, so the usage after an error needs another one. This is rare.
    let tree = || tree_for(&path.iter().map(OsString::from).collect::<Vec<_>>());
    let matches = match matches(root, args) {
        Ok(matches) => matches,
        Err(error) => {
            let refused = Err(CommandError::new(ErrorKind::Failed, error));
            return end(&ui, tree, &path, refused, Format::Simple);
        }
    };
    let ended = command(ui, &path, &matches);
    end(&ended.ui, tree, &path, ended.result, ended.format)
}

/// The error for a command that clap has matched but that is not in the table, which is a bug in this program.
pub fn no_command(path: &[String]) -> CommandError {
    let text = format!("no command called {}", path.join(" "));
    CommandError::new(ErrorKind::Failed, text)
}

/// A command line in the form that clap accepts.
struct Line {
    /// The names of the command, below the root.
    path: Vec<String>,
    /// Program, path, flags, `--`, positional arguments.
    args: Vec<OsString>,
}

/// Parses `args` (without the program name) like cobra and pflag.
///
/// # Errors
/// The exit code, if nothing is left to do: help was printed, or the command line is invalid.
fn read(ui: &Ui, root: &clap::Command, args: Vec<OsString>) -> Result<Line, u8> {
    let format = requested_format(root, &args);
    let (path, text, hint) = match argv::read(root, args) {
        Ok(Parsed::Run { path, args }) => return Ok(Line { path, args }),
        Ok(Parsed::Help(path, hint)) => {
            let shown = ui.line(help::help(root, &path, ui::stdout_columns()).trim_end());
            // Like etcd's tools, succeed even if a command was mistyped. Unlike them, say what was wrong.
            if let Some(hint) = hint {
                ui.note(&format!("hint: {hint}"));
            }
            return Err(end(ui, || root.clone(), &path, shown, Format::Simple));
        }
        Err(ArgvError::Command(text)) if format == Format::Json => {
            let line = text.lines().next().unwrap_or_default();
            return Err(ui.failed(&CommandError::new(ErrorKind::Usage, line), format));
        }
        Err(ArgvError::Command(text)) => {
            ui.note(&format!("Error: {text}"));
            ui.note(&format!("Run '{} --help' for usage.", root.get_name()));
            repeat_error(ui, root, &text);
            return Err(ErrorKind::Usage.exit_code());
        }
        Err(ArgvError::Flag(path, text, hint)) => (path, text, hint),
    };
    let mut error = CommandError::new(ErrorKind::Usage, text);
    error.hints.extend(hint);
    Err(end(ui, || root.clone(), &path, Err(error), format))
}

/// The output format that a command line requests, even if the rest of it is invalid.
fn requested_format(root: &clap::Command, args: &[OsString]) -> Format {
    let mut name = match root.get_name() {
        "etcdctl" => std::env::var("ETCDCTL_WRITE_OUT").unwrap_or_default(),
        _ => String::new(),
    };
    let mut args = args.iter().map(|a| a.to_string_lossy());
    while let Some(arg) = args.next().filter(|a| a != "--") {
        if arg == "-w" || arg == "--write-out" {
            name = args.next().unwrap_or_default().into_owned();
        } else if let Some(value) = arg
            .strip_prefix("--write-out=")
            .or_else(|| arg.strip_prefix("-w"))
        {
            name = value.trim_start_matches('=').to_owned();
        }
    }
    name.parse().unwrap_or_default()
}

/// Lets clap match a command line prepared by [`read`].
///
/// # Errors
/// The first line of clap's error. This should not happen, because [`read`] has already rejected invalid lines.
fn matches(tree: clap::Command, args: Vec<OsString>) -> Result<clap::ArgMatches, String> {
    // Each flag already follows its own command. Do not let clap copy the inherited flags to every subcommand.
    let mut tree = tree.mut_args(|arg| arg.global(false));
    let matches = tree.try_get_matches_from_mut(args).map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        line.trim_start_matches("error: ").to_owned()
    });
    // The process ends soon, so leaking the tree's thousand small allocations is cheaper than freeing them.
    std::mem::forget(tree);
    matches
}

/// Reports how a command ended, with the usage from `tree` if the command line was wrong. Returns the exit code.
fn end(
    ui: &Ui,
    tree: impl FnOnce() -> clap::Command,
    path: &[String],
    result: Result<(), CommandError>,
    format: Format,
) -> u8 {
    let Err(error) = result else {
        return 0;
    };
    let exit = ui.failed(&error, format);
    if let ErrorKind::Signal(signal) = error.kind {
        signals::die_of(signal);
    }
    if error.kind == ErrorKind::Usage && format != Format::Json {
        let root = tree();
        ui.note(&help::usage(&root, path));
        repeat_error(ui, &root, &error.to_string());
    }
    exit
}

/// etcdutl repeats its error after the usage, and scripts that read the last line rely on that (etcd v3.7.1,
/// etcdutl/main.go).
fn repeat_error(ui: &Ui, root: &clap::Command, text: &str) {
    if root.get_name() == "etcdutl" {
        ui.note(&format!("Error: {text}"));
    }
}
