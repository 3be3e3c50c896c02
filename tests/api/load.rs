//! Clients that give up, clients that read nothing, and hundreds of clients: their cost in memory and threads of
//! the server, and that other clients are served meanwhile. Memory is measured in the server process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use etcd_maintenance::proto::etcdserverpb::{
    self as pb, kv_client::KvClient, range_request::SortOrder,
};
use http_body_util::Full;
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet, time::timeout};
use tonic::transport::Channel;

use crate::{
    ask::{get, put},
    support::server::{Launch, Server},
};

/// Values of 1 MiB in the server's database.
const VALUES: usize = 48;
/// Maximum MiB that the server may use while clients give up their requests.
const MEMORY: usize = 700;
/// Maximum MiB that the server may use while clients leave their responses unread: up to 512 MiB of finished responses,
/// those of four reads in progress, their JSON, and the memory of the runtime and the connections.
const UNREAD_MEMORY: usize = 1200;
/// A call of another client fails if it takes longer than this.
const SOON: Duration = Duration::from_secs(30);

/// A server that stores a few large values.
async fn filled() -> Server {
    let server = Launch::serve().start();
    let mut kv = KvClient::new(server.channel().await);
    for i in 0..VALUES {
        let value = pb::PutRequest {
            key: format!("large{i:03}").into(),
            value: vec![b'v'; 1 << 20].into(),
            ..Default::default()
        };
        kv.put(value).await.unwrap();
    }
    kv.put(put("small", "s")).await.unwrap();
    server
}

/// All large values.
fn everything() -> pb::RangeRequest {
    pb::RangeRequest {
        key: "large".into(),
        range_end: "largf".into(),
        ..Default::default()
    }
}

/// A field of the process's status file: MiB for memory, a count for threads.
fn status(pid: u32, field: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let mut words = line.unwrap_or_default().split_whitespace();
    let number: usize = words.next().map_or(0, |number| number.parse().unwrap());
    match words.next() {
        Some("kB") => number / 1024,
        _ => number,
    }
}

/// Observes a process under load.
pub struct Observer {
    done: Arc<AtomicBool>,
    thread: thread::JoinHandle<(usize, usize)>,
}

impl Observer {
    pub fn of(server: &Server) -> Observer {
        let (pid, done) = (server.pid(), Arc::new(AtomicBool::new(false)));
        let ended = done.clone();
        let thread = thread::spawn(move || {
            let (mut memory, mut threads) = (0, 0);
            while !ended.load(Ordering::Relaxed) {
                memory = memory.max(status(pid, "RssAnon:"));
                threads = threads.max(status(pid, "Threads:"));
                thread::sleep(Duration::from_millis(5));
            }
            (memory, threads)
        });
        Observer { done, thread }
    }

    /// The maximum MiB and number of threads of the process so far.
    pub fn most(self) -> (usize, usize) {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Reads a small key repeatedly, like another client, until `work` is done.
pub async fn with_reader<T>(server: &Server, work: impl Future<Output = T>) -> T {
    let mut kv = KvClient::new(server.channel().await);
    let reading = async {
        loop {
            let answer = timeout(SOON, kv.range(get("small"))).await;
            answer.expect("another client waits").unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        done = work => done,
        () = reading => unreachable!("it reads for ever"),
    }
}

/// A connection on which responses can be left unread.
async fn connection(server: &Server) -> http2::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(server.endpoint()).await.unwrap();
    let (client, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(65_535)
        .initial_connection_window_size(65_535)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

/// Sends a request whose response is never read.
async fn ask<M: Message>(
    client: &mut http2::SendRequest<Full<Bytes>>,
    server: &Server,
    path: &str,
    message: &M,
) -> impl Future<Output = hyper::Result<http::Response<Incoming>>> + use<M> {
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
    framed.extend(message.encode_to_vec());
    client.ready().await.unwrap();
    let request = http::Request::post(format!("http://{}{path}", server.endpoint()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(framed)))
        .unwrap();
    client.send_request(request)
}

async fn channels(server: &Server, count: usize) -> Vec<KvClient<Channel>> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(KvClient::new(server.channel().await));
    }
    all
}

/// Reads everything, like a client that wants the response.
async fn reads_everything(server: &Server) {
    let mut kv = KvClient::new(server.channel().await).max_decoding_message_size(usize::MAX);
    let answer = timeout(2 * SOON, kv.range(everything())).await;
    let answer = answer.expect("a large read waits").unwrap();
    assert_eq!(answer.into_inner().kvs.len(), VALUES);
}

fn run(case: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(case);
}

#[test]
fn ranges_that_are_reset_cost_no_memory() {
    run(async {
        let server = filled().await;
        let observer = Observer::of(&server);
        let resets = async {
            let kv = KvClient::new(server.channel().await);
            let mut calls = JoinSet::new();
            for i in 0..1000 {
                let mut kv = kv.clone();
                calls.spawn(timeout(Duration::from_millis(i % 50), async move {
                    kv.range(everything()).await
                }));
            }
            calls.join_all().await;
        };
        with_reader(&server, resets).await;
        reads_everything(&server).await;
        let (memory, _) = observer.most();
        assert!(memory < MEMORY, "{memory} MiB");
    });
}

#[test]
fn reads_with_deadlines_that_pass_cost_no_memory() {
    run(async {
        let server = filled().await;
        let observer = Observer::of(&server);
        let mut transaction = pb::TxnRequest::default();
        for _ in 0..50 {
            let range = pb::request_op::Request::RequestRange(everything());
            transaction.success.push(pb::RequestOp {
                request: Some(range),
            });
        }
        let retries = async {
            let mut clients = JoinSet::new();
            for (i, mut kv) in channels(&server, 40).await.into_iter().enumerate() {
                let transaction = transaction.clone();
                clients.spawn(async move {
                    for _ in 0..15 {
                        let sorted = pb::RangeRequest {
                            sort_order: SortOrder::Descend.into(),
                            ..everything()
                        };
                        let limit = Duration::from_millis(150);
                        // A client that gives up reports this to the server in one case; in the other case its deadline
                        // does.
                        let mut call = tonic::Request::new(transaction.clone());
                        call.set_timeout(limit);
                        let _ = match i % 3 {
                            0 => timeout(limit, kv.range(everything())).await.is_ok(),
                            1 => timeout(limit, kv.range(sorted)).await.is_ok(),
                            _ => kv.txn(call).await.is_ok(),
                        };
                    }
                });
            }
            clients.join_all().await;
        };
        with_reader(&server, retries).await;
        reads_everything(&server).await;
        let (memory, _) = observer.most();
        assert!(memory < MEMORY, "{memory} MiB");
    });
}

#[test]
fn unread_responses_are_bounded_and_dropped() {
    run(async {
        let server = filled().await;
        let observer = Observer::of(&server);
        // The responses to these are never read, and their connections stay open until the end.
        let mut client = connection(&server).await;
        let mut unread = JoinSet::new();
        let (mut lines, json) = (Vec::new(), r#"{"key":"bGFyZ2U=","range_end":"bGFyZ2Y="}"#);
        let sent = async {
            for i in 0..80 {
                match i % 4 {
                    0 => {
                        let path = "/etcdserverpb.KV/Range";
                        unread.spawn(ask(&mut client, &server, path, &everything()).await);
                    }
                    1 => {
                        let path = "/etcdserverpb.KV/RangeStream";
                        unread.spawn(ask(&mut client, &server, path, &everything()).await);
                    }
                    2 => {
                        let value = pb::PutRequest {
                            key: "large000".into(),
                            ignore_value: true,
                            prev_kv: true,
                            ..Default::default()
                        };
                        let path = "/etcdserverpb.KV/Put";
                        unread.spawn(ask(&mut client, &server, path, &value).await);
                    }
                    _ => {
                        let mut line = TcpStream::connect(server.endpoint()).await.unwrap();
                        let head = format!(
                            "POST /v3/kv/range HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n{json}",
                            server.endpoint(),
                            json.len()
                        );
                        line.write_all(head.as_bytes()).await.unwrap();
                        lines.push(line);
                    }
                }
            }
            // Clients that read are served although the others still hold their responses.
            for _ in 0..3 {
                reads_everything(&server).await;
            }
        };
        with_reader(&server, sent).await;
        let (memory, _) = observer.most();
        assert!(memory < UNREAD_MEMORY, "{memory} MiB");
        drop((unread, lines));
    });
}

#[test]
fn snapshots_that_nobody_reads_hold_no_threads() {
    run(async {
        let server = filled().await;
        let observer = Observer::of(&server);
        let mut client = connection(&server).await;
        let mut unread = JoinSet::new();
        let mut answers = Vec::new();
        let sent = async {
            for _ in 0..520 {
                let path = "/etcdserverpb.Maintenance/Snapshot";
                unread.spawn(ask(&mut client, &server, path, &pb::SnapshotRequest {}).await);
            }
            for _ in 0..520 {
                let answer = unread.join_next().await.unwrap().unwrap().unwrap();
                assert_eq!(answer.status(), 200);
                answers.push(answer);
            }
            reads_everything(&server).await;
        };
        with_reader(&server, sent).await;
        let (memory, threads) = observer.most();
        assert!(memory < UNREAD_MEMORY, "{memory} MiB");
        assert!(threads < 100, "{threads} threads");
    });
}

#[test]
fn puts_that_are_reset_leave_the_writer_to_others() {
    run(async {
        let server = filled().await;
        let observer = Observer::of(&server);
        let resets = async {
            let mut clients = JoinSet::new();
            for kv in channels(&server, 4).await {
                clients.spawn(async move {
                    for _ in 0..50 {
                        let mut calls = JoinSet::new();
                        for i in 0..100 {
                            let mut kv = kv.clone();
                            let request = put(&format!("k{i}"), &"v".repeat(1000));
                            let call = async move { kv.put(request).await };
                            calls.spawn(timeout(Duration::from_millis(i % 3), call));
                        }
                        calls.join_all().await;
                    }
                });
            }
            clients.join_all().await;
        };
        with_reader(&server, resets).await;
        let mut kv = KvClient::new(server.channel().await);
        kv.put(put("after", "all")).await.unwrap();
        let (memory, _) = observer.most();
        assert!(memory < MEMORY, "{memory} MiB");
    });
}
