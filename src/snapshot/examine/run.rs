//! The layers of an examination, in order. A layer is skipped if one that it depends on has failed.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::{Duration, SystemTime},
};

use super::invariants::Invariants;
use crate::{
    golang::format,
    schema::{Version, fresh},
    snapshot::{
        Error, Records, SnapshotFile, Trailer, hash_kv, inspect, restore::Target, show_key,
        verify::check_integrity,
    },
};

/// One aspect that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The SHA-256 at the end.
    Digest,
    /// Pages and trees.
    Pages,
    /// Each record.
    Records,
    /// Consistency between records.
    Invariants,
    /// Members, versions and users.
    Cluster,
    /// Reading everything as a server does.
    Rehearsal,
    /// Comparison with a member that should have the same data.
    Against,
    /// The requirements given on the command line.
    Required,
}

impl Layer {
    /// The exit code if this is the first layer to fail.
    pub fn exit_code(self) -> u8 {
        10 + self as u8
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Layer::Digest => "digest",
            Layer::Pages => "pages",
            Layer::Records => "records",
            Layer::Invariants => "invariants",
            Layer::Cluster => "cluster",
            Layer::Rehearsal => "rehearsal",
            Layer::Against => "against",
            Layer::Required => "required",
        })
    }
}

/// Result of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerStatus {
    /// Passed.
    Ok,
    /// Failed.
    Bad,
    /// Not checked, because a layer below failed or because it was not requested.
    Skipped,
}

/// A layer, its result, and a line of explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerReport {
    /// The layer.
    pub layer: Layer,
    /// The result.
    pub status: LayerStatus,
    /// The explanation.
    pub text: String,
}

/// Requirements in addition to the file being intact.
#[derive(Clone, Debug)]
pub struct ExamineOptions {
    /// Keys that must be live.
    pub require_keys: Vec<Vec<u8>>,
    /// Minimum number of live keys.
    pub min_keys: u64,
    /// Maximum age of the file, by its modification time.
    pub max_age: Option<Duration>,
    /// Whether to read everything a second time, as a server does.
    pub rehearse: bool,
    /// The etcd release that is to be started on it.
    pub target: Option<Target>,
}

impl Default for ExamineOptions {
    fn default() -> ExamineOptions {
        ExamineOptions {
            require_keys: Vec::new(),
            min_keys: 0,
            max_age: None,
            rehearse: true,
            target: None,
        }
    }
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// The file.
    pub path: PathBuf,
    /// All layers, in order.
    pub layers: Vec<LayerReport>,
    /// The etcd releases that can start from it, as far as the file determines that.
    pub restorable_by: Vec<Target>,
    /// The revision at which a server on it starts; 0 if the records could not be read.
    pub revision: i64,
    /// `HashKV` at that revision, if the rehearsal was done.
    pub hash: Option<u32>,
}

impl Examination {
    /// The first layer that failed.
    pub fn first_bad(&self) -> Option<Layer> {
        let bad = |r: &&LayerReport| r.status == LayerStatus::Bad;
        self.layers.iter().find(bad).map(|r| r.layer)
    }

    /// Adds a layer.
    pub fn push(&mut self, layer: Layer, result: Result<String, String>) -> bool {
        let (status, text) = match result {
            Ok(text) => (LayerStatus::Ok, text),
            Err(text) => (LayerStatus::Bad, text),
        };
        self.layers.push(LayerReport {
            layer,
            status,
            text,
        });
        status == LayerStatus::Ok
    }

    fn skip(&mut self, layers: &[Layer], why: &str) {
        self.layers.extend(layers.iter().map(|layer| LayerReport {
            layer: *layer,
            status: LayerStatus::Skipped,
            text: why.to_owned(),
        }));
    }
}

/// Examines the file `path`.
///
/// # Errors
/// The file cannot be opened: it does not exist, or a server has it open. Everything else is part of the result.
pub fn examine(path: &Path, options: &ExamineOptions) -> Result<Examination, Error> {
    let mut out = Examination {
        path: path.to_owned(),
        layers: Vec::new(),
        restorable_by: Vec::new(),
        revision: 0,
        hash: None,
    };
    let below = [
        Layer::Records,
        Layer::Invariants,
        Layer::Cluster,
        Layer::Rehearsal,
        Layer::Required,
    ];
    let file = match SnapshotFile::open(path) {
        Ok(file) => file,
        Err(error @ (Error::Os { .. } | Error::Bolt(crate::bolt::Error::Locked { .. }))) => {
            return Err(error);
        }
        Err(error) => {
            out.skip(&[Layer::Digest], "not a database");
            out.push(Layer::Pages, Err(short(&error, path)));
            out.skip(&below, "the pages are damaged");
            return Ok(out);
        }
    };
    let digest = match check_integrity(&file, &AtomicBool::new(false))? {
        Some(wrong) => Err(wrong.to_string()),
        None if *file.trailer() == Trailer::None => {
            Ok("none: a member's database, which has no digest".into())
        }
        None => Ok("the SHA-256 fits".into()),
    };
    out.push(Layer::Digest, digest);
    // Read all pages and records once.
    let mut invariants = Invariants::new(&options.require_keys);
    let walked = inspect(&file, &mut |item| invariants.see(item));
    let records = match walked {
        Ok(records) => records,
        Err(error @ (Error::Record { .. } | Error::NotEtcd { .. })) => {
            out.push(Layer::Pages, Ok(pages(&file)));
            out.push(Layer::Records, Err(short(&error, path)));
            out.skip(&below[1..], "the records are damaged");
            return Ok(out);
        }
        Err(error @ Error::Os { .. }) => return Err(error),
        Err(error) => {
            out.push(Layer::Pages, Err(short(&error, path)));
            out.skip(&below, "the pages are damaged");
            return Ok(out);
        }
    };
    out.push(Layer::Pages, Ok(pages(&file)));
    let live = invariants.live();
    out.revision = records.current_revision();
    let text = format!(
        "{} revisions of {live} live keys, {} leases",
        invariants.revisions,
        invariants.leases()
    );
    out.push(Layer::Records, Ok(text));
    let sound = out.push(Layer::Invariants, judge_invariants(&invariants, &records));
    let cluster = match invariants.unexpected_bucket() {
        Some(odd) => Err(odd),
        None => judge_cluster(&records, options.target),
    };
    let sound = out.push(Layer::Cluster, cluster) && sound;
    drop(file);
    if !options.rehearse {
        out.skip(&[Layer::Rehearsal], "not asked for");
    } else if sound {
        let rehearsal = rehearse(path, live).map(|(text, hash)| {
            out.hash = Some(hash);
            text
        });
        out.push(Layer::Rehearsal, rehearsal.map_err(|e| short(&e, path)));
    } else {
        out.skip(&[Layer::Rehearsal], "the records are inconsistent");
    }
    let required = judge_required(path, options, &invariants, live)?;
    if let Some(required) = required {
        out.push(Layer::Required, required);
    }
    if out.first_bad().is_none() {
        out.restorable_by = restorable_by(&records);
    }
    Ok(out)
}

/// The text of an error without the file name, which is printed above all layers.
fn short(error: &Error, path: &Path) -> String {
    let text = error.to_string();
    let prefix = format!("{}: ", path.display());
    text.strip_prefix(&prefix).unwrap_or(&text).to_owned()
}

fn pages(file: &SnapshotFile) -> String {
    let meta = file.reader().meta();
    let size = format::bytes(file.reader().size());
    let older = match file.reader().metas().pages.iter().any(Result::is_err) {
        // In a snapshot this counts as damage in the digest layer.
        true => ", the newer commit is damaged and the one before it is used",
        false => "",
    };
    format!(
        "{} pages, {size}, transaction {}{older}",
        meta.high_water, meta.txid
    )
}

fn judge_invariants(invariants: &Invariants, records: &Records) -> Result<String, String> {
    let broken = invariants.broken(records);
    match &broken[..] {
        [] => {
            let compacted = match records.meta.compact_revision() {
                Some(revision) => format!(", compacted at {revision}"),
                None => ", never compacted".into(),
            };
            Ok(format!(
                "revision {}{compacted}",
                records.current_revision()
            ))
        }
        [only] => Err(only.clone()),
        [first, others @ ..] => Err(format!("{first} (and {} more)", others.len())),
    }
}

fn judge_cluster(records: &Records, target: Option<Target>) -> Result<String, String> {
    let newest = fresh::current_version();
    if let Some(stored) = &records.meta.storage_version {
        if *stored > newest {
            return Err(format!("storage version {stored} is newer than {newest}"));
        }
        if *stored < Version::new(3, 6) {
            return Err(format!(
                "storage version {stored}, but only 3.6 and later store one"
            ));
        }
        if let Some(target) = target
            && *stored > target.version()
        {
            return Err(format!(
                "etcd {target} does not start on storage version {stored}; `snapshot restore --target={target}` makes \
                 a directory for it"
            ));
        }
    }
    let auth = records.auth.enabled == Some(true);
    if auth && !records.has_root {
        return Err("authentication is on, but there is no user root with the role root".into());
    }
    let members = records.membership.members.len();
    let auth = if auth { "on" } else { "off" };
    let alarm = match records.alarms {
        0 => "no alarm".to_owned(),
        1 => "1 alarm".to_owned(),
        n => format!("{n} alarms"),
    };
    Ok(format!("{members} members, auth {auth}, {alarm}"))
}

/// Reads everything as a server does when it starts, and hashes it.
fn rehearse(path: &Path, live: i64) -> Result<(String, u32), Error> {
    let hash = hash_kv(path, 0)?;
    let text = format!(
        "{live} keys read, hash {} at {}",
        hash.hash, hash.hash_revision
    );
    Ok((text, hash.hash))
}

/// `None` if there are no requirements.
fn judge_required(
    path: &Path,
    options: &ExamineOptions,
    invariants: &Invariants,
    live: i64,
) -> Result<Option<Result<String, String>>, Error> {
    if options.require_keys.is_empty() && options.min_keys == 0 && options.max_age.is_none() {
        return Ok(None);
    }
    if let Some(key) = invariants.missing().first() {
        return Ok(Some(Err(format!("key {} is not there", show_key(key)))));
    }
    let min = options.min_keys;
    if u64::try_from(live).unwrap_or(0) < min {
        return Ok(Some(Err(format!("{live} live keys, fewer than {min}"))));
    }
    if let Some(max) = options.max_age {
        let modified = std::fs::metadata(path)
            .and_then(|info| info.modified())
            .map_err(|e| Error::stat(path, e))?;
        let age = SystemTime::now()
            .duration_since(modified)
            .unwrap_or_default();
        if age > max {
            let (age, max) = (format::duration(age), format::duration(max));
            return Ok(Some(Err(format!("{age} old, more than {max}"))));
        }
    }
    Ok(Some(Ok("all requirements are met".into())))
}

/// The releases that start on a directory restored from the file by etcdutl.
fn restorable_by(records: &Records) -> Vec<Target> {
    let oldest = match &records.meta.storage_version {
        Some(version) => version.clone(),
        None => Version::new(3, 4),
    };
    Target::ALL
        .into_iter()
        .filter(|target| target.version() >= oldest)
        .collect()
}
