//! From the process's arguments to its exit code. Nothing below this exits.

use std::ffi::OsString;

use super::{
    argv::{self, ArgvError, Typed},
    context::Context,
    error::{CommandError, Kind},
    help,
    ui::Ui,
};
use crate::{commands, output::Format};

/// Runs `etcdctl` with `args` (without the program's name).
pub fn etcdctl(args: Vec<OsString>) -> u8 {
    let ui = Ui::new();
    let root = commands::tree();
    let args = match argv::read(&root, args) {
        Ok(Typed::Run(args)) => args,
        Ok(Typed::Help(path)) => return shown(&ui, &help::help(&root, &path)),
        Err(error) => return refused(&ui, &root, &error),
    };
    let path = path_of(&args);
    let (globals, command) = match commands::parse(root.clone(), args) {
        Ok(parsed) => parsed,
        Err(error) => return ui.failed(&CommandError::new(Kind::Failed, error), Format::Simple),
    };
    let context = Context::new(ui, globals, command.extra());
    let result = match command.runtime() {
        Err(error) => Err(CommandError::new(Kind::Failed, error.to_string())),
        Ok(runtime) => {
            let result = runtime.block_on(async {
                let result = command.run(&context, &root).await;
                context.close().await;
                result
            });
            // Whatever still runs (a name being looked up) must not hold up the exit.
            runtime.shutdown_background();
            result
        }
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            let exit = context.ui.failed(&error, context.error_format());
            if error.kind == Kind::Usage {
                context.ui.note(&help::usage(&root, &path));
            }
            exit
        }
    }
}

/// The path of the command below the root: the words before the first flag.
fn path_of(args: &[OsString]) -> Vec<String> {
    args.iter()
        .skip(1)
        .map(|a| a.to_string_lossy().into_owned())
        .take_while(|a| !a.starts_with('-'))
        .collect()
}

fn shown(ui: &Ui, text: &str) -> u8 {
    match ui.data(|out| out.write_all(text.as_bytes()).map_err(CommandError::stdout)) {
        Ok(()) => 0,
        Err(error) => ui.failed(&error, Format::Simple),
    }
}

fn refused(ui: &Ui, root: &clap::Command, error: &ArgvError) -> u8 {
    match error {
        ArgvError::Command(text) => {
            ui.note(&format!("Error: {text}"));
            ui.note(&format!("Run '{} --help' for usage.", root.get_name()));
        }
        ArgvError::Flag(path, text) => {
            ui.note(&format!("Error: {text}"));
            ui.note(&help::usage(root, path));
        }
    }
    Kind::Usage.exit_code()
}
