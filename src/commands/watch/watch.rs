//! The `watch` command, and how a response is printed.

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use clap::Args;

use super::{
    arguments::{self, Flags, Target, Variables, quoted},
    ended::Ended,
    interactive,
};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        value,
        words::Words,
    },
    client::stream::StreamOptions,
    commands::{child, permission::Needed},
    golang::format::quote,
    output::{
        Format,
        replies::{part::Part, watch::Watched},
    },
    proto::etcdserverpb as pb,
    words,
};

/// Watch a key or a range of keys
///
/// Events are printed as they arrive, until the command is interrupted. After a lost connection, the watch resumes
/// without missing or repeating events. A command after -- is run for each event, with ETCD_WATCH_REVISION,
/// ETCD_WATCH_EVENT_TYPE, ETCD_WATCH_KEY and ETCD_WATCH_VALUE in its environment. ETCDCTL_WATCH_KEY and
/// ETCDCTL_WATCH_RANGE_END can be set instead of <key> and [range_end].
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl watch /app/ --prefix
  etcdctl watch greeting --rev=1200 --prev-kv
  etcdctl watch greeting -- sh -c 'echo \"$ETCD_WATCH_VALUE\"'
  etcdctl watch -i    # then lines such as: watch greeting --rev=1")]
pub struct WatchArgs {
    /// Read watches from stdin, one per line; the line `progress` requests their progress
    #[arg(long, short)]
    interactive: bool,
    /// Watch every key that begins with <key>
    #[arg(long)]
    prefix: bool,
    /// First revision to watch; 0 means the next one [default: 0]
    #[arg(long, value_name = "revision", value_parser = value::flag_int)]
    rev: Option<i64>,
    /// Print the previous value too
    #[arg(long)]
    prev_kv: bool,
    /// Let the server send its revision from time to time
    #[arg(long)]
    progress_notify: bool,
    #[command(flatten)]
    words: Words<WatchWords>,
}

words! {
    /// A key, the end of a range, and after `--` a program with its arguments.
    pub WatchWords: 0..=usize::MAX, "<key> [range_end] [-- command [argument...]]", BadArgs "",
        SEPARATED = true
}

impl WatchArgs {
    pub(super) fn flags(&self) -> Flags {
        Flags {
            prefix: self.prefix,
            revision: self.rev.unwrap_or(0),
            prev_kv: self.prev_kv,
            progress_notify: self.progress_notify,
        }
    }

    /// The watch for these arguments and flags.
    pub(super) fn target(
        &self,
        variables: &Variables,
        flags: Flags,
    ) -> Result<Target, CommandError> {
        let (keys, exec) = arguments::split(self.words.get()?, variables)?;
        arguments::target(&keys, exec, flags)
    }
}

/// Runs `watch`.
///
/// # Errors
/// Conflicting arguments (exit code 128), the watch was canceled (5), or a program that was run for an event failed
/// (1).
pub async fn watch(ctx: &Context, args: WatchArgs) -> Result<(), CommandError> {
    let variables = Variables::read()?;
    if args.interactive {
        return interactive::interactive(ctx, &variables, args.flags()).await;
    }
    let target = args.target(&variables, args.flags())?;
    let (client, deadline) = ctx.connect_patiently().await?;
    let needed = Needed::read(&target.create.key, &target.create.range_end);
    let options = StreamOptions {
        fragments: true,
        ..OPTIONS
    };
    let mut watcher = client.watch(target.create, options, deadline);
    let mut created = false;
    // Whether the next answer begins a response; otherwise, it continues one.
    let mut first = true;
    loop {
        match watcher.next().await {
            Ok(answer) if answer.created => created = true,
            Ok(answer) => {
                let last = !answer.fragment;
                let part = Part::at(first, last);
                show(ctx, answer, part, &target.exec).await?;
                first = last;
            }
            Err(error) => {
                if !first {
                    // The rest of this response will not arrive, but the output must be syntactically complete.
                    ctx.emit(&Watched {
                        part: Part::Last,
                        ..Watched::default()
                    })?;
                }
                return Err(Ended::of(error, created).show_as_error(ctx, &needed)?);
            }
        }
    }
}

/// As in etcdctl, the stream ends with an error when the connected member loses its leader.
pub(super) const OPTIONS: StreamOptions = StreamOptions {
    require_leader: true,
    fragments: false,
};

/// Prints a response or a part of it, and runs the program for each of its events.
pub(super) async fn show(
    ctx: &Context,
    response: pb::WatchResponse,
    part: Part,
    exec: &[OsString],
) -> Result<(), CommandError> {
    let revision = response.header.as_ref().map_or(0, |h| h.revision);
    if response.events.is_empty() && revision != 0 {
        ctx.ui.line(&format!("progress notify: {revision}"))?;
    }
    let watched = Watched { response, part };
    ctx.emit(&watched)?;
    if exec.is_empty() {
        return Ok(());
    }
    for event in &watched.response.events {
        let kv = event.kv.clone().unwrap_or_default();
        let text = |text: String| OsString::from_vec(text.into_bytes());
        let variables = vec![
            ("ETCD_WATCH_REVISION".to_owned(), text(revision.to_string())),
            (
                "ETCD_WATCH_EVENT_TYPE".to_owned(),
                text(quote(event.r#type().as_str_name().as_bytes())),
            ),
            ("ETCD_WATCH_KEY".to_owned(), text(quote(&kv.key))),
            ("ETCD_WATCH_VALUE".to_owned(), text(quote(&kv.value))),
        ];
        if let Err(error) = child::run(exec, variables).await {
            let text = format!("command {} error ({error})", quoted(exec));
            if ctx.error_format() == Format::Json {
                return Err(CommandError::new(ErrorKind::Failed, text));
            }
            ctx.ui.note(&text);
            return Err(CommandError::already_reported(ErrorKind::Failed));
        }
    }
    Ok(())
}
