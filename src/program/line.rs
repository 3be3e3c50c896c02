//! What both programs do with a command line: reading it, having clap match it, and reporting how the command ended.

use std::ffi::OsString;

use crate::{
    cli::{
        argv::{self, ArgvError, Parsed},
        error::{CommandError, Kind},
        help,
        ui::{self, Ui},
    },
    output::Format,
    process::signals,
};

/// A command line in the form that clap accepts.
pub struct Line {
    /// The names of the command, below the root.
    pub path: Vec<String>,
    /// Program, path, flags, `--`, words.
    pub args: Vec<OsString>,
}

/// Reads `args` (without the name of the program) as cobra and pflag would.
///
/// # Errors
/// The exit code, where there is nothing left to do: help was asked for and shown, or the line was refused.
pub fn read(ui: &Ui, root: &clap::Command, mut args: Vec<OsString>) -> Result<Line, u8> {
    // etcdctl refuses `--version`, which people try first; here it is the command of that name.
    let version = args
        .iter()
        .take_while(|arg| *arg != "--")
        .position(|arg| arg == "--version");
    if let (Some(at), None) = (version, argv::first_command(root, &args)) {
        args.remove(at);
        args.push("version".into());
    }
    let format = requested_format(root, &args);
    let (path, text, hint) = match argv::read(root, args) {
        Ok(Parsed::Run { path, args }) => return Ok(Line { path, args }),
        Ok(Parsed::Help(path)) => {
            let shown = ui.line(help::help(root, &path, ui::stdout_columns()).trim_end());
            return Err(end(ui, || root.clone(), &path, shown, Format::Simple));
        }
        Err(ArgvError::Command(text)) if format == Format::Json => {
            let line = text.lines().next().unwrap_or_default();
            return Err(ui.failed(&CommandError::new(Kind::Usage, line), format));
        }
        Err(ArgvError::Command(text)) => {
            ui.note(&format!("Error: {text}"));
            ui.note(&format!("Run '{} --help' for usage.", root.get_name()));
            repeat_error(ui, root, &text);
            return Err(Kind::Usage.exit_code());
        }
        Err(ArgvError::Flag(path, text, hint)) => (path, text, hint),
    };
    let mut error = CommandError::new(Kind::Usage, text);
    error.hints.extend(hint);
    Err(end(ui, || root.clone(), &path, Err(error), format))
}

/// The format that a command line asks for, even where the line as a whole cannot be read.
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

/// Lets clap match a command line that [`read`] has prepared.
///
/// # Errors
/// The first line of clap's refusal. No such line is known: what can be refused has been refused before.
pub fn matches(tree: clap::Command, args: Vec<OsString>) -> Result<clap::ArgMatches, String> {
    // Each flag stands behind its own command by now; clap would copy the shared ones to every other.
    let mut tree = tree.mut_args(|arg| arg.global(false));
    let matches = tree.try_get_matches_from_mut(args).map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        line.trim_start_matches("error: ").to_owned()
    });
    // The process ends soon. Until then the tree's thousand small allocations do no harm, and freeing them takes time.
    std::mem::forget(tree);
    matches
}

/// Reports how a command ended, and returns the exit code. The tree is made again where the usage is to be shown,
/// because clap has consumed the first one; few command lines need a second.
pub fn end(
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
    if let Kind::Signal(signal) = error.kind {
        signals::die_of(signal);
    }
    if error.kind == Kind::Usage && format != Format::Json {
        let root = tree();
        ui.note(&help::usage(&root, path));
        repeat_error(ui, &root, &error.to_string());
    }
    exit
}

/// etcdutl repeats its error after the usage, and scripts that take the last line rely on that (etcd v3.7.1,
/// etcdutl/main.go).
fn repeat_error(ui: &Ui, root: &clap::Command, text: &str) {
    if root.get_name() == "etcdutl" {
        ui.note(&format!("Error: {text}"));
    }
}
