//! A network that stalls for longer than `--command-timeout` by default, and one that is slow: what etcdctl completes, ours
//! completes too.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::background::Background;
use crate::support::etcd::{self, Release};
use crate::support::fifo::Fifo;
use crate::support::program::{Finished, Program};
use crate::support::relay::Relay;
use crate::support::server::{Launch, Server, free_ports};

fn run(endpoint: &str, args: &[&str]) -> Finished {
    let program = Program::etcdctl().arg(format!("--endpoints={endpoint}"));
    program.args(args).run()
}

/// Returns when a command that starts now has come to the end of its time limit, which is longer than the default one.
fn outlast(relay: &Relay) {
    run(relay.endpoint(), &["--command-timeout=5500ms", "get", "k"])
        .failure(1, "Error: context deadline exceeded\n");
}

/// A relay that stalls at the first request of the program, which runs behind it.
fn stalled(server: &Server, program: &Program, args: &[&str]) -> (Relay, Background) {
    let relay = Relay::before(server.endpoint());
    relay.stall_after(0);
    let endpoint = format!("--endpoints={}", relay.endpoint());
    let command = Background::start(&program.clone().arg(endpoint).args(args));
    (relay, command)
}

/// etcdctl gives these commands any time. Ours limits only the time until a server is reached, unless `--command-timeout`
/// is given.
#[test]
fn a_stall_ends_no_command_that_has_no_time_limit_in_etcdctl() {
    let server = Launch::serve().start();
    let direct = |args: &[&str]| run(server.endpoint(), args).success();
    let granted = direct(&["lease", "grant", "600"]).out();
    let lease = granted.split(' ').nth(1).expect("an id").to_owned();
    direct(&["role", "add", "r"]);
    direct(&["user", "add", "u:p"]);
    direct(&["put", "m/k", "v"]);
    let copy = Launch::serve().start();
    let mut running = vec![];
    let mut transactions = vec![];
    for (whose, program) in [
        ("ours", Some(Program::etcdctl())),
        ("theirs", etcd::etcdctl(Release::V3_7)),
    ] {
        let Some(program) = program else { continue };
        let (role, user) = (format!("r-{whose}"), format!("u-{whose}:p"));
        let cases: &[(&[&str], &str)] = &[
            (&["lease", "timetolive", &lease], "granted with TTL(600s)"),
            (&["lease", "list"], &lease),
            (&["lease", "keep-alive", "--once", &lease], "keepalived"),
            (&["role", "list"], "r\n"),
            (&["role", "get", "r"], "Role r\n"),
            (&["role", "add", &role], "created\n"),
            (
                &["role", "grant-permission", "r", "read", whose],
                "updated\n",
            ),
            (&["user", "list"], "u\n"),
            (&["user", "get", "u"], "User: u\n"),
            (&["user", "add", &user], "created\n"),
            (&["user", "grant-role", "u", "r"], "is granted to user u\n"),
            (&["lock", whose, "echo", "locked"], "locked\n"),
        ];
        for (args, out) in cases {
            let (relay, command) = stalled(&server, &program, args);
            running.push((relay, command, args.join(" "), (*out).to_owned()));
        }
        let relay = Relay::before(server.endpoint());
        relay.stall_after(0);
        let txn = program.arg(format!("--endpoints={}", relay.endpoint()));
        let txn = txn.arg("txn").stdin(format!("\nput {whose} v\n\n\n"));
        let txn = thread::spawn(move || txn.run());
        transactions.push((relay, txn));
    }
    // These do not end by themselves.
    let ours = Program::etcdctl();
    let watch = stalled(&server, &ours, &["watch", "w", "--rev=1"]);
    let elect = stalled(&server, &ours, &["elect", "e", "me"]);
    let observe = stalled(&server, &ours, &["elect", "-l", "e"]);
    let mirror = ["make-mirror", copy.endpoint(), "--prefix=m/"];
    let mirror = stalled(&server, &ours, &mirror);

    let relays = || {
        let endless = [&watch.0, &elect.0, &observe.0, &mirror.0].into_iter();
        let short = running.iter().map(|(relay, ..)| relay);
        short
            .chain(endless)
            .chain(transactions.iter().map(|(relay, _)| relay))
    };
    relays().for_each(Relay::wait_for_stall);
    outlast(&watch.0);
    for (_, command, what, _) in &running {
        assert!(!command.ended(), "{what}");
    }
    relays().for_each(|relay| relay.stall(false));
    for (_, command, what, expected) in running {
        let (code, out, err) = command.end();
        assert_eq!(code, 0, "{what}: {err}");
        assert!(out.contains(&expected), "{what}: {out}");
    }
    for (_, txn) in transactions {
        let txn = txn.join().expect("no panic").success();
        assert_eq!(txn.out(), "SUCCESS\n\nOK\n");
    }
    direct(&["put", "w", "seen"]);
    watch.1.wait_for_text("seen\n");
    elect.1.wait_for_text("me\n");
    observe.1.wait_for_text("me\n");
    while run(copy.endpoint(), &["get", "m/k"]).out().is_empty() {
        assert!(!mirror.1.ended());
    }
}

/// A limit for reaching a server remains: where nothing answers at all, each of these commands ends and says why. (etcdctl
/// waits forever.)
#[test]
fn a_server_that_is_not_reached_is_given_up() {
    let [port] = free_ports();
    let refused = format!("127.0.0.1:{port}");
    let silent = Relay::before(&refused);
    silent.stall(true);
    // The relay accepts connections, although it cannot forward them yet.
    let server = Launch::serve().start();
    silent.point_at(server.endpoint());
    let cases: [(&[&str], i32); 6] = [
        (&["lease", "list"], 2),
        (&["role", "list"], 1),
        (&["user", "add", "u:p"], 1),
        (&["txn"], 1),
        (&["lock", "l"], 1),
        (&["elect", "-l", "e"], 1),
    ];
    thread::scope(|scope| {
        for (args, code) in cases {
            for (endpoint, cause) in [
                (refused.as_str(), "connection refused"),
                (silent.endpoint(), "connected, but the server sent nothing"),
            ] {
                scope.spawn(move || {
                    let program = Program::etcdctl().arg(format!("--endpoints={endpoint}"));
                    let run = program.args(args).stdin("\nput k v\n\n\n").run();
                    let run = run.failure(code, "Error: context deadline exceeded\n");
                    assert!(run.err().contains(cause), "{run}");
                });
            }
        }
    });
}

/// A lock and a leadership are given up after a stall at the end too, with exit code 0 as under etcdctl. Who does not want to
/// wait sends another signal.
#[test]
fn what_is_held_is_given_up_after_a_stall() {
    let server = Launch::serve().start();
    let relay = Relay::before(server.endpoint());
    let endpoint = format!("--endpoints={}", relay.endpoint());
    let start = |args: &[&str]| {
        let held = Background::start(&Program::etcdctl().arg(&endpoint).args(args));
        held.wait_for_text(&format!("{}/", args[1]));
        held
    };
    let lock = start(&["lock", "l", "--ttl=60"]);
    let elect = start(&["elect", "e", "me"]);
    let impatient = start(&["lock", "i", "--ttl=60"]);
    relay.stall(true);
    lock.signal(Signal::INT);
    elect.signal(Signal::TERM);
    outlast(&relay);
    assert!(!lock.ended() && !elect.ended());
    while !impatient.ended() {
        impatient.signal(Signal::INT);
    }
    let (code, _, err) = impatient.end();
    assert_eq!((code, err.as_str()), (128 + 2, ""));
    relay.stall(false);
    for held in [lock, elect] {
        let (code, _, err) = held.end();
        assert_eq!((code, err.as_str()), (0, ""));
    }
    for prefix in ["l/", "e/"] {
        assert_eq!(
            run(server.endpoint(), &["get", prefix, "--prefix"]).out(),
            ""
        );
    }
}

/// A signal while a command runs under a lock is left to that command, as under etcdctl; the lock is released after it.
#[test]
fn a_signal_during_a_command_under_a_lock_does_not_keep_the_lock() {
    let server = Launch::serve().start();
    let mut end = Fifo::new();
    for program in [Some(Program::etcdctl()), etcd::etcdctl(Release::V3_7)] {
        let Some(program) = program else { continue };
        let script = format!("echo held; read code < {}; exit $code", end.path());
        let lock = program.arg(format!("--endpoints={}", server.endpoint()));
        let lock = lock.args(["lock", "l", "--ttl=60", "--", "sh", "-c", &script]);
        let lock = Background::start(&lock);
        lock.wait_for_text("held\n");
        for signal in [Signal::INT, Signal::TERM] {
            lock.signal(signal);
        }
        end.write("7\n");
        let (code, _, err) = lock.end();
        assert_eq!(code, 7, "{err}");
        let keys = run(server.endpoint(), &["get", "l/", "--prefix"]);
        assert_eq!(keys.out(), "");
    }
}

/// The first response of a snapshot may take longer than the default of `--dial-timeout`, for example while the member is
/// being defragmented.
#[test]
fn a_stall_before_the_first_response_ends_no_snapshot() {
    let server = Launch::serve().start();
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("s.db");
    let file = file.to_str().expect("it is UTF-8");
    let (relay, save) = stalled(&server, &Program::etcdctl(), &["snapshot", "save", file]);
    relay.wait_for_stall();
    outlast(&relay);
    assert!(!save.ended());
    relay.stall(false);
    let (code, out, err) = save.end();
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("Snapshot saved at "), "{out}");
}

/// A server whose first bytes take longer than `--dial-timeout` is reached all the same: each attempt to connect waits
/// longer. (In etcdctl, that flag is a limit only for obtaining a token.)
#[test]
fn a_slow_network_is_used() {
    let server = Launch::serve().start();
    let relay = Relay::before(server.endpoint());
    relay.delay(Duration::from_millis(150));
    for program in [Some(Program::etcdctl()), etcd::etcdctl(Release::V3_7)] {
        let Some(program) = program else { continue };
        let slow = program.arg(format!("--endpoints={}", relay.endpoint()));
        let slow = slow.args(["--dial-timeout=100ms", "--command-timeout=50s"]);
        for args in [
            &["put", "k", "v"][..],
            &["get", "k"],
            &["endpoint", "status"],
        ] {
            slow.clone().args(args).run().success();
        }
    }
}

/// A put that takes long is not an error of the check.
#[test]
fn a_stall_does_not_make_a_check_fail() {
    let server = Launch::serve().start();
    let relay = Relay::before(server.endpoint());
    let endpoint = format!("--endpoints={}", relay.endpoint());
    let check = Program::etcdctl().args([&endpoint, "check", "datascale", "-w", "json"]);
    relay.stall_after(500);
    let check = Background::start(&check);
    relay.wait_for_stall();
    outlast(&relay);
    relay.stall(false);
    let (code, out, err) = check.end();
    assert_eq!(code, 0, "{out}{err}");
}

/// `get --stream` prints keys while others have not arrived, in each format the same as without `--stream`.
#[test]
fn a_stream_of_keys_is_printed_while_it_arrives() {
    for launch in [Some(Launch::serve()), etcd::server(Release::V3_7)] {
        let Some(launch) = launch else { continue };
        let server = launch.start();
        server.put_all((0..1500).map(|k| format!("k{k:04}")), &"v".repeat(1000));
        let get = ["get", "k", "--prefix"];
        for (format, first_key) in [
            ("simple", "k0000\n"),
            ("fields", "\"Key\" : \"k0000\"\n"),
            ("json", "azAwMDA="),
        ] {
            for limit in ["--limit=0", "--limit=1400"] {
                let relay = Relay::before(server.endpoint());
                relay.stall_after_answers(400_000);
                let endpoint = format!("--endpoints={}", relay.endpoint());
                let args = [
                    &endpoint,
                    "-w",
                    format,
                    "--stream",
                    limit,
                    "--command-timeout=50s",
                ];
                let stream = Background::start(&Program::etcdctl().args(get).args(args));
                relay.wait_for_stall();
                if format != "json" {
                    stream.wait_for_text(first_key);
                }
                assert!(!stream.ended());
                relay.stall(false);
                let (code, out, err) = stream.end();
                assert_eq!((code, err.as_str()), (0, ""));
                let whole = Program::etcdctl()
                    .args(["--endpoints", server.endpoint(), "-w", format, limit])
                    .args(get)
                    .run()
                    .success();
                assert!(out == whole.out(), "{format} {limit}: {}", out.len());
                assert!(out.contains(first_key));
            }
        }
    }
}

/// Where a stream of keys breaks off, the message says how much of it has been printed.
#[test]
fn a_stream_of_keys_that_breaks_off_is_said_to_be_incomplete() {
    let server = Launch::serve().start();
    server.put_all((100..228).map(|k| format!("k{k}")), &"v".repeat(1000));
    let relay = Relay::before(server.endpoint());
    relay.stall_after_answers(60_000);
    let endpoint = format!("--endpoints={}", relay.endpoint());
    let get = ["get", "k", "--prefix", "--stream", "--command-timeout=50s"];
    let stream = Background::start(&Program::etcdctl().arg(endpoint).args(get));
    stream.wait_for_text("k100\n");
    relay.wait_for_stall();
    relay.cut();
    let (code, out, err) = stream.end();
    assert_eq!(code, 1, "{err}");
    let keys = out.lines().filter(|line| line.starts_with('k')).count();
    let hint = format!("hint: the output is incomplete: it ends after {keys} keys\n");
    assert!(err.contains(&hint), "{err}");
}
