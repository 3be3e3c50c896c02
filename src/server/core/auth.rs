//! The Auth service: who a request comes from, logins, and users and roles. What a request may do is checked by the
//! service it belongs to. Source: etcd v3.7.1, server/etcdserver/v3_server.go.

use tracing::{info, warn};

use super::Core;
use crate::{
    proto::etcdserverpb as pb,
    server::{auth::Identity, context::RequestContext, error::Error},
};

impl Core {
    /// Who a request comes from: what its context says, else the user of its token, else the common name of its client
    /// certificate where the server asks clients for one.
    ///
    /// # Errors
    /// The token is not good, or the server has stopped.
    pub(super) fn identify(&self, context: &RequestContext) -> Result<Identity, Error> {
        if context.identity != Identity::Nobody {
            return Ok(context.identity.clone());
        }
        let shared = &self.inner.shared;
        if !shared.is_auth_enabled()? {
            return Ok(Identity::Nobody);
        }
        let store = shared.auth()?;
        let token = context.metadata.get("token");
        let token = token.or_else(|| context.metadata.get("authorization"));
        // A token that is no text is as bad as any other that nobody gave out.
        let token = token.map(|value| value.to_str().unwrap_or_default());
        let common_name = context.peer.common_name.as_deref();
        let common_name = common_name.filter(|_| self.inner.client_cert_auth);
        shared.tokens.identify(&store, token, common_name)
    }

    /// Whether the caller may watch a range. A watch that was permitted once goes on whatever changes, as in etcd.
    ///
    /// # Errors
    /// It may not, or has not said who it is, or did so too long ago, or the token is not good: exactly those that etcd
    /// gives as the reason of a cancelled watch. Or the server has stopped.
    pub fn check_watch(
        &self,
        context: &RequestContext,
        key: &[u8],
        range_end: &[u8],
    ) -> Result<(), Error> {
        let identity = self.identify(context)?;
        (self.inner.shared.auth()?).check_read(&identity, key, range_end)
    }

    /// Whether the caller has the role `root`, as every change of the cluster needs.
    ///
    /// # Errors
    /// It has not, or has not said who it is.
    pub fn check_admin(&self, context: &RequestContext) -> Result<(), Error> {
        let identity = self.identify(context)?;
        self.inner.shared.auth()?.check_admin(&identity)
    }

    /// Whether the caller has said who it is, as the list of members needs.
    ///
    /// # Errors
    /// It has not.
    pub fn check_known(&self, context: &RequestContext) -> Result<(), Error> {
        let identity = self.identify(context)?;
        self.inner.shared.auth()?.check_known(&identity)
    }

    /// Turns authentication on.
    ///
    /// # Errors
    /// There is no user `root` with the role `root`, or as [`Core::put`].
    pub async fn auth_enable(
        &self,
        context: &RequestContext,
        r: pb::AuthEnableRequest,
    ) -> Result<pb::AuthEnableResponse, Error> {
        self.write(context, r).await
    }

    /// Turns authentication off.
    ///
    /// # Errors
    /// The caller is not `root`, or as [`Core::put`].
    pub async fn auth_disable(
        &self,
        context: &RequestContext,
        r: pb::AuthDisableRequest,
    ) -> Result<pb::AuthDisableResponse, Error> {
        self.write(context, r).await
    }

    /// Whether authentication is on, and the revision of users and roles.
    ///
    /// # Errors
    /// The token is not good, or the server has stopped.
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

    /// Checks a password and gives a token.
    ///
    /// # Errors
    /// Authentication is off, the user or the password is wrong, or too many logins wait.
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
            // The password is good for users and roles as they were when it was checked.
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

    /// Adds a user. The password is hashed on the way; a hash in the request is ignored.
    ///
    /// # Errors
    /// The caller is not `root`, the name is empty or taken, the password is too long, or as [`Core::put`].
    pub async fn user_add(
        &self,
        context: &RequestContext,
        mut r: pb::AuthUserAddRequest,
    ) -> Result<pb::AuthUserAddResponse, Error> {
        // Asked before, too, so that only `root` can make the server hash passwords.
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
    /// The caller is not `root`, there is no such user, or as [`Core::put`].
    pub async fn user_delete(
        &self,
        context: &RequestContext,
        r: pb::AuthUserDeleteRequest,
    ) -> Result<pb::AuthUserDeleteResponse, Error> {
        self.write(context, r).await
    }

    /// Changes a user's password, or its hash if that is what the request holds.
    ///
    /// # Errors
    /// The caller is not `root`, there is no such user, the password is too long, or as [`Core::put`].
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

    /// Gives a user a role.
    ///
    /// # Errors
    /// The caller is not `root`, there is no such user or role, or as [`Core::put`].
    pub async fn user_grant_role(
        &self,
        context: &RequestContext,
        r: pb::AuthUserGrantRoleRequest,
    ) -> Result<pb::AuthUserGrantRoleResponse, Error> {
        self.write(context, r).await
    }

    /// Takes a role from a user.
    ///
    /// # Errors
    /// The caller is not `root`, there is no such user, it has not that role, or as [`Core::put`].
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
    /// The caller is neither `root` nor that user, or there is no such user.
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
    /// The caller is not `root`, the name is empty or taken, or as [`Core::put`].
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
    /// The caller is not `root`, there is no such role, or as [`Core::put`].
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
    /// The caller is neither `root` nor has that role, or there is no such role.
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
    /// The caller is not `root`, there is no such role, the range is empty, or as [`Core::put`].
    pub async fn role_grant_permission(
        &self,
        context: &RequestContext,
        r: pb::AuthRoleGrantPermissionRequest,
    ) -> Result<pb::AuthRoleGrantPermissionResponse, Error> {
        self.write(context, r).await
    }

    /// Takes a permission from a role.
    ///
    /// # Errors
    /// The caller is not `root`, there is no such role or permission, or as [`Core::put`].
    pub async fn role_revoke_permission(
        &self,
        context: &RequestContext,
        r: pb::AuthRoleRevokePermissionRequest,
    ) -> Result<pb::AuthRoleRevokePermissionResponse, Error> {
        self.write(context, r).await
    }
}
