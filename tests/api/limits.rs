//! Sizes and numbers above which a request is rejected.

use std::sync::Arc;

use etcd_maintenance::proto::etcdserverpb as pb;
use tonic::Code;

use crate::{
    ask::{get, op, put, refused, txn},
    target::Target,
};

on_every_target! {
    the_default_request_limit;
    a_smaller_request_limit ["--max-request-bytes=1000"];
    answers_may_be_larger_than_requests;
    a_thousand_requests_at_once_on_one_connection;
}

async fn the_default_request_limit(t: Arc<Target>) {
    let mut kv = t.kv();
    let limit = 1_572_864;
    // The size of the encoded internal request counts, which is slightly larger than the value.
    kv.put(put("k", &"v".repeat(limit - 512))).await.unwrap();
    refused(
        kv.put(put("k", &"v".repeat(limit + 1))).await,
        Code::InvalidArgument,
        "etcdserver: request is too large",
    );
    let halves = vec![
        op(put("a", &"v".repeat(limit / 2))),
        op(put("b", &"v".repeat(limit / 2))),
    ];
    refused(
        kv.txn(txn(vec![], halves, vec![])).await,
        Code::InvalidArgument,
        "etcdserver: request is too large",
    );
    let message = put("k", &"v".repeat(3 << 20));
    let size = prost::Message::encoded_len(&message);
    refused(
        kv.put(message).await,
        Code::ResourceExhausted,
        &format!("grpc: received message larger than max ({size} vs. 2097152)"),
    );
    // The connection remains usable.
    let read = kv.range(get("k")).await.unwrap().into_inner();
    assert_eq!(read.kvs[0].value.len(), limit - 512);
}

async fn a_smaller_request_limit(t: Arc<Target>) {
    let mut kv = t.kv();
    kv.put(put("k", &"v".repeat(900))).await.unwrap();
    refused(
        kv.put(put("k", &"v".repeat(1000))).await,
        Code::InvalidArgument,
        "etcdserver: request is too large",
    );
    let message = put("k", &"v".repeat(1 << 20));
    let size = prost::Message::encoded_len(&message);
    refused(
        kv.put(message).await,
        Code::ResourceExhausted,
        &format!("grpc: received message larger than max ({size} vs. 525288)"),
    );
}

async fn answers_may_be_larger_than_requests(t: Arc<Target>) {
    let mut kv = t.kv();
    for i in 0..8 {
        kv.put(put(&format!("k{i}"), &"v".repeat(1 << 20)))
            .await
            .unwrap();
    }
    let request = pb::RangeRequest {
        range_end: "l".into(),
        ..get("k")
    };
    let read = kv.range(request.clone()).await.unwrap().into_inner();
    assert_eq!(
        read.kvs.iter().map(|kv| kv.value.len()).sum::<usize>(),
        8 << 20
    );
    let mut stream = kv.range_stream(request).await.unwrap().into_inner();
    let mut kvs = Vec::new();
    while let Some(piece) = stream.message().await.unwrap() {
        kvs.extend(piece.range_response.unwrap().kvs);
    }
    assert_eq!(kvs, read.kvs);
}

async fn a_thousand_requests_at_once_on_one_connection(t: Arc<Target>) {
    let requests: Vec<_> = (0..1000)
        .map(|i| {
            let mut kv = t.kv();
            tokio::spawn(async move { kv.put(put(&format!("k{i}"), "v")).await })
        })
        .collect();
    let mut revisions = Vec::new();
    for request in requests {
        let answer = request.await.unwrap().unwrap().into_inner();
        revisions.push(answer.header.unwrap().revision);
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..1002).collect::<Vec<_>>());
}
