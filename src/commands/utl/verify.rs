//! `snapshot verify`: checks that a backup can be used when it is needed.

use std::{io, path::Path, time::Duration};

use clap::{Args, ValueHint};

use super::Context;
use crate::{
    cli::{
        self,
        error::{CommandError, ErrorKind},
        value::{self, GoDuration},
        words::Words,
    },
    golang::string,
    output::replies::verify::Verdict,
    snapshot::{
        examine::{Examination, ExamineOptions, examine},
        restore::Target,
    },
    words,
};

/// Verify that a snapshot can be restored, and that a server will serve it
///
/// The digest, every page, every record and the consistency between records are checked, and everything is read as a
/// server reads it. The exit code is 0 for a good file. Otherwise it tells what failed first: 10 the digest, 11 pages,
/// 12 records, 13 consistency between records, 14 members, versions or users, 15 reading, 16 the comparison, 17 a
/// requirement given by a flag. The file is only read.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl snapshot verify backup.db
  etcdutl snapshot verify backup.db --min-keys=1000 --max-age=25h
  etcdctl snapshot save - | etcdutl snapshot verify -")]
pub struct VerifyArgs {
    /// Key that must exist; can be given several times
    #[arg(long, value_name = "KEY")]
    require_key: Vec<String>,
    /// Minimum number of keys [default: 0]
    #[arg(long, value_name = "N", value_parser = value::flag_uint)]
    min_keys: Option<u64>,
    /// Maximum age of the file, by its modification time
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    max_age: Option<GoDuration>,
    /// Read everything a second time, as a server does [default: true]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    rehearse: Option<bool>,
    /// Release of etcd that must be able to start on it: 3.4, 3.5, 3.6 or 3.7
    #[arg(long, value_name = "X.Y")]
    target: Option<String>,
    #[command(flatten)]
    words: Words<VerifyWords>,
}

words! {
    pub VerifyWords: 1..=1, "<filename or ->", BadArgs "snapshot verify requires exactly one argument",
        HINT = ValueHint::FilePath
}

impl VerifyArgs {
    fn examine(&self) -> Result<Examination, CommandError> {
        let [file] = self.words.exactly()?;
        let target = match self.target.as_deref() {
            None | Some("") => None,
            Some(text) => Some(
                text.parse::<Target>()
                    .map_err(|e| CommandError::new(ErrorKind::BadArgs, format!("--target: {e}")))?,
            ),
        };
        let bytes = |key: &String| string::bytes(key).into_owned();
        let options = ExamineOptions {
            require_keys: self.require_key.iter().map(bytes).collect(),
            min_keys: self.min_keys.unwrap_or(0),
            max_age: self
                .max_age
                .map(GoDuration::to_std)
                .filter(|age| *age > Duration::ZERO),
            rehearse: self.rehearse.unwrap_or(true),
            target,
        };
        let failed = |e| CommandError::new(ErrorKind::Failed, e);
        if file != "-" {
            return examine(Path::new(file), &options).map_err(failed);
        }
        // A stream cannot be read twice.
        let read = || {
            let mut copy = tempfile::NamedTempFile::new()?;
            io::copy(&mut io::stdin().lock(), &mut copy)?;
            Ok::<_, io::Error>(copy)
        };
        let copy = read().map_err(|e| {
            let text = format!("could not read standard input: {}", cli::error::io_text(&e));
            CommandError::new(ErrorKind::Failed, text)
        })?;
        let mut examination = examine(copy.path(), &options).map_err(failed)?;
        examination.path = "-".into();
        Ok(examination)
    }
}

/// The error after a negative result, which has already been printed.
fn verdict(examination: &Examination) -> Result<(), CommandError> {
    match examination.first_bad() {
        None => Ok(()),
        Some(layer) => Err(CommandError::already_reported(ErrorKind::Verdict(
            layer.exit_code(),
        ))),
    }
}

/// Runs `etcdutl snapshot verify`.
///
/// # Errors
/// The file cannot be opened, or a check failed.
pub fn verify(ctx: &Context, args: &VerifyArgs) -> Result<(), CommandError> {
    let format = ctx.format()?;
    let examination = args.examine()?;
    ctx.emit(&Verdict::new(&examination), format)?;
    verdict(&examination)
}

/// Runs `etcdctl snapshot verify`.
///
/// # Errors
/// See [`verify`].
pub async fn verify_by_etcdctl(
    ctx: &cli::context::Context,
    args: VerifyArgs,
) -> Result<(), CommandError> {
    ctx.settings()?;
    let examination = args.examine()?;
    ctx.emit(&Verdict::new(&examination))?;
    verdict(&examination)
}
