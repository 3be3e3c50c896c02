//! The Auth service: identification of callers, login, and users and roles. The permissions of a request are checked by
//! the service it belongs to. Source: etcd v3.7.1, server/etcdserver/v3_server.go.

use tracing::{info, warn};

use super::Core;
use crate::{
    proto::etcdserverpb as pb,
    server::{auth::Identity, context::RequestContext, error::Error},
};

impl Core {
    /// Whether users are now identified by the common names of their certificates.
    pub fn certificates_name_users(&self) -> bool {
        self.inner.client_cert_auth && self.inner.shared.is_auth_enabled().unwrap_or(false)
    }

    /// Identifies the caller: the identity in its context, or else the user of its token, or else the common name of
    /// its client certificate if the server requires client certificates.
    ///
    /// # Errors
    /// The token is invalid, or the server has stopped.
    pub(super) fn identify(&self, context: &RequestContext) -> Result<Identity, Error> {
        if context.identity != Identity::Nobody {
            return Ok(context.identity.clone());
        }
        let shared = &self.inner.shared;
        if !shared.is_auth_enabled()? {
            return Ok(Identity::Nobody);
        }
        let store = shared.auth()?;
        // A token that is not text is treated like any other invalid token.
        let token = (context.token()).map(|value| value.to_str().unwrap_or_default());
        let common_name = context.peer.common_name.as_deref();
        let common_name = common_name.filter(|_| self.inner.client_cert_auth);
        shared.tokens.identify(&store, token, common_name)
    }

    /// Checks that the caller may watch a range. As in etcd, an existing watch continues even if its permission is
    /// revoked.
    ///
    /// # Errors
    /// The caller has no permission, is not authenticated, was authenticated at an older revision, or its token is
    /// invalid: exactly the errors that etcd gives as reasons of a canceled watch. Or the server has stopped.
    pub fn check_watch(
        &self,
        context: &RequestContext,
        key: &[u8],
        range_end: &[u8],
    ) -> Result<(), Error> {
        let identity = self.identify(context)?;
        (self.inner.shared.auth()?).check_read(&identity, key, range_end)
    }

    /// Checks that the caller has the role `root`, which every change of the cluster needs.
    ///
    /// # Errors
    /// It does not, or is not authenticated.
    pub fn check_admin(&self, context: &RequestContext) -> Result<(), Error> {
        let identity = self.identify(context)?;
        self.inner.shared.auth()?.check_admin(&identity)
    }

    /// Checks that the caller is authenticated, which the member list needs.
    ///
    /// # Errors
    /// It is not.
    pub fn check_known(&self, context: &RequestContext) -> Result<(), Error> {
        let identity = self.identify(context)?;
        self.inner.shared.auth()?.check_known(&identity)
    }

    /// Enables authentication.
    ///
    /// # Errors
    /// The user `root` with the role `root` does not exist, or see [`Core::put`].
    pub async fn auth_enable(
        &self,
        context: &RequestContext,
        r: pb::AuthEnableRequest,
    ) -> Result<pb::AuthEnableResponse, Error> {
        self.write(context, r).await
    }

    /// Disables authentication.
    ///
    /// # Errors
    /// The caller is not `root`, or see [`Core::put`].
    pub async fn auth_disable(
        &self,
        context: &RequestContext,
        r: pb::AuthDisableRequest,
    ) -> Result<pb::AuthDisableResponse, Error> {
        self.write(context, r).await
    }

    /// Whether authentication is enabled, and the auth revision.
    ///
    /// # Errors
    /// The token is invalid, or the server has stopped.
    pub async fn auth_status(
        &self,
        context: &RequestContext,
        _: pb::AuthStatusRequest,
    ) -> Result<pb::AuthStatusResponse, Error> {
        self.identify(context)?;
        let mut answer = self.inner.shared.auth()?.status();
        answer.header = Some(self.header());
        Ok(answer)
    }

    /// Checks a password and issues a token.
    ///
    /// # Errors
    /// Authentication is disabled, the user or the password is wrong, or too many logins are waiting.
    pub async fn authenticate(
        &self,
        _: &RequestContext,
        r: pb::AuthenticateRequest,
    ) -> Result<pb::AuthenticateResponse, Error> {
        let shared = &self.inner.shared;
        loop {
            let store = shared.auth()?;
            let hash = store.password_hash(&r.name).inspect_err(|error| {
                if *error != Error::AuthNotEnabled {
                    warn!(user = r.name, %error, "invalid authentication was requested");
                }
            })?;
            let revision = store.revision();
            drop(store);
            let matches = self.inner.passwords.matches(r.password.clone(), hash);
            if !matches.await? {
                warn!(user = r.name, "invalid authentication was requested");
                return Err(Error::AuthFailed);
            }
            let published = shared.published()?;
            // The password was checked for users and roles that may have changed since.
            if published.auth.revision() != revision || !published.auth.is_enabled() {
                info!("revision when password checked became stale; retrying");
                continue;
            }
            let token = shared.tokens.assign(&r.name, revision, published.applied)?;
            return Ok(pb::AuthenticateResponse {
                header: Some(shared.header(published.revision)),
                token,
            });
        }
    }

    /// Adds a user. The password is hashed here; a hash in the request is ignored.
    ///
    /// # Errors
    /// The caller is not `root`, the name is empty or in use, the password is too long, or see [`Core::put`].
    pub async fn user_add(
        &self,
        context: &RequestContext,
        mut r: pb::AuthUserAddRequest,
    ) -> Result<pb::AuthUserAddResponse, Error> {
        // Check this here too, so that only `root` can make the server hash passwords.
        self.check_admin(context)?;
        if !r.options.is_some_and(|options| options.no_password) {
            let password = std::mem::take(&mut r.password);
            r.hashed_password = self.inner.passwords.hash(password).await?;
        }
        self.write(context, r).await
    }

    /// Deletes a user.
    ///
    /// # Errors
    /// The caller is not `root`, the user does not exist, or see [`Core::put`].
    pub async fn user_delete(
        &self,
        context: &RequestContext,
        r: pb::AuthUserDeleteRequest,
    ) -> Result<pb::AuthUserDeleteResponse, Error> {
        self.write(context, r).await
    }

    /// Changes a user's password, or its hash if the request contains that.
    ///
    /// # Errors
    /// The caller is not `root`, the user does not exist, the password is too long, or see [`Core::put`].
    pub async fn user_change_password(
        &self,
        context: &RequestContext,
        mut r: pb::AuthUserChangePasswordRequest,
    ) -> Result<pb::AuthUserChangePasswordResponse, Error> {
        self.check_admin(context)?;
        if !r.password.is_empty() {
            let password = std::mem::take(&mut r.password);
            r.hashed_password = self.inner.passwords.hash(password).await?;
        }
        self.write(context, r).await
    }

    /// Grants a role to a user.
    ///
    /// # Errors
    /// The caller is not `root`, the user or the role does not exist, or see [`Core::put`].
    pub async fn user_grant_role(
        &self,
        context: &RequestContext,
        r: pb::AuthUserGrantRoleRequest,
    ) -> Result<pb::AuthUserGrantRoleResponse, Error> {
        self.write(context, r).await
    }

    /// Revokes a role from a user.
    ///
    /// # Errors
    /// The caller is not `root`, the user does not exist or does not have the role, or see [`Core::put`].
    pub async fn user_revoke_role(
        &self,
        context: &RequestContext,
        r: pb::AuthUserRevokeRoleRequest,
    ) -> Result<pb::AuthUserRevokeRoleResponse, Error> {
        self.write(context, r).await
    }

    /// The roles of a user.
    ///
    /// # Errors
    /// The caller is neither `root` nor that user, or the user does not exist.
    pub async fn user_get(
        &self,
        context: &RequestContext,
        r: pb::AuthUserGetRequest,
    ) -> Result<pb::AuthUserGetResponse, Error> {
        let store = self.inner.shared.auth()?;
        store.check_user_get(&self.identify(context)?, &r.name)?;
        let mut answer = store.user_get(&r.name)?;
        answer.header = Some(self.header());
        Ok(answer)
    }

    /// The names of all users.
    ///
    /// # Errors
    /// The caller is not `root`.
    pub async fn user_list(
        &self,
        context: &RequestContext,
        _: pb::AuthUserListRequest,
    ) -> Result<pb::AuthUserListResponse, Error> {
        self.check_admin(context)?;
        let mut answer = self.inner.shared.auth()?.user_list();
        answer.header = Some(self.header());
        Ok(answer)
    }

    /// Adds a role.
    ///
    /// # Errors
    /// The caller is not `root`, the name is empty or in use, or see [`Core::put`].
    pub async fn role_add(
        &self,
        context: &RequestContext,
        r: pb::AuthRoleAddRequest,
    ) -> Result<pb::AuthRoleAddResponse, Error> {
        self.write(context, r).await
    }

    /// Deletes a role.
    ///
    /// # Errors
    /// The caller is not `root`, the role does not exist, or see [`Core::put`].
    pub async fn role_delete(
        &self,
        context: &RequestContext,
        r: pb::AuthRoleDeleteRequest,
    ) -> Result<pb::AuthRoleDeleteResponse, Error> {
        self.write(context, r).await
    }

    /// The permissions of a role.
    ///
    /// # Errors
    /// The caller is not `root` and does not have that role, or the role does not exist.
    pub async fn role_get(
        &self,
        context: &RequestContext,
        r: pb::AuthRoleGetRequest,
    ) -> Result<pb::AuthRoleGetResponse, Error> {
        let store = self.inner.shared.auth()?;
        store.check_role_get(&self.identify(context)?, &r.role)?;
        let mut answer = store.role_get(&r.role)?;
        answer.header = Some(self.header());
        Ok(answer)
    }

    /// The names of all roles.
    ///
    /// # Errors
    /// The caller is not `root`.
    pub async fn role_list(
        &self,
        context: &RequestContext,
        _: pb::AuthRoleListRequest,
    ) -> Result<pb::AuthRoleListResponse, Error> {
        self.check_admin(context)?;
        let mut answer = self.inner.shared.auth()?.role_list();
        answer.header = Some(self.header());
        Ok(answer)
    }

    /// Grants a permission to a role.
    ///
    /// # Errors
    /// The caller is not `root`, the role does not exist, the range is empty, or see [`Core::put`].
    pub async fn role_grant_permission(
        &self,
        context: &RequestContext,
        r: pb::AuthRoleGrantPermissionRequest,
    ) -> Result<pb::AuthRoleGrantPermissionResponse, Error> {
        self.write(context, r).await
    }

    /// Revokes a permission from a role.
    ///
    /// # Errors
    /// The caller is not `root`, the role or the permission does not exist, or see [`Core::put`].
    pub async fn role_revoke_permission(
        &self,
        context: &RequestContext,
        r: pb::AuthRoleRevokePermissionRequest,
    ) -> Result<pb::AuthRoleRevokePermissionResponse, Error> {
        self.write(context, r).await
    }
}
