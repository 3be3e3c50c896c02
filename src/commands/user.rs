//! `user add`, `delete`, `get`, `list`, `passwd`, `grant-role` and `revoke-role`.

use clap::Args;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        words::{Words, text},
    },
    output::{
        Format,
        replies::auth::{Changed, Role, User},
    },
    proto::{authpb, etcdserverpb as pb},
    words,
};

/// Add a user
///
/// The password is prompted for unless it is given with the name, with --new-user-password, or on stdin.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl user add alice
  etcdctl user add alice --interactive=false < password.txt
  etcdctl user add backup --no-password    # logs in with a client certificate")]
pub struct AddArgs {
    /// Prompt for the password; otherwise read it from the first line of stdin [default: true]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    interactive: Option<bool>,
    /// Password of the new user
    #[arg(long, value_name = "password")]
    new_user_password: Option<String>,
    /// Create a user that can log in only with a client certificate
    #[arg(long)]
    no_password: bool,
    #[command(flatten)]
    words: Words<AddWords>,
}

words! {
    pub AddWords: 1..=1, "<user[:password]>", BadArgs "user add command requires user name as its argument"
}

/// Runs `user add`.
///
/// # Errors
/// The name or the password is invalid, or an error from the server.
pub async fn add(
    ctx: &Context,
    args: AddArgs,
) -> Result<Changed<pb::AuthUserAddResponse>, CommandError> {
    let [word] = args.words.exactly()?;
    let word = text(word);
    let given = args.new_user_password.filter(|p| !p.is_empty());
    let (name, password) = if args.no_password {
        (word, String::new())
    } else if let Some(password) = given {
        (word, password)
    } else {
        match word.split_once(':') {
            Some(("", _)) => return Err(CommandError::bad_args("empty user name is not allowed")),
            Some((name, password)) => (name.to_owned(), password.to_owned()),
            None => {
                let password = new_password(ctx, &word, args.interactive.unwrap_or(true))?;
                (word, password)
            }
        }
    };
    let (client, deadline) = ctx.connect_patiently().await?;
    let request = pb::AuthUserAddRequest {
        name: name.clone(),
        password,
        options: Some(authpb::UserAddOptions {
            no_password: args.no_password,
        }),
        ..Default::default()
    };
    Ok(Changed {
        answer: client.user_add(request, deadline).await?,
        line: format!("User {name} created"),
    })
}

/// The new password of a user: prompted for twice, or the first word on stdin.
fn new_password(ctx: &Context, name: &str, interactive: bool) -> Result<String, CommandError> {
    let failed = |error: CommandError| match error.kind {
        ErrorKind::PromptInterrupted => error,
        _ => error
            .kind(ErrorKind::BadArgs)
            .reworded(|text| format!("failed to ask password: {text}")),
    };
    if !interactive {
        return ctx.ui.read_word().map_err(failed);
    }
    // etcdctl prompts on stdout; with JSON, where a program reads stdout, prompt on stderr.
    let to_stdout = ctx.error_format() != Format::Json;
    let ask = |prompt: String| ctx.ui.ask_new_password(&prompt, to_stdout).map_err(failed);
    let password = ask(format!("Password of {name}: "))?;
    if password.is_empty() {
        return Err(CommandError::bad_args("empty password"));
    }
    if ask(format!("Type password of {name} again for confirmation: "))? != password {
        return Err(CommandError::bad_args("given passwords are different"));
    }
    Ok(password)
}

/// Delete a user
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl user delete alice")]
pub struct DeleteArgs {
    #[command(flatten)]
    words: Words<DeleteWords>,
}

words! {
    pub DeleteWords: 1..=1, "<user>", BadArgs "user delete command requires user name as its argument"
}

/// Runs `user delete`.
///
/// # Errors
/// An error from the server.
pub async fn delete(
    ctx: &Context,
    args: DeleteArgs,
) -> Result<Changed<pb::AuthUserDeleteResponse>, CommandError> {
    let [name] = args.words.exactly()?;
    let name = text(name);
    let (client, deadline) = ctx.connect_patiently().await?;
    let request = pb::AuthUserDeleteRequest { name: name.clone() };
    Ok(Changed {
        answer: client.user_delete(request, deadline).await?,
        line: format!("User {name} deleted"),
    })
}

/// Show the roles of a user
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl user get alice
  etcdctl user get alice --detail")]
pub struct GetArgs {
    /// Show the permissions of the roles
    #[arg(long)]
    detail: bool,
    #[command(flatten)]
    words: Words<GetWords>,
}

words! {
    pub GetWords: 1..=1, "<user>", BadArgs "user get command requires user name as its argument"
}

/// Runs `user get`.
///
/// # Errors
/// An error from the server.
pub async fn get(ctx: &Context, args: GetArgs) -> Result<(), CommandError> {
    let [name] = args.words.exactly()?;
    let name = text(name);
    let (client, deadline) = ctx.connect_patiently().await?;
    let request = pb::AuthUserGetRequest { name: name.clone() };
    let answer = client.user_get(request, deadline).await?;
    if !args.detail {
        return ctx.emit(&User { name, answer });
    }
    // As in etcdctl, these lines are the same in every format.
    ctx.ui.line(&format!("User: {name}"))?;
    for role in answer.roles {
        ctx.ui.line("")?;
        let request = pb::AuthRoleGetRequest { role: role.clone() };
        let answer = client.role_get(request, deadline).await?;
        ctx.emit(&Role { name: role, answer })?;
    }
    Ok(())
}

/// List the users
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl user list")]
pub struct ListArgs {
    #[command(flatten)]
    words: Words<ListWords>,
}

words! { pub ListWords: 0..=0, "", BadArgs "user list command requires no arguments" }

/// Runs `user list`.
///
/// # Errors
/// An error from the server.
pub async fn list(ctx: &Context, args: ListArgs) -> Result<pb::AuthUserListResponse, CommandError> {
    args.words.get()?;
    let (client, deadline) = ctx.connect_patiently().await?;
    Ok(client
        .user_list(pb::AuthUserListRequest {}, deadline)
        .await?)
}

/// Change the password of a user
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl user passwd alice
  etcdctl user passwd alice --interactive=false < password.txt")]
pub struct PasswdArgs {
    /// Prompt for the password; otherwise read it from the first line of stdin [default: true]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    interactive: Option<bool>,
    #[command(flatten)]
    words: Words<PasswdWords>,
}

words! {
    pub PasswdWords: 1..=1, "<user>", BadArgs "user passwd command requires user name as its argument"
}

/// Runs `user passwd`.
///
/// # Errors
/// The password is invalid, or an error from the server.
pub async fn passwd(
    ctx: &Context,
    args: PasswdArgs,
) -> Result<Changed<pb::AuthUserChangePasswordResponse>, CommandError> {
    let [name] = args.words.exactly()?;
    let name = text(name);
    let password = new_password(ctx, &name, args.interactive.unwrap_or(true))?;
    let (client, deadline) = ctx.connect_patiently().await?;
    let request = pb::AuthUserChangePasswordRequest {
        name,
        password,
        ..Default::default()
    };
    Ok(Changed {
        answer: client.user_change_password(request, deadline).await?,
        line: "Password updated".to_owned(),
    })
}

/// Grant a role to a user
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl user grant-role alice readers")]
pub struct GrantRoleArgs {
    #[command(flatten)]
    words: Words<GrantRoleWords>,
}

words! {
    pub GrantRoleWords: 2..=2, "<user> <role>",
        BadArgs "user grant command requires user name and role name as its argument"
}

/// Runs `user grant-role`.
///
/// # Errors
/// An error from the server.
pub async fn grant_role(
    ctx: &Context,
    args: GrantRoleArgs,
) -> Result<Changed<pb::AuthUserGrantRoleResponse>, CommandError> {
    let [user, role] = args.words.exactly()?;
    let (user, role) = (text(user), text(role));
    let (client, deadline) = ctx.connect_patiently().await?;
    let line = format!("Role {role} is granted to user {user}");
    let request = pb::AuthUserGrantRoleRequest { user, role };
    Ok(Changed {
        answer: client.user_grant_role(request, deadline).await?,
        line,
    })
}

/// Revoke a role from a user
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl user revoke-role alice readers")]
pub struct RevokeRoleArgs {
    #[command(flatten)]
    words: Words<RevokeRoleWords>,
}

words! {
    pub RevokeRoleWords: 2..=2, "<user> <role>",
        BadArgs "user revoke-role requires user name and role name as its argument"
}

/// Runs `user revoke-role`.
///
/// # Errors
/// An error from the server.
pub async fn revoke_role(
    ctx: &Context,
    args: RevokeRoleArgs,
) -> Result<Changed<pb::AuthUserRevokeRoleResponse>, CommandError> {
    let [user, role] = args.words.exactly()?;
    let (name, role) = (text(user), text(role));
    let (client, deadline) = ctx.connect_patiently().await?;
    let line = format!("Role {role} is revoked from user {name}");
    let request = pb::AuthUserRevokeRoleRequest { name, role };
    Ok(Changed {
        answer: client.user_revoke_role(request, deadline).await?,
        line,
    })
}
