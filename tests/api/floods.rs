//! Clients that send many tiny frames: legitimate bursts are answered, and floods neither use up memory nor affect other
//! clients.

use std::{future::poll_fn, sync::Arc, time::Duration};

use bytes::Bytes;
use etcd_maintenance::proto::etcdserverpb::{self as pb, kv_client::KvClient};
use prost::Message as _;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use crate::{
    ask::put,
    frames::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
        WINDOW_UPDATE, frame, head,
    },
    load::{Observer, with_reader},
    support::{
        peer::PREFACE,
        server::{Launch, Server},
    },
    target::{Target, TargetKind},
};

on_every_target! {
    every_small_message_of_a_burst_is_answered;
}

/// Number of messages in a burst: a client that keeps this many leases alive sends as many every few seconds.
const BURST: usize = 100_000;

async fn every_small_message_of_a_burst_is_answered(t: Arc<Target>) {
    let Some(address) = t.address.as_deref() else {
        assert!(matches!(t.kind, TargetKind::Memory | TargetKind::Tls));
        return;
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(1 << 30)
        .initial_connection_window_size(1 << 30)
        .data_frame_budget(usize::MAX)
        .handshake(stream)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::post(format!(
        "http://{address}/etcdserverpb.Lease/LeaseKeepAlive"
    ))
    .header("content-type", "application/grpc")
    .header("te", "trailers")
    .body(())
    .unwrap();
    let mut sender = sender.ready().await.unwrap();
    let (response, mut outgoing) = sender.send_request(request, false).unwrap();
    let message = pb::LeaseKeepAliveRequest { id: 77 }.encode_to_vec();
    let length = u8::try_from(message.len()).unwrap();
    let frame = Bytes::from([&[0, 0, 0, 0, length], &message[..]].concat());
    for i in 0..BURST {
        outgoing.send_data(frame.clone(), i + 1 == BURST).unwrap();
    }
    let mut incoming = response.await.unwrap().into_body();
    let mut answers = Vec::new();
    while let Some(data) = poll_fn(|cx| incoming.poll_data(cx)).await {
        let data = data.expect("the connection stays open");
        incoming
            .flow_control()
            .release_capacity(data.len())
            .unwrap();
        answers.extend(data);
    }
    connection.abort();
    let mut count = 0;
    let mut rest = &answers[..];
    while let Some((prefix, message)) = rest.split_first_chunk::<5>() {
        let length = u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize;
        rest = &message[length..];
        count += 1;
    }
    assert_eq!(count, BURST);
}

/// Number of bytes of a flood, and how long it waits for a server that stops reading.
const FLOOD: (usize, Duration) = (6 << 20, Duration::from_secs(1));
/// Maximum MiB that the server may use during a flood.
const MEMORY: usize = 100;

/// Sends these frames over and over, reading nothing, until they are `most` bytes, the server closes the connection, or it
/// reads nothing for `patience`. Returns whether the server has closed the connection.
async fn flood(
    server: &Server,
    first: &[u8],
    mut next: impl FnMut() -> Vec<u8>,
    (most, patience): (usize, Duration),
) -> bool {
    let mut stream = TcpStream::connect(server.endpoint()).await.unwrap();
    let mut piece = PREFACE.to_vec();
    piece.extend(frame(SETTINGS, 0, 0, b""));
    piece.extend(first);
    let mut sent = 0;
    while sent < most {
        while piece.len() < 60_000 {
            piece.extend(next());
        }
        sent += piece.len();
        match timeout(patience, stream.write_all(&piece)).await {
            Ok(Ok(())) => piece.clear(),
            Ok(Err(_)) => return true,
            Err(_) => return false,
        }
    }
    false
}

/// A server with a small key.
async fn server() -> Server {
    let server = Launch::serve().start();
    let mut kv = KvClient::new(server.channel().await);
    kv.put(put("small", "s")).await.unwrap();
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_cost_neither_memory_nor_other_clients() {
    let server = server().await;
    let range = head("localhost", "/etcdserverpb.KV/Range");
    let watch = frame(
        HEADERS,
        END_HEADERS,
        1,
        &head("localhost", "/etcdserverpb.Watch/Watch"),
    );
    let settings: Vec<u8> = [0, 4, 0, 0, 0xff, 0xff].repeat(500);
    for (name, first, repeated) in [
        ("pings", &[][..], frame(PING, 0, 0, b"12345678")),
        ("settings", &[], frame(SETTINGS, 0, 0, b"")),
        ("long settings", &[], frame(SETTINGS, 0, 0, &settings)),
        ("priorities", &[], frame(PRIORITY, 0, 1, &[0; 5])),
        ("windows", &[], frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        (
            "windows of a stream",
            &watch,
            frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        ),
        ("empty data", &watch, frame(DATA, 0, 1, b"")),
        ("tiny data", &watch, frame(DATA, 0, 1, &[0])),
        ("unknown frames", &[], frame(0x42, 0, 0, b"12345678")),
        (
            "continuations",
            &frame(HEADERS, 0, 1, &range),
            frame(CONTINUATION, 0, 1, &[0, 1, b'a', 1, b'b'].repeat(100)),
        ),
        (
            "empty continuations",
            &frame(HEADERS, 0, 1, &range),
            frame(CONTINUATION, 0, 1, b""),
        ),
    ] {
        let observer = Observer::of(&server);
        with_reader(&server, flood(&server, first, || repeated.clone(), FLOOD)).await;
        let (memory, _) = observer.most();
        assert!(memory < MEMORY, "{name}: {memory} MiB");
    }
    // With a new stream each time.
    let refused = head("localhost", "/no.such/Method");
    for (name, flags, head, then) in [
        ("resets", END_HEADERS, &range, Some(8u32)),
        ("refused calls", END_HEADERS | END_STREAM, &refused, None),
        ("empty calls", END_HEADERS | END_STREAM, &range, None),
    ] {
        let mut stream = 1;
        let next = || {
            let mut frames = frame(HEADERS, flags, stream, head);
            if let Some(code) = then {
                frames.extend(frame(RST_STREAM, 0, stream, &code.to_be_bytes()));
            }
            stream += 2;
            frames
        };
        let observer = Observer::of(&server);
        with_reader(&server, flood(&server, &[], next, FLOOD)).await;
        let (memory, _) = observer.most();
        assert!(memory < MEMORY, "{name}: {memory} MiB");
    }
}

/// Maximum number of calls sent to a server that is expected to end the connection before that.
const UNREAD: usize = 3_000_000;

/// A client that reads none of its small answers is disconnected, whether its flow control or its socket holds them back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_no_small_answers_is_disconnected() {
    let server = server().await;
    let range = head("localhost", "/etcdserverpb.KV/Range");
    let message = frame(DATA, END_STREAM, 1, b"\0\0\0\0\x07\x0a\x05small")[9..].to_vec();
    let huge = [0, 4, 0x7f, 0xff, 0xff, 0xff];
    let wide = [
        frame(SETTINGS, 0, 0, &huge),
        frame(WINDOW_UPDATE, 0, 0, &0x7ff0_0000_u32.to_be_bytes()),
    ];
    for (name, first) in [("flow control", vec![]), ("socket", wide.concat())] {
        let observer = Observer::of(&server);
        let mut calls = 0;
        let call = || {
            let id = u32::try_from(2 * calls + 1).unwrap();
            calls += 1;
            let head = frame(HEADERS, END_HEADERS, id, &range);
            [head, frame(DATA, END_STREAM, id, &message)].concat()
        };
        let most = UNREAD * (9 + range.len() + 9 + message.len());
        let flooded = flood(&server, &first, call, (most, Duration::from_secs(60)));
        assert!(with_reader(&server, flooded).await, "{name}: not closed");
        assert!(calls > 10_000 && calls < UNREAD, "{name}: {calls} calls");
        let (memory, _) = observer.most();
        assert!(
            memory < 4 * MEMORY,
            "{name}: {memory} MiB after {calls} calls"
        );
    }
}

/// The same number of calls is fine if the client reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_concurrent_calls_of_a_client_that_reads_are_answered() {
    let server = Launch::serve().start();
    let stream = TcpStream::connect(server.endpoint()).await.unwrap();
    // The windows of most clients.
    let (mut sender, connection) = h2::client::Builder::new()
        .data_frame_budget(usize::MAX)
        .handshake(stream)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let mut answers = Vec::new();
    for _ in 0..15_000 {
        let uri = format!("http://{}/etcdserverpb.KV/Range", server.endpoint());
        let request = http::Request::post(uri)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        sender = sender.ready().await.unwrap();
        let (response, mut body) = sender.send_request(request, false).unwrap();
        let message = Bytes::from_static(b"\0\0\0\0\x07\x0a\x05small");
        body.send_data(message, true).unwrap();
        answers.push(tokio::spawn(async move {
            let mut body = response.await.unwrap().into_body();
            while let Some(data) = body.data().await {
                let length = data.unwrap().len();
                body.flow_control().release_capacity(length).unwrap();
            }
            body.trailers().await.unwrap().unwrap()
        }));
    }
    for answer in answers {
        assert_eq!(answer.await.unwrap()["grpc-status"], "0");
    }
    connection.abort();
}
