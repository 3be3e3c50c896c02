//! Users, roles, permissions, tokens, and what each RPC needs when authentication is enabled.

use std::{fmt::Debug, sync::Arc, time::Duration};

use etcd_maintenance::proto::{
    authpb::{Permission, UserAddOptions, permission::Type},
    etcdserverpb::{
        self as pb, compare::CompareResult, compare::TargetUnion, watch_client::WatchClient,
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Response, Status};

use crate::{
    ask::{bytes, compact, compare, delete, get, op, prefix_end, put, refused, txn},
    support::program::scratch,
    target::{Target, TargetKind, start},
};

on_every_target! {
    authentication_needs_a_root_with_its_role ["--bcrypt-cost=4"];
    users_and_their_roles ["--bcrypt-cost=4"];
    roles_and_their_permissions ["--bcrypt-cost=4"];
    names_and_ranges_that_make_no_sense ["--bcrypt-cost=4"];
    root_stays_root_while_authentication_is_on ["--bcrypt-cost=4"];
    logins ["--bcrypt-cost=4"];
    passwords_that_are_too_long ["--bcrypt-cost=4"];
    a_changed_password_ends_tokens ["--bcrypt-cost=4"];
    without_a_user_nothing_goes ["--bcrypt-cost=4"];
    a_bad_token_is_refused ["--bcrypt-cost=4"];
    administration_is_for_root ["--bcrypt-cost=4"];
    keys_ranges_and_open_ends ["--bcrypt-cost=4"];
    transactions_need_every_permission ["--bcrypt-cost=4"];
    leases_are_as_closed_as_their_keys ["--bcrypt-cost=4"];
    tokens_run_out ["--bcrypt-cost=4", "--auth-token-ttl=1"];
    watches_need_to_be_permitted ["--bcrypt-cost=4"];
    signed_tokens ["--bcrypt-cost=4", "--auth-token=jwt,pub-key=tests/data/jwt/rsa.pub.pem,priv-key=tests/data/jwt/rsa.pem,sign-method=RS256,ttl=10m"];
    signed_tokens_on_p521 ["--bcrypt-cost=4", "--auth-token=jwt,priv-key=tests/data/jwt/es512.pem,sign-method=ES512"];
    signed_tokens_that_others_sign ["--bcrypt-cost=4", "--auth-token=jwt,pub-key=tests/data/jwt/ed25519.pub.pem,sign-method=EdDSA"];
}

const USER_EMPTY: (Code, &str) = (Code::InvalidArgument, "etcdserver: user name is empty");
const DENIED: (Code, &str) = (Code::PermissionDenied, "etcdserver: permission denied");
const BAD_TOKEN: (Code, &str) = (Code::Unauthenticated, "etcdserver: invalid auth token");
const FAILED: (Code, &str) = (
    Code::InvalidArgument,
    "etcdserver: authentication failed, invalid user ID or password",
);
const BAD_MANAGEMENT: (Code, &str) = (Code::InvalidArgument, "etcdserver: invalid auth management");
const OLD_REVISION: (Code, &str) = (
    Code::InvalidArgument,
    "etcdserver: revision of auth store is old",
);

#[track_caller]
fn refuse<T: Debug>(answer: Result<Response<T>, Status>, (code, text): (Code, &str)) {
    refused(answer, code, text);
}

/// A request with a token.
fn with<T>(token: &str, request: T) -> Request<T> {
    let mut request = Request::new(request);
    request
        .metadata_mut()
        .insert("token", token.parse().unwrap());
    request
}

fn user(name: &str, password: &str) -> pb::AuthUserAddRequest {
    pb::AuthUserAddRequest {
        name: name.into(),
        password: password.into(),
        ..Default::default()
    }
}

fn permit(role: &str, kind: Type, key: &[u8], end: &[u8]) -> pb::AuthRoleGrantPermissionRequest {
    pb::AuthRoleGrantPermissionRequest {
        name: role.into(),
        perm: Some(Permission {
            perm_type: kind.into(),
            key: key.to_vec().into(),
            range_end: end.to_vec().into(),
        }),
    }
}

fn role(name: &str) -> pb::AuthRoleAddRequest {
    pb::AuthRoleAddRequest { name: name.into() }
}

fn grant(user: &str, role: &str) -> pb::AuthUserGrantRoleRequest {
    pb::AuthUserGrantRoleRequest {
        user: user.into(),
        role: role.into(),
    }
}

async fn log_in(t: &Target, name: &str, password: &str) -> Result<String, Status> {
    let request = pb::AuthenticateRequest {
        name: name.into(),
        password: password.into(),
    };
    let answer = t.auth().authenticate(request).await?.into_inner();
    assert!(answer.header.is_some());
    Ok(answer.token)
}

/// Creates the users root (password r) and ann (password a, role `role`, which reads and writes [a, c) and reads [r,
/// s)), and enables authentication. Returns the tokens of both.
async fn set_up(t: &Target) -> (String, String) {
    add_users(t).await;
    t.auth()
        .auth_enable(pb::AuthEnableRequest {})
        .await
        .unwrap();
    (
        log_in(t, "root", "r").await.unwrap(),
        log_in(t, "ann", "a").await.unwrap(),
    )
}

async fn add_users(t: &Target) {
    let mut auth = t.auth();
    for (name, password) in [("root", "r"), ("ann", "a")] {
        auth.user_add(user(name, password)).await.unwrap();
    }
    auth.role_add(role("role")).await.unwrap();
    for (kind, key, end) in [
        (Type::Readwrite, "a", "c"),
        (Type::Read, "r", "s"),
        (Type::Write, "w", "x"),
    ] {
        let request = permit("role", kind, key.as_bytes(), end.as_bytes());
        auth.role_grant_permission(request).await.unwrap();
    }
    auth.user_grant_role(grant("root", "root")).await.unwrap();
    auth.user_grant_role(grant("ann", "role")).await.unwrap();
}

async fn authentication_needs_a_root_with_its_role(t: Arc<Target>) {
    let mut auth = t.auth();
    let status = async |token: Option<&str>| {
        let request = pb::AuthStatusRequest {};
        let request = match token {
            Some(token) => with(token, request),
            None => Request::new(request),
        };
        let status = t.auth().auth_status(request).await.unwrap().into_inner();
        (status.enabled, status.auth_revision)
    };
    assert_eq!(status(None).await, (false, 1));
    refused(
        auth.auth_enable(pb::AuthEnableRequest {}).await,
        Code::FailedPrecondition,
        "etcdserver: root user does not exist",
    );
    auth.user_add(user("root", "r")).await.unwrap();
    refused(
        auth.auth_enable(pb::AuthEnableRequest {}).await,
        Code::FailedPrecondition,
        "etcdserver: root user does not have root role",
    );
    auth.user_grant_role(grant("root", "root")).await.unwrap();
    auth.auth_enable(pb::AuthEnableRequest {}).await.unwrap();
    assert_eq!(status(None).await, (true, 3), "anybody may ask");
    refuse(auth.auth_enable(pb::AuthEnableRequest {}).await, USER_EMPTY);
    let root = log_in(&t, "root", "r").await.unwrap();
    auth.auth_enable(with(&root, pb::AuthEnableRequest {}))
        .await
        .unwrap();
    refuse(
        auth.auth_disable(pb::AuthDisableRequest {}).await,
        USER_EMPTY,
    );
    auth.auth_disable(with(&root, pb::AuthDisableRequest {}))
        .await
        .unwrap();
    assert_eq!(status(None).await, (false, 4));
    // A token now means nothing, and none is issued.
    assert_eq!(status(Some("garbage")).await, (false, 4));
    let refused = log_in(&t, "root", "r").await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(
        refused.message(),
        "etcdserver: authentication is not enabled"
    );
    auth.auth_disable(pb::AuthDisableRequest {}).await.unwrap();
    assert_eq!(status(None).await, (false, 4));
}

async fn users_and_their_roles(t: Arc<Target>) {
    let mut auth = t.auth();
    auth.user_add(user("ann", "a")).await.unwrap();
    auth.user_add(user("Bob", "b")).await.unwrap();
    refused(
        auth.user_add(user("ann", "x")).await,
        Code::FailedPrecondition,
        "etcdserver: user name already exists",
    );
    let list = auth
        .user_list(pb::AuthUserListRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(list.users, ["Bob", "ann"]);
    assert_eq!(list.header.unwrap().revision, 1, "users are no keys");
    for name in ["z", "a", "m"] {
        auth.role_add(role(name)).await.unwrap();
        auth.user_grant_role(grant("ann", name)).await.unwrap();
    }
    auth.user_grant_role(grant("ann", "a")).await.unwrap();
    let get = pb::AuthUserGetRequest { name: "ann".into() };
    let seen = auth.user_get(get.clone()).await.unwrap().into_inner();
    assert_eq!(seen.roles, ["a", "m", "z"]);
    let revoke = |user: &str, role: &str| pb::AuthUserRevokeRoleRequest {
        name: user.into(),
        role: role.into(),
    };
    auth.user_revoke_role(revoke("ann", "m")).await.unwrap();
    refused(
        auth.user_revoke_role(revoke("ann", "m")).await,
        Code::FailedPrecondition,
        "etcdserver: role is not granted to the user",
    );
    let gone = pb::AuthRoleDeleteRequest { role: "z".into() };
    auth.role_delete(gone).await.unwrap();
    let seen = auth.user_get(get.clone()).await.unwrap().into_inner();
    assert_eq!(seen.roles, ["a"], "a deleted role is taken away");
    let gone = pb::AuthUserDeleteRequest { name: "ann".into() };
    auth.user_delete(gone.clone()).await.unwrap();
    let (code, text) = (Code::FailedPrecondition, "etcdserver: user name not found");
    refused(auth.user_delete(gone).await, code, text);
    refused(auth.user_get(get).await, code, text);
    refused(auth.user_grant_role(grant("ann", "a")).await, code, text);
    refused(auth.user_revoke_role(revoke("ann", "a")).await, code, text);
    let change = pb::AuthUserChangePasswordRequest {
        name: "ann".into(),
        password: "x".into(),
        ..Default::default()
    };
    refused(auth.user_change_password(change).await, code, text);
}

async fn roles_and_their_permissions(t: Arc<Target>) {
    let mut auth = t.auth();
    for name in ["r", "a"] {
        auth.role_add(role(name)).await.unwrap();
    }
    refused(
        auth.role_add(role("r")).await,
        Code::FailedPrecondition,
        "etcdserver: role name already exists",
    );
    let list = auth
        .role_list(pb::AuthRoleListRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(list.roles, ["a", "r"]);
    for (kind, key, end) in [
        (Type::Read, "m", "\0"),
        (Type::Write, "a", ""),
        (Type::Read, "d", "f"),
        (Type::Readwrite, "d", "f"),
    ] {
        let request = permit("r", kind, key.as_bytes(), end.as_bytes());
        auth.role_grant_permission(request).await.unwrap();
    }
    let get = |name: &str| pb::AuthRoleGetRequest { role: name.into() };
    let seen = auth.role_get(get("r")).await.unwrap().into_inner();
    let perms: Vec<_> = (seen.perm.iter())
        .map(|p| (p.perm_type(), p.key.as_ref(), p.range_end.as_ref()))
        .collect();
    assert_eq!(
        perms,
        [
            (Type::Write, &b"a"[..], &b""[..]),
            (Type::Readwrite, b"d", b"f"),
            (Type::Read, b"m", b"\0"),
        ]
    );
    let revoke = |role: &str, key: &str, end: &str| pb::AuthRoleRevokePermissionRequest {
        role: role.into(),
        key: bytes(key),
        range_end: bytes(end),
    };
    auth.role_revoke_permission(revoke("r", "d", "f"))
        .await
        .unwrap();
    refused(
        auth.role_revoke_permission(revoke("r", "d", "f")).await,
        Code::FailedPrecondition,
        "etcdserver: permission is not granted to the role",
    );
    let (code, text) = (Code::FailedPrecondition, "etcdserver: role name not found");
    refused(auth.role_get(get("x")).await, code, text);
    refused(
        auth.role_revoke_permission(revoke("x", "d", "f")).await,
        code,
        text,
    );
    let request = permit("x", Type::Read, b"a", b"");
    refused(auth.role_grant_permission(request).await, code, text);
    let gone = pb::AuthRoleDeleteRequest { role: "x".into() };
    refused(auth.role_delete(gone).await, code, text);
    auth.user_add(user("ann", "a")).await.unwrap();
    refused(auth.user_grant_role(grant("ann", "x")).await, code, text);
    auth.role_add(role("root")).await.unwrap();
    let seen = auth.role_get(get("root")).await.unwrap().into_inner();
    let perm = &seen.perm[0];
    let everything = (perm.perm_type(), perm.key.as_ref(), perm.range_end.as_ref());
    assert_eq!(everything, (Type::Readwrite, &b""[..], &b"\0"[..]));
}

async fn names_and_ranges_that_make_no_sense(t: Arc<Target>) {
    let mut auth = t.auth();
    refuse(auth.user_add(user("", "x")).await, USER_EMPTY);
    let text = "etcdserver: role name is empty";
    refused(auth.role_add(role("")).await, Code::InvalidArgument, text);
    auth.role_add(role("r")).await.unwrap();
    for (key, end) in [("", ""), ("", "a"), ("", "\0"), ("b", "a"), ("b", "b")] {
        let request = permit("r", Type::Read, key.as_bytes(), end.as_bytes());
        refuse(auth.role_grant_permission(request).await, BAD_MANAGEMENT);
    }
    let none = pb::AuthRoleGrantPermissionRequest {
        name: "r".into(),
        perm: None,
    };
    let text = "etcdserver: permission not given";
    refused(
        auth.role_grant_permission(none).await,
        Code::InvalidArgument,
        text,
    );
    let hash = pb::AuthUserChangePasswordRequest {
        name: "ann".into(),
        hashed_password: "no base64".into(),
        ..Default::default()
    };
    auth.user_add(user("ann", "a")).await.unwrap();
    refused(
        auth.user_change_password(hash).await,
        Code::Unknown,
        "auth: authentication failed, password was given for no password user",
    );
}

async fn root_stays_root_while_authentication_is_on(t: Arc<Target>) {
    let (root, _) = set_up(&t).await;
    let mut auth = t.auth();
    auth.role_add(with(&root, role("root"))).await.unwrap();
    let gone = pb::AuthUserDeleteRequest {
        name: "root".into(),
    };
    refuse(
        auth.user_delete(with(&root, gone.clone())).await,
        BAD_MANAGEMENT,
    );
    let lost = pb::AuthUserRevokeRoleRequest {
        name: "root".into(),
        role: "root".into(),
    };
    refuse(
        auth.user_revoke_role(with(&root, lost)).await,
        BAD_MANAGEMENT,
    );
    let role = pb::AuthRoleDeleteRequest {
        role: "root".into(),
    };
    refuse(
        auth.role_delete(with(&root, role.clone())).await,
        BAD_MANAGEMENT,
    );
    auth.auth_disable(with(&root, pb::AuthDisableRequest {}))
        .await
        .unwrap();
    auth.role_delete(role).await.unwrap();
    auth.user_delete(gone).await.unwrap();
}

async fn logins(t: Arc<Target>) {
    let open = pb::AuthUserAddRequest {
        name: "open".into(),
        password: "ignored".into(),
        options: Some(UserAddOptions { no_password: true }),
        ..Default::default()
    };
    t.auth().user_add(open).await.unwrap();
    t.auth().user_add(user("empty", "")).await.unwrap();
    let (_, token) = set_up(&t).await;
    // A simple token: 16 letters, and the index of the last request.
    let (letters, index) = token.split_once('.').unwrap();
    assert!(letters.len() == 16 && letters.bytes().all(|b| b.is_ascii_alphabetic()));
    assert!(index.parse::<u64>().unwrap() > 4);
    assert_ne!(
        log_in(&t, "ann", "a").await.unwrap(),
        token,
        "each login has its own"
    );
    t.kv().put(with(&token, put("a", "v"))).await.unwrap();
    assert!(log_in(&t, "empty", "").await.is_ok());
    let long = "a".repeat(1000);
    for (name, password) in [
        ("ann", ""),
        ("ann", "A"),
        ("ann", &long),
        ("eve", "a"),
        ("", ""),
        ("empty", "x"),
    ] {
        let refused = log_in(&t, name, password).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), FAILED, "{name}");
    }
    let refused = log_in(&t, "open", "").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unknown);
    assert_eq!(
        refused.message(),
        "auth: authentication failed, password was given for no password user"
    );
}

async fn passwords_that_are_too_long(t: Arc<Target>) {
    let text = "bcrypt: password length exceeds 72 bytes";
    let long = "x".repeat(73);
    refused(
        t.auth().user_add(user("ann", &long)).await,
        Code::Unknown,
        text,
    );
    t.auth().user_add(user("ann", &long[1..])).await.unwrap();
    let change = pb::AuthUserChangePasswordRequest {
        name: "ann".into(),
        password: long,
        ..Default::default()
    };
    refused(
        t.auth().user_change_password(change).await,
        Code::Unknown,
        text,
    );
}

async fn a_changed_password_ends_tokens(t: Arc<Target>) {
    let (root, ann) = set_up(&t).await;
    t.kv().put(with(&ann, put("a", "v"))).await.unwrap();
    let change = pb::AuthUserChangePasswordRequest {
        name: "ann".into(),
        password: "new".into(),
        ..Default::default()
    };
    refuse(
        t.auth()
            .user_change_password(with(&ann, change.clone()))
            .await,
        DENIED,
    );
    t.auth()
        .user_change_password(with(&root, change))
        .await
        .unwrap();
    refuse(t.kv().put(with(&ann, put("a", "v"))).await, BAD_TOKEN);
    let refused = log_in(&t, "ann", "a").await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), FAILED);
    let ann = log_in(&t, "ann", "new").await.unwrap();
    t.kv().put(with(&ann, put("a", "v"))).await.unwrap();
    // A hash instead of the password is stored unchanged.
    let hash = pb::AuthUserChangePasswordRequest {
        name: "ann".into(),
        // bcrypt of "U*U" with cost 5, in base64.
        hashed_password:
            "JDJhJDA1JENDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQy5FNVlQTzlrbXl1Ukd5aDBYb3VRWWI0WU1KS3Z5T2VX"
                .into(),
        ..Default::default()
    };
    t.auth()
        .user_change_password(with(&root, hash))
        .await
        .unwrap();
    let refused = log_in(&t, "ann", "new").await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), FAILED);
    let gone = pb::AuthUserDeleteRequest { name: "ann".into() };
    t.auth().user_delete(with(&root, gone)).await.unwrap();
    refuse(t.kv().put(with(&ann, put("a", "v"))).await, BAD_TOKEN);
}

/// Sends every request to the target, and returns the results.
async fn ask_all(t: &Target, token: Option<&str>) -> Vec<(&'static str, Result<(), Status>)> {
    macro_rules! ask {
        ($answers:ident, $($name:literal $client:ident.$method:ident $request:expr;)*) => {$(
            let request = $request;
            let request = match token {
                Some(token) => with(token, request),
                None => Request::new(request),
            };
            $answers.push(($name, t.$client().$method(request).await.map(drop)));
        )*};
    }
    let mut answers = Vec::new();
    let alarm = |action: pb::alarm_request::AlarmAction| pb::AlarmRequest {
        action: action.into(),
        member_id: 7,
        alarm: pb::AlarmType::Corrupt.into(),
    };
    use pb::alarm_request::AlarmAction::{Deactivate, Get};
    ask! { answers,
        "range" kv.range get("q");
        "put" kv.put put("q", "v");
        "delete" kv.delete_range delete("q");
        "txn" kv.txn txn(vec![], vec![op(put("q", "v"))], vec![]);
        "read-only txn" kv.txn txn(vec![], vec![op(get("q"))], vec![]);
        "status" maintenance.status pb::StatusRequest {};
        "alarm list" maintenance.alarm alarm(Get);
        "alarm disarm" maintenance.alarm alarm(Deactivate);
        "defragment" maintenance.defragment pb::DefragmentRequest {};
        "hash" maintenance.hash pb::HashRequest {};
        "hashkv" maintenance.hash_kv pb::HashKvRequest::default();
        "move leader" maintenance.move_leader pb::MoveLeaderRequest { target_id: 1 };
        "downgrade" maintenance.downgrade pb::DowngradeRequest { version: "3.6".into(), ..Default::default() };
        "member list" cluster.member_list pb::MemberListRequest::default();
        "member remove" cluster.member_remove pb::MemberRemoveRequest { id: 7 };
        "member promote" cluster.member_promote pb::MemberPromoteRequest { id: 7 };
        "member add" cluster.member_add pb::MemberAddRequest { peer_ur_ls: vec!["http://localhost:2380".into()], is_learner: false };
        "member update" cluster.member_update pb::MemberUpdateRequest { id: 7, peer_ur_ls: vec!["http://127.0.0.1:1".into()] };
        "lease grant" lease.lease_grant pb::LeaseGrantRequest { id: 0, ttl: 600 };
        "lease revoke" lease.lease_revoke pb::LeaseRevokeRequest { id: 99 };
        "lease look" lease.lease_time_to_live pb::LeaseTimeToLiveRequest { id: 99, keys: false };
        "lease look at keys" lease.lease_time_to_live pb::LeaseTimeToLiveRequest { id: 99, keys: true };
        "lease list" lease.lease_leases pb::LeaseLeasesRequest {};
        "user add" auth.user_add user("new", "x");
        "user get" auth.user_get pb::AuthUserGetRequest { name: "root".into() };
        "user get ann" auth.user_get pb::AuthUserGetRequest { name: "ann".into() };
        "user list" auth.user_list pb::AuthUserListRequest {};
        "user delete" auth.user_delete pb::AuthUserDeleteRequest { name: "nobody".into() };
        "user password" auth.user_change_password pb::AuthUserChangePasswordRequest { name: "nobody".into(), password: "x".into(), ..Default::default() };
        "user grant" auth.user_grant_role grant("nobody", "root");
        "user revoke" auth.user_revoke_role pb::AuthUserRevokeRoleRequest { name: "nobody".into(), role: "x".into() };
        "role add" auth.role_add role("");
        "role get" auth.role_get pb::AuthRoleGetRequest { role: "other".into() };
        "role get role" auth.role_get pb::AuthRoleGetRequest { role: "role".into() };
        "role list" auth.role_list pb::AuthRoleListRequest {};
        "role delete" auth.role_delete pb::AuthRoleDeleteRequest { role: "nobody".into() };
        "role grant" auth.role_grant_permission permit("nobody", Type::Read, b"a", b"");
        "role revoke" auth.role_revoke_permission pb::AuthRoleRevokePermissionRequest { role: "nobody".into(), ..Default::default() };
        "compact" kv.compact compact(1_000_000);
    }
    let request = pb::SnapshotRequest {};
    let request = match token {
        Some(token) => with(token, request),
        None => Request::new(request),
    };
    let snapshot = match t.maintenance().snapshot(request).await {
        Ok(stream) => stream.into_inner().next().await.unwrap().map(drop),
        Err(status) => Err(status),
    };
    answers.push(("snapshot", snapshot));
    let keep_alive = tokio_stream::once(pb::LeaseKeepAliveRequest { id: 99 });
    let keep_alive = match token {
        Some(token) => with(token, keep_alive),
        None => Request::new(keep_alive),
    };
    let kept = match t.lease().lease_keep_alive(keep_alive).await {
        Ok(stream) => stream.into_inner().next().await.unwrap().map(drop),
        Err(status) => Err(status),
    };
    answers.push(("keep alive", kept));
    answers
}

fn outcome(result: &Result<(), Status>) -> (Code, &str) {
    match result {
        Ok(()) => (Code::Ok, ""),
        Err(status) => (status.code(), status.message()),
    }
}

async fn without_a_user_nothing_goes(t: Arc<Target>) {
    set_up(&t).await;
    for (name, result) in ask_all(&t, None).await {
        assert_eq!(outcome(&result), USER_EMPTY, "{name}");
    }
}

async fn a_bad_token_is_refused(t: Arc<Target>) {
    let (root, _) = set_up(&t).await;
    let short = root.split_once('.').unwrap().0;
    for token in ["garbage", short, "Bearer x", "abcdefghijklmnop.1"] {
        for (name, result) in ask_all(&t, Some(token)).await {
            assert_eq!(outcome(&result), BAD_TOKEN, "{name} with {token:?}");
        }
    }
    // Authentication needs no token, and succeeds even with an invalid one.
    let request = pb::AuthenticateRequest {
        name: "root".into(),
        password: "r".into(),
    };
    t.auth()
        .authenticate(with("garbage", request))
        .await
        .unwrap();
    let mut bearer = Request::new(get("q"));
    let value = format!("Bearer {root}");
    bearer
        .metadata_mut()
        .insert("authorization", value.parse().unwrap());
    t.kv().range(bearer).await.unwrap();
}

async fn administration_is_for_root(t: Arc<Target>) {
    let (root, ann) = set_up(&t).await;
    t.auth().role_add(with(&root, role("other"))).await.unwrap();
    // The requests that are permitted without the role root, with their results.
    let may = |name| match name {
        "status" | "alarm list" | "member list" | "lease grant" | "lease look" | "lease list"
        | "lease look at keys" | "user get ann" | "role get role" | "keep alive" => Some(Code::Ok),
        "lease revoke" => Some(Code::NotFound),
        _ => None,
    };
    for (name, result) in ask_all(&t, Some(&ann)).await {
        match may(name) {
            Some(code) => assert_eq!(outcome(&result).0, code, "{name}: {result:?}"),
            None => assert_eq!(outcome(&result), DENIED, "{name}"),
        }
    }
    for (name, result) in ask_all(&t, Some(&root)).await {
        let refusal = outcome(&result);
        assert!(
            ![DENIED, USER_EMPTY, BAD_TOKEN].contains(&refusal),
            "{name}: {refusal:?}"
        );
    }
}

fn range(key: &str, end: &str) -> pb::RangeRequest {
    pb::RangeRequest {
        range_end: bytes(end),
        ..get(key)
    }
}

async fn keys_ranges_and_open_ends(t: Arc<Target>) {
    let (root, ann) = set_up(&t).await;
    let mut kv = t.kv();
    for key in ["a", "b", "c", "r", "w"] {
        kv.put(with(&root, put(key, "v"))).await.unwrap();
    }
    for (key, end) in [
        ("a", ""),
        ("b", ""),
        ("a", "c"),
        ("r", "s"),
        ("rr", "rs"),
        ("a", "b"),
    ] {
        kv.range(with(&ann, range(key, end))).await.unwrap();
    }
    for (key, end) in [
        ("c", ""),
        ("a", "d"),
        ("a", "\0"),
        ("\0", "\0"),
        ("w", ""),
        ("0", "b"),
        ("s", ""),
    ] {
        refuse(kv.range(with(&ann, range(key, end))).await, DENIED);
    }
    kv.put(with(&ann, put("w", "v"))).await.unwrap();
    refuse(kv.put(with(&ann, put("r", "v"))).await, DENIED);
    let previous = pb::PutRequest {
        prev_kv: true,
        ..put("w", "v")
    };
    refuse(kv.put(with(&ann, previous)).await, DENIED);
    let gone = |key: &str, end: &str, prev_kv| pb::DeleteRangeRequest {
        range_end: bytes(end),
        prev_kv,
        ..delete(key)
    };
    refuse(
        kv.delete_range(with(&ann, gone("w", "x", true))).await,
        DENIED,
    );
    kv.delete_range(with(&ann, gone("w", "x", false)))
        .await
        .unwrap();
    refuse(
        kv.delete_range(with(&ann, gone("a", "\0", false))).await,
        DENIED,
    );
    // Two adjacent permissions are merged, and a range without end includes everything that follows.
    let mut auth = t.auth();
    let more = permit("role", Type::Read, b"c", b"\0");
    auth.role_grant_permission(with(&root, more)).await.unwrap();
    kv.range(with(&ann, range("a", "\0"))).await.unwrap();
    kv.range(with(&ann, range("zz", ""))).await.unwrap();
    refuse(kv.range(with(&ann, range("0", "\0"))).await, DENIED);
    let less = pb::AuthRoleRevokePermissionRequest {
        role: "role".into(),
        key: bytes("c"),
        range_end: bytes("\0"),
    };
    auth.role_revoke_permission(with(&root, less))
        .await
        .unwrap();
    refuse(kv.range(with(&ann, range("a", "\0"))).await, DENIED);
    let prefix = permit("role", Type::Readwrite, b"p/", &prefix_end("p/"));
    auth.role_grant_permission(with(&root, prefix))
        .await
        .unwrap();
    kv.put(with(&ann, put("p/1", "v"))).await.unwrap();
    refuse(kv.put(with(&ann, put("p", "v"))).await, DENIED);
    let gone = pb::AuthUserRevokeRoleRequest {
        name: "ann".into(),
        role: "role".into(),
    };
    auth.user_revoke_role(with(&root, gone)).await.unwrap();
    refuse(kv.range(with(&ann, get("a"))).await, DENIED);
}

async fn transactions_need_every_permission(t: Arc<Target>) {
    let (root, ann) = set_up(&t).await;
    let mut kv = t.kv();
    let version = |key: &str| compare(key, CompareResult::Equal, TargetUnion::Version(0));
    let good = txn(
        vec![version("a"), version("r")],
        vec![op(put("b", "v")), op(get("r")), op(delete("w"))],
        vec![op(get("a"))],
    );
    kv.txn(with(&ann, good.clone())).await.unwrap();
    let nested = |inner: pb::TxnRequest| txn(vec![], vec![], vec![op(inner)]);
    kv.txn(with(&ann, nested(nested(good.clone()))))
        .await
        .unwrap();
    for bad in [
        txn(vec![version("w")], vec![], vec![]),
        txn(vec![], vec![op(put("r", "v"))], vec![]),
        txn(vec![], vec![], vec![op(get("w"))]),
        txn(vec![], vec![op(range("a", "\0"))], vec![]),
        txn(vec![], vec![op(get("a")), op(get("q"))], vec![]),
        txn(vec![], vec![], vec![op(delete("r"))]),
    ] {
        refuse(kv.txn(with(&ann, bad.clone())).await, DENIED);
        // The branch that is not executed is checked, too, at any depth.
        refuse(
            kv.txn(with(&ann, nested(nested(bad.clone())))).await,
            DENIED,
        );
        kv.txn(with(&root, nested(bad))).await.unwrap();
    }
}

async fn leases_are_as_closed_as_their_keys(t: Arc<Target>) {
    let (root, ann) = set_up(&t).await;
    let (mut kv, mut lease) = (t.kv(), t.lease());
    for id in [1, 2, 3] {
        let grant = pb::LeaseGrantRequest { id, ttl: 600 };
        lease.lease_grant(with(&ann, grant)).await.unwrap();
    }
    let leased = |key: &str, lease| pb::PutRequest {
        lease,
        ..put(key, "v")
    };
    kv.put(with(&ann, leased("a", 1))).await.unwrap();
    kv.put(with(&root, leased("z", 2))).await.unwrap();
    kv.put(with(&root, leased("w", 3))).await.unwrap();
    refuse(kv.put(with(&ann, leased("b", 2))).await, DENIED);
    let inside = txn(vec![], vec![op(leased("b", 2))], vec![]);
    refuse(kv.txn(with(&ann, inside)).await, DENIED);
    let look = |id, keys| pb::LeaseTimeToLiveRequest { id, keys };
    lease
        .lease_time_to_live(with(&ann, look(2, false)))
        .await
        .unwrap();
    refuse(
        lease.lease_time_to_live(with(&ann, look(2, true))).await,
        DENIED,
    );
    refuse(
        lease.lease_time_to_live(with(&ann, look(3, true))).await,
        DENIED,
    );
    lease
        .lease_time_to_live(with(&ann, look(1, true)))
        .await
        .unwrap();
    refuse(
        lease
            .lease_leases(with(&ann, pb::LeaseLeasesRequest {}))
            .await,
        DENIED,
    );
    lease
        .lease_leases(with(&root, pb::LeaseLeasesRequest {}))
        .await
        .unwrap();
    let renew = async |token: &str, id| {
        let request = tokio_stream::once(pb::LeaseKeepAliveRequest { id });
        let answer = t.lease().lease_keep_alive(with(token, request)).await;
        match answer {
            Ok(stream) => {
                let answer = stream.into_inner().next().await.unwrap();
                answer.map(|answer| Response::new(answer.ttl))
            }
            Err(status) => Err(status),
        }
    };
    assert_eq!(renew(&ann, 1).await.unwrap().into_inner(), 600);
    assert_eq!(
        renew(&ann, 3).await.unwrap().into_inner(),
        600,
        "written is enough"
    );
    refuse(renew(&ann, 2).await, DENIED);
    assert_eq!(renew(&root, 2).await.unwrap().into_inner(), 600);
    let revoke = |id| pb::LeaseRevokeRequest { id };
    refuse(lease.lease_revoke(with(&ann, revoke(2))).await, DENIED);
    lease.lease_revoke(with(&ann, revoke(3))).await.unwrap();
    lease.lease_revoke(with(&ann, revoke(1))).await.unwrap();
    lease.lease_revoke(with(&root, revoke(2))).await.unwrap();
}

async fn tokens_run_out(t: Arc<Target>) {
    let (_, ann) = set_up(&t).await;
    // Each use restarts the lifetime, so wait longer each time.
    let mut wait = Duration::from_millis(1200);
    let refused = loop {
        tokio::time::sleep(wait).await;
        match t.kv().range(with(&ann, get("a"))).await {
            Ok(_) => wait += Duration::from_millis(500),
            Err(refused) => break refused,
        }
    };
    assert_eq!((refused.code(), refused.message()), BAD_TOKEN);
    let again = log_in(&t, "ann", "a").await.unwrap();
    t.kv().range(with(&again, get("a"))).await.unwrap();
}

/// Opens a watch stream with one watcher. Returns the first response and the stream.
async fn watch(
    t: &Target,
    token: Option<&str>,
    key: &str,
    end: &str,
) -> (pb::WatchResponse, tonic::Streaming<pb::WatchResponse>) {
    let create = pb::WatchCreateRequest {
        key: bytes(key),
        range_end: bytes(end),
        ..Default::default()
    };
    let create = pb::WatchRequest {
        request_union: Some(pb::watch_request::RequestUnion::CreateRequest(create)),
    };
    let requests = tokio_stream::once(create).chain(tokio_stream::pending());
    let requests = match token {
        Some(token) => with(token, requests),
        None => Request::new(requests),
    };
    let mut client = WatchClient::new(t.channel.clone());
    let mut responses = client.watch(requests).await.unwrap().into_inner();
    (responses.message().await.unwrap().unwrap(), responses)
}

async fn watches_need_to_be_permitted(t: Arc<Target>) {
    let (root, ann) = set_up(&t).await;
    for (token, key, end, reason) in [
        (
            Some(&ann),
            "q",
            "",
            "PermissionDenied desc = etcdserver: permission denied",
        ),
        (
            Some(&ann),
            "w",
            "",
            "PermissionDenied desc = etcdserver: permission denied",
        ),
        (
            Some(&ann),
            "a",
            "d",
            "PermissionDenied desc = etcdserver: permission denied",
        ),
        (
            Some(&ann),
            "a",
            "\0",
            "PermissionDenied desc = etcdserver: permission denied",
        ),
        (
            Some(&ann),
            "",
            "\0",
            "PermissionDenied desc = etcdserver: permission denied",
        ),
        (
            None,
            "a",
            "",
            "InvalidArgument desc = etcdserver: user name is empty",
        ),
        (
            Some(&"x.1".to_string()),
            "a",
            "",
            "Unauthenticated desc = etcdserver: invalid auth token",
        ),
    ] {
        let (first, _) = watch(&t, token.map(String::as_str), key, end).await;
        assert!(first.created && first.canceled, "{key:?} {end:?}");
        assert_eq!(first.watch_id, -1);
        assert_eq!(first.cancel_reason, format!("rpc error: code = {reason}"));
    }
    let (first, mut events) = watch(&t, Some(&ann), "a", "c").await;
    assert!(first.created && !first.canceled, "{first:?}");
    t.kv().put(with(&root, put("b", "v1"))).await.unwrap();
    let response = events.message().await.unwrap().unwrap();
    assert_eq!(response.events.len(), 1);
    // A permitted watch continues, whatever happens to its user.
    let gone = pb::AuthUserDeleteRequest { name: "ann".into() };
    t.auth().user_delete(with(&root, gone)).await.unwrap();
    t.kv().put(with(&root, put("b", "v2"))).await.unwrap();
    let response = events.message().await.unwrap().unwrap();
    assert_eq!(response.events[0].kv.as_ref().unwrap().value, "v2");
    let (all, _) = watch(&t, Some(&root), "", "\0").await;
    assert!(all.created && !all.canceled);
}

/// A signed token is valid on any server, for users and roles as they were.
async fn signed_tokens(t: Arc<Target>) {
    let (root, ann) = set_up(&t).await;
    assert_eq!(ann.split('.').count(), 3);
    t.kv().put(with(&ann, put("a", "v"))).await.unwrap();
    t.kv().range(with(&ann, get("a"))).await.unwrap();
    refuse(t.kv().put(with(&ann, put("q", "v"))).await, DENIED);
    let (signed, signature) = ann.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let forged = [
        format!("{header}.{claims}."),
        format!("{header}.{claims}.{}", &signature[1..]),
        format!("{}.{claims}.{signature}", "eyJhbGciOiJub25lIn0"),
        "x.y.z".to_string(),
        "abcdefghijklmnop.1".to_string(),
    ];
    for token in &forged {
        refuse(t.kv().range(with(token, get("a"))).await, BAD_TOKEN);
    }
    // After a change of users and roles, older tokens are too old for keys; root may still administrate.
    t.auth().role_add(with(&root, role("more"))).await.unwrap();
    refuse(t.kv().put(with(&ann, put("a", "v"))).await, OLD_REVISION);
    refuse(t.kv().range(with(&ann, get("a"))).await, OLD_REVISION);
    let renew = txn(vec![], vec![op(get("a"))], vec![]);
    refuse(t.kv().txn(with(&ann, renew)).await, OLD_REVISION);
    refuse(t.kv().range(with(&root, get("a"))).await, OLD_REVISION);
    t.auth().role_add(with(&root, role("again"))).await.unwrap();
    let ann = log_in(&t, "ann", "a").await.unwrap();
    t.kv().put(with(&ann, put("a", "v"))).await.unwrap();
    // Signed tokens are not remembered, so a changed password does not invalidate them.
    let gone = pb::AuthUserDeleteRequest { name: "ann".into() };
    t.auth().user_delete(with(&root, gone)).await.unwrap();
    refuse(t.kv().put(with(&ann, put("a", "v"))).await, OLD_REVISION);
}

async fn signed_tokens_on_p521(t: Arc<Target>) {
    let (_, ann) = set_up(&t).await;
    t.kv().put(with(&ann, put("a", "v"))).await.unwrap();
    refuse(t.kv().put(with(&ann, put("q", "v"))).await, DENIED);
    let mut forged = ann.clone();
    let last = if ann.ends_with('A') { "B" } else { "A" };
    forged.replace_range(ann.len() - 10..ann.len() - 9, last);
    if forged != ann {
        refuse(t.kv().put(with(&forged, put("a", "v"))).await, BAD_TOKEN);
    }
}

/// With only a public key, a server accepts tokens, but issues none.
async fn signed_tokens_that_others_sign(t: Arc<Target>) {
    add_users(&t).await;
    t.auth()
        .auth_enable(pb::AuthEnableRequest {})
        .await
        .unwrap();
    let refused = log_in(&t, "root", "r").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unknown);
    assert_eq!(
        refused.message(),
        "auth: token signing attempted with verify-only key"
    );
    refuse(t.kv().range(with("x.y.z", get("a"))).await, BAD_TOKEN);
}

/// A token signed by etcd is valid on our server with the same keys and users, and vice versa.
#[test]
fn a_signed_token_is_good_on_etcd_and_on_ours() {
    for options in [
        "priv-key=tests/data/jwt/rsa.pem,sign-method=PS512",
        "priv-key=tests/data/jwt/es256.pem,pub-key=tests/data/jwt/es256.pub.pem,sign-method=ES256",
        "priv-key=tests/data/jwt/es384.pem,sign-method=ES384",
        "priv-key=tests/data/jwt/es512.pem,sign-method=ES512",
        "priv-key=tests/data/jwt/ed25519.pem,sign-method=EdDSA",
        "priv-key=tests/data/jwt/README.md,sign-method=HS384",
    ] {
        let flag = format!("--auth-token=jwt,{options}");
        let flags = ["--bcrypt-cost=4", &flag];
        crate::target::run(TargetKind::Etcd, &flags, async |etcd| {
            let dir = scratch();
            let server = start(&dir.path().join("data"), &flags).await;
            let ours = Target {
                kind: TargetKind::Memory,
                channel: server.channel().await.unwrap(),
                address: None,
            };
            let (_, of_etcd) = set_up(&etcd).await;
            let (_, of_ours) = set_up(&ours).await;
            for (target, token) in [(&ours, &of_etcd), (&*etcd, &of_ours)] {
                let mut kv = target.kv();
                kv.put(with(token, put("a", "v"))).await.unwrap();
                refuse(kv.put(with(token, put("q", "v"))).await, DENIED);
            }
            server.shutdown().await;
        });
    }
}

/// Ours only: logins use half of the processors, and reads are served meanwhile.
#[test]
fn a_flood_of_logins_does_not_stop_reads() {
    crate::target::run(TargetKind::Memory, &["--bcrypt-cost=10"], async |t| {
        let (_, ann) = set_up(&t).await;
        let logins: Vec<_> = (0..40)
            .map(|i| {
                let t = t.clone();
                let password = if i % 2 == 0 { "a" } else { "wrong" };
                tokio::spawn(async move { log_in(&t, "ann", password).await.is_ok() })
            })
            .collect();
        for _ in 0..100 {
            t.kv().range(with(&ann, get("a"))).await.unwrap();
        }
        assert!(logins.iter().any(|login| !login.is_finished()));
        let mut good = 0;
        for login in logins {
            good += usize::from(login.await.unwrap());
        }
        assert_eq!(good, 20);
    });
}

/// A restart restores users, roles and whether authentication is enabled, but not the simple tokens.
#[tokio::test(flavor = "multi_thread")]
async fn users_and_roles_outlast_a_restart() {
    let dir = scratch();
    let open = async || {
        let server = start(dir.path(), &["--bcrypt-cost=4"]).await;
        let target = Target {
            kind: TargetKind::Memory,
            channel: server.channel().await.unwrap(),
            address: None,
        };
        (server, target)
    };
    let (server, t) = open().await;
    let (_, old) = set_up(&t).await;
    server.shutdown().await;
    let (server, t) = open().await;
    refuse(t.kv().put(put("a", "v")).await, USER_EMPTY);
    refuse(t.kv().put(with(&old, put("a", "v"))).await, BAD_TOKEN);
    let ann = log_in(&t, "ann", "a").await.unwrap();
    t.kv().put(with(&ann, put("a", "v"))).await.unwrap();
    refuse(t.kv().put(with(&ann, put("q", "v"))).await, DENIED);
    let root = log_in(&t, "root", "r").await.unwrap();
    let status = with(&root, pb::AuthStatusRequest {});
    let status = t.auth().auth_status(status).await.unwrap().into_inner();
    assert_eq!((status.enabled, status.auth_revision), (true, 9));
    server.shutdown().await;
}

/// The gateway takes the token from the header `Authorization`.
#[test]
fn the_gateway_knows_who_asks() {
    for kind in [TargetKind::Tcp, TargetKind::Etcd] {
        crate::target::run(kind, &["--bcrypt-cost=4"], async |t| {
            set_up(&t).await;
            let login = r#"{"name": "ann", "password": "a"}"#;
            let (status, answer) = post(&t, "/v3/auth/authenticate", None, login).await;
            assert_eq!(status, 200, "{answer}");
            let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
            let token = answer["token"].as_str().unwrap();
            // "a" may be put, "q" may not.
            let put = |key: &str| format!(r#"{{"key": "{key}", "value": "dg=="}}"#);
            let (status, answer) = post(&t, "/v3/kv/put", Some(token), &put("YQ==")).await;
            assert_eq!(status, 200, "{answer}");
            let (status, answer) = post(&t, "/v3/kv/put", Some(token), &put("cQ==")).await;
            assert!(
                status == 403 && answer.contains("permission denied"),
                "{status} {answer}"
            );
            let (status, answer) = post(&t, "/v3/kv/put", None, &put("YQ==")).await;
            assert!(
                status == 400 && answer.contains("user name is empty"),
                "{status} {answer}"
            );
            let (status, answer) = post(&t, "/v3/kv/put", Some("x.1"), &put("YQ==")).await;
            assert!(
                status == 401 && answer.contains("invalid auth token"),
                "{status} {answer}"
            );
            let grant = r#"{"ID": "7", "TTL": "600"}"#;
            let (status, answer) = post(&t, "/v3/lease/grant", Some(token), grant).await;
            let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(
                (status, &answer["ID"], &answer["TTL"]),
                (200, &"7".into(), &"600".into())
            );
            for path in ["/v3/lease/timetolive", "/v3/kv/lease/timetolive"] {
                let (status, answer) =
                    post(&t, path, Some(token), r#"{"ID": 7, "keys": true}"#).await;
                assert!(
                    status == 200 && answer.contains(r#""grantedTTL":"600""#),
                    "{answer}"
                );
            }
            let (status, answer) =
                post(&t, "/v3/lease/keepalive", Some(token), r#"{"ID": 7}"#).await;
            assert!(
                status == 200 && answer.contains(r#""TTL":"600""#),
                "{answer}"
            );
            let (status, _) = post(&t, "/v3/kv/lease/revoke", Some(token), r#"{"ID": 7}"#).await;
            assert_eq!(status, 200);
        });
    }
}

/// Posts JSON to the gateway. Returns status and body.
async fn post(t: &Target, path: &str, token: Option<&str>, body: &str) -> (u16, String) {
    let address = t.address.as_deref().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = token.map_or(String::new(), |token| format!("Authorization: {token}\r\n"));
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: {address}\r\n{token}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_string())
}
