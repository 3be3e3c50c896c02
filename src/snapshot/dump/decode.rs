//! Records as `etcd-dump-db iterate-bucket --decode` prints them. Never fails: records that cannot be decoded are shown
//! as bytes. Source: etcd v3.7.1, tools/etcd-dump-db/backend.go.

use std::fmt::Write as _;

use crate::{
    golang::format::quote,
    proto::authpb::permission::Type,
    schema::{
        auth, bucket,
        key::{KeyValueRef, RevisionKey},
        lease, meta,
    },
};

/// Formats a record of the bucket `name`.
pub fn decode(name: &[u8], key: &[u8], value: &[u8]) -> String {
    let decoded = match name {
        bucket::KEY => key_record(key, value),
        bucket::LEASE => lease::decode(key, value).ok().map(|lease| {
            format!(
                "lease ID={:016x}, TTL={}s, remaining TTL={}s",
                lease.id, lease.ttl, lease.remaining_ttl
            )
        }),
        bucket::AUTH => auth_record(key, value),
        bucket::AUTH_ROLES => role(key, value),
        bucket::AUTH_USERS => user(key, value),
        bucket::META => meta_record(key, value),
        _ => None,
    };
    decoded.unwrap_or_else(|| plain(key, value))
}

/// Formats a record as quoted bytes.
pub fn plain(key: &[u8], value: &[u8]) -> String {
    format!("key={}, value={}", quote(key), quote(value))
}

/// Formats a record of the bucket `key`; `None` if it is invalid.
pub fn key_record(key: &[u8], value: &[u8]) -> Option<String> {
    let at = RevisionKey::decode(key).ok()?;
    let kv = KeyValueRef::decode(value).ok()?;
    Some(format!(
        "rev={{Revision:{{Main:{} Sub:{}}} tombstone:{}}}, value=[key {} | val {} | created {} | mod {} | ver {}]",
        at.revision.main,
        at.revision.sub,
        at.tombstone,
        quote(kv.key),
        quote(kv.value),
        kv.create_revision,
        kv.mod_revision,
        kv.version
    ))
}

fn auth_record(key: &[u8], value: &[u8]) -> Option<String> {
    let name = quote(key);
    if key == auth::REVISION {
        let number = <[u8; 8]>::try_from(value).ok()?;
        return Some(format!("key={name}, value={}", u64::from_be_bytes(number)));
    }
    let bytes: Vec<String> = value.iter().map(u8::to_string).collect();
    Some(format!("key={name}, value=[{}]", bytes.join(" ")))
}

fn role(key: &[u8], value: &[u8]) -> Option<String> {
    let role = auth::decode_role(key, value).ok()?;
    let mut permissions = Vec::new();
    for permission in &role.key_permission {
        let mut text = String::new();
        // Writing into a String cannot fail.
        if permission.perm_type() != Type::Read {
            let _ = write!(text, "permType:{} ", permission.perm_type().as_str_name());
        }
        if !permission.key.is_empty() {
            let _ = write!(text, "key:{} ", quote(&permission.key));
        }
        if !permission.range_end.is_empty() {
            let _ = write!(text, "range_end:{} ", quote(&permission.range_end));
        }
        permissions.push(text.trim_end().to_owned());
    }
    Some(format!(
        "role={}, keyPermission=[{}]",
        quote(&role.name),
        permissions.join(" ")
    ))
}

fn user(key: &[u8], value: &[u8]) -> Option<String> {
    // Do not show the password hash.
    let user = auth::decode_user(key, value).ok()?;
    let roles: Vec<String> = user.roles.iter().map(|r| quote(r.as_bytes())).collect();
    let option = match &user.options {
        Some(options) if options.no_password => "no_password:true",
        Some(_) => "",
        None => "<nil>",
    };
    Some(format!(
        "user={}, roles=[{}], option={option}",
        quote(&user.name),
        roles.join(" ")
    ))
}

fn meta_record(key: &[u8], value: &[u8]) -> Option<String> {
    let name = quote(key);
    match key {
        meta::CONSISTENT_INDEX | meta::TERM => {
            let number = <[u8; 8]>::try_from(value).ok()?;
            Some(format!("key={name}, value={}", u64::from_be_bytes(number)))
        }
        meta::SCHEDULED_COMPACT | meta::FINISHED_COMPACT => {
            let at = RevisionKey::decode(value).ok()?.revision;
            Some(format!("key={name}, value={{{} {}}}", at.main, at.sub))
        }
        _ => None,
    }
}
