//! The snapshot stream: the database file in chunks, then its SHA-256 (etcd v3.7.1,
//! server/etcdserver/api/v3rpc/maintenance.go). While a stream waits for its client it holds a few chunks, but no
//! thread. If the client reads nothing at all, the stream is ended, because its snapshot keeps old pages from being
//! reused.

use std::{io::Read as _, pin::Pin, sync::Arc, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;
use tonic::Code;

use super::{encoding::Encoding, message, stream::Outbound};
use crate::{
    proto::etcdserverpb as pb,
    server::{
        context::RequestContext,
        core::{Core, Snapshot},
        error::Error,
    },
};

/// Size in bytes of one message including its framing, once the client has been seen to read. etcd sends 32 KiB of the
/// file at a time. Clients with grpc's default limit of 4 MiB must be able to receive it. A power of two divides flow
/// control windows evenly; a remainder would be sent separately.
const MESSAGE: usize = 256 << 10;
/// Size in bytes of the first messages, so that unread streams use little memory.
const FIRST_MESSAGE: usize = 40 << 10;
/// Number of small messages before they grow: more than an unread stream buffers.
const SMALL_MESSAGES: usize = 6;

/// The Snapshot method of the Maintenance service.
pub struct Snapshots {
    core: Core,
    /// Time without progress after which a stream is ended.
    stall: Duration,
}

impl Snapshots {
    pub fn new(core: Core, stall: Duration) -> Snapshots {
        Snapshots { core, stall }
    }

    /// Sends the file as of now, then its digest. Once the client has been seen to read, the next message is read from
    /// the file while one is being sent.
    pub async fn snapshot(
        &self,
        context: &RequestContext,
        _: pb::SnapshotRequest,
        outbound: Outbound<pb::SnapshotResponse>,
    ) -> Result<(), Error> {
        let snapshot = self.core.snapshot(context).await?;
        let encoding = outbound.encoding();
        let mut reading = self.read_next(Reader::new(snapshot, encoding), FIRST_MESSAGE);
        let mut sent = 0;
        loop {
            let (reader, message) = reading.await?;
            let Some(message) = message else {
                let digest = reader.digest();
                return outbound.send_framed_within(digest, self.stall).await;
            };
            if sent < SMALL_MESSAGES {
                outbound.send_framed_within(message, self.stall).await?;
                reading = self.read_next(reader, FIRST_MESSAGE);
            } else {
                let next = tokio::spawn(self.read_next(reader, MESSAGE));
                outbound.send_framed_within(message, self.stall).await?;
                let read = next.await.map_err(|_| Error::Stopped)?;
                reading = Box::pin(std::future::ready(read));
            }
            sent += 1;
        }
    }

    /// Reads and hashes the next message on a blocking thread. Only a few streams do this at a time.
    fn read_next(&self, mut reader: Reader, size: usize) -> Reading {
        let core = self.core.clone();
        Box::pin(async move {
            let admitted = core.admit_snapshot_read().await?;
            let read = spawn_blocking(move || {
                let message = reader.next(size)?;
                drop(admitted);
                Ok((reader, message))
            });
            read.await.map_err(|_| Error::Stopped)?
        })
    }
}

/// The reader and the message it has read; `None` at the end of the file.
type Reading = Pin<Box<dyn Future<Output = Result<(Reader, Option<Bytes>), Error>> + Send>>;

/// Reads and hashes the file.
struct Reader {
    snapshot: Snapshot,
    version: String,
    encoding: Encoding,
    left: u64,
    digest: Sha256,
    pool: Pool,
}

impl Reader {
    fn new(snapshot: Snapshot, encoding: Encoding) -> Reader {
        Reader {
            version: snapshot.version().to_string(),
            left: snapshot.size(),
            snapshot,
            encoding,
            digest: Sha256::new(),
            pool: Pool::default(),
        }
    }

    /// The next message, framed, of at most `size` bytes; `None` at the end of the file.
    fn next(&mut self, size: usize) -> Result<Option<Bytes>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let (head, blob) = layout(self.left, &self.version, size);
        let mut piece = self.pool.take(head.len() + blob);
        let (before, bytes) = piece.bytes.split_at_mut(head.len());
        before.copy_from_slice(&head);
        self.snapshot
            .read_exact(bytes)
            .map_err(|e| Error::Other(Code::DataLoss, format!("etcdserver: snapshot: {e}")))?;
        self.digest.update(&*bytes);
        self.left -= blob as u64;
        Ok(Some(self.encoding.reframe(Bytes::from_owner(piece))))
    }

    /// The last message, framed.
    fn digest(self) -> Bytes {
        let digest = self.digest.finalize();
        let mut message = head(0, &self.version, digest.len());
        message.extend_from_slice(&digest);
        self.encoding.reframe(message.freeze())
    }
}

/// The beginning of a message of `size` bytes when `left` bytes of the file remain, and the number of these that follow
/// it.
fn layout(left: u64, version: &str, size: usize) -> (BytesMut, usize) {
    let fill =
        |head: usize| usize::try_from(left).map_or(size - head, |left| left.min(size - head));
    let mut blob = fill(head(left, version, size).len());
    // The encoding of a smaller number of remaining bytes may be shorter.
    blob = fill(head(left - blob as u64, version, blob).len());
    (head(left - blob as u64, version, blob), blob)
}

/// Sent buffers that can be reused, so that no buffer needs to be allocated and zeroed for each chunk.
#[derive(Clone, Default)]
struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

/// A buffer that returns to the pool when its last byte has been sent.
struct PooledBuffer {
    bytes: Vec<u8>,
    pool: Pool,
}

impl Pool {
    fn take(&self, size: usize) -> PooledBuffer {
        let mut bytes = self.0.lock().pop().unwrap_or_default();
        bytes.resize(size, 0);
        PooledBuffer {
            bytes,
            pool: self.clone(),
        }
    }
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        self.pool.0.lock().push(std::mem::take(&mut self.bytes));
    }
}

/// A framed `SnapshotResponse` without the bytes of `blob`, which follow it and thus go from the file to the socket
/// without another copy. Protobuf fields may come in any order.
fn head(remaining: u64, version: &str, blob: usize) -> BytesMut {
    let mut fields = BytesMut::with_capacity(64);
    if remaining > 0 {
        prost::encoding::uint64::encode(2, &remaining, &mut fields);
    }
    if !version.is_empty() {
        prost::encoding::string::encode(4, &version.to_string(), &mut fields);
    }
    prost::encoding::encode_key(3, prost::encoding::WireType::LengthDelimited, &mut fields);
    prost::encoding::encode_varint(blob as u64, &mut fields);
    let mut head = BytesMut::with_capacity(message::PREFIX + fields.len());
    message::put_prefix(&mut head, fields.len() + blob);
    head.put(fields);
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcdserverpb::SnapshotResponse;
    use prost::Message as _;

    #[test]
    fn messages_are_full() {
        for size in [FIRST_MESSAGE, MESSAGE] {
            for left in [0, 1, 300_000, 1 << 21, (1 << 28) + 100_000, 1 << 40] {
                let (head, blob) = layout(left, "3.7.0", size);
                assert_eq!(head, super::head(left - blob as u64, "3.7.0", blob));
                assert!(
                    head.len() + blob == size || blob as u64 == left,
                    "{left} {size}"
                );
            }
        }
    }

    #[test]
    fn head_and_blob_are_a_message() {
        for (remaining, version) in [(0, ""), (1 << 40, "3.7.0")] {
            let mut framed = BytesMut::from(&head(remaining, version, 4)[..]);
            framed.put(&b"blob"[..]);
            let length = u32::from_be_bytes(framed[1..5].try_into().unwrap()) as usize;
            assert_eq!(length + message::PREFIX, framed.len());
            let decoded = SnapshotResponse::decode(&framed[message::PREFIX..]).unwrap();
            assert_eq!(
                decoded,
                SnapshotResponse {
                    header: None,
                    remaining_bytes: remaining,
                    blob: "blob".into(),
                    version: version.into(),
                }
            );
        }
    }
}
