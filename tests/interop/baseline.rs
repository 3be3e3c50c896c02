//! Real etcd's programs with each other, so that a fault in the test setup shows here and is not attributed to ours.
//! Must not start any of our programs.

use crate::support::etcd::{self, Release};

#[test]
fn every_release_starts_answers_and_starts_again() {
    for release in Release::ALL {
        let (Some(launch), Some(etcdctl)) = (etcd::server(release), etcd::etcdctl(release)) else {
            continue;
        };
        let mut server = launch.start();
        let ctl = |server: &crate::support::server::Server, args: &[&str]| {
            etcdctl
                .clone()
                .arg(format!("--endpoints={}", server.endpoint()))
                .args(args)
                .run()
        };
        ctl(&server, &["put", "key", "value"]).success();
        assert!(server.db_file().is_file());
        server.kill();
        assert!(server.ended().is_some());
        let server = server.restart();
        let got = ctl(&server, &["get", "key", "--print-value-only"]).success();
        assert_eq!(got.out(), "value\n");
        assert!(server.log().contains(crate::support::server::READY));
    }
}

#[test]
fn a_server_that_cannot_start_is_reported_with_what_it_printed() {
    let Some(launch) = etcd::server(Release::V3_7) else {
        return;
    };
    let failed = launch
        .flag("--no-such-flag")
        .try_start()
        .expect_err("the flag is unknown");
    assert!(failed.status.is_some_and(|s| !s.success()));
    assert!(failed.log.contains("no-such-flag"), "{failed}");
}
