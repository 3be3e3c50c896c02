//! The manifest of a snapshot, `FILE.json`: the source and contents of the file.

use std::{path::Path, time::SystemTime};

use serde::Serialize;

use crate::{
    cli::error::{CommandError, ErrorKind},
    files::part_file::{PartError, PartFile},
    golang::{string, zap},
    snapshot::HashKv,
};

/// Schema version of the manifest.
const SCHEMA: u32 = 1;

/// A manifest.
#[derive(Debug, Serialize)]
pub struct Manifest {
    schema: u32,
    file: String,
    size: u64,
    sha256: String,
    compression: &'static str,
    endpoint: String,
    cluster_id: String,
    member_id: String,
    server_version: String,
    revision: i64,
    compact_revision: i64,
    hash: u32,
    hash_revision: i64,
    begin: String,
    end: String,
}

/// The input of a manifest.
pub struct Facts<'a> {
    /// The file.
    pub path: &'a Path,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: &'a str,
    /// Whether it is compressed with zstd.
    pub zstd: bool,
    /// The endpoint that it came from.
    pub endpoint: &'a str,
    /// Ids of cluster and member, 16 hexadecimal digits each.
    pub ids: (&'a str, &'a str),
    /// Version of the server; empty if unknown.
    pub server_version: &'a str,
    /// The hash at the revision of the file.
    pub hash: &'a HashKv,
    /// When the save began.
    pub begin: SystemTime,
    /// When the file was complete.
    pub end: SystemTime,
}

impl Manifest {
    /// Creates a manifest.
    pub fn new(facts: &Facts<'_>) -> Manifest {
        let name = facts.path.file_name().unwrap_or_default();
        Manifest {
            schema: SCHEMA,
            file: name.to_string_lossy().into_owned(),
            size: facts.size,
            sha256: facts.sha256.to_owned(),
            compression: if facts.zstd { "zstd" } else { "none" },
            endpoint: facts.endpoint.to_owned(),
            cluster_id: facts.ids.0.to_owned(),
            member_id: facts.ids.1.to_owned(),
            server_version: facts.server_version.to_owned(),
            revision: facts.hash.hash_revision,
            compact_revision: facts.hash.compact_revision,
            hash: facts.hash.hash,
            hash_revision: facts.hash.hash_revision,
            begin: zap::rfc3339(facts.begin),
            end: zap::rfc3339(facts.end),
        }
    }

    /// Writes the manifest next to the snapshot, completely or not at all.
    ///
    /// # Errors
    /// The file cannot be written. The snapshot is kept.
    pub fn write(&self, snapshot: &Path) -> Result<(), CommandError> {
        let mut path = snapshot.as_os_str().to_owned();
        path.push(".json");
        // Serializing strings and numbers cannot fail.
        let mut text = serde_json::to_vec(self).unwrap_or_default();
        text.push(b'\n');
        let write = || -> Result<(), PartError> {
            let mut file = PartFile::create(Path::new(&path), true)?;
            file.write(&text)?;
            file.finish()
        };
        write().map_err(|error| {
            let hint = format!(
                "the snapshot itself is complete at {}",
                string::of_path(snapshot)
            );
            CommandError::new(ErrorKind::Interrupted, error).hint(hint)
        })
    }
}
