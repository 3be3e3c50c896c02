//! The snapshot stream.

use std::sync::Arc;

use etcd_maintenance::{proto::etcdserverpb as pb, snapshot};
use sha2::{Digest as _, Sha256};

use crate::{ask::put, support::program::scratch, target::Target};

on_every_target! {
    a_snapshot_is_the_file_and_its_digest;
    writes_go_on_while_a_snapshot_is_taken;
}

async fn a_snapshot_is_the_file_and_its_digest(t: Arc<Target>) {
    let mut kv = t.kv();
    for i in 0..40 {
        kv.put(put(&format!("k{i}"), &"v".repeat(50_000)))
            .await
            .unwrap();
    }
    let mut m = t.maintenance();
    let mut stream = m
        .snapshot(pb::SnapshotRequest {})
        .await
        .unwrap()
        .into_inner();
    let mut pieces = Vec::new();
    while let Some(piece) = stream.message().await.unwrap() {
        pieces.push(piece);
    }
    let digest = pieces.pop().unwrap();
    assert_eq!((digest.blob.len(), digest.remaining_bytes), (32, 0));
    let total: u64 = pieces.iter().map(|p| p.blob.len() as u64).sum();
    let mut left = total;
    let mut file = Vec::new();
    for piece in &pieces {
        left -= piece.blob.len() as u64;
        assert_eq!(piece.remaining_bytes, left);
        assert_eq!(piece.version, "3.7.0");
        // The default limit of gRPC clients is 4 MiB.
        assert!(piece.blob.len() >= 32 << 10 || left == 0);
        assert!(piece.blob.len() < 2 << 20);
        file.extend_from_slice(&piece.blob);
    }
    assert_eq!(digest.blob, Sha256::digest(&file).as_slice());
    // Two meta pages of a bbolt file: magic number 0xED0CDAED after a header of 16 bytes.
    assert_eq!(file[16..20], 0xED0C_DAEDu32.to_le_bytes());
    assert_eq!(file.len() % 4096, 0);
    let status = m.status(pb::StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(total as i64, status.db_size);
}

async fn writes_go_on_while_a_snapshot_is_taken(t: Arc<Target>) {
    let mut kv = t.kv();
    for i in 0..200 {
        kv.put(put(&format!("k{i}"), &"v".repeat(100_000)))
            .await
            .unwrap();
    }
    let mut m = t.maintenance();
    let mut stream = m
        .snapshot(pb::SnapshotRequest {})
        .await
        .unwrap()
        .into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert!(first.remaining_bytes > 10_000_000);
    let newest = pb::HashKvRequest { revision: 0 };
    let then = m.hash_kv(newest).await.unwrap().into_inner();
    // The stream is paused, far from its end, and puts are answered.
    for i in 0..20 {
        kv.put(put(&format!("k{i}"), "changed")).await.unwrap();
    }
    let mut file = first.blob.to_vec();
    while let Some(piece) = stream.message().await.unwrap() {
        file.extend_from_slice(&piece.blob);
    }
    let dir = scratch();
    let path = dir.path().join("snapshot.db");
    std::fs::write(&path, &file).unwrap();
    snapshot::verify(&path).unwrap();
    // Later puts are not in the snapshot.
    let kept = snapshot::hash_kv(&path, 0).unwrap();
    assert_eq!((kept.hash_revision, kept.hash), (201, then.hash));
}
