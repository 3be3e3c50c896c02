//! The `txn` command: reads three blocks of lines, each ended by an empty line.

use std::io::{BufRead, Stdin};

use clap::Args;

use super::{compare, request, split};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind, io_text},
        words::Words,
    },
    commands::permission::{self, Needed},
    proto::etcdserverpb as pb,
    words,
};

/// Run a transaction read from stdin
///
/// Three blocks of lines, each ended by an empty line: conditions, requests to execute if all conditions hold, and
/// requests to execute otherwise.
/// A condition is TARGET("KEY") OPERATOR "VALUE"; targets are value, version, create, mod and lease
/// (hexadecimal), operators =, !=, < and >. A request is a get, put or del line as on the command line.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl txn <<'END'
  mod(\"counter\") = \"7\"

  put counter 8

  get counter

  END")]
pub struct TxnArgs {
    /// Prompt for each block
    #[arg(long, short)]
    interactive: bool,
    #[command(flatten)]
    words: Words<TxnWords>,
}

words! { pub TxnWords: 0..=0, "", BadArgs "txn command does not accept argument" }

/// Runs `txn`.
///
/// # Errors
/// The input is not a transaction, or an error from the server.
pub async fn txn(ctx: &Context, args: TxnArgs) -> Result<pb::TxnResponse, CommandError> {
    args.words.get()?;
    let client = ctx.client().await?;
    let stdin = std::io::stdin();
    let prompt = |text: &str| {
        if args.interactive {
            ctx.ui.line(text)
        } else {
            Ok(())
        }
    };
    let mut transaction = pb::TxnRequest::default();

    prompt("compares:")?;
    while let Some(line) = next_line(&stdin)? {
        transaction.compare.push(compare::parse(&line)?);
    }
    prompt("success requests (get, put, del):")?;
    while let Some(line) = next_line(&stdin)? {
        transaction.success.push(request::parse(ctx, &line).await?);
    }
    prompt("failure requests (get, put, del):")?;
    while let Some(line) = next_line(&stdin)? {
        transaction.failure.push(request::parse(ctx, &line).await?);
    }
    // The time for reaching a server starts when the last line has been read.
    let needed = Needed::of_txn(&transaction);
    let answer = client.txn(transaction, ctx.patient_deadline()?).await;
    answer.map_err(|error| permission::name(error.into(), &needed))
}

/// The next line without surrounding white space; `None` at the end of a block.
fn next_line(stdin: &Stdin) -> Result<Option<Vec<u8>>, CommandError> {
    let invalid = |text: String| CommandError::new(ErrorKind::InvalidInput, text);
    let mut line = vec![];
    stdin
        .lock()
        .read_until(b'\n', &mut line)
        .map_err(|e| invalid(format!("read /dev/stdin: {}", io_text(&e))))?;
    if line.last() != Some(&b'\n') {
        return Err(invalid("EOF".into()).hint(
            "a transaction is three blocks of lines (conditions, then, else), each ended by an empty line",
        ));
    }
    let line = split::trim(&line);
    Ok((!line.is_empty()).then(|| line.to_vec()))
}
