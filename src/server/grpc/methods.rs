//! The table of methods. To add an RPC, add a row: it determines the function that implements the method, how its
//! messages flow, and its path in the JSON gateway.
//!
//! The shapes:
//!
//! | shape | signature of the function |
//! |---|---|
//! | `unary` | `async fn(&self, &RequestContext, Q) -> Result<R, Error>` |
//! | `encoded` | the same, but returns an encoded response: `Result<Encoded, Error>` |
//! | `server_stream` | `async fn(&self, &RequestContext, Q, Outbound<R>) -> Result<(), Error>` |
//! | `live_stream` | the same, for an endless stream: it ends when the server stops |
//! | `two_way` | `async fn(&self, &RequestContext, Inbound<Q>, Outbound<R>) -> Result<(), Error>`; ends when the server stops |
//! | `lockstep` | the same, for a method that only answers each message: it has no task, and runs while the client takes the answers |
//!
//! [`stream`](super::stream) explains how to write a function with streams.

use std::sync::Arc;

use tonic::{Code, Status};

use super::{
    body::Body,
    call::{Call, Driven, run_stream},
    services::Services,
    slow::Watched,
    stream::{Inbound, Outbound},
};
use crate::server::metrics::MethodLabels;

/// How the messages of a method flow, in grpc-prometheus' terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodType {
    /// One request, one response.
    Unary,
    /// One request, many responses.
    ServerStream,
    /// Many requests, many responses.
    BidiStream,
}

impl MethodType {
    /// The label of grpc-prometheus.
    pub fn label(self) -> &'static str {
        match self {
            MethodType::Unary => "unary",
            MethodType::ServerStream => "server_stream",
            MethodType::BidiStream => "bidi_stream",
        }
    }
}

/// A row of the table, without the function.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Full name of the gRPC service.
    pub service: &'static str,
    /// Name of the method.
    pub name: &'static str,
    /// How its messages flow.
    pub kind: MethodType,
    /// Its paths in the JSON gateway, below `/v3/`.
    pub gateway: &'static [&'static str],
}

macro_rules! methods {
    ($(
        $(#[$condition:meta])*
        $method:ident $service:literal $name:literal [$($path:literal),*]
        $shape:ident $object:ident.$function:ident;
    )*) => {
        /// The implemented methods.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Method { $($(#[$condition])* #[doc = $name] $method,)* }

        impl Method {
            /// All methods.
            pub const ALL: &[Method] = &[$($(#[$condition])* Method::$method,)*];

            const ROWS: &[Row] = &[$($(#[$condition])* Row {
                service: $service,
                name: $name,
                kind: kind!($shape),
                gateway: &[$($path),*],
            },)*];

            /// The method with this path: `/SERVICE/NAME`.
            pub fn find(path: &str) -> Option<Method> {
                match path {
                    $($(#[$condition])* concat!("/", $service, "/", $name) => Some(Method::$method),)*
                    _ => None,
                }
            }
        }

        /// Answers one request.
        pub(super) async fn answer(
            services: &Arc<Services>,
            method: Method,
            call: Call,
        ) -> Result<Body, Status> {
            match method {
                // A block of its own lets all methods use the same memory; otherwise each of them would add to the size
                // of every request.
                $($(#[$condition])* Method::$method => {
                    async move { shape!($shape, method, services, call, $object, $function) }.await
                })*
            }
        }
    };
}

macro_rules! kind {
    (unary) => {
        MethodType::Unary
    };
    (encoded) => {
        MethodType::Unary
    };
    (server_stream) => {
        MethodType::ServerStream
    };
    (live_stream) => {
        MethodType::ServerStream
    };
    (lockstep) => {
        MethodType::BidiStream
    };
    (two_way) => {
        MethodType::BidiStream
    };
}

/// Ends the call with the error, if there is one.
macro_rules! attempt {
    ($handling:ident, $result:expr) => {
        match $result {
            Ok(value) => value,
            Err(refused) => {
                let status = Status::from(refused);
                $handling.end(status.code());
                return Err(status);
            }
        }
    };
}

macro_rules! shape {
    (unary, $method:expr, $services:ident, $call:ident, $object:ident, $function:ident) => {{
        let Call {
            context,
            request,
            encoding,
            handling,
        } = $call;
        let (request, encoded) = attempt!(handling, request.unary_message().await);
        handling.received(encoded.len());
        let watched = Watched::new($method, encoded, &context);
        // Boxed, so that the largest function does not determine the size of every request.
        let answer = Box::pin($services.$object.$function(&context, request)).await;
        watched.answered($services, &answer);
        let response = attempt!(handling, answer);
        let size = prost::Message::encoded_len(&response);
        let counted = encoding.body(&response, || $services.core.answers());
        let body = attempt!(handling, counted.await);
        handling.sent(size);
        handling.end(Code::Ok);
        Ok(body)
    }};
    (encoded, $method:expr, $services:ident, $call:ident, $object:ident, $function:ident) => {{
        let Call {
            context,
            request,
            encoding,
            handling,
        } = $call;
        let (request, encoded) = attempt!(handling, request.unary_message().await);
        handling.received(encoded.len());
        let watched = Watched::new($method, encoded, &context);
        let answer = $services.$object.$function(&context, request).await;
        watched.answered($services, &answer);
        let response = attempt!(handling, answer);
        let size = response.message_len();
        let body = attempt!(handling, encoding.encoded_body(response).await);
        handling.sent(size);
        handling.end(Code::Ok);
        Ok(body)
    }};
    (server_stream, $method:expr, $services:ident, $call:ident, $object:ident, $function:ident) => {
        shape!(one_to_many, $services, $call, $object, $function, None)
    };
    (live_stream, $method:expr, $services:ident, $call:ident, $object:ident, $function:ident) => {
        shape!(
            one_to_many,
            $services,
            $call,
            $object,
            $function,
            Some($services.phase.clone())
        )
    };
    (one_to_many, $services:ident, $call:ident, $object:ident, $function:ident, $phase:expr) => {{
        let Call {
            context,
            request,
            encoding,
            handling,
        } = $call;
        let request = attempt!(handling, request.only_message().await);
        handling.received(prost::Message::encoded_len(&request));
        let (outbound, parts, body) = Outbound::new(encoding, handling.messages());
        let services = Arc::clone($services);
        let (deadline, phase) = (context.deadline, $phase);
        let work = async move {
            services
                .$object
                .$function(&context, request, outbound)
                .await
        };
        run_stream(work, deadline, phase, parts, handling);
        Ok(body)
    }};
    (lockstep, $method:expr, $services:ident, $call:ident, $object:ident, $function:ident) => {{
        let (outbound, parts) = Outbound::driven($call.encoding, $call.handling.messages());
        let (call, phase) = ($call, $services.phase.clone());
        let deadline = call.context.deadline;
        let (work, handling) = shape!(work, $services, call, $object, $function, outbound);
        let driven = Driven::new(work, parts, deadline, phase, handling);
        Ok(Body::driven(driven))
    }};
    (two_way, $method:expr, $services:ident, $call:ident, $object:ident, $function:ident) => {{
        let (outbound, parts, body) = Outbound::new($call.encoding, $call.handling.messages());
        let (call, phase) = ($call, Some($services.phase.clone()));
        let deadline = call.context.deadline;
        let (work, handling) = shape!(work, $services, call, $object, $function, outbound);
        run_stream(work, deadline, phase, parts, handling);
        Ok(body)
    }};
    (work, $services:ident, $call:ident, $object:ident, $function:ident, $outbound:ident) => {{
        let Call {
            mut context,
            request,
            handling,
            ..
        } = $call;
        context.keep_only_credentials();
        let inbound = Inbound::new(request, handling.messages());
        let services = Arc::clone($services);
        let work = async move {
            services
                .$object
                .$function(&context, inbound, $outbound)
                .await
        };
        (work, handling)
    }};
}

methods! {
    Range "etcdserverpb.KV" "Range" ["kv/range"] encoded kv.range;
    RangeStream "etcdserverpb.KV" "RangeStream" [] server_stream kv.range_stream;
    Put "etcdserverpb.KV" "Put" ["kv/put"] unary kv.put;
    DeleteRange "etcdserverpb.KV" "DeleteRange" ["kv/deleterange"] unary kv.delete_range;
    Txn "etcdserverpb.KV" "Txn" ["kv/txn"] encoded kv.txn;
    Compact "etcdserverpb.KV" "Compact" ["kv/compaction"] unary core.compact;
    Alarm "etcdserverpb.Maintenance" "Alarm" ["maintenance/alarm"] unary core.alarm;
    Status "etcdserverpb.Maintenance" "Status" ["maintenance/status"] unary maintenance.status;
    Defragment "etcdserverpb.Maintenance" "Defragment" ["maintenance/defragment"] unary maintenance.defragment;
    Hash "etcdserverpb.Maintenance" "Hash" ["maintenance/hash"] unary maintenance.hash;
    HashKv "etcdserverpb.Maintenance" "HashKV" ["maintenance/hashkv"] unary core.hash_kv;
    Snapshot "etcdserverpb.Maintenance" "Snapshot" ["maintenance/snapshot"] server_stream snapshots.snapshot;
    MoveLeader "etcdserverpb.Maintenance" "MoveLeader" ["maintenance/transfer-leadership"] unary maintenance.move_leader;
    Downgrade "etcdserverpb.Maintenance" "Downgrade" ["maintenance/downgrade"] unary maintenance.downgrade;
    MemberAdd "etcdserverpb.Cluster" "MemberAdd" ["cluster/member/add"] unary cluster.member_add;
    MemberRemove "etcdserverpb.Cluster" "MemberRemove" ["cluster/member/remove"] unary cluster.member_remove;
    MemberUpdate "etcdserverpb.Cluster" "MemberUpdate" ["cluster/member/update"] unary cluster.member_update;
    MemberList "etcdserverpb.Cluster" "MemberList" ["cluster/member/list"] unary cluster.member_list;
    MemberPromote "etcdserverpb.Cluster" "MemberPromote" ["cluster/member/promote"] unary cluster.member_promote;
    LeaseGrant "etcdserverpb.Lease" "LeaseGrant" ["lease/grant"] unary core.lease_grant;
    LeaseRevoke "etcdserverpb.Lease" "LeaseRevoke" ["lease/revoke", "kv/lease/revoke"] unary core.lease_revoke;
    LeaseKeepAlive "etcdserverpb.Lease" "LeaseKeepAlive" ["lease/keepalive"] lockstep lease.keep_alive;
    LeaseTimeToLive "etcdserverpb.Lease" "LeaseTimeToLive" ["lease/timetolive", "kv/lease/timetolive"] unary core.lease_time_to_live;
    LeaseLeases "etcdserverpb.Lease" "LeaseLeases" ["lease/leases", "kv/lease/leases"] unary core.lease_leases;
    AuthEnable "etcdserverpb.Auth" "AuthEnable" ["auth/enable"] unary core.auth_enable;
    AuthDisable "etcdserverpb.Auth" "AuthDisable" ["auth/disable"] unary core.auth_disable;
    AuthStatus "etcdserverpb.Auth" "AuthStatus" ["auth/status"] unary core.auth_status;
    Authenticate "etcdserverpb.Auth" "Authenticate" ["auth/authenticate"] unary core.authenticate;
    UserAdd "etcdserverpb.Auth" "UserAdd" ["auth/user/add"] unary core.user_add;
    UserGet "etcdserverpb.Auth" "UserGet" ["auth/user/get"] unary core.user_get;
    UserList "etcdserverpb.Auth" "UserList" ["auth/user/list"] unary core.user_list;
    UserDelete "etcdserverpb.Auth" "UserDelete" ["auth/user/delete"] unary core.user_delete;
    UserChangePassword "etcdserverpb.Auth" "UserChangePassword" ["auth/user/changepw"] unary core.user_change_password;
    UserGrantRole "etcdserverpb.Auth" "UserGrantRole" ["auth/user/grant"] unary core.user_grant_role;
    UserRevokeRole "etcdserverpb.Auth" "UserRevokeRole" ["auth/user/revoke"] unary core.user_revoke_role;
    RoleAdd "etcdserverpb.Auth" "RoleAdd" ["auth/role/add"] unary core.role_add;
    RoleGet "etcdserverpb.Auth" "RoleGet" ["auth/role/get"] unary core.role_get;
    RoleList "etcdserverpb.Auth" "RoleList" ["auth/role/list"] unary core.role_list;
    RoleDelete "etcdserverpb.Auth" "RoleDelete" ["auth/role/delete"] unary core.role_delete;
    RoleGrantPermission "etcdserverpb.Auth" "RoleGrantPermission" ["auth/role/grant"] unary core.role_grant_permission;
    RoleRevokePermission "etcdserverpb.Auth" "RoleRevokePermission" ["auth/role/revoke"] unary core.role_revoke_permission;
    Lock "v3lockpb.Lock" "Lock" ["lock/lock"] unary lock.lock;
    Unlock "v3lockpb.Lock" "Unlock" ["lock/unlock"] unary lock.unlock;
    Campaign "v3electionpb.Election" "Campaign" ["election/campaign"] unary election.campaign;
    Proclaim "v3electionpb.Election" "Proclaim" ["election/proclaim"] unary election.proclaim;
    Leader "v3electionpb.Election" "Leader" ["election/leader"] unary election.leader;
    Observe "v3electionpb.Election" "Observe" ["election/observe"] live_stream election.observe;
    Resign "v3electionpb.Election" "Resign" ["election/resign"] unary election.resign;
    HealthCheck "grpc.health.v1.Health" "Check" [] unary health.check;
    HealthList "grpc.health.v1.Health" "List" [] unary health.list;
    HealthWatch "grpc.health.v1.Health" "Watch" [] live_stream health.watch;
    Watch "etcdserverpb.Watch" "Watch" ["watch"] two_way watch.watch;
    #[cfg(test)]
    Echo "test.Echo" "Echo" [] two_way echo.echo;
}

impl Method {
    /// Its row of the table.
    pub fn row(self) -> &'static Row {
        &Method::ROWS[self as usize]
    }

    /// The method with this path below `/v3/` in the JSON gateway.
    pub fn at_gateway(path: &str) -> Option<Method> {
        let of_path = |m: &&Method| m.row().gateway.contains(&path);
        Method::ALL.iter().find(of_path).copied()
    }
}

/// The labels of all methods for the metrics, ordered by their numbers.
pub fn labels() -> Vec<MethodLabels> {
    let label = |row: &Row| MethodLabels {
        service: row.service,
        method: row.name,
        kind: row.kind.label(),
    };
    Method::ROWS.iter().map(label).collect()
}

/// The error for a path that is not a method, with grpc-go's texts (grpc v1.82.1, server.go, `handleStream`).
pub fn unknown(path: &str) -> Status {
    let Some((service, method)) = path.strip_prefix('/').and_then(|p| p.rsplit_once('/')) else {
        return Status::unimplemented(format!("malformed method name: {path:?}"));
    };
    if Method::ALL.iter().any(|m| m.row().service == service) {
        return Status::unimplemented(format!("unknown method {method} for service {service}"));
    }
    Status::unimplemented(format!("unknown service {service}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_method_differs_from_an_unknown_service() {
        let text = |path: &str| unknown(path).message().to_string();
        assert_eq!(
            text("/etcdserverpb.KV/Frob"),
            "unknown method Frob for service etcdserverpb.KV"
        );
        assert_eq!(
            text("/etcdserverpb.KV/Put?x=1"),
            "unknown method Put?x=1 for service etcdserverpb.KV"
        );
        assert_eq!(text("/no.Such/Thing"), "unknown service no.Such");
        assert_eq!(text("nonsense"), "malformed method name: \"nonsense\"");
    }

    #[test]
    fn a_path_finds_its_method() {
        assert_eq!(Method::find("/etcdserverpb.KV/Put"), Some(Method::Put));
        assert_eq!(Method::find("/etcdserverpb.KV/put"), None);
        assert_eq!(Method::Put.row().name, "Put");
        assert_eq!(Method::at_gateway("kv/put"), Some(Method::Put));
        assert_eq!(Method::at_gateway("kv/nope"), None);
    }
}
