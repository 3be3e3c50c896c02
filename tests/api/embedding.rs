//! Ours only: the server as a library, its listeners, and stopping it.

use std::{sync::Arc, time::Duration};

use etcd_maintenance::{
    proto::etcdserverpb::{self as pb, kv_client::KvClient},
    server::embedded::Server,
};
use tonic::transport::Endpoint;

use crate::{
    ask::{get, put},
    support::program::scratch,
    target::start,
};

#[tokio::test]
async fn several_listeners_and_connections_are_one_server() {
    let dir = scratch();
    let server = start(&dir.path().join("data"), &[]).await;
    let tcp = server.listen("127.0.0.1:0").await.unwrap();
    let other = server.listen("http://localhost:0").await.unwrap();
    assert!(tcp.starts_with("http://127.0.0.1:"));
    let path = dir.path().join("sock");
    let unix = server
        .listen(&format!("unix://{}", path.display()))
        .await
        .unwrap();
    assert_eq!(unix, format!("unix://{}", path.display()));
    let mut memory = KvClient::new(server.channel().await.unwrap());
    memory.put(put("k", "v")).await.unwrap();
    for url in [tcp.clone(), other] {
        let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
        let read = KvClient::new(channel).range(get("k")).await.unwrap();
        assert_eq!(read.into_inner().count, 1);
    }
    let channel = Endpoint::from_shared(unix)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let read = KvClient::new(channel).range(get("k")).await.unwrap();
    assert_eq!(read.into_inner().count, 1);
    let refusal = server.listen(&tcp).await.unwrap_err().to_string();
    assert!(
        refusal.contains(&tcp) && refusal.contains("in use"),
        "{refusal}"
    );
    server.shutdown().await;
    assert!(!path.exists());
    assert!(Endpoint::from_shared(tcp).unwrap().connect().await.is_err());
}

#[tokio::test]
async fn a_stopped_server_leaves_its_data_for_the_next() {
    let dir = scratch();
    let data = dir.path().join("data");
    let server = start(&data, &[]).await;
    KvClient::new(server.channel().await.unwrap())
        .put(put("k", "v"))
        .await
        .unwrap();
    server.shutdown().await;
    let server = start(&data, &[]).await;
    let mut kv = KvClient::new(server.channel().await.unwrap());
    let read = kv.range(get("k")).await.unwrap().into_inner();
    assert_eq!(read.kvs[0].value, "v");
    let header = read.header.unwrap();
    assert_eq!((header.revision, header.raft_term), (2, 3));
    server.shutdown().await;
}

#[tokio::test]
async fn a_second_server_on_the_directory_fails_at_once() {
    let dir = scratch();
    let data = dir.path().join("data");
    let first = start(&data, &[]).await;
    let config = etcd_maintenance::server::config::Config::new(&data);
    let refusal = match Server::start(config).await {
        Ok(_) => panic!("two servers on one directory"),
        Err(e) => e.to_string(),
    };
    assert!(refusal.contains(&data.display().to_string()), "{refusal}");
    assert!(!refusal.contains('\n'), "{refusal}");
    first.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_under_way_are_finished_at_shutdown() {
    let dir = scratch();
    let server = start(&dir.path().join("data"), &[]).await;
    let channel = server.channel().await.unwrap();
    // One put first, so that the connection is established.
    KvClient::new(channel.clone())
        .put(put("k", "v"))
        .await
        .unwrap();
    let value = "v".repeat(200_000);
    let puts: Vec<_> = (0..50)
        .map(|i| {
            let mut kv = KvClient::new(channel.clone());
            let request = put(&format!("k{i}"), &value);
            tokio::spawn(async move { kv.put(request).await })
        })
        .collect();
    let data = dir.path().join("data");
    server.shutdown().await;
    let mut acknowledged = Vec::new();
    for (i, put) in puts.into_iter().enumerate() {
        if put.await.unwrap().is_ok() {
            acknowledged.push(i);
        }
    }
    let server = start(&data, &[]).await;
    let mut kv = KvClient::new(server.channel().await.unwrap());
    for i in acknowledged {
        let read = kv.range(get(&format!("k{i}"))).await.unwrap();
        assert_eq!(read.into_inner().count, 1, "k{i} was acknowledged");
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_stream_does_not_hold_up_the_end() {
    let dir = scratch();
    let server = start(&dir.path().join("data"), &[]).await;
    let channel = server.channel().await.unwrap();
    let mut kv = KvClient::new(channel.clone());
    for i in 0..100 {
        kv.put(put(&format!("k{i}"), &"v".repeat(100_000)))
            .await
            .unwrap();
    }
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    let watch = health
        .watch(tonic_health::pb::HealthCheckRequest::default())
        .await
        .unwrap();
    // A snapshot that is not read further.
    let mut maintenance = pb::maintenance_client::MaintenanceClient::new(channel);
    let snapshot = maintenance.snapshot(pb::SnapshotRequest {}).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), server.shutdown())
        .await
        .expect("the server ends");
    drop((watch, snapshot));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_no_further_loses_its_snapshot() {
    let dir = scratch();
    let data = dir.path().join("data");
    let mut config = etcd_maintenance::server::config::Config::new(&data);
    config.stream_stall = Duration::from_millis(200);
    let server = Arc::new(Server::start(config).await.unwrap());
    let channel = server.channel().await.unwrap();
    let mut kv = KvClient::new(channel.clone());
    for i in 0..100 {
        kv.put(put(&format!("k{i}"), &"v".repeat(100_000)))
            .await
            .unwrap();
    }
    let mut maintenance = pb::maintenance_client::MaintenanceClient::new(channel);
    let stream = maintenance.snapshot(pb::SnapshotRequest {}).await.unwrap();
    let mut stream = stream.into_inner();
    stream.message().await.unwrap().unwrap();
    // Longer than the server waits for progress.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let ended = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("half a snapshot passed for a whole one"),
            Err(status) => break status,
        }
    };
    assert_ne!(ended.code(), tonic::Code::Ok);
    kv.put(put("k", "v")).await.unwrap();
}
