//! Changes of roles and their permissions. The functions for users are in `store.rs`.

use tracing::{error, info};

use super::{AuthStore, Effects, ROOT_ROLE};
use crate::{
    proto::{
        authpb::{Permission, Role, User},
        etcdserverpb as pb,
    },
    schema::{Change, bucket},
    server::{auth::permissions::is_valid_range, error::Error},
};

impl AuthStore {
    /// Adds a role without permissions.
    ///
    /// # Errors
    /// The name is empty or in use.
    pub fn role_add(
        &mut self,
        r: &pb::AuthRoleAddRequest,
        effects: &mut Effects,
    ) -> Result<pb::AuthRoleAddResponse, Error> {
        if r.name.is_empty() {
            return Err(Error::RoleEmpty);
        }
        if self.role(&r.name).is_ok() {
            return Err(Error::RoleAlreadyExist);
        }
        let role = Role {
            name: r.name.clone().into(),
            key_permission: Vec::new(),
        };
        self.store_role(role, effects);
        self.next_revision(effects);
        info!("role-name" = r.name, "created a role");
        Ok(pb::AuthRoleAddResponse::default())
    }

    /// Deletes a role and revokes it from all users.
    ///
    /// # Errors
    /// The role does not exist, or is `root` while authentication is enabled.
    pub fn role_delete(
        &mut self,
        r: &pb::AuthRoleDeleteRequest,
        effects: &mut Effects,
    ) -> Result<pb::AuthRoleDeleteResponse, Error> {
        if self.enabled && r.role == ROOT_ROLE {
            error!("role-name" = r.role, "cannot delete 'root' role");
            return Err(Error::InvalidAuthMgmt);
        }
        self.role(&r.role)?;
        self.roles.remove(r.role.as_bytes());
        effects
            .records
            .push(Change::delete(bucket::AUTH_ROLES, r.role.clone()));
        let users: Vec<User> = (self.users.values())
            .filter(|account| account.has_role(&r.role))
            .map(|account| account.user.clone())
            .collect();
        for mut user in users {
            user.roles.retain(|role| *role != r.role);
            self.store_user(user, effects);
        }
        self.next_revision(effects);
        info!("role-name" = r.role, "deleted a role");
        Ok(pb::AuthRoleDeleteResponse::default())
    }

    /// Grants a permission to a role, or changes the type of an existing one on the same range.
    ///
    /// # Errors
    /// The permission is missing, its range is empty, or the role does not exist.
    pub fn role_grant_permission(
        &mut self,
        r: &pb::AuthRoleGrantPermissionRequest,
        effects: &mut Effects,
    ) -> Result<pb::AuthRoleGrantPermissionResponse, Error> {
        let granted = r.perm.as_ref().ok_or(Error::PermissionNotGiven)?;
        if !is_valid_range(&granted.key, &granted.range_end) {
            return Err(Error::InvalidAuthMgmt);
        }
        let mut role = Role::clone(self.role(&r.name)?);
        let same = |p: &&mut Permission| p.key == granted.key && p.range_end == granted.range_end;
        match role.key_permission.iter_mut().find(same) {
            Some(permission) => permission.perm_type = granted.perm_type,
            None => {
                let at = role
                    .key_permission
                    .partition_point(|p| p.key <= granted.key);
                role.key_permission.insert(at, granted.clone());
            }
        }
        self.store_role(role, effects);
        self.refresh(&r.name);
        self.next_revision(effects);
        info!(
            "role-name" = r.name,
            "granted/updated a permission to a user"
        );
        Ok(pb::AuthRoleGrantPermissionResponse::default())
    }

    /// Revokes the permission on a range from a role.
    ///
    /// # Errors
    /// The role does not exist, or has no permission on exactly that range.
    pub fn role_revoke_permission(
        &mut self,
        r: &pb::AuthRoleRevokePermissionRequest,
        effects: &mut Effects,
    ) -> Result<pb::AuthRoleRevokePermissionResponse, Error> {
        let mut role = Role::clone(self.role(&r.role)?);
        let before = role.key_permission.len();
        let other = |p: &Permission| p.key != r.key || p.range_end != r.range_end;
        role.key_permission.retain(other);
        if role.key_permission.len() == before {
            return Err(Error::PermissionNotGranted);
        }
        self.store_role(role, effects);
        self.refresh(&r.role);
        self.next_revision(effects);
        info!("role-name" = r.role, "revoked a permission on range");
        Ok(pb::AuthRoleRevokePermissionResponse::default())
    }
}
