//! The records that a server writes when it creates a cluster of one member, and those that it updates when it starts
//! again. The caller provides ids, index and term. Source: the database of an etcd v3.7.1 server without any client
//! requests.

use super::{
    Change, auth, bucket,
    membership::{self, Downgrade, Member, Membership},
    meta::{self, Meta},
    version::Version,
};

/// Index of the last log entry of a fresh single member: configuration, election, the member's
/// attributes, cluster version.
pub const FIRST_INDEX: u64 = 4;
/// Term of a fresh single member. Its first election raises the term from 1 to 2.
pub const FIRST_TERM: u64 = 2;

/// The version whose schema and protocol this library implements.
pub fn current_version() -> Version {
    Version::new(3, 7)
}

/// The version to which a cluster of this version can be downgraded.
pub fn downgraded_version() -> Version {
    Version::new(3, 6)
}

/// All records of a new data directory. Every bucket of [`bucket::ALL`] must be created, including those without
/// records.
pub fn initial(me: &Member) -> Vec<Change> {
    let nobody = Membership::default();
    let mut changes = started(&Meta::default(), &nobody, &membership(&nobody, me));
    changes.push(Change::put(
        bucket::AUTH,
        auth::REVISION,
        auth::encode_revision(auth::FIRST_REVISION),
    ));
    changes.extend(applied(FIRST_INDEX, FIRST_TERM));
    changes
}

/// The two records that say how far the log was applied. They are part of every batch that a server writes.
pub fn applied(index: u64, term: u64) -> [Change; 2] {
    [
        Change::put(
            bucket::META,
            meta::CONSISTENT_INDEX,
            meta::encode_number(index),
        ),
        Change::put(bucket::META, meta::TERM, meta::encode_number(term)),
    ]
}

/// The members and versions of a file with `membership` once `me` serves it. Members that were added here and have not
/// started are kept. Others are removed, as by `snapshot restore`: a file from elsewhere becomes that of a
/// single-member cluster.
pub fn membership(membership: &Membership, me: &Member) -> Membership {
    let mut next = membership.clone();
    let stored = next.members.remove(&me.id);
    let is_ours = stored.is_some();
    next.members
        .retain(|_, member| is_ours && member.name.is_empty());
    // The id is computed from the URLs in the flags, so other URLs in the file come from `member update`.
    let peer_urls = stored.map_or_else(|| me.peer_urls.clone(), |stored| stored.peer_urls);
    next.members.insert(
        me.id,
        Member {
            peer_urls,
            ..me.clone()
        },
    );
    // The id of a removed member cannot be reused, not even by this one.
    next.removed.remove(&me.id);
    let downgraded = downgraded_version().to_string();
    let is_downgraded = is_ours && next.downgrade_target() == Some(&downgraded);
    if !is_downgraded && let Some(downgrade) = &mut next.downgrade {
        *downgrade = Downgrade::default();
    }
    next.cluster_version = Some(match is_downgraded {
        true => downgraded_version(),
        false => current_version(),
    });
    next
}

/// The changes that a file with `meta` and `before` needs to belong to a server with `membership`. Empty if there are
/// none.
pub fn started(meta: &Meta, before: &Membership, membership: &Membership) -> Vec<Change> {
    let mut changes = Vec::new();
    for id in before.members.keys() {
        if !membership.members.contains_key(id) {
            changes.push(Change::delete(bucket::MEMBERS, membership::encode_id(*id)));
        }
    }
    for id in before.removed.difference(&membership.removed) {
        let key = membership::encode_id(*id);
        changes.push(Change::delete(bucket::MEMBERS_REMOVED, key));
    }
    for (id, member) in &membership.members {
        if before.members.get(id) != Some(member) {
            let (key, value) = membership::encode_member(member);
            changes.push(Change::put(bucket::MEMBERS, key, value));
        }
    }
    if let Some(downgrade) = &membership.downgrade
        && before.downgrade.as_ref() != Some(downgrade)
    {
        let record = membership::encode_downgrade(downgrade);
        changes.push(Change::put(bucket::CLUSTER, membership::DOWNGRADE, record));
    }
    let version = membership.version();
    if before.cluster_version.as_ref() != Some(&version) {
        changes.push(Change::put(
            bucket::CLUSTER,
            membership::CLUSTER_VERSION,
            meta::encode_version(&version),
        ));
    }
    if meta.storage_version.as_ref() != Some(&version) {
        changes.push(Change::put(
            bucket::META,
            meta::STORAGE_VERSION,
            meta::encode_version(&version),
        ));
    }
    let conf_state = membership.conf_state();
    if meta.conf_state.as_ref() != Some(&conf_state) {
        changes.push(Change::put(
            bucket::META,
            meta::CONF_STATE,
            meta::encode_conf_state(&conf_state),
        ));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Member {
        Member {
            id: 0x72f9_a431_ce04_3aa6,
            peer_urls: vec!["http://127.0.0.1:32140".into()],
            name: "m1".into(),
            client_urls: vec!["http://127.0.0.1:32139".into()],
            ..Member::default()
        }
    }

    fn take_in(changes: &[Change]) -> (Meta, Membership) {
        let (mut meta, mut membership) = (Meta::default(), Membership::default());
        for c in changes {
            let value = c.value.as_deref().unwrap();
            membership.read(c.bucket, &c.key, value).unwrap();
            if c.bucket == bucket::META {
                meta.read(&c.key, value).unwrap();
            }
        }
        (meta, membership)
    }

    #[test]
    fn nothing_changes_when_the_same_member_starts_again() {
        let (meta, membership) = take_in(&initial(&me()));
        assert_eq!(meta.consistent_index, Some(4));
        let next = super::membership(&membership, &me());
        assert_eq!(started(&meta, &membership, &next), []);
    }

    #[test]
    fn a_foreign_file_becomes_ours() {
        let (meta, mut membership) = take_in(&initial(&me()));
        membership.removed.insert(7);
        let other = Member {
            id: 7,
            name: "other".into(),
            ..Member::default()
        };
        let changes = started(&meta, &membership, &super::membership(&membership, &other));
        assert!(changes.contains(&Change::delete(bucket::MEMBERS, &b"72f9a431ce043aa6"[..])));
        assert!(changes.contains(&Change::delete(bucket::MEMBERS_REMOVED, &b"7"[..])));
        let conf: &[u8] = br#"{"voters":[7],"auto_leave":false}"#;
        assert!(changes.contains(&Change::put(bucket::META, meta::CONF_STATE, conf)));
        assert_eq!(changes.len(), 4);
    }

    #[test]
    fn what_was_recorded_here_stays() {
        let (_, mut membership) = take_in(&initial(&me()));
        let updated = vec!["http://new:1".to_string()];
        if let Some(stored) = membership.members.get_mut(&me().id) {
            stored.peer_urls.clone_from(&updated);
        }
        let added = Member {
            id: 9,
            is_learner: true,
            ..Member::default()
        };
        let foreign = Member {
            id: 10,
            name: "m2".into(),
            ..Member::default()
        };
        membership.members.insert(9, added.clone());
        membership.members.insert(10, foreign);
        membership.downgrade = Some(Downgrade {
            target_version: "3.6.0".into(),
            enabled: true,
        });
        let next = super::membership(&membership, &me());
        assert_eq!(next.members.keys().collect::<Vec<_>>(), [&9, &me().id]);
        assert_eq!(next.members[&me().id].peer_urls, updated);
        assert_eq!(next.version(), downgraded_version());
        assert_eq!(next.downgrade, membership.downgrade);
        assert_eq!(
            (next.conf_state().learners, next.conf_state().voters),
            (vec![9], vec![me().id])
        );
        // If another member serves the file, it becomes that of a single-member cluster, at this server's version.
        let other = Member {
            id: 7,
            ..Member::default()
        };
        let next = super::membership(&membership, &other);
        assert_eq!(next.members.keys().collect::<Vec<_>>(), [&7]);
        assert_eq!(next.version(), current_version());
        assert_eq!(next.downgrade_target(), None);
    }
}
