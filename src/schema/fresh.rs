//! The records that a server writes when it creates a cluster of one member, and those that it updates when it starts
//! again. The caller provides ids, index and term. Source: the database of an etcd v3.7.1 server without any client
//! requests.

use super::{
    Change, auth, bucket,
    membership::{self, Member, Membership},
    meta::{self, ConfState, Meta},
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

/// All records of a new data directory. Every bucket of [`bucket::ALL`] must be created, including those without
/// records.
pub fn initial(me: &Member) -> Vec<Change> {
    let mut changes = started(&Meta::default(), &Membership::default(), me);
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

/// The changes that turn a file with this `meta` and `membership` into that of the single member `me`: other members
/// are removed (as `snapshot restore` does), name and URLs are updated, and the versions are set to ours. Empty if
/// nothing needs to change.
pub fn started(meta: &Meta, membership: &Membership, me: &Member) -> Vec<Change> {
    let mut changes = Vec::new();
    for id in membership.members.keys().filter(|&&id| id != me.id) {
        changes.push(Change::delete(bucket::MEMBERS, membership::encode_id(*id)));
    }
    // The id of a removed member must not be used again, not even by us.
    if membership.removed.contains(&me.id) {
        let key = membership::encode_id(me.id);
        changes.push(Change::delete(bucket::MEMBERS_REMOVED, key));
    }
    if membership.members.get(&me.id) != Some(me) {
        let (key, value) = membership::encode_member(me);
        changes.push(Change::put(bucket::MEMBERS, key, value));
    }
    let version = current_version();
    if membership.cluster_version.as_ref() != Some(&version) {
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
    let conf_state = ConfState {
        voters: vec![me.id],
        ..ConfState::default()
    };
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
        assert_eq!(started(&meta, &membership, &me()), []);
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
        let changes = started(&meta, &membership, &other);
        assert!(changes.contains(&Change::delete(bucket::MEMBERS, &b"72f9a431ce043aa6"[..])));
        assert!(changes.contains(&Change::delete(bucket::MEMBERS_REMOVED, &b"7"[..])));
        let conf: &[u8] = br#"{"voters":[7],"auto_leave":false}"#;
        assert!(changes.contains(&Change::put(bucket::META, meta::CONF_STATE, conf)));
        assert_eq!(changes.len(), 4);
    }
}
