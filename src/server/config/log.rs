//! Parses the values of the logging flags. Writes no log.

use std::{collections::BTreeSet, path::PathBuf};

/// Severity of a log line, with zap's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// The default.
    Info,
    /// What an operator should look at.
    Warn,
    /// What failed.
    Error,
    /// Never used by this server, so it turns logging off.
    Fatal,
}

/// Format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Tab-separated text.
    Console,
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogOutput {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// A file, which is appended to.
    File(PathBuf),
}

/// Parses `--log-level`.
pub fn level(text: &str) -> Result<LogLevel, String> {
    Ok(match text {
        "debug" => LogLevel::Debug,
        "info" => LogLevel::Info,
        "warn" => LogLevel::Warn,
        "error" => LogLevel::Error,
        "dpanic" | "panic" | "fatal" => LogLevel::Fatal,
        _ => return Err("debug, info, warn, error, panic or fatal".into()),
    })
}

/// Parses `--log-format`.
pub fn format(text: &str) -> Result<LogFormat, String> {
    match text {
        "json" => Ok(LogFormat::Json),
        "console" => Ok(LogFormat::Console),
        _ => Err(format!(
            "unknown log format: {text}, supported values json, console"
        )),
    }
}

/// Parses `--log-outputs` (etcd v3.7.1, server/embed/config_logging.go). `default` is standard error. There is no direct
/// output to journald, because systemd passes standard error on to it.
pub fn outputs(text: &str) -> Result<BTreeSet<LogOutput>, String> {
    let words: Vec<&str> = text.split(',').collect();
    if words.len() > 1 && words.contains(&"default") {
        return Err("multi logoutput for \"default\" is not supported yet".into());
    }
    words
        .into_iter()
        .map(|word| match word {
            "default" | "stderr" | "" => Ok(LogOutput::Stderr),
            "stdout" => Ok(LogOutput::Stdout),
            "systemd/journal" => {
                Err("journald is not supported: use stderr, which systemd passes on to it".into())
            }
            file => Ok(LogOutput::File(file.into())),
        })
        .collect()
}
