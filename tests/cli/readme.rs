//! Runs the commands in the README and compares their output with what is shown there.
//!
//! Blocks marked `console` are one shell session on a terminal, in a folder that contains only the man pages: lines
//! that start with `$ ` are typed, and the lines below them must appear on the screen (`...` matches anything; the
//! width of tables is ignored). Blocks marked `sh` are also typed, and must succeed. Building, installing and testing
//! are skipped, because this is a test.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use fancy_regex::Regex;
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

use crate::support::program::scratch;
use crate::support::server::free_ports;

/// What is typed, and what must appear; `None` means anything.
struct Typed {
    line: usize,
    command: String,
    screen: Option<String>,
}

#[test]
fn readme_is_true() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(file).expect("the README");
    let [port] = free_ports();
    let mut shell = Shell::start(port);
    let mut typed = 0;
    for step in steps(&readme) {
        let command = step.command.replace("cargo run -- ", "etcdctl ");
        if command.starts_with("cargo ") {
            continue;
        }
        let (exit, screen) = shell.type_in(&command.replace("2379", &port.to_string()));
        let screen = screen.replace(&port.to_string(), "2379");
        match step.screen {
            None => assert_eq!(exit, 0, "README.md:{}: {command}\n{screen}", step.line),
            Some(want) => assert!(
                pattern(&want)
                    .is_match(&squeeze(&screen))
                    .expect("a pattern that ends"),
                "README.md:{}: {command}\nwant:\n{want}\ngot:\n{screen}",
                step.line
            ),
        }
        typed += 1;
    }
    assert!(typed > 10, "the README has no session");
}

fn steps(readme: &str) -> Vec<Typed> {
    let mut steps: Vec<Typed> = Vec::new();
    let mut language = None;
    for (number, line) in readme.lines().enumerate() {
        if let Some(fence) = line.strip_prefix("```").or(line.strip_prefix("~~~")) {
            language = if language.is_some() {
                None
            } else {
                Some(fence)
            };
            continue;
        }
        match language {
            Some("sh") if !line.is_empty() => {
                steps.push(Typed {
                    line: number + 1,
                    command: line.to_owned(),
                    screen: None,
                });
            }
            Some("console") => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => {
                    // A server prints at any time.
                    let screen = (!command.ends_with('&')).then(String::new);
                    steps.push(Typed {
                        line: number + 1,
                        command: command.to_owned(),
                        screen,
                    });
                }
                (None, Some(Typed { command, .. })) if command.ends_with('\\') => {
                    command.push('\n');
                    command.push_str(line);
                }
                (
                    None,
                    Some(Typed {
                        screen: Some(screen),
                        ..
                    }),
                ) => {
                    screen.push_str(line);
                    screen.push('\n');
                }
                _ => panic!("README.md:{}: nothing was typed before this", number + 1),
            },
            _ => {}
        }
    }
    steps
}

fn pattern(want: &str) -> Regex {
    let mut text = String::from("^");
    for line in squeeze(want).lines() {
        if line == "..." {
            text.push_str("(?:[^\n]*\n)*?");
            continue;
        }
        let parts: Vec<_> = line.split("...").map(fancy_regex::escape).collect();
        text.push_str(&parts.join("[^\n]*"));
        text.push('\n');
    }
    Regex::new(&(text + "$")).expect("a pattern")
}

/// Replaces runs of spaces and dashes by one: the width of a table depends on its content.
fn squeeze(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !(matches!(c, ' ' | '-') && out.ends_with(c)) {
            out.push(c);
        }
    }
    out
}

/// One shell for the whole session; everything that it starts ends with it.
struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// One for each command: a server in the background keeps writing to its own.
    screens: Vec<Screen>,
    _dir: TempDir,
}

impl Shell {
    fn start(port: u16) -> Self {
        let dir = scratch();
        let work = dir.path().join("work");
        fs::create_dir(&work).expect("a folder can be made");
        // Apart from the programs, the only part of a checkout needed for installing.
        let man = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
        std::os::unix::fs::symlink(man, work.join("man")).expect("a link can be made");
        let programs = Path::new(env!("CARGO_BIN_EXE_etcdctl"))
            .parent()
            .expect("a program lies in a folder");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(programs.to_path_buf()).chain(std::env::split_paths(&path));
        let mut child = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .env_clear()
            .env(
                "PATH",
                std::env::join_paths(all).expect("paths without colons"),
            )
            .env("HOME", &work)
            .env("LANG", "C.UTF-8")
            .env("ETCDCTL_ENDPOINTS", format!("127.0.0.1:{port}"))
            .current_dir(&work)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash can be started");
        let input = child.stdin.take().expect("stdin is a pipe");
        let output = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        Self {
            child,
            input,
            output,
            screens: Vec::new(),
            _dir: dir,
        }
    }

    /// Types a command. Returns the exit code, and what appears on the screen.
    fn type_in(&mut self, command: &str) -> (i32, String) {
        let screen = Screen::new();
        let to = screen.path.display();
        writeln!(
            self.input,
            "{{ {command}\n}} </dev/null >{to} 2>&1; status=$?; printf '\\036' >{to}; echo $status"
        )
        .expect("the shell reads");
        let mut exit = String::new();
        self.output.read_line(&mut exit).expect("the shell answers");
        let text = screen.text();
        self.screens.push(screen);
        (exit.trim().parse().expect("an exit code"), text)
    }
}

/// Ends the output of a command.
const END: u8 = 0o36;

/// A terminal to which programs write.
struct Screen {
    /// Path of the side to which programs write.
    path: PathBuf,
    /// That side, kept open so that the other one does not end between two programs.
    _held: File,
    shown: Receiver<u8>,
}

impl Screen {
    fn new() -> Screen {
        let controller =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal can be made");
        grantpt(&controller).expect("it is ours");
        unlockpt(&controller).expect("it is ours");
        let name = ptsname(&controller, vec![]).expect("it has a name");
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let held = File::options()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOCTTY.bits().cast_signed())
            .open(&path)
            .expect("its other side can be opened");
        let (send, shown) = channel();
        // Ends with the terminal or with the test.
        std::thread::spawn(move || {
            for byte in BufReader::new(File::from(controller)).bytes() {
                let Ok(byte) = byte else { break };
                if send.send(byte).is_err() {
                    break;
                }
            }
        });
        Screen {
            path,
            _held: held,
            shown,
        }
    }

    /// The output up to the end of a command.
    fn text(&self) -> String {
        let bytes = self.shown.iter().take_while(|byte| *byte != END);
        // A terminal starts a new line with two characters.
        let bytes = bytes.filter(|byte| *byte != b'\r').collect();
        String::from_utf8(bytes).expect("what was printed is text")
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
