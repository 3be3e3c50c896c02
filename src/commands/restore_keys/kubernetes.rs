//! Warnings about restored Kubernetes objects: encrypted values, whose encryption key may have changed, and objects whose
//! owner does not exist, which the garbage collector would delete again. Only the `ObjectMeta` of an object is decoded.
//! Source: Kubernetes, staging/src/k8s.io/apimachinery, pkg/runtime/generated.proto
//! (Unknown) and pkg/apis/meta/v1/generated.proto (ObjectMeta, OwnerReference).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    cli::{context::Context, error::CommandError},
    client::Client,
    golang::string,
    proto::{etcdserverpb as pb, mvccpb::KeyValue},
    schema::wire::{Fields, Value},
};

/// The prefix of Kubernetes objects.
const REGISTRY: &[u8] = b"/registry/";
/// The prefix of an encrypted value.
const ENCRYPTED: &[u8] = b"k8s:enc:";
/// The prefix of a protobuf value; a `runtime.Unknown` follows.
const PROTOBUF: &[u8] = b"k8s\0";
/// Maximum number of owners that are looked up in the cluster.
const MAX_OWNERS: usize = 256;
/// Maximum number of owners that are named in a warning.
const NAMED: usize = 5;

/// The owner of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Owner {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
}

/// The decoded fields of an `ObjectMeta`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectMeta {
    uid: String,
    namespace: String,
    owner_references: Vec<Owner>,
}

/// Collects facts about the objects of a plan.
#[derive(Default)]
pub struct Kubernetes {
    encrypted: u64,
    /// Uids of existing and restored objects.
    uids: BTreeSet<String>,
    /// Owners of restored objects, with the namespace of the owned object.
    owners: BTreeMap<Owner, String>,
}

impl Kubernetes {
    /// Records a pair that exists in the cluster.
    pub fn is_there(&mut self, kv: &KeyValue) {
        if let Some(meta) = object_meta(kv) {
            self.uids.insert(meta.uid);
        }
    }

    /// Records a pair that is restored.
    pub fn comes_back(&mut self, kv: &KeyValue) {
        if kv.key.starts_with(REGISTRY) && kv.value.starts_with(ENCRYPTED) {
            self.encrypted += 1;
        }
        if let Some(meta) = object_meta(kv) {
            self.uids.insert(meta.uid);
            for owner in meta.owner_references {
                self.owners.insert(owner, meta.namespace.clone());
            }
        }
    }

    /// Returns the warnings. Owners outside the range are looked up in the cluster.
    ///
    /// # Errors
    /// A request failed.
    pub async fn warnings(
        &self,
        ctx: &Context,
        target: &Client,
    ) -> Result<Vec<String>, CommandError> {
        let mut out = Vec::new();
        if self.encrypted > 0 {
            out.push(format!(
                "{} values are encrypted (k8s:enc:): the API server needs the encryption key that they were written with",
                self.encrypted
            ));
        }
        let outside = self
            .owners
            .iter()
            .filter(|(owner, _)| !self.uids.contains(&owner.uid));
        let mut missing = Vec::new();
        for (owner, namespace) in outside.take(MAX_OWNERS) {
            if !is_in_cluster(ctx, target, owner, namespace).await? {
                let name = string::text(owner.name.as_bytes()).into_owned();
                missing.push(format!("{} {namespace}/{name}", owner.kind));
            }
        }
        if !missing.is_empty() {
            let more = missing.len().saturating_sub(NAMED);
            missing.truncate(NAMED);
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            out.push(format!(
                "owners that were not found: {}{more}; the garbage collector deletes what belongs to them, so put them \
                 back first",
                missing.join(", ")
            ));
        }
        Ok(out)
    }
}

/// Whether the cluster has the owner at one of its possible keys.
async fn is_in_cluster(
    ctx: &Context,
    target: &Client,
    owner: &Owner,
    namespace: &str,
) -> Result<bool, CommandError> {
    for key in places(owner, namespace) {
        let request = pb::RangeRequest {
            key: key.into(),
            ..Default::default()
        };
        let answer = target.range(request, ctx.deadline()?).await?;
        for kv in &answer.kvs {
            // An object that cannot be decoded, such as an encrypted one, is assumed to be the owner.
            if object_meta(kv).is_none_or(|meta| meta.uid == owner.uid) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The possible keys of an owner, in the namespace or cluster-wide.
fn places(owner: &Owner, namespace: &str) -> Vec<String> {
    let kind = owner.kind.to_ascii_lowercase();
    let plural = match kind.as_str() {
        // Resources with special prefixes.
        "node" => "minions".to_owned(),
        "replicationcontroller" => "controllers".to_owned(),
        "service" => "services/specs".to_owned(),
        "endpoints" => "services/endpoints".to_owned(),
        "ingress" => "ingress".to_owned(),
        kind if kind.ends_with(['s', 'x', 'z']) || kind.ends_with("ch") || kind.ends_with("sh") => {
            format!("{kind}es")
        }
        kind => match kind.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
            _ => format!("{kind}s"),
        },
    };
    // Custom resources and some built-in ones are stored below their API group.
    let group = owner.api_version.split_once('/').map(|(group, _)| group);
    let mut out = Vec::new();
    for folder in [
        Some(plural.clone()),
        group.map(|group| format!("{group}/{plural}")),
    ] {
        let Some(folder) = folder else {
            continue;
        };
        let name = &owner.name;
        if !namespace.is_empty() {
            out.push(format!("/registry/{folder}/{namespace}/{name}"));
        }
        out.push(format!("/registry/{folder}/{name}"));
    }
    out
}

/// Decodes the `ObjectMeta` of an object; `None` if it cannot be decoded.
fn object_meta(kv: &KeyValue) -> Option<ObjectMeta> {
    if !kv.key.starts_with(REGISTRY) {
        return None;
    }
    let meta = match kv.value.strip_prefix(PROTOBUF) {
        Some(unknown) => {
            // `Unknown.raw` is the object, and its first field is the metadata.
            let object = field(unknown, 2)?;
            of_protobuf(field(object, 1)?)?
        }
        None => of_json(&kv.value)?,
    };
    Some(meta).filter(|meta| !meta.uid.is_empty())
}

fn of_json(value: &Bytes) -> Option<ObjectMeta> {
    #[derive(Deserialize)]
    struct Object {
        metadata: ObjectMeta,
    }
    let object: Object = serde_json::from_slice(value).ok()?;
    Some(object.metadata)
}

fn of_protobuf(message: &[u8]) -> Option<ObjectMeta> {
    let mut meta = ObjectMeta::default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next().ok()? {
        match (number, value) {
            (3, Value::Bytes(namespace)) => meta.namespace = text(namespace),
            (5, Value::Bytes(uid)) => meta.uid = text(uid),
            (13, Value::Bytes(owner)) => meta.owner_references.push(Owner {
                kind: text(field(owner, 1).unwrap_or_default()),
                name: text(field(owner, 3).unwrap_or_default()),
                uid: text(field(owner, 4).unwrap_or_default()),
                api_version: text(field(owner, 5).unwrap_or_default()),
            }),
            _ => {}
        }
    }
    Some(meta)
}

/// The first field with this number, if its type is bytes.
fn field(message: &[u8], wanted: u32) -> Option<&[u8]> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next().ok()? {
        if let (true, Value::Bytes(bytes)) = (number == wanted, value) {
            return Some(bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A protobuf field of bytes shorter than 128.
    fn put(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
        out.extend([number << 3 | 2, bytes.len() as u8]);
        out.extend(bytes);
    }

    fn protobuf(uid: &str, owner_uid: &str) -> KeyValue {
        let (mut owner, mut meta, mut object, mut unknown) = (vec![], vec![], vec![], vec![]);
        put(&mut owner, 1, b"ReplicaSet");
        put(&mut owner, 3, b"web-7c9");
        put(&mut owner, 4, owner_uid.as_bytes());
        put(&mut owner, 5, b"apps/v1");
        put(&mut meta, 3, b"prod");
        put(&mut meta, 5, uid.as_bytes());
        put(&mut meta, 13, &owner);
        put(&mut object, 1, &meta);
        put(&mut unknown, 1, b"type");
        put(&mut unknown, 2, &object);
        KeyValue {
            key: Bytes::from_static(b"/registry/pods/prod/web-7c9-x"),
            value: [PROTOBUF, &unknown].concat().into(),
            ..KeyValue::default()
        }
    }

    #[test]
    fn owners_are_found_in_protobuf_and_json() {
        let owner = Owner {
            api_version: "apps/v1".into(),
            kind: "ReplicaSet".into(),
            name: "web-7c9".into(),
            uid: "o".into(),
        };
        let want = ObjectMeta {
            uid: "u".into(),
            namespace: "prod".into(),
            owner_references: vec![owner],
        };
        let pair = protobuf("u", "o");
        assert_eq!(object_meta(&pair).unwrap(), want);
        let json = r#"{"kind":"X","metadata":{"name":"x","namespace":"prod","uid":"u","ownerReferences":[
            {"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-7c9","uid":"o","controller":true}]}}"#;
        let pair = KeyValue {
            value: json.into(),
            ..pair
        };
        assert_eq!(object_meta(&pair).unwrap(), want);
        for value in [&b""[..], b"k8s\0", b"k8s\0\xff\xff", b"{}", b"text"] {
            let value = Bytes::copy_from_slice(value);
            assert_eq!(
                object_meta(&KeyValue {
                    value,
                    ..pair.clone()
                }),
                None
            );
        }
    }

    #[test]
    fn an_owner_that_is_restored_too_is_not_reported_as_missing() {
        let mut seen = Kubernetes::default();
        seen.comes_back(&protobuf("child", "owner"));
        assert_eq!(seen.owners.len(), 1);
        seen.is_there(&protobuf("owner", "other"));
        assert!(seen.uids.contains("owner"));
        let encrypted = KeyValue {
            value: Bytes::from_static(b"k8s:enc:aescbc:v1:key1:x"),
            ..protobuf("a", "b")
        };
        seen.comes_back(&encrypted);
        assert_eq!(seen.encrypted, 1);
    }

    #[test]
    fn owners_are_looked_for_where_the_api_server_keeps_them() {
        let owner = |kind: &str, api_version: &str| Owner {
            api_version: api_version.into(),
            kind: kind.into(),
            name: "n".into(),
            uid: "u".into(),
        };
        assert_eq!(
            places(&owner("ReplicaSet", "apps/v1"), "prod"),
            [
                "/registry/replicasets/prod/n",
                "/registry/replicasets/n",
                "/registry/apps/replicasets/prod/n",
                "/registry/apps/replicasets/n",
            ]
        );
        assert_eq!(places(&owner("Node", "v1"), ""), ["/registry/minions/n"]);
        assert_eq!(
            places(&owner("NetworkPolicy", "v1"), ""),
            ["/registry/networkpolicies/n"]
        );
    }
}
