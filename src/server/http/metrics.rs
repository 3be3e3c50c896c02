//! `/metrics`: etcd's names for what this server can say truly, in Prometheus' text format. What it
//! does not measure is left out, never invented.

use std::{fmt::Write as _, sync::atomic::Ordering};

use http::{Response, StatusCode};

use tonic::Code;

use super::route::{text, with_type};
use crate::server::{
    context::RequestContext,
    grpc::{Body, Method, Services},
};

/// Writes all of them.
pub async fn metrics(services: &Services) -> Response<Body> {
    let status = match services.core.status(&RequestContext::in_process()).await {
        Ok(status) => status,
        Err(e) => return text(StatusCode::SERVICE_UNAVAILABLE, format!("{e}\n")),
    };
    let header = services.core.header();
    let mut page = Page::default();
    let minor = status.version.rsplit_once('.').map_or("", |(m, _)| m);
    page.one(
        "etcd_cluster_version",
        "gauge",
        &[("cluster_version", minor)],
        1,
    );
    page.gauge("etcd_debugging_mvcc_current_revision", header.revision);
    page.gauge("etcd_mvcc_db_total_size_in_bytes", status.db_size);
    page.gauge(
        "etcd_mvcc_db_total_size_in_use_in_bytes",
        status.db_size_in_use,
    );
    page.gauge(
        "etcd_disk_defrag_inflight",
        services.counters.defragmenting.load(Ordering::Relaxed),
    );
    page.gauge("etcd_server_has_leader", u8::from(status.leader != 0));
    page.gauge("etcd_server_is_leader", 1);
    page.gauge("etcd_server_is_learner", 0);
    page.counter("etcd_server_leader_changes_seen_total", 1);
    let id = format!("{:x}", header.member_id);
    page.one("etcd_server_id", "gauge", &[("server_id", &id)], 1);
    page.one(
        "etcd_server_version",
        "gauge",
        &[("server_version", &status.version)],
        1,
    );
    page.gauge("etcd_server_quota_backend_bytes", status.db_size_quota);
    page.gauge("etcd_server_proposals_committed_total", status.raft_index);
    page.gauge(
        "etcd_server_proposals_applied_total",
        status.raft_applied_index,
    );
    page.counter(
        "etcd_server_health_success",
        services.counters.healthy.load(Ordering::Relaxed),
    );
    page.counter(
        "etcd_server_health_failures",
        services.counters.unhealthy.load(Ordering::Relaxed),
    );
    requests(&mut page, services);
    process(&mut page);
    with_type("text/plain; version=0.0.4; charset=utf-8", page.text.into())
}

fn requests(page: &mut Page, services: &Services) {
    page.kind("grpc_server_started_total", "counter");
    for (index, (service, method, kind)) in Method::ALL.iter().enumerate() {
        page.line(
            "grpc_server_started_total",
            &[
                ("grpc_method", method),
                ("grpc_service", service),
                ("grpc_type", kind),
            ],
            services.counters.starts(index),
        );
    }
    page.kind("grpc_server_handled_total", "counter");
    for (index, (service, method, kind)) in Method::ALL.iter().enumerate() {
        for (code, count) in services.counters.codes(index) {
            page.line(
                "grpc_server_handled_total",
                &[
                    ("grpc_code", name(code)),
                    ("grpc_method", method),
                    ("grpc_service", service),
                    ("grpc_type", kind),
                ],
                count,
            );
        }
    }
}

/// gRPC's codes by the names that grpc-prometheus gives them, which are Go's.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

/// What every Prometheus client says of its process, as far as `/proc` tells.
fn process(page: &mut Page) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let page_size = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let mut sizes = statm.split(' ').filter_map(|n| n.parse::<u64>().ok());
    if let (Some(virt), Some(resident)) = (sizes.next(), sizes.next()) {
        page.gauge("process_virtual_memory_bytes", virt * page_size);
        page.gauge("process_resident_memory_bytes", resident * page_size);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        page.gauge("process_open_fds", open.count());
    }
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold blanks; what follows it does not.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<u64> = after
        .split(' ')
        .skip(1)
        .map(|f| f.parse().unwrap_or(0))
        .collect();
    // utime and stime are fields 14 and 15 of the whole line; here the state is field 0.
    if let (Some(user), Some(system)) = (fields.get(11), fields.get(12)) {
        let ticks = user + system;
        page.kind("process_cpu_seconds_total", "counter");
        let per_second = rustix::param::clock_ticks_per_second();
        let seconds = ticks as f64 / per_second as f64;
        page.line("process_cpu_seconds_total", &[], seconds);
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn kind(&mut self, name: &str, kind: &str) {
        // Writing to a string can't fail.
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.text += name;
        if !labels.is_empty() {
            let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
            let _ = write!(self.text, "{{{}}}", labels.join(","));
        }
        let _ = writeln!(self.text, " {value}");
    }

    fn one(
        &mut self,
        name: &str,
        kind: &str,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        self.kind(name, kind);
        self.line(name, labels, value);
    }

    fn gauge(&mut self, name: &str, value: impl std::fmt::Display) {
        self.one(name, "gauge", &[], value);
    }

    fn counter(&mut self, name: &str, value: impl std::fmt::Display) {
        self.one(name, "counter", &[], value);
    }
}
