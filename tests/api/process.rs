//! Ours alone: `serve` as a process, from its first line to its end.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::Path,
    time::Duration,
};

use rustix::process::Signal;

use crate::support::{
    program::{Finished, Program, scratch},
    server::{Launch, free_ports},
    small_disk::SmallDisk,
};

/// Every file below a directory with its bytes, to see that nothing was changed.
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

/// Runs a `serve` that can't start: one line on stderr that says `says`, exit code 1.
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
        assert_eq!(status.code(), Some(0), "{}", server.log());
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
        // No permission binds root, but a read-only file system does.
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
        ("--cert-file=c.pem", "TLS"),
        ("--no-such-flag", "unknown flag: --no-such-flag"),
        ("--quota-backend-bytes=much", "--quota-backend-bytes"),
        (
            "--initial-cluster=a=http://a:1,b=http://b:2",
            "single member",
        ),
        ("--listen-client-urls=http://example.com:1", "expected IP"),
    ] {
        refuses(&[&data, flag], &[says]);
    }
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
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=1",
        ])
        .start();
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

#[test]
fn systemd_is_told() {
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
