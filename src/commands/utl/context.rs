//! What every command of etcdutl receives: the global flags and the terminal. etcdutl reads no environment variables.

use std::time::Duration;

use clap::Args;

use crate::{
    cli::{
        context::emit,
        error::{CommandError, ErrorKind},
        global::FORMATS,
        ui::Ui,
        value::{self, GoDuration, Suggest},
    },
    output::{Format, RenderOptions, Reply},
};

/// The flags that every command of etcdutl accepts.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Output format: fields, json, protobuf, simple, table [default: simple]
    #[arg(long, short = 'w', global = true, value_name = "format", value_parser = Suggest(FORMATS), hide_possible_values = true)]
    write_out: Option<String>,
    /// Time to wait for the lock on a database file that is written to; 0 waits forever [default: 10s]
    #[arg(long, global = true, value_name = "time", value_parser = value::duration)]
    timeout: Option<GoDuration>,
}

/// etcdutl's default for `--timeout` (etcd v3.7.1, etcdutl/ctl.go).
const DEFAULT_TIMEOUT: GoDuration = GoDuration::seconds(10);

/// The environment of one command.
pub struct Context {
    /// The terminal.
    pub ui: Ui,
    globals: GlobalArgs,
}

impl Context {
    /// Creates the context for a command with these global flags.
    pub fn new(ui: Ui, globals: GlobalArgs) -> Context {
        Context { ui, globals }
    }

    /// The time to wait for the lock on a database file; `None` waits forever.
    pub fn lock_timeout(&self) -> Option<Duration> {
        match self.globals.timeout.unwrap_or(DEFAULT_TIMEOUT) {
            GoDuration(0) => None,
            timeout => Some(timeout.to_std()),
        }
    }

    /// The format of `--write-out`. Commands with only one output format do not call this.
    ///
    /// # Errors
    /// Unknown format; exit code 4.
    pub fn format(&self) -> Result<Format, CommandError> {
        let name = self.globals.write_out.as_deref().unwrap_or("simple");
        name.parse()
            .map_err(|e| CommandError::new(ErrorKind::BadFeature, e))
    }

    /// The format in which errors are printed.
    pub fn error_format(&self) -> Format {
        self.format().unwrap_or_default()
    }

    /// Prints a reply to stdout and flushes it.
    ///
    /// # Errors
    /// The format does not support the reply, or stdout cannot be written.
    pub fn emit(&self, reply: &dyn Reply, format: Format) -> Result<(), CommandError> {
        emit(&self.ui, reply, format, &RenderOptions::default())
    }
}
