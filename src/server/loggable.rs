//! Requests as shown in etcd's log: in protobuf's text format, with sizes instead of values, and without passwords.
//! Requests with secrets are formatted field by field, so that a new field is omitted until it is added here. Source:
//! etcd v3.7.1, api/etcdserverpb/raft_internal_stringer.go.

use std::fmt::Write as _;

use crate::{
    golang::{format, proto_text},
    proto::etcdserverpb as pb,
};

/// A request that can be logged.
pub trait Loggable {
    /// The text after the header of the request in etcd's log.
    fn loggable(&self) -> String;
}

impl Loggable for pb::PutRequest {
    fn loggable(&self) -> String {
        format!("put:<{}>", put(self))
    }
}

impl Loggable for pb::DeleteRangeRequest {
    fn loggable(&self) -> String {
        format!("delete_range:{{{}}}", delete_range(self))
    }
}

impl Loggable for pb::TxnRequest {
    fn loggable(&self) -> String {
        format!("txn:<{}>", txn(self))
    }
}

impl Loggable for pb::CompactionRequest {
    fn loggable(&self) -> String {
        let mut text = Text::default();
        text.number("revision", self.revision);
        text.flag("physical", self.physical);
        format!("compaction:{{{}}}", text.0)
    }
}

impl Loggable for pb::LeaseGrantRequest {
    fn loggable(&self) -> String {
        format!("lease_grant:<ttl:{}-second id:{:016x}>", self.ttl, self.id)
    }
}

impl Loggable for pb::LeaseRevokeRequest {
    fn loggable(&self) -> String {
        format!("lease_revoke:<id:{:016x}>", self.id)
    }
}

impl Loggable for pb::LeaseCheckpointRequest {
    fn loggable(&self) -> String {
        let mut checkpoints = Vec::new();
        for checkpoint in &self.checkpoints {
            let mut text = Text::default();
            text.number("ID", checkpoint.id);
            text.number("remaining_TTL", checkpoint.remaining_ttl);
            checkpoints.push(format!("checkpoints:{{{}}}", text.0));
        }
        format!("lease_checkpoint:{{{}}}", checkpoints.join(" "))
    }
}

impl Loggable for pb::AlarmRequest {
    fn loggable(&self) -> String {
        let mut text = Text::default();
        if self.action != 0 {
            text.word("action", self.action().as_str_name());
        }
        if self.member_id != 0 {
            text.word("memberID", &self.member_id.to_string());
        }
        if self.alarm != 0 {
            text.word("alarm", self.alarm().as_str_name());
        }
        format!("alarm:{{{}}}", text.0)
    }
}

impl Loggable for pb::AuthEnableRequest {
    fn loggable(&self) -> String {
        "auth_enable:{}".into()
    }
}

impl Loggable for pb::AuthDisableRequest {
    fn loggable(&self) -> String {
        "auth_disable:{}".into()
    }
}

impl Loggable for pb::AuthUserAddRequest {
    fn loggable(&self) -> String {
        format!("auth_user_add:<name:{}>", self.name)
    }
}

impl Loggable for pb::AuthUserChangePasswordRequest {
    fn loggable(&self) -> String {
        format!("auth_user_change_password:<name:{}>", self.name)
    }
}

/// Requests on users and roles whose fields are names: the name of each field in etcd's log, and its text.
macro_rules! names {
    ($($request:ident $field:literal { $($name:literal => $value:ident),* })*) => {
        $(impl Loggable for pb::$request {
            fn loggable(&self) -> String {
                let mut text = Text::default();
                $(text.text($name, self.$value.as_ref());)*
                format!(concat!($field, ":{{{}}}"), text.0)
            }
        })*
    };
}

names! {
    AuthUserDeleteRequest "auth_user_delete" { "name" => name }
    AuthUserGrantRoleRequest "auth_user_grant_role" { "user" => user, "role" => role }
    AuthUserRevokeRoleRequest "auth_user_revoke_role" { "name" => name, "role" => role }
    AuthRoleAddRequest "auth_role_add" { "name" => name }
    AuthRoleDeleteRequest "auth_role_delete" { "role" => role }
    AuthRoleRevokePermissionRequest "auth_role_revoke_permission"
        { "role" => role, "key" => key, "range_end" => range_end }
}

impl Loggable for pb::AuthRoleGrantPermissionRequest {
    fn loggable(&self) -> String {
        let mut text = Text::default();
        text.text("name", self.name.as_bytes());
        if let Some(perm) = &self.perm {
            let mut permission = Text::default();
            if perm.perm_type != 0 {
                permission.word("permType", perm.perm_type().as_str_name());
            }
            permission.text("key", &perm.key);
            permission.text("range_end", &perm.range_end);
            text.word("perm", &format!("{{{}}}", permission.0));
        }
        format!("auth_role_grant_permission:{{{}}}", text.0)
    }
}

/// A range.
pub fn range(r: &pb::RangeRequest) -> String {
    let mut text = Text::default();
    text.text("key", &r.key);
    text.text("range_end", &r.range_end);
    text.number("limit", r.limit);
    text.number("revision", r.revision);
    if r.sort_order != 0 {
        text.word("sort_order", r.sort_order().as_str_name());
    }
    if r.sort_target != 0 {
        text.word("sort_target", r.sort_target().as_str_name());
    }
    text.flag("serializable", r.serializable);
    text.flag("keys_only", r.keys_only);
    text.flag("count_only", r.count_only);
    text.number("min_mod_revision", r.min_mod_revision);
    text.number("max_mod_revision", r.max_mod_revision);
    text.number("min_create_revision", r.min_create_revision);
    text.number("max_create_revision", r.max_create_revision);
    text.0
}

/// A put without its value, in the format of protobuf's older printer, with a space after each field.
pub fn put(r: &pb::PutRequest) -> String {
    let mut out = String::new();
    older(&mut out, "key", &r.key);
    for (name, number) in [
        (
            "value_size",
            i64::try_from(r.value.len()).unwrap_or(i64::MAX),
        ),
        ("lease", r.lease),
    ] {
        if number != 0 {
            let _ = write!(out, "{name}:{number} ");
        }
    }
    for (name, on) in [
        ("prev_kv", r.prev_kv),
        ("ignore_value", r.ignore_value),
        ("ignore_lease", r.ignore_lease),
    ] {
        if on {
            let _ = write!(out, "{name}:true ");
        }
    }
    out
}

/// A deletion.
pub fn delete_range(r: &pb::DeleteRangeRequest) -> String {
    let mut text = Text::default();
    text.text("key", &r.key);
    text.text("range_end", &r.range_end);
    text.flag("prev_kv", r.prev_kv);
    text.0
}

/// A transaction without the values of its puts and compares.
pub fn txn(r: &pb::TxnRequest) -> String {
    let compares: Vec<String> = r.compare.iter().map(compare).collect();
    let ops = |ops: &[pb::RequestOp]| ops.iter().map(op).collect::<Vec<String>>().join(" ");
    format!(
        "compare:<{}> success:<{}> failure:<{}>",
        compares.join(" "),
        ops(&r.success),
        ops(&r.failure)
    )
}

fn op(op: &pb::RequestOp) -> String {
    use pb::request_op::Request;
    match &op.request {
        Some(Request::RequestPut(r)) => format!("request_put:<{}>", put(r)),
        Some(Request::RequestTxn(r)) => format!("request_txn:<{}>", txn(r)),
        Some(Request::RequestRange(r)) => format!("request_range:{{{}}}", range(r)),
        Some(Request::RequestDeleteRange(r)) => {
            format!("request_delete_range:{{{}}}", delete_range(r))
        }
        None => String::new(),
    }
}

fn compare(c: &pb::Compare) -> String {
    use pb::compare::TargetUnion;
    let mut text = Text::default();
    if c.result != 0 {
        text.word("result", c.result().as_str_name());
    }
    if c.target != 0 {
        text.word("target", c.target().as_str_name());
    }
    if let Some(TargetUnion::Value(value)) = &c.target_union {
        // This type is formatted by the older printer, because its value is replaced.
        let mut out = text.0;
        if !out.is_empty() {
            out.push(' ');
        }
        older(&mut out, "key", &c.key);
        if !value.is_empty() {
            let _ = write!(out, "value_size:{} ", value.len());
        }
        older(&mut out, "range_end", &c.range_end);
        return out;
    }
    text.text("key", &c.key);
    match &c.target_union {
        Some(TargetUnion::Version(n)) => text.word("version", &n.to_string()),
        Some(TargetUnion::CreateRevision(n)) => text.word("create_revision", &n.to_string()),
        Some(TargetUnion::ModRevision(n)) => text.word("mod_revision", &n.to_string()),
        Some(TargetUnion::Lease(n)) => text.word("lease", &n.to_string()),
        Some(TargetUnion::Value(_)) | None => {}
    }
    text.text("range_end", &c.range_end);
    text.0
}

fn older(out: &mut String, name: &str, bytes: &[u8]) {
    if !bytes.is_empty() {
        let _ = write!(out, "{name}:{} ", proto_text::quote(bytes));
    }
}

/// The fields that are set, separated by a space, as in protobuf's newer printer (which inserts two spaces at random,
/// so that nobody relies on the format).
#[derive(Default)]
struct Text(String);

impl Text {
    fn word(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{name}:{value}");
    }

    fn number(&mut self, name: &str, value: i64) {
        if value != 0 {
            self.word(name, &value.to_string());
        }
    }

    fn flag(&mut self, name: &str, on: bool) {
        if on {
            self.word(name, "true");
        }
    }

    fn text(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() {
            self.word(name, &format::quote(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pb::{compare::TargetUnion, request_op::Request};

    #[test]
    fn values_are_sizes() {
        let put = pb::PutRequest {
            key: "k\"\\x01é".into(),
            value: "secret".into(),
            lease: 119,
            ..Default::default()
        };
        let text = put.loggable();
        assert_eq!(
            text,
            r#"put:<key:"k\"\\x01\303\251" value_size:6 lease:119 >"#
        );
        let of_value = pb::Compare {
            target: pb::compare::CompareTarget::Value.into(),
            key: "k".into(),
            target_union: Some(TargetUnion::Value("secret".into())),
            ..Default::default()
        };
        let of_version = pb::Compare {
            result: pb::compare::CompareResult::Greater.into(),
            key: "k".into(),
            target_union: Some(TargetUnion::Version(0)),
            ..Default::default()
        };
        let op = |request| pb::RequestOp {
            request: Some(request),
        };
        let txn = pb::TxnRequest {
            compare: vec![of_value, of_version],
            success: vec![
                op(Request::RequestPut(put.clone())),
                op(Request::RequestTxn(pb::TxnRequest {
                    success: vec![op(Request::RequestPut(put))],
                    ..Default::default()
                })),
                op(Request::RequestRange(pb::RangeRequest {
                    key: "k".into(),
                    range_end: "l".into(),
                    ..Default::default()
                })),
            ],
            failure: vec![op(Request::RequestDeleteRange(pb::DeleteRangeRequest {
                key: "x".into(),
                ..Default::default()
            }))],
        };
        let text = txn.loggable();
        assert!(!text.contains("secret"), "{text}");
        assert!(
            text.starts_with(
                r#"txn:<compare:<target:VALUE key:"k" value_size:6  result:GREATER key:"k" version:0> success:<request_put:<key:"#
            ),
            "{text}"
        );
        assert!(
            text.ends_with(
                r#"request_range:{key:"k" range_end:"l"}> failure:<request_delete_range:{key:"x"}>>"#
            ),
            "{text}"
        );
    }

    #[test]
    fn users_are_named_and_their_passwords_are_not() {
        let add = pb::AuthUserAddRequest {
            name: "u".into(),
            password: "secret".into(),
            hashed_password: "hashed-secret".into(),
            ..Default::default()
        };
        assert_eq!(add.loggable(), "auth_user_add:<name:u>");
        let change = pb::AuthUserChangePasswordRequest {
            name: "u".into(),
            password: "secret".into(),
            hashed_password: "hashed-secret".into(),
        };
        assert_eq!(change.loggable(), "auth_user_change_password:<name:u>");
        let grant = pb::AuthRoleGrantPermissionRequest {
            name: "r".into(),
            perm: Some(crate::proto::authpb::Permission {
                perm_type: crate::proto::authpb::permission::Type::Readwrite.into(),
                key: "a".into(),
                range_end: "b".into(),
            }),
        };
        assert_eq!(
            grant.loggable(),
            r#"auth_role_grant_permission:{name:"r" perm:{permType:READWRITE key:"a" range_end:"b"}}"#
        );
    }
}
