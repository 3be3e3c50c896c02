//! Ours only: `serve` as a process, from its first line to its end.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram, process::ExitStatusExt as _},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::support::{
    program::{Finished, Program, scratch, wait_until},
    server::{Launch, Server, free_ports},
    small_disk::SmallDisk,
};

/// Every file below a directory with its content, to check that nothing has changed.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut left = vec![dir.to_path_buf()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path.clone());
                all.push((path.display().to_string(), Vec::new()));
            } else {
                all.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

/// Runs a `serve` that cannot start: one line on stderr that contains `says`, exit code 1.
#[track_caller]
fn refuses(args: &[&str], says: &[&str]) -> Finished {
    let port = free_ports::<1>()[0];
    let listen = format!("--listen-client-urls=http://127.0.0.1:{port}");
    let ended = Program::etcdctl()
        .arg("serve")
        .arg(listen)
        .arg("--log-level=error")
        .args(args)
        .run();
    let stderr = ended.err();
    for word in says {
        assert!(stderr.contains(word), "{word:?} is not in {stderr}");
    }
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("Error: "), "{stderr}");
    assert_eq!(ended.out(), "");
    ended.failure(1, "")
}

#[test]
fn both_signals_end_it_clean() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Launch::serve().start();
        let put = Program::etcdctl()
            .arg(format!("--endpoints={}", server.endpoint()))
            .args(["put", "k", "v"])
            .run();
        assert_eq!(put.success().out(), "OK\n");
        server.signal(signal);
        let status = server.wait();
        // As etcd ends: by the signal itself.
        assert_eq!(status.signal(), Some(signal.as_raw()), "{}", server.log());
        assert!(server.log().contains("closed the data directory"));
        let server = server.restart();
        let get = Program::etcdctl()
            .arg(format!("--endpoints={}", server.endpoint()))
            .args(["get", "k"])
            .run();
        assert_eq!(get.success().out(), "k\nv\n");
    }
}

#[test]
fn its_lines_are_etcds_json() {
    let mut server = Launch::serve().start();
    server.terminate();
    let log = server.log();
    let mut ready = 0;
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(line["level"].is_string() && line["ts"].is_string() && line["caller"].is_string());
        ready += usize::from(line["msg"] == "ready to serve client requests");
    }
    assert_eq!(ready, 1, "{log}");
}

#[test]
fn variables_stand_for_flags_and_flags_beat_them() {
    let dir = scratch();
    let server = Launch::serve()
        .data_dir(dir.path().join("data"))
        .flag("--name=flag")
        .env("ETCD_NAME", "variable")
        .env("ETCD_QUOTA_BACKEND_BYTES", "16777216")
        .env("ETCD_DATA_DIR", "/nowhere")
        .env("ETCD_SERVICE_PORT", "tcp://10.0.0.1")
        .start();
    let ask = |args: &[&str]| {
        Program::etcdctl()
            .arg(format!("--endpoints={}", server.endpoint()))
            .args(args)
            .run()
            .success()
    };
    let status = ask(&["endpoint", "status", "-w", "json"]).json();
    assert_eq!(status[0]["Status"]["dbSizeQuota"], 16_777_216);
    assert!(ask(&["member", "list"]).out().contains(", flag, "));
    let log = server.log();
    assert!(
        log.contains("ETCD_SERVICE_PORT") && log.contains("unrecognized"),
        "{log}"
    );
}

#[test]
fn a_port_in_use_leaves_the_directory_alone() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = scratch();
    let data = dir.path().join("data");
    let listen = format!("--listen-client-urls=http://{address}");
    let data_dir = format!("--data-dir={}", data.display());
    refuses(&[&listen, &data_dir], &[&address, "in use"]);
    assert!(!data.exists());
}

#[test]
fn directories_that_cannot_be_served_are_named_and_left_alone() {
    let dir = scratch();
    let locked = Launch::serve().data_dir(dir.path().join("locked")).start();

    let member = dir.path().join("member-of-a-real-one");
    fs::create_dir_all(member.join("member/snap")).unwrap();
    fs::write(member.join("member/snap/db"), b"whatever").unwrap();

    let damaged = dir.path().join("damaged");
    fs::create_dir(&damaged).unwrap();
    fs::write(damaged.join("db"), vec![7; 65536]).unwrap();

    let file = dir.path().join("file");
    fs::write(&file, b"a file").unwrap();

    let before = [contents(&member), contents(&damaged)];
    for (data, says) in [
        (locked.data_dir(), "another process has it open"),
        (member.as_path(), "snapshot"),
        (damaged.as_path(), "db"),
        (file.as_path(), ": open: not a directory\n"),
    ] {
        let name = data.display().to_string();
        refuses(&[&format!("--data-dir={name}")], &[&name, says]);
    }
    assert_eq!(before, [contents(&member), contents(&damaged)]);
    assert_eq!(fs::read(&file).unwrap(), b"a file");
}

#[test]
fn a_directory_that_may_not_be_written() {
    let dir = scratch();
    let data = dir.path().join("sealed");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(data.join("probe"), b"").is_ok() {
        // Root ignores permissions, but not a read-only file system.
        let Some(disk) = SmallDisk::mount(1 << 20) else {
            return;
        };
        disk.make_read_only();
        let name = disk.path().display().to_string();
        refuses(
            &[&format!("--data-dir={name}")],
            &[&name, "ead-only file system"],
        );
        return;
    }
    let name = data.display().to_string();
    refuses(&[&format!("--data-dir={name}")], &[&name, "ermission"]);
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn flags_that_cannot_be_used_are_one_line() {
    let dir = scratch();
    let data = format!("--data-dir={}", dir.path().join("data").display());
    for (flag, says) in [
        ("--wal-dir=w", "--data-dir"),
        (
            "--cert-file=c.pem",
            "KeyFile and CertFile must both be present",
        ),
        (
            "--listen-client-urls=https://127.0.0.1:0",
            "TLS key/cert (--cert-file, --key-file) must be provided for client url",
        ),
        ("--enable-pprof", "--enable-pprof is not supported"),
        ("--cors=http://a.com", "--cors"),
        (
            "--feature-gates=Nope=true",
            "unrecognized feature gate: Nope",
        ),
        ("--config-file=/no/such/file", "/no/such/file"),
        ("--initial-cluster-state=existing", "no database"),
        ("--no-such-flag", "unknown flag: --no-such-flag"),
        ("--quota-backend-bytes=much", "--quota-backend-bytes"),
        (
            "--initial-cluster=a=http://a:1,b=http://b:2",
            "single member",
        ),
        ("--listen-client-urls=http://example.com:1", "expected IP"),
        (
            "--cipher-suites=TLS_ROT13",
            "unexpected TLS cipher suite \"TLS_ROT13\"",
        ),
    ] {
        refuses(&[&data, flag], &[says]);
    }
    let missing = format!("--cert-file={}", dir.path().join("c.pem").display());
    refuses(&[&data, &missing, "--key-file=k.pem"], &["c.pem"]);
    assert!(!dir.path().join("data").exists());
}

#[test]
fn a_unit_file_of_etcd_needs_no_change() {
    let server = Launch::serve()
        .flags([
            "--name=m1",
            "--initial-advertise-peer-urls=http://10.1.2.3:2380",
            "--initial-cluster=m1=http://10.1.2.3:2380",
            "--initial-cluster-state=new",
            "--initial-cluster-token=t1",
            "--listen-peer-urls=http://10.1.2.3:2380",
            "--peer-cert-file=/p.crt",
            "--peer-key-file=/p.key",
            "--peer-trusted-ca-file=/ca.crt",
            "--peer-client-cert-auth=true",
            "--auto-tls=false",
            "--snapshot-count=10000",
            "--heartbeat-interval=100",
            "--election-timeout=1000",
            "--strict-reconfig-check",
            "--feature-gates=InitialCorruptCheck=true",
            "--auto-compaction-mode=revision",
            "--auto-compaction-retention=1h",
            "--max-snapshots=7",
            "--metrics=extensive",
            "--bcrypt-cost=99",
        ])
        .start();
    let log = server.log();
    for line in [
        "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.",
        "use default bcrypt cost instead of the invalid given cost",
        "\"etcd-version\":\"3.7.1\"",
        "\"auto-compaction\":\"revision 3600000000000\"",
    ] {
        assert!(log.contains(line), "{line} is not in {log}");
    }
    let list = Program::etcdctl()
        .arg(format!("--endpoints={}", server.endpoint()))
        .args(["member", "list"])
        .run()
        .success();
    assert!(
        list.out().contains("started, m1, http://10.1.2.3:2380"),
        "{list}"
    );
}

/// The complete response to a plain HTTP request.
fn http(address: &str, request: &str) -> String {
    http_with(address, request, "Host: elsewhere.com")
}

fn http_with(address: &str, request: &str, headers: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!("{request} HTTP/1.0\r\n{headers}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn data_that_was_served_before_is_existing() {
    let mut server = Launch::serve().start();
    server.terminate();
    let data = server.data_dir().to_path_buf();
    Launch::serve()
        .data_dir(&data)
        .flag("--initial-cluster-state=existing")
        .start();
}

#[test]
fn metrics_and_http_have_listeners_of_their_own() {
    let [http_port, metrics_port] = free_ports();
    let server = Launch::serve()
        .flag(format!(
            "--listen-client-http-urls=http://127.0.0.1:{http_port}"
        ))
        .flag(format!(
            "--listen-metrics-urls=http://127.0.0.1:{metrics_port}"
        ))
        .start();
    Program::etcdctl()
        .arg(format!("--endpoints={}", server.endpoint()))
        .args(["put", "k", "v"])
        .run()
        .success();
    let (http_port, metrics_port) = (
        format!("127.0.0.1:{http_port}"),
        format!("127.0.0.1:{metrics_port}"),
    );
    for (address, request, status) in [
        (&http_port, "GET /version", "200"),
        (&metrics_port, "GET /metrics", "200"),
        (&metrics_port, "GET /health", "200"),
        (&metrics_port, "GET /readyz", "200"),
        (&metrics_port, "GET /version", "404"),
        (&metrics_port, "POST /v3/kv/range", "404"),
    ] {
        let answer = http(address, request);
        assert_eq!(
            answer.split(' ').nth(1),
            Some(status),
            "{request}: {answer}"
        );
    }
}

#[test]
fn hosts_and_origins_can_be_restricted() {
    let server = Launch::serve()
        .flag("--host-whitelist=127.0.0.1,a.com")
        .flag("--cors=http://a.com:80")
        .start();
    let answer = http(server.endpoint(), "GET /version");
    assert!(answer.starts_with("HTTP/1.0 421"), "{answer}");
    assert!(
        answer.contains("--host-whitelist \"elsewhere.com\""),
        "{answer}"
    );
    let with_origin = |origin: &str| {
        let headers = format!("Host: a.com\r\nOrigin: {origin}");
        http_with(server.endpoint(), "GET /version", &headers)
    };
    let allowed = with_origin("http://a.com:80").to_ascii_lowercase();
    assert!(allowed.starts_with("http/1.0 200"), "{allowed}");
    assert!(
        allowed.contains("access-control-allow-origin: http://a.com:80"),
        "{allowed}"
    );
    let refused = with_origin("http://evil.com:80").to_ascii_lowercase();
    assert!(!refused.contains("access-control"), "{refused}");
}

#[test]
fn a_configuration_file_takes_the_place_of_flags() {
    let dir = scratch();
    let [port] = free_ports();
    let log = dir.path().join("etcd.log");
    let file = dir.path().join("etcd.yaml");
    fs::write(
        &file,
        format!(
            "name: from-file\ndata-dir: {}\nlisten-client-urls: http://127.0.0.1:{port}\n\
             log-outputs: [stderr, {}]\nno-such-key: 1\n",
            dir.path().join("data").display(),
            log.display()
        ),
    )
    .unwrap();
    let server = Launch::serve()
        .flag(format!("--config-file={}", file.display()))
        .start();
    let list = Program::etcdctl()
        .arg(format!("--endpoints=127.0.0.1:{port}"))
        .args(["member", "list"])
        .run()
        .success();
    assert!(list.out().contains(", from-file, "), "{list}");
    let log = fs::read_to_string(log).unwrap();
    assert!(
        log.contains("no-such-key") && log.contains("ready to serve"),
        "{log}"
    );
    drop(server);
    fs::write(&file, "name: [").unwrap();
    let config_file = format!("--config-file={}", file.display());
    refuses(
        &[&config_file],
        &["etcd.yaml", "error converting YAML to JSON"],
    );
}

#[test]
fn the_version_is_printed_for_scripts() {
    let version = Program::etcdctl().args(["serve", "--version"]).run();
    assert!(version.success().out().starts_with("etcd Version: 3.7.1\n"));
}

#[test]
fn the_watchdog_is_fed() {
    let dir = scratch();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let _server = Launch::serve()
        .env("NOTIFY_SOCKET", path.to_str().unwrap())
        .env("WATCHDOG_USEC", "20000")
        .start();
    for want in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        let mut state = [0; 64];
        let size = socket.recv(&mut state).unwrap();
        assert_eq!(&state[..size], want.as_bytes());
    }
}

#[test]
fn systemd_is_notified() {
    let dir = scratch();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut server = Launch::serve()
        .env("NOTIFY_SOCKET", path.to_str().unwrap())
        .start();
    let heard = || {
        let mut state = [0; 64];
        let size = socket.recv(&mut state).unwrap();
        String::from_utf8_lossy(&state[..size]).into_owned()
    };
    assert_eq!(heard(), "READY=1");
    server.terminate();
    assert_eq!(heard(), "STOPPING=1");
}

#[test]
fn it_listens_on_unix_sockets_too() {
    let dir = scratch();
    let path = dir.path().join("sock");
    let port = free_ports::<1>()[0];
    let urls = format!("unix://{},http://127.0.0.1:{port}", path.display());
    let mut server = Launch::serve()
        .flag(format!("--listen-client-urls={urls}"))
        .start();
    for endpoint in [
        format!("unix://{}", path.display()),
        format!("127.0.0.1:{port}"),
    ] {
        Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .args(["put", "k", "v"])
            .run()
            .success();
    }
    server.terminate();
    assert!(!path.exists());
}

#[test]
fn help_names_each_flag_with_default_and_variable() {
    let help = Program::etcdctl().args(["serve", "--help"]).run().success();
    for word in [
        "--quota-backend-bytes",
        "ETCD_QUOTA_BACKEND_BYTES",
        "[default: http://localhost:2379]",
        "--snapshot-count",
    ] {
        assert!(help.out().contains(word), "{word} is not in {help}");
    }
}

#[test]
fn slow_requests_are_logged_without_values_and_passwords() {
    let mut server = Launch::serve()
        .flag("--warning-apply-duration=0s")
        .flag("--warning-unary-request-duration=1ns")
        .start();
    let etcdctl = |args: &[&str]| {
        let endpoint = format!("--endpoints={}", server.endpoint());
        Program::etcdctl().arg(endpoint).args(args).run().success()
    };
    etcdctl(&["put", "greeting", "open-sesame"]);
    etcdctl(&["get", "greeting"]);
    etcdctl(&["user", "add", "alice:open-sesame"]);
    server.terminate();
    let log = server.log();
    assert!(!log.contains("sesame"), "{log}");
    let lines: Vec<serde_json::Value> = (log.lines())
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let find = |message: &str, field: &str, text: &str| {
        let line = lines.iter().find(|line| {
            line["msg"] == message && line[field].as_str().is_some_and(|t| t.contains(text))
        });
        line.unwrap_or_else(|| panic!("no {message:?} with {text:?} in {field:?}: {log}"))
    };
    let slow = "apply request took too long";
    let put = find(slow, "request", "put:<key:\"greeting\" value_size:11 >");
    assert_eq!(
        (&put["level"], &put["expected-duration"]),
        (&"warn".into(), &"0s".into())
    );
    assert!(put["took"].as_str().unwrap().ends_with('s'));
    let get = find(slow, "prefix", "read-only range ");
    assert_eq!(get["request"], "key:\"greeting\"");
    assert!(
        get["response"]
            .as_str()
            .unwrap()
            .starts_with("range_response_count:1 size:")
    );
    find(slow, "request", "auth_user_add:<name:alice>");
    let stats = find("request stats", "response type", "/etcdserverpb.KV/Put");
    assert_eq!(stats["request content"], "key:\"greeting\" value_size:11 ");
    assert_eq!(
        (&stats["request count"], &stats["response count"]),
        (&1.into(), &0.into())
    );
    let add = find(
        "request stats",
        "response type",
        "/etcdserverpb.Auth/UserAdd",
    );
    assert_eq!(
        (&add["request size"], &add["request content"]),
        (&(-1).into(), &"".into())
    );
}

#[test]
fn a_refused_write_is_logged_as_etcd_logs_it() {
    let mut server = Launch::serve().start();
    let put = Program::etcdctl()
        .arg(format!("--endpoints={}", server.endpoint()))
        .args(["put", "k", "v", "--lease=77"])
        .run();
    put.failure(1, "requested lease not found");
    server.terminate();
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.contains("failed to apply request"));
    let line: serde_json::Value = serde_json::from_str(line.expect(&log)).unwrap();
    assert_eq!(
        line["request"],
        "header:<> put:<key:\"k\" value_size:1 lease:119 >"
    );
    assert!(line["error"].as_str().unwrap().contains("lease not found"));
}

#[test]
fn a_member_that_was_added_and_a_downgrade_are_there_after_a_restart() {
    let mut server = Launch::serve().start();
    let etcdctl = |endpoint: &str, args: &[&str]| {
        let endpoint = format!("--endpoints={endpoint}");
        Program::etcdctl()
            .arg(endpoint)
            .args(args)
            .run()
            .success()
            .out()
    };
    let endpoint = server.endpoint().to_string();
    etcdctl(
        &endpoint,
        &[
            "member",
            "add",
            "m2",
            "--learner",
            "--peer-urls=http://127.0.0.1:7",
        ],
    );
    etcdctl(&endpoint, &["downgrade", "enable", "3.6"]);
    // The versions have not changed yet. A clean stop makes up for that, so that the older version accepts the file.
    let status = etcdctl(&endpoint, &["endpoint", "status", "-w", "json"]);
    assert!(status.contains(r#""storageVersion":"3.7.0""#), "{status}");
    server.terminate();
    let file = Program::etcdutl()
        .args(["snapshot", "status", "-w", "json"])
        .arg(server.db_file())
        .run()
        .success()
        .out();
    assert!(file.contains(r#""version":"3.6.0""#), "{file}");
    let mut server = server.restart();
    let endpoint = server.endpoint().to_string();
    let list = etcdctl(&endpoint, &["member", "list"]);
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(
        list.contains("unstarted, , http://127.0.0.1:7, , true"),
        "{list}"
    );
    let status = etcdctl(&endpoint, &["endpoint", "status", "-w", "json"]);
    assert!(status.contains(r#""storageVersion":"3.6.0""#), "{status}");
    etcdctl(&endpoint, &["downgrade", "cancel"]);
    server.kill();
    let server = server.restart();
    let status = etcdctl(server.endpoint(), &["endpoint", "status", "-w", "json"]);
    assert!(status.contains(r#""storageVersion":"3.7.0""#), "{status}");
}

/// The versions change some seconds after `downgrade enable` and `downgrade cancel`. If the server ends before that, they
/// have changed after the next start, however it ended.
#[test]
fn versions_follow_a_downgrade_over_a_stop_and_over_a_kill() {
    for kill in [false, true] {
        let mut server = Launch::serve().start();
        for (command, version, enabled) in [
            (&["downgrade", "enable", "3.6"][..], "3.6.0", true),
            (&["downgrade", "cancel"], "3.7.0", false),
            // With nothing left to change.
            (&["downgrade", "cancel"], "3.7.0", false),
            (&["downgrade", "enable", "3.6"], "3.6.0", true),
            (&["endpoint", "health"], "3.6.0", true),
        ] {
            let etcdctl = |server: &Server, args: &[&str]| {
                let endpoint = format!("--endpoints={}", server.endpoint());
                Program::etcdctl().arg(endpoint).args(args).run().success()
            };
            etcdctl(&server, command);
            match kill {
                true => server.kill(),
                false => drop(server.terminate()),
            }
            // Reading the stopped member's file shows the versions without changing them.
            let file = fs::read(server.db_file()).unwrap();
            let snapshot = format!("--endpoints=snapshot:{}", server.db_file().display());
            let status = Program::etcdctl().args([&snapshot, "endpoint", "status", "-w", "json"]);
            let status: serde_json::Value =
                serde_json::from_str(&status.run().success().out()).unwrap();
            let info = &status[0]["Status"]["downgradeInfo"]["enabled"];
            assert_eq!(info.as_bool().unwrap_or_default(), enabled, "{status}");
            assert_eq!(fs::read(server.db_file()).unwrap(), file);

            server = server.restart();
            let status = etcdctl(&server, &["endpoint", "status", "-w", "json"]).out();
            let status: serde_json::Value = serde_json::from_str(&status).unwrap();
            let status = &status[0]["Status"];
            assert_eq!(status["storageVersion"], version, "kill: {kill}, {status}");
            let info = &status["downgradeInfo"]["enabled"];
            assert_eq!(info.as_bool().unwrap_or_default(), enabled, "{status}");
        }
    }
}

#[test]
fn the_first_process_of_a_container_ends_with_0() {
    let usable = Command::new("unshare")
        .args(["--pid", "--fork", "true"])
        .status();
    if !usable.is_ok_and(|status| status.success()) {
        eprintln!("passed over: no process namespaces can be made here");
        return;
    }
    let dir = scratch();
    let log = dir.path().join("log");
    let mut outer = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child"])
        .arg(env!("CARGO_BIN_EXE_etcdctl"))
        .args(["serve", "--listen-client-urls=http://127.0.0.1:0"])
        .arg(format!("--data-dir={}", dir.path().join("data").display()))
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(&log)
        .unwrap()
        .contains("ready to serve client requests")
    {
        let log = fs::read_to_string(&log).unwrap();
        assert!(
            outer.try_wait().unwrap().is_none() && Instant::now() < deadline,
            "{log}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let id = outer.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let inner = children.trim().parse().unwrap();
    let inner = rustix::process::Pid::from_raw(inner).unwrap();
    rustix::process::kill_process(inner, Signal::TERM).unwrap();
    let ended = wait_until(&mut outer, Instant::now() + Duration::from_secs(60));
    let log = fs::read_to_string(&log).unwrap();
    assert_eq!(ended.and_then(|status| status.code()), Some(0), "{log}");
    assert!(log.contains("closed the data directory"), "{log}");
}
