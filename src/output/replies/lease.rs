//! Replies of the service Lease. In Go, these types embed the header's fields. This shows in JSON, and in protobuf,
//! where only the header is encoded (etcd v3.7.1, client/v3/lease.go).

use serde::Serialize;

use crate::golang::{json::base64, string};
use crate::output::{
    Rendered, Reply,
    fields::Fields,
    json::{HeaderJson, Json, OnlyHeaderJson, header},
    protobuf::Protobuf,
    simple::Simple,
    table::Table,
};
use crate::proto::etcdserverpb as pb;

/// `lease grant`.
impl Reply for pb::LeaseGrantResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!(
            "lease {:016x} granted with TTL({}s)",
            self.id, self.ttl
        ))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.header.as_ref())?;
        out.lease("ID", self.id)?;
        out.line("TTL", self.ttl)
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&GrantJson {
            header: header(&self.header),
            id: self.id,
            ttl: self.ttl,
            error: &self.error,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&self.header.unwrap_or_default())
    }
}

#[derive(Serialize)]
struct GrantJson<'a> {
    #[serde(flatten)]
    header: Option<HeaderJson>,
    #[serde(rename = "ID")]
    id: i64,
    #[serde(rename = "TTL")]
    ttl: i64,
    #[serde(rename = "Error")]
    error: &'a str,
}

/// `lease revoke`.
#[derive(Clone, Debug)]
pub struct Revoked {
    /// The lease.
    pub id: i64,
    /// The server's answer.
    pub answer: pb::LeaseRevokeResponse,
}

impl Reply for Revoked {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!("lease {:016x} revoked", self.id))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.answer.header.as_ref())
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&OnlyHeaderJson::new(&self.answer.header))
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    /// In Go, the response has a type that cannot be encoded as protobuf.
    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unmarshallable("*clientv3.LeaseRevokeResponse")
    }
}

/// `lease keep-alive`.
impl Reply for pb::LeaseKeepAliveResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!(
            "lease {:016x} keepalived with TTL({})",
            self.id, self.ttl
        ))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.header.as_ref())?;
        out.lease("ID", self.id)?;
        out.line("TTL", self.ttl)
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&KeepAliveJson {
            header: header(&self.header),
            id: self.id,
            ttl: self.ttl,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&self.header.unwrap_or_default())
    }
}

#[derive(Serialize)]
struct KeepAliveJson {
    #[serde(flatten)]
    header: Option<HeaderJson>,
    #[serde(rename = "ID")]
    id: i64,
    #[serde(rename = "TTL")]
    ttl: i64,
}

/// `lease timetolive`.
#[derive(Clone, Debug)]
pub struct TimeToLive {
    /// The server's answer.
    pub answer: pb::LeaseTimeToLiveResponse,
    /// `--keys`.
    pub keys: bool,
}

impl Reply for TimeToLive {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        let pb::LeaseTimeToLiveResponse {
            id,
            ttl,
            granted_ttl,
            keys,
            ..
        } = &self.answer;
        if *granted_ttl == 0 && *ttl == -1 {
            return out.line(format_args!("lease {id:016x} already expired"));
        }
        let mut text =
            format!("lease {id:016x} granted with TTL({granted_ttl}s), remaining({ttl}s)");
        if self.keys {
            let keys: Vec<_> = keys.iter().map(|key| string::text(key)).collect();
            text.push_str(&format!(", attached keys([{}])", keys.join(" ")));
        }
        out.line(text)
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.answer.header.as_ref())?;
        out.lease("ID", self.answer.id)?;
        out.line("TTL", self.answer.ttl)?;
        out.line("GrantedTTL", self.answer.granted_ttl)?;
        self.answer
            .keys
            .iter()
            .try_for_each(|key| out.quoted("Key", key))
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        let keys: Vec<KeyJson<'_>> = self.answer.keys.iter().map(|key| KeyJson(key)).collect();
        out.value(&TimeToLiveJson {
            header: header(&self.answer.header),
            id: self.answer.id,
            ttl: self.answer.ttl,
            granted_ttl: self.answer.granted_ttl,
            keys: (!keys.is_empty()).then_some(keys),
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&self.answer.header.unwrap_or_default())
    }
}

#[derive(Serialize)]
struct TimeToLiveJson<'a> {
    #[serde(flatten)]
    header: Option<HeaderJson>,
    id: i64,
    ttl: i64,
    #[serde(rename = "granted-ttl")]
    granted_ttl: i64,
    keys: Option<Vec<KeyJson<'a>>>,
}

#[derive(Serialize)]
struct KeyJson<'a>(#[serde(serialize_with = "key_base64")] &'a [u8]);

fn key_base64<S: serde::Serializer>(key: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    base64(key, serializer)
}

/// `lease list`.
impl Reply for pb::LeaseLeasesResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!("found {} leases", self.leases.len()))?;
        self.leases
            .iter()
            .try_for_each(|lease| out.line(format_args!("{:016x}", lease.id)))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.header.as_ref())?;
        self.leases
            .iter()
            .try_for_each(|lease| out.lease("ID", lease.id))
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&LeasesJson {
            header: header(&self.header),
            leases: self.leases.iter().map(|l| LeaseJson { id: l.id }).collect(),
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&self.header.unwrap_or_default())
    }
}

#[derive(Serialize)]
struct LeasesJson {
    #[serde(flatten)]
    header: Option<HeaderJson>,
    leases: Vec<LeaseJson>,
}

#[derive(Serialize)]
struct LeaseJson {
    id: i64,
}
