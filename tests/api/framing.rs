//! gRPC on the wire, below the level of generated clients: messages that are missing, truncated, superfluous or compressed.

use std::{
    future::poll_fn,
    io::{Read as _, Write as _},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use etcd_maintenance::proto::etcdserverpb as pb;
use http::HeaderMap;
use prost::Message as _;
use tokio::net::TcpStream;

use crate::{
    ask::{get, put},
    target::{Target, TargetKind},
};

on_every_target! {
    unary_calls_ignore_what_follows_their_message;
    unary_calls_need_one_whole_message;
    calls_with_a_stream_of_responses_take_one_message;
    compressed_requests_get_compressed_responses;
    other_requests_get_uncompressed_responses;
    unknown_encodings_are_refused;
    compressed_messages_are_checked;
    messages_of_errors_are_escaped_as_little_as_possible;
}

const RANGE: &str = "/etcdserverpb.KV/Range";
const PUT: &str = "/etcdserverpb.KV/Put";
const RANGE_STREAM: &str = "/etcdserverpb.KV/RangeStream";
const SNAPSHOT: &str = "/etcdserverpb.Maintenance/Snapshot";

/// The response to a call.
#[derive(Debug)]
struct Answer {
    headers: HeaderMap,
    /// The messages with their prefixes.
    body: Vec<u8>,
    /// Code and message, as sent.
    status: (i32, String),
}

/// Calls a method. Each element of `frames` is sent as a frame; after an empty one, the client pauses briefly. `None` if the
/// target has no port.
async fn call(
    t: &Target,
    path: &str,
    headers: &[(&str, &str)],
    frames: &[Bytes],
) -> Option<Answer> {
    let Some(address) = t.address.as_deref() else {
        assert!(matches!(t.kind, TargetKind::Memory | TargetKind::Tls));
        return None;
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let mut request = http::Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (response, mut outgoing) = sender
        .send_request(request.body(()).unwrap(), false)
        .unwrap();
    for frame in frames {
        if frame.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The server may have answered already.
        let _ = outgoing.send_data(frame.clone(), false);
    }
    let _ = outgoing.send_data(Bytes::new(), true);
    let (head, mut incoming) = response.await.unwrap().into_parts();
    assert_eq!(head.status, 200);
    let mut body = Vec::new();
    while let Some(data) = poll_fn(|cx| incoming.poll_data(cx)).await {
        let data = data.unwrap();
        incoming
            .flow_control()
            .release_capacity(data.len())
            .unwrap();
        body.extend(data);
    }
    let trailers = poll_fn(|cx| incoming.poll_trailers(cx)).await.unwrap();
    connection.abort();
    let end = trailers.unwrap_or_else(|| head.headers.clone());
    let field = |name| {
        end.get(name)
            .map_or("", |v| v.to_str().unwrap())
            .to_string()
    };
    let status = (field("grpc-status").parse().unwrap(), field("grpc-message"));
    Some(Answer {
        headers: head.headers,
        body,
        status,
    })
}

fn with_flag(flag: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], payload].concat()
}

fn framed(message: &impl prost::Message) -> Bytes {
    with_flag(0, &message.encode_to_vec()).into()
}

fn gzip(payload: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(payload).unwrap();
    encoder.finish().unwrap()
}

fn gunzip(payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    flate2::read::GzDecoder::new(payload)
        .read_to_end(&mut message)
        .unwrap();
    message
}

async fn unary_calls_ignore_what_follows_their_message(t: Arc<Target>) {
    let first = framed(&put("k", "first"));
    let second = framed(&put("k", "second"));
    let pause = Bytes::new;
    let both = Bytes::from([&first[..], &second[..]].concat());
    let and_half = Bytes::from([&first[..], &second[..7]].concat());
    let and_too_large = Bytes::from([&first[..], &[0, 255, 255, 255, 255]].concat());
    for frames in [
        vec![both],
        vec![first.clone(), second.clone()],
        vec![first.clone(), pause(), second.clone()],
        vec![first.clone(), pause(), pause()],
        vec![and_half],
        vec![and_too_large],
        vec![first.slice(..3), first.slice(3..)],
        vec![first.slice(..3), pause(), first.slice(3..), second],
    ] {
        let Some(answer) = call(&t, PUT, &[], &frames).await else {
            return;
        };
        assert_eq!(answer.status, (0, String::new()), "{frames:?}");
        let stored = t.kv().range(get("k")).await.unwrap().into_inner();
        assert_eq!(stored.kvs[0].value, "first", "{frames:?}");
    }
    // Each call was one put.
    let stored = t.kv().range(get("k")).await.unwrap().into_inner();
    assert_eq!(stored.kvs[0].version, 8);
}

async fn unary_calls_need_one_whole_message(t: Arc<Target>) {
    let whole = framed(&put("k", "v"));
    let cut = |length| vec![whole.slice(..length)];
    for (frames, text) in [
        (vec![], "EOF"),
        (vec![Bytes::new()], "EOF"),
        (cut(3), "EOF"),
        (cut(5), "unexpected EOF"),
        (cut(whole.len() - 1), "unexpected EOF"),
    ] {
        let Some(answer) = call(&t, PUT, &[], &frames).await else {
            return;
        };
        assert_eq!(answer.status, (2, text.to_string()), "{frames:?}");
    }
    let answer = call(&t, PUT, &[], &[Bytes::from_static(&[2, 0, 0, 0, 0])]).await;
    let text = "grpc: received unexpected payload format 2";
    assert_eq!(answer.unwrap().status, (13, text.to_string()));
    let stored = t.kv().range(get("k")).await.unwrap().into_inner();
    assert_eq!(stored.count, 0);
}

async fn calls_with_a_stream_of_responses_take_one_message(t: Arc<Target>) {
    const MISSING: &str =
        "cardinality violation: received no request message from non-client-streaming RPC";
    const SURPLUS: &str =
        "cardinality violation: received multiple request messages for non-client-streaming RPC";
    for (path, message) in [
        (RANGE_STREAM, framed(&get("k"))),
        (SNAPSHOT, framed(&pb::SnapshotRequest {})),
    ] {
        let twice = Bytes::from([&message[..], &message[..]].concat());
        let part = Bytes::from([&message[..], &message[..3]].concat());
        for (frames, status) in [
            (vec![message.clone()], (0, "")),
            (vec![part], (0, "")),
            (vec![twice], (13, SURPLUS)),
            (vec![message.clone(), message.clone()], (13, SURPLUS)),
            (
                vec![message.clone(), Bytes::new(), message.clone()],
                (13, SURPLUS),
            ),
            (vec![Bytes::new()], (13, MISSING)),
            (vec![message.slice(..3)], (13, MISSING)),
        ] {
            let Some(answer) = call(&t, path, &[], &frames).await else {
                return;
            };
            let (code, text) = &answer.status;
            assert_eq!((*code, text.as_str()), status, "{path} {frames:?}");
        }
    }
}

async fn compressed_requests_get_compressed_responses(t: Arc<Target>) {
    let value = "v".repeat(100_000);
    let request = put("k", &value).encode_to_vec();
    let compressed = gzip(&request);
    assert!(compressed.len() < 1000);
    let frame = Bytes::from(with_flag(1, &compressed));
    let Some(answer) = call(&t, PUT, &[("grpc-encoding", "gzip")], &[frame]).await else {
        return;
    };
    assert_eq!(answer.status.0, 0, "{answer:?}");
    let stored = t.kv().range(get("k")).await.unwrap().into_inner();
    assert_eq!(stored.kvs[0].value, value);
    let compressed = Bytes::from(with_flag(1, &gzip(&get("k").encode_to_vec())));
    // The second message is not compressed, although the call announces it: the flag decides.
    for (path, frame) in [
        (RANGE, compressed.clone()),
        (RANGE, framed(&get("k"))),
        (RANGE_STREAM, compressed),
    ] {
        // As in etcd, the encoding of the request decides, whatever the client accepts.
        for accepted in ["gzip", "identity"] {
            let headers = [
                ("grpc-encoding", "gzip"),
                ("grpc-accept-encoding", accepted),
            ];
            let answer = call(&t, path, &headers, std::slice::from_ref(&frame))
                .await
                .unwrap();
            assert_eq!(answer.status.0, 0, "{path}");
            assert_eq!(answer.headers["grpc-encoding"], "gzip", "{path}");
            assert_eq!(answer.body[0], 1, "{path}");
            assert!(answer.body.len() < 2000, "{path}: {}", answer.body.len());
            let length = u32::from_be_bytes(answer.body[1..5].try_into().unwrap()) as usize;
            let message = gunzip(&answer.body[5..5 + length]);
            let kvs = match path {
                RANGE => pb::RangeResponse::decode(&message[..]).unwrap().kvs,
                _ => {
                    let part = pb::RangeStreamResponse::decode(&message[..]).unwrap();
                    part.range_response.unwrap().kvs
                }
            };
            assert_eq!(kvs[0].value, value, "{path}");
        }
    }
}

async fn other_requests_get_uncompressed_responses(t: Arc<Target>) {
    for headers in [
        &[][..],
        &[("grpc-accept-encoding", "gzip")],
        &[
            ("grpc-encoding", "identity"),
            ("grpc-accept-encoding", "gzip"),
        ],
        &[("grpc-encoding", "")],
        // The last one counts.
        &[("grpc-encoding", "gzip"), ("grpc-encoding", "identity")],
    ] {
        let Some(answer) = call(&t, RANGE, headers, &[framed(&get("k"))]).await else {
            return;
        };
        assert_eq!(answer.status.0, 0, "{headers:?}");
        assert!(!answer.headers.contains_key("grpc-encoding"), "{headers:?}");
        assert_eq!(answer.body[0], 0, "{headers:?}");
    }
    let compressed = Bytes::from(with_flag(1, &gzip(&get("k").encode_to_vec())));
    for headers in [&[][..], &[("grpc-encoding", "identity")]] {
        let answer = call(&t, RANGE, headers, std::slice::from_ref(&compressed)).await;
        let text = "grpc: compressed flag set with identity or empty encoding";
        assert_eq!(answer.unwrap().status, (13, text.to_string()));
    }
}

async fn unknown_encodings_are_refused(t: Arc<Target>) {
    for (path, encoding) in [
        (RANGE, "snappy"),
        (RANGE, "deflate"),
        (RANGE, "GZIP"),
        (RANGE, "gzip,identity"),
        (RANGE_STREAM, "zstd"),
        ("/etcdserverpb.Watch/Watch", "br"),
        ("/etcdserverpb.Lease/LeaseKeepAlive", "br"),
    ] {
        for flag in [0, 1] {
            let frame = Bytes::from(with_flag(flag, &get("k").encode_to_vec()));
            let headers = [
                ("grpc-encoding", encoding),
                ("grpc-accept-encoding", "gzip"),
            ];
            let Some(answer) = call(&t, path, &headers, &[frame]).await else {
                return;
            };
            let text =
                format!("grpc: Decompressor is not installed for grpc-encoding \"{encoding}\"");
            assert_eq!(answer.status, (12, text), "{path}");
            // Like grpc-go's, the server does not say what it would accept.
            assert!(!answer.headers.contains_key("grpc-accept-encoding"));
        }
    }
}

async fn compressed_messages_are_checked(t: Arc<Target>) {
    let good = gzip(&get("k").encode_to_vec());
    let (body, length) = good.split_at(good.len() - 4);
    let wrong_sum = [&body[..body.len() - 4], &[0; 4], length].concat();
    let in_two_parts = [gzip(b"\x0a\x01"), gzip(b"k")].concat();
    // A message that fits only as long as it is compressed.
    let too_large = gzip(&put("k", &"v".repeat(3_000_000)).encode_to_vec());
    for (payload, code, text) in [
        (&good[..], 0, ""),
        (&in_two_parts, 0, ""),
        (b"", 13, "grpc: failed to decompress the message: EOF"),
        (
            b"garbage",
            13,
            "grpc: failed to decompress the message: unexpected EOF",
        ),
        (
            b"no gzip in here at all",
            13,
            "grpc: failed to decompress the message: gzip: invalid header",
        ),
        (
            body,
            13,
            "grpc: failed to read decompressed data: unexpected EOF",
        ),
        (
            &wrong_sum,
            13,
            "grpc: failed to read decompressed data: gzip: invalid checksum",
        ),
        (
            &too_large,
            8,
            "grpc: received message after decompression larger than max 2097152",
        ),
    ] {
        let frame = Bytes::from(with_flag(1, payload));
        let Some(answer) = call(&t, RANGE, &[("grpc-encoding", "gzip")], &[frame]).await else {
            return;
        };
        assert_eq!(answer.status, (code, text.to_string()));
    }
}

async fn messages_of_errors_are_escaped_as_little_as_possible(t: Arc<Target>) {
    for (path, text) in [
        (
            "/etcdserverpb.KV/No%20such~\"method\"",
            "unknown method No%2520such~\"method\" for service etcdserverpb.KV",
        ),
        ("/a%25b/C", "unknown service a%2525b"),
    ] {
        let Some(answer) = call(&t, path, &[], &[framed(&get("k"))]).await else {
            return;
        };
        assert_eq!(answer.status, (12, text.to_string()));
    }
}
