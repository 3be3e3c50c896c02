//! The commands of etcdutl, one row each, in etcdutl's order. Contains no logic.

use std::ffi::OsString;

use clap::{ArgMatches, Args, FromArgMatches};

use super::{
    Context, GlobalArgs, defrag, dump, hashkv, migrate, restore, restore_plan, snapshot, wal,
};
use crate::{
    cli::error::{CommandError, ErrorKind},
    commands::{
        complete, completion,
        entry::{self, Entry, Node},
        help,
        snapshot::{salvage, verify},
        version,
    },
};

/// Runs a command with the arguments parsed by clap.
pub type Run = fn(&Context, &ArgMatches) -> Result<(), CommandError>;

/// A command: `command(NAME, ABOUT, ARGUMENTS, FUNCTION)`, where ABOUT repeats the first line of the arguments'
/// documentation for the list of commands; inside a group, `command(NAME, ARGUMENTS, FUNCTION)`. The function is
/// `fn(&Context, &ARGUMENTS) -> Result<(), CommandError>` and prints its replies with [`Context::emit`].
macro_rules! command {
    ($name:literal, $args:ty, $call:expr) => {
        command!($name, "", $args, $call)
    };
    ($name:literal, $about:literal, $args:ty, $call:expr) => {
        command!($name, $about, $args, $call, false)
    };
    ($name:literal, $about:literal, $args:ty, $call:expr, $hidden:literal) => {
        command!(
            $name,
            $about,
            $args,
            $call,
            $hidden,
            <$args as Args>::augment_args
        )
    };
    ($name:literal, $about:literal, $args:ty, $call:expr, $hidden:literal, $augment:expr) => {
        Entry {
            name: $name,
            heading: "",
            about: $about,
            hidden: $hidden,
            node: Node::Command {
                augment: $augment,
                run: (|ctx, matches| {
                    let args = <$args>::from_arg_matches(matches).map_err(misread)?;
                    $call(ctx, &args)
                }) as Run,
            },
        }
    };
}

/// Commands under a common name: `group(NAME, ABOUT, [ROWS])`.
macro_rules! group {
    ($name:literal, $about:literal, [$($row:expr),* $(,)?]) => {
        Entry {
            name: $name,
            heading: "",
            about: $about,
            hidden: false,
            node: Node::Group { shared: std::convert::identity, entries: &[$($row),*] },
        }
    };
}

/// Every command: etcdutl's, then those of etcd's separate tools etcd-dump-db and etcd-dump-logs.
#[rustfmt::skip]
static COMMANDS: &[Entry<Run>] = &[
    command!("defrag", "Defragment the database of a stopped member", defrag::DefragArgs, defrag::defrag),
    group!("snapshot", "Inspect, verify and restore snapshots", [
        command!("restore", restore::RestoreArgs, restore::restore),
        command!("restore-plan", restore_plan::RestorePlanArgs, restore_plan::restore_plan),
        command!("salvage", salvage::SalvageArgs, salvage::salvage),
        command!("status", snapshot::StatusArgs, snapshot::status),
        command!("verify", verify::VerifyArgs, verify::verify),
    ]),
    command!("hashkv", "Print the hash of the history of keys in a file", hashkv::HashKvArgs, hashkv::hashkv),
    command!("version", "Print the version", version::VersionArgs, |ctx: &Context, _: &version::VersionArgs| {
        ctx.emit(&version::reply("etcdutl"), version::format(ctx.error_format()))
    }),
    command!("completion", "Print a completion script for a shell", completion::CompletionArgs, |ctx: &Context, args: &completion::CompletionArgs| {
        completion::print(&ctx.ui, args, "etcdutl")
    }, false, |command| completion::CompletionArgs::augment_args(command).after_help(COMPLETION_EXAMPLES)),
    command!("migrate", "Migrate the database of a stopped member to another version of etcd", migrate::MigrateArgs, migrate::migrate),
    command!("list-bucket", "List the buckets of a database file", dump::ListBucketArgs, dump::list_bucket),
    command!("iterate-bucket", "List the records of a bucket in reverse order", dump::IterateBucketArgs, dump::iterate_bucket),
    command!("scan-keys", "List the records of the history of keys in all pages of a file", dump::ScanKeysArgs, dump::scan_keys),
    command!("hash", "Print the hash over all buckets of a database file", dump::HashArgs, dump::hash),
    command!("meta", "Print the meta pages and the bucket meta of a database file", dump::MetaArgs, dump::meta),
    group!("wal", "Inspect a member's write-ahead log", [
        command!("dump", wal::WalDumpArgs, wal::dump),
    ]),
    command!("help", "Show the help of a command", help::HelpArgs, |ctx: &Context, args: &help::HelpArgs| {
        help::print(&ctx.ui, args, tree_for)
    }),
    command!("__complete", "", complete::CompleteArgs, |ctx: &Context, args: &complete::CompleteArgs| {
        complete::complete_offline(&ctx.ui, args, &tree())
    }, true),
];

const EXAMPLES: &str = "\
Examples:
  etcdutl snapshot status backup.db --write-out=table
  etcdutl snapshot restore backup.db --data-dir=restored
  etcdutl hashkv backup.db --rev=1200
";

fn root() -> clap::Command {
    GlobalArgs::augment_args(clap::Command::new("etcdutl"))
        .about("Offline tools for etcd's snapshot and database files")
        .override_usage("etcdutl [options] <command>")
        .after_help(EXAMPLES)
        .disable_help_subcommand(true)
        .disable_help_flag(true)
}

/// The complete command tree for clap.
pub fn tree() -> clap::Command {
    entry::whole_tree(root(), COMMANDS)
}

/// A tree that suffices for the command line `args`: see [`entry::tree_for`].
pub fn tree_for(args: &[OsString]) -> clap::Command {
    entry::tree_for(root(), COMMANDS, args)
}

/// The function of the command that `matches` names, and the matches that belong to it.
pub fn find(matches: &ArgMatches) -> Option<(Run, &ArgMatches)> {
    entry::find(COMMANDS, matches)
}

const COMPLETION_EXAMPLES: &str = "Examples:
  source <(etcdutl completion bash)
  etcdutl completion bash > /etc/bash_completion.d/etcdutl
  etcdutl completion zsh > \"${fpath[1]}/_etcdutl\"
  etcdutl completion fish > ~/.config/fish/completions/etcdutl.fish
  etcdutl completion powershell | Out-String | Invoke-Expression";

/// clap should accept every line that [`crate::cli::argv`] produces; this is the error if it does not.
fn misread(error: clap::Error) -> CommandError {
    let text = error.to_string();
    CommandError::new(ErrorKind::Failed, text.lines().next().unwrap_or_default())
}
