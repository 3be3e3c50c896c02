//! Replies about files, which need no server: `snapshot status`, `etcdutl hashkv`.

use serde::Serialize;

use crate::golang::format;
use crate::output::{
    Rendered, Reply, Rows, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple,
    table::Table,
};

/// `snapshot status` (etcd v3.7.1, etcdutl/snapshot).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileStatus {
    /// CRC-32C over all buckets.
    pub hash: u32,
    /// Revision of the last record in `key`.
    pub revision: i64,
    /// Number of live user keys.
    pub total_key: i64,
    /// Number of pages times page size, in bytes.
    pub total_size: i64,
    /// Storage version; empty if the file has none.
    pub version: String,
}

impl FileStatus {
    fn rows(&self) -> Rows {
        let size = u64::try_from(self.total_size).unwrap_or(0);
        Rows {
            header: &["hash", "revision", "total keys", "total size", "version"],
            rows: vec![vec![
                format!("{:x}", self.hash),
                self.revision.to_string(),
                self.total_key.to_string(),
                format::bytes(size),
                self.version.clone(),
            ]],
        }
    }
}

impl Reply for FileStatus {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.rows(&self.rows())
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.line("Hash", self.hash)?;
        out.line("Revision", self.revision)?;
        out.line("Keys", self.total_key)?;
        out.line("Size", self.total_size)?;
        out.line("Version", &self.version)
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&FileStatusJson::from(self))
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.rows(&self.rows())
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unsupported()
    }
}

/// As etcdutl writes it: no field is omitted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileStatusJson<'a> {
    hash: u32,
    revision: i64,
    total_key: i64,
    total_size: i64,
    version: &'a str,
}

impl<'a> From<&'a FileStatus> for FileStatusJson<'a> {
    fn from(s: &'a FileStatus) -> Self {
        Self {
            hash: s.hash,
            revision: s.revision,
            total_key: s.total_key,
            total_size: s.total_size,
            version: &s.version,
        }
    }
}

/// `etcdutl hashkv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileHashKv {
    /// CRC-32C over the history.
    pub hash: u32,
    /// The revision up to which the history is hashed.
    pub hash_revision: i64,
    /// The compact revision; -1 before the first compaction.
    pub compact_revision: i64,
}

impl FileHashKv {
    fn rows(&self) -> Rows {
        Rows {
            header: &["hash", "hash revision", "compact revision"],
            rows: vec![vec![
                self.hash.to_string(),
                self.hash_revision.to_string(),
                self.compact_revision.to_string(),
            ]],
        }
    }
}

impl Reply for FileHashKv {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.rows(&self.rows())
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.line("Hash", self.hash)?;
        out.line("Hash revision", self.hash_revision)?;
        out.line("Compact revision", self.compact_revision)
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(self)
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.rows(&self.rows())
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unsupported()
    }
}
