//! A running tool: on pipes or on its own terminal, with input that arrives later, text to wait for, and a signal to
//! end it. Knows nothing of the expected results.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use fancy_regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::scenario::{Step, Until};
use crate::support::program::{Program, wait_until};

/// Long enough for any step on a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The output so far.
#[derive(Default)]
struct Printed {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// A running tool. It is killed when this is dropped.
pub struct Live {
    child: Child,
    input: Option<Box<dyn Write + Send>>,
    printed: Arc<(Mutex<Printed>, Condvar)>,
    readers: Vec<std::thread::JoinHandle<()>>,
    terminal: Option<File>,
}

/// How a tool ended.
pub struct Ended {
    /// As a shell reports it.
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// The awaited text that did not appear.
    pub missed: Option<String>,
}

impl Live {
    /// Starts `program` according to `step`.
    #[track_caller]
    pub fn start(program: &Program, step: &Step, stdin: Vec<u8>) -> Live {
        let mut live = if step.tty {
            Live::on_a_terminal(program)
        } else {
            Live::on_pipes(program)
        };
        if let Some(input) = &mut live.input {
            // A tool that does not read closes its side.
            let _ = input.write_all(&stdin).and_then(|()| input.flush());
        }
        if !step.tty && !step.stdin_open {
            live.input = None;
        }
        live
    }

    fn on_pipes(program: &Program) -> Live {
        let mut command = program.command();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("our own program starts");
        let input = child
            .stdin
            .take()
            .map(|i| Box::new(i) as Box<dyn Write + Send>);
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let printed = Arc::default();
        let readers = vec![
            gather(stdout, Arc::clone(&printed), |p| &mut p.stdout),
            gather(stderr, Arc::clone(&printed), |p| &mut p.stderr),
        ];
        Live {
            child,
            input,
            printed,
            readers,
            terminal: None,
        }
    }

    fn on_a_terminal(program: &Program) -> Live {
        let controller =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal can be made");
        grantpt(&controller).expect("it is ours");
        unlockpt(&controller).expect("it is ours");
        let name = ptsname(&controller, vec![]).expect("it has a name");
        let side = || -> OwnedFd {
            let path = std::ffi::OsStr::from_bytes(name.as_bytes());
            let file = File::options().read(true).write(true).open(path);
            file.expect("its other side can be opened").into()
        };
        let mut command = program.command();
        command.stdin(side()).stdout(side()).stderr(side());
        let child = command.spawn().expect("our own program starts");
        let keyboard = File::from(controller);
        let screen = keyboard.try_clone().expect("a descriptor more");
        let terminal = keyboard.try_clone().expect("a descriptor more");
        let printed = Arc::default();
        let readers = vec![gather(screen, Arc::clone(&printed), |p| &mut p.stdout)];
        Live {
            child,
            input: Some(Box::new(keyboard)),
            printed,
            readers,
            terminal: Some(terminal),
        }
    }

    /// Waits until `holds` is true for the output. Returns whether that happened in time.
    fn wait_for(&self, holds: impl Fn(&Printed) -> bool) -> bool {
        let (printed, changed) = &*self.printed;
        let printed = printed.lock().expect("no reader panics");
        let waiting = changed.wait_timeout_while(printed, TIME_LIMIT, |p| !holds(p));
        !waiting.expect("no reader panics").1.timed_out()
    }

    /// Waits according to `until` and `settle_ms`. Returns what did not appear.
    pub fn until(&self, step: &Step) -> Option<String> {
        let came = match &step.until {
            None => true,
            Some(Until::Lines { lines }) => {
                self.wait_for(|p| p.stdout.iter().filter(|b| **b == b'\n').count() >= *lines)
            }
            Some(Until::Stdout { stdout }) => self.wait_for(|p| found(stdout, &p.stdout)),
            Some(Until::Stderr { stderr }) => self.wait_for(|p| found(stderr, &p.stderr)),
        };
        // The recording says how long to wait for something that must not appear.
        std::thread::sleep(Duration::from_millis(step.settle_ms.unwrap_or(0)));
        (!came).then(|| format!("  what it was waited for did not come: {:?}\n", step.until))
    }

    /// Waits until the terminal does not echo what is typed. etcdctl prints the prompt for a password before it turns the
    /// echo off.
    fn wait_until_silent(&self) {
        let deadline = Instant::now() + TIME_LIMIT;
        let echoes = |terminal: &File| {
            tcgetattr(terminal).is_ok_and(|modes| modes.local_modes.contains(LocalModes::ECHO))
        };
        while self.terminal.as_ref().is_some_and(echoes) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn send(&mut self, text: &str) {
        if let Some(input) = &mut self.input {
            let _ = input
                .write_all(text.as_bytes())
                .and_then(|()| input.flush());
        }
    }

    /// Answers its prompts, waits, sends the rest of its input and the signal, and waits until it ends.
    #[track_caller]
    pub fn complete(mut self, step: &Step) -> Ended {
        let mut seen = 0;
        for (prompt, answer) in &step.answers {
            let pattern = Regex::new(prompt).expect("a pattern");
            let end = |p: &Printed| {
                let text = String::from_utf8_lossy(&p.stdout).into_owned();
                let hit = pattern.find_from_pos(&text, seen).ok().flatten();
                hit.map(|hit| hit.end())
            };
            if !self.wait_for(|p| end(p).is_some()) {
                break;
            }
            let is_password = {
                let printed = self.printed.0.lock().expect("no reader panics");
                seen = end(&printed).unwrap_or(seen);
                // The pattern may be only a part of the prompt.
                let last_line = printed.stdout.rsplit(|byte| *byte == b'\n').next();
                String::from_utf8_lossy(last_line.unwrap_or_default())
                    .to_ascii_lowercase()
                    .contains("password")
            };
            if is_password {
                self.wait_until_silent();
            }
            self.send(answer);
        }
        let missed = self.until(step);
        for (after, text) in &step.stdin_later {
            std::thread::sleep(Duration::from_millis(*after));
            self.send(text);
        }
        std::thread::sleep(Duration::from_millis(step.close_after_ms.unwrap_or(0)));
        if step.close_stdin {
            self.input = None;
        }
        if let Some(signal) = &step.signal {
            let signal = match signal.as_str() {
                "INT" => Signal::INT,
                "TERM" => Signal::TERM,
                other => panic!("which signal is {other}?"),
            };
            let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a child has an id");
            kill_process(pid, signal).expect("a child can be signalled");
        }
        let limit = step.kill_after_ms.map_or(TIME_LIMIT, Duration::from_millis);
        let status = wait_until(&mut self.child, Instant::now() + limit);
        let code = match status {
            Some(status) => status.code().or(status.signal().map(|s| 128 + s)),
            None => {
                let _ = self.child.kill();
                let _ = self.child.wait();
                Some(137)
            }
        };
        self.input = None;
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        let mut printed = self.printed.0.lock().expect("no reader panics");
        let mut stdout = std::mem::take(&mut printed.stdout);
        if self.terminal.is_some() {
            let text = String::from_utf8_lossy(&stdout).replace("\r\n", "\n");
            stdout = text.into_bytes();
        }
        Ended {
            code: code.unwrap_or(-1),
            stdout,
            stderr: std::mem::take(&mut printed.stderr),
            missed,
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn found(pattern: &str, bytes: &[u8]) -> bool {
    let pattern = Regex::new(pattern).expect("a pattern");
    pattern
        .is_match(&String::from_utf8_lossy(bytes))
        .unwrap_or(false)
}

fn gather(
    mut from: impl Read + Send + 'static,
    printed: Arc<(Mutex<Printed>, Condvar)>,
    which: fn(&mut Printed) -> &mut Vec<u8>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut some = [0; 4096];
        // The end of a terminal is reported as an error.
        while let Ok(n @ 1..) = from.read(&mut some) {
            let (all, changed) = &*printed;
            let mut all = all.lock().expect("no reader panics");
            which(&mut all).extend_from_slice(&some[..n]);
            changed.notify_all();
        }
    })
}
