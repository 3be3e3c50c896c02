//! The Maintenance service, except for snapshots.

use std::sync::Arc;

use prometheus::IntGauge;

use crate::{
    proto::etcdserverpb as pb,
    server::{context::RequestContext, core::Core, error::Error, metrics::Metrics},
};

/// The version that this server is compatible with.
const CLUSTER_VERSION: (i64, i64) = (3, 7);

/// The Maintenance service.
pub struct Maintenance {
    core: Core,
    metrics: Arc<Metrics>,
}

impl Maintenance {
    pub fn new(core: Core, metrics: Arc<Metrics>) -> Maintenance {
        Maintenance { core, metrics }
    }

    pub async fn status(
        &self,
        context: &RequestContext,
        _: pb::StatusRequest,
    ) -> Result<pb::StatusResponse, Error> {
        self.core.status(context).await
    }

    pub async fn defragment(
        &self,
        context: &RequestContext,
        _: pb::DefragmentRequest,
    ) -> Result<pb::DefragmentResponse, Error> {
        let _running = Running::start(&self.metrics.defragmenting);
        self.core.defragment(context).await
    }

    pub async fn hash(
        &self,
        context: &RequestContext,
        _: pb::HashRequest,
    ) -> Result<pb::HashResponse, Error> {
        self.core.hash(context).await
    }

    /// Leadership can only be transferred to this member, which already has it.
    pub async fn move_leader(
        &self,
        context: &RequestContext,
        r: pb::MoveLeaderRequest,
    ) -> Result<pb::MoveLeaderResponse, Error> {
        self.core.check_admin(context)?;
        if r.target_id == self.core.header().member_id {
            Ok(pb::MoveLeaderResponse::default())
        } else {
            Err(Error::BadLeaderTransferee)
        }
    }

    /// Checks are answered as etcd answers them; the downgrade itself is not offered.
    pub async fn downgrade(
        &self,
        context: &RequestContext,
        r: pb::DowngradeRequest,
    ) -> Result<pb::DowngradeResponse, Error> {
        self.core.check_admin(context)?;
        use pb::downgrade_request::DowngradeAction;
        let (major, minor) = CLUSTER_VERSION;
        let answer = pb::DowngradeResponse {
            header: Some(self.core.header()),
            version: format!("{major}.{minor}"),
        };
        match DowngradeAction::try_from(r.action) {
            Ok(DowngradeAction::Validate) => check_target(&r.version).map(|()| answer),
            Ok(DowngradeAction::Enable) => {
                check_target(&r.version)?;
                Err(Error::Other(
                    tonic::Code::Unimplemented,
                    "this server does not downgrade its data: restore a snapshot with etcd 3.6"
                        .into(),
                ))
            }
            // Having nothing to cancel is not an error (etcd v3.7.1, server/etcdserver/v3_server.go).
            Ok(DowngradeAction::Cancel) => Ok(answer),
            Err(_) => Err(Error::Other(
                tonic::Code::Unknown,
                "etcdserver: unknown method".into(),
            )),
        }
    }
}

/// Counts one as long as it exists, even if the request is abandoned.
struct Running<'a>(&'a IntGauge);

impl<'a> Running<'a> {
    fn start(count: &'a IntGauge) -> Running<'a> {
        count.inc();
        Running(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A downgrade goes one minor version down, and is named `MAJOR.MINOR` or as a whole version.
fn check_target(version: &str) -> Result<(), Error> {
    let (major, minor) = CLUSTER_VERSION;
    match target(version) {
        Some((a, b)) if (a, b) == (major, minor - 1) => Ok(()),
        Some(_) => Err(Error::InvalidDowngradeTargetVersion),
        None => Err(Error::WrongDowngradeVersionFormat),
    }
}

/// Parses major and minor of a version. Only a complete version may have a pre-release or build suffix.
fn target(version: &str) -> Option<(i64, i64)> {
    let (rest, build) = version.split_once('+').unwrap_or((version, ""));
    let (core, pre_release) = rest.split_once('-').unwrap_or((rest, ""));
    let is_word =
        |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_name = |s: &str| s.is_empty() || s.split('.').all(is_word);
    if !is_name(build) || !is_name(pre_release) {
        return None;
    }
    let numbers: Vec<i64> = (core.split('.'))
        .map(|n| {
            let digits = !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| n.parse().ok()).flatten()
        })
        .collect::<Option<_>>()?;
    match *numbers {
        [major, minor] if core == version => Some((major, minor)),
        [major, minor, _] => Some((major, minor)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_downgrade_goes_one_minor_version_down() {
        assert_eq!(check_target("3.6"), Ok(()));
        assert_eq!(check_target("3.6.4"), Ok(()));
        assert_eq!(check_target("3.6.0-rc.1+x"), Ok(()));
        assert_eq!(
            check_target("3.5"),
            Err(Error::InvalidDowngradeTargetVersion)
        );
        for bad in ["", "3", "three", "3.6.0.1", "3.+6", "3.6-a", "3.6.0-\u{e9}"] {
            assert_eq!(
                check_target(bad),
                Err(Error::WrongDowngradeVersionFormat),
                "{bad:?}"
            );
        }
    }
}
