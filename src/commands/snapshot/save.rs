//! `snapshot save`: the stream of one member into a file that is complete or not there.

use std::path::Path;

use clap::Args;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, Kind, io_text},
        progress::Bytes,
        words::Words,
    },
    client::{ClientError, Deadline, Limit, error::status_as_it_came},
    files::{part_file::PartError, writer::Writer},
    golang::string,
    output::{Format, RenderOptions, replies::maintenance::SnapshotSaved},
    process::signals::Termination,
    words,
};

/// Save a member's database to a file
///
/// The file is readable by its owner only (mode 0600). It appears under its name only when all of it has arrived
/// and its SHA-256 checksum is correct; until then it is called <filename>.<digits>.part. Several saves to the same
/// name may run at once; the last to finish replaces the others' file. One endpoint is asked, because the database of
/// any member holds all the data. An endpoint that does not answer is given up after --dial-timeout; after that there
/// is no time limit unless --command-timeout is given. Exit status 5 means that nothing was saved.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl snapshot save backup.db
  etcdctl --endpoints=10.0.0.1:2379 snapshot save /backup/etcd-$(date +%Y%m%d).db
  etcdctl snapshot status backup.db --write-out=table")]
pub struct SaveArgs {
    #[command(flatten)]
    words: Words<SaveWords>,
}

words! {
    pub SaveWords: 1..=1, "<filename>", BadArgs "snapshot save expects one argument <filename>",
        HINT = clap::ValueHint::FilePath
}

/// Runs `snapshot save`.
///
/// # Errors
/// Anything that keeps the file from being whole; exit code 5.
pub async fn save(ctx: &Context, args: SaveArgs) -> Result<(), CommandError> {
    let [path] = args.words.exactly()?;
    let path = Path::new(path);
    ctx.settings().map_err(|error| match error.kind {
        // etcdctl sets up its client as part of saving.
        Kind::BadConnection => error.kind(Kind::Interrupted),
        _ => error,
    })?;
    let endpoints = ctx.endpoints().await?;
    if endpoints.len() != 1 {
        let text = format!(
            "snapshot must be requested to one selected node, not multiple [{}]",
            endpoints.join(" ")
        );
        let mut error = CommandError::new(Kind::Interrupted, text);
        if let Some(first) = endpoints.first() {
            error = error.hint(format!(
                "choose one: --endpoints={first}; a snapshot of any one member holds all the data"
            ));
        }
        return Err(error);
    }
    // From here on signals no longer end the process by themselves: there will be a file to remove.
    let termination = Termination::listen();
    let failed = |error: PartError| CommandError::new(Kind::Interrupted, error);
    // Created first: whatever keeps the file from being written is said before anything is downloaded.
    let mut file = Writer::create(path, says_status(ctx)).map_err(failed)?;
    let signal = async {
        match termination {
            Ok(mut termination) => termination.recv().await,
            // Without handlers the signals still end the process.
            Err(_) => std::future::pending().await,
        }
    };
    let saved = tokio::select! {
        // A snapshot that is complete counts, even if a signal has come in the same moment.
        biased;
        saved = fetch(ctx, path, &mut file) => saved.map_err(|e| e.kind(Kind::Interrupted))?,
        signal = signal => return Err(interrupted(path, file, signal)),
    };
    // The file is locked until it is closed, and its status cannot be read before.
    drop(file);
    ctx.emit(&saved)?;
    if says_status(ctx) {
        say_status(ctx, path);
    }
    Ok(())
}

/// Removes the file, and says what is there now.
fn interrupted(path: &Path, file: Writer, signal: rustix::process::Signal) -> CommandError {
    let path = string::of_path(path);
    let hint = match file.discard() {
        Ok(true) => format!("interrupted: nothing was written to {path}"),
        Ok(false) => format!("interrupted: the snapshot was already complete at {path}"),
        Err(error) => {
            let error = io_text(&error);
            format!("interrupted: the unfinished file beside {path} could not be removed: {error}")
        }
    };
    CommandError::new(Kind::Signal(signal), "context canceled").hint(hint)
}

async fn fetch(
    ctx: &Context,
    path: &Path,
    file: &mut Writer,
) -> Result<SnapshotSaved, CommandError> {
    let settings = ctx.settings()?;
    let client = ctx.client().await?;
    let failed = |e: PartError| CommandError::new(Kind::Interrupted, e);
    let deadline = if settings.command_timeout_given {
        ctx.deadline()?
    } else {
        Deadline::never()
    };
    // Without a time limit a dead endpoint would be tried for ever: the first answer has the dial timeout.
    let first = if settings.command_timeout_given {
        deadline
    } else {
        Deadline::after(Limit::dial(settings.dial_timeout.to_std()))
    };
    let mut size = 0;
    let mut answers = client
        .snapshot(first, deadline)
        .await
        .map_err(|e| broken(&e, size))?;
    let mut progress = Bytes::start(&ctx.ui);
    let mut version = String::new();
    loop {
        let answer = answers.next().await.map_err(|e| broken(&e, size))?;
        let Some(answer) = answer else {
            break;
        };
        if version.is_empty() {
            version = answer.version;
        }
        size += answer.blob.len() as u64;
        file.write(answer.blob).await.map_err(failed)?;
        progress.update(size, answer.remaining_bytes);
    }
    let size = file.finish().await.map_err(failed)?;
    drop(progress);
    Ok(SnapshotSaved {
        path: string::of_path(path),
        version,
        size,
        status: None,
    })
}

/// The stream did not come to its end. As etcdctl says it: before the first bytes only why.
fn broken(error: &ClientError, size: u64) -> CommandError {
    let mut out = CommandError::from(error.clone());
    // Of a stream, Go's client shows a refusal as it came.
    let text = match error {
        ClientError::Status { code, message } => status_as_it_came(*code, message),
        error => error.to_string(),
    };
    out.source = Some(match size {
        0 => text.into(),
        _ => format!("could not write snapshot: {text}").into(),
    });
    out
}

/// Whether a person is there who is told what is in the new file.
fn says_status(ctx: &Context) -> bool {
    ctx.error_format() == Format::Simple && ctx.ui.stderr_is_terminal()
}

/// What `snapshot status` would say of the new file.
fn say_status(ctx: &Context, path: &Path) {
    let Ok(status) = crate::snapshot::status(path) else {
        return;
    };
    ctx.ui.notes(|err| {
        crate::output::render(
            &super::status::reply(status),
            Format::Table,
            &RenderOptions::default(),
            err,
        )
        .map_err(std::io::Error::other)
    });
}
