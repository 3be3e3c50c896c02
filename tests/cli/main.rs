//! The programs as a user or a script meets them: arguments in; stdout, stderr and exit code out.

#[path = "../support/mod.rs"]
mod support;

/// The archive of a release.
mod archive;
/// How a command line is read.
mod arguments;
/// Completion scripts and man pages.
mod completions;
/// What etcd's loose tools show of files.
mod dump;
/// A server in the client's own process.
mod embedded;
/// A root directory with nothing but the programs.
mod empty_root;
/// Recorded transcripts of etcd v3.7.1's own tools, replayed with ours.
mod golden;
/// What is said besides the error.
mod hints;
/// Users and passwords.
mod login;
/// What stands behind an endpoint and is no healthy etcd.
mod peers;
/// Every block of the README, typed into a shell.
mod readme;
/// `snapshot save`, whole or not at all.
mod save;
/// Flags, variables and defaults.
mod settings;
/// Files that answer as servers do, and verdicts on them.
mod snapshot_endpoint;
/// stdin, stdout and stderr as scripts bend them.
mod streams;
/// The programs at a terminal.
mod terminal;
/// Servers with TLS.
mod tls;
/// `etcdutl` on whole and damaged files.
mod utl;
