//! Runs a program to completion: arguments, environment, standard input, a time limit, and its output.
//!
//! The environment is empty at first, so that no `ETCDCTL_*` variables of the person running the tests are used.
//! Nothing runs longer than its limit.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::etcd::Release;

/// Set to check the tests themselves: etcd's own programs run instead of ours, and any failure is a fault of the test.
pub fn self_test() -> bool {
    std::env::var_os("ETCD_TEST_SELF").is_some()
}

fn under_test(name: &str, ours: &str) -> PathBuf {
    if self_test() {
        super::etcd::folder().join(format!("{name}-{}", Release::V3_7))
    } else {
        PathBuf::from(ours)
    }
}

/// Long enough for any command on a busy machine; anything longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A program and its parameters, before it starts.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
    stdin: Vec<u8>,
    time_limit: Duration,
}

impl Program {
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_path_buf(),
            args: Vec::new(),
            env: Vec::new(),
            dir: None,
            stdin: Vec::new(),
            time_limit: TIME_LIMIT,
        }
    }

    /// Our `etcdctl`.
    pub fn etcdctl() -> Self {
        Self::new(under_test("etcdctl", env!("CARGO_BIN_EXE_etcdctl")))
    }

    /// Our `etcdutl`.
    pub fn etcdutl() -> Self {
        Self::new(under_test("etcdutl", env!("CARGO_BIN_EXE_etcdutl")))
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub fn args<I>(mut self, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.args
            .extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets a variable. The only other ones are `PATH`, `HOME`, `LANG` and `TZ`.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets the working directory; by default that of the test.
    pub fn current_dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Sets the standard input; empty by default.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// The command as a standard library type, with the clean environment but without redirected streams.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    /// Runs it with pipes for all three streams.
    ///
    /// Panics if it cannot be started or exceeds its time limit.
    #[track_caller]
    pub fn run(&self) -> Finished {
        self.run_to(Stdio::piped())
    }

    /// Runs it with `stdout` as standard output, which can be a full disk or a closed pipe.
    #[track_caller]
    pub fn run_to(&self, stdout: impl Into<Stdio>) -> Finished {
        let started = Instant::now();
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", self.path.display()));
        let mut input = child.stdin.take().expect("stdin is a pipe");
        let bytes = self.stdin.clone();
        // A program that does not read all of its input closes the pipe, which is not an error.
        let feeder = thread::spawn(move || drop(input.write_all(&bytes)));
        let stdout = child.stdout.take().map(drain);
        let stderr = child.stderr.take().map(drain);
        let Some(status) = wait_until(&mut child, started + self.time_limit) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "{self} did not end within {:?}; stderr: {}",
                self.time_limit,
                String::from_utf8_lossy(&collect(stderr))
            );
        };
        let took = started.elapsed();
        let _ = feeder.join();
        Finished {
            what: self.to_string(),
            status,
            stdout: collect(stdout),
            stderr: collect(stderr),
            took,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        write!(f, "{}", name.to_string_lossy())?;
        for arg in &self.args {
            write!(f, " {}", arg.to_string_lossy())?;
        }
        Ok(())
    }
}

type Drain = thread::JoinHandle<Vec<u8>>;

fn drain(mut from: impl Read + Send + 'static) -> Drain {
    thread::spawn(move || {
        let mut all = Vec::new();
        let _ = from.read_to_end(&mut all);
        all
    })
}

fn collect(drain: Option<Drain>) -> Vec<u8> {
    drain.map_or_else(Vec::new, |d| d.join().unwrap_or_default())
}

/// Waits for `child` until `deadline`; `None` if it is still running then.
pub fn wait_until(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    what: String,
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub took: Duration,
}

impl Finished {
    /// The exit code as a shell reports it: 128 plus the signal if the program was killed.
    pub fn code(&self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        self.status
            .code()
            .or_else(|| self.status.signal().map(|s| 128 + s))
            .unwrap_or(-1)
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {self}"))
    }

    /// Asserts exit code 0.
    #[track_caller]
    pub fn success(self) -> Self {
        assert_eq!(self.code(), 0, "{self}");
        self
    }

    /// Asserts this exit code, and that standard error contains `text`.
    #[track_caller]
    pub fn failure(self, code: i32, text: &str) -> Self {
        assert_eq!(self.code(), code, "{self}");
        assert!(self.err().contains(text), "expected {text:?}: {self}");
        self
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` ended with {} after {:?}\nstdout: {}\nstderr: {}",
            self.what,
            self.code(),
            self.took,
            self.out(),
            self.err()
        )
    }
}

/// A new directory on the disk of the build, not on a memory file system, which may be small.
pub fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("test-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("a scratch directory can be made")
}

/// Opens `/dev/full`, on which every write fails for lack of space.
pub fn full_device() -> File {
    File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full is there")
}
