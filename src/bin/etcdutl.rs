//! `etcdutl`: see `etcd_maintenance::cli::run`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(etcd_maintenance::cli::run::etcdutl(
        std::env::args_os().skip(1).collect(),
    ))
}
