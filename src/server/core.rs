//! The server without a network: requests in, answers out. The gRPC services, the JSON gateway and
//! the tests call it; it knows nothing of HTTP, listeners or metadata.
//!
//! Invariant: an answer to a write means that it is durable, and nothing is visible that a crash
//! could take back.

use super::{config::Config, error::Error};
use crate::proto::etcdserverpb as pb;

/// A running server core: cheap to clone, shared by every connection.
#[derive(Clone)]
pub struct Core {}

/// Why a data directory could not be served: one clear line that names the directory or file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not yet implemented.
    #[error("{0}")]
    Other(String),
}

impl Core {
    /// Opens (or creates) the data directory of `config` and starts the writer. Blocks on disk.
    ///
    /// # Errors
    /// The directory is locked, damaged, read-only, a real etcd member's, or holds what this server can't serve.
    pub fn open(_config: &Config) -> Result<Core, OpenError> {
        Err(OpenError::Other("not implemented".into()))
    }

    /// The header that stands in every answer, at the committed revision.
    pub fn header(&self) -> pb::ResponseHeader {
        pb::ResponseHeader::default()
    }

    /// Reads keys at one revision; never waits for a sync.
    pub async fn range(&self, _r: pb::RangeRequest) -> Result<pb::RangeResponse, Error> {
        Err(Error::Stopped)
    }

    /// Writes one key; the answer means that it is durable.
    pub async fn put(&self, _r: pb::PutRequest) -> Result<pb::PutResponse, Error> {
        Err(Error::Stopped)
    }

    /// Deletes a range.
    pub async fn delete_range(
        &self,
        _r: pb::DeleteRangeRequest,
    ) -> Result<pb::DeleteRangeResponse, Error> {
        Err(Error::Stopped)
    }

    /// Runs a transaction; one that only reads does not enter the writer.
    pub async fn txn(&self, _r: pb::TxnRequest) -> Result<pb::TxnResponse, Error> {
        Err(Error::Stopped)
    }

    /// Compacts; with `physical` answers after the old revisions are gone from the file.
    pub async fn compact(
        &self,
        _r: pb::CompactionRequest,
    ) -> Result<pb::CompactionResponse, Error> {
        Err(Error::Stopped)
    }

    /// Lists, raises or clears alarms.
    pub async fn alarm(&self, _r: pb::AlarmRequest) -> Result<pb::AlarmResponse, Error> {
        Err(Error::Stopped)
    }

    /// What `endpoint status` shows.
    pub async fn status(&self) -> Result<pb::StatusResponse, Error> {
        Err(Error::Stopped)
    }

    /// Rewrites the database file; reads go on, writes wait.
    pub async fn defragment(&self) -> Result<pb::DefragmentResponse, Error> {
        Err(Error::Stopped)
    }

    /// CRC-32C over the whole backend.
    pub async fn hash(&self) -> Result<pb::HashResponse, Error> {
        Err(Error::Stopped)
    }

    /// CRC-32C over the history of keys up to `r.revision` (0: the current one).
    pub async fn hash_kv(&self, _r: pb::HashKvRequest) -> Result<pb::HashKvResponse, Error> {
        Err(Error::Stopped)
    }

    /// The whole database file at one moment; it keeps that moment's pages until it is dropped.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        Err(Error::Stopped)
    }

    /// Finishes what is under way, closes the file clean.
    pub async fn shutdown(&self) {}
}

/// The database file as it was at one moment, to be read from front to back. Blocks on disk.
pub struct Snapshot {}

impl Snapshot {
    /// Bytes in all.
    pub fn size(&self) -> u64 {
        0
    }

    /// The storage version (`3.7.0`); empty where the file names none.
    pub fn version(&self) -> &str {
        ""
    }
}

impl std::io::Read for Snapshot {
    fn read(&mut self, _buf: &mut [u8]) -> std::io::Result<usize> {
        Ok(0)
    }
}
