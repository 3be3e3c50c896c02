//! The steps of a restore in etcd's order. Each database transaction matches one of etcd's own restore, so that the
//! resulting file is identical. Source: etcd v3.7.1, etcdutl/snapshot/v3_snapshot.go.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    panic::resume_unwind,
    path::{Path, PathBuf},
    thread,
};

use prost::Message as _;

use super::{
    Error, Peers, Target, Targets,
    copy::Source,
    place::Place,
    target::{self, Change},
    v2_store,
};
use crate::{
    bolt::{Edit, Editor, PageSet, parent},
    golang::zap::{Level, Line},
    proto::{
        etcdserverpb::Metadata,
        raftpb::{
            ConfChange, ConfChangeType, ConfState, Entry, EntryType, HardState, Snapshot,
            SnapshotMetadata,
        },
        walpb,
    },
    schema::{RecordError, bucket, key::Revision, membership, meta},
    snapshot::{
        Item, Records,
        examine::{Invariants, first_problem},
        records::Inspector,
    },
    wal::{self, SnapName},
};

/// Number of bytes of the database that etcd maps by default.
pub const DEFAULT_MAP_SIZE: u64 = 10 << 30;
/// The term of everything that a restore writes.
const TERM: u64 = 1;
/// Revisions stay below this, so that a cluster can never exhaust them.
const MAX_REVISION: i64 = 1 << 62;

/// What to restore, and how. Every field corresponds to the flag of the same name.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The snapshot, or a stopped member's database.
    pub file: PathBuf,
    /// The name of the member.
    pub name: String,
    /// The data directory; `NAME.etcd` unless given.
    pub data_dir: Option<PathBuf>,
    /// The directory of the log, if it is not inside the data directory.
    pub wal_dir: Option<PathBuf>,
    /// Names and peer URLs of all members.
    pub initial_cluster: String,
    /// The token that distinguishes the new cluster from others.
    pub initial_cluster_token: String,
    /// The peer URLs of this member.
    pub initial_advertise_peer_urls: String,
    /// Whether a file with a missing or wrong digest is accepted.
    pub skip_hash_check: bool,
    /// Least number of bytes that etcd would map. Here this only determines the length of the file when it grows.
    pub initial_memory_map_size: u64,
    /// Number by which to increase the revision.
    pub bump_revision: u64,
    /// Whether to mark everything up to the new revision as compacted.
    pub mark_compacted: bool,
    /// Whether the directory is for our own server, which needs a database without log and members.
    pub for_serve: bool,
    /// The etcd release that is to start from it, if older than the one that wrote the file.
    pub target: Option<Target>,
}

impl RestoreOptions {
    /// A restore of `file` with etcd's defaults.
    pub fn new(file: impl Into<PathBuf>) -> RestoreOptions {
        RestoreOptions {
            file: file.into(),
            name: "default".into(),
            data_dir: None,
            wal_dir: None,
            initial_cluster: "default=http://localhost:2380".into(),
            initial_cluster_token: "etcd-cluster".into(),
            initial_advertise_peer_urls: "http://localhost:2380".into(),
            skip_hash_check: false,
            initial_memory_map_size: DEFAULT_MAP_SIZE,
            bump_revision: 0,
            mark_compacted: false,
            for_serve: false,
            target: None,
        }
    }
}

/// A restore whose flags are valid and whose destinations are free.
#[derive(Clone, Debug)]
pub struct Plan {
    options: RestoreOptions,
    /// The destinations.
    pub targets: Targets,
    /// The members of the new cluster; `None` for our own server.
    pub peers: Option<Peers>,
}

/// Result of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The revision at which a server on the directory starts.
    pub revision: i64,
    /// The revision up to which its history is compacted, if it is.
    pub compact_revision: Option<i64>,
}

/// Receives the log lines.
type Log<'a> = dyn FnMut(Line) + 'a;

impl Plan {
    /// Checks flags and destinations. Changes nothing and does not read the snapshot.
    ///
    /// # Errors
    /// Why the restore is refused, in etcd's words if it has any.
    pub fn new(options: RestoreOptions) -> Result<Plan, Error> {
        let targets = Targets::new(
            &options.name,
            options.data_dir.as_deref(),
            options.wal_dir.as_deref(),
        );
        let peers = if options.for_serve {
            None
        } else {
            let peers = Peers::read(
                &options.name,
                &options.initial_cluster,
                &options.initial_cluster_token,
                &options.initial_advertise_peer_urls,
            );
            Some(peers.map_err(Error::Refused)?)
        };
        targets.check()?;
        Ok(Plan {
            options,
            targets,
            peers,
        })
    }

    /// The flags.
    pub fn options(&self) -> &RestoreOptions {
        &self.options
    }

    /// Reads and checks the snapshot as a restore would. Changes nothing.
    ///
    /// # Errors
    /// The error that a restore would end with.
    pub fn check_file(&self) -> Result<Outcome, Error> {
        let (records, _) = self.read(None)?;
        self.outcome(&records)
    }

    /// Verifies the digest of the snapshot and checks all its pages and records. Copies it to `to` if that is given.
    /// Returns what is in it and the pages in use.
    fn read(&self, to: Option<&Path>) -> Result<(Records, PageSet), Error> {
        let options = &self.options;
        let source = Source::open(&options.file)?;
        let (copied, checked) = thread::scope(|scope| {
            // Copying takes as long as the disk needs, and computing the digest keeps one core busy. Both run concurrently
            // with the checks.
            let copying = scope.spawn(|| source.read_through(to, options.skip_hash_check));
            let checked = self.check(&source);
            (copying.join().unwrap_or_else(|e| resume_unwind(e)), checked)
        });
        // A wrong digest explains everything else that was found.
        copied?;
        let checked = checked?;
        // The checks apply to the copy only if the file has not changed.
        source.check_unchanged()?;
        Ok(checked)
    }

    /// Checks all pages and records of the snapshot.
    fn check(&self, source: &Source) -> Result<(Records, PageSet), Error> {
        let reader = source.reader()?;
        let mut invariants = Invariants::without_histories();
        let mut visit = self.visitor(&mut invariants);
        let mut inspector = Inspector::new(&mut visit);
        let (checked, used) = reader.check_with_pages(&mut |v| inspector.add(v))?;
        let records = inspector.finish(&self.options.file, checked.findings)?;
        drop(visit);
        self.check_records(&records, &mut invariants)?;
        Ok((records, used))
    }

    /// Rejects records that the target release does not know, and passes the others to `invariants`.
    fn visitor<'a>(
        &self,
        invariants: &'a mut Invariants,
    ) -> impl FnMut(Item<'_>) -> Result<(), RecordError> + use<'a> {
        let target = self.options.target;
        let mut name = Vec::new();
        move |item: Item<'_>| {
            match (item, target) {
                (Item::Bucket(bucket), _) => name = bucket.to_vec(),
                (Item::Record { key, value } | Item::History { key, value, .. }, Some(target)) => {
                    target::check_record(target, &name, key, value)?;
                }
                _ => {}
            }
            invariants.add(item)
        }
    }

    /// Checks the records against the target release and against each other.
    fn check_records(&self, records: &Records, invariants: &mut Invariants) -> Result<(), Error> {
        if let Some(target) = self.options.target {
            target::check_version(records, target)?;
        }
        match first_problem(invariants, records) {
            Some(problem) => Err(Error::Unsound {
                file: self.options.file.clone(),
                problem,
            }),
            None => Ok(()),
        }
    }

    /// The revisions after the restore.
    fn outcome(&self, records: &Records) -> Result<Outcome, Error> {
        let compacted = records.meta.compact_revision();
        if self.options.bump_revision == 0 {
            return Ok(Outcome {
                revision: records.current_revision(),
                compact_revision: compacted,
            });
        }
        // etcd adds to the revision of the last record. If the last records have been compacted away, the current
        // revision is higher.
        let latest = records.last_revision.max(compacted.unwrap_or(0));
        let revision = i64::try_from(self.options.bump_revision)
            .ok()
            .and_then(|bump| latest.checked_add(bump))
            .filter(|revision| *revision < MAX_REVISION)
            .ok_or_else(|| {
                let bump = self.options.bump_revision;
                Error::Refused(format!(
                    "--bump-revision={bump} is too much: revision {latest} would pass {MAX_REVISION}"
                ))
            })?;
        Ok(Outcome {
            revision,
            compact_revision: Some(revision),
        })
    }

    /// Restores. Until the last step, there is nothing that a server would recognise, and a failure leaves nothing
    /// behind.
    ///
    /// # Errors
    /// The snapshot is damaged, or the disk fails.
    pub fn run(&self, log: &mut Log<'_>) -> Result<Outcome, Error> {
        log(self.line("snapshot/v3_snapshot.go:306", "restoring snapshot"));
        // Do not create a directory for a missing snapshot, not even briefly.
        std::fs::metadata(&self.options.file)
            .map_err(|e| Error::io("open", &self.options.file, e))?;
        let mut place = Place::prepare(self.targets.clone())?;
        let db = match self.peers {
            Some(_) => place.snap_dir()?.join("db"),
            None => place.work().join("db"),
        };
        let (records, used) = self.read(Some(&db))?;
        // Errors name the snapshot instead of the copy.
        let mut editor = Editor::open(&db, self.options.initial_memory_map_size, &used)
            .map_err(|e| e.of_file(&self.options.file))?;
        let outcome = self.outcome(&records)?;
        match &self.peers {
            Some(peers) => self.make_member(&mut place, &db, &mut editor, &records, peers, log)?,
            None => self.make_served(&mut editor, &records, log)?,
        }
        editor.finish()?;
        place.commit(if self.peers.is_some() { "member" } else { "db" })?;
        log(self.line("snapshot/v3_snapshot.go:334", "restored snapshot"));
        Ok(outcome)
    }

    /// Writes the transactions, the log and the raft snapshot of an etcd member.
    fn make_member(
        &self,
        place: &mut Place,
        db: &Path,
        editor: &mut Editor,
        records: &Records,
        peers: &Peers,
        log: &mut Log<'_>,
    ) -> Result<(), Error> {
        // Remove the members of the old cluster. etcd commits once for that, and once more when it closes the file.
        log(Line::new(
            Level::Info,
            "schema/membership.go:125",
            "Trimming membership information from the backend...",
        ));
        let old = &records.membership;
        if !old.members.is_empty() || !old.removed.is_empty() {
            let clear = [bucket::MEMBERS, bucket::MEMBERS_REMOVED].map(|name| (name, Edit::Clear));
            commit(editor, clear)?;
        }
        commit(editor, [])?;
        // Increase the revision.
        if self.options.bump_revision > 0 {
            editor.reopen(DEFAULT_MAP_SIZE);
            commit(editor, self.bump(records, log)?)?;
            commit(editor, [])?;
        }
        if let Some(target) = self.options.target {
            let changes = target::changes(records, target);
            if !changes.is_empty() {
                commit(editor, changes)?;
            }
        }
        // Add the members of the new cluster.
        editor.reopen(self.options.initial_memory_map_size);
        let buckets = [bucket::MEMBERS, bucket::MEMBERS_REMOVED, bucket::CLUSTER];
        let mut changes: Vec<Change> = buckets.map(|name| (name, Edit::Create)).to_vec();
        for member in &peers.members {
            let (key, value) = membership::encode_member(member);
            changes.push((bucket::MEMBERS, Edit::Put { key, value }));
            log(
                Line::new(Level::Info, "membership/cluster.go:408", "added member")
                    .with("cluster-id", format!("{:x}", peers.cluster_id))
                    .with("local-member-id", "0")
                    .with("added-peer-id", format!("{:x}", member.id))
                    .with("added-peer-peer-urls", member.peer_urls.clone())
                    .with("added-peer-is-learner", false),
            );
        }
        commit(editor, changes)?;
        // Write the log and the raft snapshot with the same members.
        let index = write_log(&place.wal_dir()?, peers)?;
        write_raft_snapshot(parent(db), peers, index)?;
        // Set the consistent index and term of the database to match them.
        editor.reopen(self.options.initial_memory_map_size);
        let put = |key: &[u8], number| Edit::Put {
            key: key.to_vec(),
            value: meta::encode_number(number).to_vec(),
        };
        let mut changes: Vec<Change> = vec![(bucket::META, put(meta::CONSISTENT_INDEX, index))];
        if self.options.target != Some(Target::V3_4) {
            changes.push((bucket::META, put(meta::TERM, TERM)));
        }
        commit(editor, changes)
    }

    /// Our own server updates members and versions when it opens the file.
    fn make_served(
        &self,
        editor: &mut Editor,
        records: &Records,
        log: &mut Log<'_>,
    ) -> Result<(), Error> {
        if self.options.bump_revision > 0 {
            commit(editor, self.bump(records, log)?)?;
        }
        Ok(())
    }

    fn bump(&self, records: &Records, log: &mut Log<'_>) -> Result<Vec<Change>, Error> {
        let Outcome { revision, .. } = self.outcome(records)?;
        log(Line::new(
            Level::Info,
            "snapshot/v3_snapshot.go:397",
            "bumping latest revision",
        )
        .with("latest-revision", records.last_revision)
        .with("bump-amount", self.options.bump_revision)
        .with("new-latest-revision", revision));
        log(Line::new(
            Level::Info,
            "snapshot/v3_snapshot.go:414",
            "marking revision compacted",
        )
        .with("revision", revision));
        Ok(vec![
            (
                bucket::KEY,
                Edit::Put {
                    key: Revision::new(revision, 0).encode().to_vec(),
                    value: Vec::new(),
                },
            ),
            (
                bucket::META,
                Edit::Put {
                    key: meta::SCHEDULED_COMPACT.to_vec(),
                    value: meta::encode_compact(revision).to_vec(),
                },
            ),
        ])
    }

    fn line(&self, caller: &'static str, message: &'static str) -> Line {
        let text = |path: &Path| path.display().to_string();
        Line::new(Level::Info, caller, message)
            .with("path", text(&self.options.file))
            .with("wal-dir", text(&self.targets.wal_dir))
            .with("data-dir", text(&self.targets.data_dir))
            .with("snap-dir", text(&self.targets.snap_dir()))
            .with(
                "initial-memory-map-size",
                self.options.initial_memory_map_size,
            )
    }
}

/// Commits one transaction.
fn commit(editor: &mut Editor, changes: impl IntoIterator<Item = Change>) -> Result<(), Error> {
    let mut grouped: BTreeMap<&[u8], Vec<Edit>> = BTreeMap::new();
    for (name, edit) in changes {
        grouped.entry(name).or_default().push(edit);
    }
    Ok(editor.commit(&grouped)?)
}

/// Writes a log whose entries add the members. Returns the index of the last entry.
fn write_log(dir: &Path, peers: &Peers) -> Result<u64, Error> {
    let metadata = Metadata {
        node_id: Some(peers.me),
        cluster_id: Some(peers.cluster_id),
    };
    let mut log = wal::Writer::create(dir, &metadata)?;
    for (index, member) in (1..).zip(&peers.members) {
        let (_, context) = membership::encode_member(member);
        let change = ConfChange {
            id: None,
            r#type: Some(ConfChangeType::ConfChangeAddNode.into()),
            node_id: Some(member.id),
            context: Some(context.into()),
        };
        log.entry(&Entry {
            r#type: Some(EntryType::EntryConfChange.into()),
            term: Some(TERM),
            index: Some(index),
            data: Some(change.encode_to_vec().into()),
        });
    }
    let index = peers.members.len() as u64;
    log.state(&HardState {
        term: Some(TERM),
        vote: peers.members.first().map(|m| m.id),
        commit: Some(index),
    });
    log.snapshot(&walpb::Snapshot {
        index: Some(index),
        term: Some(TERM),
        conf_state: Some(conf_state(peers)),
    });
    log.finish()?;
    Ok(index)
}

fn conf_state(peers: &Peers) -> ConfState {
    ConfState {
        voters: peers.members.iter().map(|m| m.id).collect(),
        ..ConfState::default()
    }
}

fn write_raft_snapshot(dir: &Path, peers: &Peers, index: u64) -> Result<(), Error> {
    let snapshot = Snapshot {
        data: Some(v2_store::encode(&peers.members).into()),
        metadata: Some(SnapshotMetadata {
            conf_state: Some(conf_state(peers)),
            index: Some(index),
            term: Some(TERM),
        }),
    };
    let name = SnapName { term: TERM, index };
    let path = dir.join(name.to_string());
    // etcd creates these files readable by everyone who can enter the directory, which is only the owner.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o666)
        .open(&path)
        .and_then(|mut file| {
            file.write_all(&wal::encode_snap(&snapshot))?;
            file.sync_all()
        })
        .map_err(|e| Error::io("write", &path, e))
}
