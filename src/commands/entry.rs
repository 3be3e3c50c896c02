//! The rows of a table of commands, the clap tree that is built from it, and the dispatch from a parsed command line to
//! the command's function. Knows no command.

use std::ffi::OsString;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::cli::{argv, help::usage_line};

/// Adds flags, arguments and help to a command that has only a name.
pub type Augment = fn(Command) -> Command;

/// One row of a table: a command or a group of commands. `R` is the function that runs a command.
pub struct Entry<R: 'static> {
    /// As typed.
    pub name: &'static str,
    /// The heading under which the help of the program lists it; empty inside a group.
    pub heading: &'static str,
    /// Its line in that list; empty for a command inside a group. The help of a command itself comes from its arguments,
    /// which are not built for the list; a test checks that both texts are equal.
    pub about: &'static str,
    /// Whether help, completion and man pages leave it out.
    pub hidden: bool,
    /// What the row is.
    pub node: Node<R>,
}

/// A command, or a group of commands.
pub enum Node<R: 'static> {
    /// A command with its arguments and the function that runs it.
    Command { augment: Augment, run: R },
    /// Commands under a common name, with the flags that all of them accept.
    Group {
        shared: Augment,
        entries: &'static [Entry<R>],
    },
}

impl<R: Copy> Entry<R> {
    /// The name and what the help of the program shows of it, without arguments.
    fn outline(&self) -> Command {
        let command = Command::new(self.name).about(self.about).hide(self.hidden);
        self.under_heading(command)
    }

    /// The whole command, with everything below it; `parents` are the names above it.
    fn command(&self, parents: &str) -> Command {
        let name = format!("{parents} {}", self.name);
        let command = Command::new(self.name).hide(self.hidden);
        let command = match &self.node {
            Node::Command { augment, .. } => {
                let command = augment(command);
                let usage = usage_line(&name, &command);
                command.override_usage(usage)
            }
            Node::Group { shared, entries } => {
                let commands: Vec<Command> = entries.iter().map(|e| e.command(&name)).collect();
                let examples: Vec<String> = commands.iter().filter_map(first_example).collect();
                let command = match examples.as_slice() {
                    [] => command,
                    examples => command.after_help(format!("Examples:\n{}", examples.join("\n"))),
                };
                shared(command)
                    .about(self.about)
                    .override_usage(format!("{name} <command>"))
                    .subcommands(commands)
            }
        };
        self.under_heading(command)
    }

    /// Arguments have no headings, so the heading can hold the section of the help in which the command is listed.
    fn under_heading(&self, command: Command) -> Command {
        if self.heading.is_empty() {
            command
        } else {
            command.next_help_heading(self.heading)
        }
    }
}

/// The first example in the help of a command.
fn first_example(command: &Command) -> Option<String> {
    let text = command.get_after_help()?.to_string();
    let first = text.strip_prefix("Examples:\n")?.lines().next()?;
    Some(first.to_owned())
}

/// `root` with every command of the table.
pub fn whole_tree<R: Copy>(root: Command, entries: &'static [Entry<R>]) -> Command {
    let name = root.get_name().to_owned();
    root.subcommands(entries.iter().map(|entry| entry.command(&name)))
}

/// A tree that suffices for the command line `args`: the names and descriptions of all commands, but arguments only for
/// the command in question. Building the whole tree would take a third of the time of a short command.
pub fn tree_for<R: Copy>(
    root: Command,
    entries: &'static [Entry<R>],
    args: &[OsString],
) -> Command {
    let parents = root.get_name().to_owned();
    let mut tree = root.subcommands(entries.iter().map(Entry::outline));
    let wanted = argv::first_command(&tree, args);
    let entry = entries
        .iter()
        .find(|entry| Some(entry.name) == wanted.as_deref());
    if let Some(entry) = entry
        && let Some(command) = tree.find_subcommand_mut(entry.name)
    {
        *command = entry.command(&parents);
    }
    tree
}

/// The function of the command with this path, and the part of `matches` that belongs to it.
pub fn find<'m, R: Copy>(
    entries: &'static [Entry<R>],
    matches: &'m ArgMatches,
) -> Option<(R, &'m ArgMatches)> {
    let (name, matches) = matches.subcommand()?;
    let entry = entries.iter().find(|entry| entry.name == name)?;
    match &entry.node {
        Node::Command { run, .. } => Some((*run, matches)),
        Node::Group { entries, .. } => find(entries, matches),
    }
}

/// The flags of a group, for the arguments of its commands. The group declares them as global flags, and clap passes
/// their values down.
#[derive(Debug)]
pub struct Shared<F>(pub F);

impl<F: Args> Args for Shared<F> {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl<F: FromArgMatches> FromArgMatches for Shared<F> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        F::from_arg_matches(matches).map(Shared)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}
