//! The messages and services on the wire and in files. The submodules are generated from `proto/` by `cargo run -p
//! protocol-generator`, not written by hand. This file only implements `Debug` for messages with secrets.
#![allow(clippy::all, missing_docs)]

/// The descriptors of all messages and services, encoded as `google.protobuf.FileDescriptorSet`.
pub static DESCRIPTORS: &[u8] = include_bytes!("proto/descriptors.bin");

/// Users, roles, permissions (`proto/auth.proto`).
#[rustfmt::skip]
pub mod authpb;
/// Every service on the client port, and the internal request (`proto/rpc.proto`, `proto/raft_internal.proto`).
#[rustfmt::skip]
pub mod etcdserverpb;
/// The lease record (`proto/lease.proto`).
#[rustfmt::skip]
pub mod leasepb;
/// Cluster version and member attributes in the log (`proto/membership.proto`).
#[rustfmt::skip]
pub mod membershippb;
/// `KeyValue` and `Event` (`proto/kv.proto`).
#[rustfmt::skip]
pub mod mvccpb;
/// Entries, hard state and configuration of raft (`proto/raft.proto`).
#[rustfmt::skip]
pub mod raftpb;
/// The envelope of a raft snapshot file (`proto/snap.proto`).
#[rustfmt::skip]
pub mod snappb;
/// The election service (`proto/election.proto`).
#[rustfmt::skip]
pub mod v3electionpb;
/// The lock service (`proto/lock.proto`).
#[rustfmt::skip]
pub mod v3lockpb;
/// The records of the write-ahead log (`proto/wal.proto`).
#[rustfmt::skip]
pub mod walpb;

/// `Debug` for messages with a secret, which is omitted. The generator does not derive `Debug` for a message with a
/// field of such a name, so a new one does not compile until it has a row here.
macro_rules! debug_without_secrets {
    ($($package:ident::$message:ident { $($shown:ident),* })*) => {
        $(impl std::fmt::Debug for $package::$message {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($message))
                    $(.field(stringify!($shown), &self.$shown))*
                    .finish_non_exhaustive()
            }
        })*
    };
}

debug_without_secrets! {
    authpb::User { name, roles, options }
    etcdserverpb::AuthenticateRequest { name }
    etcdserverpb::AuthenticateResponse { header }
    etcdserverpb::AuthUserAddRequest { name, options }
    etcdserverpb::AuthUserChangePasswordRequest { name }
    etcdserverpb::InternalAuthenticateRequest { name }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use sha2::{Digest, Sha256};

    #[test]
    fn secrets_are_not_printed() {
        use super::etcdserverpb::{AuthUserAddRequest, InternalRaftRequest};
        let request = InternalRaftRequest {
            auth_user_add: Some(AuthUserAddRequest {
                name: "alice".into(),
                password: "open sesame".into(),
                hashed_password: "open sesame, hashed".into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let text = format!("{request:?}");
        assert!(text.contains("alice") && !text.contains("sesame"), "{text}");
    }

    /// A fast check in every `cargo test`. The test of `protocol-generator` compiles `proto/` again.
    #[test]
    fn the_generated_code_is_current() {
        const HINT: &str = "src/proto is out of date: cargo run -p protocol-generator";
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let digests = fs::read_to_string(root.join("src/proto/generated.sha256")).unwrap();
        let mut listed = BTreeSet::new();
        for line in digests.lines() {
            let (digest, path) = line.split_once("  ").unwrap();
            let contents =
                fs::read(root.join(path)).unwrap_or_else(|e| panic!("{HINT} ({path}: {e})"));
            let actual = Sha256::digest(contents);
            let actual: String = actual.iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(digest, actual, "{HINT} ({path})");
            listed.insert(path.to_owned());
        }
        for entry in fs::read_dir(root.join("proto")).unwrap() {
            let path = format!("proto/{}", entry.unwrap().file_name().display());
            if path.ends_with(".proto") {
                assert!(listed.contains(&path), "{HINT} ({path})");
            }
        }
    }
}
