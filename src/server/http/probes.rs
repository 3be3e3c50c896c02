//! `/health`, `/livez`, `/readyz` and `/version`: whether the server responds, and its version.

use std::collections::HashSet;

use http::{Response, StatusCode};

use super::route::{text, with_type};
use crate::{
    proto::etcdserverpb as pb,
    server::{
        context::RequestContext,
        error::Error,
        grpc::{Body, Services},
    },
};

/// `/health`: healthy if no alarm is active and a read succeeds. `?exclude=NOSPACE` ignores an alarm.
pub async fn health(services: &Services, query: &str) -> Response<Body> {
    let excluded = values(query, "exclude");
    let reason = match alarm(services, |name| !excluded.contains(name)).await {
        Ok(Some(name)) => Some(format!("ALARM {name}")),
        Ok(None) => read(services)
            .await
            .err()
            .map(|e| format!("RANGE ERROR:{e}")),
        Err(e) => Some(format!("RANGE ERROR:{e}")),
    };
    let body = serde_json::json!({
        "health": if reason.is_none() { "true" } else { "false" },
        "reason": reason.as_deref().unwrap_or_default(),
    })
    .to_string();
    if reason.is_none() {
        services.metrics.health_successes.inc();
        with_type("text/plain; charset=utf-8", body.into())
    } else {
        services.metrics.health_failures.inc();
        text(StatusCode::SERVICE_UNAVAILABLE, body + "\n")
    }
}

const LIVE: &[&str] = &["serializable_read"];
const READY: &[&str] = &[
    "data_corruption",
    "serializable_read",
    "linearizable_read",
    "non_learner",
];

/// `/livez` and `/readyz`, completely or a single check (`/readyz/data_corruption`). `?verbose` lists the checks,
/// `?exclude=CHECK` skips one.
pub async fn checks(services: &Services, path: &str, query: &str) -> Response<Body> {
    let (root, one) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let all = if root == "livez" { LIVE } else { READY };
    if !one.is_empty() && !all.contains(&one) || path.ends_with('/') {
        return text(StatusCode::NOT_FOUND, "404 page not found\n".into());
    }
    let excluded = values(query, "exclude");
    let mut report = String::new();
    let mut failed = false;
    for check in all {
        if !one.is_empty() && one != *check || one.is_empty() && excluded.contains(*check) {
            continue;
        }
        match run(services, check).await {
            Ok(()) => report += &format!("[+]{check} ok\n"),
            Err(why) => {
                failed = true;
                report += &format!("[-]{check} failed: {why}\n");
            }
        }
    }
    if failed {
        return text(StatusCode::SERVICE_UNAVAILABLE, report + "\n");
    }
    let verbose = query
        .split('&')
        .any(|p| p == "verbose" || p.starts_with("verbose="));
    let body = if verbose {
        report + "ok\n"
    } else {
        "ok\n".into()
    };
    text(StatusCode::OK, body)
}

async fn run(services: &Services, check: &str) -> Result<(), String> {
    match check {
        "data_corruption" => match alarm(services, |name| name == "CORRUPT").await {
            Ok(None) => Ok(()),
            Ok(Some(name)) => Err(format!("alarm activated: {name}")),
            Err(e) => Err(e.to_string()),
        },
        "serializable_read" | "linearizable_read" => {
            read(services).await.map_err(|e| e.to_string())
        }
        // A single member is never a learner.
        _ => Ok(()),
    }
}

/// `/version`.
pub fn version(services: &Services) -> Response<Body> {
    match services.core.membership() {
        Ok(membership) => {
            let version = membership.version();
            let server = services.core.version();
            let body = format!(
                "{{\"etcdserver\":\"{server}\",\"etcdcluster\":\"{version}\",\"storage\":\"{version}\"}}"
            );
            with_type("application/json", body.into())
        }
        Err(e) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{e}\n")),
    }
}

/// A cheap read that accesses the store.
async fn read(services: &Services) -> Result<(), Error> {
    let request = pb::RangeRequest {
        key: bytes::Bytes::from_static(&[0]),
        limit: 1,
        keys_only: true,
        ..Default::default()
    };
    services
        .core
        .range(&RequestContext::in_process(), request)
        .await
        .map(drop)
}

/// The first active alarm that `counts`.
async fn alarm(
    services: &Services,
    counts: impl Fn(&str) -> bool,
) -> Result<Option<&'static str>, Error> {
    let raised = services
        .core
        .alarm(&RequestContext::in_process(), pb::AlarmRequest::default())
        .await?;
    Ok(raised
        .alarms
        .iter()
        .map(|a| match pb::AlarmType::try_from(a.alarm) {
            Ok(kind) => kind.as_str_name(),
            Err(_) => "UNKNOWN",
        })
        .find(|name| counts(name)))
}

fn values<'a>(query: &'a str, name: &str) -> HashSet<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value)
        .collect()
}
