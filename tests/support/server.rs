//! Starts a server as a process, waits until it is ready, and stops it.
//!
//! Servers listen only on free ports of 127.0.0.1. Everything that was started is killed, by its process id, when the
//! value is dropped, even if the test panics.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, fs, io, thread};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tonic::transport::Channel;

use super::etcd::Release;
use super::program::{Program, scratch, self_test, wait_until};

/// What both etcd and `serve` print when they are ready.
pub const READY: &str = "ready to serve client requests";
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// Another process may take a free port before the server binds it.
const START_TRIES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// Our `etcdctl serve`.
    Serve,
    Etcd(Release),
}

/// A server before it is started.
#[derive(Clone, Debug)]
pub struct Launch {
    kind: ServerKind,
    program: PathBuf,
    flags: Vec<String>,
    env: Vec<(String, String)>,
    data: Option<PathBuf>,
    tls: bool,
}

impl Launch {
    /// Our `etcdctl serve`.
    pub fn serve() -> Self {
        if self_test() {
            let etcd = super::etcd::folder().join(format!("etcd-{}", Release::V3_7));
            return Self::etcd(etcd, Release::V3_7);
        }
        Self::new(
            ServerKind::Serve,
            PathBuf::from(env!("CARGO_BIN_EXE_etcdctl")),
        )
    }

    pub fn etcd(program: PathBuf, release: Release) -> Self {
        Self::new(ServerKind::Etcd(release), program)
    }

    fn new(kind: ServerKind, program: PathBuf) -> Self {
        Self {
            kind,
            program,
            flags: Vec::new(),
            env: Vec::new(),
            data: None,
            tls: false,
        }
    }

    pub fn kind(&self) -> ServerKind {
        self.kind
    }

    /// Adds a flag, `--name=value`.
    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    pub fn flags<'a>(mut self, flags: impl IntoIterator<Item = &'a str>) -> Self {
        self.flags.extend(flags.into_iter().map(String::from));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// With TLS for clients: etcd generates a certificate in `fixtures/client` of the data directory.
    pub fn auto_tls(self) -> Self {
        self.tls().flag("--auto-tls")
    }

    /// With TLS for clients; the flags name the certificate.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// `http` or `https`.
    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Sets the data directory; by default a new one, removed at the end.
    pub fn data_dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.data = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Starts it and waits until it is ready.
    #[track_caller]
    pub fn start(&self) -> Server {
        match self.try_start() {
            Ok(server) => server,
            Err(failed) => panic!("{failed}"),
        }
    }

    /// Starts it and waits until it is ready, or returns how it ended.
    pub fn try_start(&self) -> Result<Server, NotStarted> {
        self.start_in(&Arc::new(scratch()))
    }

    /// Starts it, kills it after this time, ready or not, and returns the path of its database.
    pub fn start_and_kill(&self, after: Duration) -> PathBuf {
        let (mut server, _) = self.spawn(&Arc::new(scratch()));
        thread::sleep(after);
        server.kill();
        server.db_file()
    }

    fn start_in(&self, dir: &Arc<TempDir>) -> Result<Server, NotStarted> {
        let mut tries = 1;
        loop {
            match self.start_once(dir) {
                Err(failed) if failed.port_taken() && tries < START_TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    fn start_once(&self, dir: &Arc<TempDir>) -> Result<Server, NotStarted> {
        let (mut server, program) = self.spawn(dir);
        server.wait_until_ready(&program)?;
        Ok(server)
    }

    fn spawn(&self, dir: &Arc<TempDir>) -> (Server, Program) {
        let data = self.data.clone().unwrap_or_else(|| dir.path().join("data"));
        let [client, peer] = free_ports();
        let url = format!("{}://127.0.0.1:{client}", self.scheme());
        let mut program = Program::new(&self.program);
        if self.kind == ServerKind::Serve {
            program = program.arg("serve");
        }
        program = program
            .arg(format!("--data-dir={}", data.display()))
            .arg(format!("--listen-client-urls={url}"))
            .arg(format!("--advertise-client-urls={url}"));
        if matches!(self.kind, ServerKind::Etcd(_)) {
            // Keep the default advertised peer URL, because the ids of member and cluster depend on it.
            program = program.arg(format!("--listen-peer-urls=http://127.0.0.1:{peer}"));
        }
        program = program.args(&self.flags);
        for (name, value) in &self.env {
            program = program.env(name, value);
        }
        // One log per start, because a restart uses the same directory.
        let log = dir.path().join(format!("log-{client}"));
        let output = File::create(&log).expect("a log file can be made");
        let child = program
            .command()
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file can be shared"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", self.program.display()));
        let server = Server {
            launch: self.clone(),
            child,
            ended: None,
            endpoint: format!("127.0.0.1:{client}"),
            data,
            log,
            dir: Arc::clone(dir),
        };
        (server, program)
    }
}

/// A server that ended before it was ready.
#[derive(Debug)]
pub struct NotStarted {
    pub what: String,
    /// `None` if it was still running when the time was up.
    pub status: Option<ExitStatus>,
    pub log: String,
}

impl NotStarted {
    fn port_taken(&self) -> bool {
        self.log
            .to_ascii_lowercase()
            .contains("address already in use")
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "`{}` ended ({status})", self.what)?,
            None => write!(f, "`{}` was not ready within {START_LIMIT:?}", self.what)?,
        }
        write!(f, "; it printed:\n{}", self.log)
    }
}

/// A server that is or was running.
#[derive(Debug)]
pub struct Server {
    launch: Launch,
    child: Child,
    ended: Option<ExitStatus>,
    endpoint: String,
    data: PathBuf,
    log: PathBuf,
    /// Contains the logs, and the data unless the test chose another directory.
    dir: Arc<TempDir>,
}

impl Server {
    fn wait_until_ready(&mut self, program: &Program) -> Result<(), NotStarted> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let ended = self.child.try_wait().expect("a child can be waited for");
            let log = self.log();
            if ended.is_none() && log.contains(READY) {
                return Ok(());
            }
            if ended.is_some() || Instant::now() >= deadline {
                self.ended = ended;
                return Err(NotStarted {
                    what: program.to_string(),
                    status: ended,
                    // Includes output between the last look and the end.
                    log: self.log(),
                });
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Puts this value under each of these keys, 100 in a transaction.
    pub fn put_all(&self, keys: impl Iterator<Item = String>, value: &str) {
        let puts: Vec<String> = keys.map(|key| format!("put {key} {value}\n")).collect();
        for puts in puts.chunks(100) {
            let txn = Program::etcdctl().arg(format!("--endpoints={}", self.endpoint()));
            let txn = txn.arg("txn").stdin(format!("\n{}\n\n", puts.concat()));
            txn.run().success();
        }
    }

    /// `127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.launch.scheme(), self.endpoint)
    }

    /// A connection for generated clients.
    pub async fn channel(&self) -> Channel {
        Channel::from_shared(self.url())
            .expect("an endpoint is a URL")
            .connect()
            .await
            .expect("a server that is ready can be reached")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// The database file of this kind of server.
    pub fn db_file(&self) -> PathBuf {
        match self.launch.kind {
            ServerKind::Serve => self.data.join("db"),
            ServerKind::Etcd(_) => self.data.join("member/snap/db"),
        }
    }

    /// Everything that it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child can be waited for");
        }
        self.ended
    }

    /// Sends SIGKILL and waits until it has ended.
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
        }
    }

    /// Sends SIGTERM and waits until it has ended; panics if it does not end.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none()
            && let Some(pid) = Pid::from_raw(self.child.id().cast_signed())
        {
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits until it has ended; panics if it does not end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        if let Some(status) = self.ended {
            return status;
        }
        let status = wait_until(&mut self.child, Instant::now() + STOP_LIMIT)
            .unwrap_or_else(|| panic!("the server did not stop; it printed:\n{}", self.log()));
        self.ended = Some(status);
        status
    }

    /// Stops it if it is running, and starts it again with the same data directory on new ports.
    #[track_caller]
    pub fn restart(mut self) -> Self {
        if self.ended().is_none() {
            self.terminate();
        }
        let launch = self.launch.clone().data_dir(&self.data);
        match launch.start_in(&self.dir) {
            Ok(server) => server,
            Err(failed) => panic!("{failed}"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("the server on {} printed:\n{}", self.endpoint, self.log());
        }
    }
}

/// Distinct ports of 127.0.0.1 that are currently unused.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port can be bound"))
        .collect();
    std::array::from_fn(|i| {
        let address: io::Result<_> = listeners[i].local_addr();
        address.expect("a bound listener has an address").port()
    })
}
