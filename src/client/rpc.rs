//! etcd's methods: paths, messages and retry policies. Also computes the range of a prefix.

use super::{
    channel::{Client, Repeat},
    deadline::Deadline,
    error::ClientError,
    stream::{Answers, FirstAnswer, Requests, StreamOptions},
};
use crate::proto::{etcdserverpb as pb, v3electionpb, v3lockpb};

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident $path:literal $request:path => $answer:path, $repeat:ident;)*) => {
        impl Client {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// See [`ClientError`].
                pub async fn $name(&self, request: $request, deadline: Deadline) -> Result<$answer, ClientError> {
                    self.unary($path, request, Repeat::$repeat, deadline).await
                }
            )*
        }
    };
}

// One row per unary method. The last column is etcd's policy (etcd v3.7.1, client/v3/retry.go), with two exceptions
// that read or change nothing that a user sees: `AuthStatus`, for which etcd has no policy, and `Authenticate`, which
// etcd's client does not repeat.
methods! {
    /// Reads keys.
    range "/etcdserverpb.KV/Range" pb::RangeRequest => pb::RangeResponse, Yes;
    /// Writes a key.
    put "/etcdserverpb.KV/Put" pb::PutRequest => pb::PutResponse, No;
    /// Deletes keys.
    delete_range "/etcdserverpb.KV/DeleteRange" pb::DeleteRangeRequest => pb::DeleteRangeResponse, No;
    /// Compacts the history up to a revision.
    compact "/etcdserverpb.KV/Compact" pb::CompactionRequest => pb::CompactionResponse, No;

    /// Creates a lease.
    lease_grant "/etcdserverpb.Lease/LeaseGrant" pb::LeaseGrantRequest => pb::LeaseGrantResponse, Again;
    /// Revokes a lease, which deletes its keys.
    lease_revoke "/etcdserverpb.Lease/LeaseRevoke" pb::LeaseRevokeRequest => pb::LeaseRevokeResponse, Again;
    /// The remaining time to live of a lease, and its keys.
    lease_time_to_live "/etcdserverpb.Lease/LeaseTimeToLive" pb::LeaseTimeToLiveRequest => pb::LeaseTimeToLiveResponse, Yes;
    /// All leases.
    lease_leases "/etcdserverpb.Lease/LeaseLeases" pb::LeaseLeasesRequest => pb::LeaseLeasesResponse, Yes;

    /// Adds a member to the cluster.
    member_add "/etcdserverpb.Cluster/MemberAdd" pb::MemberAddRequest => pb::MemberAddResponse, No;
    /// Removes a member from the cluster.
    member_remove "/etcdserverpb.Cluster/MemberRemove" pb::MemberRemoveRequest => pb::MemberRemoveResponse, No;
    /// Changes the peer URLs of a member.
    member_update "/etcdserverpb.Cluster/MemberUpdate" pb::MemberUpdateRequest => pb::MemberUpdateResponse, No;
    /// The members of the cluster.
    member_list "/etcdserverpb.Cluster/MemberList" pb::MemberListRequest => pb::MemberListResponse, Yes;
    /// Promotes a learner to a voting member.
    member_promote "/etcdserverpb.Cluster/MemberPromote" pb::MemberPromoteRequest => pb::MemberPromoteResponse, No;

    /// Lists, raises or clears alarms.
    alarm "/etcdserverpb.Maintenance/Alarm" pb::AlarmRequest => pb::AlarmResponse, Yes;
    /// The status of a member.
    status "/etcdserverpb.Maintenance/Status" pb::StatusRequest => pb::StatusResponse, Yes;
    /// Defragments the database of a member.
    defragment "/etcdserverpb.Maintenance/Defragment" pb::DefragmentRequest => pb::DefragmentResponse, No;
    /// Hash of a member's whole database.
    hash "/etcdserverpb.Maintenance/Hash" pb::HashRequest => pb::HashResponse, Yes;
    /// Hash of the key history.
    hash_kv "/etcdserverpb.Maintenance/HashKV" pb::HashKvRequest => pb::HashKvResponse, Yes;
    /// Transfers the leadership to another member.
    move_leader "/etcdserverpb.Maintenance/MoveLeader" pb::MoveLeaderRequest => pb::MoveLeaderResponse, Again;
    /// Validates, enables or cancels a downgrade of the cluster.
    downgrade "/etcdserverpb.Maintenance/Downgrade" pb::DowngradeRequest => pb::DowngradeResponse, No;

    /// Enables authentication.
    auth_enable "/etcdserverpb.Auth/AuthEnable" pb::AuthEnableRequest => pb::AuthEnableResponse, No;
    /// Disables authentication.
    auth_disable "/etcdserverpb.Auth/AuthDisable" pb::AuthDisableRequest => pb::AuthDisableResponse, No;
    /// Whether authentication is enabled.
    auth_status "/etcdserverpb.Auth/AuthStatus" pb::AuthStatusRequest => pb::AuthStatusResponse, Yes;
    /// Obtains a token for a name and a password.
    authenticate "/etcdserverpb.Auth/Authenticate" pb::AuthenticateRequest => pb::AuthenticateResponse, Yes;
    /// Adds a user.
    user_add "/etcdserverpb.Auth/UserAdd" pb::AuthUserAddRequest => pb::AuthUserAddResponse, No;
    /// The roles of a user.
    user_get "/etcdserverpb.Auth/UserGet" pb::AuthUserGetRequest => pb::AuthUserGetResponse, Yes;
    /// The users.
    user_list "/etcdserverpb.Auth/UserList" pb::AuthUserListRequest => pb::AuthUserListResponse, Yes;
    /// Deletes a user.
    user_delete "/etcdserverpb.Auth/UserDelete" pb::AuthUserDeleteRequest => pb::AuthUserDeleteResponse, No;
    /// Changes a user's password.
    user_change_password "/etcdserverpb.Auth/UserChangePassword" pb::AuthUserChangePasswordRequest => pb::AuthUserChangePasswordResponse, No;
    /// Grants a role to a user.
    user_grant_role "/etcdserverpb.Auth/UserGrantRole" pb::AuthUserGrantRoleRequest => pb::AuthUserGrantRoleResponse, No;
    /// Revokes a role from a user.
    user_revoke_role "/etcdserverpb.Auth/UserRevokeRole" pb::AuthUserRevokeRoleRequest => pb::AuthUserRevokeRoleResponse, No;
    /// Adds a role.
    role_add "/etcdserverpb.Auth/RoleAdd" pb::AuthRoleAddRequest => pb::AuthRoleAddResponse, No;
    /// The permissions of a role.
    role_get "/etcdserverpb.Auth/RoleGet" pb::AuthRoleGetRequest => pb::AuthRoleGetResponse, Yes;
    /// The roles.
    role_list "/etcdserverpb.Auth/RoleList" pb::AuthRoleListRequest => pb::AuthRoleListResponse, Yes;
    /// Deletes a role.
    role_delete "/etcdserverpb.Auth/RoleDelete" pb::AuthRoleDeleteRequest => pb::AuthRoleDeleteResponse, No;
    /// Grants a permission to a role.
    role_grant_permission "/etcdserverpb.Auth/RoleGrantPermission" pb::AuthRoleGrantPermissionRequest => pb::AuthRoleGrantPermissionResponse, No;
    /// Revokes a permission from a role.
    role_revoke_permission "/etcdserverpb.Auth/RoleRevokePermission" pb::AuthRoleRevokePermissionRequest => pb::AuthRoleRevokePermissionResponse, No;

    /// Acquires a lock; the server waits until it is free.
    lock "/v3lockpb.Lock/Lock" v3lockpb::LockRequest => v3lockpb::LockResponse, No;
    /// Releases a lock.
    unlock "/v3lockpb.Lock/Unlock" v3lockpb::UnlockRequest => v3lockpb::UnlockResponse, No;

    /// Waits to become the leader of an election.
    campaign "/v3electionpb.Election/Campaign" v3electionpb::CampaignRequest => v3electionpb::CampaignResponse, No;
    /// Changes the proclamation of a leader.
    proclaim "/v3electionpb.Election/Proclaim" v3electionpb::ProclaimRequest => v3electionpb::ProclaimResponse, No;
    /// The leader of an election.
    leader "/v3electionpb.Election/Leader" v3electionpb::LeaderRequest => v3electionpb::LeaderResponse, No;
    /// Resigns as leader of an election.
    resign "/v3electionpb.Election/Resign" v3electionpb::ResignRequest => v3electionpb::ResignResponse, No;
}

impl Client {
    /// Executes one of two lists of requests, depending on conditions.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn txn(
        &self,
        request: pb::TxnRequest,
        deadline: Deadline,
    ) -> Result<pb::TxnResponse, ClientError> {
        let repeat = if writes(&request) {
            Repeat::No
        } else {
            Repeat::Read
        };
        self.unary("/etcdserverpb.KV/Txn", request, repeat, deadline)
            .await
    }

    /// Reads keys in several responses. `first` bounds the first one, and `deadline` each later one.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn range_stream(
        &self,
        request: pb::RangeRequest,
        first: Deadline,
        deadline: Deadline,
    ) -> Result<Answers<pb::RangeStreamResponse>, ClientError> {
        let path = "/etcdserverpb.KV/RangeStream";
        let connect = first;
        let first = FirstAnswer {
            repeat: Repeat::Read,
            deadline: first,
        };
        self.stream_from_first(path, request, first, connect, deadline)
            .await
    }

    /// A member's whole database as a stream. `connect` bounds the connection to a server, `first` the first response, and
    /// `deadline` each later one.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn snapshot(
        &self,
        connect: Deadline,
        first: Deadline,
        deadline: Deadline,
    ) -> Result<Answers<pb::SnapshotResponse>, ClientError> {
        let path = "/etcdserverpb.Maintenance/Snapshot";
        let first = FirstAnswer {
            repeat: Repeat::Yes,
            deadline: first,
        };
        self.stream_from_first(path, pb::SnapshotRequest {}, first, connect, deadline)
            .await
    }

    /// The stream of watches. Requests create and cancel watches and request progress; responses contain events. Not
    /// resumed after a failure.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn watch_stream(
        &self,
        options: StreamOptions,
        connect: Deadline,
    ) -> Result<(Requests<pb::WatchRequest>, Answers<pb::WatchResponse>), ClientError> {
        let path = "/etcdserverpb.Watch/Watch";
        self.duplex(path, options, connect, Deadline::never()).await
    }

    /// The stream of keep-alives. Each request renews a lease; each response contains its time to live. Not resumed
    /// after a failure.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn lease_keep_alive_stream(
        &self,
        options: StreamOptions,
        connect: Deadline,
    ) -> Result<
        (
            Requests<pb::LeaseKeepAliveRequest>,
            Answers<pb::LeaseKeepAliveResponse>,
        ),
        ClientError,
    > {
        let path = "/etcdserverpb.Lease/LeaseKeepAlive";
        self.duplex(path, options, connect, Deadline::never()).await
    }

    /// The leaders of an election, each when it takes over.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn observe(
        &self,
        request: v3electionpb::LeaderRequest,
        connect: Deadline,
    ) -> Result<Answers<v3electionpb::LeaderResponse>, ClientError> {
        let path = "/v3electionpb.Election/Observe";
        let options = StreamOptions::default();
        self.stream(path, request, options, connect, Deadline::never())
            .await
    }
}

/// Whether a transaction can change something.
fn writes(txn: &pb::TxnRequest) -> bool {
    use pb::request_op::Request;
    txn.success
        .iter()
        .chain(&txn.failure)
        .any(|op| match &op.request {
            Some(Request::RequestTxn(inner)) => writes(inner),
            Some(Request::RequestRange(_)) | None => false,
            Some(Request::RequestPut(_) | Request::RequestDeleteRange(_)) => true,
        })
}

/// The end of the range of all keys with `prefix`. If no key can follow them, this is a zero byte, which means all keys
/// to the end.
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.last_mut() {
        if *last < 0xff {
            *last += 1;
            return end;
        }
        end.pop();
    }
    vec![0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix() {
        assert_eq!(prefix_end(b"foo"), b"fop");
        assert_eq!(prefix_end(b"a\xff\xff"), b"b");
        assert_eq!(prefix_end(b"\xff"), b"\0");
        assert_eq!(prefix_end(b""), b"\0");
    }
}
