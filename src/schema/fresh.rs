//! What a server puts into its buckets when it founds a cluster of one, and what it brings up to
//! date when it starts again. Decides on records only; ids, index and term come from the caller.
//! Source: what etcd v3.7.1 leaves in the file of a server that nobody wrote to.

use super::{
    Change, auth, bucket,
    membership::{self, Member, Membership},
    meta::{self, ConfState, Meta},
    version::Version,
};

/// Index of the last log entry of a fresh single member: configuration, election, the member's
/// attributes, cluster version.
pub const FIRST_INDEX: u64 = 4;
/// Term of a fresh single member: its first election takes it from 1 to 2.
pub const FIRST_TERM: u64 = 2;

/// The version whose schema and wire this library speaks.
pub fn current_version() -> Version {
    Version::new(3, 7)
}

/// All records of a fresh data directory. Every bucket of [`bucket::ALL`] must be made, also those
/// that get no record.
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

/// The two records that say how far the log was applied: part of every batch that a server writes.
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

/// What must change in a file with `meta` and `membership` so that it is the file of the single
/// member `me`: other members go (as `snapshot restore` does it), name and URLs are brought up to
/// date, the versions are ours. Empty where all is right already.
pub fn started(meta: &Meta, membership: &Membership, me: &Member) -> Vec<Change> {
    let mut changes = Vec::new();
    for id in membership.members.keys().filter(|&&id| id != me.id) {
        changes.push(Change::delete(bucket::MEMBERS, membership::encode_id(*id)));
    }
    // A removed member's id can't come back, not even as ours.
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
