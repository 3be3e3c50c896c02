//! Permission checks: the rules for every kind of request, given a state of users and roles. Changes nothing. Source:
//! etcd v3.7.1, server/auth/store.go, server/etcdserver/apply/auth.go, server/etcdserver/v3_server.go and
//! server/etcdserver/api/v3rpc.

use bytes::Bytes;

use super::{identity::Identity, permissions::Access, store::AuthStore};
use crate::{
    proto::etcdserverpb::{
        AlarmRequest, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
        alarm_request::AlarmAction, request_op::Request,
    },
    server::error::Error,
};

/// Looks up the keys attached to a lease, in the state that a request is checked against.
pub trait LeaseKeys {
    /// The keys; none if the lease does not exist.
    fn keys(&self, lease: i64) -> Vec<Bytes>;
}

impl LeaseKeys for crate::server::lease::Lessor {
    fn keys(&self, lease: i64) -> Vec<Bytes> {
        crate::server::lease::Lessor::keys(self, lease)
    }
}

impl LeaseKeys for crate::server::lease::Group {
    fn keys(&self, lease: i64) -> Vec<Bytes> {
        crate::server::lease::Group::keys(self, lease).unwrap_or_default()
    }
}

impl AuthStore {
    /// Checks access to all keys of a range.
    fn check(
        &self,
        who: &Identity,
        access: Access,
        key: &[u8],
        range_end: &[u8],
    ) -> Result<(), Error> {
        if !self.enabled {
            return Ok(());
        }
        let (name, revision) = match who {
            Identity::Server => return Ok(()),
            Identity::Nobody => return Err(Error::UserEmpty),
            Identity::User { name, revision } => (name, *revision),
        };
        // A token may contain revision 0, as etcd's does if it belongs to no user.
        if revision == 0 {
            return Err(Error::UserEmpty);
        }
        // Authentication from before the last change of users and roles must be repeated.
        if revision < self.revision {
            return Err(Error::AuthOldRevision);
        }
        let account = self.account(name).ok_or(Error::PermissionDenied)?;
        if account.is_root() || account.permissions.allow(access, key, range_end) {
            return Ok(());
        }
        Err(Error::PermissionDenied)
    }

    /// Checks read access to all keys of a range, or to one key if `range_end` is empty. Watches need the same.
    ///
    /// # Errors
    /// The caller is not authenticated, or was authenticated at an older revision, or has no permission.
    pub fn check_read(&self, who: &Identity, key: &[u8], range_end: &[u8]) -> Result<(), Error> {
        self.check(who, Access::Read, key, range_end)
    }

    /// Checks write access to all keys of a range, or to one key if `range_end` is empty.
    ///
    /// # Errors
    /// See [`AuthStore::check_read`].
    pub fn check_write(&self, who: &Identity, key: &[u8], range_end: &[u8]) -> Result<(), Error> {
        self.check(who, Access::Write, key, range_end)
    }

    /// Checks that the caller has the role `root`. Unlike the other checks, ignores the revision.
    ///
    /// # Errors
    /// The caller is not authenticated, no longer exists, or does not have the role.
    pub fn check_admin(&self, who: &Identity) -> Result<(), Error> {
        if !self.enabled || *who == Identity::Server {
            return Ok(());
        }
        if who.name().is_empty() {
            return Err(Error::UserEmpty);
        }
        match self.account(who.name()) {
            None => Err(Error::UserNotFound),
            Some(account) if account.is_root() => Ok(()),
            Some(_) => Err(Error::PermissionDenied),
        }
    }

    /// Checks that the caller is authenticated, which suffices for status, the member list and the list of alarms.
    ///
    /// # Errors
    /// The caller is not authenticated.
    pub fn check_known(&self, who: &Identity) -> Result<(), Error> {
        match self.enabled && *who == Identity::Nobody {
            true => Err(Error::UserEmpty),
            false => Ok(()),
        }
    }

    /// Checks a range request.
    ///
    /// # Errors
    /// See [`AuthStore::check_read`].
    pub fn check_range(&self, who: &Identity, r: &RangeRequest) -> Result<(), Error> {
        self.check_read(who, &r.key, &r.range_end)
    }

    /// Checks a put. With a lease, all keys attached to it must be writable: a user who may not revoke a lease may not
    /// attach keys to it either.
    ///
    /// # Errors
    /// See [`AuthStore::check_read`].
    pub fn check_put(
        &self,
        who: &Identity,
        r: &PutRequest,
        leases: &impl LeaseKeys,
    ) -> Result<(), Error> {
        self.check_write(who, &r.key, b"")?;
        if r.lease != 0 {
            self.check_lease_write(who, r.lease, leases)?;
        }
        match r.prev_kv {
            true => self.check_read(who, &r.key, b""),
            false => Ok(()),
        }
    }

    /// Checks a deletion.
    ///
    /// # Errors
    /// See [`AuthStore::check_read`].
    pub fn check_delete(&self, who: &Identity, r: &DeleteRangeRequest) -> Result<(), Error> {
        self.check_write(who, &r.key, &r.range_end)?;
        match r.prev_kv {
            true => self.check_read(who, &r.key, &r.range_end),
            false => Ok(()),
        }
    }

    /// Checks a transaction: its compares and both branches, including nested transactions, whatever the result of the
    /// compares.
    ///
    /// # Errors
    /// See [`AuthStore::check_read`].
    pub fn check_txn(
        &self,
        who: &Identity,
        r: &TxnRequest,
        leases: &impl LeaseKeys,
    ) -> Result<(), Error> {
        if !self.enabled {
            return Ok(());
        }
        for compare in &r.compare {
            self.check_read(who, &compare.key, &compare.range_end)?;
        }
        for op in r.success.iter().chain(&r.failure) {
            self.check_op(who, op, leases)?;
        }
        Ok(())
    }

    fn check_op(
        &self,
        who: &Identity,
        op: &RequestOp,
        leases: &impl LeaseKeys,
    ) -> Result<(), Error> {
        match &op.request {
            Some(Request::RequestRange(r)) => self.check_range(who, r),
            Some(Request::RequestPut(r)) => self.check_put(who, r, leases),
            Some(Request::RequestDeleteRange(r)) => {
                if r.prev_kv {
                    self.check_read(who, &r.key, &r.range_end)?;
                }
                self.check_write(who, &r.key, &r.range_end)
            }
            Some(Request::RequestTxn(r)) => self.check_txn(who, r, leases),
            None => Ok(()),
        }
    }

    /// Checks revoking or renewing a lease, or attaching a key to it: all attached keys must be writable.
    ///
    /// # Errors
    /// See [`AuthStore::check_read`].
    pub fn check_lease_write(
        &self,
        who: &Identity,
        lease: i64,
        leases: &impl LeaseKeys,
    ) -> Result<(), Error> {
        if self.check_admin(who).is_ok() {
            return Ok(());
        }
        (leases.keys(lease).iter()).try_for_each(|key| self.check_write(who, key, b""))
    }

    /// Checks reading the keys attached to a lease: all of them must be readable.
    ///
    /// # Errors
    /// See [`AuthStore::check_read`].
    pub fn check_lease_read(
        &self,
        who: &Identity,
        lease: i64,
        leases: &impl LeaseKeys,
    ) -> Result<(), Error> {
        self.check_known(who)?;
        if self.check_admin(who).is_ok() {
            return Ok(());
        }
        (leases.keys(lease).iter()).try_for_each(|key| self.check_read(who, key, b""))
    }

    /// Checks an alarm request: listing needs authentication; raising and clearing need `root`.
    ///
    /// # Errors
    /// See [`AuthStore::check_admin`].
    pub fn check_alarm(&self, who: &Identity, r: &AlarmRequest) -> Result<(), Error> {
        match r.action() {
            AlarmAction::Get => self.check_known(who),
            _ => self.check_admin(who),
        }
    }

    /// Checks reading a user: permitted to `root` and to the user itself.
    ///
    /// # Errors
    /// See [`AuthStore::check_admin`].
    pub fn check_user_get(&self, who: &Identity, user: &str) -> Result<(), Error> {
        let refused = self.check_admin(who);
        match refused.is_err() && who.name() == user {
            true => Ok(()),
            false => refused,
        }
    }

    /// Checks reading a role: permitted to `root` and to users that have it.
    ///
    /// # Errors
    /// See [`AuthStore::check_admin`].
    pub fn check_role_get(&self, who: &Identity, role: &str) -> Result<(), Error> {
        let refused = self.check_admin(who);
        let has_it = self.account(who.name()).is_some_and(|a| a.has_role(role));
        match refused.is_err() && has_it {
            true => Ok(()),
            false => refused,
        }
    }

    /// Checks again before a response is sent: users and roles may have changed while it was being read.
    ///
    /// # Errors
    /// They have changed.
    pub fn check_still(&self, who: &Identity) -> Result<(), Error> {
        match who {
            Identity::User { revision, .. } if *revision != 0 && *revision != self.revision => {
                Err(Error::AuthOldRevision)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "checks_tests.rs"]
mod tests;
