//! etcd's methods by name, over the channel: which may be sent twice, and how a prefix becomes a range.

use super::{
    channel::{Answers, Client, Repeat},
    deadline::Deadline,
    error::ClientError,
};
use crate::proto::etcdserverpb as pb;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident $path:literal $request:ident $answer:ident $repeat:ident;)*) => {
        impl Client {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// As [`ClientError`] says.
                pub async fn $name(&self, request: pb::$request, deadline: Deadline) -> Result<pb::$answer, ClientError> {
                    self.unary($path, request, Repeat::$repeat, deadline).await
                }
            )*
        }
    };
}

methods! {
    /// Reads keys.
    range "/etcdserverpb.KV/Range" RangeRequest RangeResponse Yes;
    /// Writes a key.
    put "/etcdserverpb.KV/Put" PutRequest PutResponse No;
    /// Deletes keys.
    delete_range "/etcdserverpb.KV/DeleteRange" DeleteRangeRequest DeleteRangeResponse No;
    /// Forgets old revisions.
    compact "/etcdserverpb.KV/Compact" CompactionRequest CompactionResponse No;
    /// Lists, raises or clears alarms.
    alarm "/etcdserverpb.Maintenance/Alarm" AlarmRequest AlarmResponse Yes;
    /// State of the member that is asked.
    status "/etcdserverpb.Maintenance/Status" StatusRequest StatusResponse Yes;
    /// Rewrites the member's database without its gaps.
    defragment "/etcdserverpb.Maintenance/Defragment" DefragmentRequest DefragmentResponse No;
    /// Hash of the key history.
    hash_kv "/etcdserverpb.Maintenance/HashKV" HashKvRequest HashKvResponse Yes;
    /// The members of the cluster.
    member_list "/etcdserverpb.Cluster/MemberList" MemberListRequest MemberListResponse Yes;
    /// A token for a name and a password.
    authenticate "/etcdserverpb.Auth/Authenticate" AuthenticateRequest AuthenticateResponse Yes;
}

impl Client {
    /// Compares, then one of two lists of requests.
    ///
    /// # Errors
    /// As [`ClientError`] says.
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

    /// Reads keys in several answers.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn range_stream(
        &self,
        request: pb::RangeRequest,
        deadline: Deadline,
    ) -> Result<Answers<pb::RangeStreamResponse>, ClientError> {
        self.stream("/etcdserverpb.KV/RangeStream", request, deadline, deadline)
            .await
    }

    /// The member's whole database as a stream.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn snapshot(
        &self,
        connect: Deadline,
        deadline: Deadline,
    ) -> Result<Answers<pb::SnapshotResponse>, ClientError> {
        let path = "/etcdserverpb.Maintenance/Snapshot";
        self.stream(path, pb::SnapshotRequest {}, connect, deadline)
            .await
    }

    /// Logs in, and keeps the token. A server without authentication is content without one.
    ///
    /// # Errors
    /// The server refuses the password, or can't be reached.
    pub async fn login(
        &self,
        name: &str,
        password: &str,
        deadline: Deadline,
    ) -> Result<(), ClientError> {
        let request = pb::AuthenticateRequest {
            name: name.into(),
            password: password.into(),
        };
        match self.authenticate(request, deadline).await {
            Ok(answer) => self.set_token(&answer.token),
            Err(error) if error.is("etcdserver: authentication is not enabled") => Ok(()),
            // A server that knows no authentication asks for none.
            Err(ClientError::Status {
                code: tonic::Code::Unimplemented,
                ..
            }) => Ok(()),
            Err(error) => Err(error),
        }
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

/// The first key behind all that begin with `prefix`; a zero byte (every key to the end) where there is none.
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
