//! Opens a data directory: which ones can be served, what a new one contains, and what a start changes. There is no
//! log: the file is the truth, and reading it is all the recovery there is.

use std::{
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Instant, SystemTime},
};

use tracing::info;

use super::stored::Stored;
use crate::{
    bolt::{self, Batch, Db, ForeignFile, Options, ReadOnly, ReadTx},
    schema::{
        self, Change, RecordError, bucket, counter, fresh, ids, lease,
        membership::{Member, Membership},
    },
    server::{
        alarms::Alarms,
        apply::{Applier, Ids, Start},
        auth::{AuthStore, Tokens},
        backend::{DatabaseFile, Tx},
        config::Config,
        error::Error,
        lease::{Downtime, Group, Lessor, Limits, Restored},
        metrics::StoreMetrics,
        mvcc::{
            index::TreeIndex,
            restore::{Keys, RestoreError, restore, restore_file},
            write::Head,
        },
        quota::Quota,
        shared::{Published, Shared},
    },
};

/// Why a data directory could not be served: one clear line that names the directory or file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory belongs to an etcd member.
    #[error(
        "{dir} is the data directory of an etcd member, which is never opened for writing: \
         `etcdctl snapshot status {dir}/member/snap/db` looks into it",
        dir = path.display()
    )]
    EtcdMember {
        /// The directory.
        path: PathBuf,
    },
    /// There is no database.
    #[error("no database in {}", dir.display())]
    NoDatabase {
        /// The directory.
        dir: PathBuf,
    },
    /// Another process has the file open.
    #[error(
        "{0}; a directory is shared by giving the address of its `etcdctl serve` to --endpoints"
    )]
    Locked(bolt::Error),
    /// The file is damaged, read-only, or not a database.
    #[error(transparent)]
    Engine(bolt::Error),
    /// A failure outside the core, such as creating a temporary directory.
    #[error("{0}")]
    Other(String),
    /// The system refused a thread.
    #[error("can't start a thread: {source}")]
    Thread {
        /// The cause.
        source: std::io::Error,
    },
    /// A record is invalid.
    #[error("{}: {source}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The record and the defect.
        source: RecordError,
    },
    /// The file contains something that this server cannot serve.
    #[error("{}: {what}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What cannot be served.
        what: String,
    },
}

impl From<bolt::Error> for OpenError {
    fn from(error: bolt::Error) -> OpenError {
        match error {
            bolt::Error::Locked { .. } => OpenError::Locked(error),
            other => OpenError::Engine(other),
        }
    }
}

impl OpenError {
    /// The keys of the file at `path` cannot be read.
    fn restore(error: RestoreError, path: &Path) -> OpenError {
        match error {
            RestoreError::Bolt(e) => OpenError::Engine(e),
            RestoreError::Record(source) => OpenError::Record {
                path: path.into(),
                source,
            },
        }
    }
}

/// The parts of a core.
pub struct Opened {
    /// Shared by readers and the writer.
    pub shared: Arc<Shared>,
    /// The file.
    pub db: Db,
    /// The writer's state.
    pub applier: Applier,
    /// The space quota.
    pub quota: Quota,
    /// An unfinished compaction: the revision of the last finished one, and its own.
    pub unfinished: Option<(i64, i64)>,
}

/// Opens or creates the data directory of `config`, the file with `options`. Blocks on disk.
///
/// # Errors
/// See [`OpenError`].
pub fn open(config: &Config, options: Options) -> Result<Opened, OpenError> {
    let path = database_path(config)?;
    let db = Db::open(&path, options)?;
    let me = member(config);
    // Read everything before writing anything, so that a file that is rejected remains unchanged.
    let file = DatabaseFile::Writable(db.clone());
    let contents = Contents::of_tx(path, file, db.read())?;
    contents.refuse_exhausted()?;
    let stored = &contents.stored;

    let membership = fresh::membership(&stored.membership, &me);
    let (changes, term, applied) = match stored.is_fresh {
        true => (fresh::initial(&me), fresh::FIRST_TERM, fresh::FIRST_INDEX),
        false => {
            let term = stored.meta.term.unwrap_or(0).max(1) + 1;
            let applied = stored.meta.consistent_index.unwrap_or(0);
            let mut changes = fresh::started(&stored.meta, &stored.membership, &membership);
            changes.extend(fresh::applied(applied, term));
            // From now on the remaining TTLs of leases change without being recorded.
            if stored.meta.lease_checkpoint.is_some() {
                changes.push(Change::delete(bucket::META, lease::CHECKPOINT_TIME));
            }
            // As in etcd, a file from before authentication gets the first auth revision.
            if stored.auth.revision.is_none() {
                let first = schema::auth::encode_revision(schema::auth::FIRST_REVISION);
                changes.push(Change::put(bucket::AUTH, schema::auth::REVISION, first));
            }
            (changes, term, applied)
        }
    };
    let meta = stored.meta.clone();
    let mut store = restore_store(config, contents, applied, membership)?;
    commit_start(&db, changes)?;
    store.published.tx = Tx::new(db.read());
    let quota = Quota::from_flag(config.quota_backend_bytes);
    let (published, compacted) = (&store.published, store.compacted);
    let ids = ids(&me, term);
    let start = Start {
        index: store.index.clone(),
        head: Head::new(published.tx.clone(), published.revision, compacted),
        alarms: published.alarms.clone(),
        auth: published.auth.clone(),
        leases: Group::new(store.lessor.clone()),
        membership: published.membership.clone(),
        applied,
        finished_compact: meta.finished_compact,
        scheduled_compact: meta.scheduled_compact,
        ids,
    };
    let finished = meta.finished_compact.unwrap_or(-1);
    let shared = Arc::new(store.share(ids)?);
    let metrics = shared.metrics.clone();
    Ok(Opened {
        shared,
        db,
        applier: Applier::new(start, quota, metrics, config.warning_apply_duration),
        quota,
        unfinished: (compacted > finished).then_some((finished, compacted)),
    })
}

/// Opens the data directory of `config` for reading: nothing is created or written, and every write is
/// refused. Blocks on disk.
///
/// # Errors
/// See [`OpenError`]; [`OpenError::NoDatabase`] if there is no database.
pub fn open_read_only(config: &Config) -> Result<Arc<Shared>, OpenError> {
    let contents = match &config.snapshot {
        Some(file) => read_foreign(file)?,
        None => read_own(config)?,
    };
    let stored = &contents.stored;
    let term = stored.meta.term.unwrap_or(fresh::FIRST_TERM);
    let applied = stored.meta.consistent_index.unwrap_or(0);
    let me = member(config);
    let own = ids(&me, term);
    // A snapshot shows the members that it names. It does not tell which of them saved it.
    let (membership, ids) = match config.snapshot {
        Some(_) => {
            let members: Vec<u64> = stored.membership.members.keys().copied().collect();
            let ids = match members.first() {
                Some(first) => Ids {
                    cluster: ids::cluster_id(&members),
                    member: *first,
                    term,
                },
                None => own,
            };
            (stored.membership.clone(), ids)
        }
        None => (fresh::membership(&stored.membership, &me), own),
    };
    let text = match &config.snapshot {
        Some(file) => format!(
            "etcdserver: snapshot:{} can only be read: nothing can be written to it",
            file.display()
        ),
        None => format!(
            "etcdserver: {} is open for reading only: nothing can be written",
            contents.path.display()
        ),
    };
    let shared = restore_store(config, contents, applied, membership)?.share(ids)?;
    shared
        .queue
        .refuse_all(Error::Other(tonic::Code::FailedPrecondition, text));
    Ok(Arc::new(shared))
}

/// What was read from a file.
struct Contents {
    path: PathBuf,
    file: DatabaseFile,
    /// The state of the file that was read.
    tx: Tx,
    stored: Stored,
    keys: Keys,
}

impl Contents {
    /// Reads a database of this server.
    fn of_tx(path: PathBuf, file: DatabaseFile, tx: ReadTx) -> Result<Contents, OpenError> {
        let stored = Stored::of_tx(&tx, &path)?;
        stored.refuse_unsupported(&path)?;
        tx.will_need();
        Ok(Contents {
            keys: restore(&tx).map_err(|e| OpenError::restore(e, &path))?,
            path,
            file,
            tx: Tx::new(tx),
            stored,
        })
    }

    /// Fails if a counter of the file is so high that writing could exhaust it. Only damage leads to that.
    fn refuse_exhausted(&self) -> Result<(), OpenError> {
        let meta = &self.stored.meta;
        let revision = self.keys.revision.max(meta.compact_revision().unwrap_or(0));
        for (what, number) in [
            ("revision", Some(revision.unsigned_abs())),
            ("consistent index", meta.consistent_index),
            ("term", meta.term),
            ("auth revision", self.stored.auth.revision),
        ] {
            if let Some(problem) = number.and_then(|n| counter::beyond_limit(what, n)) {
                return Err(OpenError::Other(format!(
                    "{}: {problem}; `etcdutl snapshot salvage` writes a sound file from it",
                    self.path.display()
                )));
            }
        }
        Ok(())
    }
}

/// Reads the data directory of `config`.
fn read_own(config: &Config) -> Result<Contents, OpenError> {
    let path = database_path(config)?;
    // If that cannot be determined, for lack of permission for example, opening the file reports why.
    if matches!(path.try_exists(), Ok(false)) {
        return Err(OpenError::NoDatabase {
            dir: config.data_dir.clone(),
        });
    }
    let db = ReadOnly::open(&path)?;
    let tx = db.read();
    Contents::of_tx(path, DatabaseFile::ReadOnly(db), tx)
}

/// Reads a foreign file. One thread reads it sequentially and checks its digest, while others build the index. No request
/// can be answered before all pages in use have been read, because a key may be on any of them.
fn read_foreign(path: &Path) -> Result<Contents, OpenError> {
    let file = ForeignFile::open(path)?;
    let reader = file.reader();
    let stored = Stored::of_file(reader, path);
    reader.check_unchanged()?;
    let stored = stored?;
    if stored.is_fresh {
        return Err(OpenError::Unsupported {
            path: path.into(),
            what: "not an etcd database: it has no bucket".into(),
        });
    }
    stored.refuse_unsupported(path)?;
    let done = AtomicBool::new(false);
    let (keys, digest) = std::thread::scope(|scope| {
        let digest = scope.spawn(|| reader.check_digest(&done));
        let keys = restore_file(&file);
        done.store(true, Ordering::Relaxed);
        (keys, digest.join())
    });
    digest.unwrap_or_else(|panic| resume_unwind(panic))?;
    reader.check_unchanged()?;
    Ok(Contents {
        path: path.into(),
        tx: Tx::of_file(file.clone()),
        file: DatabaseFile::Foreign(file),
        stored,
        keys: keys.map_err(|e| OpenError::restore(e, path))?,
    })
}

/// Path of the database file in a data directory.
fn database_path(config: &Config) -> Result<PathBuf, OpenError> {
    let dir = &config.data_dir;
    match dir.join("member").exists() {
        true => Err(OpenError::EtcdMember { path: dir.clone() }),
        false => Ok(dir.join("db")),
    }
}

/// The content of an open file.
struct Store {
    index: Arc<TreeIndex>,
    /// The first state to be published.
    published: Published,
    compacted: i64,
    lessor: Arc<Lessor>,
    tokens: Tokens,
}

impl Store {
    /// Makes it available to readers and the writer.
    fn share(self, ids: Ids) -> Result<Shared, OpenError> {
        let metrics = StoreMetrics::new().map_err(|e| OpenError::Other(format!("metrics: {e}")))?;
        Ok(Shared::new(
            self.index,
            ids,
            self.lessor,
            self.tokens,
            self.published,
            self.compacted,
            Arc::new(metrics),
        ))
    }
}

/// Restores the state from the contents of a file.
fn restore_store(
    config: &Config,
    contents: Contents,
    applied: u64,
    membership: Membership,
) -> Result<Store, OpenError> {
    let Contents {
        file,
        tx,
        stored,
        keys,
        ..
    } = contents;
    let compacted = stored.meta.compact_revision().unwrap_or(-1);
    // If the latest changes were all compacted away, the remaining records do not show the current revision.
    let revision = keys.revision.max(compacted);
    info!(
        "restored-compact-revision" = compacted,
        "current-rev" = revision,
        keys = keys.index.len(),
        "kvstore restored"
    );
    // Restore the leases, with or without the time during which the file was closed.
    let downtime = match config.leases_count_downtime {
        true => Downtime::Counts(stored.closed_for(SystemTime::now())),
        false => Downtime::Extends(config.cluster.election_timeout()),
    };
    let leases = Restored {
        leases: stored.leases,
        items: keys.leased,
    };
    let lessor = Lessor::restore(limits(config), leases, downtime, Instant::now());
    // Restore users and roles. No simple token is valid yet.
    let mut auth = AuthStore::restore(
        stored.auth.enabled == Some(true),
        stored.auth.revision.unwrap_or(0),
        stored.users,
        stored.roles,
    );
    if config.bypass_auth {
        auth = auth.bypassed();
    }
    let tokens = Tokens::from_flags(&config.auth_token, config.auth_token_ttl)
        .map_err(|e| OpenError::Other(e.to_string()))?;
    if auth.is_enabled() {
        tokens.enable();
    }
    let published = Published {
        file,
        tx,
        revision,
        applied,
        alarms: Alarms::restore(stored.alarms),
        auth: Arc::new(auth),
        membership: Arc::new(membership),
        events: Vec::new(),
    };
    Ok(Store {
        index: Arc::new(keys.index),
        published,
        compacted,
        lessor: Arc::new(lessor),
        tokens,
    })
}

fn limits(config: &Config) -> Limits {
    Limits {
        min_ttl: config.cluster.shortest_lease(),
        ..Limits::default()
    }
}

/// The ids in response headers.
fn ids(me: &Member, term: u64) -> Ids {
    Ids {
        cluster: ids::cluster_id(&[me.id]),
        member: me.id,
        term,
    }
}

/// This member, according to the flags.
fn member(config: &Config) -> Member {
    let peer_urls = config.peer_urls();
    Member {
        id: ids::member_id(&peer_urls, &config.initial_cluster_token),
        peer_urls,
        is_learner: false,
        name: config.name.clone(),
        client_urls: config.client_urls(),
    }
}

/// Commits the changes made by a start. Afterwards every bucket exists.
fn commit_start(db: &Db, changes: Vec<Change>) -> Result<(), bolt::Error> {
    let mut batch = Batch::new();
    for name in bucket::ALL {
        batch.create_bucket(name)?;
    }
    for change in changes {
        match change.value {
            Some(value) => batch.put(change.bucket, change.key, value)?,
            None => batch.delete(change.bucket, change.key)?,
        }
    }
    db.claim(batch.bytes(), batch.ops())?;
    db.commit(&batch).map(drop)
}
