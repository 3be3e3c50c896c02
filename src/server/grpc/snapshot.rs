//! The snapshot stream: the database file in pieces, then its SHA-256 (etcd v3.7.1,
//! server/etcdserver/api/v3rpc/maintenance.go). Memory is bounded by a few pieces whatever the size,
//! and a client that takes nothing loses the stream, because its snapshot holds old pages.

use std::{io::Read as _, sync::Arc, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tonic::Status;

use super::{body::Body, dispatch::Services, message};
use crate::server::{context::RequestContext, core::Snapshot, error::Error};

/// Bytes of one message with all that frames it; etcd sends 32 KiB of the file. Clients with grpc's default
/// limit of 4 MiB must be able to take one. A power of two fits windows without a remainder, which would go
/// out by itself.
const MESSAGE: usize = 256 << 10;

impl Services {
    pub(super) async fn snapshot(
        self: &Arc<Self>,
        deadline: Option<Duration>,
    ) -> Result<Body, Error> {
        let snapshot = self.core.snapshot(&RequestContext::in_process()).await?;
        let (sender, body) = Body::stream(self.config.stream_stall, deadline);
        let runtime = tokio::runtime::Handle::current();
        // Reading blocks on disk and hashing on the processor: neither belongs on an async worker.
        tokio::task::spawn_blocking(move || {
            let end = match stream(snapshot, |message| runtime.block_on(sender.send(message))) {
                Ok(()) => Ok(()),
                Err(Stop::Gone) => Err(Status::cancelled("the client takes nothing")),
                Err(Stop::Disk(e)) => Err(Status::data_loss(format!("etcdserver: snapshot: {e}"))),
            };
            runtime.block_on(sender.end(end));
        });
        Ok(body)
    }
}

enum Stop {
    Gone,
    Disk(std::io::Error),
}

/// Reads, hashes and hands on every piece, then the digest.
fn stream<E>(snapshot: Snapshot, mut send: impl FnMut(Bytes) -> Result<(), E>) -> Result<(), Stop> {
    let version = snapshot.version().to_string();
    let digest = pieces(snapshot, &version, &mut send)?.finalize();
    let mut last = head(0, &version, digest.len());
    last.extend_from_slice(&digest);
    send(last.freeze()).map_err(|_| Stop::Gone)
}

/// The file's part of the stream. The snapshot ends with it, before the client has taken the rest.
fn pieces<E>(
    mut snapshot: Snapshot,
    version: &str,
    send: &mut impl FnMut(Bytes) -> Result<(), E>,
) -> Result<Sha256, Stop> {
    let pool = Pool::default();
    let mut digest = Sha256::new();
    let mut left = snapshot.size();
    while left > 0 {
        let (head, size) = next(left, version);
        let mut piece = pool.take(head.len() + size);
        let (before, blob) = piece.bytes.split_at_mut(head.len());
        before.copy_from_slice(&head);
        snapshot.read_exact(blob).map_err(Stop::Disk)?;
        left -= size as u64;
        digest.update(blob);
        send(Bytes::from_owner(piece)).map_err(|_| Stop::Gone)?;
    }
    Ok(digest)
}

/// How the next message begins, and how many of the `left` bytes follow: as many as fill it.
fn next(left: u64, version: &str) -> (BytesMut, usize) {
    let fill =
        |head: usize| usize::try_from(left).map_or(MESSAGE - head, |left| left.min(MESSAGE - head));
    let mut size = fill(head(left, version, MESSAGE).len());
    // The fewer are left, the shorter is their number.
    size = fill(head(left - size as u64, version, size).len());
    (head(left - size as u64, version, size), size)
}

/// Buffers that were sent and can be read into again, so that none is made, or zeroed, for each piece.
#[derive(Clone, Default)]
struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

/// One of them; it goes back when the last byte of it is sent.
struct Piece {
    bytes: Vec<u8>,
    pool: Pool,
}

impl Pool {
    fn take(&self, size: usize) -> Piece {
        let mut bytes = self.0.lock().pop().unwrap_or_default();
        bytes.resize(size, 0);
        Piece {
            bytes,
            pool: self.clone(),
        }
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.pool.0.lock().push(std::mem::take(&mut self.bytes));
    }
}

/// Everything of a framed `SnapshotResponse` but the bytes of `blob`, which follow it: so they go from
/// the file to the socket without another copy. Fields of protobuf may come in any order.
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
        for left in [0, 1, 300_000, 1 << 21, (1 << 28) + 100_000, 1 << 40] {
            let (head, size) = next(left, "3.7.0");
            assert_eq!(head, super::head(left - size as u64, "3.7.0", size));
            assert!(
                head.len() + size == MESSAGE || size as u64 == left,
                "{left}"
            );
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
