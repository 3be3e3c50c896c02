//! `options`: the flags that every command accepts.

use clap::Args;

use super::table;
use crate::cli::{
    context::Context,
    error::CommandError,
    help, ui,
    words::{Ignored, Words},
};

/// List the flags that every command accepts
#[derive(Args, Debug)]
pub struct OptionsArgs {
    #[command(flatten)]
    _words: Words<Ignored>,
}

/// Runs `options`.
///
/// # Errors
/// stdout cannot be written.
pub async fn options(ctx: &Context, _args: OptionsArgs) -> Result<(), CommandError> {
    ctx.ui
        .line(help::options(&table::tree_for(&[]), ui::stdout_columns()).trim_end())
}
