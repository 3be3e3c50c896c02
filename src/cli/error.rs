//! The error of a command: its kind, which determines the exit code, what went wrong, and hints. The modules below have
//! their own typed errors.

use std::{error::Error, fmt, io};

/// Category of a failure, as far as scripts can distinguish them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Most failures: an error from the server, a timeout, an unknown command or flag.
    Failed,
    /// The client could not be set up.
    BadConnection,
    /// The input of `txn` is not a transaction.
    InvalidInput,
    /// A value that a flag does not accept, or a format that does not support the reply.
    BadFeature,
    /// `snapshot save` did not finish.
    Interrupted,
    /// Invalid arguments, if etcdctl has a separate exit code for them.
    BadArgs,
    /// Like [`ErrorKind::Failed`], followed by the usage of the command.
    Usage,
    /// A program that the command ran failed with this exit code.
    Child(u8),
    /// A signal arrived during a password prompt.
    PromptInterrupted,
    /// The reader of stdout has closed it.
    BrokenPipe,
    /// The command has completed with a negative result, which determines the exit code.
    Verdict(u8),
    /// A signal ended the command, which has cleaned up. The process then kills itself with that signal, so that the
    /// shell notices.
    Signal(rustix::process::Signal),
}

impl ErrorKind {
    /// etcdctl's exit code (etcd v3.7.1, pkg/cobrautl/error.go).
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Failed | ErrorKind::Usage => 1,
            ErrorKind::BadConnection => 2,
            ErrorKind::InvalidInput => 3,
            ErrorKind::BadFeature => 4,
            ErrorKind::Interrupted => 5,
            ErrorKind::BadArgs => 128,
            ErrorKind::Child(code) => code,
            // etcdctl calls exit(-1) here.
            ErrorKind::PromptInterrupted => 255,
            ErrorKind::Verdict(code) => code,
            // As a shell reports the SIGPIPE that ends a Go program here.
            ErrorKind::BrokenPipe => 141,
            // As a shell reports it. Signal numbers are at most 64.
            ErrorKind::Signal(signal) => 128 + u8::try_from(signal.as_raw()).unwrap_or(0),
        }
    }
}

/// The failure of a command.
#[derive(Debug)]
pub struct CommandError {
    /// Determines the exit code.
    pub kind: ErrorKind,
    /// What went wrong; `None` if everything has already been printed.
    pub source: Option<Box<dyn Error + Send + Sync>>,
    /// gRPC status code, if the error came from a server.
    pub code: Option<i32>,
    /// Hints, one line each.
    pub hints: Vec<String>,
}

impl CommandError {
    /// A failure with a text or an error.
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> CommandError {
        CommandError {
            kind,
            source: Some(source.into()),
            code: None,
            hints: vec![],
        }
    }

    /// Arguments that do not make sense, in these words.
    pub fn bad_args(text: impl Into<String>) -> CommandError {
        CommandError::new(ErrorKind::BadArgs, text.into())
    }

    /// A failure about which everything has already been printed.
    pub fn already_reported(kind: ErrorKind) -> CommandError {
        CommandError {
            kind,
            source: None,
            code: None,
            hints: vec![],
        }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> CommandError {
        self.hints.push(hint.into());
        self
    }

    /// Replaces the text by one that is derived from it.
    #[must_use]
    pub fn reworded(mut self, text: impl FnOnce(&str) -> String) -> CommandError {
        if let Some(source) = self.source.take() {
            self.source = Some(text(&source.to_string()).into());
        }
        self
    }

    /// Replaces the kind, for commands with their own exit code.
    #[must_use]
    pub fn kind(mut self, kind: ErrorKind) -> CommandError {
        if !matches!(self.kind, ErrorKind::BrokenPipe | ErrorKind::Signal(_)) {
            self.kind = kind;
        }
        self
    }

    /// The error of a failed write to stdout.
    pub fn stdout(error: io::Error) -> CommandError {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return CommandError::already_reported(ErrorKind::BrokenPipe);
        }
        CommandError::new(
            ErrorKind::Failed,
            format!("write /dev/stdout: {}", io_text(&error)),
        )
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => source.fmt(f),
            None => Ok(()),
        }
    }
}

pub use crate::golang::errno::io_text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_says_nothing() {
        let error = CommandError::stdout(io::ErrorKind::BrokenPipe.into());
        assert!(error.source.is_none());
        assert_eq!(error.kind.exit_code(), 141);
    }
}
