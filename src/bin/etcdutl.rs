//! `etcdutl`: see `etcd_maintenance::program`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(etcd_maintenance::program::etcdutl(
        std::env::args_os().skip(1).collect(),
    ))
}
