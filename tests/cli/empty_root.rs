//! The programs in a root directory that contains nothing else, as in an empty container: they need neither shared
//! libraries nor system configuration, find names in `/etc/hosts`, and support TLS.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use tempfile::TempDir;

use super::tls::World;
use crate::support::name_server::{self, Record};
use crate::support::program::{Program, scratch, self_test};
use crate::support::server::Launch;
use crate::support::skip::skip;

/// A root directory with both programs.
struct Root(TempDir);

impl Root {
    /// `None`, with a message, if the root directory cannot be changed or etcd's own programs are being tested.
    #[track_caller]
    fn new() -> Option<Root> {
        if self_test() {
            return None;
        }
        let root = Root(scratch());
        for program in [env!("CARGO_BIN_EXE_etcdctl"), env!("CARGO_BIN_EXE_etcdutl")] {
            let name = Path::new(program)
                .file_name()
                .expect("a program has a name");
            fs::copy(program, root.0.path().join(name)).expect("a program can be copied");
        }
        // Distinguish a missing program from a root that cannot be changed.
        let tried = root.program("no-such-program").run();
        if tried.code() == 127 {
            return Some(root);
        }
        skip(&format!(
            "the root directory cannot be changed here: {tried}"
        ));
        None
    }

    /// Runs one of the programs there, as an ordinary user in a user namespace.
    fn program(&self, name: &str) -> Program {
        let chroot = match rustix::process::geteuid().is_root() {
            true => Program::new("chroot"),
            false => Program::new("unshare").args(["--map-root-user", "chroot"]),
        };
        chroot.arg(self.0.path()).arg(format!("/{name}"))
    }

    fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("it lies in the root"))
            .expect("a folder can be made");
        fs::write(path, contents).expect("a file can be written");
    }
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn the_programs_need_nothing_but_themselves() {
    let Some(root) = Root::new() else {
        return;
    };
    let version = root.program("etcdctl").arg("version").run().success();
    assert!(version.out().starts_with("etcdctl version: "), "{version}");
    let version = root.program("etcdutl").arg("version").run().success();
    assert!(version.out().starts_with("etcdutl version: "), "{version}");
    let etcdctl = || root.program("etcdctl").arg("--endpoints=embedded:/data");
    etcdctl().args(["put", "k", "v"]).run().success();
    let got = etcdctl().args(["get", "k"]).run().success();
    assert_eq!(got.out(), "k\nv\n");
    etcdctl()
        .args(["snapshot", "save", "/s.db"])
        .run()
        .success();
    root.program("etcdutl")
        .args(["snapshot", "status", "/s.db"])
        .run()
        .success();
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn names_are_found_and_certificates_are_checked_in_an_empty_root() {
    let Some(root) = Root::new() else {
        return;
    };
    let world = World::new();
    let port = world
        .server
        .endpoint()
        .rsplit_once(':')
        .expect("host:port")
        .1;
    let name = "etcd.empty-root.example";
    root.write("etc/hosts", format!("127.0.0.1 {name}\n"));
    root.program("etcdctl")
        .arg(format!("--endpoints=http://{name}:{port}"))
        .args(["put", "k", "v"])
        .run()
        .success();
    let address = world.serve(&world.named(name));
    let port = address.rsplit_once(':').expect("host:port").1;
    root.write(
        "ca.pem",
        fs::read(&world.authority_file).expect("it was written"),
    );
    let etcdctl = || {
        root.program("etcdctl")
            .arg(format!("--endpoints=https://{name}:{port}"))
    };
    let got = etcdctl()
        .args(["--cacert=/ca.pem", "get", "k"])
        .run()
        .success();
    assert_eq!(got.out(), "k\nv\n");
    etcdctl()
        .args(["--command-timeout=2s", "get", "k"])
        .run()
        .failure(1, "unknown authority");
}

/// Every command finds the endpoints that the name server of the test knows for a domain.
#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn every_command_finds_the_endpoints_of_a_domain() {
    let Some(root) = Root::new() else {
        return;
    };
    let server = Launch::serve().start();
    let (_, port) = server.endpoint().rsplit_once(':').expect("host:port");
    let service = || Record::Service(port.parse().expect("a port"), "node.cluster.test");
    let records = vec![
        ("_etcd-client._tcp.cluster.test", service()),
        ("_etcd-client-prod._tcp.other.test", service()),
        ("node.cluster.test", Record::Address(Ipv4Addr::LOCALHOST)),
    ];
    let Some(name_server) = name_server::start(records) else {
        skip("port 53 cannot be bound here");
        return;
    };
    root.write("etc/resolv.conf", format!("nameserver {name_server}\n"));
    root.program("etcdctl")
        .args(["--discovery-srv=cluster.test", "get", "k"])
        .run()
        .failure(1, "asking a name server needs /dev/urandom: ");
    // A container has these devices; their content does not matter.
    for device in ["dev/urandom", "dev/random", "dev/null"] {
        root.write(device, [7; 4096]);
    }
    let etcdctl = || root.program("etcdctl").arg("--discovery-srv=cluster.test");
    for command in [
        "put k v",
        "get k",
        "endpoint health",
        "endpoint status",
        "endpoint hashkv",
        "endpoint status --cluster",
        "member list",
        "alarm list",
        "lease list",
        "user list",
        "auth status",
        "defrag",
        "snapshot save /s.db",
        "compaction 2",
        "lock l /etcdctl version",
        "check datascale --load=s --prefix=/d/",
    ] {
        etcdctl().args(command.split(' ')).run().success();
    }
    // Both query each endpoint separately, and name it.
    let endpoint = format!("http://node.cluster.test:{port}");
    let status = etcdctl().args(["endpoint", "status"]).run().success();
    assert!(status.out().starts_with(&endpoint), "{status}");
    etcdctl()
        .args(["move-leader", "1234"])
        .run()
        .failure(1, "Error: etcdserver: ");

    // The environment variable, another service name, and insecure endpoints.
    let other = |flags: &[&str]| {
        root.program("etcdctl")
            .env("ETCDCTL_DISCOVERY_SRV", "other.test")
            .args(flags)
            .args(["get", "k", "--command-timeout=2s"])
            .run()
    };
    other(&["--discovery-srv-name=prod"]).success();
    other(&[]).failure(1, "Error: dns lookup errors: ");
    other(&["--discovery-srv-name=prod", "--insecure-discovery=false"]).failure(
        1,
        &format!("ignoring discovered insecure endpoint \"{endpoint}\"\n"),
    );
}
