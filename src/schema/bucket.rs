//! The names of etcd's buckets. The records in each bucket have a file of their own. Source: etcd v3.7.1,
//! server/storage/schema/bucket.go; the same ten buckets exist since 3.4.

/// The history of all keys: maps revisions to `KeyValue` records.
pub const KEY: &[u8] = b"key";
/// Consistent index, term, compaction marks, raft configuration, storage version.
pub const META: &[u8] = b"meta";
/// Leases by id.
pub const LEASE: &[u8] = b"lease";
/// Active alarms; the key is the alarm.
pub const ALARM: &[u8] = b"alarm";
/// Cluster version and downgrade state.
pub const CLUSTER: &[u8] = b"cluster";
/// Members by id in hexadecimal.
pub const MEMBERS: &[u8] = b"members";
/// Ids of removed members, which must not be used again.
pub const MEMBERS_REMOVED: &[u8] = b"members_removed";
/// Whether authentication is on, and the revision of users and roles.
pub const AUTH: &[u8] = b"auth";
/// Users by name.
pub const AUTH_USERS: &[u8] = b"authUsers";
/// Roles by name.
pub const AUTH_ROLES: &[u8] = b"authRoles";

/// Every bucket that etcd v3.7.1 creates, in the (bytewise) order of the file.
pub const ALL: [&[u8]; 10] = [
    ALARM,
    AUTH,
    AUTH_ROLES,
    AUTH_USERS,
    CLUSTER,
    KEY,
    LEASE,
    MEMBERS,
    MEMBERS_REMOVED,
    META,
];

/// The buckets that every database of etcd has, whatever its version.
pub const REQUIRED: [&[u8]; 2] = [KEY, META];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_buckets_is_sorted() {
        assert!(ALL.is_sorted());
        assert!(REQUIRED.iter().all(|name| ALL.contains(name)));
    }
}
