//! The verdict of each layer on a file whose records have been read.

use std::{path::Path, time::SystemTime};

use serde_json::json;

use super::{ExamineOptions, Found, invariants::Invariants};
use crate::{
    golang::format,
    schema::{Version, counter, fresh},
    snapshot::{
        Error, Records, SnapshotFile, restore::Target, show_key, small_records::OLDEST_CLUSTER,
    },
};

type Judged = Result<Found, Found>;

/// The text of an error without the name of the file, which precedes all layers.
pub(super) fn short(error: &Error, path: &Path) -> Found {
    let text = error.to_string();
    let prefix = format!("{}: ", path.display());
    let text = text.strip_prefix(&prefix).unwrap_or(&text).to_owned();
    match error {
        Error::Page { first, .. } if first.page.is_some() => {
            Found::new(text, json!({ "page": first.page }))
        }
        Error::Record { page, first, .. } => Found::new(
            text,
            json!({ "page": page, "bucket": first.bucket, "key": first.key }),
        ),
        _ => text.into(),
    }
}

/// The pages of an intact file, of which `used` are in use.
pub(super) fn pages(file: &SnapshotFile, used: u64) -> Found {
    let meta = file.reader().meta();
    let free = meta.high_water.saturating_sub(used);
    let older = match file.reader().metas().pages.iter().any(Result::is_err) {
        // In a snapshot this is a defect of the digest layer.
        true => "; the newer commit is damaged and the one before it is used",
        false => "",
    };
    Found::new(
        format!("{}: {used} in trees, {free} free{older}", meta.high_water),
        json!({
            "pages": meta.high_water,
            "used": used,
            "free": free,
            "page_size": meta.page_size,
            "transaction": meta.txid,
        }),
    )
}

/// The records of an intact file.
pub(super) fn records(invariants: &mut Invariants) -> Found {
    let (keys, live) = invariants.keys();
    let (revisions, leases) = (invariants.revisions, invariants.leases());
    Found::new(
        format!("{revisions} revisions of {keys} keys, {live} of them live, {leases} leases"),
        json!({ "revisions": revisions, "keys": keys, "live": live, "leases": leases }),
    )
}

pub(super) fn judge_invariants(invariants: &mut Invariants, records: &Records) -> Judged {
    let broken = invariants.broken(records);
    match &broken[..] {
        [] => {
            let compacted = match records.meta.compact_revision() {
                Some(revision) => format!(", compacted at {revision}"),
                None => ", never compacted".into(),
            };
            let revision = records.current_revision();
            Ok(Found::new(
                format!("revision {revision}{compacted}"),
                json!({ "revision": revision, "compact_revision": records.meta.compact_revision() }),
            ))
        }
        [only] => Err(only.clone().into()),
        [first, others @ ..] => Err(format!("{first} (and {} more)", others.len()).into()),
    }
}

/// Versions, users and members of an intact file, and whether `target` can start on it.
pub(super) fn judge_cluster(
    invariants: &Invariants,
    records: &Records,
    target: Option<Target>,
) -> Judged {
    if let Some(odd) = invariants.unexpected_bucket() {
        return Err(odd.into());
    }
    // The storage version must be one that etcd stores, and that the target supports.
    let newest = fresh::current_version();
    if let Some(stored) = &records.meta.storage_version {
        if *stored > newest {
            return Err(format!("storage version {stored} is newer than {newest}").into());
        }
        if *stored < Version::new(3, 6) {
            let text = format!("storage version {stored}, but only 3.6 and later store one");
            return Err(text.into());
        }
        if let Some(target) = target
            && *stored > target.version()
        {
            let text = format!(
                "etcd {target} does not start on storage version {stored}; `snapshot restore --target={target}` makes \
                 a directory for it"
            );
            return Err(text.into());
        }
    }
    // If authentication is on, root must be able to turn it off.
    let auth = records.auth.enabled == Some(true);
    if auth && !records.has_root {
        let text = "authentication is on, but there is no user root with the role root";
        return Err(text.to_owned().into());
    }
    if let Some(problem) = auth_revision(records, auth) {
        return Err(problem.into());
    }
    // Members must not have been removed, and the cluster version must be one that etcd supports.
    let membership = &records.membership;
    if let Some(id) = (membership.members.keys()).find(|id| membership.removed.contains(id)) {
        let text = format!("member {id:x} is among both the members and the removed members");
        return Err(text.into());
    }
    if let Some(version) = &membership.cluster_version
        && *version > newest
    {
        return Err(format!("cluster version {version} is newer than {newest}").into());
    }
    if let Some(version) = &membership.cluster_version
        && *version < OLDEST_CLUSTER
    {
        let text = format!("cluster version {version}, with which etcd refuses every request");
        return Err(text.into());
    }
    // Describe what was found.
    let members = membership.members.len();
    let data = json!({
        "members": members,
        "auth": auth,
        "users": records.users,
        "alarms": records.alarms,
        "storage_version": records.meta.storage_version.as_ref().map(ToString::to_string),
    });
    let auth = if auth { "on" } else { "off" };
    let alarm = match records.alarms {
        0 => "no alarm".to_owned(),
        1 => "1 alarm".to_owned(),
        n => format!("{n} alarms"),
    };
    let members = match members {
        1 => "1 member".to_owned(),
        n => format!("{n} members"),
    };
    let text = format!("{members}, auth {auth}, {alarm}");
    Ok(Found::new(text, data))
}

/// What is wrong with the revision of users and roles. Every etcd stores 1 when it starts for the first time, and increments
/// it with each change.
fn auth_revision(records: &Records, is_enabled: bool) -> Option<String> {
    match records.auth.revision {
        None if is_enabled => Some("authentication is on, but there is no auth revision".into()),
        Some(0) => Some("the auth revision is 0, but it begins at 1".into()),
        Some(revision) => counter::beyond_limit("auth revision", revision),
        None => None,
    }
}

/// The first violation in a file whose pages and records have been checked, regardless of the release that is to start
/// from it.
pub(in crate::snapshot) fn first_problem(
    invariants: &mut Invariants,
    records: &Records,
) -> Option<String> {
    let found = judge_invariants(invariants, records)
        .and_then(|_| judge_cluster(invariants, records, None))
        .err()?;
    Some(found.text)
}

/// `None` if nothing is required.
pub(super) fn judge_required(
    path: &Path,
    options: &ExamineOptions,
    invariants: &Invariants,
    live: u64,
) -> Result<Option<Judged>, Error> {
    if options.require_keys.is_empty() && options.min_keys == 0 && options.max_age.is_none() {
        return Ok(None);
    }
    if let Some(key) = invariants.missing().first() {
        let text = format!("key {} is missing", show_key(key));
        return Ok(Some(Err(text.into())));
    }
    let min = options.min_keys;
    if live < min {
        let text = format!("{live} live keys, fewer than {min}");
        return Ok(Some(Err(text.into())));
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
            return Ok(Some(Err(format!("{age} old, more than {max}").into())));
        }
    }
    let text = "all requirements are met";
    Ok(Some(Ok(text.to_owned().into())))
}

/// The releases that can start on a directory that etcdutl restores from the file.
pub(super) fn restorable_by(records: &Records) -> Vec<Target> {
    let oldest = match &records.meta.storage_version {
        Some(version) => version.clone(),
        None => Version::new(3, 4),
    };
    Target::ALL
        .into_iter()
        .filter(|target| target.version() >= oldest)
        .collect()
}
