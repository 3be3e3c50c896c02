//! The one error of the edge: what kind it is (the exit code follows from that), what went wrong, and what
//! may help. Everything below has its own typed errors.

use std::{error::Error, fmt, io};

/// Why a command failed, as far as scripts can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Most failures: a refusal of the server, a timeout, an unknown command or flag.
    Failed,
    /// The client could not be set up.
    BadConnection,
    /// Input of `txn` that is no transaction.
    InvalidInput,
    /// A value that is no choice of its flag, or a format that the reply does not have.
    BadFeature,
    /// `snapshot save` did not finish.
    Interrupted,
    /// Arguments that don't make sense, where etcdctl has a code of its own for them.
    BadArgs,
    /// As [`Kind::Failed`], with the usage of the command behind it.
    Usage,
    /// A program that the command ran failed with this exit code.
    Child(u8),
    /// A signal came while a password was prompted for.
    PromptInterrupted,
    /// Nobody reads stdout any more.
    BrokenPipe,
    /// The command is done, and its answer is bad; the exit code says how.
    Verdict(u8),
    /// A signal ended the command, which has cleaned up. The process then dies of that signal, so that the shell
    /// knows.
    Signal(rustix::process::Signal),
}

impl Kind {
    /// etcdctl's exit code (etcd v3.7.1, pkg/cobrautl/error.go).
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed | Kind::Usage => 1,
            Kind::BadConnection => 2,
            Kind::InvalidInput => 3,
            Kind::BadFeature => 4,
            Kind::Interrupted => 5,
            Kind::BadArgs => 128,
            Kind::Child(code) => code,
            // etcdctl ends by exit(-1) there.
            Kind::PromptInterrupted => 255,
            Kind::Verdict(code) => code,
            // As a shell shows the SIGPIPE that ends a Go program here.
            Kind::BrokenPipe => 141,
            // As a shell shows it. Signals have numbers up to 64.
            Kind::Signal(signal) => 128 + u8::try_from(signal.as_raw()).unwrap_or(0),
        }
    }
}

/// A command's failure.
#[derive(Debug)]
pub struct CommandError {
    /// Decides on the exit code.
    pub kind: Kind,
    /// What went wrong; none: every line there is to say has been said.
    pub source: Option<Box<dyn Error + Send + Sync>>,
    /// gRPC code, where a server gave one.
    pub code: Option<i32>,
    /// What may help, one line each.
    pub hints: Vec<String>,
}

impl CommandError {
    /// A failure with a text or an error.
    pub fn new(kind: Kind, source: impl Into<Box<dyn Error + Send + Sync>>) -> CommandError {
        CommandError {
            kind,
            source: Some(source.into()),
            code: None,
            hints: vec![],
        }
    }

    /// A failure of which everything has been said already.
    pub fn said(kind: Kind) -> CommandError {
        CommandError {
            kind,
            source: None,
            code: None,
            hints: vec![],
        }
    }

    /// With one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> CommandError {
        self.hints.push(hint.into());
        self
    }

    /// With another text, which has the old one in it.
    #[must_use]
    pub fn reworded(mut self, text: impl FnOnce(&str) -> String) -> CommandError {
        if let Some(source) = self.source.take() {
            self.source = Some(text(&source.to_string()).into());
        }
        self
    }

    /// Of another kind, for commands with a code of their own.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> CommandError {
        if !matches!(self.kind, Kind::BrokenPipe | Kind::Signal(_)) {
            self.kind = kind;
        }
        self
    }

    /// A write to stdout that failed.
    pub fn stdout(error: io::Error) -> CommandError {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return CommandError::said(Kind::BrokenPipe);
        }
        CommandError::new(
            Kind::Failed,
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
