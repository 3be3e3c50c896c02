//! The life of a server process: it binds its addresses, opens the data directory, serves requests, and stops on a
//! signal. A failure before it is ready leaves everything unchanged.

use std::{env, io, time::Duration};

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

use super::{
    args::{Given, ServeArgs},
    log::{self, ALWAYS},
    notify::notify,
};
use crate::server::{
    config::{Config, ConfigError, is_secure},
    connection::Traffic,
    context::RequestContext,
    core::{OpenError, VERSION},
    embedded::{BoundAddress, Server, bind},
};

/// Why a server did not start, or did not stop cleanly; one line.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A flag or variable is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be bound.
    #[error("{0}")]
    Listen(io::Error),
    /// The data directory cannot be served.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be opened.
    #[error("{0}")]
    Log(io::Error),
    /// The system refused a thread or a signal handler.
    #[error("cannot start: {0}")]
    System(io::Error),
    /// Stopping took too long.
    #[error("stopped before everything was finished")]
    Unfinished,
}

/// Signals within this time of each other count as one.
const TOGETHER: Duration = Duration::from_secs(1);

/// Maximum time from a signal to the end of the process.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Runs a server until SIGTERM or SIGINT. Returns that signal. Creates its own threads and blocks the caller.
///
/// # Errors
/// The server could not start, and nothing was changed.
pub fn serve(args: &ServeArgs) -> Result<Signal, ServeError> {
    let given = args.read(env::vars_os())?;
    let log = log::subscriber(&given.config).map_err(ServeError::Log)?;
    keep_freed_memory();
    // If the process already has a subscriber, it is kept.
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

/// The allocator keeps freed blocks smaller than this many bytes instead of returning them to the system, which would
/// cost page faults for every larger response.
const KEPT_BELOW: usize = 4 << 20;

/// glibc's malloc raises its limits to the size of the largest freed block (mallopt(3), "dynamic mmap threshold"); with
/// another allocator this has no effect. The block is never touched.
fn keep_freed_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT_BELOW)));
}

fn run(given: Given) -> Result<Signal, ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("server")
        .build()
        .map_err(ServeError::System)?;
    let ended = runtime.block_on(run_server(given));
    // A disk that does not respond must not keep the process alive.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn start(config: Config) -> Result<Server, OpenError> {
    if config.snapshot.is_some() {
        Server::start_read_only(config).await
    } else {
        Server::start(config).await
    }
}

async fn run_server(given: Given) -> Result<Signal, ServeError> {
    let mut signals = Signals::new().map_err(ServeError::System)?;
    log_settings(&given);
    let config = given.config;
    let bound = bind_all(&config).await?;
    log_start(&config);
    let server = tokio::select! {
        started = start(config.clone()) => started?,
        signal = signals.next() => {
            tracing::info!(signal = name(signal), "stopped before it was ready");
            return Ok(signal);
        }
    };
    for (listener, traffic) in bound {
        log_listener(&config, &server.accept_on(listener), traffic);
    }
    tracing::info!(target: ALWAYS, "ready to serve client requests");
    tell_systemd("READY=1");
    let signal = tokio::select! {
        signal = signals.next() => signal,
        never = feed_watchdog(&server) => match never {},
    };
    tracing::info!(signal = name(signal), "received signal; shutting down");
    tell_systemd("STOPPING=1");
    tokio::select! {
        stopped = tokio::time::timeout(STOP_LIMIT, server.shutdown()) => {
            stopped.map_err(|_| ServeError::Unfinished)?;
        }
        second = signals.next_distinct() => {
            tracing::warn!(signal = name(second), "received a second signal; ending at once");
            return Err(ServeError::Unfinished);
        }
    }
    tracing::info!("closed the data directory");
    Ok(signal)
}

/// Logs warnings about flags, variables and the configuration file.
fn log_settings(given: &Given) {
    for variable in &given.shadowed_variables {
        tracing::warn!(%variable, "environment variable is shadowed by its flag");
    }
    for variable in &given.unknown_variables {
        tracing::warn!(%variable, "unrecognized environment variable");
    }
    if let Some(path) = &given.config_file {
        tracing::info!(
            %path,
            "loaded server configuration, other configuration command line flags and environment variables will be \
             ignored if provided"
        );
    }
    for key in &given.unknown_keys {
        tracing::warn!(%key, "unrecognized key in the configuration file");
    }
    for warning in &given.config.warnings {
        tracing::warn!("{warning}");
    }
    if given.config.name == "default" {
        tracing::warn!(
            name = "default",
            "it isn't recommended to use default name, please set a value for --name. Note that etcd might run into \
             issue when multiple members have the same default name"
        );
    }
}

/// Binds all addresses before anything else is done.
async fn bind_all(config: &Config) -> Result<Vec<(BoundAddress, Traffic)>, ServeError> {
    let clients = if config.listen_client_http_urls.is_empty() {
        Traffic::Both
    } else {
        Traffic::Grpc
    };
    let mut bound: Vec<(BoundAddress, Traffic)> = Vec::new();
    for (urls, traffic) in [
        (&config.listen_client_urls, clients),
        (&config.listen_client_http_urls, Traffic::Http),
        (&config.listen_metrics_urls, Traffic::Metrics),
    ] {
        for url in urls {
            if bound
                .iter_mut()
                .any(|(other, _)| other.takes_also(url, traffic))
            {
                continue;
            }
            let listener = bind(url, config, traffic).await;
            bound.push((listener.map_err(ServeError::Listen)?, traffic));
        }
    }
    Ok(bound)
}

fn log_start(config: &Config) {
    tracing::info!(
        etcd_version = VERSION,
        program_version = env!("CARGO_PKG_VERSION"),
        name = %config.name,
        data_dir = %config.data_dir.display(),
        advertise_client_urls = %config.client_urls().join(","),
        listen_client_urls = %config.listen_client_urls.join(","),
        listen_metrics_urls = %config.listen_metrics_urls.join(","),
        quota_backend_bytes = config.quota_backend_bytes,
        max_request_bytes = config.max_request_bytes,
        max_concurrent_streams = config.max_concurrent_streams,
        auto_compaction = %config.auto_compaction,
        snapshot_catchup_entries = config.cluster.snapshot_catchup_entries,
        max_learners = config.cluster.max_learners,
        v2_deprecation = "write-only",
        "starting an etcd server"
    );
    let urls = (config.listen_client_urls.iter()).chain(&config.listen_client_http_urls);
    for url in urls.filter(|url| !is_secure(url)) {
        if config.tls.is_given() {
            tracing::warn!(
                client_url = %url,
                "scheme is http or unix while key and cert files are present; ignoring key and cert files"
            );
        }
        if config.tls.client_cert_auth {
            tracing::warn!(
                client_url = %url,
                "scheme is http or unix while --client-cert-auth is enabled; ignoring client cert auth for this URL"
            );
        }
    }
}

fn log_listener(config: &Config, endpoint: &str, traffic: Traffic) {
    let address = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    let traffic_name = traffic.name();
    if traffic == Traffic::Metrics {
        tracing::info!(address, "serving metrics");
    } else if is_secure(endpoint) {
        tracing::info!(
            traffic = traffic_name,
            address,
            client_cert_auth = config.tls.client_cert_auth || config.tls.trusted_ca_file.is_some(),
            "serving client traffic securely"
        );
    } else if endpoint.starts_with("unix:") {
        // The file system determines who can connect to a Unix socket.
        tracing::info!(
            traffic = traffic_name,
            address,
            "serving client traffic on a unix socket"
        );
    } else {
        tracing::info!(
            traffic = traffic_name,
            address,
            "serving client traffic insecurely; this is strongly discouraged!"
        );
    }
}

fn tell_systemd(state: &str) {
    if let Some(socket) = env::var_os("NOTIFY_SOCKET").filter(|s| !s.is_empty())
        && let Err(e) = notify(&socket, state)
    {
        tracing::warn!(error = %e, "failed to notify systemd");
    }
}

/// Notifies systemd's watchdog (`WatchdogSec=`, sd_watchdog_enabled(3)) twice per interval, as long as the store
/// responds.
async fn feed_watchdog(server: &Server) -> std::convert::Infallible {
    let Some(interval) = watchdog_interval() else {
        return std::future::pending().await;
    };
    let mut ticks = tokio::time::interval((interval / 2).max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        let context = RequestContext::in_process();
        if server.core().status(&context).await.is_ok() {
            tell_systemd("WATCHDOG=1");
        }
    }
}

fn watchdog_interval() -> Option<Duration> {
    if let Some(pid) = env::var_os("WATCHDOG_PID") {
        let for_this_process = pid.to_str()?.parse() == Ok(std::process::id());
        if !for_this_process {
            return None;
        }
    }
    let microseconds: u64 = env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    (microseconds > 0).then(|| Duration::from_micros(microseconds))
}

/// The name that Go uses in etcd's log.
fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::INT => "interrupt",
        _ => "terminated",
    }
}

struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
        })
    }

    /// The next signal, ignoring those that arrive together with the previous one: `timeout` and terminals signal both
    /// a process and its group.
    async fn next_distinct(&mut self) -> Signal {
        let since = tokio::time::Instant::now();
        loop {
            let signal = self.next().await;
            if since.elapsed() >= TOGETHER {
                return signal;
            }
        }
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.interrupt.recv() => Signal::INT,
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
        assert_eq!(signals.next().await, Signal::TERM);
        kill();
        let again = signals.next_distinct();
        let soon = tokio::time::timeout(TOGETHER / 4, again).await;
        assert!(soon.is_err(), "{soon:?}");
    }
}
