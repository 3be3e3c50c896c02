//! Opening, stopping, snapshots, and directories opened for reading.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_continues_revisions_terms_and_indexes() {
    let mut f = start(|_| {});
    let header = f.core.header();
    assert_eq!(header.member_id, 0x8e9e_05c5_2164_694d);
    assert_eq!(header.cluster_id, 0xcdf8_1819_4e3a_8c32);
    assert_eq!((header.revision, header.raft_term), (1, 2));
    let index = async |core: &Core| {
        core.status(&RequestContext::in_process())
            .await
            .unwrap()
            .raft_index
    };
    assert_eq!(index(&f.core).await, 4);
    f.core
        .put(&RequestContext::in_process(), put("k", "v"))
        .await
        .unwrap();
    f.core
        .put(&RequestContext::in_process(), put("k", "v"))
        .await
        .unwrap();
    assert_eq!(index(&f.core).await, 6);
    f.restart().await;
    let header = f.core.header();
    assert_eq!((header.revision, header.raft_term), (3, 3));
    assert_eq!(index(&f.core).await, 6);
    // An unknown revision in the future, as left by a compaction whose records have all been removed.
    f.core.shutdown().await;
    let db = Db::open(f.config.data_dir.join("db"), Options::default()).unwrap();
    for (name, revision) in [(meta::FINISHED_COMPACT, 40), (meta::SCHEDULED_COMPACT, 50)] {
        let mut batch = Batch::new();
        let mark = meta::encode_compact(revision).to_vec();
        batch.put(bucket::META, name, mark).unwrap();
        db.commit(&batch).unwrap();
    }
    drop(db);
    f.core = open_blocking(&f.config, f.gate.options());
    assert_eq!(f.core.header().revision, 50);
    let next = f
        .core
        .put(&RequestContext::in_process(), put("k", "v"))
        .await
        .unwrap();
    assert_eq!(next.header.unwrap().revision, 51);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_that_cannot_be_served_is_refused_in_one_line() {
    let f = start(|_| {});
    let refused = |config: &Config| {
        let error = Core::open(config).err().expect("refused").to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    };
    let error = refused(&f.config);
    assert!(
        error.contains("data/db") && error.contains("locked"),
        "{error}"
    );

    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("member/snap")).unwrap();
    let error = refused(&Config::new(dir.path()));
    assert!(error.contains("etcdctl snapshot status"), "{error}");
    assert!(!dir.path().join("db").exists());

    std::fs::write(dir.path().join("file"), "").unwrap();
    let error = refused(&Config::new(dir.path().join("file")));
    assert!(error.contains("file"), "{error}");
    let lost = |path: &Path| std::fs::remove_dir_all(path).unwrap();
    lost(&dir.path().join("member"));

    std::fs::write(
        dir.path().join("db"),
        "not a database, and not long enough for one",
    )
    .unwrap();
    let error = refused(&Config::new(dir.path()));
    assert!(error.contains("db"), "{error}");

    let mut batch = Batch::new();
    batch.put(b"somebody's", "key", "value").unwrap();
    std::fs::remove_file(dir.path().join("db")).unwrap();
    let db = Db::open(dir.path().join("db"), Options::default()).unwrap();
    db.commit(&batch).unwrap();
    drop(db);
    let error = refused(&Config::new(dir.path()));
    assert!(error.contains("not an etcd database"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_server_reports_it_and_releases_the_file() {
    let f = start(|_| {});
    f.core
        .put(&RequestContext::in_process(), put("k", "v"))
        .await
        .unwrap();
    let clone = f.core.clone();
    f.core.shutdown().await;
    assert_eq!(
        clone
            .put(&RequestContext::in_process(), put("k", "v"))
            .await
            .err(),
        Some(Error::Stopped)
    );
    assert_eq!(
        clone
            .range(&RequestContext::in_process(), get("k", 0))
            .await
            .err(),
        Some(Error::Stopped)
    );
    assert_eq!(
        clone.status(&RequestContext::in_process()).await.err(),
        Some(Error::Stopped)
    );
    let again = open_blocking(&f.config, Options::default());
    assert!(value(&again, "k").await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_the_file_at_one_moment() {
    use std::io::Read as _;
    let f = start(|_| {});
    f.core
        .put(&RequestContext::in_process(), put("k", "in the snapshot"))
        .await
        .unwrap();
    let mut snapshot = f
        .core
        .snapshot(&RequestContext::in_process())
        .await
        .unwrap();
    assert_eq!(snapshot.version(), "3.7.0");
    f.core
        .put(&RequestContext::in_process(), put("k", "later"))
        .await
        .unwrap();
    f.core
        .defragment(&RequestContext::in_process())
        .await
        .unwrap();
    let mut bytes = Vec::new();
    snapshot.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, snapshot.size());
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("db"), bytes).unwrap();
    let copy = open_blocking(&Config::new(dir.path()), Options::default());
    let seen = value(&copy, "k").await.unwrap();
    assert_eq!(seen, "in the snapshot");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_opened_for_reading_answers_reads_and_refuses_writes() {
    use std::io::Read as _;
    let f = start(|_| {});
    let context = RequestContext::in_process();
    let open = |config: &Config| tokio::task::block_in_place(|| Core::open_read_only(config));
    for i in 0..3 {
        f.core
            .put(&context, put("k", format!("{i}")))
            .await
            .unwrap();
    }
    let raise = alarm(AlarmAction::Activate, 5, AlarmType::Corrupt);
    f.core.alarm(&context, raise).await.unwrap();
    let hash = f.core.hash(&context).await.unwrap().hash;
    assert!(matches!(open(&f.config).err(), Some(OpenError::Locked(_))));
    f.core.shutdown().await;
    let before = std::fs::read(f.config.data_dir.join("db")).unwrap();

    let (one, other) = (open(&f.config).unwrap(), open(&f.config).unwrap());
    for core in [&one, &other] {
        assert_eq!(value(core, "k").await.unwrap(), "2");
        let old = core.range(&context, get("k", 3)).await.unwrap();
        assert_eq!(old.kvs[0].value, "1");
        assert_eq!(core.hash(&context).await.unwrap().hash, hash);
        let hash_kv = core
            .hash_kv(&context, pb::HashKvRequest { revision: 0 })
            .await;
        assert_eq!(hash_kv.unwrap().hash_revision, 4);
        let status = core.status(&context).await.unwrap();
        assert_eq!(status.header.unwrap().revision, 4);
        assert_eq!(status.errors, ["memberID:5 alarm:CORRUPT"]);
        assert!(status.db_size >= status.db_size_in_use && status.db_size_in_use > 0);
        let mut bytes = Vec::new();
        let mut snapshot = core.snapshot(&context).await.unwrap();
        snapshot.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as i64, status.db_size);

        let text = |error: Option<Error>| error.unwrap().text().to_string();
        for refused in [
            text(core.put(&context, put("k", "")).await.err()),
            text(core.delete_range(&context, delete("k")).await.err()),
            text(core.compact(&context, compaction(2, false)).await.err()),
            text(core.defragment(&context).await.err()),
            text(core.alarm(&context, raise).await.err()),
        ] {
            assert!(refused.contains("open for reading only"), "{refused}");
        }
    }
    one.shutdown().await;
    drop(other);
    assert_eq!(std::fs::read(f.config.data_dir.join("db")).unwrap(), before);

    let missing = f.config.data_dir.join("missing");
    let refused = open(&Config::new(&missing)).err().unwrap().to_string();
    assert_eq!(refused, format!("no database in {}", missing.display()));
    assert!(!missing.exists());
}
