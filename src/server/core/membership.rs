//! The members of the cluster, and its version. Only this member is ever served; see `apply::membership`.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::Core;
use crate::{
    schema::{
        Version, ids,
        membership::{Member, Membership},
    },
    server::{
        apply::{AddMember, RemoveMember, SetDowngrade, UpdateMember},
        config::ClusterRules,
        context::RequestContext,
        error::Error,
    },
};

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

    /// Starts a downgrade, or cancels the current one. Returns the previous version of the cluster.
    ///
    /// # Errors
    /// The caller is not an administrator, or there is already a downgrade in progress.
    pub async fn set_downgrade(
        &self,
        context: &RequestContext,
        target: Option<Version>,
    ) -> Result<Version, Error> {
        self.check_admin(context)?;
        self.write(context, SetDowngrade { target }).await
    }
}
