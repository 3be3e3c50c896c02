//! `etcdutl migrate`: converts a database to the storage version of another minor version of etcd. Source: etcd v3.7.1,
//! etcdutl/etcdutl/migrate_command.go, server/storage/schema/{schema,migration}.go, server/storage/wal/version.go.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use prost::Message as _;

use super::database;
use crate::{
    bolt::{self, Batch, Db, Options},
    golang::{
        format::quote,
        value,
        zap::{Level, Line},
    },
    proto::{etcdserverpb::InternalRaftRequest, raftpb::EntryType},
    schema::{
        Version, bucket,
        meta::{self, Meta},
    },
    snapshot::Error,
    wal::{self, Log},
};

/// Interval between attempts to take a lock that is held by another process.
const RETRY: Duration = Duration::from_millis(50);
/// The oldest minor version that stores its version in the database.
const FIRST_STORED: u64 = 6;
/// The newest minor version to which a database can be migrated.
const NEWEST: u64 = 7;

/// `--target-version`, as a minor version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetVersion {
    major: u64,
    minor: u64,
}

impl TargetVersion {
    /// Parses `X.Y`.
    ///
    /// # Errors
    /// etcdutl's error text.
    pub fn parse(text: &str) -> Result<TargetVersion, String> {
        let wrong = || {
            let text = quote(text.as_bytes());
            format!("wrong target version format, expected \"X.Y\", got {text}")
        };
        let (major, minor) = text.split_once('.').ok_or_else(wrong)?;
        if minor.contains('.') {
            return Err(wrong());
        }
        let number = |text: &str| {
            value::int(text, 10)
                .ok()
                .and_then(|n| u64::try_from(n).ok())
                .ok_or_else(|| {
                    let text = quote(text.as_bytes());
                    format!(
                        "failed to parse target version: strconv.ParseInt: parsing {text}: invalid syntax"
                    )
                })
        };
        let version = TargetVersion {
            major: number(major)?,
            minor: number(minor)?,
        };
        if (version.major, version.minor) < (3, 5) {
            return Err(format!(
                "target version {} not supported. Minimal \"3.5\"",
                quote(version.short().as_bytes())
            ));
        }
        Ok(version)
    }

    fn short(self) -> String {
        format!("{}.{}", self.major, self.minor)
    }

    fn version(self) -> Version {
        Version::new(self.major, self.minor)
    }
}

/// Result of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Migrated {
    /// The database already has this version.
    UpToDate(Version),
    /// The database was migrated through these versions.
    Steps(Vec<Version>),
    /// Only the version was changed, because the migration is otherwise not possible.
    Forced(Version),
}

/// Why a migration was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be opened, read or written.
    #[error(transparent)]
    File(#[from] Error),
    /// The log cannot be read.
    #[error("{doing}: {source}")]
    Wal {
        /// The operation.
        doing: &'static str,
        /// The cause.
        source: wal::Error,
    },
    /// The versions do not permit the migration.
    #[error("{0}")]
    Refused(String),
}

impl From<bolt::Error> for MigrateError {
    fn from(e: bolt::Error) -> MigrateError {
        MigrateError::File(e.into())
    }
}

/// Migrates the database in the data directory `dir`. Waits up to `timeout` for its lock; `None` waits forever. With
/// `force`, sets the version even if the migration is not possible.
///
/// # Errors
/// There is no database, a server has it open, the log is damaged, or the target version cannot be reached.
pub fn migrate(
    dir: &Path,
    target: TargetVersion,
    force: bool,
    timeout: Option<Duration>,
    log: &mut dyn FnMut(Line),
) -> Result<Migrated, MigrateError> {
    let path = database(dir)?;
    let db = open(&path, timeout)?;
    let meta = read_meta(&db)?;
    // Determine the current version.
    let Some(current) = schema_version(&meta) else {
        log(Line::new(
            Level::Error,
            "etcdutl/migrate_command.go:134",
            "failed to detect storage version. Please make sure you are using data dir from etcd v3.5 and older",
        ));
        return Err(MigrateError::Refused("missing term information".into()));
    };
    if current == target.version() {
        log(Line::new(
            Level::Info,
            "etcdutl/migrate_command.go:138",
            "storage version up-to-date",
        )
        .with("storage-version", target.short()));
        return Ok(Migrated::UpToDate(current));
    }
    // Determine the oldest version that understands the log. A directory of our own server has no log, because the database
    // contains everything.
    let needed = match path.parent().and_then(Path::parent).map(|m| m.join("wal")) {
        Some(wal) if path.ends_with("member/snap/db") => minimal_version(&wal)?,
        _ => None,
    };
    // Plan the steps.
    let plan = plan(&current, target).and_then(|steps| {
        let older = target.version() < current;
        match needed.filter(|needed| older && target.version() < *needed) {
            Some(needed) => Err(format!(
                "cannot downgrade storage, WAL contains newer entries, as the target version ({}) is lower \
                 than the version ({needed}) detected from WAL logs",
                target.version()
            )),
            None => Ok(steps),
        }
    });
    // Write the new version, with `force` even if there is no plan.
    match plan {
        Ok(steps) => {
            write(&db, target)?;
            for step in &steps {
                log(Line::new(
                    Level::Info,
                    "schema/migration.go:65",
                    "updated storage version",
                )
                .with("new-storage-version", step.to_string()));
            }
            Ok(Migrated::Steps(steps))
        }
        Err(why) if !force => Err(MigrateError::Refused(why)),
        Err(why) => {
            log(Line::new(
                Level::Info,
                "etcdutl/migrate_command.go:152",
                "normal migrate failed, trying with force",
            )
            .with("error", why));
            write(&db, target)?;
            log(forced(target));
            Ok(Migrated::Forced(target.version()))
        }
    }
}

fn forced(target: TargetVersion) -> Line {
    if target.minor < FIRST_STORED {
        let message = "forcefully cleared storage version";
        Line::new(Level::Warn, "etcdutl/migrate_command.go:165", message)
    } else {
        let message = "forcefully set storage version";
        Line::new(Level::Warn, "etcdutl/migrate_command.go:168", message)
            .with("storage-version", target.short())
    }
}

/// Opens the database and waits for its lock.
fn open(path: &Path, timeout: Option<Duration>) -> Result<Db, MigrateError> {
    let until = timeout.map(|t| Instant::now() + t);
    loop {
        match Db::open(path, Options::default()) {
            Err(bolt::Error::Locked { .. }) if until.is_none_or(|t| Instant::now() < t) => {
                std::thread::sleep(RETRY);
            }
            done => return Ok(done?),
        }
    }
}

fn read_meta(db: &Db) -> Result<Meta, MigrateError> {
    let mut out = Meta::default();
    let tx = db.read();
    let bucket = tx.bucket(bucket::META)?.ok_or_else(|| Error::NotEtcd {
        file: db.path().to_owned(),
        bucket: "meta".into(),
    })?;
    for entry in bucket.iter()? {
        let entry = entry?;
        out.read(entry.key, entry.value)
            .map_err(|first| Error::Record {
                file: PathBuf::from(db.path()),
                page: 0,
                first: Box::new(first),
                others: 0,
            })?;
    }
    Ok(out)
}

/// The version of a database: the stored version, or 3.5 if there is a term, which 3.4 does not write.
fn schema_version(meta: &Meta) -> Option<Version> {
    let stored = meta.storage_version.clone();
    stored.or_else(|| {
        meta.term
            .filter(|term| *term > 0)
            .map(|_| Version::new(3, 5))
    })
}

/// The versions between `current` and the target.
fn plan(current: &Version, target: TargetVersion) -> Result<Vec<Version>, String> {
    if current.major != target.major {
        return Err(
            "cannot create migration plan: changing major storage version is not supported".into(),
        );
    }
    let mut steps = Vec::new();
    let mut minor = current.minor;
    while minor != target.minor {
        // The changes between two versions are listed under the higher one.
        let up = minor < target.minor;
        let higher = if up { minor + 1 } else { minor };
        if !(FIRST_STORED..=NEWEST).contains(&higher) {
            let version = quote(format!("{}.{higher}.0", current.major).as_bytes());
            return Err(format!(
                "cannot create migration plan: version {version} is not supported"
            ));
        }
        minor = if up { minor + 1 } else { minor - 1 };
        steps.push(Version::new(current.major, minor));
    }
    Ok(steps)
}

/// Writes the storage version, or removes it if the target version does not have one.
fn write(db: &Db, target: TargetVersion) -> Result<(), MigrateError> {
    let mut batch = Batch::new();
    if target.minor < FIRST_STORED {
        batch.delete(bucket::META, meta::STORAGE_VERSION)?;
    } else {
        let value = meta::encode_version(&target.version());
        batch.put(bucket::META, meta::STORAGE_VERSION, value)?;
    }
    Ok(db.commit(&batch).map(drop)?)
}

/// The oldest version that understands the log entries after the newest snapshot, if that is above 3.5.
fn minimal_version(dir: &Path) -> Result<Option<Version>, MigrateError> {
    let fail = |doing| move |source| MigrateError::Wal { doing, source };
    let snapshots =
        wal::valid_snapshots(dir).map_err(fail("failed to get the lastest snapshot"))?;
    let newest = snapshots.snapshots.last().cloned().unwrap_or_default();
    let log = Log::read(dir, &newest).map_err(fail("failed to read wal"))?;
    if !log.snapshot_found {
        let source = wal::Error::Log {
            dir: dir.to_owned(),
            what: "the newest raft snapshot is not in the log".into(),
        };
        return Err(fail("failed to read wal")(source));
    }
    let mut needed = None;
    for entry in &log.entries {
        if entry.r#type() != EntryType::EntryNormal {
            continue;
        }
        // Version 2 requests, which 3.5 and older releases log, cannot be decoded, but every version can read them.
        let Ok(request) = InternalRaftRequest::decode(entry.data()) else {
            continue;
        };
        if let Some(test) = request.downgrade_version_test {
            // This request was introduced in 3.6 and names a version.
            let named = test.ver.parse::<Version>().ok();
            needed = needed.max(Some(Version::new(3, 6))).max(named);
        }
    }
    Ok(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_with_etcdutls_words() {
        for (text, error) in [
            (
                "abc",
                "wrong target version format, expected \"X.Y\", got \"abc\"",
            ),
            (
                "3",
                "wrong target version format, expected \"X.Y\", got \"3\"",
            ),
            (
                "3.6.0",
                "wrong target version format, expected \"X.Y\", got \"3.6.0\"",
            ),
            (
                "3.a",
                "failed to parse target version: strconv.ParseInt: parsing \"a\": invalid syntax",
            ),
            (
                "a.b",
                "failed to parse target version: strconv.ParseInt: parsing \"a\": invalid syntax",
            ),
            (
                "3.4",
                "target version \"3.4\" not supported. Minimal \"3.5\"",
            ),
            (
                "2.9",
                "target version \"2.9\" not supported. Minimal \"3.5\"",
            ),
        ] {
            assert_eq!(TargetVersion::parse(text).unwrap_err(), error);
        }
        assert_eq!(
            TargetVersion::parse("3.6").unwrap().version(),
            Version::new(3, 6)
        );
    }

    #[test]
    fn plans_go_step_by_step() {
        let to = |minor| TargetVersion { major: 3, minor };
        let steps = |from, target| {
            plan(&Version::new(3, from), to(target))
                .map(|steps| steps.iter().map(|v| v.minor).collect::<Vec<_>>())
        };
        assert_eq!(steps(5, 7), Ok(vec![6, 7]));
        assert_eq!(steps(7, 5), Ok(vec![6, 5]));
        let unsupported = |v| {
            Err(format!(
                "cannot create migration plan: version \"3.{v}.0\" is not supported"
            ))
        };
        assert_eq!(steps(7, 8), unsupported(8));
        assert_eq!(steps(9, 7), unsupported(9));
        let other = plan(&Version::new(3, 7), TargetVersion { major: 4, minor: 0 });
        assert!(other.unwrap_err().contains("changing major"));
    }
}
