//! The arguments and steps of `restore-keys`: compare source and cluster, show the plan, ask, write.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;

use super::{
    apply::{Interrupted, apply},
    plan::{Leased, Mode, Plan, PlanOptions},
    quota,
    source::Source,
};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        value::{self, Suggest},
        words::Words,
    },
    commands::range,
    files::part_file::PartError,
    output::replies::restore_keys::{Outcome, RestoredKeys},
    words,
};

/// Restore keys from a snapshot, another cluster, or the cluster's own history
///
/// Compares a key or range in the source with the cluster, shows a plan, asks, and writes. A key is written only if it
/// has not changed since the plan was made; keys that have changed are left alone and reported. The command can be
/// repeated at any point. Leases, users and roles are not restored, and nothing is written to the source.
///
/// The source of --from is a snapshot (snapshot:FILE), another endpoint, or a file of key-value lines (FILE.ndjson) as
/// written by --undo-file. Without --from, --rev restores from the cluster's own history, unless it was compacted.
///
/// Exit status 10 means that some keys were not restored because they have changed, or that the keys exceed the
/// cluster's quota.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl restore-keys --from=snapshot:backup.db --prefix /registry/configmaps/prod/ --dry-run
  etcdctl restore-keys --rev=1516000 --prefix /jobs/ --undo-file=undo.ndjson
  etcdctl restore-keys --from=undo.ndjson --prefix /jobs/ --mode=exact --yes")]
pub struct RestoreKeysArgs {
    /// Source of the keys: snapshot:FILE, an endpoint, or a file of key-value lines (*.ndjson)
    #[arg(long, value_name = "source")]
    from: Option<String>,
    /// Revision of the source; 0 is the latest [default: 0]
    #[arg(long, value_name = "revision", value_parser = value::flag_int)]
    rev: Option<i64>,
    /// All keys that begin with the given one
    #[arg(long)]
    prefix: bool,
    /// missing: only keys that do not exist; changed: also overwrite; exact: also delete keys that are not in the source
    /// [default: missing]
    #[arg(long, value_name = "mode", value_parser = Suggest(MODES), hide_possible_values = true)]
    mode: Option<String>,
    /// Skip keys with a lease, or restore them without it: skip or drop [default: skip]
    #[arg(long, value_name = "skip|drop", value_parser = Suggest(LEASED), hide_possible_values = true)]
    leased: Option<String>,
    /// Maximum number of operations in a transaction [default: 128]
    #[arg(long, value_name = "n", value_parser = value::flag_uint)]
    max_txn_ops: Option<u64>,
    /// First save the current keys of the range to this file
    #[arg(long, value_name = "file", value_hint = clap::ValueHint::FilePath)]
    undo_file: Option<PathBuf>,
    /// Only show the plan, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Continue without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    words: Words<RestoreKeysWords>,
}

words! {
    pub RestoreKeysWords: 1..=2, "<key> [range_end]",
        BadArgs "restore-keys needs one argument as key and an optional argument as range_end"
}

const MODES: &[&str] = &["missing", "changed", "exact"];
const LEASED: &[&str] = &["skip", "drop"];
/// The default of `--max-txn-ops`, which is also a server's default limit.
const DEFAULT_TXN_OPS: u64 = 128;

/// Runs `restore-keys`.
///
/// # Errors
/// The arguments are not valid, a request fails, the keys exceed the quota, or keys have changed.
pub async fn restore_keys(ctx: &Context, args: RestoreKeysArgs) -> Result<(), CommandError> {
    let options = args.options()?;
    let source = Source::open(ctx, args.from.as_deref(), args.rev.unwrap_or(0)).await?;
    let target = ctx.client().await?;
    // Compare source and cluster.
    let mut plan = Plan::make(ctx, &source, &target, &options).await?;
    quota::check(ctx, &plan).await?;
    let reply = |plan: &Plan, outcome, revision| {
        RestoredKeys::new(
            plan.summary(&options, &source, target.endpoints()),
            outcome,
            revision,
        )
    };
    if args.dry_run || plan.is_empty() {
        let outcome = match plan.is_empty() {
            true => Outcome::NothingToDo,
            false => Outcome::Planned,
        };
        return ctx.emit(&reply(&plan, outcome, None));
    }
    if !args.yes {
        // Show the plan before the question. It goes to stderr, because stdout gets only the final reply.
        let planned = reply(&plan, Outcome::Planned, None);
        ctx.ui.notes(|err| planned.write_plan(err));
    }
    if !ctx.ui.goes_on(args.yes)? {
        return Err(CommandError::new(ErrorKind::Failed, "nothing was changed"));
    }
    // Complete the undo file before the first write.
    if let Some(undo) = plan.undo.take() {
        undo.finish().map_err(undo_error)?;
    }
    let max_ops = usize::try_from(options.max_txn_ops).unwrap_or(usize::MAX);
    match apply(ctx, &source, &target, &mut plan, max_ops).await {
        Ok(revision) if plan.conflicts().next().is_none() => {
            ctx.emit(&reply(&plan, Outcome::Done, revision))
        }
        Ok(revision) => {
            ctx.emit(&reply(&plan, Outcome::Partly, revision))?;
            Err(CommandError::already_reported(ErrorKind::Verdict(10)))
        }
        Err(Interrupted {
            error,
            done,
            transactions,
        }) => {
            let state = format!(
                "{done} of {transactions} transactions are done; run the same command again to continue"
            );
            Err(error.hint(state))
        }
    }
}

/// The error for an undo file that cannot be written.
pub(super) fn undo_error(error: PartError) -> CommandError {
    CommandError::new(ErrorKind::Failed, format!("--undo-file: {error}"))
}

impl RestoreKeysArgs {
    fn options(&self) -> Result<PlanOptions, CommandError> {
        let bad = |text: String| CommandError::new(ErrorKind::BadArgs, text);
        let (key, range_end): (Bytes, Bytes) = range::range(self.words.get()?, self.prefix, false)?;
        let mode = match self.mode.as_deref() {
            None | Some("missing") => Mode::Missing,
            Some("changed") => Mode::Changed,
            Some("exact") => Mode::Exact,
            Some(other) => {
                return Err(bad(format!(
                    "--mode: {other:?} is none of missing, changed and exact"
                )));
            }
        };
        let leased = match self.leased.as_deref() {
            None | Some("skip") => Leased::Skip,
            Some("drop") => Leased::Drop,
            Some(other) => {
                return Err(bad(format!("--leased: {other:?} is neither skip nor drop")));
            }
        };
        let rev = self.rev.unwrap_or(0);
        if rev < 0 {
            return Err(bad(format!("--rev={rev} is not a revision")));
        }
        if self.from.as_deref().unwrap_or_default().is_empty() && rev == 0 {
            let text = "--from (a source) or --rev (a revision of this cluster) is needed";
            return Err(bad(text.into()));
        }
        let max_txn_ops = self.max_txn_ops.unwrap_or(DEFAULT_TXN_OPS);
        if max_txn_ops == 0 {
            return Err(bad(
                "--max-txn-ops=0: a transaction has at least one operation".into(),
            ));
        }
        Ok(PlanOptions {
            key,
            range_end,
            mode,
            leased,
            max_txn_ops,
            undo_file: self.undo_file.clone().filter(|_| !self.dry_run),
        })
    }
}
