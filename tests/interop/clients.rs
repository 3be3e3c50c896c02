//! Programs using published etcd clients run a maintenance session against `serve`, and print the same as with a real
//! etcd of the reference release.

use crate::support::etcd::{self, Release};
use crate::support::program::{Program, scratch};
use crate::support::server::{Launch, Server};

/// Runs `client` (which receives the server and a file name for its snapshot) against a new real etcd and a new
/// `serve`. Compares its output, and checks that its snapshots can be read.
fn same_on_both(client: impl Fn(&Server) -> Program) {
    let Some(launch) = etcd::server(Release::V3_7) else {
        return;
    };
    let [theirs, ours] = [launch, Launch::serve()].map(|launch| {
        let server = launch.start();
        let dir = scratch();
        let file = dir.path().join("snapshot.db");
        let printed = client(&server).arg(&file).run().success().out();
        let status = Program::etcdutl()
            .args(["snapshot", "status", "-w", "json"])
            .arg(&file)
            .run()
            .success()
            .json();
        // Size and hash of the whole file may differ between servers.
        (
            printed,
            status["revision"].clone(),
            status["totalKey"].clone(),
        )
    });
    assert_eq!(ours.0, theirs.0, "left is serve, right is etcd");
    assert_eq!((ours.1, ours.2), (theirs.1, theirs.2));
}

#[test]
fn go_client() {
    let Some(program) = etcd::find("go-client") else {
        return;
    };
    same_on_both(|server| Program::new(&program).arg(server.endpoint()));
}

#[test]
fn python_client() {
    let Some(python) = etcd::find("python/bin/python") else {
        return;
    };
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/interop/python/client.py"
    );
    same_on_both(|server| {
        let (host, port) = server.endpoint().split_once(':').expect("host:port");
        Program::new(&python).args([script, host, port])
    });
}
