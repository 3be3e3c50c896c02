//! The verdict on a file: its layers, and what was found in each. Decides nothing about a file.

use std::{fmt, path::PathBuf};

use serde_json::{Map, Value};

use crate::snapshot::restore::Target;

/// One thing that a file must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The SHA-256 at the end.
    Digest,
    /// Pages and trees.
    Pages,
    /// Each record.
    Records,
    /// Records among each other.
    Invariants,
    /// Members, versions, users.
    Cluster,
    /// All of it read as a server reads it.
    Rehearsal,
    /// A member that has the same data.
    Against,
    /// What whoever asks expects.
    Required,
}

impl Layer {
    /// The exit code of a file that fails here first.
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

/// How a layer came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerStatus {
    /// Sound.
    Ok,
    /// Not.
    Bad,
    /// Not looked at: something below it is broken, or it was not asked for.
    Skipped,
}

/// What was found in a layer: a line for people, and its numbers for programs.
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

/// A layer, how it came out, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerReport {
    /// Which one.
    pub layer: Layer,
    /// How it came out.
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
    /// Releases of etcd that start on it, as far as the file decides that.
    pub restorable_by: Vec<Target>,
    /// The revision that a server on it begins with; 0 if the records could not be read.
    pub revision: i64,
    /// The revision of the newest compaction; -1 before the first.
    pub compact_revision: i64,
    /// `HashKV` at that revision, where it was rehearsed.
    pub hash: Option<u32>,
    /// Live keys.
    pub live: u64,
}

impl Examination {
    /// Nothing is known yet about the file `path`.
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

    /// The first layer that is bad.
    pub fn first_bad(&self) -> Option<Layer> {
        let bad = |r: &&LayerReport| r.status == LayerStatus::Bad;
        self.layers.iter().find(bad).map(|r| r.layer)
    }

    /// Whether the file can be read as a server reads it: the layers up to its cluster's data are sound, but for the
    /// digest.
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

    /// Adds a layer in its place; returns whether it is sound.
    pub fn push(&mut self, layer: Layer, result: Result<Found, Found>) -> bool {
        let status = match result {
            Ok(_) => LayerStatus::Ok,
            Err(_) => LayerStatus::Bad,
        };
        let (Ok(found) | Err(found)) = result;
        self.insert(layer, status, found);
        // A verdict that is bad says nothing of who starts on the file.
        if status == LayerStatus::Bad {
            self.restorable_by.clear();
        }
        status == LayerStatus::Ok
    }

    /// Adds a layer that was not looked at.
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
