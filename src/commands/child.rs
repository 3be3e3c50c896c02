//! Child processes: runs them to completion, with Go's error texts.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use crate::cli::error::io_text;

/// A program could not be started, or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failed {
    /// The error text of Go's `os/exec`.
    pub text: String,
    /// The exit code for our own process: that of the program, 255 if a signal killed it, 1 if it could not be started.
    pub code: u8,
}

/// Runs `words` with additional environment variables. Its stdin is empty, its output goes to ours.
///
/// # Errors
/// It could not be started, or failed.
pub async fn run(words: &[OsString], variables: Vec<(String, OsString)>) -> Result<(), Failed> {
    let Some((program, args)) = words.split_first() else {
        return Ok(());
    };
    let mut command = Command::new(program);
    command.args(args).envs(variables).stdin(Stdio::null());
    let name = program.clone();
    // Waiting must not block the requests of this process.
    let status = tokio::task::spawn_blocking(move || command.status()).await;
    let status = status.unwrap_or_else(|e| Err(io::Error::other(e)));
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(ended(status)),
        Err(error) => Err(Failed {
            text: not_started(&name, &error),
            code: 1,
        }),
    }
}

fn ended(status: ExitStatus) -> Failed {
    match (status.code(), status.signal()) {
        (Some(code), _) => Failed {
            text: format!("exit status {code}"),
            code: u8::try_from(code).unwrap_or(1),
        },
        (None, Some(signal)) => Failed {
            text: format!("signal: {}", signal_name(signal)),
            code: 255,
        },
        (None, None) => Failed {
            text: "exit status unknown".into(),
            code: 1,
        },
    }
}

/// Go's names of signals (package syscall, Linux).
fn signal_name(number: i32) -> String {
    let name = match number {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        _ => return format!("signal {number}"),
    };
    name.to_owned()
}

fn not_started(program: &OsStr, error: &io::Error) -> String {
    let shown = program.to_string_lossy();
    if Path::new(program).components().count() > 1 || shown.contains('/') {
        format!("fork/exec {shown}: {}", io_text(error))
    } else if error.kind() == io::ErrorKind::NotFound {
        format!("exec: {shown:?}: executable file not found in $PATH")
    } else {
        format!("exec: {shown:?}: {}", io_text(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn failed(words: &[&str]) -> Failed {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        run(&words, vec![]).await.unwrap_err()
    }

    #[tokio::test]
    async fn failures_have_the_texts_of_go() {
        for (words, text, code) in [
            (&["sh", "-c", "exit 7"][..], "exit status 7", 7),
            (&["sh", "-c", "kill -9 $$"], "signal: killed", 255),
            (
                &["no-such-command"],
                "exec: \"no-such-command\": executable file not found in $PATH",
                1,
            ),
            (
                &["/no/such"],
                "fork/exec /no/such: no such file or directory",
                1,
            ),
        ] {
            let failed = failed(words).await;
            assert_eq!((failed.text.as_str(), failed.code), (text, code));
        }
        let words = ["sh", "-c", "test \"$A\" = b"].map(OsString::from);
        let variables = vec![("A".to_owned(), OsString::from("b"))];
        assert_eq!(run(&words, variables).await, Ok(()));
    }
}
