//! Users, roles, and whether authentication is enabled: the state that requests are checked against, and all changes to
//! it. A change returns the records to store; the caller makes it durable and visible. Does not hash passwords and
//! knows nothing of tokens; `queries.rs` reads it, `roles.rs` changes roles. Source: etcd v3.7.1, server/auth/store.go.

mod queries;
mod roles;

use std::{collections::BTreeMap, sync::Arc};

use base64::Engine as _;
use bytes::Bytes;
use prost::Message as _;
use tracing::{error, info, warn};

use super::permissions::Permissions;
use crate::{
    proto::{
        authpb::{Role, User, UserAddOptions},
        etcdserverpb as pb,
    },
    schema::{Change, auth as records, bucket},
    server::error::Error,
};

/// The user that must exist before authentication can be enabled.
pub const ROOT_USER: &str = "root";
/// The role that has every permission.
pub const ROOT_ROLE: &str = "root";

/// A user and its merged permissions.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub user: User,
    pub permissions: Permissions,
}

impl Account {
    pub fn is_root(&self) -> bool {
        self.has_role(ROOT_ROLE)
    }

    pub fn has_role(&self, role: &str) -> bool {
        self.user.roles.iter().any(|r| r == role)
    }

    pub fn has_no_password(&self) -> bool {
        self.user.options.is_some_and(|o| o.no_password)
    }
}

/// Users, roles and the state of authentication at one revision. Clones share the users and roles.
#[derive(Clone, Debug)]
pub struct AuthStore {
    pub(super) enabled: bool,
    /// Whether the file says that authentication is enabled, but nobody is asked for a user.
    pub(super) bypassed: bool,
    pub(super) revision: u64,
    pub(super) users: BTreeMap<Bytes, Arc<Account>>,
    roles: BTreeMap<Bytes, Arc<Role>>,
}

impl Default for AuthStore {
    /// The state of a new file.
    fn default() -> AuthStore {
        AuthStore::restore(false, records::FIRST_REVISION, [], [])
    }
}

/// The effects of a change besides the new state.
#[derive(Debug, Default)]
pub struct Effects {
    /// Records to store.
    pub records: Vec<Change>,
    /// Users whose tokens become invalid.
    pub invalidated: Vec<String>,
    /// Whether authentication was disabled, which invalidates all tokens.
    pub disabled: bool,
}

impl AuthStore {
    /// Restores the state from the records of a file.
    pub fn restore(
        enabled: bool,
        revision: u64,
        users: impl IntoIterator<Item = User>,
        roles: impl IntoIterator<Item = Role>,
    ) -> AuthStore {
        let roles = roles.into_iter().map(|r| (r.name.clone(), Arc::new(r)));
        let mut store = AuthStore {
            enabled,
            bypassed: false,
            revision: revision.max(records::FIRST_REVISION),
            users: BTreeMap::new(),
            roles: roles.collect(),
        };
        for user in users {
            store.insert(user);
        }
        store
    }

    /// The same state without authentication, which is still shown as enabled if it was.
    #[must_use]
    pub fn bypassed(mut self) -> AuthStore {
        self.bypassed = self.enabled;
        self.enabled = false;
        self
    }

    /// Whether authentication is enabled.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Counts the changes of users and roles.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn account(&self, name: &str) -> Option<&Arc<Account>> {
        self.users.get(name.as_bytes())
    }

    fn find(&self, name: &str) -> Result<&Arc<Account>, Error> {
        self.account(name).ok_or(Error::UserNotFound)
    }

    fn role(&self, name: &str) -> Result<&Arc<Role>, Error> {
        self.roles.get(name.as_bytes()).ok_or(Error::RoleNotFound)
    }

    fn merged(&self, user: &User) -> Permissions {
        let roles = user.roles.iter().filter_map(|name| self.role(name).ok());
        Permissions::merge(roles.flat_map(|role| &role.key_permission))
    }

    fn insert(&mut self, user: User) {
        let permissions = self.merged(&user);
        let name = user.name.clone();
        self.users
            .insert(name, Arc::new(Account { user, permissions }));
    }

    /// Merges the permissions of a role's users again.
    fn refresh(&mut self, role: &str) {
        let users: Vec<User> = (self.users.values())
            .filter(|account| account.has_role(role))
            .map(|account| account.user.clone())
            .collect();
        for user in users {
            self.insert(user);
        }
    }

    fn store_user(&mut self, user: User, effects: &mut Effects) {
        let value = records::encode_user(&user);
        let record = Change::put(bucket::AUTH_USERS, user.name.to_vec(), value);
        effects.records.push(record);
        self.insert(user);
    }

    fn store_role(&mut self, role: Role, effects: &mut Effects) {
        let value = records::encode_role(&role);
        let record = Change::put(bucket::AUTH_ROLES, role.name.to_vec(), value);
        effects.records.push(record);
        self.roles.insert(role.name.clone(), Arc::new(role));
    }

    fn next_revision(&mut self, effects: &mut Effects) {
        self.revision += 1;
        let value = records::encode_revision(self.revision);
        let record = Change::put(bucket::AUTH, records::REVISION, value);
        effects.records.push(record);
    }

    fn store_enabled(&mut self, enabled: bool, effects: &mut Effects) {
        self.enabled = enabled;
        let value = records::encode_enabled(enabled);
        let record = Change::put(bucket::AUTH, records::ENABLED, value);
        effects.records.push(record);
    }

    /// Bytes and records that a change of a user may write.
    pub fn user_size(&self, name: &str) -> (u64, u64) {
        let size = |account: &Arc<Account>| (2 * name.len() + account.user.encoded_len()) as u64;
        self.account(name)
            .map_or((0, 0), |account| (size(account), 1))
    }

    /// Bytes and records that a change of a role may write: its record, and those of its users if it is revoked from
    /// them.
    pub fn role_size(&self, name: &str) -> (u64, u64) {
        let role = self.role(name).map_or(0, |role| role.encoded_len() as u64);
        let users = self.users.values().filter(|account| account.has_role(name));
        users.fold((role, 1), |(bytes, records), account| {
            let size = account.user.name.len() + account.user.encoded_len();
            (bytes + size as u64, records + 1)
        })
    }

    /// Enables authentication.
    ///
    /// # Errors
    /// The user `root` does not exist or does not have the role `root`.
    pub fn enable(&mut self, effects: &mut Effects) -> Result<pb::AuthEnableResponse, Error> {
        if self.enabled {
            info!("authentication is already enabled; ignored auth enable request");
            return Ok(pb::AuthEnableResponse::default());
        }
        let root = self.account(ROOT_USER).ok_or(Error::RootUserNotExist)?;
        if !root.is_root() {
            return Err(Error::RootRoleNotExist);
        }
        self.store_enabled(true, effects);
        info!("enabled authentication");
        Ok(pb::AuthEnableResponse::default())
    }

    /// Disables authentication.
    pub fn disable(&mut self, effects: &mut Effects) -> pb::AuthDisableResponse {
        if self.enabled {
            self.store_enabled(false, effects);
            self.next_revision(effects);
            effects.disabled = true;
            info!("disabled authentication");
        }
        pb::AuthDisableResponse::default()
    }

    /// Adds a user, with the hash of its password from the request.
    ///
    /// # Errors
    /// The name is empty or in use, or the hash is not valid base64.
    pub fn user_add(
        &mut self,
        r: &pb::AuthUserAddRequest,
        effects: &mut Effects,
    ) -> Result<pb::AuthUserAddResponse, Error> {
        if r.name.is_empty() {
            return Err(Error::UserEmpty);
        }
        if self.account(&r.name).is_some() {
            return Err(Error::UserAlreadyExist);
        }
        let options = r.options.unwrap_or(UserAddOptions { no_password: false });
        let password = match options.no_password {
            true => Bytes::new(),
            false => decode_hash(&r.hashed_password)?,
        };
        let user = User {
            name: r.name.clone().into(),
            password,
            roles: Vec::new(),
            options: Some(options),
        };
        self.store_user(user, effects);
        self.next_revision(effects);
        info!("user-name" = r.name, "added a user");
        Ok(pb::AuthUserAddResponse::default())
    }

    /// Deletes a user and invalidates its tokens.
    ///
    /// # Errors
    /// The user does not exist, or is `root` while authentication is enabled.
    pub fn user_delete(
        &mut self,
        r: &pb::AuthUserDeleteRequest,
        effects: &mut Effects,
    ) -> Result<pb::AuthUserDeleteResponse, Error> {
        if self.enabled && r.name == ROOT_USER {
            error!("user-name" = r.name, "cannot delete 'root' user");
            return Err(Error::InvalidAuthMgmt);
        }
        self.find(&r.name)?;
        self.users.remove(r.name.as_bytes());
        effects
            .records
            .push(Change::delete(bucket::AUTH_USERS, r.name.clone()));
        effects.invalidated.push(r.name.clone());
        self.next_revision(effects);
        info!("user-name" = r.name, "deleted a user");
        Ok(pb::AuthUserDeleteResponse::default())
    }

    /// Replaces the hash of a user's password by that in the request, and invalidates its tokens. A user without a
    /// password remains without one.
    ///
    /// # Errors
    /// The user does not exist, or the hash is not valid base64.
    pub fn user_change_password(
        &mut self,
        r: &pb::AuthUserChangePasswordRequest,
        effects: &mut Effects,
    ) -> Result<pb::AuthUserChangePasswordResponse, Error> {
        let account = self.find(&r.name)?;
        let password = match account.has_no_password() {
            true => Bytes::new(),
            false => decode_hash(&r.hashed_password)?,
        };
        let user = User {
            password,
            ..account.user.clone()
        };
        self.store_user(user, effects);
        effects.invalidated.push(r.name.clone());
        self.next_revision(effects);
        info!("user-name" = r.name, "changed a password of a user");
        Ok(pb::AuthUserChangePasswordResponse::default())
    }

    /// Grants a role to a user. The role `root` need not exist.
    ///
    /// # Errors
    /// The user or the role does not exist.
    pub fn user_grant_role(
        &mut self,
        r: &pb::AuthUserGrantRoleRequest,
        effects: &mut Effects,
    ) -> Result<pb::AuthUserGrantRoleResponse, Error> {
        let account = self.find(&r.user)?;
        if r.role != ROOT_ROLE {
            self.role(&r.role)?;
        }
        let mut user = account.user.clone();
        match user.roles.binary_search(&r.role) {
            Ok(_) => {
                let (name, role) = (&r.user, &r.role);
                warn!(
                    "user-name" = name,
                    "duplicate-role-name" = role,
                    "ignored grant role request to a user"
                );
                return Ok(pb::AuthUserGrantRoleResponse::default());
            }
            Err(at) => user.roles.insert(at, r.role.clone()),
        }
        self.store_user(user, effects);
        self.next_revision(effects);
        info!(
            "user-name" = r.user,
            "added-role-name" = r.role,
            "granted a role to a user"
        );
        Ok(pb::AuthUserGrantRoleResponse::default())
    }

    /// Revokes a role from a user.
    ///
    /// # Errors
    /// The user does not exist or does not have the role, or this is the role `root` of the user `root` while
    /// authentication is enabled.
    pub fn user_revoke_role(
        &mut self,
        r: &pb::AuthUserRevokeRoleRequest,
        effects: &mut Effects,
    ) -> Result<pb::AuthUserRevokeRoleResponse, Error> {
        if self.enabled && r.name == ROOT_USER && r.role == ROOT_ROLE {
            error!(
                "user-name" = r.name,
                "role-name" = r.role,
                "'root' user cannot revoke 'root' role"
            );
            return Err(Error::InvalidAuthMgmt);
        }
        let account = self.find(&r.name)?;
        let mut user = account.user.clone();
        user.roles.retain(|role| *role != r.role);
        if user.roles.len() == account.user.roles.len() {
            return Err(Error::RoleNotGranted);
        }
        self.store_user(user, effects);
        self.next_revision(effects);
        info!(
            "user-name" = r.name,
            "revoked-role-name" = r.role,
            "revoked a role from a user"
        );
        Ok(pb::AuthUserRevokeRoleResponse::default())
    }
}

fn text(name: &Bytes) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// etcd has no code for this error and sends it as "unknown".
fn no_password_user() -> Error {
    let text = "auth: authentication failed, password was given for no password user";
    Error::Other(tonic::Code::Unknown, text.into())
}

/// Decodes the hash of a password in a request: base64, in which Go allows line breaks.
fn decode_hash(text: &str) -> Result<Bytes, Error> {
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let hash = base64::engine::general_purpose::STANDARD.decode(text);
    hash.map(Bytes::from).map_err(|_| no_password_user())
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
