//! The tree of commands, in etcdctl's order (suggestions follow it), and one flat match over them.

use std::{ffi::OsString, io};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::runtime::Runtime;

use super::{
    alarm, compaction, completion, defrag, del, endpoint, get, help, later::LaterArgs, member,
    options, put, serve, snapshot, txn, version,
};
use crate::cli::{
    context::Context,
    error::{CommandError, Kind},
    global::GlobalArgs,
    settings::Extra,
};

/// A client for etcd: keys, maintenance, and a server to try it on
#[derive(Debug, Parser)]
#[command(
    name = "etcdctl",
    disable_help_subcommand = true,
    disable_help_flag = true,
    override_usage = "etcdctl [options] <command>",
    after_help = EXAMPLES
)]
struct Cli {
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  etcdctl put greeting hello
  etcdctl get greeting
  etcdctl --write-out=table endpoint status --cluster
  etcdctl --endpoints=embedded:demo put greeting hello    # no server needed: data directory demo
";

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    Get(get::GetArgs),
    Put(put::PutArgs),
    Del(del::DelArgs),
    Txn(txn::TxnArgs),
    Compaction(compaction::CompactionArgs),
    /// List and clear alarms
    #[command(subcommand)]
    Alarm(alarm::AlarmCommand),
    Defrag(defrag::DefragArgs),
    Endpoint(endpoint::EndpointArgs),
    #[command(hide = true)]
    MoveLeader(LaterArgs),
    #[command(hide = true)]
    Watch(LaterArgs),
    Version(version::VersionArgs),
    #[command(hide = true)]
    Lease(LaterArgs),
    /// Look at the members of the cluster
    #[command(subcommand)]
    Member(member::MemberCommand),
    /// Save a member's database to a file, and look into such files
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotCommand),
    #[command(hide = true)]
    MakeMirror(LaterArgs),
    #[command(hide = true)]
    Lock(LaterArgs),
    #[command(hide = true)]
    Elect(LaterArgs),
    #[command(hide = true)]
    Auth(LaterArgs),
    #[command(hide = true)]
    User(LaterArgs),
    #[command(hide = true)]
    Role(LaterArgs),
    #[command(hide = true)]
    Check(LaterArgs),
    Completion(completion::CompletionArgs),
    #[command(hide = true)]
    Downgrade(LaterArgs),
    /// Serve an etcd-compatible server of one member
    Serve(serve::ServeArgs),
    Options(options::OptionsArgs),
    Help(help::HelpArgs),
}

/// clap's tree, as everything about flags is asked of it.
pub fn tree() -> clap::Command {
    Cli::command()
}

/// Gives a command its flags and words.
type Whole = fn(clap::Command) -> clap::Command;

/// The commands that scripts run most, and what makes each out of its name.
const FREQUENT: [(&str, Whole); 8] = [
    ("get", get::GetArgs::augment_args),
    ("put", put::PutArgs::augment_args),
    ("del", del::DelArgs::augment_args),
    ("txn", txn::TxnArgs::augment_args),
    ("compaction", compaction::CompactionArgs::augment_args),
    ("defrag", defrag::DefragArgs::augment_args),
    ("endpoint", endpoint::EndpointArgs::augment_args),
    ("version", version::VersionArgs::augment_args),
];

/// The names of all commands, in the order of the tree.
const NAMES: [&str; 26] = [
    "get",
    "put",
    "del",
    "txn",
    "compaction",
    "alarm",
    "defrag",
    "endpoint",
    "move-leader",
    "watch",
    "version",
    "lease",
    "member",
    "snapshot",
    "make-mirror",
    "lock",
    "elect",
    "auth",
    "user",
    "role",
    "check",
    "completion",
    "downgrade",
    "serve",
    "options",
    "help",
];

/// The tree with nothing in it but the shared flags, the names, and the whole of the frequent command that is the first
/// of `words`; none if there is no such word. What comes of it holds only if it is a line for this command.
///
/// To make the whole tree takes a tenth of the time of a short command.
pub fn frequent(words: &[OsString]) -> Option<(&'static str, clap::Command)> {
    let (wanted, whole) = words
        .iter()
        .find_map(|word| FREQUENT.iter().find(|(name, _)| word == name))?;
    let root = clap::Command::new("etcdctl")
        .disable_help_subcommand(true)
        .disable_help_flag(true);
    let named = NAMES.iter().map(|name| {
        let command = clap::Command::new(*name);
        if name == wanted {
            whole(command)
        } else {
            command
        }
    });
    Some((wanted, GlobalArgs::augment_args(root).subcommands(named)))
}

/// Reads a command line that [`crate::cli::argv`] has put in order.
///
/// # Errors
/// None that can be reached: what is left to refuse has been refused by then.
pub fn parse(tree: clap::Command, args: Vec<OsString>) -> Result<(GlobalArgs, Command), String> {
    let cli: Cli = matched(tree, args)?;
    Ok((cli.globals, cli.command))
}

/// What clap makes of a line that both tools' [`crate::cli::argv`] has put in order; the first line of its refusal.
pub(super) fn matched<C: FromArgMatches>(
    tree: clap::Command,
    args: Vec<OsString>,
) -> Result<C, String> {
    let first_line = |e: clap::Error| {
        let text = e.to_string();
        let line = text.lines().next().unwrap_or_default();
        line.trim_start_matches("error: ").to_owned()
    };
    // Each flag stands behind its own command by now; clap would copy the shared ones to every other.
    let mut tree = tree.mut_args(|arg| arg.global(false));
    let matches = tree.try_get_matches_from_mut(args).map_err(first_line)?;
    // The process ends soon; until then its thousand small allocations do no harm, and to free them takes time.
    std::mem::forget(tree);
    C::from_arg_matches(&matches).map_err(first_line)
}

impl Command {
    /// The variables that it knows besides those of the global flags.
    pub fn extra(&self) -> Extra {
        Extra {
            cluster: matches!(self, Command::Endpoint(_)),
        }
    }

    /// One thread does for a client.
    ///
    /// # Errors
    /// The system gives no file descriptors for it.
    pub fn runtime(&self) -> io::Result<Runtime> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
    }

    /// Runs it and prints what it has to say.
    ///
    /// # Errors
    /// As the command says.
    pub async fn run(self, ctx: &Context) -> Result<(), CommandError> {
        let reply = match self {
            Command::Get(args) => get::get(ctx, args).await?,
            Command::Put(args) => put::put(ctx, args).await?,
            Command::Del(args) => del::del(ctx, args).await?,
            Command::Txn(args) => txn::txn(ctx, args).await?,
            Command::Compaction(args) => compaction::compaction(ctx, args).await?,
            Command::Alarm(command) => alarm::alarm(ctx, command).await?,
            Command::Defrag(args) => return defrag::defrag(ctx, args).await,
            Command::Endpoint(args) => return endpoint::endpoint(ctx, args).await,
            Command::Member(command) => member::member(ctx, command).await?,
            Command::Snapshot(command) => return snapshot::snapshot(ctx, command).await,
            Command::Version(args) => return version::version(ctx, args),
            Command::Completion(args) => return completion::completion(ctx, args, &tree()),
            Command::Serve(args) if args.wants_help() => {
                return ctx.ui.line(serve::help().trim_end());
            }
            Command::Serve(args) => {
                return serve::serve(&args).map_err(|e| CommandError::new(Kind::Failed, e));
            }
            Command::Options(args) => return options::options(ctx, args, &tree()),
            Command::Help(args) => return help::help(ctx, args, &tree()),
            Command::MoveLeader(args) => return args.refuse("move-leader"),
            Command::Watch(args) => return args.refuse("watch"),
            Command::Lease(args) => return args.refuse("lease"),
            Command::MakeMirror(args) => return args.refuse("make-mirror"),
            Command::Lock(args) => return args.refuse("lock"),
            Command::Elect(args) => return args.refuse("elect"),
            Command::Auth(args) => return args.refuse("auth"),
            Command::User(args) => return args.refuse("user"),
            Command::Role(args) => return args.refuse("role"),
            Command::Check(args) => return args.refuse("check"),
            Command::Downgrade(args) => return args.refuse("downgrade"),
        };
        ctx.emit(&reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequent_command_is_the_one_of_the_tree() {
        let all = tree();
        for (name, _) in FREQUENT {
            let (found, light) = frequent(&["--hex".into(), name.into(), "put".into()]).unwrap();
            assert_eq!(found, name);
            let names = |c: &clap::Command| -> Vec<String> {
                c.get_subcommands().map(|c| c.get_name().into()).collect()
            };
            assert_eq!(names(&light), names(&all));
            let of = |c: &clap::Command| format!("{:?}", c.find_subcommand(name).unwrap());
            assert_eq!(of(&light), of(&all));
            let flags = |c: &clap::Command| format!("{:?}", c.get_arguments().collect::<Vec<_>>());
            assert_eq!(flags(&light), flags(&all));
        }
        assert!(frequent(&["--hex".into(), "ge".into()]).is_none());
    }
}
