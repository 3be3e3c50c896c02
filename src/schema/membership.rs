//! Buckets `members`, `members_removed` and `cluster`: the members of the cluster and its version. Source: etcd v3.7.1,
//! server/storage/schema/membership.go, server/etcdserver/api/membership/member.go,
//! server/etcdserver/version/downgrade.go.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    bucket, error::RecordError, fresh::current_version, meta::ConfState, version::Version,
};

/// Key of the cluster version in bucket `cluster`.
pub const CLUSTER_VERSION: &[u8] = b"clusterVersion";
/// Key of the downgrade state in bucket `cluster`.
pub const DOWNGRADE: &[u8] = b"downgrade";
/// The value of every record of `members_removed`.
pub const REMOVED: &[u8] = b"removed";

/// A member, with the fields of its JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Computed from peer URLs and cluster token: see [`super::ids`].
    pub id: u64,
    /// The URLs at which other members reach it.
    #[serde(rename = "peerURLs", default, deserialize_with = "null_is_empty")]
    pub peer_urls: Vec<String>,
    /// Whether it is a learner, which does not vote.
    #[serde(rename = "isLearner", default, skip_serializing_if = "is_false")]
    pub is_learner: bool,
    /// Empty until the member has started.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The URLs at which clients reach it.
    #[serde(
        rename = "clientURLs",
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub client_urls: Vec<String>,
}

fn is_false(b: &bool) -> bool {
    !b
}

/// Go encodes a nil slice as `null`.
fn null_is_empty<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(d).map(Option::unwrap_or_default)
}

/// The downgrade state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downgrade {
    /// The target version; empty if no downgrade is enabled.
    #[serde(rename = "target-version", default)]
    pub target_version: String,
    /// Whether a downgrade is enabled.
    #[serde(default)]
    pub enabled: bool,
}

/// The content of the three buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// By id.
    pub members: BTreeMap<u64, Member>,
    /// Ids of removed members, which must not be used again.
    pub removed: BTreeSet<u64>,
    /// The version that all members support.
    pub cluster_version: Option<Version>,
    /// Present since a downgrade was first enabled.
    pub downgrade: Option<Downgrade>,
}

impl Membership {
    /// Adds one record of the three buckets. Ignores records of other buckets.
    ///
    /// # Errors
    /// The record is invalid.
    pub fn read(&mut self, name: &[u8], key: &[u8], value: &[u8]) -> Result<(), RecordError> {
        match name {
            bucket::MEMBERS => {
                let member = decode_member(key, value)?;
                self.members.insert(member.id, member);
            }
            bucket::MEMBERS_REMOVED => {
                self.removed
                    .insert(decode_id(bucket::MEMBERS_REMOVED, key)?);
            }
            bucket::CLUSTER => self.read_cluster(key, value)?,
            _ => {}
        }
        Ok(())
    }

    /// The version of the cluster, which is also that of its storage.
    pub fn version(&self) -> Version {
        self.cluster_version.clone().unwrap_or_else(current_version)
    }

    /// The target version of the current downgrade.
    pub fn downgrade_target(&self) -> Option<&str> {
        let downgrade = self.downgrade.as_ref()?;
        downgrade.enabled.then_some(&downgrade.target_version)
    }

    /// The voters and learners, as raft would record them.
    pub fn conf_state(&self) -> ConfState {
        let ids = |learners: bool| {
            let members = self
                .members
                .values()
                .filter(move |m| m.is_learner == learners);
            members.map(|m| m.id).collect()
        };
        ConfState {
            voters: ids(false),
            learners: ids(true),
            ..ConfState::default()
        }
    }

    fn read_cluster(&mut self, key: &[u8], value: &[u8]) -> Result<(), RecordError> {
        let wrong = |problem: String| RecordError::new(bucket::CLUSTER, key, problem);
        match key {
            CLUSTER_VERSION => {
                let version = std::str::from_utf8(value)
                    .map_err(|_| "a version is text")
                    .and_then(str::parse)
                    .map_err(|problem| wrong(problem.into()))?;
                self.cluster_version = Some(version);
            }
            DOWNGRADE => {
                let state: Downgrade = from_json(value).map_err(wrong)?;
                // etcd parses the target when it starts, and dies if that fails.
                if state.enabled
                    && let Err(problem) = state.target_version.parse::<Version>()
                {
                    let target = &state.target_version;
                    return Err(wrong(format!("target version {target:?}: {problem}")));
                }
                self.downgrade = Some(state);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Encodes the key of a member's record: its id in hexadecimal, without leading zeros.
pub fn encode_id(id: u64) -> Vec<u8> {
    format!("{id:x}").into_bytes()
}

fn decode_id(name: &[u8], key: &[u8]) -> Result<u64, RecordError> {
    std::str::from_utf8(key)
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or_else(|| RecordError::new(name, key, "a member id is a hexadecimal number"))
}

/// Encodes the record of one member.
pub fn encode_member(member: &Member) -> (Vec<u8>, Vec<u8>) {
    (encode_id(member.id), to_json(member))
}

/// The attributes of a member that the raft log decides on, with the fields of their JSON.
#[derive(Serialize)]
struct RaftAttributes<'a> {
    #[serde(rename = "peerURLs")]
    peer_urls: &'a [String],
    #[serde(rename = "isLearner", skip_serializing_if = "is_false")]
    is_learner: bool,
}

/// Encodes these attributes as JSON.
pub fn raft_attributes(member: &Member) -> Vec<u8> {
    to_json(&RaftAttributes {
        peer_urls: &member.peer_urls,
        is_learner: member.is_learner,
    })
}

/// Decodes a record of `members`.
///
/// # Errors
/// The key is not an id, the value is not a member, or their ids differ.
pub fn decode_member(key: &[u8], value: &[u8]) -> Result<Member, RecordError> {
    let wrong = |problem: String| RecordError::new(bucket::MEMBERS, key, problem);
    let id = decode_id(bucket::MEMBERS, key)?;
    let member: Member = from_json(value).map_err(wrong)?;
    if member.id != id {
        return Err(wrong(format!("the record is of member {:x}", member.id)));
    }
    Ok(member)
}

/// Encodes the value of [`DOWNGRADE`].
pub fn encode_downgrade(state: &Downgrade) -> Vec<u8> {
    to_json(state)
}

/// Decodes a JSON object. Unlike Go, serde also reads a struct from a list of its fields.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn from_json<T: DeserializeOwned>(value: &[u8]) -> Result<T, String> {
    if value.trim_ascii_start().first() == Some(&b'[') {
        return Err("bad JSON: a list instead of an object".into());
    }
    serde_json::from_slice(value).map_err(|e| format!("bad JSON: {e}"))
}

/// JSON as Go's encoder writes it: `<`, `>`, `&` and the two Unicode line separators are escaped. They occur only in
/// strings, so they can be replaced in the finished text.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // Serializing plain structs of strings and numbers to memory cannot fail.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    for (plain, escaped) in [
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u{2028}", "\\u2028"),
        ("\u{2029}", "\\u2029"),
    ] {
        if text.contains(plain) {
            text = text.replace(plain, escaped);
        }
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_json_is_gos() {
        let text: &[u8] = br#"{"id":452597282881547888,"peerURLs":["http://127.0.0.1:32116"],"name":"m1","clientURLs":["http://127.0.0.1:32115"]}"#;
        let member = decode_member(b"647f2d4b0762e70", text).unwrap();
        assert_eq!(
            encode_member(&member),
            (b"647f2d4b0762e70".to_vec(), text.to_vec())
        );
        let learner: &[u8] = br#"{"id":1,"peerURLs":["http://a:1"],"isLearner":true}"#;
        let member = decode_member(b"1", learner).unwrap();
        assert!(member.is_learner && member.name.is_empty());
        assert_eq!(encode_member(&member).1, learner);
        let odd = Member {
            id: 2,
            name: "a<b>&\"c\"".into(),
            ..Member::default()
        };
        let (key, value) = encode_member(&odd);
        assert_eq!(
            value,
            br#"{"id":2,"peerURLs":[],"name":"a\u003cb\u003e\u0026\"c\""}"#
        );
        assert_eq!(decode_member(&key, &value), Ok(odd));
    }

    #[test]
    fn garbage_is_refused_by_name() {
        let text: &[u8] = br#"{"id":1,"peerURLs":null}"#;
        assert!(decode_member(b"1", text).is_ok());
        for key in [&b""[..], b"+1", b"xyz", b"10000000000000000", b"2"] {
            assert!(decode_member(key, text).is_err(), "{key:?}");
        }
        let error = decode_member(b"1", &text[..10]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("bucket members, key \"1\": bad JSON")
        );
    }

    #[test]
    fn cluster_records() {
        let mut m = Membership::default();
        let downgrade: &[u8] = br#"{"target-version":"3.6.0","enabled":true}"#;
        m.read(bucket::CLUSTER, CLUSTER_VERSION, b"3.7.0").unwrap();
        m.read(bucket::CLUSTER, DOWNGRADE, downgrade).unwrap();
        m.read(bucket::MEMBERS_REMOVED, b"42cc716bba2d5f4b", REMOVED)
            .unwrap();
        assert_eq!(m.cluster_version, Some(Version::new(3, 7)));
        assert_eq!(
            m.downgrade.as_ref().map(encode_downgrade).as_deref(),
            Some(downgrade)
        );
        assert!(m.removed.contains(&0x42cc_716b_ba2d_5f4b));
        assert!(m.read(bucket::CLUSTER, CLUSTER_VERSION, b"3").is_err());
        assert!(m.read(bucket::CLUSTER, DOWNGRADE, b"{").is_err());
        assert!(m.read(bucket::MEMBERS_REMOVED, b"g", REMOVED).is_err());
    }
}
