//! What access a request needs to a data directory that this process opens. Opens nothing itself.

use std::any::Any;

use crate::proto::etcdserverpb as pb;

/// The access to a data directory. Each level includes the previous ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// To read an existing database.
    Read,
    /// To change an existing database.
    Change,
    /// To change the database, and to create it if it does not exist.
    Create,
}

impl Access {
    /// The access needed by a request to the method at `path`.
    pub fn of(path: &str, request: &dyn Any) -> Access {
        if let Some(txn) = request.downcast_ref::<pb::TxnRequest>() {
            return Access::of_txn(txn);
        }
        if let Some(alarm) = request.downcast_ref::<pb::AlarmRequest>() {
            return match alarm.action() {
                pb::alarm_request::AlarmAction::Get => Access::Read,
                _ => Access::Change,
            };
        }
        match path.rsplit('/').next().unwrap_or_default() {
            "Range" | "RangeStream" | "Watch" | "LeaseTimeToLive" | "LeaseLeases"
            | "AuthStatus" | "Authenticate" | "UserGet" | "UserList" | "RoleGet" | "RoleList"
            | "MemberList" | "Status" | "Hash" | "HashKV" | "Snapshot" | "Check" => Access::Read,
            "Put" | "LeaseGrant" | "UserAdd" | "RoleAdd" | "Lock" | "Campaign" => Access::Create,
            _ => Access::Change,
        }
    }

    /// The highest access needed by any operation of a transaction.
    fn of_txn(txn: &pb::TxnRequest) -> Access {
        use pb::request_op::Request;
        let operations = txn.success.iter().chain(&txn.failure);
        let needs = operations.map(|op| match &op.request {
            Some(Request::RequestPut(_)) => Access::Create,
            Some(Request::RequestDeleteRange(_)) => Access::Change,
            Some(Request::RequestTxn(inner)) => Access::of_txn(inner),
            Some(Request::RequestRange(_)) | None => Access::Read,
        });
        needs.max().unwrap_or(Access::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_needs_no_more_access_than_it_uses() {
        let txn = |op: pb::request_op::Request| pb::TxnRequest {
            failure: vec![pb::RequestOp { request: Some(op) }],
            ..Default::default()
        };
        use pb::request_op::Request;
        let put = txn(Request::RequestPut(pb::PutRequest::default()));
        let delete = txn(Request::RequestDeleteRange(
            pb::DeleteRangeRequest::default(),
        ));
        let range = txn(Request::RequestRange(pb::RangeRequest::default()));
        let nested = txn(Request::RequestTxn(put.clone()));
        for (request, access) in [
            (put, Access::Create),
            (nested, Access::Create),
            (delete, Access::Change),
            (range, Access::Read),
            (pb::TxnRequest::default(), Access::Read),
        ] {
            assert_eq!(Access::of("/etcdserverpb.KV/Txn", &request), access);
        }
        let mut alarm = pb::AlarmRequest::default();
        assert_eq!(Access::of("", &alarm), Access::Read);
        alarm.set_action(pb::alarm_request::AlarmAction::Deactivate);
        assert_eq!(Access::of("", &alarm), Access::Change);
        for (path, access) in [
            ("/etcdserverpb.KV/Range", Access::Read),
            ("/etcdserverpb.KV/Put", Access::Create),
            ("/etcdserverpb.KV/DeleteRange", Access::Change),
            ("/etcdserverpb.KV/Compact", Access::Change),
            ("/etcdserverpb.Lease/LeaseRevoke", Access::Change),
            ("/etcdserverpb.Maintenance/Snapshot", Access::Read),
        ] {
            assert_eq!(Access::of(path, &()), access, "{path}");
        }
    }
}
