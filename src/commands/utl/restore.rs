//! `snapshot restore`: creates a data directory for one member of a new cluster. The same command in both programs.

use std::{path::PathBuf, time::SystemTime};

use clap::{ArgMatches, Args, FromArgMatches, ValueHint};

use super::Context;
use crate::{
    cli::{
        self,
        error::{CommandError, ErrorKind},
        ui::Ui,
        value,
        words::Words,
    },
    commands::cleanup::remove_unfinished_on_signals,
    golang::zap::Line,
    output::replies::restore::PlannedRestore,
    snapshot::restore::{DEFAULT_MAP_SIZE, Plan, RestoreOptions, Target},
    words,
};

/// Restore a snapshot to a new data directory
///
/// The directory is for one member of a new cluster: run the command once for each member, with the same snapshot,
/// --initial-cluster and --initial-cluster-token. The directory stays empty until the restore is complete; a restore
/// that fails or is interrupted leaves no data directory behind, and can be repeated with the same arguments.
///
/// Every page and record of the snapshot is checked, not only its digest.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl snapshot restore backup.db --data-dir=restored
  etcdutl snapshot restore backup.db --name=m1 --initial-cluster=m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380 \\
    --initial-advertise-peer-urls=http://10.0.0.1:2380 --initial-cluster-token=restored-1
  etcdutl snapshot restore backup.db --data-dir=restored --bump-revision=1000000000 --mark-compacted
  etcdutl snapshot restore backup.db --for-serve --data-dir=demo")]
pub struct RestoreArgs {
    /// Path of the new data directory [default: NAME.etcd]
    #[arg(long, value_name = "dir", value_hint = ValueHint::DirPath)]
    data_dir: Option<PathBuf>,
    /// Path of the new write-ahead log, if it should not be inside the data directory
    #[arg(long, value_name = "dir", value_hint = ValueHint::DirPath)]
    wal_dir: Option<PathBuf>,
    /// Names and peer URLs of all members of the new cluster [default: default=http://localhost:2380]
    #[arg(long, value_name = "name=url,...")]
    initial_cluster: Option<String>,
    /// Token of the new cluster; it must differ from that of any other cluster [default: etcd-cluster]
    #[arg(long, value_name = "token")]
    initial_cluster_token: Option<String>,
    /// Peer URLs of this member [default: http://localhost:2380]
    #[arg(long, value_name = "url,...")]
    initial_advertise_peer_urls: Option<String>,
    /// Name of this member [default: default]
    #[arg(long, value_name = "name")]
    name: Option<String>,
    /// Accept a file without a digest, such as one copied from a data directory
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    skip_hash_check: Option<bool>,
    /// Bytes of the database that etcd maps initially; determines how much the file grows [default: 10737418240]
    #[arg(long, value_name = "bytes", value_parser = value::flag_uint)]
    initial_memory_map_size: Option<u64>,
    /// Increase the revision by this, so that clients never see it decrease; needs --mark-compacted [default: 0]
    #[arg(long, value_name = "n", value_parser = value::flag_uint)]
    bump_revision: Option<u64>,
    /// Mark everything up to the new revision as compacted, so that watchers start anew; needs --bump-revision
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    mark_compacted: Option<bool>,
    /// Create a directory for `etcdctl serve` instead of one for etcd
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    for_serve: Option<bool>,
    /// Make the directory usable by this release of etcd: 3.4, 3.5, 3.6 or 3.7
    #[arg(long, value_name = "x.y")]
    target: Option<String>,
    /// Check everything and print what would be created, without creating it
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    dry_run: Option<bool>,
    #[command(flatten)]
    words: Words<RestoreWords>,
}

words! {
    pub RestoreWords: 1..=1, "<filename>", BadArgs "snapshot restore requires exactly one argument",
        HINT = ValueHint::FilePath
}

impl RestoreArgs {
    fn options(&self) -> Result<RestoreOptions, CommandError> {
        let [file] = self.words.exactly()?;
        let bump_revision = self.bump_revision.unwrap_or(0);
        let mark_compacted = self.mark_compacted.unwrap_or(false);
        if (bump_revision > 0) != mark_compacted {
            // The flag's name is also wrong in etcd's text.
            let text = "--mark-compacted required if --revision-bump > 0";
            return Err(CommandError::new(ErrorKind::BadArgs, text));
        }
        let defaults = RestoreOptions::new(file);
        let or = |flag: &Option<String>, default| flag.clone().unwrap_or(default);
        Ok(RestoreOptions {
            file: PathBuf::from(file),
            name: or(&self.name, defaults.name),
            data_dir: self.data_dir.clone(),
            wal_dir: self.wal_dir.clone(),
            initial_cluster: or(&self.initial_cluster, defaults.initial_cluster),
            initial_cluster_token: or(&self.initial_cluster_token, defaults.initial_cluster_token),
            initial_advertise_peer_urls: or(
                &self.initial_advertise_peer_urls,
                defaults.initial_advertise_peer_urls,
            ),
            skip_hash_check: self.skip_hash_check.unwrap_or(false),
            initial_memory_map_size: self.initial_memory_map_size.unwrap_or(DEFAULT_MAP_SIZE),
            bump_revision,
            mark_compacted,
            for_serve: self.for_serve.unwrap_or(false),
            target: target(self.target.as_deref())?,
        })
    }

    /// Restores, or returns a reply that describes what would be restored.
    fn run(&self, ui: &Ui) -> Result<Option<PlannedRestore>, CommandError> {
        let failed = |e| CommandError::new(ErrorKind::Failed, e);
        let plan = Plan::new(self.options()?).map_err(failed)?;
        if self.dry_run.unwrap_or(false) {
            let outcome = plan.check_file().map_err(failed)?;
            return Ok(Some(PlannedRestore::new(&plan, &outcome)));
        }
        remove_unfinished_on_signals();
        plan.run(&mut |line| log(ui, &line)).map_err(failed)?;
        Ok(None)
    }
}

/// Parses `--target`.
///
/// # Errors
/// There is no such release.
pub fn target(flag: Option<&str>) -> Result<Option<Target>, CommandError> {
    let given = flag.filter(|text| !text.is_empty());
    given.map(str::parse).transpose().map_err(|error: String| {
        CommandError::new(ErrorKind::BadArgs, format!("--target: {error}"))
    })
}

/// Prints a log line like etcdutl.
pub fn log(ui: &Ui, line: &Line) {
    ui.note(&line.console(SystemTime::now()));
}

/// Runs `etcdutl snapshot restore`.
///
/// # Errors
/// A flag is invalid, a directory is not free, the snapshot is damaged, or the disk fails.
pub fn restore(ctx: &Context, args: &RestoreArgs) -> Result<(), CommandError> {
    match args.run(&ctx.ui)? {
        Some(planned) => ctx.emit(&planned, ctx.format()?),
        None => Ok(()),
    }
}

/// The same arguments, with examples for etcdctl.
#[derive(Debug)]
pub struct CtlRestoreArgs(RestoreArgs);

impl Args for CtlRestoreArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        RestoreArgs::augment_args(command).after_help(
            "Examples:
  etcdctl snapshot restore backup.db --data-dir=restored
  etcdctl snapshot restore backup.db --for-serve --data-dir=demo",
        )
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for CtlRestoreArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        RestoreArgs::from_arg_matches(matches).map(CtlRestoreArgs)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// Runs `etcdctl snapshot restore`.
///
/// # Errors
/// See [`restore`].
pub async fn restore_by_etcdctl(
    ctx: &cli::context::Context,
    CtlRestoreArgs(args): CtlRestoreArgs,
) -> Result<(), CommandError> {
    ctx.settings()?;
    match args.run(&ctx.ui)? {
        Some(planned) => ctx.emit(&planned),
        None => Ok(()),
    }
}
