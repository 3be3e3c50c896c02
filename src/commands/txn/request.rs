//! One request of a transaction: a `get`, `put` or `del` line, parsed like a command line.

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use clap::{CommandFactory, FromArgMatches, Parser};

use super::split;
use crate::{
    cli::{
        argv::{self, ArgvError, Parsed},
        context::Context,
        error::{CommandError, ErrorKind},
        help,
    },
    commands::{del::DelArgs, get::GetArgs, put::PutArgs},
    golang::string,
    output::Format,
    proto::etcdserverpb::{self as pb, request_op::Request},
};

#[derive(Parser)]
#[command(
    name = "etcdctl",
    disable_help_subcommand = true,
    disable_help_flag = true
)]
enum Line {
    Put(PutArgs),
    Get(GetArgs),
    Del(DelArgs),
}

/// Parses a request.
///
/// # Errors
/// The line is not a request (exit code 3), or its flags conflict (the exit code of that command).
pub async fn parse(ctx: &Context, line: &[u8]) -> Result<pb::RequestOp, CommandError> {
    let shown = string::text(line).into_owned();
    let invalid = |what: &str| {
        CommandError::new(
            ErrorKind::InvalidInput,
            format!("invalid txn {what}: {shown}"),
        )
    };
    let words = split::split(line).map_err(|e| CommandError::new(ErrorKind::InvalidInput, e))?;
    if words.len() < 2 {
        return Err(invalid("compare request"));
    }
    let tree = Line::command();
    let words = words.into_iter().map(OsString::from_vec).collect();
    let args = match argv::read(&tree, words) {
        Ok(Parsed::Run { args, .. }) => args,
        Err(ArgvError::Flag(path, ..)) => {
            if ctx.error_format() != Format::Json {
                ctx.ui.note(&help::usage(&tree, &path));
            }
            return Err(invalid("request"));
        }
        Ok(Parsed::Help(..)) | Err(ArgvError::Command(_)) => return Err(invalid("request")),
    };
    let matches = tree
        .try_get_matches_from(args)
        .map_err(|_| invalid("request"))?;
    let request = match Line::from_arg_matches(&matches).map_err(|_| invalid("request"))? {
        // The value cannot come from stdin, which holds the rest of the transaction.
        Line::Put(args) => Request::RequestPut(args.request(|| None)?),
        Line::Get(args) => Request::RequestRange(args.request()?),
        Line::Del(args) => {
            let request = args.request()?;
            args.warn_before_deleting(ctx).await;
            Request::RequestDeleteRange(request)
        }
    };
    Ok(pb::RequestOp {
        request: Some(request),
    })
}
