//! Help and usage texts, drawn from clap's tree. Global flags are left to `options`, where every one of them
//! names its variable; a tool without that command shows them with every other one.

use super::global::variable;

/// The command below `root` with this path, ready to be drawn: named in full, with what its parents share
/// but for the global flags, if those have a command of their own.
fn command(root: &clap::Command, path: &[String]) -> clap::Command {
    let listed = root.find_subcommand("options").is_some();
    let mut command = root.clone();
    let mut name = root.get_name().to_owned();
    let mut shared: Vec<clap::Arg> = vec![];
    for (depth, part) in path.iter().enumerate() {
        let Some(next) = command.find_subcommand(part).cloned() else {
            break;
        };
        if depth > 0 || !listed {
            shared.extend(
                command
                    .get_arguments()
                    .filter(|a| a.is_global_set())
                    .cloned(),
            );
        }
        name = format!("{name} {part}");
        command = next;
    }
    if let Some(long) = command.get_long_about().cloned() {
        command = command.about(long);
    }
    let help = clap::Arg::new("help")
        .long("help")
        .short('h')
        .action(clap::ArgAction::SetTrue)
        .help("Show this help");
    let mut command = command
        .bin_name(name.clone())
        .display_name(name)
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .args(shared)
        .arg(help);
    if path.is_empty() && listed {
        command = command.mut_args(|arg| {
            if arg.is_global_set() {
                arg.hide(true)
            } else {
                arg
            }
        });
    }
    command.mut_args(|arg| {
        let global = arg.is_global_set() && !listed;
        arg.help_heading(global.then_some("Global options"))
    })
}

/// The help of a command, as `--help` shows it.
pub fn help(root: &clap::Command, path: &[String]) -> String {
    let mut command = command(root, path);
    let mut text = command.render_help().to_string();
    if let Some(options) = root.find_subcommand("options") {
        let name = format!("{} {}", root.get_name(), options.get_name());
        text.push_str(&format!(
            "\nUse \"{name}\" for a list of global command-line options (applies to all commands).\n"
        ));
    }
    text
}

/// The usage line that follows an error.
pub fn usage(root: &clap::Command, path: &[String]) -> String {
    let mut command = command(root, path);
    let name = command.get_bin_name().unwrap_or_default().to_owned();
    format!(
        "{}\n\nRun '{name} --help' for more.\n",
        command.render_usage()
    )
}

/// What `options` prints: the global flags, each with its variable.
pub fn options(root: &clap::Command) -> String {
    let mut command = clap::Command::new(root.get_name().to_owned())
        .disable_help_flag(true)
        .help_template("{options}");
    for arg in root.get_arguments().filter(|a| a.is_global_set()) {
        command = command.arg(with_variable(arg.clone()).help_heading(None::<&str>));
    }
    format!(
        "The following options can be passed to any command:\n\n{}",
        command.render_help()
    )
}

/// The flag with the name of its variable behind its help.
pub fn with_variable(arg: clap::Arg) -> clap::Arg {
    let Some(long) = arg.get_long() else {
        return arg;
    };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let text = format!("{help} [env: {}]", variable(long));
    arg.help(text)
}
