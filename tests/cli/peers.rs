//! Endpoints that are not a healthy etcd: refused, silent, garbage, half a response, another protocol. No command
//! hangs, and the hint says what was found.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::peer::{Answer, Begin, BlackHole, PREFACE, Peer, code};
use crate::support::program::{Finished, Program};
use crate::support::server::{Launch, Server, free_ports};

/// An empty SETTINGS frame: what every HTTP/2 server sends first.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A server that handles each connection like this, until the test process ends.
fn peer(treat: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
    let address = listener
        .local_addr()
        .expect("a bound listener has an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || treat(stream));
        }
    });
    address.to_string()
}

fn until_closed(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer), Ok(n) if n > 0) {}
}

fn says(mut stream: TcpStream, words: &[u8]) {
    if stream.write_all(words).is_ok() {
        until_closed(stream);
    }
}

/// Reads the preface and the request: everything until no more data arrives.
fn hear(mut stream: &TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(300)));
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer), Ok(n) if n > 0) {}
    let _ = stream.set_read_timeout(None);
}

/// The error of `get` and `put`, and the hint for both.
#[track_caller]
fn deadline(endpoint: &str, hint: &str) {
    for command in [&["get", "k"][..], &["put", "k", "v"]] {
        let run = Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .arg("--command-timeout=700ms")
            .args(command)
            .run()
            .failure(1, hint);
        assert!(
            run.err()
                .starts_with("Error: context deadline exceeded\nhint: "),
            "{run}"
        );
        assert_eq!(run.out(), "");
        let json = Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .args(["--command-timeout=700ms", "--write-out=json"])
            .args(command)
            .run();
        // The JSON object contains the same hints.
        let start = format!(
            "{{\"error\":\"context deadline exceeded\",\"code\":4,\"exit\":1,\"hints\":[\"{endpoint}: "
        );
        assert!(json.err().starts_with(&start), "{json}");
        assert!(json.err().ends_with("\"]}\n"), "{json}");
    }
}

#[test]
fn nobody() {
    let [port] = free_ports();
    let endpoint = format!("127.0.0.1:{port}");
    deadline(
        &endpoint,
        &format!(
            "hint: {endpoint}: connection refused: nothing listens on that port\nhint: gave up after 700ms (--command-timeout)\n"
        ),
    );
    deadline(
        "unix:///nowhere/at/all.sock",
        "hint: unix:///nowhere/at/all.sock: no such socket file\n",
    );
    deadline(
        "no-such-name.invalid:2379",
        "hint: no-such-name.invalid:2379: the name \"no-such-name.invalid\" has no address\n",
    );
}

#[test]
fn one_that_is_silent() {
    deadline(
        &peer(until_closed),
        "connected, but the server sent nothing within ",
    );
}

/// The types of the HTTP/2 frames after the preface.
fn frames(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = vec![];
    bytes = bytes.strip_prefix(PREFACE).expect("a client of HTTP/2");
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        types.push(*kind);
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        bytes = rest.get(length..).unwrap_or_default();
    }
    types
}

const HEADERS: u8 = 1;

#[test]
fn the_first_read_is_sent_at_once_and_a_write_waits_for_the_server() {
    for (command, at_once) in [(&["get", "k"][..], true), (&["put", "k", "v"], false)] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
        let address = listener.local_addr().expect("it is bound");
        let first = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client comes");
            let mut heard = vec![];
            stream.read_to_end(&mut heard).map(|_| heard)
        });
        Program::etcdctl()
            .arg(format!("--endpoints={address}"))
            .args(["--dial-timeout=200ms", "--command-timeout=700ms"])
            .args(command)
            .run()
            .failure(1, "Error: context deadline exceeded\n");
        let heard = first.join().expect("no panic").expect("it is read");
        assert_eq!(frames(&heard).contains(&HEADERS), at_once, "{command:?}");
    }
}

#[test]
fn one_that_hangs_up() {
    deadline(
        &peer(drop),
        "the server closed the connection without a response",
    );
}

#[test]
fn one_that_says_something_else() {
    deadline(
        &peer(|s| says(s, b"SSH-2.0-OpenSSH_9.2\r\n")),
        "no etcd on that port; it answered \"SSH-2.0-OpenSSH_9.2\"",
    );
    deadline(
        &peer(|mut s| {
            let _ = s.read(&mut [0; 4096]);
            says(s, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }),
        "it answered \"HTTP/1.1 400 Bad Request\"",
    );
    deadline(&peer(|s| says(s, &[0x93; 64])), "no etcd on that port");
    // A TLS alert: handshake failure.
    deadline(
        &peer(|s| says(s, &[0x15, 3, 3, 0, 2, 2, 40, 0, 0, 0])),
        "the server requires TLS: use https:// and --cacert",
    );
}

#[test]
fn a_peer_that_stops_after_its_settings() {
    deadline(
        &peer(|s| says(s, SETTINGS)),
        "connected, but no answer within 700ms (--command-timeout)",
    );
}

#[test]
fn a_peer_that_closes_the_connection_after_the_request() {
    let endpoint = peer(|mut stream| {
        let _ = stream.write_all(SETTINGS);
        hear(&stream);
    });
    // A read is repeated until the timeout; a write may have been executed.
    Program::etcdctl()
        .arg(format!("--endpoints={endpoint}"))
        .args(["get", "k", "--command-timeout=700ms"])
        .run()
        .failure(1, "Error: context deadline exceeded\n");
    Program::etcdctl()
        .arg(format!("--endpoints={endpoint}"))
        .args(["put", "k", "v"])
        .run()
        .failure(
            1,
            "Error: rpc error: code = Unavailable desc = error reading from server: ",
        )
        .failure(1, MAYBE_DONE);
    for (args, stdin) in [
        (&["get", "k", "--stream"][..], ""),
        (&["txn"], "\nget k\n\nget k\n\n"),
    ] {
        let run = Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .args(args)
            .stdin(stdin)
            .run()
            .failure(
                1,
                "Error: rpc error: code = Unavailable desc = error reading from server: ",
            );
        assert!(!run.err().contains(MAYBE_DONE), "{run}");
    }
}

/// The hint for a request that may have changed something.
const MAYBE_DONE: &str = "hint: the request may have been executed: check before you repeat it\n";

#[test]
fn a_write_without_a_response_may_have_happened_and_a_read_changes_nothing() {
    let endpoint = peer(|stream| says(stream, SETTINGS));
    for (args, stdin, maybe_done) in [
        (&["get", "k"][..], "", false),
        (&["get", "k", "--stream"], "", false),
        (&["txn"], "\nget k\n\nget k\n\n", false),
        (&["txn"], "\nput k v\n\nget k\n\n", true),
        (&["put", "k", "v"], "", true),
        (&["del", "k"], "", true),
        (&["compact", "3"], "", true),
        (&["defrag"], "", true),
        (&["endpoint", "status"], "", false),
        (&["alarm", "list"], "", false),
    ] {
        let run = Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .arg("--command-timeout=300ms")
            .args(args)
            .stdin(stdin)
            .run()
            .failure(
                1,
                "connected, but no answer within 300ms (--command-timeout)\n",
            );
        assert_eq!(
            run.err().contains(MAYBE_DONE),
            maybe_done,
            "{args:?}: {run}"
        );
    }
}

#[test]
fn a_peer_that_sends_half_a_message() {
    let endpoint = peer(|mut stream| {
        let _ = stream.write_all(SETTINGS);
        hear(&stream);
        // HEADERS of stream 1: status 200, content-type application/grpc; DATA that announces 1000 bytes and contains
        // 10; the end of the stream.
        let mut words = vec![0, 0, 20, 1, 4, 0, 0, 0, 1, 0x88, 0x0f, 0x10, 16];
        words.extend_from_slice(b"application/grpc");
        words.extend_from_slice(&[0, 0, 15, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0xe8]);
        words.extend_from_slice(&[b'x'; 10]);
        words.extend_from_slice(&[0, 0, 0, 0, 1, 0, 0, 0, 1]);
        says(stream, &words);
    });
    Program::etcdctl()
        .arg(format!("--endpoints={endpoint}"))
        .args(["get", "k", "--command-timeout=5s"])
        .run()
        .failure(1, "Error: ");
}

/// Answers the first request with gRPC's Unavailable (14) without a text.
fn unavailable(stream: TcpStream) {
    status(stream, b"14");
}

/// Answers the first request with this gRPC code without a text.
fn status(mut stream: TcpStream, code: &[u8]) {
    let _ = stream.write_all(SETTINGS);
    hear(&stream);
    let length = 34 + u8::try_from(code.len()).expect("a short one");
    let mut words = vec![0, 0, length, 1, 5, 0, 0, 0, 1, 0x88, 0x0f, 0x10, 16];
    words.extend_from_slice(b"application/grpc");
    words.extend_from_slice(&[0, 11]);
    words.extend_from_slice(b"grpc-status");
    words.push(length - 34);
    words.extend_from_slice(code);
    says(stream, &words);
}

#[test]
fn a_read_moves_on_to_the_next_endpoint_if_one_is_unavailable() {
    let server = Launch::serve().start();
    // One that is unavailable, and one that has timed out.
    for peer in [peer(unavailable), peer(|s| status(s, b"4"))] {
        let run = Program::etcdctl()
            .arg(format!("--endpoints={peer},{}", server.endpoint()))
            .args(["get", "k", "--command-timeout=20s"])
            .run()
            .success();
        assert_eq!((run.out().as_str(), run.err().as_str()), ("", ""));
    }
    let peer = peer(unavailable);
    Program::etcdctl()
        .arg(format!("--endpoints={peer}"))
        .args(["put", "k", "v", "--command-timeout=20s"])
        .run()
        .failure(1, "Error: rpc error: code = Unavailable desc = \n");
}

#[test]
fn a_good_endpoint_among_bad_ones_is_found() {
    let server = Launch::serve().start();
    let [port] = free_ports();
    let endpoints = format!(
        "{},127.0.0.1:{port},{},no-such-name.invalid:1,{}",
        peer(until_closed),
        peer(|s| says(s, b"garbage of some length\n")),
        server.endpoint()
    );
    Program::etcdctl()
        .arg(format!("--endpoints={endpoints}"))
        .args(["put", "k", "v"])
        .run()
        .success();
}

#[test]
fn a_server_that_comes_up_late_is_waited_for() {
    let [port] = free_ports();
    let address = format!("127.0.0.1:{port}");
    let waiting = thread::spawn({
        let endpoint = format!("--endpoints={address}");
        move || {
            Program::etcdctl()
                .arg(endpoint)
                .args(["put", "k", "v", "--command-timeout=30s"])
                .run()
        }
    });
    // Refused so far, or not asked yet: both must end well.
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let mut serve = Program::etcdctl()
        .arg("serve")
        .arg(format!("--data-dir={}", dir.path().join("data").display()))
        .arg(format!("--listen-client-urls=http://{address}"))
        .command()
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("our own program starts");
    let run = waiting.join();
    let _ = serve.kill();
    let _ = serve.wait();
    assert_eq!(run.expect("no panic").success().out(), "OK\n");
}

#[test]
fn dead_endpoints_cost_their_time_once_and_are_named_in_order() {
    let server = Launch::serve().start();
    let ports: [u16; 3] = free_ports();
    let [a, b, c] = ports.map(|p| format!("127.0.0.1:{p}"));
    let endpoints = format!("--endpoints={a},{b},{},{c}", server.endpoint());
    let run = Program::etcdctl()
        .arg(&endpoints)
        .args(["endpoint", "status", "--command-timeout=1s"])
        .run()
        .failure(1, "");
    let failed =
        |e: &str| format!("Failed to get the status of endpoint {e} (context deadline exceeded)\n");
    assert!(
        run.err()
            .starts_with(&(failed(&a) + &failed(&b) + &failed(&c))),
        "{run}"
    );
    assert_eq!(run.out().lines().count(), 1);
    assert!(
        run.took < Duration::from_secs(10),
        "one after the other: {run}"
    );
    let rows = Program::etcdctl()
        .arg(&endpoints)
        .args([
            "endpoint",
            "health",
            "--command-timeout=1s",
            "--write-out=json",
        ])
        .run()
        .failure(
            1,
            "{\"error\":\"unhealthy cluster\",\"exit\":1,\"hints\":[\"",
        )
        .json();
    let order: Vec<&str> = rows
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|r| r["endpoint"].as_str())
        .collect();
    assert_eq!(order, [&a, &b, server.endpoint(), &c]);
}

#[test]
fn ten_thousand_endpoints() {
    let mut etcdctl = Program::etcdctl();
    for first in (20_000..30_000).step_by(2_500) {
        let list: Vec<String> = (first..first + 2_500)
            .map(|p| format!("127.0.0.1:{p}"))
            .collect();
        etcdctl = etcdctl.arg(format!("--endpoints={}", list.join(",")));
    }
    // Other tests' servers may use some of these ports; what matters is that the command ends.
    let run = etcdctl
        .clone()
        .args(["get", "k", "--command-timeout=2s"])
        .run();
    assert!(run.err().lines().count() < 12, "{run}");
    // They are queried at the same time, so that all of them together take as long as a few.
    let run = etcdctl
        .args(["endpoint", "status", "--command-timeout=2s"])
        .time_limit(Duration::from_secs(45))
        .run();
    assert!(run.err().lines().count() > 9_000, "{}", run.status);
}

#[test]
fn a_malformed_endpoint_is_refused_at_once() {
    for (endpoint, reason) in [
        ("localhost", "the port is missing"),
        ("localhost:http", "\"http\" is not a port number"),
        ("::1:2379", "write an IPv6 address in brackets: [::1]:2379"),
        ("ftp://localhost:1", "unknown scheme \"ftp\""),
        ("embedded:", "the data directory is missing"),
        (
            "embedded:d?data-dir=other",
            "the data directory must precede the question mark",
        ),
        ("snapshot:", "the file is missing"),
    ] {
        Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .args(["get", "k"])
            .run()
            .failure(1, &format!("Error: endpoint \"{endpoint}\": {reason}"));
    }
}

#[test]
fn a_path_after_the_host_is_ignored_and_unix_sockets_work() {
    let server = Launch::serve().start();
    Program::etcdctl()
        .arg(format!("--endpoints={}/some/path", server.url()))
        .args(["endpoint", "health"])
        .run()
        .success();
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let socket = format!("unix://{}", dir.path().join("s").display());
    let server = Launch::serve()
        .flag(format!("--listen-client-urls={socket}"))
        .start();
    let run = Program::etcdctl()
        .arg(format!("--endpoints={socket}"))
        .args(["put", "k", "v"])
        .run()
        .success();
    assert_eq!(run.out(), "OK\n");
    drop(server);
}

#[test]
fn errors_from_the_server_precede_errors_about_the_format() {
    let [port] = free_ports();
    for args in [
        &["--count-only"][..],
        &["--print-value-only", "-w", "fields"],
    ] {
        let get = |endpoint: &str| {
            Program::etcdctl()
                .arg(format!("--endpoints={endpoint}"))
                .args(["get", "k", "--command-timeout=300ms"])
                .args(args)
                .run()
        };
        get(&format!("127.0.0.1:{port}")).failure(1, "Error: context deadline exceeded\n");
        let server = Launch::serve().start();
        get(server.endpoint()).failure(128, "is only for `--write-out=");
    }
}

#[test]
fn a_malformed_endpoint_does_not_affect_the_others() {
    let server = Launch::serve().start();
    let good = server.endpoint();
    let run = |args: &[&str]| {
        Program::etcdctl()
            .arg(format!("--endpoints=localhost,{good},ftp://x:1"))
            .args(args)
            .run()
    };
    assert_eq!(run(&["put", "k", "v"]).success().out(), "OK\n");
    assert_eq!(run(&["get", "k"]).success().out(), "k\nv\n");
    for (args, line) in [
        (
            ["endpoint", "status"],
            format!("{good}, 8e9e05c52164694d, "),
        ),
        (["endpoint", "hashkv"], format!("{good}, ")),
        (["endpoint", "health"], format!("{good} is healthy: ")),
        (
            ["defrag", "--"],
            format!("Finished defragmenting etcd member[{good}]. took "),
        ),
    ] {
        let run = run(&args).failure(1, "endpoint \"localhost\": the port is missing");
        assert!(run.out().contains(&line), "{run}");
        assert!(run.to_string().contains("unknown scheme \"ftp\""), "{run}");
    }
    Program::etcdctl()
        .args(["--endpoints=localhost,ftp://x:1", "endpoint", "health"])
        .run()
        .failure(1, "Error: endpoint \"localhost\": the port is missing\n");
}

#[test]
fn an_http2_server_that_is_not_etcd() {
    // HEADERS of stream 1 that end it: status 404, or status 503.
    let not_found = peer(|stream| {
        hear(&stream);
        says(
            stream,
            &[SETTINGS, &[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x8d]].concat(),
        );
    });
    let unavailable = peer(|stream| {
        hear(&stream);
        says(
            stream,
            &[
                SETTINGS,
                &[0, 0, 5, 1, 5, 0, 0, 0, 1, 8, 3, b'5', b'0', b'3'],
            ]
            .concat(),
        );
    });
    let get = |endpoint: &str| {
        Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .args(["get", "k", "--command-timeout=1200ms"])
            .run()
    };
    let text = "unexpected HTTP status code received from server: ";
    let no_type = "malformed header: missing HTTP content-type";
    let run = get(&not_found).failure(1, "hint: an HTTP server answered there, but not etcd\n");
    let expected =
        format!("Error: rpc error: code = Unimplemented desc = {text}404 (Not Found); {no_type}\n");
    assert!(run.err().starts_with(&expected), "{run}");
    // It is queried again until the timeout, but its earlier response is reported.
    let said = format!("the server answered: {text}503 (Service Unavailable); {no_type}\n");
    get(&unavailable).failure(1, &said);
}

/// The hints say what the endpoint did: for every kind of call, and without the debug forms of a library.
#[test]
fn unexpected_answers_and_protocol_violations_are_named() {
    let run = |endpoint: String, args: &[&str]| {
        let program = Program::etcdctl().arg(format!("--endpoints={endpoint}"));
        program.arg("--command-timeout=1s").args(args).run()
    };
    let down = Peer::answering(Answer::StatusAtOnce(14, "backend down"));
    for args in [
        &["get", "k"][..],
        &["watch", "k"],
        &["lease", "keep-alive", "1"],
        &["lock", "l"],
        &["member", "list"],
    ] {
        let finished = run(down.endpoint(), args);
        assert_ne!(finished.code(), 0, "{finished}");
        let said = format!(
            "hint: {}: the server answered: backend down\n",
            down.endpoint()
        );
        assert!(finished.err().contains(&said), "{finished}");
    }
    let silent = Peer::answering(Answer::Never);
    for args in [&["watch", "k"][..], &["lease", "keep-alive", "1"]] {
        let finished = run(silent.endpoint(), args);
        let said = "connected, but no answer within 1s (--command-timeout)\n";
        assert!(finished.err().contains(said), "{finished}");
    }

    // SETTINGS with a maximum frame size of 1 byte, and CONTINUATION where no headers began.
    let settings = vec![0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1];
    let stray = [SETTINGS, &[0, 0, 0, 9, 0, 0, 0, 0, 1]].concat();
    for bytes in [settings, stray] {
        let peer = Peer::beginning(Begin::Bytes(bytes));
        for args in [&["get", "k"][..], &["put", "k", "v"]] {
            let finished = run(peer.endpoint(), args);
            assert_ne!(finished.code(), 0, "{finished}");
            let err = finished.err();
            let said = "the connection broke: HTTP/2 error PROTOCOL_ERROR";
            assert!(err.contains(said) && !err.contains("b\""), "{finished}");
        }
    }
}

/// The text of an error may be longer than the headers that HTTP/2 libraries accept by default.
#[test]
fn a_long_error_text_is_printed_whole() {
    let text: &'static str = "no ".repeat(20_000).leak();
    let peer = Peer::answering(Answer::Status(3, text));
    Program::etcdctl()
        .arg(format!("--endpoints={}", peer.endpoint()))
        .args(["put", "k", "v"])
        .run()
        .failure(1, text);
}

/// The effect on a write of a bad endpoint together with a good one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum OnWrite {
    /// None: the write goes to the good one.
    Succeeds,
    /// The write may or may not have been executed: it is not repeated, and fails if it was sent to the bad one.
    Once,
}

/// Number of rounds for each case, because the client starts with a random endpoint.
const ROUNDS: usize = 4;

/// Runs a read and a write with a bad endpoint and a good one, several times.
#[track_caller]
fn beside_a_good_one(server: &Server, what: &str, bad: &str, peer: Option<&Peer>, write: OnWrite) {
    let run = |endpoints: String, args: &[&str]| -> Finished {
        Program::etcdctl()
            .arg(format!("--endpoints={endpoints}"))
            .arg("--command-timeout=30s")
            .args(args)
            .run()
    };
    let good = server.endpoint();
    for round in 0..ROUNDS {
        let endpoints = match round % 2 {
            0 => format!("{bad},{good}"),
            _ => format!("{good},{bad}"),
        };
        for read in [&["get", "k"][..], &["member", "list"]] {
            let run = run(endpoints.clone(), read);
            assert_eq!(run.code(), 0, "{what}: {run}");
            assert_eq!(run.err(), "", "{what}: {run}");
        }
        let before = peer.map_or(0, Peer::requests);
        let run = run(endpoints, &["put", "k", "v"]);
        let asked = peer.map_or(0, Peer::requests) - before;
        match write {
            OnWrite::Succeeds => assert_eq!(
                (run.code(), run.out().as_str()),
                (0, "OK\n"),
                "{what}: {run}"
            ),
            OnWrite::Once => {
                assert!(asked <= 1, "{what}: it was sent {asked} times");
                assert_eq!(run.code() == 0, asked == 0, "{what}: {run}");
            }
        }
    }
}

#[test]
fn a_bad_endpoint_next_to_a_good_one_fails_no_request() {
    let server = Launch::serve().start();
    for begin in [
        Begin::Close,
        Begin::Silence,
        Begin::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        Begin::Http2ThenClose,
        Begin::Http2ThenGoAway,
    ] {
        let what = format!("{begin:?}");
        let peer = Peer::beginning(begin);
        beside_a_good_one(
            &server,
            &what,
            &peer.endpoint(),
            Some(&peer),
            OnWrite::Succeeds,
        );
    }
    let go_away = |code, processed, close| Answer::GoAway {
        code,
        processed,
        close,
    };
    for (answer, write) in [
        (Answer::Close, OnWrite::Once),
        (go_away(code::NO_ERROR, false, true), OnWrite::Succeeds),
        (go_away(code::NO_ERROR, false, false), OnWrite::Succeeds),
        (
            go_away(code::ENHANCE_YOUR_CALM, false, true),
            OnWrite::Succeeds,
        ),
        (go_away(code::NO_ERROR, true, true), OnWrite::Once),
        (Answer::Status(14, "etcdserver: no leader"), OnWrite::Once),
        (
            Answer::Status(14, "there is no connection available"),
            OnWrite::Succeeds,
        ),
        (
            Answer::Status(14, "etcdserver: rpc not supported for learner"),
            OnWrite::Succeeds,
        ),
        (
            Answer::Http {
                status: 404,
                kind: None,
            },
            OnWrite::Once,
        ),
        (
            Answer::Http {
                status: 503,
                kind: Some("text/html"),
            },
            OnWrite::Once,
        ),
        (
            Answer::Http {
                status: 200,
                kind: Some("text/html"),
            },
            OnWrite::Once,
        ),
        (Answer::HalfMessage, OnWrite::Once),
    ] {
        let what = format!("{answer:?}");
        let peer = Peer::answering(answer);
        beside_a_good_one(&server, &what, &peer.endpoint(), Some(&peer), write);
    }
}

#[test]
fn a_stream_that_is_reset_is_opened_elsewhere_where_that_is_safe() {
    let server = Launch::serve().start();
    for reset in 0..=14 {
        let peer = Peer::answering(Answer::Reset(reset));
        let write = match reset {
            code::REFUSED_STREAM => OnWrite::Succeeds,
            _ => OnWrite::Once,
        };
        let what = format!("RST_STREAM {reset}");
        beside_a_good_one(&server, &what, &peer.endpoint(), Some(&peer), write);
    }
    // A single endpoint is retried only as often as etcd's client does.
    let refusing = Peer::answering(Answer::Reset(code::REFUSED_STREAM));
    let error = "Error: rpc error: code = Unavailable desc = stream terminated by RST_STREAM with error code: REFUSED_STREAM\n";
    for args in [&["get", "k"][..], &["put", "k", "v"]] {
        let before = refusing.requests();
        Program::etcdctl()
            .arg(format!("--endpoints={}", refusing.endpoint()))
            .args(["--command-timeout=60s"])
            .args(args)
            .run()
            .failure(1, error);
        assert_eq!(refusing.requests() - before, 100);
    }
    let failing = Peer::answering(Answer::Reset(2));
    Program::etcdctl()
        .arg(format!("--endpoints={}", failing.endpoint()))
        .args(["get", "k"])
        .run()
        .failure(1, "Error: rpc error: code = Internal desc = stream terminated by RST_STREAM with error code: INTERNAL_ERROR\n");
    assert_eq!(failing.requests(), 1);
}

#[test]
fn an_address_that_drops_everything_is_skipped() {
    let server = Launch::serve().start();
    let hole = BlackHole::start(([127, 0, 0, 1], 0).into());
    let bad = hole.address().to_string();
    beside_a_good_one(&server, "dropped SYNs", &bad, None, OnWrite::Succeeds);
    // The same name with one unreachable address family: the other one is tried long before the dial timeout.
    let port = hole.address().port();
    let listen = format!("--listen-client-urls=http://[::1]:{port}");
    let _server = Launch::serve().flag(listen).start();
    let run = Program::etcdctl()
        .arg(format!("--endpoints=localhost:{port}"))
        .args([
            "--dial-timeout=40s",
            "--command-timeout=40s",
            "put",
            "k",
            "v",
        ])
        .run()
        .success();
    assert_eq!(run.out(), "OK\n");
    assert!(run.took < Duration::from_secs(20), "{run}");
}

#[test]
fn a_snapshot_that_does_not_begin_is_given_up_after_the_dial_timeout() {
    for answer in [Answer::Never, Answer::HeadersOnly] {
        let peer = Peer::answering(answer);
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        Program::etcdctl()
            .arg(format!("--endpoints={}", peer.endpoint()))
            .args(["--dial-timeout=400ms", "snapshot", "save", "s.db"])
            .current_dir(dir.path())
            .run()
            .failure(5, "Error: context deadline exceeded\n")
            .failure(
                5,
                &format!(
                    "hint: {}: connected, but no answer within 400ms (--dial-timeout)\n",
                    peer.endpoint()
                ),
            );
        let left = std::fs::read_dir(dir.path())
            .expect("it can be listed")
            .count();
        assert_eq!(left, 0);
    }
    // Requests that etcd repeats before the first response are repeated.
    let peer = Peer::answering(Answer::Status(14, "etcdserver: no leader"));
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    Program::etcdctl()
        .arg(format!("--endpoints={}", peer.endpoint()))
        .args(["--dial-timeout=1s", "snapshot", "save", "s.db"])
        .current_dir(dir.path())
        .run()
        .failure(5, "Error: ");
    assert!(peer.requests() > 1, "{}", peer.requests());
}

#[test]
fn requests_spread_over_the_members() {
    let servers: Vec<Server> = (0..3).map(|_| Launch::serve().start()).collect();
    let endpoints: Vec<&str> = servers.iter().map(Server::endpoint).collect();
    let endpoints = format!("--endpoints={}", endpoints.join(","));
    for _ in 0..30 {
        Program::etcdctl()
            .arg(&endpoints)
            .args(["put", "k", "v"])
            .run()
            .success();
    }
    let mut sum = 0;
    for server in &servers {
        let status = Program::etcdctl()
            .arg(format!("--endpoints={}", server.endpoint()))
            .args(["endpoint", "status", "--write-out=json"])
            .run()
            .success()
            .json();
        let puts = status[0]["Status"]["header"]["revision"]
            .as_i64()
            .expect("a revision")
            - 1;
        // By chance, one of them might get nothing: once in 64,000 runs for each.
        assert!(puts > 0, "{status}");
        sum += puts;
    }
    assert_eq!(sum, 30);
}

#[test]
fn permanent_failures_end_at_once_and_a_refused_port_is_retried_until_the_deadline() {
    let long = "--command-timeout=50s";
    let run = |endpoint: &str, args: &[&str]| {
        Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .args(args)
            .args(["get", "k"])
            .run()
    };
    let run = run("no-such-name.invalid:2379", &[long]);
    assert_eq!(
        run.err(),
        "Error: context deadline exceeded\nhint: no-such-name.invalid:2379: the name \"no-such-name.invalid\" has no address\n"
    );
    assert!(run.took < Duration::from_secs(40), "{run}");
}

/// Like etcd's HTTP/1 server on the peer port: rejects HTTP/2 with plain HTTP, and closes late.
fn peer_port(mut stream: TcpStream) {
    let mut head = [0; 4096];
    let n = stream.read(&mut head).unwrap_or(0);
    let text = if head[..n].starts_with(b"GET /members ") {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[{\"id\":1,\"peerURLs\":[\"http://127.0.0.1:2380\"]}]"
    } else {
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request"
    };
    says(stream, text.as_bytes());
}

#[test]
fn the_port_for_peers_is_recognised_whenever_it_closes() {
    let endpoint = peer(peer_port);
    for _ in 0..5 {
        deadline(
            &endpoint,
            "that is etcd's port for its peers (2380): use the client port (2379)\n",
        );
    }
}

#[test]
fn the_authority_of_a_socket_is_its_file_name() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    for (name, authority) in [
        ("etcd.sock", "etcd.sock"),
        ("h:2379", "h:2379"),
        ("a b", "localhost"),
    ] {
        let path = dir.path().join(name);
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket can be made");
        let heard = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client comes");
            let mut heard = vec![];
            stream.read_to_end(&mut heard).map(|_| heard)
        });
        Program::etcdctl()
            .arg(format!("--endpoints=unix://{}", path.display()))
            .args([
                "get",
                "k",
                "--dial-timeout=300ms",
                "--command-timeout=300ms",
            ])
            .run()
            .failure(1, "Error: context deadline exceeded\n");
        let heard = heard.join().expect("no panic").expect("it is read");
        // HPACK encodes it literally or with its Huffman code: look for both forms.
        let found = contains(&heard, authority.as_bytes()) || contains(&heard, &huffman(authority));
        assert!(found, "{name}: {heard:?}");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// HPACK's Huffman code of the letters that are needed here (RFC 7541, appendix B).
fn huffman(text: &str) -> Vec<u8> {
    let code = |c| match c {
        '0' => (0x0, 5),
        'a' => (0x3, 5),
        'c' => (0x4, 5),
        'e' => (0x5, 5),
        'o' => (0x7, 5),
        's' => (0x8, 5),
        't' => (0x9, 5),
        '2' => (0x2, 5),
        '.' => (0x17, 6),
        '3' => (0x19, 6),
        '7' => (0x1d, 6),
        '9' => (0x1f, 6),
        'd' => (0x24, 6),
        'h' => (0x27, 6),
        'l' => (0x28, 6),
        ':' => (0x5c, 7),
        'k' => (0x75, 7),
        _ => panic!("{c} is not in the table"),
    };
    let (mut bytes, mut bits, mut count) = (vec![], 0_u64, 0);
    for (value, length) in text.chars().map(code) {
        bits = bits << length | value;
        count += length;
        while count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).expect("eight bits"));
        }
    }
    // The last byte, padded with ones, is omitted if it contains less than a complete letter.
    bytes
}

#[test]
fn hosts_that_are_not_local_are_reached_through_the_proxy() {
    let server = Launch::serve().start();
    let (proxy, seen) = connect_proxy(server.endpoint().to_owned(), "HTTP/1.1 200 OK\r\n\r\n");
    let put = |endpoint: &str, env: &[(&str, &str)]| {
        let mut program = Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .args(["put", "k", "v", "--command-timeout=700ms"]);
        for (name, value) in env {
            program = program.env(name, value);
        }
        program.run()
    };
    let url = format!("http://us%40er:secret@{proxy}");
    // This name cannot be resolved: only the proxy knows it.
    for name in ["HTTPS_PROXY", "https_proxy"] {
        put("far.away.invalid:2379", &[(name, &url)]).success();
        let head = seen.recv().expect("the proxy was asked");
        assert!(
            head.starts_with("CONNECT far.away.invalid:2379 HTTP/1.1\r\n"),
            "{head}"
        );
        let credentials = "proxy-authorization: Basic dXNAZXI6c2VjcmV0\r\n";
        assert!(
            head.to_lowercase().contains(&credentials.to_lowercase()),
            "{head}"
        );
    }
    // Local hosts, and those in NO_PROXY, are reached without it.
    put(server.endpoint(), &[("HTTPS_PROXY", &url)]).success();
    let excepted = [("HTTPS_PROXY", url.as_str()), ("NO_PROXY", "away.invalid")];
    put("far.away.invalid:2379", &excepted).failure(1, "has no address\n");
    put("far.away.invalid:2379", &[("HTTP_PROXY", &url)]).failure(1, "has no address\n");
    assert!(seen.try_recv().is_err());
    // The hint names a proxy that refuses, without its password.
    let (refusing, _) = connect_proxy(
        String::new(),
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    );
    let url = format!("http://user:secret@{refusing}");
    let run = put("far.away.invalid:2379", &[("HTTPS_PROXY", &url)]).failure(
        1,
        &format!("hint: far.away.invalid:2379: the proxy {refusing} (HTTPS_PROXY) did not connect to far.away.invalid:2379: it answered 403 Forbidden\n"),
    );
    assert!(!run.err().contains("secret"), "{run}");
}

/// A proxy that connects every client to `server` after this response; collects the request headers.
fn connect_proxy(
    server: String,
    answer: &'static str,
) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
    let address = listener.local_addr().expect("it is bound").to_string();
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let (tell, server) = (tell.clone(), server.clone());
            thread::spawn(move || {
                let mut head = vec![];
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && matches!(client.read(&mut byte), Ok(1)) {
                    head.extend(byte);
                }
                let _ = tell.send(String::from_utf8_lossy(&head).into_owned());
                let _ = client.write_all(answer.as_bytes());
                if let Ok(mut server) = TcpStream::connect(server) {
                    let mut from = client.try_clone().expect("a socket can be shared");
                    let mut to = server.try_clone().expect("a socket can be shared");
                    thread::spawn(move || std::io::copy(&mut from, &mut to));
                    let _ = std::io::copy(&mut server, &mut client);
                }
            });
        }
    });
    (address, told)
}

#[test]
fn endpoints_are_looked_up_in_dns() {
    // A domain that nobody can own: the text is etcdctl's except for the name server.
    let lookup = |args: &[&str]| {
        Program::etcdctl()
            .arg("--discovery-srv=no-such.invalid")
            .args(args)
            .args(["get", "k"])
            .run()
    };
    for (args, suffix) in [(&[][..], ""), (&["--discovery-srv-name=prod"], "-prod")] {
        lookup(args).failure(
            1,
            &format!(
                "Error: dns lookup errors: lookup _etcd-client-ssl{suffix}._tcp.no-such.invalid: no such host and lookup _etcd-client{suffix}._tcp.no-such.invalid: no such host\n"
            ),
        );
    }
    Program::etcdctl()
        .env("ETCDCTL_DISCOVERY_SRV", "no-such.invalid")
        .args(["snapshot", "save", "s.db"])
        .run()
        .failure(1, "Error: dns lookup errors: ");
}
