//! The programs as a user or a script meets them: arguments in; stdout, stderr and exit code out.

#[path = "../support/mod.rs"]
mod support;

/// Completion scripts and man pages.
mod completions;
/// Recorded transcripts of etcd v3.7.1's own tools, replayed with ours.
mod golden;

/// Every block of the README, typed into a shell.
mod readme;
/// `etcdutl` on whole and damaged files.
mod utl;
