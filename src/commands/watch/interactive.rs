//! `watch -i`: creates watches from lines on stdin, and runs until the input ends.

use std::{
    ffi::OsString,
    io::{self, BufRead},
    os::unix::ffi::OsStringExt,
};

use clap::{Args, FromArgMatches};
use tokio::sync::mpsc;

use super::{
    arguments::{Flags, Target, Variables},
    ended::Ended,
    watch::{OPTIONS, WatchArgs, show},
};
use crate::{
    cli::{
        argv::{self, ArgvError, Parsed},
        context::Context,
        error::{CommandError, ErrorKind, io_text},
    },
    client::{Client, Deadline, StreamOptions},
    commands::txn::split,
    golang::string,
    output::{Format, replies::part::Part},
    proto::etcdserverpb as pb,
};

/// Number of responses waiting to be printed. When it is reached, the watches wait.
const WAITING: usize = 16;

/// Output of a watch.
struct WatchOutput {
    exec: Vec<OsString>,
    what: Result<pb::WatchResponse, Ended>,
}

/// Runs `watch -i`.
///
/// # Errors
/// The input ended (exit code 3), a line cannot be read (128), or a program that was run for an event failed (1).
pub async fn interactive(
    ctx: &Context,
    variables: &Variables,
    flags: Flags,
) -> Result<(), CommandError> {
    let client = ctx.client().await?;
    let mut lines = lines();
    let (say, mut said) = mpsc::channel(WAITING);
    let mut running: Vec<mpsc::Sender<()>> = vec![];
    // The responses of several watches are interleaved, so they are printed in parts only in formats in which a part does
    // not depend on the others.
    let options = StreamOptions {
        fragments: ctx.settings()?.format == Format::Simple,
        ..OPTIONS
    };
    loop {
        tokio::select! {
            // Print pending output before reading the next line.
            biased;
            Some(said) = said.recv() => show_output(ctx, said).await?,
            line = lines.recv() => {
                let line = line.unwrap_or(Ok(None)).map_err(|e| ended(&io_text(&e)))?;
                let line = line.ok_or_else(|| ended("EOF"))?;
                match read(&line, variables, flags)? {
                    Line::Watch(target) => {
                        let start = (client.clone(), options, ctx.patient_deadline()?);
                        running.push(run(start, *target, say.clone()));
                    }
                    Line::Progress => {
                        for watch in &running {
                            // The watch may have ended.
                            let _ = watch.try_send(());
                        }
                    }
                    Line::Wrong(text) => ctx.ui.note(&text),
                }
            }
        }
    }
}

fn ended(why: &str) -> CommandError {
    CommandError::new(
        ErrorKind::InvalidInput,
        format!("error reading watch request line: {why}"),
    )
}

async fn show_output(ctx: &Context, said: WatchOutput) -> Result<(), CommandError> {
    match said.what {
        Ok(response) => show(ctx, response, Part::Whole, &said.exec).await,
        // As in etcdctl, the other watches continue.
        Err(ended) => ended.show(ctx),
    }
}

/// The lines of stdin without line breaks, read on a separate thread; `None` at the end.
fn lines() -> mpsc::Receiver<io::Result<Option<Vec<u8>>>> {
    let (send, receive) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut line = vec![];
            let read = stdin.read_until(b'\n', &mut line);
            // As in etcdctl, a last line without a line break is treated as the end of input.
            let read = read.map(|_| (line.pop() == Some(b'\n')).then_some(line));
            let last = !matches!(read, Ok(Some(_)));
            if send.blocking_send(read).is_err() || last {
                return;
            }
        }
    });
    receive
}

/// Runs one watch until it ends. Each message on the returned channel requests its progress.
fn run(
    (client, options, connect): (Client, StreamOptions, Deadline),
    target: Target,
    say: mpsc::Sender<WatchOutput>,
) -> mpsc::Sender<()> {
    let (ask, mut asked) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut watcher = client.watch(target.create, options, connect);
        let (mut created, mut done) = (false, false);
        while !done {
            let what = tokio::select! {
                what = watcher.next() => what,
                Some(()) = asked.recv() => {
                    // If this fails, the watch has failed, and the next call returns the reason.
                    let _ = watcher.request_progress().await;
                    continue;
                }
            };
            let what = match what {
                Ok(answer) if answer.created => {
                    created = true;
                    continue;
                }
                what => what.map_err(|error| Ended::of(error, created)),
            };
            done = what.is_err();
            let exec = target.exec.clone();
            done |= say.send(WatchOutput { exec, what }).await.is_err();
        }
    });
    ask
}

/// A line of input.
enum Line {
    Watch(Box<Target>),
    Progress,
    /// An invalid line: prints this text and continues.
    Wrong(String),
}

fn read(line: &[u8], variables: &Variables, outer: Flags) -> Result<Line, CommandError> {
    let shown = string::text(line);
    let words = split(line).map_err(|e| CommandError::bad_args(e.to_string()))?;
    match words.first().map(Vec::as_slice) {
        None => Ok(Line::Wrong(format!(
            "Invalid command: {shown} (watch and progress supported)"
        ))),
        Some(b"progress") => Ok(Line::Progress),
        Some(b"watch") if words.len() < 2 && !variables.has_key() => Ok(Line::Wrong(format!(
            "Invalid command {shown} (command type or key is not provided)"
        ))),
        Some(b"watch") => {
            let args = arguments(words).map_err(CommandError::bad_args)?;
            // `--progress-notify` of the command itself applies to every line.
            let flags = Flags {
                progress_notify: outer.progress_notify,
                ..args.flags()
            };
            match args.target(variables, flags) {
                Ok(target) => Ok(Line::Watch(Box::new(target))),
                Err(error) if error.to_string().starts_with('`') => {
                    Ok(Line::Wrong(format!("Invalid command {shown} ({error})")))
                }
                Err(error) => Err(error),
            }
        }
        Some(_) => Ok(Line::Wrong(format!(
            "Invalid command {shown} (only support watch)"
        ))),
    }
}

/// Parses the flags and arguments of a line like those of the command itself.
fn arguments(words: Vec<Vec<u8>>) -> Result<WatchArgs, String> {
    let watch = WatchArgs::augment_args(clap::Command::new("watch"));
    let tree = clap::Command::new("etcdctl")
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .subcommand(watch);
    let words = words.into_iter().map(OsString::from_vec).collect();
    let args = match argv::read(&tree, words) {
        Ok(Parsed::Run { args, .. }) => args,
        Ok(Parsed::Help(..)) => return Err("pflag: help requested".into()),
        Err(ArgvError::Flag(_, text, _) | ArgvError::Command(text)) => return Err(text),
    };
    let matches = tree.try_get_matches_from(args).map_err(|e| e.to_string())?;
    let matches = matches.subcommand_matches("watch").ok_or("no watch")?;
    WatchArgs::from_arg_matches(matches).map_err(|e| e.to_string())
}
