//! Operations on users, roles and the state of authentication: those messages of the Auth service that change
//! something. Passwords have already been hashed. Source: etcd v3.7.1, server/etcdserver/apply/{auth,backend}.go.

use std::sync::Arc;

use prost::Message as _;

use super::{
    claim::SpaceClaim,
    op::{Caller, Op},
    state::State,
};
use crate::{
    proto::etcdserverpb as pb,
    server::{
        auth::{AuthStore, Effects},
        error::Error,
        loggable::Loggable as _,
    },
};

/// Bytes and records written by every change: the auth state and revision, and the overhead of a record.
const OVERHEAD: (u64, u64) = (256, 4);

impl State {
    /// Makes a change to users and roles, and adds its records to the batch.
    fn change_auth<T>(
        &mut self,
        change: impl FnOnce(&mut AuthStore, &mut Effects) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut effects = Effects::default();
        let answer = change(Arc::make_mut(&mut self.auth), &mut effects)?;
        for record in std::mem::take(&mut effects.records) {
            match record.value {
                Some(value) => self.put(record.bucket, record.key, value)?,
                None => self.delete(record.bucket, record.key)?,
            }
        }
        self.auth_effects.push(effects);
        Ok(answer)
    }
}

/// Which record of a change may be long: that of a user, or that of a role and of all its users.
enum LongRecord<'a> {
    None,
    User(&'a str),
    Role(&'a str),
}

macro_rules! auth_ops {
    ($($request:ident = $field:literal -> $answer:ident, |$r:ident| $touched:expr, |$store:ident, $effects:ident| $change:expr;)*) => {
        $(impl Op for pb::$request {
            type Answer = pb::$answer;

            const NAME: &str = stringify!($request);
            const LOG_FIELD: Option<u32> = Some($field);
            const REFUSED_WHEN_CORRUPT: bool = false;

            fn message_len(&self) -> usize {
                self.encoded_len()
            }

            fn claim(&self, claim: &mut SpaceClaim<'_>) {
                let $r = self;
                let (bytes, records) = match $touched {
                    LongRecord::None => (0, 0),
                    LongRecord::User(name) => claim.auth().user_size(name),
                    LongRecord::Role(name) => claim.auth().role_size(name),
                };
                // The same user or role may have grown earlier in this group.
                let message = 2 * self.encoded_len() as u64;
                claim.records(bytes + message + OVERHEAD.0, records + OVERHEAD.1);
            }

            fn answer_size(answer: &Self::Answer) -> Option<usize> {
                Some(answer.encoded_len())
            }

            fn describe(&self) -> String {
                self.loggable()
            }

            fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error> {
                caller.auth.check_admin(caller.identity)
            }

            fn apply(&self, state: &mut State) -> Result<Self::Answer, Error> {
                let $r = self;
                let mut answer = state.change_auth(|$store, $effects| $change)?;
                answer.header = Some(state.header());
                Ok(answer)
            }
        })*
    };
}

auth_ops! {
    AuthEnableRequest = 1000 -> AuthEnableResponse, |_r| LongRecord::None, |s, e| s.enable(e);
    AuthDisableRequest = 1011 -> AuthDisableResponse, |_r| LongRecord::None, |s, e| Ok(s.disable(e));
    AuthUserAddRequest = 1100 -> AuthUserAddResponse,
        |_r| LongRecord::None, |s, e| s.user_add(_r, e);
    AuthUserDeleteRequest = 1101 -> AuthUserDeleteResponse,
        |r| LongRecord::User(&r.name), |s, e| s.user_delete(r, e);
    AuthUserChangePasswordRequest = 1103 -> AuthUserChangePasswordResponse,
        |r| LongRecord::User(&r.name), |s, e| s.user_change_password(r, e);
    AuthUserGrantRoleRequest = 1104 -> AuthUserGrantRoleResponse,
        |r| LongRecord::User(&r.user), |s, e| s.user_grant_role(r, e);
    AuthUserRevokeRoleRequest = 1105 -> AuthUserRevokeRoleResponse,
        |r| LongRecord::User(&r.name), |s, e| s.user_revoke_role(r, e);
    AuthRoleAddRequest = 1200 -> AuthRoleAddResponse,
        |_r| LongRecord::None, |s, e| s.role_add(_r, e);
    AuthRoleDeleteRequest = 1201 -> AuthRoleDeleteResponse,
        |r| LongRecord::Role(&r.role), |s, e| s.role_delete(r, e);
    AuthRoleGrantPermissionRequest = 1203 -> AuthRoleGrantPermissionResponse,
        |r| LongRecord::Role(&r.name), |s, e| s.role_grant_permission(r, e);
    AuthRoleRevokePermissionRequest = 1204 -> AuthRoleRevokePermissionResponse,
        |r| LongRecord::Role(&r.role), |s, e| s.role_revoke_permission(r, e);
}
