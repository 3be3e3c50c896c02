//! `version`, which needs no server.

use clap::Args;

use crate::{
    cli::{
        context::Context,
        error::CommandError,
        words::{Ignored, Words},
    },
    output::{Format, replies::version::Version},
};

/// The etcd release that the programs replace.
pub const VERSION: &str = "3.7.1";
/// The API version of that release.
pub const API_VERSION: &str = "3.7";

/// Print the version
#[derive(Args, Debug)]
pub struct VersionArgs {
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// The reply of `version` for the program `name`.
pub fn reply(name: &'static str) -> Version {
    Version {
        name,
        version: VERSION,
        api_version: API_VERSION,
    }
}

/// The format for `version`, which accepts unknown formats.
pub fn format(asked: Format) -> Format {
    match asked {
        Format::Json => Format::Json,
        _ => Format::Simple,
    }
}

/// Runs `version`.
///
/// # Errors
/// stdout cannot be written.
pub async fn version(ctx: &Context, _args: VersionArgs) -> Result<(), CommandError> {
    ctx.emit_as(&reply("etcdctl"), format(ctx.error_format()), false)
}
