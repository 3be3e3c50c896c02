//! Buckets `auth`, `authUsers` and `authRoles`. Encodes and decodes their records; does not evaluate permissions.
//! Source: etcd v3.7.1, server/storage/schema/{auth,auth_users,auth_roles}.go.

use prost::Message as _;

use super::{bucket, error::RecordError};
use crate::proto::authpb::{Role, User};

/// Key of the record that says whether authentication is enabled: one byte, 1 means enabled.
pub const ENABLED: &[u8] = b"authEnabled";
/// Key of the auth revision.
pub const REVISION: &[u8] = b"authRevision";
/// The auth revision that a new server stores.
pub const FIRST_REVISION: u64 = 1;

/// The content of bucket `auth`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// Whether authentication is enabled; `None` if it never was.
    pub enabled: Option<bool>,
    /// Counts the changes of users and roles, starting at 1.
    pub revision: Option<u64>,
}

impl Auth {
    /// Adds one record of bucket `auth`. Ignores unknown keys.
    ///
    /// # Errors
    /// The record is invalid.
    pub fn read(&mut self, key: &[u8], value: &[u8]) -> Result<(), RecordError> {
        match (key, value) {
            (ENABLED, [0]) => self.enabled = Some(false),
            (ENABLED, [1]) => self.enabled = Some(true),
            (ENABLED, _) => {
                let problem = "the switch is one byte, 0 or 1";
                return Err(RecordError::new(bucket::AUTH, key, problem));
            }
            (REVISION, _) => {
                let number = <[u8; 8]>::try_from(value).map_err(|_| {
                    let problem = format!("a number has 8 bytes, not {}", value.len());
                    RecordError::new(bucket::AUTH, key, problem)
                })?;
                self.revision = Some(u64::from_be_bytes(number));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Encodes the value of [`ENABLED`].
pub fn encode_enabled(on: bool) -> [u8; 1] {
    [u8::from(on)]
}

/// Encodes the value of [`REVISION`].
pub fn encode_revision(revision: u64) -> [u8; 8] {
    revision.to_be_bytes()
}

/// Encodes the value of a user's record. Its key is the name.
pub fn encode_user(user: &User) -> Vec<u8> {
    user.encode_to_vec()
}

/// Decodes a record of `authUsers`.
///
/// # Errors
/// The value is not a user, or names another user.
pub fn decode_user(key: &[u8], value: &[u8]) -> Result<User, RecordError> {
    let wrong = |problem: String| RecordError::new(bucket::AUTH_USERS, key, problem);
    let user = User::decode(value).map_err(|e| wrong(e.to_string()))?;
    if user.name != key {
        return Err(wrong("the record is of another user".into()));
    }
    Ok(user)
}

/// Encodes the value of a role's record. Its key is the name.
pub fn encode_role(role: &Role) -> Vec<u8> {
    role.encode_to_vec()
}

/// Decodes a record of `authRoles`.
///
/// # Errors
/// The value is not a role, or names another role.
pub fn decode_role(key: &[u8], value: &[u8]) -> Result<Role, RecordError> {
    let wrong = |problem: String| RecordError::new(bucket::AUTH_ROLES, key, problem);
    let role = Role::decode(value).map_err(|e| wrong(e.to_string()))?;
    if role.name != key {
        return Err(wrong("the record is of another role".into()));
    }
    Ok(role)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::authpb::{Permission, UserAddOptions, permission::Type};

    #[test]
    fn switch_and_revision() {
        let mut auth = Auth::default();
        auth.read(ENABLED, &encode_enabled(true)).unwrap();
        auth.read(REVISION, &encode_revision(12)).unwrap();
        auth.read(b"other", b"").unwrap();
        assert_eq!((auth.enabled, auth.revision), (Some(true), Some(12)));
        assert!(auth.read(ENABLED, &[2]).is_err());
        assert!(auth.read(REVISION, &[0; 7]).is_err());
    }

    #[test]
    fn users_and_roles() {
        let user = User {
            name: "ann".into(),
            password: "$2a$10$".into(),
            roles: vec!["r".into()],
            options: Some(UserAddOptions { no_password: false }),
        };
        let bytes = encode_user(&user);
        assert_eq!(decode_user(b"ann", &bytes), Ok(user));
        assert!(decode_user(b"bob", &bytes).is_err());
        assert!(decode_user(b"ann", &bytes[..bytes.len() - 1]).is_err());

        let role = Role {
            name: "r".into(),
            key_permission: vec![Permission {
                perm_type: Type::Readwrite.into(),
                key: "a".into(),
                range_end: "b".into(),
            }],
        };
        let bytes = encode_role(&role);
        assert_eq!(decode_role(b"r", &bytes), Ok(role));
        assert!(decode_role(b"s", &bytes).is_err());
        assert!(decode_role(b"r", &bytes[..bytes.len() - 2]).is_err());
    }
}
