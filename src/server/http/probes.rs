//! `/health`, `/livez`, `/readyz` and `/version`: whether the server responds, and its version.

use std::collections::HashSet;

use http::{Response, StatusCode};

use super::{
    path::Path,
    route::{text, with_type},
};
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

/// The checks under `/livez` or `/readyz`.
fn checks_of(root: &str) -> &'static [&'static str] {
    match root {
        "livez" => LIVE,
        "readyz" => READY,
        _ => &[],
    }
}

/// Whether there is such a path: `/livez` and `/readyz`, or one of their checks.
pub fn has_check(root: &str, check: Option<&str>) -> bool {
    let checks = checks_of(root);
    check.map_or(!checks.is_empty(), |check| checks.contains(&check))
}

/// `/livez` and `/readyz`, completely or a single check (`/readyz/data_corruption`). `?verbose` lists the checks,
/// `?exclude=CHECK` skips one.
pub async fn checks(
    services: &Services,
    root: &str,
    one: Option<&str>,
    query: &str,
) -> Response<Body> {
    let excluded = values(query, "exclude");
    let mut report = String::new();
    let mut failed = false;
    for check in checks_of(root) {
        if one.map_or(excluded.contains(*check), |one| one != *check) {
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
    let verbose = parameters(query).any(|(name, _)| name == "verbose");
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

/// The values of the parameter with this name, apart from empty ones.
fn values(query: &str, name: &str) -> HashSet<String> {
    parameters(query)
        .filter(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value)
        .collect()
}

/// The parameters of a query. Those that Go cannot parse are ignored (Go 1.26, net/url, `parseQuery`).
fn parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    let decode = |text: &str| {
        // Escapes are those of a path, but a space may also be a plus sign.
        Path::parse(&text.replace('+', " ")).map(|path| path.decoded().to_string())
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.contains(';'))
        .filter_map(move |pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_parsed_as_in_go() {
        let query = "verbos%65&exclude=a%20b&exclude=c+d&exclude=&bad=%zz&semi;colon&&x=1=2";
        let parsed: Vec<_> = parameters(query).collect();
        let parsed: Vec<_> = parsed
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            parsed,
            [
                ("verbose", ""),
                ("exclude", "a b"),
                ("exclude", "c d"),
                ("exclude", ""),
                ("x", "1=2")
            ]
        );
        assert_eq!(
            values(query, "exclude"),
            HashSet::from(["a b".to_string(), "c d".to_string()])
        );
    }
}
