//! `snapshot save`: saves the database of one member to a file, either completely or not at all.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use clap::Args;

use super::{
    candidates::{Candidate, Role, candidates},
    manifest::{Facts, Manifest},
    sink::{Sink, local},
    stream::{Broken, Stream},
};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind, io_text},
        value::{self, GoDuration, Suggest},
        words::Words,
    },
    client::Client,
    commands::metrics_file::{self, Job},
    files::{
        packing::Packing,
        writer::{Discard, Writer, Written},
    },
    golang::{
        format::{self, hex_digits},
        string,
    },
    output::{
        Format, RenderOptions,
        replies::maintenance::{SavedDetails, SnapshotSaved, Tried},
    },
    process::signals::Termination,
    words,
};

/// Save a member's database to a file
///
/// The file is readable by its owner only (mode 0600). It appears under its name only when all of it has been received
/// and its SHA-256 checksum has been verified; until then it is called <filename>.<digits>.part. Several saves to the
/// same name may run at once; the last to finish replaces the others' file. Only one endpoint is used, because the
/// database of any member contains all data. If it does not respond, the command gives up after --dial-timeout; after
/// that there is no timeout unless --command-timeout is given, but a stream that stalls for --stall-timeout is ended.
/// Exit status 5 means that nothing was saved.
///
/// If <filename> is -, the snapshot is written to standard output and everything else to standard error. In a pipe, set
/// `pipefail`, because only the exit status tells whether the snapshot is complete.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl snapshot save backup.db
  etcdctl --endpoints=10.0.0.1:2379 snapshot save /backup/etcd-$(date +%Y%m%d).db
  etcdctl snapshot save --failover --manifest --compress=zstd:1 backup.db.zst
  etcdctl snapshot save - | age -r KEY > backup.db.age
  etcdctl snapshot status backup.db --write-out=table")]
pub struct SaveArgs {
    /// Use the healthiest member, and switch to the next one if its stream breaks or stalls
    #[arg(long)]
    failover: bool,
    /// Which members to use first: follower or leader [default: follower]
    #[arg(long, value_name = "role", value_parser = Suggest(ROLES), hide_possible_values = true)]
    prefer: Option<String>,
    /// End the stream if less than 64 KiB arrive in this time; 0 waits forever [default: 1m]
    #[arg(long, value_name = "time", value_parser = value::duration)]
    stall_timeout: Option<GoDuration>,
    /// Compress the file: zstd, or zstd:LEVEL with a level from 1 to 22 [default level: 3]
    #[arg(long, value_name = "zstd[:level]")]
    compress: Option<String>,
    /// Also write <filename>.json with the source, revision, hash and SHA-256 of the file
    #[arg(long)]
    manifest: bool,
    /// Write the result to this file as metrics for the textfile collector of Prometheus's node_exporter
    #[arg(long, value_name = "file", value_hint = clap::ValueHint::FilePath)]
    metrics_file: Option<PathBuf>,
    #[command(flatten)]
    words: Words<SaveWords>,
}

words! {
    pub SaveWords: 1..=1, "<filename or ->", BadArgs "snapshot save expects one argument <filename>",
        HINT = clap::ValueHint::FilePath
}

const ROLES: &[&str] = &["follower", "leader"];
/// The default of `--stall-timeout`.
const STALL_TIMEOUT: GoDuration = GoDuration::seconds(60);

/// Runs `snapshot save`.
///
/// # Errors
/// The file could not be saved completely; exit code 5.
pub async fn save(ctx: &Context, args: SaveArgs) -> Result<(), CommandError> {
    let begin = SystemTime::now();
    let mut saved = None;
    let mut result = run(ctx, &args, begin, &mut saved).await;
    if let Some(path) = &args.metrics_file {
        let job = Job {
            name: "snapshot_save",
            begin,
            exit: result.as_ref().map_or_else(|e| e.kind.exit_code(), |()| 0),
            values: saved.map_or_else(Vec::new, |saved| saved.metrics()),
        };
        let written = metrics_file::write(path, &job);
        if result.is_ok() {
            result = written;
        }
    }
    result
}

/// The settings of one save.
struct Task<'a> {
    ctx: &'a Context,
    /// `-` for standard output.
    path: &'a Path,
    packing: Packing,
    stall_timeout: Duration,
    begin: SystemTime,
    /// Whether to switch to another member if the stream breaks.
    failover: bool,
    manifest: bool,
    /// Whether one of our own flags was given, so that the reply has more fields.
    detailed: bool,
    /// Removes the file that is being written.
    discard: RefCell<Option<Discard>>,
}

async fn run(
    ctx: &Context,
    args: &SaveArgs,
    begin: SystemTime,
    metrics: &mut Option<Saved>,
) -> Result<(), CommandError> {
    let [path] = args.words.exactly()?;
    ctx.settings().map_err(|error| match error.kind {
        // etcdctl creates its client as part of saving.
        ErrorKind::BadConnection => error.kind(ErrorKind::Interrupted),
        _ => error,
    })?;
    let bad = |text: String| CommandError::new(ErrorKind::BadArgs, text);
    let prefer = match args.prefer.as_deref() {
        None | Some("follower") => Role::Follower,
        Some("leader") => Role::Leader,
        Some(other) => {
            return Err(bad(format!(
                "--prefer: {other:?} is neither follower nor leader"
            )));
        }
    };
    let packing = args.compress.as_deref().unwrap_or_default().parse();
    let task = Task {
        ctx,
        path: Path::new(path),
        packing: packing.map_err(|e: String| bad(format!("--compress: {e}")))?,
        stall_timeout: args.stall_timeout.unwrap_or(STALL_TIMEOUT).to_std(),
        begin,
        failover: args.failover,
        manifest: args.manifest,
        detailed: args.failover
            || args.manifest
            || args.prefer.is_some()
            || args.compress.is_some(),
        discard: RefCell::default(),
    };
    let chooses = args.failover || args.prefer.is_some();
    if !chooses {
        one_endpoint(ctx).await?;
    }
    if task.to_stdout() {
        if task.manifest {
            return Err(bad("--manifest needs a file, not standard output".into()));
        }
        if ctx.ui.stdout_is_terminal() {
            let text = "a snapshot is not written to a terminal: give a filename, or a pipe";
            return Err(bad(text.into()));
        }
        let saved = task.save(prefer, chooses, None).await;
        let saved = saved.map_err(|e| e.kind(ErrorKind::Interrupted))?;
        *metrics = Some(saved.clone());
        return task.say_on_stderr(&saved);
    }
    // Handle signals from here on, because the temporary file must be removed.
    let termination = Termination::listen();
    // Create the file first, so that problems with it are reported before the download.
    let file = task.create()?;
    let signal = async {
        match termination {
            Ok(mut termination) => termination.recv().await,
            // Without handlers, signals still end the process.
            Err(_) => std::future::pending().await,
        }
    };
    let mut saving = std::pin::pin!(task.save(prefer, chooses, Some(file)));
    let saved = tokio::select! {
        // A complete snapshot takes precedence over a signal that arrives at the same moment.
        biased;
        saved = &mut saving => saved.map_err(|e| e.kind(ErrorKind::Interrupted))?,
        signal = signal => return Err(task.interrupted(signal)),
    };
    // Release the last handle: the file is locked until then, and cannot be read.
    task.discard.take();
    let saved = task.look_into(saved)?;
    *metrics = Some(saved.clone());
    ctx.emit(&task.reply(&saved))?;
    if shows_status(ctx) {
        show_status(ctx, task.path);
    }
    Ok(())
}

/// Rejects several endpoints, as etcdctl does.
async fn one_endpoint(ctx: &Context) -> Result<(), CommandError> {
    let endpoints = ctx.endpoints().await?;
    if endpoints.len() == 1 {
        return Ok(());
    }
    let text = format!(
        "snapshot must be requested to one selected node, not multiple [{}]",
        endpoints.join(" ")
    );
    let mut error = CommandError::new(ErrorKind::Interrupted, text);
    if let Some(first) = endpoints.first() {
        error = error.hint(format!(
            "choose one: --endpoints={first}; a snapshot of any one member holds all the data. --failover chooses"
        ));
    }
    Err(error)
}

/// A complete snapshot.
#[derive(Clone, Debug)]
struct Saved {
    written: Written,
    version: String,
    endpoint: String,
    /// Ids of cluster and member, if they were requested.
    ids: Option<(u64, u64)>,
    tried: Vec<Tried>,
    revision: Option<i64>,
}

impl Saved {
    /// Cluster and member, 16 hexadecimal digits each.
    fn id_texts(&self) -> (String, String) {
        let (cluster, member) = self.ids.unwrap_or_default();
        (format!("{cluster:016x}"), format!("{member:016x}"))
    }

    /// For `--metrics-file`.
    fn metrics(&self) -> Vec<metrics_file::Value> {
        let mut values = vec![metrics_file::Value {
            name: "etcdctl_snapshot_size_bytes",
            help: "Size of the last snapshot that was saved.",
            value: self.written.size.cast_signed(),
        }];
        values.extend(self.revision.map(|revision| metrics_file::Value {
            name: "etcdctl_snapshot_revision",
            help: "Revision of the last snapshot that was saved.",
            value: revision,
        }));
        values
    }
}

impl Task<'_> {
    fn to_stdout(&self) -> bool {
        self.path == Path::new("-")
    }

    fn create(&self) -> Result<Writer, CommandError> {
        let read_soon = shows_status(self.ctx) || self.detailed;
        let writer = Writer::create(self.path, read_soon, self.packing).map_err(local)?;
        *self.discard.borrow_mut() = Some(writer.discard());
        Ok(writer)
    }

    /// Saves from the first member that delivers a complete snapshot, to `file` or to standard output.
    async fn save(
        &self,
        prefer: Role,
        chooses: bool,
        mut file: Option<Writer>,
    ) -> Result<Saved, CommandError> {
        // Choose the members to try, in order.
        let mut members = match self.detailed {
            true => candidates(self.ctx, prefer, self.failover).await?,
            false => Vec::new(),
        };
        if !self.failover {
            members.truncate(1);
        }
        let mut members = members.into_iter();
        let mut member = members.next();
        let mut tried = Vec::new();
        loop {
            let client = match &member {
                Some(member) if chooses => self.client(member).await?,
                _ => self.ctx.client().await?,
            };
            // Save from this member, to a new file after a failure.
            let mut size = 0;
            let sink = match file.take() {
                Some(writer) => Sink::File(writer),
                None if self.to_stdout() => Sink::stdout(self.packing).map_err(local)?,
                None => Sink::File(self.create()?),
            };
            let (broken, error) = match self.fetch(&client, sink, &mut size).await {
                Ok((written, version)) => {
                    return Ok(Saved {
                        written,
                        version,
                        endpoint: match &member {
                            Some(member) => member.endpoint.clone(),
                            None => self.ctx.endpoints().await?.join(","),
                        },
                        ids: member.map(|m| (m.cluster_id, m.member_id)),
                        tried,
                        revision: None,
                    });
                }
                Err(Broken::Local(error)) => return Err(error),
                Err(Broken::Remote(error)) => (member, error),
            };
            // Switch to the next member, if possible. Data that went to standard output cannot be taken back.
            let again = self.failover && !(self.to_stdout() && size > 0);
            let next = members.next().filter(|_| again);
            let (Some(broken), Some(next)) = (broken, next) else {
                return Err(error);
            };
            self.say_failover(&broken, size, &error, &next);
            tried.push(Tried {
                endpoint: broken.endpoint,
                bytes: size,
                error: reason(&error),
            });
            member = Some(next);
        }
    }

    /// Connects to this member only, and logs in.
    async fn client(&self, member: &Candidate) -> Result<Client, CommandError> {
        let client = self.ctx.client_of(std::slice::from_ref(&member.endpoint))?;
        self.ctx.login()?.log_in(&client).await?;
        Ok(client)
    }

    /// Reads one stream to its end, and counts the received bytes in `size`. An unfinished file is removed.
    async fn fetch(
        &self,
        client: &Client,
        mut sink: Sink,
        size: &mut u64,
    ) -> Result<(Written, String), Broken> {
        let stream = Stream::open(self.ctx, client, self.stall_timeout).await;
        let mut stream = stream.map_err(Broken::Remote)?;
        loop {
            let chunk = stream.next().await;
            *size = stream.size;
            match chunk.map_err(Broken::Remote)? {
                None => break,
                Some(chunk) => sink.write(self.ctx, chunk).await.map_err(Broken::Local)?,
            }
        }
        let written = sink.finish(self.ctx).await?;
        Ok((written, stream.version))
    }

    fn say_failover(&self, broken: &Candidate, size: u64, error: &CommandError, next: &Candidate) {
        let how = match size {
            0 => "gave nothing".to_owned(),
            size => format!("broke off after {}", format::bytes(size)),
        };
        self.ctx.ui.note(&format!(
            "{} {how}: {}; taken from {} ({})",
            broken.endpoint,
            reason(error),
            next.endpoint,
            next.role.name()
        ));
    }

    /// Removes the file and reports its state.
    fn interrupted(&self, signal: rustix::process::Signal) -> CommandError {
        let path = string::of_path(self.path);
        let removed = match &*self.discard.borrow() {
            Some(discard) => discard.now(),
            None => Ok(true),
        };
        let hint = match removed {
            Ok(true) => format!("interrupted: nothing was written to {path}"),
            Ok(false) => format!("interrupted: the snapshot was already complete at {path}"),
            Err(error) => {
                let error = io_text(&error);
                format!(
                    "interrupted: the unfinished file beside {path} could not be removed: {error}"
                )
            }
        };
        CommandError::new(ErrorKind::Signal(signal), "context canceled").hint(hint)
    }

    /// Reads the revision from the file, and writes the manifest.
    fn look_into(&self, mut saved: Saved) -> Result<Saved, CommandError> {
        let end = SystemTime::now();
        let failed = |error| {
            let path = string::of_path(self.path);
            let hint = format!("the file is complete at {path}, but could not be read again");
            CommandError::new(ErrorKind::Interrupted, error).hint(hint)
        };
        if self.manifest {
            let hash = crate::snapshot::hash_kv(self.path, 0).map_err(failed)?;
            saved.revision = Some(hash.hash_revision);
            let (cluster, member) = saved.id_texts();
            Manifest::new(&Facts {
                path: self.path,
                size: saved.written.size,
                sha256: &hex_digits(&saved.written.sha256),
                zstd: self.packing != Packing::None,
                endpoint: &saved.endpoint,
                ids: (&cluster, &member),
                server_version: &saved.version,
                hash: &hash,
                begin: self.begin,
                end,
            })
            .write(self.path)?;
        } else if self.detailed && self.packing == Packing::None {
            // A compressed file would have to be unpacked for this.
            let facts = crate::snapshot::facts(self.path).map_err(failed)?;
            saved.revision = Some(facts.revision);
        }
        Ok(saved)
    }

    fn reply(&self, saved: &Saved) -> SnapshotSaved {
        SnapshotSaved {
            path: string::of_path(self.path),
            version: saved.version.clone(),
            size: saved.written.size,
            status: None,
            details: self.detailed.then(|| SavedDetails {
                endpoint: saved.endpoint.clone(),
                member_id: saved.id_texts().1,
                revision: saved.revision,
                sha256: hex_digits(&saved.written.sha256),
                tried: saved.tried.clone(),
            }),
        }
    }

    /// Prints the reply on standard error, because the snapshot is on standard output.
    fn say_on_stderr(&self, saved: &Saved) -> Result<(), CommandError> {
        let format = self.ctx.settings()?.format;
        let reply = self.reply(saved);
        self.ctx.ui.notes(|err| {
            crate::output::render(&reply, format, &RenderOptions::default(), err)
                .map_err(std::io::Error::other)
        });
        Ok(())
    }
}

/// The reason why a stream ended, without etcdctl's prefix.
fn reason(error: &CommandError) -> String {
    let text = error.to_string();
    let prefix = "could not write snapshot: ";
    text.strip_prefix(prefix).unwrap_or(&text).to_owned()
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
