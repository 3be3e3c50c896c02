//! `snapshot save`: the stream of one member into a file that is whole or not there.

use std::path::Path;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::{
        context::Context,
        error::{CommandError, Kind},
        progress::Bytes,
    },
    client::{ClientError, Deadline, Limit, error::status_as_it_came},
    files::{part_file::PartError, writer::Writer},
    golang::string,
    output::{Format, RenderOptions, Reply, reply::SnapshotSaved},
};

/// Save a member's database to a file
///
/// The file is for its owner only (mode 0600), and appears under its name only when all of it has come and
/// its SHA-256 fits; until then it is called <filename>.part. One endpoint is asked: any member's database
/// holds all the data. An endpoint that does not answer is given up after --dial-timeout; after that there is no
/// time limit unless --command-timeout is given. Exit status 5 tells that nothing was saved.
#[derive(Args, Debug)]
#[command(
    override_usage = "etcdctl snapshot save [options] <filename>",
    after_help = "Examples:
  etcdctl snapshot save backup.db
  etcdctl --endpoints=10.0.0.1:2379 snapshot save /backup/etcd-$(date +%Y%m%d).db
  etcdctl snapshot status backup.db --write-out=table"
)]
pub struct SaveArgs {
    #[arg(hide = true, num_args = 0.., value_hint = clap::ValueHint::FilePath)]
    words: Vec<std::ffi::OsString>,
}

/// Runs `snapshot save`.
///
/// # Errors
/// Anything that keeps the file from being whole; exit code 5.
pub async fn save(ctx: &Context, args: SaveArgs) -> Result<(), CommandError> {
    let [path] = &args.words[..] else {
        return Err(CommandError::new(
            Kind::BadArgs,
            "snapshot save expects one argument <filename>",
        ));
    };
    let path = Path::new(path);
    let settings = ctx.settings().map_err(|error| match error.kind {
        // etcdctl sets up its client as part of saving.
        Kind::BadConnection => error.kind(Kind::Interrupted),
        _ => error,
    })?;
    if settings.endpoints.len() != 1 {
        let text = format!(
            "snapshot must be requested to one selected node, not multiple [{}]",
            settings.endpoints.join(" ")
        );
        let mut error = CommandError::new(Kind::Interrupted, text);
        if let Some(first) = settings.endpoints.first() {
            error = error.hint(format!(
                "choose one: --endpoints={first}; a snapshot of any one member holds all the data"
            ));
        }
        return Err(error);
    }
    let interrupt = Interrupt::listen();
    let saved = tokio::select! {
        saved = fetch(ctx, path) => saved.map_err(|e| e.kind(Kind::Interrupted))?,
        () = interrupt.come() => {
            return Err(CommandError::new(Kind::Interrupted, "context canceled")
                .hint(format!("interrupted: nothing was written to {}", string::of_path(path))));
        }
    };
    ctx.emit(&Reply::SnapshotSaved(saved))?;
    if says_status(ctx) {
        say_status(ctx, path);
    }
    Ok(())
}

/// Ctrl-C, or a polite request to end.
struct Interrupt(Option<(Signal, Signal)>);

impl Interrupt {
    /// Takes the signals from now on. Without handlers they end the process by themselves.
    fn listen() -> Interrupt {
        let int = signal(SignalKind::interrupt());
        let term = signal(SignalKind::terminate());
        Interrupt(int.ok().zip(term.ok()))
    }

    async fn come(self) {
        match self.0 {
            Some((mut int, mut term)) => {
                tokio::select! {
                    _ = int.recv() => {}
                    _ = term.recv() => {}
                }
            }
            None => std::future::pending().await,
        }
    }
}

async fn fetch(ctx: &Context, path: &Path) -> Result<SnapshotSaved, CommandError> {
    let settings = ctx.settings()?;
    let client = ctx.client().await?;
    let failed = |e: PartError| CommandError::new(Kind::Interrupted, e);
    let deadline = if settings.command_timeout_given {
        ctx.deadline()?
    } else {
        Deadline::never()
    };
    let mut file = Writer::create(path, says_status(ctx)).map_err(failed)?;
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
            &Reply::SnapshotStatus(super::status::reply(status)),
            Format::Table,
            &RenderOptions::default(),
            err,
        )
        .map_err(std::io::Error::other)
    });
}
