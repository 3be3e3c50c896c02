//! The commands of etcdctl, one row each, in etcdctl's order, which determines the order of suggestions. A row gives
//! the name, the heading in the help, the arguments and the function. Contains no logic.

use std::{ffi::OsString, future::Future, pin::Pin};

use clap::{ArgMatches, Args, FromArgMatches};

use super::{
    alarm, auth, check, compaction, complete, completion, defrag, del, downgrade, elect, endpoint,
    entry::{self, Entry, Node},
    get, help, lease, lock, make_mirror, member, move_leader, options, put, restore_keys, role,
    serve, snapshot, txn, user, utl, version, watch,
};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        global::GlobalArgs,
    },
    output::Reply,
};

/// Runs a command with the arguments parsed by clap.
pub type Run = for<'a> fn(&'a Context, &'a ArgMatches) -> Running<'a>;

/// A running command.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<(), CommandError>> + 'a>>;

const KEYS: &str = "Key-value commands";
const MAINTENANCE: &str = "Cluster maintenance commands";
const CONCURRENCY: &str = "Concurrency commands";
const AUTHENTICATION: &str = "Authentication commands";
const UTILITY: &str = "Utility commands";

/// How the return value of a command is printed. `()` means that the command has already printed its replies.
trait Emit {
    fn emit(self, ctx: &Context) -> Result<(), CommandError>;
}

impl<T: Reply> Emit for T {
    fn emit(self, ctx: &Context) -> Result<(), CommandError> {
        ctx.emit(&self)
    }
}

impl Emit for () {
    fn emit(self, _ctx: &Context) -> Result<(), CommandError> {
        Ok(())
    }
}

/// A command: `command(NAME, HEADING, ABOUT, ARGUMENTS, FUNCTION)`, where ABOUT repeats the first line of the arguments'
/// documentation for the list of commands; inside a group, `command(NAME, ARGUMENTS, FUNCTION)`. The function is
/// `async fn(&Context, ARGUMENTS) -> Result<impl Reply, CommandError>`. A command with several replies, such as a stream,
/// prints each with [`Context::emit`] as it arrives and returns `()`.
macro_rules! command {
    ($name:literal, $args:ty, $call:path) => {
        command!($name, "", "", $args, $call)
    };
    ($name:literal, $heading:expr, $about:literal, $args:ty, $call:path) => {
        command!($name, $heading, $about, $args, $call, false)
    };
    ($name:literal, $heading:expr, $about:literal, $args:ty, $call:path, $hidden:literal) => {
        Entry {
            name: $name,
            heading: $heading,
            about: $about,
            hidden: $hidden,
            node: Node::Command {
                augment: <$args as Args>::augment_args,
                run: (|ctx, matches| {
                    Box::pin(async move {
                        let args = <$args>::from_arg_matches(matches).map_err(misread)?;
                        $call(ctx, args).await?.emit(ctx)
                    })
                }) as Run,
            },
        }
    };
}

/// Commands under a common name: `group(NAME, HEADING, ABOUT, [ROWS])`. If all of them share flags, these precede the
/// rows.
macro_rules! group {
    ($name:literal, $heading:expr, $about:literal, [$($row:expr),* $(,)?]) => {
        group!($name, $heading, $about, std::convert::identity, [$($row),*])
    };
    ($name:literal, $heading:expr, $about:literal, $shared:expr, [$($row:expr),* $(,)?]) => {
        Entry {
            name: $name,
            heading: $heading,
            about: $about,
            hidden: false,
            node: Node::Group { shared: $shared, entries: &[$($row),*] },
        }
    };
}

/// Every command.
#[rustfmt::skip]
static COMMANDS: &[Entry<Run>] = &[
    command!("get", KEYS, "Read a key or a range of keys", get::GetArgs, get::get),
    command!("put", KEYS, "Write a key", put::PutArgs, put::put),
    command!("del", KEYS, "Delete a key or a range of keys", del::DelArgs, del::del),
    command!("txn", KEYS, "Run a transaction read from stdin", txn::TxnArgs, txn::txn),
    command!("compaction", KEYS, "Discard the history before a revision", compaction::CompactionArgs, compaction::compaction),
    group!("alarm", MAINTENANCE, "List and clear alarms", [
        command!("disarm", alarm::DisarmArgs, alarm::disarm),
        command!("list", alarm::ListArgs, alarm::list),
    ]),
    command!("defrag", MAINTENANCE, "Return the free space of the members' databases to the file system", defrag::DefragArgs, defrag::defrag),
    group!("endpoint", MAINTENANCE, "Check individual endpoints", endpoint::Cluster::augment_args, [
        command!("hashkv", endpoint::HashKvArgs, endpoint::hashkv),
        command!("health", endpoint::HealthArgs, endpoint::health),
        command!("status", endpoint::StatusArgs, endpoint::status),
    ]),
    command!("move-leader", MAINTENANCE, "Transfer the leadership to another member", move_leader::MoveLeaderArgs, move_leader::move_leader),
    command!("watch", KEYS, "Watch a key or a range of keys", watch::WatchArgs, watch::watch),
    command!("version", UTILITY, "Print the version", version::VersionArgs, version::version),
    group!("lease", KEYS, "Create, renew and revoke leases", [
        command!("grant", lease::GrantArgs, lease::grant),
        command!("keep-alive", lease::KeepAliveArgs, lease::keep_alive),
        command!("list", lease::ListArgs, lease::list),
        command!("revoke", lease::RevokeArgs, lease::revoke),
        command!("timetolive", lease::TimeToLiveArgs, lease::time_to_live),
    ]),
    group!("member", MAINTENANCE, "List and change the members of the cluster", [
        command!("add", member::AddArgs, member::add),
        command!("list", member::ListArgs, member::list),
        command!("promote", member::PromoteArgs, member::promote),
        command!("remove", member::RemoveArgs, member::remove),
        command!("update", member::UpdateArgs, member::update),
    ]),
    group!("snapshot", MAINTENANCE, "Save, inspect and restore snapshots of a member's database", [
        command!("restore", utl::restore::CtlRestoreArgs, utl::restore::restore_by_etcdctl),
        command!("save", snapshot::save::SaveArgs, snapshot::save::save),
        command!("status", snapshot::status::StatusArgs, snapshot::status::status),
        command!("verify", snapshot::verify::VerifyArgs, snapshot::verify::verify_by_etcdctl),
    ]),
    command!("make-mirror", UTILITY, "Copy keys to another cluster and follow their changes", make_mirror::MakeMirrorArgs, make_mirror::make_mirror),
    command!("lock", CONCURRENCY, "Hold a named lock", lock::LockArgs, lock::lock),
    command!("elect", CONCURRENCY, "Take part in an election, or observe it", elect::ElectArgs, elect::elect),
    group!("auth", AUTHENTICATION, "Enable and disable authentication", [
        command!("disable", auth::DisableArgs, auth::disable),
        command!("enable", auth::EnableArgs, auth::enable),
        command!("status", auth::StatusArgs, auth::status),
    ]),
    group!("user", AUTHENTICATION, "List and change users", [
        command!("add", user::AddArgs, user::add),
        command!("delete", user::DeleteArgs, user::delete),
        command!("get", user::GetArgs, user::get),
        command!("grant-role", user::GrantRoleArgs, user::grant_role),
        command!("list", user::ListArgs, user::list),
        command!("passwd", user::PasswdArgs, user::passwd),
        command!("revoke-role", user::RevokeRoleArgs, user::revoke_role),
    ]),
    group!("role", AUTHENTICATION, "List and change roles and their permissions", [
        command!("add", role::AddArgs, role::add),
        command!("delete", role::DeleteArgs, role::delete),
        command!("get", role::GetArgs, role::get),
        command!("grant-permission", role::GrantPermissionArgs, role::grant_permission),
        command!("list", role::ListArgs, role::list),
        command!("revoke-permission", role::RevokePermissionArgs, role::revoke_permission),
    ]),
    group!("check", UTILITY, "Check properties of the cluster", [
        command!("datascale", check::DatascaleArgs, check::datascale),
        command!("perf", check::PerfArgs, check::perf),
    ]),
    command!("completion", UTILITY, "Print a completion script for a shell", completion::CompletionArgs, completion::completion),
    group!("downgrade", MAINTENANCE, "Downgrade the cluster by one minor version", [
        command!("cancel", downgrade::CancelArgs, downgrade::cancel),
        command!("enable", downgrade::EnableArgs, downgrade::enable),
        command!("validate", downgrade::ValidateArgs, downgrade::validate),
    ]),
    command!("restore-keys", KEYS, "Restore keys from a snapshot, another cluster, or the cluster's own history", restore_keys::command::RestoreKeysArgs, restore_keys::command::restore_keys),
    command!("serve", UTILITY, "Run a single-member etcd-compatible server", serve::ServeArgs, serve::command),
    command!("options", UTILITY, "List the flags that every command accepts", options::OptionsArgs, options::options),
    command!("help", UTILITY, "Show the help of a command", help::HelpArgs, help::help),
    command!("__complete", UTILITY, "", complete::CompleteArgs, complete::complete, true),
];

const EXAMPLES: &str = "\
Examples:
  etcdctl put greeting hello
  etcdctl get greeting
  etcdctl --write-out=table endpoint status --cluster
  etcdctl --endpoints=embedded:demo put greeting hello    # no server needed: data directory demo
";

fn root() -> clap::Command {
    GlobalArgs::augment_args(clap::Command::new("etcdctl"))
        .about("A command-line client for etcd, with a single-member server built in")
        .override_usage("etcdctl [options] <command>")
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

/// clap should accept every line that [`crate::cli::argv`] produces; this is the error if it does not.
fn misread(error: clap::Error) -> CommandError {
    let text = error.to_string();
    CommandError::new(ErrorKind::Failed, text.lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_for_one_command_has_that_command_as_it_is_in_the_whole_tree() {
        let all = tree();
        for entry in COMMANDS {
            let light = tree_for(&["--hex".into(), entry.name.into(), "get".into()]);
            let names = |c: &clap::Command| -> Vec<String> {
                c.get_subcommands().map(|c| c.get_name().into()).collect()
            };
            assert_eq!(names(&light), names(&all));
            assert_eq!(arguments(&light), arguments(&all));
            let of = |c: &clap::Command| shape(c.find_subcommand(entry.name).unwrap());
            assert!(of(&light) == of(&all), "{}", entry.name);
        }
    }

    fn arguments(command: &clap::Command) -> Vec<String> {
        command
            .get_arguments()
            .map(|arg| format!("{arg:?}"))
            .collect()
    }

    fn shape(command: &clap::Command) -> Vec<(String, Vec<String>)> {
        let below = command.get_subcommands().flat_map(shape);
        let own = (command.get_name().to_owned(), arguments(command));
        std::iter::once(own).chain(below).collect()
    }

    #[test]
    fn every_command_has_a_heading_and_clap_finds_no_fault_with_it() {
        tree().debug_assert();
        for entry in COMMANDS {
            assert!(!entry.heading.is_empty(), "{}", entry.name);
        }
    }
}
