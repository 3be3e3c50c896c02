//! Runs the layers of an examination in order. A layer that depends on a failed one is skipped. The command adds
//! the rehearsal, which needs a server, and the comparison, which needs a connection.

use std::{path::Path, time::Duration};

use serde_json::json;

use super::{
    Examination, Found, Layer,
    invariants::Invariants,
    judge::{
        judge_cluster, judge_invariants, judge_required, pages, records as records_found,
        restorable_by, short,
    },
};
use crate::{
    bolt,
    snapshot::{
        Error, Records, SnapshotFile, Trailer, records::Inspector, restore::Target,
        verify::walk_and_check_integrity,
    },
};

/// Requirements on a file, other than that it is sound.
#[derive(Clone, Debug, Default)]
pub struct ExamineOptions {
    /// Keys that must be live.
    pub require_keys: Vec<Vec<u8>>,
    /// Minimum number of live keys.
    pub min_keys: u64,
    /// Maximum age of the file, by its modification time.
    pub max_age: Option<Duration>,
    /// The release that must be able to start on it.
    pub target: Option<Target>,
}

/// Examines the file `path`.
///
/// # Errors
/// The file cannot be opened: it does not exist, or a server has it open. Everything else is part of the result.
pub fn examine(path: &Path, options: &ExamineOptions) -> Result<Examination, Error> {
    let mut out = Examination::new(path.to_owned());
    let file = match SnapshotFile::open(path) {
        Ok(file) => file,
        Err(error @ (Error::Os { .. } | Error::Bolt(bolt::Error::Locked { .. }))) => {
            return Err(error);
        }
        Err(error) => {
            out.skip(Layer::Digest, "not a database");
            out.push(Layer::Pages, Err(short(&error, path)));
            skip(&mut out, Layer::Records, "the pages are damaged");
            return Ok(out);
        }
    };
    // Walk over all pages and records once, and check the digest concurrently.
    let mut invariants = Invariants::new(&options.require_keys);
    let (walked, integrity) =
        walk_and_check_integrity(&file, |_give_up| walk(&file, &mut invariants));
    // Report on the digest.
    let digest = match integrity {
        Ok(Err(wrong)) => Err(wrong.to_string().into()),
        Ok(Ok(Some(digest))) => {
            let sha256: String = digest.iter().map(|b| format!("{b:02x}")).collect();
            let text = format!("sha256 {sha256}");
            Ok(Found::new(text, json!({ "sha256": sha256 })))
        }
        Ok(Ok(None)) => Ok(Found::from(
            "none: a member's database, which has no digest".to_owned(),
        )),
        Err(error) if *file.trailer() == Trailer::None => return Err(error),
        // The walk also reports what cannot be read, in more detail.
        Err(error) => Err(short(&error, path)),
    };
    out.push(Layer::Digest, digest);
    // Report on the pages and the records.
    let (records, used) = match walked {
        Ok((Ok(records), used)) => (records, used),
        Ok((Err(error @ (Error::Record { .. } | Error::NotEtcd { .. })), used)) => {
            out.push(Layer::Pages, Ok(pages(&file, used)));
            out.push(Layer::Records, Err(short(&error, path)));
            skip(&mut out, Layer::Invariants, "the records are damaged");
            return Ok(out);
        }
        Err(error @ Error::Os { .. }) => return Err(error),
        Ok((Err(error), _)) | Err(error) => {
            out.push(Layer::Pages, Err(short(&error, path)));
            skip(&mut out, Layer::Records, "the pages are damaged");
            return Ok(out);
        }
    };
    out.push(Layer::Pages, Ok(pages(&file, used)));
    out.revision = records.current_revision();
    out.compact_revision = records.meta.compact_revision().unwrap_or(-1);
    out.live = invariants.keys().1;
    out.push(Layer::Records, Ok(records_found(&mut invariants)));
    // Judge the layers that need all records.
    out.push(
        Layer::Invariants,
        judge_invariants(&mut invariants, &records),
    );
    let cluster = judge_cluster(&invariants, &records, options.target);
    out.push(Layer::Cluster, cluster);
    let required = judge_required(path, options, &invariants, out.live)?;
    if let Some(required) = required {
        out.push(Layer::Required, required);
    }
    if out.first_bad().is_none() {
        out.restorable_by = restorable_by(&records);
    }
    Ok(out)
}

/// Skips a layer and all later ones.
fn skip(out: &mut Examination, from: Layer, why: &str) {
    for layer in [
        Layer::Records,
        Layer::Invariants,
        Layer::Cluster,
        Layer::Rehearsal,
        Layer::Required,
    ] {
        if layer as u8 >= from as u8 {
            out.skip(layer, why);
        }
    }
}

/// The content of the records, and the number of pages in use.
type Walked = (Result<Records, Error>, u64);

fn walk(file: &SnapshotFile, invariants: &mut Invariants) -> Result<Walked, Error> {
    let mut visit = |item: crate::snapshot::Item<'_>| invariants.add(item);
    let mut inspector = Inspector::new(&mut visit);
    let checked = file
        .reader()
        .check_with(&mut |visit| inspector.add(visit))?;
    let records = inspector.finish(file.path(), checked.findings);
    Ok((records, checked.used))
}
