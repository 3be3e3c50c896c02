//! The Maintenance service, except for snapshots.

use std::sync::Arc;

use prometheus::IntGauge;
use tokio::sync::watch;

use crate::{
    proto::etcdserverpb as pb,
    schema::{Version, membership::Membership},
    server::{context::RequestContext, core::Core, error::Error, metrics::Metrics},
};

/// The Maintenance service.
pub struct Maintenance {
    core: Core,
    metrics: Arc<Metrics>,
    /// Tells the health service that clients should go elsewhere, if this is enabled for defragmentations.
    pause: Option<watch::Sender<bool>>,
}

impl Maintenance {
    pub fn new(
        core: Core,
        metrics: Arc<Metrics>,
        pause: Option<watch::Sender<bool>>,
    ) -> Maintenance {
        Maintenance {
            core,
            metrics,
            pause,
        }
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
        let _running = Running::start(&self.metrics.defragmenting, self.pause.as_ref());
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
        self.core.check_changeable()?;
        if r.target_id == self.core.header().member_id {
            Ok(pb::MoveLeaderResponse::default())
        } else {
            Err(Error::BadLeaderTransferee)
        }
    }

    /// Validates, starts and cancels a downgrade (etcd v3.7.1, server/etcdserver/v3_server.go, `Downgrade`). It only
    /// changes the versions of cluster and storage, after a few seconds; the records of both versions are the same.
    pub async fn downgrade(
        &self,
        context: &RequestContext,
        r: pb::DowngradeRequest,
    ) -> Result<pb::DowngradeResponse, Error> {
        self.core.check_admin(context)?;
        use pb::downgrade_request::DowngradeAction;
        let version = match DowngradeAction::try_from(r.action) {
            Ok(DowngradeAction::Validate) => {
                let membership = self.core.membership()?;
                check_target(&r.version, &membership)?;
                membership.version()
            }
            Ok(DowngradeAction::Enable) => {
                let target = check_target(&r.version, &*self.core.membership()?)?;
                self.core.set_downgrade(context, Some(target)).await?
            }
            Ok(DowngradeAction::Cancel) => self.core.set_downgrade(context, None).await?,
            Err(_) => {
                let unknown = "etcdserver: unknown method".into();
                return Err(Error::Other(tonic::Code::Unknown, unknown));
            }
        };
        Ok(pb::DowngradeResponse {
            header: Some(self.core.header()),
            version: format!("{}.{}", version.major, version.minor),
        })
    }
}

/// Counts one defragmentation until dropped, even if the request is abandoned. The first pauses the service, and the
/// last resumes it.
struct Running<'a>(&'a IntGauge, Option<&'a watch::Sender<bool>>);

impl<'a> Running<'a> {
    fn start(count: &'a IntGauge, pause: Option<&'a watch::Sender<bool>>) -> Running<'a> {
        count.inc();
        let running = Running(count, pause);
        running.tell();
        running
    }

    fn tell(&self) {
        if let Some(pause) = self.1 {
            pause.send_replace(self.0.get() > 0);
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.dec();
        self.tell();
    }
}

/// Returns the version to downgrade to. It must be one minor version below that of the cluster, written as `MAJOR.MINOR`
/// or as a full version, and no other downgrade may be in progress.
fn check_target(version: &str, membership: &Membership) -> Result<Version, Error> {
    let (major, minor) = target(version).ok_or(Error::WrongDowngradeVersionFormat)?;
    let now = membership.version();
    if major != now.major || minor.checked_add(1) != Some(now.minor) {
        return Err(Error::InvalidDowngradeTargetVersion);
    }
    match membership.downgrade_target() {
        Some(_) => Err(Error::DowngradeInProcess),
        None => Ok(Version::new(major, minor)),
    }
}

/// Parses major and minor of a version. Only a complete version may have a pre-release or build suffix.
fn target(version: &str) -> Option<(u64, u64)> {
    let (rest, build) = version.split_once('+').unwrap_or((version, ""));
    let (core, pre_release) = rest.split_once('-').unwrap_or((rest, ""));
    let is_word =
        |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_name = |s: &str| s.is_empty() || s.split('.').all(is_word);
    if !is_name(build) || !is_name(pre_release) {
        return None;
    }
    let numbers: Vec<u64> = (core.split('.'))
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
    use crate::schema::membership::Downgrade;

    #[test]
    fn the_service_is_paused_until_the_last_defragmentation_has_ended() {
        let count = IntGauge::new("n", "n").unwrap();
        let (pause, paused) = watch::channel(false);
        let first = Running::start(&count, Some(&pause));
        let second = Running::start(&count, Some(&pause));
        assert!(*paused.borrow());
        drop(first);
        assert!(*paused.borrow());
        drop(second);
        assert!(!*paused.borrow());
        drop(Running::start(&count, None));
        assert_eq!(count.get(), 0);
    }

    #[test]
    fn a_downgrade_goes_one_minor_version_down() {
        let mut membership = Membership::default();
        for good in ["3.6", "3.6.4", "3.6.0-rc.1+x"] {
            assert_eq!(
                check_target(good, &membership),
                Ok(Version::new(3, 6)),
                "{good}"
            );
        }
        for bad in ["3.5", "3.7", "2.6", "3.18446744073709551615"] {
            assert_eq!(
                check_target(bad, &membership),
                Err(Error::InvalidDowngradeTargetVersion),
                "{bad}"
            );
        }
        for bad in ["", "3", "three", "3.6.0.1", "3.+6", "3.6-a", "3.6.0-\u{e9}"] {
            assert_eq!(
                check_target(bad, &membership),
                Err(Error::WrongDowngradeVersionFormat),
                "{bad:?}"
            );
        }
        // While a downgrade is in progress, the message depends on whether the version has changed already.
        membership.downgrade = Some(Downgrade {
            target_version: "3.6.0".into(),
            enabled: true,
        });
        let in_progress = Err(Error::DowngradeInProcess);
        assert_eq!(check_target("3.6", &membership), in_progress);
        membership.cluster_version = Some(Version::new(3, 6));
        let invalid = Err(Error::InvalidDowngradeTargetVersion);
        assert_eq!(check_target("3.6", &membership), invalid);
        assert_eq!(check_target("3.5", &membership), in_progress);
    }
}
