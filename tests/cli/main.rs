//! The programs as seen by a user or a script: arguments in; stdout, stderr and exit code out.

#[path = "../support/mod.rs"]
mod support;

/// The release archive.
mod archive;
/// Parsing the command line.
mod arguments;
/// Completion scripts and man pages.
mod completions;
/// The functions of etcd's separate tools for files.
mod dump;
/// A server in the client's own process.
mod embedded;
/// A root directory that contains only the programs.
mod empty_root;
/// Recorded transcripts of etcd v3.7.1's own tools, replayed with ours.
mod golden;
/// What is printed besides the error.
mod hints;
/// Users and passwords.
mod login;
/// Endpoints that are not a healthy etcd.
mod peers;
/// Every block of the README, run in a shell.
mod readme;
/// `restore-keys`.
mod restore_keys;
/// `snapshot restore`, killed at any step.
mod restore_kill;
/// `snapshot restore-plan`.
mod restore_plan;
/// `snapshot save`: completely or not at all.
mod save;
/// `snapshot save` with flags of our own.
mod save_flags;
/// Flags, variables and defaults.
mod settings;
/// Signals during commands that write large files.
mod signals;
/// Files that answer like servers, and `snapshot verify`.
mod snapshot_endpoint;
/// stdin, stdout and stderr in unusual states.
mod streams;
/// The programs on a terminal.
mod terminal;
/// Servers with TLS.
mod tls;
/// `etcdutl` on intact and damaged files.
mod utl;
