//! `etcdutl defrag`: returns the free pages of a stopped member's database to the file system. Source: etcd v3.7.1,
//! etcdutl/etcdutl/defrag_command.go, server/storage/backend/backend.go.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::database;
use crate::{
    bolt::{LockedFile, Sizes},
    golang::{
        format,
        zap::{Level, Line},
    },
    snapshot::Error,
};

/// Result of a defragmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefragOutcome {
    /// Sizes in bytes before.
    pub before: Sizes,
    /// Sizes in bytes after.
    pub after: Sizes,
}

/// Defragments the database in the data directory `dir`. Waits up to `timeout` for its lock; `None` waits forever.
///
/// # Errors
/// There is no database, a server has it open, it is damaged, or the disk fails. The old file is then unchanged.
pub fn defragment(
    dir: &Path,
    timeout: Option<Duration>,
    log: &mut dyn FnMut(Line),
) -> Result<DefragOutcome, Error> {
    let path = database(dir)?;
    let file = LockedFile::lock(&path, timeout)?;
    let start = Instant::now();
    let (before, after) = file.defragment()?;
    let name = || path.display().to_string();
    log(sizes(
        Line::new(Level::Info, "backend/backend.go:532", "defragmenting").with("path", name()),
        before,
        None,
    ));
    let done = Line::new(
        Level::Info,
        "backend/backend.go:602",
        "finished defragmenting directory",
    );
    log(sizes(done.with("path", name()), after, Some(before)).with("took", start.elapsed()));
    Ok(DefragOutcome { before, after })
}

/// Adds both sizes to a line, and the differences from `before`.
fn sizes(line: Line, now: Sizes, before: Option<Sizes>) -> Line {
    let diff = |now: u64, before: u64| now.cast_signed() - before.cast_signed();
    let mut line = line;
    if let Some(before) = before {
        line = line.with("current-db-size-bytes-diff", diff(now.total, before.total));
    }
    line = line
        .with("current-db-size-bytes", now.total)
        .with("current-db-size", format::bytes(now.total));
    if let Some(before) = before {
        let change = diff(now.in_use, before.in_use);
        line = line.with("current-db-size-in-use-bytes-diff", change);
    }
    line.with("current-db-size-in-use-bytes", now.in_use)
        .with("current-db-size-in-use", format::bytes(now.in_use))
}
