//! Plain HTTP on the client port, and gRPC apart from keys.

use std::{sync::Arc, time::Duration};

use etcd_maintenance::proto::etcdserverpb as pb;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Request, metadata::MetadataValue};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    ask::{get, put, refused},
    frames::{
        DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE,
        frame, head,
    },
    support::{peer::PREFACE, program::scratch},
    target::{Target, TargetKind, start},
};

on_every_target! {
    the_server_as_a_whole_is_healthy;
    metadata_is_looked_at;
    a_head_may_be_long;
    a_deadline_that_has_passed;
    unknown_methods_and_services;
    probes_and_version_over_http;
    an_alarm_makes_it_unhealthy;
    metrics_tell_the_truth;
    garbage_ends_its_own_connection_only;
    a_connection_may_wait_for_its_first_request;
}

async fn the_server_as_a_whole_is_healthy(t: Arc<Target>) {
    let mut health = HealthClient::new(t.channel.clone());
    let ask = |service: &str| HealthCheckRequest {
        service: service.into(),
    };
    let whole = health.check(ask("")).await.unwrap().into_inner();
    assert_eq!(whole.status, 1);
    refused(
        health.check(ask("etcdserverpb.KV")).await,
        Code::NotFound,
        "unknown service",
    );
    for (service, status) in [("", 1), ("no.such", 3)] {
        let mut watch = health.watch(ask(service)).await.unwrap().into_inner();
        let first = watch.message().await.unwrap().unwrap();
        assert_eq!(first.status, status);
    }
}

async fn metadata_is_looked_at(t: Arc<Target>) {
    let with = |name: &'static str, value: &'static [u8]| {
        let mut request = Request::new(get("k"));
        let value = MetadataValue::try_from(value).unwrap();
        request.metadata_mut().insert(name, value);
        request
    };
    let mut kv = t.kv();
    kv.range(with("hasleader", b"true")).await.unwrap();
    kv.range(with("client-api-version", b"3.7")).await.unwrap();
    refused(
        kv.range(with("client-api-version", b"\xff\xfe")).await,
        Code::InvalidArgument,
        "etcdserver: invalid client api version",
    );
    // Authentication is disabled: tokens are ignored.
    kv.range(with("token", b"whatever")).await.unwrap();
}

async fn a_head_may_be_long(t: Arc<Target>) {
    let mut request = Request::new(get("k"));
    let long = "x".repeat(60_000).parse().unwrap();
    request.metadata_mut().insert("token", long);
    t.kv().range(request).await.unwrap();
}

async fn a_burst_of_cancelled_requests_costs_no_connection(t: Arc<Target>) {
    let Some(address) = &t.address else {
        return;
    };
    if t.kind == TargetKind::Etcd {
        // etcd 3.7 never answers the request after such a burst.
        return;
    }
    let head = head(address, "/etcdserverpb.KV/Range");
    let mut burst = PREFACE.to_vec();
    burst.extend(frame(SETTINGS, 0, 0, b""));
    let last = 401;
    for stream in (1..last).step_by(2) {
        burst.extend(frame(HEADERS, END_HEADERS, stream, &head));
        burst.extend(frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()));
    }
    burst.extend(frame(HEADERS, END_HEADERS, last, &head));
    // An empty message, which is rejected because it has no key.
    burst.extend(frame(DATA, END_STREAM, last, &[0; 5]));
    let mut stream = TcpStream::connect(address.as_str()).await.unwrap();
    stream.write_all(&burst).await.unwrap();
    // The last request is answered on this connection.
    loop {
        let mut prefix = [0; 9];
        stream.read_exact(&mut prefix).await.unwrap();
        let [a, b, c, kind, flags, id @ ..] = prefix;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload).await.unwrap();
        assert_ne!(kind, GOAWAY, "{:?}", String::from_utf8_lossy(&payload));
        if u32::from_be_bytes(id) == last && kind == HEADERS && flags & END_STREAM != 0 {
            break;
        }
    }
}

/// The server's code and text for a request with this timeout, without a timer on the client, which could expire
/// earlier.
async fn raw_put(address: &str, timeout: &'static str) -> (String, String) {
    use http_body_util::{BodyExt as _, Full};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use prost::Message as _;

    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let message = put("k", "v").encode_to_vec();
    let mut framed = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
    framed.extend(message);
    let request = http::Request::post(format!("http://{address}/etcdserverpb.KV/Put"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", timeout)
        .body(Full::new(bytes::Bytes::from(framed)))
        .unwrap();
    let (head, body) = client.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or(head.headers);
    connection.abort();
    let field = |name| {
        let value = trailers.get(name).map(|v| v.to_str().unwrap());
        value.unwrap_or_default().replace("%20", " ")
    };
    (field("grpc-status"), field("grpc-message"))
}

async fn a_deadline_that_has_passed(t: Arc<Target>) {
    let Some(address) = &t.address else {
        return;
    };
    let late = raw_put(address, "0n").await;
    assert_eq!(late, ("4".into(), "context deadline exceeded".into()));
    if t.kind == TargetKind::Tcp {
        // A real etcd may have proposed it before it checked the deadline.
        let read = t.kv().range(get("k")).await.unwrap().into_inner();
        assert_eq!(read.count, 0);
    }
    assert_eq!(raw_put(address, "60S").await.0, "0");
}

async fn unknown_methods_and_services(t: Arc<Target>) {
    for (path, text) in [
        (
            "/etcdserverpb.KV/Frob",
            "unknown method Frob for service etcdserverpb.KV",
        ),
        ("/no.Such/Thing", "unknown service no.Such"),
    ] {
        let mut grpc = tonic::client::Grpc::new(t.channel.clone());
        grpc.ready().await.unwrap();
        let answer: Result<tonic::Response<pb::RangeResponse>, _> = grpc
            .unary(
                Request::new(get("k")),
                http::uri::PathAndQuery::from_static(path),
                tonic_prost::ProstCodec::default(),
            )
            .await;
        refused(answer, Code::Unimplemented, text);
    }
}

/// Status and body of a plain HTTP request.
async fn http(t: &Target, request: &str) -> Option<(u16, String)> {
    let address = t.address.as_deref()?;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    Some((status, body.to_string()))
}

async fn probes_and_version_over_http(t: Arc<Target>) {
    for (request, status, body) in [
        ("GET /health", 200, "{\"health\":\"true\",\"reason\":\"\"}"),
        (
            "GET /health?serializable=true",
            200,
            "{\"health\":\"true\",\"reason\":\"\"}",
        ),
        ("POST /health", 405, "Method Not Allowed\n"),
        ("GET /livez", 200, "ok\n"),
        ("GET /readyz", 200, "ok\n"),
        ("GET /livez?verbose", 200, "[+]serializable_read ok\nok\n"),
        (
            "GET /readyz/data_corruption?verbose",
            200,
            "[+]data_corruption ok\nok\n",
        ),
        ("GET /readyz/no_such", 404, "404 page not found\n"),
        (
            "GET /version",
            200,
            "{\"etcdserver\":\"3.7.1\",\"etcdcluster\":\"3.7.0\",\"storage\":\"3.7.0\"}",
        ),
        ("GET /nothing/here", 404, "404 page not found\n"),
    ] {
        let Some(answer) = http(&t, request).await else {
            assert!(matches!(t.kind, TargetKind::Memory | TargetKind::Tls));
            return;
        };
        assert_eq!(answer, (status, body.to_string()), "{request}");
    }
}

async fn an_alarm_makes_it_unhealthy(t: Arc<Target>) {
    let raise = pb::AlarmRequest {
        action: pb::alarm_request::AlarmAction::Activate.into(),
        member_id: 0x8e9e_05c5_2164_694d,
        alarm: pb::AlarmType::Nospace.into(),
    };
    t.maintenance().alarm(raise).await.unwrap();
    for (request, status, body) in [
        (
            "GET /health",
            503,
            "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n",
        ),
        (
            "GET /health?exclude=NOSPACE",
            200,
            "{\"health\":\"true\",\"reason\":\"\"}",
        ),
        ("GET /readyz", 200, "ok\n"),
    ] {
        let Some(answer) = http(&t, request).await else {
            return;
        };
        assert_eq!(answer, (status, body.to_string()), "{request}");
    }
}

async fn metrics_tell_the_truth(t: Arc<Target>) {
    t.kv().put(put("k", "v")).await.unwrap();
    let status = t.maintenance().status(pb::StatusRequest {}).await.unwrap();
    let status = status.into_inner();
    let Some((200, page)) = http(&t, "GET /metrics").await else {
        assert!(matches!(t.kind, TargetKind::Memory | TargetKind::Tls));
        return;
    };
    let value = |name: &str| -> f64 {
        page.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("{name} is missing from {page}"))
            .parse()
            .unwrap()
    };
    for (name, want) in [
        ("etcd_mvcc_db_total_size_in_bytes", status.db_size as f64),
        (
            "etcd_mvcc_db_total_size_in_use_in_bytes",
            status.db_size_in_use as f64,
        ),
        (
            "etcd_server_quota_backend_bytes",
            status.db_size_quota as f64,
        ),
        ("etcd_server_has_leader", 1.0),
        ("etcd_server_is_leader", 1.0),
        ("etcd_debugging_mvcc_current_revision", 2.0),
        (
            "etcd_server_proposals_applied_total",
            status.raft_applied_index as f64,
        ),
        ("etcd_server_id{server_id=\"8e9e05c52164694d\"}", 1.0),
        ("etcd_server_version{server_version=\"3.7.1\"}", 1.0),
        ("etcd_cluster_version{cluster_version=\"3.7\"}", 1.0),
        (
            "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}",
            1.0,
        ),
    ] {
        assert_eq!(value(name), want, "{name}");
    }
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") > 3.0);
}

async fn garbage_ends_its_own_connection_only(t: Arc<Target>) {
    let Some(address) = &t.address else {
        return;
    };
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"NONSENSE\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // The server closes the connection in one way or another.
        let closed = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(20), closed)
            .await
            .expect("the connection ends");
    }
    t.kv().put(put("k", "v")).await.unwrap();
}

#[test]
fn a_burst_of_cancelled_requests() {
    let case = a_burst_of_cancelled_requests_costs_no_connection;
    crate::target::run(TargetKind::Tcp, &[], case);
}

/// The next frame: its type, its flags and its payload.
async fn next_frame(stream: &mut (impl AsyncRead + Unpin)) -> (u8, u8, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let [a, b, c, kind, flags, ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    stream.read_exact(&mut payload).await.unwrap();
    (kind, flags, payload)
}

const ACK: u8 = 1;

/// Sends these pieces. After each of them, waits for this number of acknowledgements of settings and pings; finally, for
/// the response to a request, which must be complete. Settings may be sent and acknowledged only once.
pub async fn waits_and_is_answered(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    pieces: &[(&[u8], usize)],
) {
    let is_answer = |(kind, flags): &(u8, u8)| matches!(*kind, SETTINGS | PING) && flags & ACK != 0;
    let mut wanted = 0;
    let mut seen = Vec::new();
    for (piece, more) in pieces {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
        wanted += more;
        while seen.iter().filter(|frame| is_answer(frame)).count() < wanted {
            let (kind, flags, payload) = next_frame(&mut stream).await;
            if kind == SETTINGS && flags & ACK == 0 {
                let ack = frame(SETTINGS, ACK, 0, b"");
                stream.write_all(&ack).await.unwrap();
            }
            // etcd pings, too.
            assert!(kind != PING || flags & ACK == 0 || payload == b"12345678");
            seen.push((kind, flags));
        }
    }
    while !seen.contains(&(HEADERS, END_HEADERS | END_STREAM)) {
        let (kind, flags, _) = next_frame(&mut stream).await;
        seen.push((kind, flags));
    }
    assert!(seen.iter().all(|(kind, _)| *kind != GOAWAY), "{seen:?}");
    let settings = seen.iter().filter(|frame| **frame == (SETTINGS, 0));
    let answers = seen.iter().filter(|frame| is_answer(frame));
    assert_eq!((settings.count(), answers.count()), (1, wanted), "{seen:?}");
}

/// Ways to divide what a client sends up to its first request, for [`waits_and_is_answered`].
pub fn beginnings() -> Vec<Vec<(Vec<u8>, usize)>> {
    let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])].concat();
    let changed = frame(SETTINGS, 0, 0, &[0, 4, 0, 2, 0, 0]);
    let window = frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]);
    let ping = frame(PING, 0, 0, b"12345678");
    let head = head("localhost", "/etcdserverpb.KV/Range");
    let request = [
        frame(HEADERS, END_HEADERS, 1, &head),
        // An empty message, which is rejected because it has no key.
        frame(DATA, END_STREAM, 1, &[0; 5]),
    ]
    .concat();
    let together = [&begin[..], &window, &changed, &ping, &request].concat();
    let cut = |bytes: &[u8], at: usize| (bytes[..at].to_vec(), bytes[at..].to_vec());
    let (preface, settings) = cut(&begin, 24);
    let (changed_1, changed_2) = cut(&changed, 5);
    let (request_1, request_2) = cut(&request, 3);
    let mut all = vec![
        vec![(together.clone(), 3)],
        vec![(begin.clone(), 1), (request.clone(), 0)],
        vec![
            (begin.clone(), 1),
            (window.clone(), 0),
            (ping.clone(), 1),
            (request.clone(), 0),
        ],
        vec![
            (preface, 0),
            (settings, 1),
            (window.clone(), 0),
            (ping, 1),
            (changed_1, 0),
            (changed_2, 1),
            (request_1, 0),
            (request_2, 0),
        ],
        vec![
            (begin.clone(), 1),
            (window, 0),
            (together[begin.len()..].to_vec(), 2),
        ],
    ];
    let mut bytes: Vec<_> = together.chunks(1).map(|byte| (byte.to_vec(), 0)).collect();
    bytes.push((Vec::new(), 3));
    all.push(bytes);
    all
}

async fn a_connection_may_wait_for_its_first_request(t: Arc<Target>) {
    let Some(address) = &t.address else {
        return;
    };
    for pieces in beginnings() {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let pieces: Vec<_> = pieces.iter().map(|(piece, n)| (&piece[..], *n)).collect();
        waits_and_is_answered(stream, &pieces).await;
    }
    // HTTP/1.1, a byte at a time.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" {
        stream.write_all(&[*byte]).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\"etcdserver\":\"3.7."), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_client_is_told_that_the_server_stops() {
    let dir = scratch();
    let server = start(dir.path(), &[]).await;
    let url = server.listen("127.0.0.1:0").await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let address = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, b"")).await.unwrap();
        while next_frame(&mut stream).await.0 != SETTINGS {}
        waiting.push(stream);
    }
    let stopping = tokio::spawn(server.shutdown());
    for mut stream in waiting {
        while next_frame(&mut stream).await.0 != GOAWAY {}
    }
    stopping.await.unwrap();
}
