//! What a command of etcdutl is given: the terminal and the format. There is no environment to look
//! at: etcdutl has no variables.

use crate::{
    cli::{
        context::emit,
        error::{CommandError, Kind},
        ui::Ui,
    },
    output::{Format, RenderOptions, Reply},
};

/// The surroundings of one command.
pub struct Context {
    /// The terminal.
    pub ui: Ui,
    write_out: String,
}

impl Context {
    /// For a command with `--write-out` as typed.
    pub fn new(ui: Ui, write_out: String) -> Context {
        Context { ui, write_out }
    }

    /// The format that was asked for. Commands that print in only one way do not call this.
    ///
    /// # Errors
    /// It is no format; exit code 4.
    pub fn format(&self) -> Result<Format, CommandError> {
        self.write_out
            .parse()
            .map_err(|e| CommandError::new(Kind::BadFeature, e))
    }

    /// The format in which an error is shown.
    pub fn error_format(&self) -> Format {
        self.write_out.parse().unwrap_or_default()
    }

    /// Prints a reply.
    ///
    /// # Errors
    /// The format has no shape for it, or stdout does not take it.
    pub fn emit(&self, reply: &Reply, format: Format) -> Result<(), CommandError> {
        emit(&self.ui, reply, format, &RenderOptions::default())
    }
}
