//! `role add`, `delete`, `get`, `list`, `grant-permission` and `revoke-permission`.

use std::ffi::OsString;

use bytes::Bytes;
use clap::Args;

use super::range::bytes;
use crate::{
    cli::{
        context::Context,
        error::CommandError,
        words::{Words, text},
    },
    client::rpc::prefix_end,
    golang::string,
    output::replies::auth::{Changed, Role},
    proto::{
        authpb::{Permission, permission::Type},
        etcdserverpb as pb,
    },
    words,
};

/// Add a role
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl role add readers")]
pub struct AddArgs {
    #[command(flatten)]
    words: Words<AddWords>,
}

words! {
    pub AddWords: 1..=1, "<role>", BadArgs "role add command requires role name as its argument"
}

/// Runs `role add`.
///
/// # Errors
/// An error from the server.
pub async fn add(
    ctx: &Context,
    args: AddArgs,
) -> Result<Changed<pb::AuthRoleAddResponse>, CommandError> {
    let [name] = args.words.exactly()?;
    let name = text(name);
    let (client, deadline) = ctx.connect_patiently().await?;
    let line = format!("Role {name} created");
    let request = pb::AuthRoleAddRequest { name };
    Ok(Changed {
        answer: client.role_add(request, deadline).await?,
        line,
    })
}

/// Delete a role
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl role delete readers")]
pub struct DeleteArgs {
    #[command(flatten)]
    words: Words<DeleteWords>,
}

words! {
    pub DeleteWords: 1..=1, "<role>", BadArgs "role delete command requires role name as its argument"
}

/// Runs `role delete`.
///
/// # Errors
/// An error from the server.
pub async fn delete(
    ctx: &Context,
    args: DeleteArgs,
) -> Result<Changed<pb::AuthRoleDeleteResponse>, CommandError> {
    let [role] = args.words.exactly()?;
    let role = text(role);
    let (client, deadline) = ctx.connect_patiently().await?;
    let line = format!("Role {role} deleted");
    let request = pb::AuthRoleDeleteRequest { role };
    Ok(Changed {
        answer: client.role_delete(request, deadline).await?,
        line,
    })
}

/// Show the permissions of a role
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl role get readers")]
pub struct GetArgs {
    #[command(flatten)]
    words: Words<GetWords>,
}

words! {
    pub GetWords: 1..=1, "<role>", BadArgs "role get command requires role name as its argument"
}

/// Runs `role get`.
///
/// # Errors
/// An error from the server.
pub async fn get(ctx: &Context, args: GetArgs) -> Result<Role, CommandError> {
    let [name] = args.words.exactly()?;
    let name = text(name);
    let (client, deadline) = ctx.connect_patiently().await?;
    let request = pb::AuthRoleGetRequest { role: name.clone() };
    let answer = client.role_get(request, deadline).await?;
    Ok(Role { name, answer })
}

/// List the roles
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl role list")]
pub struct ListArgs {
    #[command(flatten)]
    words: Words<ListWords>,
}

words! { pub ListWords: 0..=0, "", BadArgs "role list command requires no arguments" }

/// Runs `role list`.
///
/// # Errors
/// An error from the server.
pub async fn list(ctx: &Context, args: ListArgs) -> Result<pb::AuthRoleListResponse, CommandError> {
    args.words.get()?;
    let (client, deadline) = ctx.connect_patiently().await?;
    Ok(client
        .role_list(pb::AuthRoleListRequest {}, deadline)
        .await?)
}

/// The flags that turn a key into a range.
#[derive(Args, Debug)]
pub struct RangeFlags {
    /// All keys that begin with <key>
    #[arg(long)]
    prefix: bool,
    /// All keys that are equal to or follow <key>
    #[arg(long)]
    from_key: bool,
}

/// Grant a permission on a key or a range of keys to a role
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl role grant-permission readers read greeting
  etcdctl role grant-permission writers readwrite /app/ --prefix
  etcdctl role grant-permission admins readwrite '' --prefix    # every key")]
pub struct GrantPermissionArgs {
    #[command(flatten)]
    range: RangeFlags,
    #[command(flatten)]
    words: Words<GrantPermissionWords>,
}

words! {
    /// Role, permission, key and end. Further arguments are ignored, as in etcdctl.
    pub GrantPermissionWords: 3..=usize::MAX, "<role> <read|write|readwrite> <key> [range_end]",
        BadArgs "role grant command requires role name, permission type, and key [endkey] as its argument"
}

/// Runs `role grant-permission`.
///
/// # Errors
/// Conflicting arguments, or an error from the server.
pub async fn grant_permission(
    ctx: &Context,
    args: GrantPermissionArgs,
) -> Result<Changed<pb::AuthRoleGrantPermissionResponse>, CommandError> {
    let words = args.words.get()?;
    let kind = text(&words[1]);
    let perm_type = match kind.to_uppercase().as_str() {
        "READ" => Type::Read,
        "WRITE" => Type::Write,
        "READWRITE" => Type::Readwrite,
        _ => {
            return Err(CommandError::bad_args(format!(
                "invalid permission type: {kind}"
            )));
        }
    };
    let (key, range_end) = args.range.range(&words[2..])?;
    let name = text(&words[0]);
    let (client, deadline) = ctx.connect_patiently().await?;
    let line = format!("Role {name} updated");
    let request = pb::AuthRoleGrantPermissionRequest {
        name,
        perm: Some(Permission {
            perm_type: perm_type.into(),
            key,
            range_end,
        }),
    };
    Ok(Changed {
        answer: client.role_grant_permission(request, deadline).await?,
        line,
    })
}

/// Revoke a permission on a key or a range of keys from a role
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl role revoke-permission readers greeting
  etcdctl role revoke-permission writers /app/ --prefix")]
pub struct RevokePermissionArgs {
    #[command(flatten)]
    range: RangeFlags,
    #[command(flatten)]
    words: Words<RevokePermissionWords>,
}

words! {
    /// Role, key and end. Further arguments are ignored, as in etcdctl.
    pub RevokePermissionWords: 2..=usize::MAX, "<role> <key> [range_end]",
        BadArgs "role revoke-permission command requires role name and key [endkey] as its argument"
}

/// Runs `role revoke-permission`.
///
/// # Errors
/// Conflicting arguments, or an error from the server.
pub async fn revoke_permission(
    ctx: &Context,
    args: RevokePermissionArgs,
) -> Result<Changed<pb::AuthRoleRevokePermissionResponse>, CommandError> {
    let words = args.words.get()?;
    let (key, range_end) = args.range.range(&words[1..])?;
    let (role, shown) = (text(&words[0]), text(&words[1]));
    let line = if range_end.is_empty() {
        format!("Permission of key {shown} is revoked from role {role}")
    } else if range_end[..] == [0] {
        format!("Permission of range [{shown}, <open ended> is revoked from role {role}")
    } else {
        let end = string::text(&range_end);
        format!("Permission of range [{shown}, {end}) is revoked from role {role}")
    };
    let (client, deadline) = ctx.connect_patiently().await?;
    let request = pb::AuthRoleRevokePermissionRequest {
        role,
        key,
        range_end,
    };
    Ok(Changed {
        answer: client.role_revoke_permission(request, deadline).await?,
        line,
    })
}

impl RangeFlags {
    /// Key and end of the range (etcd v3.7.1, etcdctl `permRange`). An end of one zero byte means all following keys,
    /// an empty end means a single key, and an empty key means the key of one zero byte.
    fn range(&self, words: &[OsString]) -> Result<(Bytes, Bytes), CommandError> {
        let both =
            || CommandError::bad_args("--from-key and --prefix flags are mutually exclusive");
        let zero = Bytes::from_static(b"\0");
        let key = words.first().map(bytes).unwrap_or_default();
        if key.is_empty() {
            return match (self.prefix, self.from_key) {
                (true, true) => Err(both()),
                (false, false) => Ok((zero, Bytes::new())),
                _ => Ok((zero.clone(), zero)),
            };
        }
        let end = match (words.get(1), self.prefix, self.from_key) {
            (None, true, true) => return Err(both()),
            (None, true, false) => prefix_end(&key).into(),
            (None, false, true) => zero,
            (None, false, false) => Bytes::new(),
            (Some(_), true, _) => {
                return Err(CommandError::bad_args(
                    "unexpected endkey argument with --prefix flag",
                ));
            }
            (Some(_), _, true) => {
                return Err(CommandError::bad_args(
                    "unexpected endkey argument with --from-key flag",
                ));
            }
            (Some(end), false, false) => bytes(end),
        };
        Ok((key, end))
    }
}
