//! Parses `--auto-compaction-mode` and `--auto-compaction-retention`, which make one policy together.

use std::time::Duration;

use crate::server::value;

/// What automatic compaction removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCompaction {
    /// Nothing.
    Off,
    /// Revisions older than this.
    Periodic(Duration),
    /// All revisions except this many of the newest.
    Revision(i64),
}

/// The mode and the retention, for the log. Durations are printed as Go prints them.
impl std::fmt::Display for AutoCompaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AutoCompaction::Off => f.write_str("off"),
            AutoCompaction::Periodic(kept) => {
                write!(f, "periodic {}", crate::golang::format::duration(*kept))
            }
            AutoCompaction::Revision(kept) => write!(f, "revision {kept}"),
        }
    }
}

enum Retention {
    Count(i64),
    Time(Duration),
}

/// Rejects an unknown mode.
pub fn check_mode(mode: &str) -> Result<(), String> {
    match mode {
        "periodic" | "revision" => Ok(()),
        "" => Err("undefined auto-compaction-mode".into()),
        _ => Err(format!("unknown auto-compaction-mode {mode:?}")),
    }
}

/// Rejects a retention that is neither a number nor a duration.
pub fn check_retention(text: &str) -> Result<(), String> {
    retention(text).map(drop)
}

fn retention(text: &str) -> Result<Retention, String> {
    match text.parse::<i64>() {
        Ok(count) if count >= 0 => Ok(Retention::Count(count)),
        _ => value::duration(text).map(Retention::Time),
    }
}

/// The policy that mode and retention make together (etcd v3.7.1, server/embed/etcd.go, `parseCompactionRetention`). A
/// duration in revision mode is its number of nanoseconds, as it is there.
pub fn policy(mode: &str, text: &str) -> Result<AutoCompaction, String> {
    check_mode(mode)?;
    Ok(match (mode, retention(text)?) {
        (_, Retention::Count(0) | Retention::Time(Duration::ZERO)) => AutoCompaction::Off,
        ("periodic", Retention::Count(hours)) => u64::try_from(hours)
            .ok()
            .and_then(|h| h.checked_mul(3600))
            .filter(|s| *s <= i64::MAX as u64 / 1_000_000_000)
            .map(|s| AutoCompaction::Periodic(Duration::from_secs(s)))
            .ok_or("number of hours out of range")?,
        ("periodic", Retention::Time(time)) => AutoCompaction::Periodic(time),
        (_, Retention::Count(count)) => AutoCompaction::Revision(count),
        (_, Retention::Time(time)) => {
            AutoCompaction::Revision(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
        }
    })
}
