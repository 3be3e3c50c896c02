//! `snapshot verify`: whether a backup will be usable when it is needed.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueHint};

use super::{against::against, rehearse::rehearse};
use crate::{
    cli::{
        self,
        error::{CommandError, ErrorKind},
        value::{self, GoDuration},
        words::Words,
    },
    commands::{cleanup::remove_unfinished_on_signals, utl},
    files::unfinished::Unfinished,
    golang::string,
    output::replies::verify::Verdict,
    snapshot::examine::{Examination, ExamineOptions, Layer, examine},
    words,
};

/// Verify that a snapshot can be restored, and that a server will serve it
///
/// The digest, every page, every record and the consistency between records are checked, and the server in this program
/// opens the file and reads all of it. The exit code is 0 for a good file. Otherwise it tells what failed first: 10 the
/// digest, 11 pages, 12 records, 13 consistency between records, 14 members, versions or users, 15 reading by the server,
/// 16 the comparison with a member, 17 a requirement given by a flag. The file is only read.
///
/// A value that was changed before the snapshot was saved can only be found with --against, which compares the hash of
/// the whole history with that of a running member. Only etcdctl has this flag, because etcdutl opens no connections.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl snapshot verify backup.db
  etcdutl snapshot verify backup.db --min-keys=1000 --max-age=25h
  etcdctl snapshot verify backup.db --against=10.0.0.2:2379
  etcdctl snapshot save - | etcdutl snapshot verify -")]
pub struct VerifyArgs {
    /// Endpoint of a member whose history must have the same hash at the revision of the file (etcdctl only)
    #[arg(long, value_name = "endpoint")]
    against: Option<String>,
    /// Key that must exist; can be given several times
    #[arg(long, value_name = "key")]
    require_key: Vec<String>,
    /// Minimum number of keys [default: 0]
    #[arg(long, value_name = "n", value_parser = value::flag_uint)]
    min_keys: Option<u64>,
    /// Maximum age of the file, by its modification time
    #[arg(long, value_name = "time", value_parser = value::duration)]
    max_age: Option<GoDuration>,
    /// Have the server in this program open the file and read all of it [default: true]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    rehearse: Option<bool>,
    /// Release of etcd that must be able to start on it: 3.4, 3.5, 3.6 or 3.7
    #[arg(long, value_name = "x.y")]
    target: Option<String>,
    #[command(flatten)]
    words: Words<VerifyWords>,
}

words! {
    pub VerifyWords: 1..=1, "<filename or ->", BadArgs "snapshot verify requires exactly one argument",
        HINT = ValueHint::FilePath
}

/// The file to examine.
struct Input {
    name: PathBuf,
    /// The content of standard input, stored because the layers need it more than once.
    copy: Option<(tempfile::NamedTempFile, Unfinished)>,
}

impl Input {
    fn open(name: &OsStr) -> Result<Input, CommandError> {
        let mut copy = None;
        if name == "-" {
            let read = || {
                remove_unfinished_on_signals();
                let mut file = tempfile::NamedTempFile::new()?;
                let unfinished = Unfinished::file(file.path());
                io::copy(&mut io::stdin().lock(), &mut file)?;
                Ok::<_, io::Error>((file, unfinished))
            };
            copy = Some(read().map_err(|e| {
                let text = format!("could not read standard input: {}", cli::error::io_text(&e));
                CommandError::new(ErrorKind::Failed, text)
            })?);
        }
        let name = name.into();
        Ok(Input { name, copy })
    }

    fn path(&self) -> &Path {
        match &self.copy {
            Some((file, _)) => file.path(),
            None => &self.name,
        }
    }
}

impl VerifyArgs {
    fn options(&self) -> Result<ExamineOptions, CommandError> {
        let bytes = |key: &String| string::bytes(key).into_owned();
        Ok(ExamineOptions {
            require_keys: self.require_key.iter().map(bytes).collect(),
            min_keys: self.min_keys.unwrap_or(0),
            max_age: self
                .max_age
                .map(GoDuration::to_std)
                .filter(|age| *age > Duration::ZERO),
            target: utl::restore::target(self.target.as_deref())?,
        })
    }

    /// The layers that need only the file, and the rehearsal.
    async fn examine(&self, input: &Input) -> Result<Examination, CommandError> {
        let options = self.options()?;
        let mut examination =
            examine(input.path(), &options).map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
        let known = |e: &Examination| e.layers.iter().any(|r| r.layer == Layer::Rehearsal);
        if !self.rehearse.unwrap_or(true) {
            if !known(&examination) {
                examination.skip(Layer::Rehearsal, "not requested");
            }
        } else if !examination.is_readable() {
            if !known(&examination) {
                examination.skip(Layer::Rehearsal, "the records are inconsistent");
            }
        } else if examination.first_bad() == Some(Layer::Digest) {
            // No server opens it.
            examination.skip(Layer::Rehearsal, "the digest is wrong");
        } else {
            let (result, hash) = rehearse(input.path(), &examination).await;
            examination.hash = hash;
            examination.push(Layer::Rehearsal, result);
        }
        examination.path.clone_from(&input.name);
        Ok(examination)
    }
}

/// The error after a bad verdict, which has already been reported.
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
/// The file cannot be opened, or is not good.
pub fn verify(ctx: &utl::Context, args: &VerifyArgs) -> Result<(), CommandError> {
    let format = ctx.format()?;
    let [file] = args.words.exactly()?;
    if args.against.is_some() {
        let text = "--against needs a connection, and etcdutl opens none";
        return Err(CommandError::new(ErrorKind::BadArgs, text)
            .hint("use `etcdctl snapshot verify` with the same flags"));
    }
    let input = Input::open(file)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
    let examination = runtime.block_on(args.examine(&input))?;
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
    let [file] = args.words.exactly()?;
    let input = Input::open(file)?;
    let mut examination = args.examine(&input).await?;
    if let Some(endpoint) = args.against.as_deref().filter(|e| !e.is_empty()) {
        if examination.is_readable() {
            let result = against(ctx, endpoint, input.path(), &examination).await?;
            examination.push(Layer::Against, result);
        } else {
            examination.skip(Layer::Against, "the file is damaged");
        }
    }
    ctx.emit(&Verdict::new(&examination))?;
    verdict(&examination)
}
