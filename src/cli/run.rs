//! From the process's arguments to its exit code. Nothing below this exits.

use std::ffi::OsString;

use super::{
    argv::{self, ArgvError, Typed},
    context::Context,
    error::{CommandError, Kind},
    help,
    ui::Ui,
};
use crate::{commands, output::Format, process::signals};

/// Runs `etcdctl` with `args` (without the program's name).
pub fn etcdctl(args: Vec<OsString>) -> u8 {
    signals::survive_file_size_limit();
    let ui = Ui::new();
    let (root, line) = match frequent(&args) {
        Some(found) => found,
        None => {
            let root = commands::tree();
            match read(&ui, &root, args) {
                Ok(line) => (root, line),
                Err(exit) => return exit,
            }
        }
    };
    let (globals, command) = match commands::parse(root, line.args) {
        Ok(parsed) => parsed,
        Err(error) => {
            let error = CommandError::new(Kind::Failed, error);
            return end(&ui, commands::tree, &line.path, Err(error), Format::Simple);
        }
    };
    let context = Context::new(ui, globals, command.extra());
    let result = match command.runtime() {
        Err(error) => Err(CommandError::new(Kind::Failed, error)),
        Ok(runtime) => {
            let result = runtime.block_on(async {
                let result = match context.check_globals(&line.path) {
                    Ok(()) => command.run(&context).await,
                    Err(error) => Err(error),
                };
                context.close().await;
                result
            });
            // Whatever still runs (a name being looked up) must not hold up the exit.
            runtime.shutdown_background();
            result
        }
    };
    end(
        &context.ui,
        commands::tree,
        &line.path,
        result,
        context.error_format(),
    )
}

/// A line for a frequent command that there is nothing to say about, and a tree that is enough for it.
fn frequent(args: &[OsString]) -> Option<(clap::Command, Line)> {
    let (name, root) = commands::frequent(args)?;
    match argv::read(&root, args.to_vec()) {
        Ok(Typed::Run { path, args }) if path.first().is_some_and(|p| p == name) => {
            Some((root, Line { path, args }))
        }
        _ => None,
    }
}

/// Runs `etcdutl` with `args` (without the program's name).
pub fn etcdutl(args: Vec<OsString>) -> u8 {
    signals::survive_file_size_limit();
    let ui = Ui::new();
    let root = commands::utl::tree();
    let line = match read(&ui, &root, args) {
        Ok(line) => line,
        Err(exit) => return exit,
    };
    let (write_out, command) = match commands::utl::parse(root, line.args) {
        Ok(parsed) => parsed,
        Err(error) => {
            let error = CommandError::new(Kind::Failed, error);
            return end(
                &ui,
                commands::utl::tree,
                &line.path,
                Err(error),
                Format::Simple,
            );
        }
    };
    let context = commands::utl::Context::new(ui, write_out);
    let result = command.run(&context);
    let format = context.error_format();
    end(&context.ui, commands::utl::tree, &line.path, result, format)
}

/// A command line that clap will take.
pub struct Line {
    /// Of the command below the root.
    pub path: Vec<String>,
    /// Program, path, flags, `--`, words.
    pub args: Vec<OsString>,
}

/// Reads `args` (without the program's name) as cobra and pflag would.
///
/// # Errors
/// There is nothing left to do: help was asked for and shown, or the line was refused. The exit code.
pub fn read(ui: &Ui, root: &clap::Command, args: Vec<OsString>) -> Result<Line, u8> {
    let format = typed_format(root, &args);
    let (path, text) = match argv::read(root, args) {
        Ok(Typed::Run { path, args }) => return Ok(Line { path, args }),
        Ok(Typed::Help(path)) => {
            let shown = ui.line(help::help(root, &path).trim_end());
            return Err(end(ui, || root.clone(), &path, shown, Format::Simple));
        }
        Err(ArgvError::Command(text)) if format == Format::Json => {
            let line = text.lines().next().unwrap_or_default();
            return Err(ui.failed(&CommandError::new(Kind::Usage, line), format));
        }
        Err(ArgvError::Command(text)) => {
            ui.note(&format!("Error: {text}"));
            ui.note(&format!("Run '{} --help' for usage.", root.get_name()));
            say_again(ui, root, &text);
            return Err(Kind::Usage.exit_code());
        }
        Err(ArgvError::Flag(path, text)) => (path, text),
    };
    let error = CommandError::new(Kind::Usage, text);
    Err(end(ui, || root.clone(), &path, Err(error), format))
}

/// The format that a line asks for which may not be readable as a whole.
fn typed_format(root: &clap::Command, args: &[OsString]) -> Format {
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

/// Says how a command ended, and gives the exit code. The tree is made again where the usage is to be shown:
/// clap has taken the first one apart, and few command lines need a second.
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
        say_again(ui, &root, &error.to_string());
    }
    exit
}

/// etcdutl says what it can't make sense of once more behind the usage, and scripts that take the last
/// line rely on it (etcd v3.7.1, etcdutl/main.go).
fn say_again(ui: &Ui, root: &clap::Command, text: &str) {
    if root.get_name() == "etcdutl" {
        ui.note(&format!("Error: {text}"));
    }
}
