//! Rules for the records of the small buckets that their encoding alone does not enforce. Every release of etcd follows them
//! when it writes records; a server that reads a record which violates one exits, or serves something else than what was
//! stored. Checks one record at a time; `examine` checks records against each other.

use std::collections::HashSet;

use crate::{
    proto::{
        authpb::{Role, User, permission},
        etcdserverpb::AlarmType,
        leasepb::Lease,
    },
    schema::{RecordError, Version, alarm, auth, bucket, lease, meta::ConfState},
};

/// The lowest cluster version: that of a cluster whose members have not agreed on a version yet. With a lower one, etcd
/// rejects every request.
pub(super) const OLDEST_CLUSTER: Version = Version {
    major: 3,
    minor: 0,
    patch: 0,
    suffix: String::new(),
};

/// Longest TTL of a lease in seconds (etcd v3.7.1, server/lease/lessor.go, MaxLeaseTTL).
const MAX_TTL: i64 = 9_000_000_000;
/// Maximum number of seconds that etcd can represent in nanoseconds. A lease with more expires at once, and its keys are
/// deleted.
const MAX_REMAINING: i64 = i64::MAX / 1_000_000_000;
/// Length of a bcrypt hash without its prefix `$2a$10$`: salt and hash.
const BCRYPT_TAIL: usize = 53;
/// The costs that bcrypt defines.
const BCRYPT_COSTS: std::ops::RangeInclusive<u8> = 4..=31;

/// Checks one record of bucket `name`. Records of `key`, and of buckets without such rules, pass.
///
/// # Errors
/// What is wrong with the record.
pub(super) fn check(name: &[u8], key: &[u8], value: &[u8]) -> Result<(), RecordError> {
    let (is_whole, problem) = match name {
        bucket::LEASE => {
            let lease = lease::decode(key, value)?;
            (lease::encode(&lease).1 == value, of_lease(&lease))
        }
        bucket::ALARM => {
            let member = alarm::decode(key)?;
            let is_whole = alarm::encode(&member) == key && value.is_empty();
            (is_whole, of_alarm(member.alarm))
        }
        bucket::AUTH_USERS => {
            let user = auth::decode_user(key, value)?;
            (auth::encode_user(&user) == value, of_user(&user))
        }
        bucket::AUTH_ROLES => {
            let role = auth::decode_role(key, value)?;
            (auth::encode_role(&role) == value, of_role(&role))
        }
        _ => (true, None),
    };
    // Decoders ignore unknown fields, so that a flipped bit in a field number would go unnoticed.
    let problem = match is_whole {
        true => problem,
        false => Some("the record is not encoded the way etcd encodes it".into()),
    };
    problem.map_or(Ok(()), |problem| Err(RecordError::new(name, key, problem)))
}

/// A member that a raft configuration names more than once.
pub(super) fn named_twice(state: &ConfState) -> Option<u64> {
    let mut seen = HashSet::new();
    let mut ids = state.voters.iter().chain(&state.learners);
    ids.find(|id| !seen.insert(**id)).copied()
}

fn of_lease(lease: &Lease) -> Option<String> {
    let Lease {
        id,
        ttl,
        remaining_ttl,
    } = *lease;
    if id == 0 {
        return Some("a lease has an id other than 0".into());
    }
    if !(1..=MAX_TTL).contains(&ttl) {
        return Some(format!("a TTL of {ttl} s is not from 1 s to {MAX_TTL} s"));
    }
    // The remaining time may exceed the TTL, because a server extends leases when it starts.
    let is_time = (0..=MAX_REMAINING).contains(&remaining_ttl);
    (!is_time).then(|| format!("{remaining_ttl} s remain of a TTL of {ttl} s"))
}

fn of_alarm(kind: i32) -> Option<String> {
    match AlarmType::try_from(kind) {
        Ok(AlarmType::Nospace | AlarmType::Corrupt) => None,
        Ok(AlarmType::None) | Err(_) => Some(format!("there is no alarm of type {kind}")),
    }
}

fn of_user(user: &User) -> Option<String> {
    if std::str::from_utf8(&user.name).is_err() {
        return Some("the name is not UTF-8, and etcd cannot list the users".into());
    }
    // etcd looks up a role of a user by binary search.
    if !user.roles.is_sorted_by(|a, b| a < b) {
        return Some("the roles of the user are not in order, and etcd does not find all".into());
    }
    if !user.password.is_empty() && !is_bcrypt(&user.password) {
        return Some("the password is not a bcrypt hash, and the user cannot log in".into());
    }
    None
}

fn of_role(role: &Role) -> Option<String> {
    if std::str::from_utf8(&role.name).is_err() {
        return Some("the name is not UTF-8, and etcd cannot list the roles".into());
    }
    let mut permissions = role.key_permission.iter();
    if let Some(odd) = permissions.find(|p| permission::Type::try_from(p.perm_type).is_err()) {
        let text = format!("there is no permission of type {}", odd.perm_type);
        return Some(text);
    }
    // etcd looks up a permission by binary search.
    if !role.key_permission.is_sorted_by_key(|p| &p.key) {
        return Some("the permissions of the role are not in order".into());
    }
    None
}

/// Whether a password is what bcrypt writes: `$2a$`, the cost in two digits, `$`, and 53 characters.
fn is_bcrypt(hash: &[u8]) -> bool {
    let Some((prefix, tail)) = hash
        .len()
        .checked_sub(BCRYPT_TAIL)
        .and_then(|at| hash.split_at_checked(at))
    else {
        return false;
    };
    let Some([tens, ones, b'$']) = prefix.last_chunk::<3>() else {
        return false;
    };
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    let version = matches!(
        &prefix[..prefix.len() - 3],
        b"$2$" | b"$2a$" | b"$2b$" | b"$2x$" | b"$2y$"
    );
    version
        && digits
        && BCRYPT_COSTS.contains(&((tens - b'0') * 10 + (ones - b'0')))
        && tail
            .iter()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bcrypt_hashes_are_recognised() {
        let tail = "uR7u25.DcX2Ij5yVNVZPl.QjRhGIS5fujI8Szd2t7pN2vL4eeOkAm";
        assert_eq!(tail.len(), BCRYPT_TAIL);
        for good in ["$2a$10$", "$2$04$", "$2b$31$"] {
            assert!(is_bcrypt(format!("{good}{tail}").as_bytes()), "{good}");
        }
        for bad in [
            "", "$2a$03$", "$2a$32$", "$2a$1$", "$3a$10$", "2a$10$", "$2a$10",
        ] {
            assert!(!is_bcrypt(format!("{bad}{tail}").as_bytes()), "{bad}");
        }
        assert!(!is_bcrypt(format!("$2a$10${}", &tail[1..]).as_bytes()));
        assert!(!is_bcrypt(format!("$2a$10${}=", &tail[1..]).as_bytes()));
        assert!(!is_bcrypt(b"pw"));
    }
}
