//! The verdict on a file: its layers, and what was found in each. Makes no decisions about a file.

use std::{fmt, path::PathBuf};

use serde_json::{Map, Value};

use crate::snapshot::restore::Target;

/// One aspect of a file that is checked.
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
    /// Members, versions, users.
    Cluster,
    /// Reading all of it like a server.
    Rehearsal,
    /// Comparison with a running member.
    Against,
    /// Requirements of the user.
    Required,
}

impl Layer {
    /// The exit code for a file whose first failing layer is this one.
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

/// The outcome of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerStatus {
    /// Sound.
    Ok,
    /// Not sound.
    Bad,
    /// Not checked, because an earlier layer failed or it was not requested.
    Skipped,
}

/// What was found in a layer: a line for people, and the values for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// One line.
    pub text: String,
    /// The numbers and names in it.
    pub data: Map<String, Value>,
}

impl Found {
    /// A line with the fields of `data`, which is a JSON object.
    pub fn new(text: impl Into<String>, data: Value) -> Found {
        let text = text.into();
        match data {
            Value::Object(data) => Found { text, data },
            _ => text.into(),
        }
    }
}

impl From<String> for Found {
    fn from(text: String) -> Found {
        let data = Map::new();
        Found { text, data }
    }
}

/// A layer, its outcome, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerReport {
    /// The layer.
    pub layer: Layer,
    /// The outcome.
    pub status: LayerStatus,
    /// One line.
    pub text: String,
    /// The numbers and names in it.
    pub data: Map<String, Value>,
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// The file.
    pub path: PathBuf,
    /// In order.
    pub layers: Vec<LayerReport>,
    /// Releases of etcd that can start on it, as far as the file determines that.
    pub restorable_by: Vec<Target>,
    /// The first revision of a server that uses it; 0 if the records could not be read.
    pub revision: i64,
    /// The revision of the newest compaction; -1 before the first.
    pub compact_revision: i64,
    /// `HashKV` at that revision, if the rehearsal computed it.
    pub hash: Option<u32>,
    /// Live keys.
    pub live: u64,
}

impl Examination {
    /// Nothing is known about the file `path` yet.
    pub(super) fn new(path: PathBuf) -> Examination {
        Examination {
            path,
            layers: Vec::new(),
            restorable_by: Vec::new(),
            revision: 0,
            compact_revision: -1,
            hash: None,
            live: 0,
        }
    }

    /// The first layer that failed.
    pub fn first_bad(&self) -> Option<Layer> {
        let bad = |r: &&LayerReport| r.status == LayerStatus::Bad;
        self.layers.iter().find(bad).map(|r| r.layer)
    }

    /// Whether a server could read the file: all layers up to the cluster data are sound, except possibly the digest.
    pub fn is_readable(&self) -> bool {
        let ok = |layer| {
            let report = self.layers.iter().find(|r| r.layer == layer);
            report.is_some_and(|r| r.status == LayerStatus::Ok)
        };
        [
            Layer::Pages,
            Layer::Records,
            Layer::Invariants,
            Layer::Cluster,
        ]
        .into_iter()
        .all(ok)
    }

    /// Adds a layer in its place. Returns whether it is sound.
    pub fn push(&mut self, layer: Layer, result: Result<Found, Found>) -> bool {
        let status = match result {
            Ok(_) => LayerStatus::Ok,
            Err(_) => LayerStatus::Bad,
        };
        let (Ok(found) | Err(found)) = result;
        self.insert(layer, status, found);
        // A file with a bad verdict is not said to be restorable.
        if status == LayerStatus::Bad {
            self.restorable_by.clear();
        }
        status == LayerStatus::Ok
    }

    /// Adds a layer that was not checked.
    pub fn skip(&mut self, layer: Layer, why: &str) {
        self.insert(layer, LayerStatus::Skipped, why.to_owned().into());
    }

    fn insert(&mut self, layer: Layer, status: LayerStatus, found: Found) {
        let Found { text, data } = found;
        let report = LayerReport {
            layer,
            status,
            text,
            data,
        };
        let behind = |r: &LayerReport| r.layer as u8 > layer as u8;
        let at = self.layers.iter().position(behind);
        self.layers.insert(at.unwrap_or(self.layers.len()), report);
    }
}
