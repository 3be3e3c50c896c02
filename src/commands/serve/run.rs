//! A server's life as a process: addresses are taken, then the data directory, then requests; a
//! signal ends it. Whatever fails before it is ready leaves everything as it was.

use std::{env, io, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    args::{Given, ServeArgs},
    log::{ALWAYS, Log},
    notify::notify,
};
use crate::server::{
    config::ConfigError,
    core::OpenError,
    embedded::{Server, bind},
};

/// Why a server did not start, or did not end well: one line.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A flag or a variable that can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address that can't be listened on.
    #[error("{0}")]
    Listen(io::Error),
    /// The data directory can't be served.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The system refuses threads or signals.
    #[error("cannot start: {0}")]
    System(io::Error),
    /// It was told to stop and took too long.
    #[error("stopped before everything was finished")]
    Unfinished,
}

/// Signals that come within so long count as one.
const TOGETHER: Duration = Duration::from_secs(1);

/// Longest time from a signal to the end.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Runs a server until SIGTERM or SIGINT. Brings its own threads, so that it may be called from
/// anywhere; it blocks.
///
/// # Errors
/// It could not start; nothing was changed then.
pub fn serve(args: &ServeArgs) -> Result<(), ServeError> {
    let given = args.read(env::vars_os())?;
    let log = Log::new(given.config.log_level, given.config.log_format);
    keep_freed_memory();
    // A process that has a subscriber already keeps it.
    let _ = tracing::subscriber::set_global_default(log);
    std::thread::scope(|scope| {
        let server = std::thread::Builder::new()
            .name("serve".into())
            .spawn_scoped(scope, || run(given));
        match server.map_err(ServeError::System)?.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Bytes below which the allocator takes memory from what it has kept, rather than asking the system
/// for fresh pages and giving them back each time, as it would for every answer of some size.
const KEPT_BELOW: usize = 4 << 20;

/// glibc's malloc raises its limits to the size of the largest block that was freed (mallopt(3),
/// "dynamic mmap threshold"); to another allocator this does nothing. The block is never touched.
fn keep_freed_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT_BELOW)));
}

fn run(given: Given) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("server")
        .build()
        .map_err(ServeError::System)?;
    let ended = runtime.block_on(life(given));
    // A disk that does not answer must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn life(given: Given) -> Result<(), ServeError> {
    let mut signals = Signals::new().map_err(ServeError::System)?;
    for variable in &given.shadowed_variables {
        tracing::warn!(%variable, "environment variable is shadowed by its flag");
    }
    for variable in &given.unknown_variables {
        tracing::warn!(%variable, "unrecognized environment variable");
    }
    let config = given.config;
    let mut bound = Vec::new();
    for url in &config.listen_client_urls {
        bound.push(bind(url).await.map_err(ServeError::Listen)?);
    }
    tracing::info!(
        name = %config.name,
        data_dir = %config.data_dir.display(),
        quota_backend_bytes = config.quota_backend_bytes,
        auto_compaction = ?config.auto_compaction,
        "starting server"
    );
    let server = tokio::select! {
        started = Server::start(config) => started?,
        name = signals.next() => {
            tracing::info!(signal = name, "stopped before it was ready");
            return Ok(());
        }
    };
    for listener in bound {
        let endpoint = server.accept_on(listener);
        tracing::info!(address = %endpoint, "serving client traffic insecurely; this is strongly discouraged!");
    }
    tracing::info!(target: ALWAYS, "ready to serve client requests");
    tell_systemd("READY=1");
    let name = signals.next().await;
    tracing::info!(signal = name, "received signal; shutting down");
    tell_systemd("STOPPING=1");
    tokio::select! {
        stopped = tokio::time::timeout(STOP_LIMIT, server.shutdown()) => {
            stopped.map_err(|_| ServeError::Unfinished)?;
        }
        name = signals.next_of_an_impatient_one() => {
            tracing::warn!(signal = name, "received a second signal; ending at once");
            return Err(ServeError::Unfinished);
        }
    }
    tracing::info!("closed the data directory");
    Ok(())
}

fn tell_systemd(state: &str) {
    if let Some(socket) = env::var_os("NOTIFY_SOCKET").filter(|s| !s.is_empty())
        && let Err(e) = notify(&socket, state)
    {
        tracing::warn!(error = %e, "failed to notify systemd");
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next signal but for those that come together with the one before: `timeout` and terminals signal a process
    /// and its group.
    async fn next_of_an_impatient_one(&mut self) -> &'static str {
        let since = tokio::time::Instant::now();
        loop {
            let name = self.next().await;
            if since.elapsed() >= TOGETHER {
                return name;
            }
        }
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "terminated",
            _ = self.interrupt.recv() => "interrupt",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn signals_that_come_together_count_as_one() {
        let me = rustix::process::getpid();
        let kill = || rustix::process::kill_process(me, rustix::process::Signal::TERM).unwrap();
        let mut signals = Signals::new().unwrap();
        kill();
        assert_eq!(signals.next().await, "terminated");
        kill();
        let again = signals.next_of_an_impatient_one();
        let soon = tokio::time::timeout(TOGETHER / 4, again).await;
        assert!(soon.is_err(), "{soon:?}");
    }
}
