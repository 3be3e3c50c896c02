//! Files of real etcd servers served by our server: it must answer like etcd.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use etcd_maintenance::{
    bolt::{Db, Options},
    proto::etcdserverpb as pb,
    schema::{bucket, lease},
    server::{config::Config, context::RequestContext, core::Core, error::Error},
};
use serde_json::{Value, json};

use crate::fixture_data::{self, Scratch};
use crate::remade;

/// Puts a fixture into a data directory.
fn data_dir(name: &str, entry: &Value) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let scratch = Scratch::new();
    std::fs::copy(scratch.good(name, entry), dir.path().join("db")).unwrap();
    let db = dir.path().join("db");
    (dir, db)
}

async fn open(dir: &Path) -> Core {
    let config = Config::new(dir);
    tokio::task::spawn_blocking(move || Core::open(&config))
        .await
        .unwrap()
        .unwrap()
}

async fn everything(core: &Core, revision: i64) -> Result<pb::RangeResponse, Error> {
    core.range(
        &RequestContext::in_process(),
        pb::RangeRequest {
            key: Bytes::from_static(b"\0"),
            range_end: Bytes::from_static(b"\0"),
            revision,
            ..Default::default()
        },
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_keys_and_hashes_are_etcds() {
    let expected = fixture_data::expected();
    let (mut lists, mut hashes) = (0, 0);
    for (name, entry) in fixture_data::good_files(&expected) {
        let (dir, _) = data_dir(name, entry);
        let core = open(dir.path()).await;
        let revision = entry["facts"]["server_revision"].as_i64().unwrap();
        assert_eq!(core.header().revision, revision, "{name}");

        for (at, wanted) in entry["live_keys"]["revisions"].as_object().unwrap() {
            let got = everything(&core, at.parse().unwrap()).await;
            match wanted.get("keys") {
                Some(keys) => {
                    let got = got.unwrap();
                    assert_eq!(got.count, wanted["count"].as_i64().unwrap(), "{name} {at}");
                    let rows: Vec<Value> = got.kvs.iter().map(row).collect();
                    assert_eq!(&Value::from(rows), keys, "{name} at {at}");
                    lists += 1;
                }
                None => {
                    let text = wanted["error"].as_str().unwrap();
                    let error = got.unwrap_err().to_string();
                    assert!(text.contains(&error), "{name} at {at}: {error}; {text}");
                }
            }
        }

        // The hash differs if the file contains an unfinished compaction, or was compacted after these answers.
        let facts = &entry["facts"];
        let compacted = facts["compact_revision"].as_i64().unwrap_or(-1);
        if facts["scheduled_compact_revision"] != facts["finished_compact_revision"] {
            continue;
        }
        let answers = entry["server_hashkv"]["revisions"].as_object();
        for (at, wanted) in answers.into_iter().flatten() {
            let at: i64 = at.parse().unwrap();
            let got = core
                .hash_kv(
                    &RequestContext::in_process(),
                    pb::HashKvRequest { revision: at },
                )
                .await;
            if wanted.get("hash").is_none() || at == compacted {
                continue;
            }
            let got = got.unwrap_or_else(|e| panic!("{name} at {at}: {e}"));
            let got = json!({"hash": got.hash, "compact_revision": got.compact_revision});
            let wanted =
                json!({"hash": wanted["hash"], "compact_revision": wanted["compact_revision"]});
            assert_eq!(got, wanted, "{name} at {at}");
            hashes += 1;
        }
    }
    assert!(lists > 60 && hashes > 40, "{lists} lists, {hashes} hashes");
}

fn row(kv: &etcd_maintenance::proto::mvccpb::KeyValue) -> Value {
    json!([
        STANDARD.encode(&kv.key),
        kv.create_revision,
        kv.mod_revision,
        kv.version,
        kv.lease,
        kv.value.len(),
        fixture_data::sha256(&kv.value)
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_and_roles_of_etcd_are_served() {
    let expected = fixture_data::expected();
    for name in ["accounts-3.5.snapshot.db", "accounts-3.7.snapshot.db"] {
        let entry = &expected["files"][name];
        let (dir, _) = data_dir(name, entry);
        let core = open(dir.path()).await;
        let nobody = RequestContext::default();
        let status = core.auth_status(&nobody, pb::AuthStatusRequest {});
        let status = status.await.unwrap();
        let revision = entry["facts"]["auth_revision"].as_u64().unwrap();
        assert_eq!(
            (status.enabled, status.auth_revision),
            (true, revision),
            "{name}"
        );
        let all = pb::RangeRequest {
            key: Bytes::from_static(b"\0"),
            range_end: Bytes::from_static(b"\0"),
            ..Default::default()
        };
        let refused = core.range(&nobody, all.clone()).await;
        assert_eq!(refused.err(), Some(Error::UserEmpty), "{name}");
        let login = pb::AuthenticateRequest {
            name: "root".into(),
            password: "pw-root".into(),
        };
        let token = core.authenticate(&nobody, login).await.unwrap().token;
        let mut root = RequestContext::default();
        root.metadata.insert("token", token.parse().unwrap());
        let answer = core.range(&root, all).await.unwrap();
        assert!(answer.count > 0, "{name}");
        let users = core.user_list(&root, pb::AuthUserListRequest {}).await;
        assert!(users.unwrap().users.contains(&"root".to_string()), "{name}");
        core.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_of_etcd_go_on_where_their_checkpoint_was() {
    let expected = fixture_data::expected();
    for name in [
        "checkpointed-3.5.snapshot.db",
        "checkpointed-3.7.snapshot.db",
    ] {
        let entry = &expected["files"][name];
        let (dir, db) = data_dir(name, entry);
        let mut records = Vec::new();
        {
            let db = Db::open(&db, Options::default()).unwrap();
            let tx = db.read();
            for entry in tx.bucket(bucket::LEASE).unwrap().unwrap().iter().unwrap() {
                let entry = entry.unwrap();
                records.push(lease::decode(entry.key, entry.value).unwrap());
            }
        }
        let core = open(dir.path()).await;
        let context = RequestContext::in_process();
        let list = core.lease_leases(&context, pb::LeaseLeasesRequest {}).await;
        assert_eq!(list.unwrap().leases.len(), records.len(), "{name}");
        assert!(
            records.iter().any(|record| record.remaining_ttl > 0),
            "{name}"
        );
        for record in records {
            let r = pb::LeaseTimeToLiveRequest {
                id: record.id,
                keys: true,
            };
            let seen = core.lease_time_to_live(&context, r).await.unwrap();
            assert_eq!(seen.granted_ttl, record.ttl, "{name}");
            let most = match record.remaining_ttl {
                0 => record.ttl,
                remaining => remaining,
            };
            assert!(seen.ttl <= most + 1, "{name}: {} > {most}", seen.ttl);
        }
        core.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_compaction_is_finished() {
    let expected = fixture_data::expected();
    for name in ["killed-3.5.member.db", "killed-3.7.member.db"] {
        let entry = &expected["files"][name];
        let scheduled = entry["facts"]["scheduled_compact_revision"]
            .as_i64()
            .unwrap();
        let (dir, db) = data_dir(name, entry);
        let core = open(dir.path()).await;
        let revision = core.header().revision;
        assert_eq!(
            everything(&core, scheduled - 1).await.err(),
            Some(Error::Compacted)
        );
        // Physical: responds when all compactions so far have finished.
        let compact = pb::CompactionRequest {
            revision,
            physical: true,
        };
        core.compact(&RequestContext::in_process(), compact)
            .await
            .unwrap();
        core.shutdown().await;
        drop(core);
        let db = Db::open(&db, Options::default()).unwrap();
        let mut meta = etcd_maintenance::schema::meta::Meta::default();
        let tx = db.read();
        for entry in tx.bucket(bucket::META).unwrap().unwrap().iter().unwrap() {
            let entry = entry.unwrap();
            meta.read(entry.key, entry.value).unwrap();
        }
        assert_eq!(meta.scheduled_compact, Some(revision), "{name}");
        assert_eq!(meta.finished_compact, Some(revision), "{name}");
    }
}

/// Whatever is wrong with a file, opening it returns. If the file is rejected, the error is one line and the file is
/// unchanged. If it is served, it can be read completely, or reading reports the damage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_files_are_refused_or_served_without_a_panic() {
    let expected = fixture_data::expected();
    let files = expected["files"].as_object().unwrap();
    let (mut refused, mut served) = (0, 0);
    for (name, entry) in files.iter().filter(|(_, v)| v["kind"] == "damaged") {
        let bytes = fixture_data::damaged(entry);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        std::fs::write(&path, &bytes).unwrap();
        let config = Config::new(dir.path());
        let opened = tokio::task::spawn_blocking(move || Core::open(&config));
        let opened = tokio::time::timeout(std::time::Duration::from_secs(60), opened);
        let opened = opened.await.unwrap_or_else(|_| panic!("{name}: hangs"));
        match opened.unwrap_or_else(|e| panic!("{name}: {e}")) {
            Err(error) => {
                let text = error.to_string();
                assert!(
                    !text.contains('\n') && text.contains("db"),
                    "{name}: {text}"
                );
                assert!(std::fs::read(&path).unwrap() == bytes, "{name}: changed");
                refused += 1;
            }
            Ok(core) => {
                let _ = everything(&core, 0).await;
                let _ = core.hash(&RequestContext::in_process()).await;
                let _ = core
                    .hash_kv(
                        &RequestContext::in_process(),
                        pb::HashKvRequest { revision: 0 },
                    )
                    .await;
                let put = pb::PutRequest {
                    key: "new".into(),
                    ..Default::default()
                };
                let _ = core.put(&RequestContext::in_process(), put).await;
                core.shutdown().await;
                served += 1;
            }
        }
    }
    assert!(refused + served > 150, "{refused} refused, {served} served");
    assert!(refused > served, "{refused} refused, {served} served");
}

/// A file in which a counter has almost no numbers left is not written to.
#[test]
fn counters_that_could_be_exhausted_are_refused() {
    let expected = fixture_data::expected();
    let scratch = Scratch::new();
    let base = "basic-3.7.snapshot.db";
    let good = remade::read(&scratch.good(base, &expected["files"][base]));
    let last = |key: &'static [u8], value: Vec<u8>| {
        let mut changed = good.clone();
        let meta = changed.get_mut(b"meta".as_slice()).unwrap();
        meta.insert(key.to_vec(), value);
        changed
    };
    let most = [0xff; 8].to_vec();
    let compacted = [&[0x7f][..], &[0xff; 7], b"_", &[0; 8]].concat();
    for (what, changed) in [
        ("consistent index", last(b"consistent_index", most.clone())),
        ("term", last(b"term", most)),
        ("revision", last(b"scheduledCompactRev", compacted)),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        remade::write(&path, &changed, 4096);
        // Without the digest it is the file of a directory.
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 32]).unwrap();
        let error = Core::open(&Config::new(dir.path())).err().unwrap();
        let text = error.to_string();
        assert!(text.contains(&format!("db: {what} ")), "{text}");
    }
}
