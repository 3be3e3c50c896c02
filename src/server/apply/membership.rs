//! Operations on the members of the cluster and on its version. Members can be recorded here, so that `member add` and
//! related commands respond as on a real single-member cluster; only this member is ever served, and others are not
//! waited for. Source: etcd v3.7.1, server/etcdserver/server.go and server/etcdserver/api/membership/cluster.go.

use std::sync::Arc;

use super::{
    claim::SpaceClaim,
    op::{Caller, Op},
    state::State,
};
use crate::{
    schema::{
        Version, bucket,
        fresh::{current_version, downgraded_version},
        membership::{self, Downgrade, Member, Membership},
        meta,
    },
    server::error::Error,
};

/// Size and number of the records that a change of members or of the version writes.
const SHORT_RECORDS: (u64, u64) = (512, 6);

/// The field of a log entry with the attributes of a member. In etcd, membership changes are entries of another type,
/// of about the same size.
const CHANGE_OF_MEMBERS: u32 = 1301;

/// Adds a member that has not started.
#[derive(Debug)]
pub struct AddMember {
    /// The member; it has no name.
    pub member: Member,
    /// Whether to reject a change that would cost a real cluster its quorum.
    pub strict: bool,
    /// Maximum number of learners.
    pub max_learners: i64,
}

/// Removes a member.
#[derive(Debug)]
pub struct RemoveMember {
    /// Its id.
    pub id: u64,
}

/// Changes the peer URLs of a member.
#[derive(Debug)]
pub struct UpdateMember {
    /// Its id.
    pub id: u64,
    /// The new URLs, in the order given.
    pub peer_urls: Vec<String>,
}

/// Starts a downgrade to a version, or cancels the current one. The versions change later, by [`FollowDowngrade`].
#[derive(Debug)]
pub struct SetDowngrade {
    /// The target version; `None`: cancel.
    pub target: Option<Version>,
}

/// Changes the versions of cluster and storage to the target of the current downgrade, or back to this server's.
#[derive(Debug)]
pub struct FollowDowngrade;

impl Op for AddMember {
    type Answer = Arc<Membership>;

    const NAME: &str = "ConfChangeAddNode";
    const LOG_FIELD: Option<u32> = Some(CHANGE_OF_MEMBERS);
    const REFUSED_WHEN_CORRUPT: bool = false;

    fn message_len(&self) -> usize {
        membership::encode_member(&self.member).1.len()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        let (_, record) = membership::encode_member(&self.member);
        claim.records(record.len() as u64 + SHORT_RECORDS.0, SHORT_RECORDS.1);
    }

    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error> {
        caller.auth.check_admin(caller.identity)
    }

    fn describe(&self) -> String {
        format!("add_member:<id:{:x}>", self.member.id)
    }

    fn apply(&self, state: &mut State) -> Result<Self::Answer, Error> {
        let members = &state.membership;
        if self.strict {
            check_quorum_after_add(members, self.member.is_learner)?;
        }
        if members.removed.contains(&self.member.id) {
            return Err(Error::MemberNotFound);
        }
        if members.members.contains_key(&self.member.id) {
            return Err(Error::MemberExist);
        }
        check_urls_are_free(members, None, &self.member.peer_urls)?;
        let learners = members.members.values().filter(|m| m.is_learner).count();
        let learners = i64::try_from(learners).unwrap_or(i64::MAX);
        if self.member.is_learner && learners >= self.max_learners {
            return Err(Error::TooManyLearners);
        }
        let (key, value) = membership::encode_member(&self.member);
        state.put(bucket::MEMBERS, key, value)?;
        let added = self.member.clone();
        state.change_members(|members| {
            members.members.insert(added.id, added);
        })
    }
}

impl Op for RemoveMember {
    type Answer = Arc<Membership>;

    const NAME: &str = "ConfChangeRemoveNode";
    const LOG_FIELD: Option<u32> = Some(CHANGE_OF_MEMBERS);
    const REFUSED_WHEN_CORRUPT: bool = false;

    fn message_len(&self) -> usize {
        8
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.records(SHORT_RECORDS.0, SHORT_RECORDS.1);
    }

    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error> {
        caller.auth.check_admin(caller.identity)
    }

    fn describe(&self) -> String {
        format!("remove_member:<id:{:x}>", self.id)
    }

    fn apply(&self, state: &mut State) -> Result<Self::Answer, Error> {
        if !state.membership.members.contains_key(&self.id) {
            return Err(Error::MemberNotFound);
        }
        // This member cannot be removed. etcd rejects it too, but sends the message without its code.
        if self.id == state.ids.member {
            return Err(Error::MemberNotEnoughStarted.without_code());
        }
        let key = membership::encode_id(self.id);
        state.delete(bucket::MEMBERS, key.clone())?;
        state.put(bucket::MEMBERS_REMOVED, key, membership::REMOVED.to_vec())?;
        let id = self.id;
        state.change_members(|members| {
            members.members.remove(&id);
            members.removed.insert(id);
        })
    }
}

impl Op for UpdateMember {
    type Answer = Arc<Membership>;

    const NAME: &str = "ConfChangeUpdateNode";
    const LOG_FIELD: Option<u32> = Some(CHANGE_OF_MEMBERS);
    const REFUSED_WHEN_CORRUPT: bool = false;

    fn message_len(&self) -> usize {
        self.peer_urls.iter().map(String::len).sum()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        // The record of this member includes its name and client URLs.
        let urls: usize = self.peer_urls.iter().map(|url| url.len() + 4).sum();
        let stored = claim.membership().members.get(&self.id);
        let record = stored.map_or(0, |member| membership::encode_member(member).1.len());
        claim.records((urls + record) as u64 + SHORT_RECORDS.0, SHORT_RECORDS.1);
    }

    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error> {
        caller.auth.check_admin(caller.identity)
    }

    fn describe(&self) -> String {
        format!("update_member:<id:{:x}>", self.id)
    }

    fn apply(&self, state: &mut State) -> Result<Self::Answer, Error> {
        let Some(stored) = state.membership.members.get(&self.id) else {
            return Err(Error::MemberNotFound);
        };
        check_urls_are_free(&state.membership, Some(self.id), &self.peer_urls)?;
        let updated = Member {
            peer_urls: self.peer_urls.clone(),
            ..stored.clone()
        };
        let (key, value) = membership::encode_member(&updated);
        state.put(bucket::MEMBERS, key, value)?;
        state.change_members(|members| {
            members.members.insert(updated.id, updated);
        })
    }
}

impl Op for SetDowngrade {
    /// The version of the cluster.
    type Answer = Version;

    const NAME: &str = "DowngradeInfoSet";
    const LOG_FIELD: Option<u32> = Some(1302);
    const REFUSED_WHEN_CORRUPT: bool = false;

    fn message_len(&self) -> usize {
        16
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.records(SHORT_RECORDS.0, SHORT_RECORDS.1);
    }

    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error> {
        caller.auth.check_admin(caller.identity)
    }

    fn describe(&self) -> String {
        match &self.target {
            Some(version) => format!("downgrade_info_set:{{enabled:true ver:\"{version}\"}}"),
            None => "downgrade_info_set:{}".into(),
        }
    }

    fn apply(&self, state: &mut State) -> Result<Version, Error> {
        let version = state.membership.version();
        let under_way = state.membership.downgrade_target().is_some();
        if self.target.is_some() && under_way {
            return Err(Error::DowngradeInProcess);
        }
        // Cancelling when there is no downgrade changes nothing and is not an error.
        if self.target.is_none() && !under_way {
            return Ok(version);
        }
        let downgrade = Downgrade {
            target_version: self
                .target
                .as_ref()
                .map_or(String::new(), Version::to_string),
            enabled: self.target.is_some(),
        };
        let record = membership::encode_downgrade(&downgrade);
        state.put(bucket::CLUSTER, membership::DOWNGRADE.to_vec(), record)?;
        Arc::make_mut(&mut state.membership).downgrade = Some(downgrade);
        Ok(version)
    }
}

impl Op for FollowDowngrade {
    type Answer = ();

    const NAME: &str = "ClusterVersionSet";
    const LOG_FIELD: Option<u32> = Some(1300);
    const REFUSED_WHEN_CORRUPT: bool = false;

    fn message_len(&self) -> usize {
        16
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.records(SHORT_RECORDS.0, SHORT_RECORDS.1);
    }

    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error> {
        caller.auth.check_admin(caller.identity)
    }

    fn describe(&self) -> String {
        "cluster_version_set:{}".into()
    }

    fn apply(&self, state: &mut State) -> Result<(), Error> {
        let Some(version) = next_version(&state.membership) else {
            return Ok(());
        };
        let encoded = meta::encode_version(&version);
        state.put(
            bucket::CLUSTER,
            membership::CLUSTER_VERSION.to_vec(),
            encoded.clone(),
        )?;
        state.put(bucket::META, meta::STORAGE_VERSION.to_vec(), encoded)?;
        Arc::make_mut(&mut state.membership).cluster_version = Some(version);
        Ok(())
    }
}

/// The version that cluster and storage have to change to; `None` if they have it already. As in etcd, a target below
/// what this server can be downgraded to is accepted and has no effect.
pub fn next_version(members: &Membership) -> Option<Version> {
    let allowed = downgraded_version();
    let next = match members.downgrade_target() {
        None => current_version(),
        Some(target) if target == allowed.to_string() => allowed,
        Some(_) => return None,
    };
    (members.version() != next).then_some(next)
}

/// Rejects a new member if too few members have started for the new quorum. Only this member ever starts.
fn check_quorum_after_add(members: &Membership, learner: bool) -> Result<(), Error> {
    let voters = members.members.values().filter(|m| !m.is_learner);
    let started = voters.clone().filter(|m| !m.name.is_empty()).count();
    let voters = voters.count();
    // A single member may always be joined, because this is how a cluster is rebuilt from its last member.
    if voters == 1 {
        return Ok(());
    }
    if !learner && started < voters.div_ceil(2) + 1 {
        return Err(Error::MemberNotEnoughStarted.without_code());
    }
    Err(Error::Unhealthy)
}

/// Rejects peer URLs that belong to a member other than `but`.
fn check_urls_are_free(
    members: &Membership,
    but: Option<u64>,
    urls: &[String],
) -> Result<(), Error> {
    let mut others = members.members.values().filter(|m| Some(m.id) != but);
    match others.any(|m| urls.iter().any(|url| m.peer_urls.contains(url))) {
        true => Err(Error::PeerURLExist),
        false => Ok(()),
    }
}

impl State {
    /// Changes the members, records the voters, and returns all members.
    fn change_members(
        &mut self,
        change: impl FnOnce(&mut Membership),
    ) -> Result<Arc<Membership>, Error> {
        change(Arc::make_mut(&mut self.membership));
        let conf_state = meta::encode_conf_state(&self.membership.conf_state());
        self.put(bucket::META, meta::CONF_STATE.to_vec(), conf_state)?;
        Ok(self.membership.clone())
    }
}
