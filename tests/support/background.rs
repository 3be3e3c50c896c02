//! A program that runs in the background: a test can wait for its output, and end it by a signal.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::program::{Program, wait_until};

/// Long enough for any wait of a test on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A running program. It is killed when this is dropped.
pub struct Background {
    what: String,
    child: Child,
    printed: Arc<(Mutex<Printed>, Condvar)>,
}

#[derive(Default)]
struct Printed {
    out: String,
    err: String,
    /// Number of output streams that have ended.
    ended: usize,
}

impl Background {
    /// Starts the program with empty standard input.
    #[track_caller]
    pub fn start(program: &Program) -> Background {
        let mut child = program
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let printed = Arc::<(Mutex<Printed>, Condvar)>::default();
        let out = child.stdout.take().expect("stdout is a pipe");
        let err = child.stderr.take().expect("stderr is a pipe");
        collect(out, &printed, |p| &mut p.out);
        collect(err, &printed, |p| &mut p.err);
        Background {
            what: program.to_string(),
            child,
            printed,
        }
    }

    /// Waits until its output on stdout satisfies `enough`.
    #[track_caller]
    pub fn wait_for(&self, what: &str, enough: impl Fn(&str) -> bool) {
        self.wait_for_printed(what, |printed| enough(&printed.out));
    }

    /// Waits until stderr contains `text`.
    #[track_caller]
    pub fn wait_for_error(&self, text: &str) {
        self.wait_for_printed(text, |printed| printed.err.contains(text));
    }

    #[track_caller]
    fn wait_for_printed(&self, what: &str, enough: impl Fn(&Printed) -> bool) {
        let deadline = Instant::now() + LIMIT;
        let (lock, changed) = &*self.printed;
        let mut printed = lock.lock().expect("no panic");
        while !enough(&printed) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && printed.ended < 2,
                "{}: no {what}; stdout: {:?}, stderr: {:?}",
                self.what,
                printed.out,
                printed.err
            );
            printed = changed.wait_timeout(printed, left).expect("no panic").0;
        }
    }

    /// Waits until stdout contains `text`.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) {
        self.wait_for(text, |out| out.contains(text));
    }

    /// Its output on stdout so far.
    pub fn out(&self) -> String {
        self.printed.0.lock().expect("no panic").out.clone()
    }

    /// Whether it has closed its output, which it does when it ends.
    pub fn ended(&self) -> bool {
        self.printed.0.lock().expect("no panic").ended == 2
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits until it ends. Returns the exit code as a shell reports it, stdout and stderr.
    #[track_caller]
    pub fn end(mut self) -> (i32, String, String) {
        use std::os::unix::process::ExitStatusExt;
        let status = wait_until(&mut self.child, Instant::now() + LIMIT);
        let status = status.unwrap_or_else(|| panic!("{} does not end", self.what));
        let (lock, changed) = &*self.printed;
        let printed = lock.lock().expect("no panic");
        let printed = changed.wait_while(printed, |p| p.ended < 2);
        let printed = printed.expect("no panic");
        let code = status.code().or(status.signal().map(|s| 128 + s));
        (code.unwrap_or(-1), printed.out.clone(), printed.err.clone())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(
    from: impl Read + Send + 'static,
    printed: &Arc<(Mutex<Printed>, Condvar)>,
    into: fn(&mut Printed) -> &mut String,
) {
    let printed = Arc::clone(printed);
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut some = vec![];
        while let Ok(1..) = from.read_until(b'\n', &mut some) {
            let text = String::from_utf8_lossy(&some).into_owned();
            into(&mut printed.0.lock().expect("no panic")).push_str(&text);
            printed.1.notify_all();
            some.clear();
        }
        printed.0.lock().expect("no panic").ended += 1;
        printed.1.notify_all();
    });
}
