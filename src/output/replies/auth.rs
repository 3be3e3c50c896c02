//! Replies of the service Auth: `auth`, `user`, `role`.

use prost::Message;
use serde::Serialize;

use crate::client::rpc::prefix_end;
use crate::golang::{format::quote, string};
use crate::output::{
    Rendered, Reply,
    fields::Fields,
    json::{HeaderJson, Json, OnlyHeaderJson, base64, empty, header},
    protobuf::Protobuf,
    simple::Simple,
    table::Table,
};
use crate::proto::authpb::{Permission, permission::Type};
use crate::proto::etcdserverpb as pb;

/// A response that contains only a header.
pub trait OnlyHeader: Message {
    /// The header.
    fn header(&self) -> &Option<pb::ResponseHeader>;
}

macro_rules! only_header {
    ($($answer:ident)*) => {
        $(impl OnlyHeader for pb::$answer {
            fn header(&self) -> &Option<pb::ResponseHeader> {
                &self.header
            }
        })*
    };
}

only_header! {
    AuthUserAddResponse AuthUserDeleteResponse AuthUserChangePasswordResponse AuthUserGrantRoleResponse
    AuthUserRevokeRoleResponse AuthRoleAddResponse AuthRoleDeleteResponse AuthRoleGrantPermissionResponse
    AuthRoleRevokePermissionResponse
}

/// A change that was made: the response, and the line printed by `simple`.
#[derive(Clone, Debug)]
pub struct Changed<A> {
    /// The server's answer.
    pub answer: A,
    /// For example `User alice created`.
    pub line: String,
}

impl<A: OnlyHeader> Reply for Changed<A> {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(&self.line)
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.answer.header().as_ref())
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&OnlyHeaderJson::new(self.answer.header()))
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&self.answer)
    }
}

/// `auth enable` and `auth disable`. etcdctl prints text in every format; the JSON is ours.
#[derive(Clone, Debug)]
pub struct Switched {
    /// Whether authentication is now enabled.
    pub enabled: bool,
    /// The header of the server's answer.
    pub header: Option<pb::ResponseHeader>,
}

impl Reply for Switched {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(if self.enabled {
            "Authentication Enabled"
        } else {
            "Authentication Disabled"
        })
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&StatusJson {
            header: header(&self.header),
            enabled: self.enabled,
            auth_revision: 0,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.as_simple(self)
    }
}

/// `auth status`.
impl Reply for pb::AuthStatusResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!("Authentication Status: {}", self.enabled))?;
        out.line(format_args!("AuthRevision: {}", self.auth_revision))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&StatusJson {
            header: header(&self.header),
            enabled: self.enabled,
            auth_revision: self.auth_revision,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(self)
    }
}

#[derive(Serialize)]
struct StatusJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "empty")]
    enabled: bool,
    #[serde(rename = "authRevision", skip_serializing_if = "empty")]
    auth_revision: u64,
}

/// `user get`.
#[derive(Clone, Debug)]
pub struct User {
    /// The user.
    pub name: String,
    /// The server's answer.
    pub answer: pb::AuthUserGetResponse,
}

impl Reply for User {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!("User: {}", self.name))?;
        let roles: String = self.answer.roles.iter().map(|r| format!(" {r}")).collect();
        out.line(format_args!("Roles:{roles}"))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&RolesJson {
            header: header(&self.answer.header),
            roles: &self.answer.roles,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&self.answer)
    }
}

#[derive(Serialize)]
struct RolesJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'a [String],
}

/// `user list`.
impl Reply for pb::AuthUserListResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        self.users.iter().try_for_each(|user| out.line(user))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&UsersJson {
            header: header(&self.header),
            users: &self.users,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(self)
    }
}

#[derive(Serialize)]
struct UsersJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    users: &'a [String],
}

/// `role list`.
impl Reply for pb::AuthRoleListResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        self.roles.iter().try_for_each(|role| out.line(role))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.header.as_ref())?;
        let quoted = |role: &String| format!(" {}", quote(role.as_bytes()));
        let roles: String = self.roles.iter().map(quoted).collect();
        out.raw_line(&format!("\"Roles\" :{roles}"))
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&RolesJson {
            header: header(&self.header),
            roles: &self.roles,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(self)
    }
}

/// `role get`.
#[derive(Clone, Debug)]
pub struct Role {
    /// The role.
    pub name: String,
    /// The server's answer.
    pub answer: pb::AuthRoleGetResponse,
}

impl Role {
    /// Prints the permissions to read (or to write) in the simple format.
    fn section(&self, title: &str, wanted: Type, out: &mut Simple<'_>) -> Rendered {
        out.line(title)?;
        // The role root needs no permissions.
        if self.name == "root" && self.answer.perm.is_empty() {
            return out.line("\t[, <open ended>");
        }
        self.answer
            .perm
            .iter()
            .filter(|p| p.perm_type() == wanted || p.perm_type() == Type::Readwrite)
            .try_for_each(|p| out.line(format_args!("\t{}", keys(p))))
    }
}

/// The keys of a permission: `key`, `[key, end)` or `[key, <open ended>`, and their common prefix if they have one.
fn keys(permission: &Permission) -> String {
    let (key, end) = (&permission.key, &permission.range_end);
    let shown = string::text(key);
    if end.is_empty() {
        return shown.into_owned();
    }
    let range = if end[..] == [0] {
        format!("[{shown}, <open ended>")
    } else {
        format!("[{shown}, {})", string::text(end))
    };
    if !key.is_empty() && prefix_end(key) == end[..] {
        format!("{range} (prefix {shown})")
    } else {
        range
    }
}

impl Reply for Role {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!("Role {}", self.name))?;
        self.section("KV Read:", Type::Read, out)?;
        self.section("KV Write:", Type::Write, out)
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.answer.header.as_ref())?;
        for permission in &self.answer.perm {
            // etcdctl writes two spaces here.
            out.line(
                "PermType",
                format_args!(" {}", permission.perm_type().as_str_name()),
            )?;
            out.quoted("Key", &permission.key)?;
            out.quoted("RangeEnd", &permission.range_end)?;
        }
        Ok(())
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&RoleJson {
            header: header(&self.answer.header),
            perm: self.answer.perm.iter().map(Into::into).collect(),
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&self.answer)
    }
}

#[derive(Serialize)]
struct RoleJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    perm: Vec<PermissionJson<'a>>,
}

#[derive(Serialize)]
struct PermissionJson<'a> {
    #[serde(rename = "permType", skip_serializing_if = "empty")]
    kind: i32,
    #[serde(skip_serializing_if = "<[u8]>::is_empty", serialize_with = "base64")]
    key: &'a [u8],
    #[serde(skip_serializing_if = "<[u8]>::is_empty", serialize_with = "base64")]
    range_end: &'a [u8],
}

impl<'a> From<&'a Permission> for PermissionJson<'a> {
    fn from(p: &'a Permission) -> Self {
        Self {
            kind: p.perm_type,
            key: &p.key,
            range_end: &p.range_end,
        }
    }
}
