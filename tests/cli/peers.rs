//! What stands behind an endpoint and is no healthy etcd: refused, silent, garbage, half an answer, another
//! protocol. No command hangs, and the hint says what was found.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::program::Program;
use crate::support::server::{Launch, free_ports};

/// An empty SETTINGS frame: the first words of every HTTP/2 server.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A server that treats each connection so, until the test's process ends.
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

/// Reads the preface and the request: all that comes until nothing more does.
fn hear(mut stream: &TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(300)));
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer), Ok(n) if n > 0) {}
    let _ = stream.set_read_timeout(None);
}

/// What `get` and `put` end with, and the hint for both.
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
        assert_eq!(
            json.err(),
            "{\"error\":\"context deadline exceeded\",\"code\":4,\"exit\":1}\n"
        );
    }
}

#[test]
fn nobody() {
    let [port] = free_ports();
    let endpoint = format!("127.0.0.1:{port}");
    deadline(
        &endpoint,
        &format!(
            "hint: {endpoint}: connection refused: nothing listens on that port\nhint: given up after 700ms (--command-timeout)\n"
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
        "connected, but the server said nothing within ",
    );
}

/// Types of the frames of HTTP/2 behind the preface.
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

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;

#[test]
fn a_read_is_sent_with_the_first_words_and_a_write_waits_for_those_of_the_server() {
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
        "the server closed the connection without a word",
    );
}

#[test]
fn one_that_says_something_else() {
    deadline(
        &peer(|s| says(s, b"SSH-2.0-OpenSSH_9.2\r\n")),
        "no etcd behind that port; it answered \"SSH-2.0-OpenSSH_9.2\"",
    );
    deadline(
        &peer(|mut s| {
            let _ = s.read(&mut [0; 4096]);
            says(s, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }),
        "it answered \"HTTP/1.1 400 Bad Request\"",
    );
    deadline(&peer(|s| says(s, &[0x93; 64])), "no etcd behind that port");
    // An alert of TLS: handshake failure.
    deadline(
        &peer(|s| says(s, &[0x15, 3, 3, 0, 2, 2, 40, 0, 0, 0])),
        "the server wants TLS: use https:// and --cacert",
    );
}

#[test]
fn one_that_begins_and_does_not_go_on() {
    deadline(
        &peer(|s| says(s, SETTINGS)),
        "connected, but no answer within 700ms (--command-timeout)",
    );
}

#[test]
fn one_that_breaks_off_in_the_middle() {
    let endpoint = peer(|mut stream| {
        let _ = stream.write_all(SETTINGS);
        hear(&stream);
    });
    // A read is sent again until time runs out; a write may have been done.
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

/// What is said of a request that may have changed something.
const MAYBE_DONE: &str = "hint: the request may have been carried out: look before you repeat it\n";

#[test]
fn a_write_without_an_answer_may_have_been_done_and_a_read_changes_nothing() {
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
fn one_that_gives_half_a_message() {
    let endpoint = peer(|mut stream| {
        let _ = stream.write_all(SETTINGS);
        hear(&stream);
        // HEADERS of stream 1: status 200, content-type application/grpc; DATA that announces 1000 bytes and
        // holds 10; the end of the stream.
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

/// Answers the first request with gRPC's Unavailable (14), and no text.
fn unavailable(stream: TcpStream) {
    status(stream, b"14");
}

/// Answers the first request with this gRPC code, and no text.
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
fn a_read_goes_on_to_the_next_where_one_is_not_available() {
    let server = Launch::serve().start();
    // One that is not available, and one that has given up.
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
fn a_good_one_among_bad_ones_is_found() {
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
    // Refused until now, or not asked yet: both are to end well.
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
        .failure(1, "{\"error\":\"unhealthy cluster\",\"exit\":1}\n")
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
    // Some of these ports may be taken by other tests' servers: the end is not the point, but that there is one.
    let run = etcdctl
        .clone()
        .args(["get", "k", "--command-timeout=2s"])
        .run();
    assert!(run.err().lines().count() < 12, "{run}");
    // They are asked at the same time, so that all of them cost the time of a few.
    let run = etcdctl
        .args(["endpoint", "status", "--command-timeout=2s"])
        .time_limit(Duration::from_secs(45))
        .run();
    assert!(run.err().lines().count() > 9_000, "{}", run.status);
}

#[test]
fn an_endpoint_that_means_nothing_is_refused_at_once() {
    for (endpoint, reason) in [
        ("localhost", "the port is missing"),
        ("localhost:http", "\"http\" is no port number"),
        ("::1:2379", "an IPv6 address stands in brackets: [::1]:2379"),
        ("ftp://localhost:1", "unknown scheme \"ftp\""),
        ("embedded:", "the data directory is missing"),
        (
            "embedded:d?data-dir=other",
            "the data directory stands before the question mark",
        ),
        (
            "snapshot:backup.db",
            "reading a snapshot as an endpoint is not supported yet",
        ),
    ] {
        Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .args(["get", "k"])
            .run()
            .failure(1, &format!("Error: endpoint \"{endpoint}\": {reason}"));
    }
}

#[test]
fn a_path_behind_the_host_is_no_hindrance_and_a_unix_socket_works() {
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
fn the_refusal_of_a_format_comes_after_that_of_the_server() {
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
fn an_endpoint_that_means_nothing_costs_the_others_nothing() {
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
fn an_http2_server_that_is_no_etcd() {
    // HEADERS of stream 1 with its end: status 404; status 503.
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
    // It is asked again until time runs out; what it has said is known all the same.
    let said = format!("the server answered: {text}503 (Service Unavailable); {no_type}\n");
    get(&unavailable).failure(1, &said);
}
