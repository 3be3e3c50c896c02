//! `snapshot save`: saves the database of one member to a file, either completely or not at all.

use std::path::Path;

use clap::Args;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind, io_text},
        progress::Bytes,
        words::Words,
    },
    client::{ClientError, Deadline, Limit, error::go_status},
    files::{part_file::PartError, writer::Writer},
    golang::string,
    output::{Format, RenderOptions, replies::maintenance::SnapshotSaved},
    process::signals::Termination,
    words,
};

/// Save a member's database to a file
///
/// The file is readable by its owner only (mode 0600). It appears under its name only when all of it has been received
/// and its SHA-256 checksum has been verified; until then it is called <filename>.<digits>.part. Several saves to the
/// same name may run at once; the last to finish replaces the others' file. Only one endpoint is used, because the
/// database of any member contains all data. If it does not respond, the command gives up after --dial-timeout; after
/// that there is no timeout unless --command-timeout is given. Exit status 5 means that nothing was saved.
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
/// The file could not be saved completely; exit code 5.
pub async fn save(ctx: &Context, args: SaveArgs) -> Result<(), CommandError> {
    let [path] = args.words.exactly()?;
    let path = Path::new(path);
    ctx.settings().map_err(|error| match error.kind {
        // etcdctl creates its client as part of saving.
        ErrorKind::BadConnection => error.kind(ErrorKind::Interrupted),
        _ => error,
    })?;
    let endpoints = ctx.endpoints().await?;
    if endpoints.len() != 1 {
        let text = format!(
            "snapshot must be requested to one selected node, not multiple [{}]",
            endpoints.join(" ")
        );
        let mut error = CommandError::new(ErrorKind::Interrupted, text);
        if let Some(first) = endpoints.first() {
            error = error.hint(format!(
                "choose one: --endpoints={first}; a snapshot of any one member holds all the data"
            ));
        }
        return Err(error);
    }
    // Handle signals from here on, because the temporary file must be removed.
    let termination = Termination::listen();
    let failed = |error: PartError| CommandError::new(ErrorKind::Interrupted, error);
    // Create the file first, so that problems with it are reported before the download.
    let mut file = Writer::create(path, shows_status(ctx)).map_err(failed)?;
    let signal = async {
        match termination {
            Ok(mut termination) => termination.recv().await,
            // Without handlers, signals still end the process.
            Err(_) => std::future::pending().await,
        }
    };
    let saved = tokio::select! {
        // A complete snapshot takes precedence over a signal that arrives at the same moment.
        biased;
        saved = fetch(ctx, path, &mut file) => saved.map_err(|e| e.kind(ErrorKind::Interrupted))?,
        signal = signal => return Err(interrupted(path, file, signal)),
    };
    // The file is locked until it is closed, and its status cannot be read before.
    drop(file);
    ctx.emit(&saved)?;
    if shows_status(ctx) {
        show_status(ctx, path);
    }
    Ok(())
}

/// Removes the file and reports its state.
fn interrupted(path: &Path, file: Writer, signal: rustix::process::Signal) -> CommandError {
    let path = string::of_path(path);
    let hint = match file.discard() {
        Ok(true) => format!("interrupted: nothing was written to {path}"),
        Ok(false) => format!("interrupted: the snapshot was already complete at {path}"),
        Err(error) => {
            let error = io_text(&error);
            format!("interrupted: the unfinished file next to {path} could not be removed: {error}")
        }
    };
    CommandError::new(ErrorKind::Signal(signal), "context canceled").hint(hint)
}

async fn fetch(
    ctx: &Context,
    path: &Path,
    file: &mut Writer,
) -> Result<SnapshotSaved, CommandError> {
    let settings = ctx.settings()?;
    let client = ctx.client().await?;
    let failed = |e: PartError| CommandError::new(ErrorKind::Interrupted, e);
    let deadline = if settings.command_timeout_given {
        ctx.deadline()?
    } else {
        Deadline::never()
    };
    // Without a timeout, connecting to an unreachable endpoint would be retried forever, so the dial timeout applies to
    // the first response.
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

/// The error if the stream ended early. As in etcdctl, it contains only the reason if no bytes had arrived.
fn broken(error: &ClientError, size: u64) -> CommandError {
    let mut out = CommandError::from(error.clone());
    // Go's client returns errors of a stream unchanged.
    let text = match error {
        ClientError::Status { code, message } => go_status(*code, message),
        error => error.to_string(),
    };
    out.source = Some(match size {
        0 => text.into(),
        _ => format!("could not write snapshot: {text}").into(),
    });
    out
}

/// Whether to print the status of the new file for a person at a terminal.
fn shows_status(ctx: &Context) -> bool {
    ctx.error_format() == Format::Simple && ctx.ui.stderr_is_terminal()
}

/// Prints the result of `snapshot status` for the new file.
fn show_status(ctx: &Context, path: &Path) {
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
