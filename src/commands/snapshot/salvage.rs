//! `snapshot salvage`: recovers a sound snapshot from a damaged file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use crate::{
    cli::{
        error::{CommandError, ErrorKind},
        value::Suggest,
        words::Words,
    },
    commands::{cleanup::remove_unfinished_on_signals, utl::Context},
    files::part_file::PartFile,
    golang::string,
    output::replies::salvage::SalvageReport,
    snapshot::salvage::{From, SalvageError, SalvageOptions, salvage as run},
    words,
};

/// Values of `--from`.
const SOURCES: &[&str] = &["tree", "meta", "scan"];

/// Recover a sound snapshot from a damaged file
///
/// FILE is a snapshot or a member's database that other commands reject; it is only read. Records are taken from the tree of
/// the newest meta page first, then from that of the older one, and then from any page, including free pages. If two
/// different records have the same revision, they are reported and neither is written. OUT has a digest and passes
/// `snapshot verify`. Everything in OUT comes from FILE, but FILE may have contained more: check the output of the command,
/// and the data.
///
/// By default, OUT contains the newest value of every key, as after a compaction at its last revision. If users or the root
/// role are lost, authentication is off in OUT. A key whose lease is lost has no lease in OUT.
///
/// Exit status 10 means that no sound snapshot can be recovered from FILE.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl snapshot salvage broken.db saved.db
  etcdutl snapshot salvage broken.db saved.db --keep-history --report=salvage.json
  etcdutl snapshot salvage /var/lib/etcd/member/snap/db saved.db --dry-run")]
pub struct SalvageArgs {
    /// Take records only from this source: tree (of the newest meta page), meta (the older meta page), scan (all pages)
    #[arg(long, value_name = "source", value_parser = Suggest(SOURCES), hide_possible_values = true)]
    from: Option<String>,
    /// Keep old revisions, as far as none are missing between them
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    keep_history: Option<bool>,
    /// File for a JSON report of what was found, omitted and written; it must not exist
    #[arg(long, value_name = "file", value_hint = ValueHint::FilePath)]
    report: Option<PathBuf>,
    /// Read everything and report what would be written, without writing it
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    dry_run: Option<bool>,
    #[command(flatten)]
    words: Words<SalvageWords>,
}

words! {
    pub SalvageWords: 2..=2, "<file> <out>", BadArgs "snapshot salvage requires exactly two arguments, the damaged file and the new one",
        HINT = ValueHint::FilePath
}

/// Exit code for a file from which no sound snapshot can be recovered.
const NOT_RECOVERED: u8 = 10;

/// Runs `etcdutl snapshot salvage`.
///
/// # Errors
/// A file cannot be read or written, OUT exists, or no sound snapshot can be recovered from FILE.
pub fn salvage(ctx: &Context, args: &SalvageArgs) -> Result<(), CommandError> {
    let [file, out] = args.words.exactly()?;
    let format = ctx.format()?;
    let from = match args.from.as_deref() {
        None | Some("") => From::Best,
        Some("tree") => From::Tree,
        Some("meta") => From::Meta,
        Some("scan") => From::Scan,
        Some(other) => {
            let text =
                format!("--from: no such source: {other:?}; the sources are tree, meta and scan");
            return Err(CommandError::new(ErrorKind::BadArgs, text));
        }
    };
    remove_unfinished_on_signals();
    let options = SalvageOptions {
        from,
        keep_history: args.keep_history.unwrap_or(false),
        dry_run: args.dry_run.unwrap_or(false),
    };
    if let Some(report) = &args.report
        && report.symlink_metadata().is_ok()
    {
        let text = format!("create {}: file exists", report.display());
        return Err(CommandError::new(ErrorKind::Failed, text));
    }
    let salvaged = run(Path::new(file), Path::new(out), &options).map_err(|error| {
        let kind = match &error {
            SalvageError::File(_) | SalvageError::TooLarge { .. } => ErrorKind::Failed,
            SalvageError::Nothing { .. } | SalvageError::NotSound { .. } => {
                ErrorKind::Verdict(NOT_RECOVERED)
            }
        };
        CommandError::new(kind, error)
    })?;
    let reply = SalvageReport::new(
        &string::of_path(Path::new(file)),
        &string::of_path(Path::new(out)),
        options.dry_run,
        &salvaged,
    );
    if let Some(report) = &args.report {
        write_report(report, &reply)?;
    }
    ctx.emit(&reply, format)
}

fn write_report(path: &Path, reply: &SalvageReport) -> Result<(), CommandError> {
    let failed = |e: &dyn std::fmt::Display| {
        let text = format!("could not write the report {}: {e}", path.display());
        CommandError::new(ErrorKind::Failed, text)
    };
    let mut bytes = serde_json::to_vec_pretty(reply).map_err(|e| failed(&e))?;
    bytes.push(b'\n');
    let mut file = PartFile::create(path, true).map_err(|e| failed(&e))?;
    file.write(&bytes).map_err(|e| failed(&e))?;
    file.finish().map_err(|e| failed(&e))
}
