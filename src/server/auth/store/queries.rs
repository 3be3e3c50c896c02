//! Queries of users, roles and the state of authentication. Changes nothing.

use bytes::Bytes;

use super::{AuthStore, ROOT_ROLE, no_password_user, text};
use crate::{
    proto::{
        authpb::{Permission, permission::Type},
        etcdserverpb as pb,
    },
    server::error::Error,
};

impl AuthStore {
    /// The roles of a user.
    ///
    /// # Errors
    /// The user does not exist.
    pub fn user_get(&self, name: &str) -> Result<pb::AuthUserGetResponse, Error> {
        Ok(pb::AuthUserGetResponse {
            header: None,
            roles: self.find(name)?.user.roles.clone(),
        })
    }

    /// The names of all users, in order.
    pub fn user_list(&self) -> pb::AuthUserListResponse {
        pb::AuthUserListResponse {
            header: None,
            users: self.users.keys().map(text).collect(),
        }
    }

    /// The permissions of a role; the role `root` has one for all keys.
    ///
    /// # Errors
    /// The role does not exist.
    pub fn role_get(&self, name: &str) -> Result<pb::AuthRoleGetResponse, Error> {
        let role = self.role(name)?;
        let everything = || Permission {
            perm_type: Type::Readwrite.into(),
            key: Bytes::new(),
            range_end: Bytes::from_static(&[0]),
        };
        Ok(pb::AuthRoleGetResponse {
            header: None,
            perm: match name {
                ROOT_ROLE => vec![everything()],
                _ => role.key_permission.clone(),
            },
        })
    }

    /// The names of all roles, in order.
    pub fn role_list(&self) -> pb::AuthRoleListResponse {
        pb::AuthRoleListResponse {
            header: None,
            roles: self.roles.keys().map(text).collect(),
        }
    }

    /// Whether authentication is enabled, and the auth revision.
    pub fn status(&self) -> pb::AuthStatusResponse {
        pb::AuthStatusResponse {
            header: None,
            enabled: self.enabled || self.bypassed,
            auth_revision: self.revision,
        }
    }

    /// The hash of a user's password.
    ///
    /// # Errors
    /// Authentication is disabled, or the user does not exist or has no password.
    pub fn password_hash(&self, name: &str) -> Result<Bytes, Error> {
        if !self.enabled {
            return Err(Error::AuthNotEnabled);
        }
        let account = self.account(name).ok_or(Error::AuthFailed)?;
        match account.has_no_password() {
            true => Err(no_password_user()),
            false => Ok(account.user.password.clone()),
        }
    }
}
