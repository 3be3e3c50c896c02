//! Our etcdctl while members of a real cluster die and come back, the leadership moves, and the network stalls: running
//! commands continue, no event is lost or repeated, and locks and leases are kept.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::background::Background;
use crate::support::cluster::Cluster;
use crate::support::etcd::{self, Release};
use crate::support::fifo::Fifo;
use crate::support::program::Program;
use crate::support::relay::Relay;
use crate::support::server::Launch;

/// The endpoints of two members, one of which dies at a time.
const TWO: &[usize] = &[0, 1];

fn put(endpoint: &str, key: &str, value: &str) {
    Program::etcdctl()
        .arg(format!("--endpoints={endpoint}"))
        .args(["put", key, value])
        .run()
        .success();
}

/// Waits until the cluster has a leader: a proposal that is made without one may be lost.
fn led(endpoint: &str) {
    let health = Program::etcdctl()
        .arg(format!("--endpoints={endpoint}"))
        .args(["endpoint", "health"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while health.run().code() != 0 {
        assert!(Instant::now() < deadline, "no leader");
    }
}

#[test]
fn running_commands_continue_while_members_die_and_the_leadership_moves() {
    let Some(launch) = etcd::server(Release::V3_7) else {
        return;
    };
    let mut cluster = Cluster::start(&launch);
    let copy = launch.start();
    let two = cluster.endpoints(TWO);
    let safe = cluster.endpoint(2).to_owned();
    let etcdctl = |args: &[&str]| Program::etcdctl().arg(&two).args(args);
    let asked = |args: &[&str]| {
        let endpoint = format!("--endpoints={safe}");
        Program::etcdctl().arg(endpoint).args(args).run().success()
    };

    // A lease that ends soon unless it is kept alive all the time.
    let granted = asked(&["lease", "grant", "6"]).out();
    let lease = granted.split(' ').nth(1).expect("an id").to_owned();
    let watch = Background::start(&etcdctl(&["watch", "w/", "--prefix"]));
    let lock = Background::start(&etcdctl(&["lock", "l", "--ttl=6"]));
    lock.wait_for_text("l/");
    let leader = Background::start(&etcdctl(&["elect", "e", "me"]));
    leader.wait_for_text("me\n");
    let observer = Background::start(&etcdctl(&["elect", "-l", "e"]));
    observer.wait_for_text("me\n");
    let alive = Background::start(&etcdctl(&["lease", "keep-alive", &lease]));
    alive.wait_for_text("keepalived");
    let mirror = Background::start(&etcdctl(&["make-mirror", copy.endpoint(), "--prefix=w/"]));
    // The watch has begun when it shows what was put.
    while !watch.out().contains("w/begun") {
        put(&safe, "w/begun", "yes");
    }

    // Each of the two dies once, and the leadership goes round.
    let mut events = 0;
    for member in [0, 1, 0] {
        cluster.without(member, |cluster| {
            led(cluster.endpoint(2));
            for _ in 0..5 {
                put(cluster.endpoint(2), &format!("w/{events}"), "v");
                events += 1;
            }
            watch.wait_for_text(&format!("w/{}\n", events - 1));
            let renewed = asked(&["lease", "timetolive", &lease]).out();
            assert!(renewed.contains("granted with TTL(6s)"), "{renewed}");
        });
        let members = asked(&["member", "list", "-w", "json"]).json();
        let status = Program::etcdctl()
            .arg(cluster.endpoints(&[0, 1, 2]))
            .args(["endpoint", "status", "-w", "json"])
            .run()
            .success()
            .json();
        let leads = status[0]["Status"]["leader"].as_u64().expect("a leader");
        let ids = members["members"].as_array().expect("members").iter();
        let next = ids
            .filter_map(|m| m["ID"].as_u64())
            .find(|id| *id != leads)
            .expect("another member");
        Program::etcdctl()
            .arg(cluster.endpoints(&[0, 1, 2]))
            .args(["move-leader", &format!("{next:x}")])
            .run()
            .success();
        led(&safe);
        put(&safe, &format!("w/{events}"), "v");
        events += 1;
        watch.wait_for_text(&format!("w/{}\n", events - 1));
    }

    // Every event came once, and in order.
    watch.signal(Signal::INT);
    let (_, seen, complaint) = watch.end();
    let keys: Vec<&str> = seen
        .lines()
        .filter(|line| line.starts_with("w/") && *line != "w/begun")
        .collect();
    let want: Vec<String> = (0..events).map(|n| format!("w/{n}")).collect();
    assert_eq!(keys, want);
    assert_eq!(complaint, "");

    // The mirror has them too.
    let copied = || {
        let endpoint = format!("--endpoints={}", copy.endpoint());
        let got = Program::etcdctl()
            .arg(endpoint)
            .args(["get", "w/", "--prefix", "--keys-only"])
            .run()
            .success();
        got.out().split_whitespace().count()
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while copied() < events + 1 {
        assert!(Instant::now() < deadline, "{}", copied());
    }
    mirror.signal(Signal::INT);
    let (_, _, complaint) = mirror.end();
    assert_eq!(complaint, "");

    // Lock, leadership and lease are still held, and are released by a signal.
    assert_eq!(
        asked(&["get", "l/", "--prefix", "--keys-only"])
            .out()
            .lines()
            .count(),
        2
    );
    for (held, prefix) in [(lock, "l/"), (leader, "e/")] {
        held.signal(Signal::INT);
        let (code, _, complaint) = held.end();
        assert_eq!((code, complaint.as_str()), (0, ""), "{prefix}");
        assert_eq!(asked(&["get", prefix, "--prefix"]).out(), "");
    }
    observer.signal(Signal::INT);
    let (code, seen, complaint) = observer.end();
    assert_eq!((code, complaint.as_str()), (0, ""));
    assert_eq!(seen.matches("me\n").count(), 1, "{seen}");
    asked(&["lease", "revoke", &lease]);
    let (code, last, _) = alive.end();
    assert_eq!(code, 0);
    assert!(
        last.ends_with(&format!("lease {lease} expired or revoked.\n")),
        "{last}"
    );
}

#[test]
fn transactions_while_a_member_dies_succeed_or_are_reported_as_uncertain() {
    let Some(launch) = etcd::server(Release::V3_7) else {
        return;
    };
    let mut cluster = Cluster::start(&launch);
    let all = cluster.endpoints(&[0, 1, 2]);
    let safe = format!("--endpoints={}", cluster.endpoint(2));
    let txn = |n: usize| {
        Program::etcdctl()
            .arg(&all)
            .args(["txn", "--command-timeout=10s"])
            .stdin(format!("\nput t/{n} v\n\n\n"))
            .run()
    };
    let mut done = vec![];
    let mut doubtful = vec![];
    let mut send = |numbers: std::ops::Range<usize>| {
        for n in numbers {
            let ran = txn(n);
            match ran.code() {
                0 => done.push(n),
                _ => {
                    assert!(ran.err().contains("Error: "), "{ran}");
                    doubtful.push((n, ran.err()));
                }
            }
        }
    };
    send(0..5);
    cluster.without(0, |_| send(5..15));
    send(15..20);
    for n in &done {
        let key = format!("t/{n}");
        let got = Program::etcdctl()
            .arg(&safe)
            .args(["get", &key])
            .run()
            .success();
        assert_eq!(got.out(), format!("{key}\nv\n"));
    }
    assert!(done.len() >= 15, "{doubtful:?}");
}

#[test]
fn a_watch_and_a_lease_move_to_another_endpoint_when_the_network_stalls() {
    let Some(launch) = etcd::server(Release::V3_7) else {
        return;
    };
    let server = launch.start();
    let [first, second] = [0, 1].map(|_| Relay::before(server.endpoint()));
    let both = format!("--endpoints={},{}", first.endpoint(), second.endpoint());
    let etcdctl = |args: &[&str]| {
        let program = Program::etcdctl().arg(&both);
        program.arg("--keepalive-timeout=1s").args(args)
    };
    let watch = Background::start(&etcdctl(&["watch", "k"]));
    let granted = etcdctl(&["lease", "grant", "60"]).run().success().out();
    let lease = granted.split(' ').nth(1).expect("an id").to_owned();
    let alive = Background::start(&etcdctl(&["lease", "keep-alive", &lease]));
    alive.wait_for_text("keepalived");
    while !watch.out().contains("begun") {
        put(server.endpoint(), "k", "begun");
    }

    // Each endpoint stalls for a while. If the watch uses it, the event arrives through the other one.
    for (stalled, value) in [(&first, "one"), (&second, "two")] {
        stalled.stall(true);
        put(server.endpoint(), "k", value);
        watch.wait_for_text(&format!("{value}\n"));
        stalled.stall(false);
        // A request whose connection is cut is sent again.
        stalled.cut();
        etcdctl(&["get", "k", "--command-timeout=30s"])
            .run()
            .success();
    }
    watch.signal(Signal::INT);
    let (_, seen, _) = watch.end();
    for value in ["one\n", "two\n"] {
        assert_eq!(seen.matches(value).count(), 1, "{seen}");
    }
    alive.signal(Signal::INT);
    let (_, _, complaint) = alive.end();
    assert_eq!(complaint, "");
}

/// The lease of a lock is not renewed for longer than its TTL. The message and the exit code are etcdctl's.
#[test]
fn a_stall_longer_than_the_ttl_ends_a_lock() {
    let server = Launch::serve().start();
    for program in [Some(Program::etcdctl()), etcd::etcdctl(Release::V3_7)] {
        let Some(program) = program else { continue };
        let relay = Relay::before(server.endpoint());
        let endpoint = format!("--endpoints={}", relay.endpoint());
        let lock = Background::start(&program.args([&endpoint, "lock", "l", "--ttl=2"]));
        lock.wait_for_text("l/");
        relay.stall(true);
        let (code, _, err) = lock.end();
        assert_eq!(code, 1, "{err}");
        assert!(err.contains("Error: session expired\n"), "{err}");
        relay.stall(false);
    }
}

/// A lock and a leadership, or the place in the queue for one, that end while the network stalls: no process claims what
/// it has lost. Messages and exit codes are etcdctl's. (The lease is revoked, because that of `elect` lives for 60 s.)
#[test]
fn leases_that_end_during_a_stall_end_locks_and_leaderships() {
    let server = Launch::serve().start();
    let direct = format!("--endpoints={}", server.endpoint());
    let revoke = |key: &str| {
        let (_, lease) = key.trim().split_once('/').expect("a session's key");
        Program::etcdctl()
            .args([&direct, "lease", "revoke", lease])
            .run()
            .success();
    };
    let keys = |prefix: &str| {
        let get = ["get", prefix, "--prefix", "--keys-only", "--sort-by=CREATE"];
        let get = Program::etcdctl().arg(&direct).args(get);
        get.run().success().out().replace("\n\n", "\n")
    };
    let check = |program: &Program, command: &[&str], waiters_error: &str| {
        let prefix = format!("{}/", command[1]);
        let relay = Relay::before(server.endpoint());
        let endpoint = format!("--endpoints={}", relay.endpoint());
        let start =
            |endpoint: &str| Background::start(&program.clone().arg(endpoint).args(command));
        // The holder loses its lease during the stall.
        let holder = start(&endpoint);
        holder.wait_for_text(&prefix);
        relay.stall(true);
        revoke(&keys(&prefix));
        relay.stall(false);
        let (code, _, err) = holder.end();
        assert_eq!(code, 1, "{err}");
        assert!(err.contains("session expired\n"), "{err}");

        // A process that waits loses its lease and, still during the stall, its predecessor.
        let holder = start(&direct);
        holder.wait_for_text(&prefix);
        let waiter = start(&endpoint);
        let deadline = Instant::now() + Duration::from_secs(60);
        let waiting = loop {
            assert!(Instant::now() < deadline, "nobody waits");
            if let Some(key) = keys(&prefix).lines().nth(1) {
                break key.to_owned();
            }
        };
        relay.stall(true);
        revoke(&waiting);
        holder.signal(Signal::INT);
        assert_eq!(holder.end().0, 0);
        relay.stall(false);
        let (code, out, err) = waiter.end();
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        assert!(err.contains(waiters_error), "{err}");
    };
    // Together, because a process may notice only at its next renewal, after a third of the TTL.
    std::thread::scope(|scope| {
        for (name, program) in [
            ("ours", Some(Program::etcdctl())),
            ("theirs", etcd::etcdctl(Release::V3_7)),
        ] {
            let Some(program) = program else { continue };
            let (check, elect) = (&check, program.clone());
            scope.spawn(move || {
                let command = ["lock", &format!("l-{name}")];
                check(&program, &command, "Error: mutex: session is expired\n");
            });
            scope.spawn(move || {
                let command = ["elect", &format!("e-{name}"), "me"];
                check(&elect, &command, "Error: elect: session expired\n");
            });
        }
    });
}

/// A command that runs under a lock which is lost continues, and decides about the exit code, as with etcdctl. Ours says
/// at once that the lock is lost.
#[test]
fn a_command_whose_lock_is_lost_continues_after_a_warning() {
    let server = Launch::serve().start();
    let mut end = Fifo::new();
    for (program, warns) in [
        (Some(Program::etcdctl()), true),
        (etcd::etcdctl(Release::V3_7), false),
    ] {
        let Some(program) = program else { continue };
        let relay = Relay::before(server.endpoint());
        let script = format!("echo held; read code < {}; exit $code", end.path());
        let lock = program.arg(format!("--endpoints={}", relay.endpoint()));
        let lock = lock.args(["lock", "l", "--ttl=2", "--", "sh", "-c", &script]);
        let lock = Background::start(&lock);
        lock.wait_for_text("held\n");
        relay.stall(true);
        // Once the lease is gone, another process gets the lock.
        let next = Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()));
        next.args(["lock", "l", "true"]).run().success();
        if warns {
            lock.wait_for_error("session expired: the lock is lost");
        }
        relay.stall(false);
        end.write("7\n");
        let (code, _, err) = lock.end();
        assert_eq!(code, 7, "{err}");
        assert_eq!(err.contains("Warning: session expired"), warns, "{err}");
    }
}

/// A command that runs for a long time survives a stall of the network at any point: `--command-timeout` is a limit for short
/// commands and bounds only the first request of these.
#[test]
fn a_stall_longer_than_the_command_timeout_ends_no_long_running_command() {
    let server = Launch::serve().start();
    let destination = Launch::serve().start();
    let direct = |endpoint: &str, args: &[&str]| {
        let program = Program::etcdctl().arg(format!("--endpoints={endpoint}"));
        program.args(args).run().success().out()
    };
    // Enough keys for two pages of `make-mirror`.
    server.put_all((0..1100).map(|k| format!("m/{k:04}")), "v");
    let stalled = |target: &str, passing: usize, args: &dyn Fn(&Relay) -> Vec<String>| {
        let relay = Relay::before(target);
        relay.stall_after(passing);
        let program = Program::etcdctl().arg("--command-timeout=1s");
        let command = Background::start(&program.args(args(&relay)));
        relay.wait_for_stall();
        // This short command runs into its own timeout, so the stall lasts longer than the timeout of the long one.
        let short = Program::etcdctl().arg(format!("--endpoints={}", relay.endpoint()));
        let short = short.args(["--command-timeout=1500ms", "get", "k"]).run();
        assert_eq!(short.code(), 1);
        relay.stall(false);
        command
    };
    let at = |relay: &Relay, args: &[&str]| {
        let endpoint = format!("--endpoints={}", relay.endpoint());
        let args = args.iter().map(ToString::to_string);
        std::iter::once(endpoint).chain(args).collect::<Vec<_>>()
    };
    // Both send at least three requests before they have the lock or the leadership.
    for passing in 1..=3 {
        let name = format!("n{passing}");
        let lock = stalled(server.endpoint(), passing, &|relay| {
            at(relay, &["lock", &name])
        });
        lock.wait_for_text(&format!("{name}/"));
        let elect = stalled(server.endpoint(), passing, &|relay| {
            at(relay, &["elect", &format!("e{passing}"), "first"])
        });
        elect.wait_for_text("first\n");
        for command in [lock, elect] {
            command.signal(Signal::INT);
            let (code, _, err) = command.end();
            assert_eq!((code, err.as_str()), (0, ""), "{passing}");
        }
    }
    let leader = Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()));
    let leader = Background::start(&leader.args(["elect", "o", "leads"]));
    leader.wait_for_text("leads\n");
    let observer = stalled(server.endpoint(), 1, &|relay| {
        at(relay, &["elect", "-l", "o"])
    });
    observer.wait_for_text("leads\n");
    direct(
        server.endpoint(),
        &["put", leader.out().lines().next().expect("a key"), "still"],
    );
    observer.wait_for_text("still\n");

    // The source stalls at each page and at the watch, the destination after the first puts.
    for (place, passing) in [(0, 1), (0, 2), (1, 1), (1, 30), (1, 1050)] {
        let prefix = format!("--dest-prefix=c{place}-{passing}/");
        let target = [&server, &destination][place].endpoint();
        let mirror = stalled(target, passing, &|relay| {
            let (source, copy) = match place {
                0 => (relay.endpoint(), destination.endpoint()),
                _ => (server.endpoint(), relay.endpoint()),
            };
            let source = format!("--endpoints={source}");
            let args = [&source, "make-mirror", "--prefix=m/", &prefix, copy];
            args.map(str::to_owned).to_vec()
        });
        let key = format!("m/after-{place}-{passing}");
        let copy = format!("c{place}-{passing}/{}", &key[2..]);
        put(server.endpoint(), &key, "v");
        let deadline = Instant::now() + Duration::from_secs(60);
        while direct(destination.endpoint(), &["get", &copy]) != format!("{copy}\nv\n") {
            assert!(Instant::now() < deadline && !mirror.ended(), "{copy}");
        }
        drop(mirror);
    }
}

/// A write that may have been executed is not repeated. So `make-mirror` ends if its destination does not answer, and its
/// error names the destination.
#[test]
fn a_destination_that_goes_silent_ends_a_mirror() {
    let server = Launch::serve().start();
    let destination = Launch::serve().start();
    let relay = Relay::before(destination.endpoint());
    let endpoint = format!("--endpoints={}", server.endpoint());
    // Pings are sent after 10 s without traffic, however short the flag, as in etcdctl.
    let mirror = Program::etcdctl().arg(&endpoint).args([
        "--keepalive-time=1s",
        "--keepalive-timeout=1s",
        "make-mirror",
        relay.endpoint(),
    ]);
    let mirror = Background::start(&mirror);
    put(server.endpoint(), "k", "before");
    let get = Program::etcdctl().arg(format!("--endpoints={}", destination.endpoint()));
    let get = get.args(["get", "k"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while get.run().success().out() != "k\nbefore\n" {
        assert!(Instant::now() < deadline, "k is not copied");
    }
    relay.silence();
    put(server.endpoint(), "k", "after");
    let (code, _, err) = mirror.end();
    assert_eq!(code, 1, "{err}");
    assert!(
        err.starts_with("Error: rpc error: code = Unavailable desc = "),
        "{err}"
    );
    for hint in [
        "the server does not answer pings (--keepalive-timeout)",
        "the request may have been executed",
        "this came from the destination",
    ] {
        assert!(err.contains(hint), "{err}");
    }
}

/// The keep-alive detects a connection that is open but on which nothing arrives any more, and running commands continue
/// over another one.
#[test]
fn a_connection_that_goes_silent_is_replaced() {
    // Pings are sent after 10 s without traffic, however short the flag, as in etcdctl.
    const TTL: u64 = 30;
    let server = Launch::serve().start();
    let destination = Launch::serve().start();
    let relay = Relay::before(server.endpoint());
    let start = |args: &[&str]| {
        let program = Program::etcdctl()
            .arg(format!("--endpoints={}", relay.endpoint()))
            .args(["--keepalive-time=1s", "--keepalive-timeout=1s"]);
        Background::start(&program.args(args))
    };
    let direct = |endpoint: &str, args: &[&str]| {
        let program = Program::etcdctl().arg(format!("--endpoints={endpoint}"));
        program.args(args).run().success().out()
    };
    let lock = start(&["lock", "l", &format!("--ttl={TTL}")]);
    lock.wait_for_text("l/");
    let leader = start(&["elect", "e", "first"]);
    leader.wait_for_text("first");
    let observer = start(&["elect", "-l", "e"]);
    observer.wait_for_text("first");
    let mirror = start(&["make-mirror", destination.endpoint(), "--prefix=m/"]);
    let mirrored = |key: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        put(server.endpoint(), key, "v");
        while direct(destination.endpoint(), &["get", key]) != format!("{key}\nv\n") {
            assert!(Instant::now() < deadline, "{key} is not copied");
        }
    };
    mirrored("m/before");

    relay.silence();
    mirrored("m/after");
    // The lock's lease is renewed again before it expires.
    let key = lock.out();
    let lease = key.trim().strip_prefix("l/").expect("a key of the lock");
    let left = || {
        let told = direct(server.endpoint(), &["lease", "timetolive", lease]);
        let left = told
            .split("remaining(")
            .nth(1)
            .and_then(|t| t.split('s').next());
        let left = left.and_then(|seconds| seconds.parse::<u64>().ok());
        left.unwrap_or_else(|| panic!("{told}"))
    };
    let mut last = left();
    loop {
        let now = left();
        if now > last {
            break;
        }
        last = now;
    }
    assert_eq!(
        direct(
            server.endpoint(),
            &["get", key.trim(), "--count-only", "-w", "fields"]
        )
        .matches("\"Count\" : 1")
        .count(),
        1
    );
    // The observer sees the next leader, and the first one resigns.
    let next = Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()));
    let next = Background::start(&next.args(["elect", "e", "second"]));
    leader.signal(Signal::INT);
    assert_eq!(leader.end().0, 0);
    next.wait_for_text("second");
    observer.wait_for_text("second");
    lock.signal(Signal::INT);
    assert_eq!(lock.end().0, 0);
    drop(mirror);
}

/// Requests of one client go to all of its endpoints.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_spreads_its_requests() {
    use etcd_maintenance::proto::etcdserverpb as pb;
    let servers: Vec<_> = (0..3).map(|_| Launch::serve().start()).collect();
    let endpoints: Vec<&str> = servers.iter().map(|s| s.endpoint()).collect();
    let client = super::streams::client(&endpoints);
    for _ in 0..300 {
        let put = pb::PutRequest {
            key: "k".into(),
            ..Default::default()
        };
        client
            .put(put, super::streams::soon())
            .await
            .expect("it is written");
    }
    for endpoint in endpoints {
        let one = super::streams::client(&[endpoint]);
        let status = one
            .status(pb::StatusRequest {}, super::streams::soon())
            .await;
        let puts = status
            .expect("it answers")
            .header
            .expect("a header")
            .revision
            - 1;
        // The endpoints take turns, except before all three were connected.
        assert!((50..=200).contains(&puts), "{puts}");
    }
}
