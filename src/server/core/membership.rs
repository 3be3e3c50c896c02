//! The members of the cluster, and its version. Only this member is ever served; see `apply::membership`.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::sync::oneshot;
use tracing::warn;

use super::{Core, Inner};
use crate::{
    schema::{
        Version, ids,
        membership::{Member, Membership},
    },
    server::{
        apply::{
            AddMember, FollowDowngrade, RemoveMember, Request, SetDowngrade, UpdateMember,
            next_version,
        },
        auth::Identity,
        config::ClusterRules,
        context::RequestContext,
        error::Error,
    },
};

/// How long after a downgrade was set the versions change, as in etcd (v3.7.1, server/etcdserver/server.go,
/// `monitorVersionInterval`).
const VERSION_INTERVAL: Duration = Duration::from_secs(4);

impl Inner {
    /// Asks the writer to change the versions of cluster and storage according to the downgrade.
    ///
    /// # Errors
    /// The server has stopped, or only reads.
    pub(super) fn push_follow(&self) -> Result<oneshot::Receiver<Result<(), Error>>, Error> {
        let follow = Request::new(FollowDowngrade, Identity::Server, self.shared.ids.member);
        self.shared.queue.push(follow)
    }
}

impl Core {
    /// The members and versions.
    ///
    /// # Errors
    /// The server has stopped.
    pub fn membership(&self) -> Result<Arc<Membership>, Error> {
        Ok(self.inner.shared.published()?.membership.clone())
    }

    /// Records a member that has not started. Returns it, and all members.
    ///
    /// # Errors
    /// The caller is not an administrator, the URLs are in use, or the rules forbid it.
    pub async fn add_member(
        &self,
        context: &RequestContext,
        rules: &ClusterRules,
        peer_urls: Vec<String>,
        is_learner: bool,
    ) -> Result<(Member, Arc<Membership>), Error> {
        self.check_admin(context)?;
        // The id of an added member is computed from the time, that of a founding member from the cluster token.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.unwrap_or_default().as_secs().to_string();
        let member = Member {
            id: ids::member_id(&peer_urls, &seconds),
            peer_urls,
            is_learner,
            ..Member::default()
        };
        let add = AddMember {
            member: member.clone(),
            strict: rules.strict_reconfig_check,
            max_learners: rules.max_learners,
        };
        Ok((member, self.write(context, add).await?))
    }

    /// Removes a member. Returns the remaining ones.
    ///
    /// # Errors
    /// The caller is not an administrator, the member does not exist, or it is this one.
    pub async fn remove_member(
        &self,
        context: &RequestContext,
        id: u64,
    ) -> Result<Arc<Membership>, Error> {
        self.check_admin(context)?;
        self.write(context, RemoveMember { id }).await
    }

    /// Changes the peer URLs of a member. Returns all members.
    ///
    /// # Errors
    /// The caller is not an administrator, the member does not exist, or the URLs belong to another one.
    pub async fn update_member(
        &self,
        context: &RequestContext,
        id: u64,
        peer_urls: Vec<String>,
    ) -> Result<Arc<Membership>, Error> {
        self.check_admin(context)?;
        self.write(context, UpdateMember { id, peer_urls }).await
    }

    /// Starts a downgrade, or cancels the current one. Returns the version of the cluster, which changes
    /// `VERSION_INTERVAL` later.
    ///
    /// # Errors
    /// The caller is not an administrator, or there is already a downgrade in progress.
    pub async fn set_downgrade(
        &self,
        context: &RequestContext,
        target: Option<Version>,
    ) -> Result<Version, Error> {
        self.check_admin(context)?;
        let version = self.write(context, SetDowngrade { target }).await?;
        if next_version(&*self.membership()?).is_some() {
            self.follow_downgrade();
        }
        Ok(version)
    }

    /// Changes the versions of cluster and storage later, if no other task is going to do it.
    fn follow_downgrade(&self) {
        if self.inner.following.swap(true, Ordering::SeqCst) {
            return;
        }
        let inner = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(VERSION_INTERVAL).await;
                // A downgrade that is set from now on starts another task.
                let follow = inner.upgrade().map(|inner| {
                    inner.following.store(false, Ordering::SeqCst);
                    inner.push_follow()
                });
                let result = match follow {
                    Some(Ok(answer)) => answer.await.unwrap_or(Err(Error::Stopped)),
                    Some(Err(error)) => Err(error),
                    None => return,
                };
                match result {
                    Ok(()) | Err(Error::Stopped) => return,
                    Err(error) => warn!(%error, "failed to update cluster version"),
                }
                // Try again, unless another task does it.
                let inner = inner.upgrade();
                if inner.is_none_or(|inner| inner.following.swap(true, Ordering::SeqCst)) {
                    return;
                }
            }
        });
    }
}
