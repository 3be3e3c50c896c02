//! The tree of etcdutl's commands, in etcdutl's order, and one flat match over them.

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use super::{Context, hashkv, snapshot};
use crate::{
    cli::{
        error::CommandError,
        global::FORMATS,
        value::{self, GoDuration, Suggest},
    },
    commands::{completion, help, later::LaterArgs, tree::matched, version},
    output::Format,
};

/// Offline tools for etcd's snapshot and database files
#[derive(Debug, Parser)]
#[command(
    name = "etcdutl",
    disable_help_subcommand = true,
    disable_help_flag = true,
    override_usage = "etcdutl [options] <command>",
    after_help = EXAMPLES
)]
struct Cli {
    /// Output format: fields, json, protobuf, simple, table [default: simple]
    #[arg(long, short = 'w', global = true, value_name = "FORMAT", value_parser = Suggest(FORMATS), hide_possible_values = true)]
    write_out: Option<String>,
    /// Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]
    #[arg(long, global = true, value_name = "TIME", value_parser = value::duration)]
    timeout: Option<GoDuration>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  etcdutl snapshot status backup.db --write-out=table
  etcdutl hashkv backup.db --rev=1200
";

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(hide = true)]
    Defrag(LaterArgs),
    /// Look into snapshots
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotCommand),
    /// Print the hash of the history of keys in a file
    ///
    /// Members that hold the same data have the same hash at the same revision, whatever else is in
    /// their files. Compare with `etcdctl endpoint hashkv`. The file is only read.
    Hashkv(hashkv::HashKvArgs),
    /// Print the version
    #[command(override_usage = "etcdutl version")]
    Version(version::VersionArgs),
    /// Print a completion script for a shell
    #[command(
        override_usage = "etcdutl completion [bash|zsh|fish|powershell]",
        after_help = COMPLETION_EXAMPLES
    )]
    Completion(completion::CompletionArgs),
    #[command(hide = true)]
    Migrate(LaterArgs),
    /// Show the help of a command
    #[command(override_usage = "etcdutl help [command]")]
    Help(help::HelpArgs),
}

const COMPLETION_EXAMPLES: &str = "Examples:
  source <(etcdutl completion bash)
  etcdutl completion bash > /etc/bash_completion.d/etcdutl
  etcdutl completion zsh > \"${fpath[1]}/_etcdutl\"
  etcdutl completion fish > ~/.config/fish/completions/etcdutl.fish
  etcdutl completion powershell | Out-String | Invoke-Expression";

/// clap's tree, as everything about flags is asked of it.
pub fn tree() -> clap::Command {
    Cli::command()
}

/// Reads a command line that [`crate::cli::argv`] has put in order: `--write-out`, and the command.
///
/// # Errors
/// None that can be reached: what is left to refuse has been refused by then.
pub fn parse(tree: clap::Command, args: Vec<OsString>) -> Result<(String, Command), String> {
    let cli: Cli = matched(tree, args)?;
    // Nothing that is here yet waits for a lock.
    let _ = cli.timeout;
    let write_out = cli
        .write_out
        .unwrap_or_else(|| Format::default().to_string());
    Ok((write_out, cli.command))
}

impl Command {
    /// Runs it and prints what it has to say.
    ///
    /// # Errors
    /// As the command says.
    pub fn run(self, ctx: &Context) -> Result<(), CommandError> {
        match self {
            Command::Defrag(args) => args.refuse_by("etcdutl", "defrag"),
            Command::Snapshot(command) => snapshot::snapshot(ctx, command),
            Command::Hashkv(args) => hashkv::hashkv(ctx, &args),
            Command::Version(_) => {
                let format = match ctx.error_format() {
                    Format::Json => Format::Json,
                    _ => Format::Simple,
                };
                ctx.emit(&version::reply("etcdutl"), format)
            }
            Command::Completion(args) => completion::print(&ctx.ui, &args, &tree()),
            Command::Migrate(args) => args.refuse_by("etcdutl", "migrate"),
            Command::Help(args) => help::print(&ctx.ui, args, &tree()),
        }
    }
}
