//! `version`: asks nobody.

use std::ffi::OsString;

use clap::Args;

use crate::{
    cli::{context::Context, error::CommandError},
    output::{Format, Reply, reply::VersionReply},
};

/// The etcd release that the tools are drop-ins for.
pub const VERSION: &str = "3.7.1";
/// Its API.
pub const API_VERSION: &str = "3.7";

/// Print the version
#[derive(Args, Debug)]
#[command(override_usage = "etcdctl version")]
pub struct VersionArgs {
    #[arg(hide = true, num_args = 0..)]
    words: Vec<OsString>,
}

/// What `version` of `tool` says.
pub fn reply(tool: &'static str) -> Reply {
    Reply::Version(VersionReply {
        tool,
        version: VERSION.into(),
        api_version: API_VERSION.into(),
    })
}

/// Runs `version`.
///
/// # Errors
/// stdout does not take it.
pub fn version(ctx: &Context, args: VersionArgs) -> Result<(), CommandError> {
    let _ = args.words;
    let reply = reply("etcdctl");
    let format = match ctx.error_format() {
        Format::Json => Format::Json,
        _ => Format::Simple,
    };
    ctx.emit_as(&reply, format, false)
}
