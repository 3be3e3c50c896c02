//! The programs on a terminal: one with 0 x 0 cells and without `TERM`, as created by scripts; and one used by a
//! person.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::program::{Program, scratch, wait_until};

/// A program running on a terminal.
pub struct Session {
    child: Child,
    keyboard: File,
    screen: std::sync::mpsc::Receiver<Vec<u8>>,
    shown: String,
}

impl Session {
    /// Starts `program` with a terminal of `columns` for all three streams, on which `typed` has already been typed.
    #[track_caller]
    pub fn start(program: &Program, columns: u16, typed: &str) -> Session {
        let controller =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal can be made");
        grantpt(&controller).expect("it is ours");
        unlockpt(&controller).expect("it is ours");
        if columns > 0 {
            let mut size = rustix::termios::tcgetwinsize(&controller).expect("it has a size");
            (size.ws_col, size.ws_row) = (columns, 24);
            rustix::termios::tcsetwinsize(&controller, size).expect("it takes a size");
        }
        let name = ptsname(&controller, vec![]).expect("it has a name");
        let side = || -> OwnedFd {
            File::options()
                .read(true)
                .write(true)
                .open(Path::new(std::ffi::OsStr::from_bytes(name.as_bytes())))
                .expect("its other side can be opened")
                .into()
        };
        let mut keyboard = File::from(controller);
        let held = side();
        keyboard
            .write_all(typed.as_bytes())
            .expect("it can be typed on");
        let child = program
            .command()
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .expect("our own program starts");
        drop(held);
        let mut reader = keyboard.try_clone().expect("a descriptor more");
        let (send, screen) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut some = [0; 4096];
            // The end of a terminal is reported as an error.
            while let Ok(n @ 1..) = reader.read(&mut some) {
                let _ = send.send(some[..n].to_vec());
            }
        });
        Session {
            child,
            keyboard,
            screen,
            shown: String::new(),
        }
    }

    /// Waits until the terminal shows `text`.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.shown.contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(some) => self.shown += &String::from_utf8_lossy(&some),
                Err(_) => panic!("not shown: {text}; but {:?}", self.shown),
            }
        }
    }

    /// Types `text`.
    #[track_caller]
    pub fn type_in(&mut self, text: &str) {
        self.keyboard
            .write_all(text.as_bytes())
            .expect("it can be typed on");
    }

    /// Whether the terminal shows `text` by now.
    fn shows(&mut self, text: &str) -> bool {
        for some in self.screen.try_iter() {
            self.shown += &String::from_utf8_lossy(&some);
        }
        self.shown.contains(text)
    }

    /// The exit code, and everything that the terminal has shown.
    #[track_caller]
    pub fn end(mut self) -> (Option<i32>, String) {
        let Some(status) = wait_until(&mut self.child, Instant::now() + Duration::from_secs(60))
        else {
            let _ = self.child.kill();
            let _ = self.child.wait();
            panic!("it does not end");
        };
        for some in self.screen.iter() {
            self.shown += &String::from_utf8_lossy(&some);
        }
        (status.code(), self.shown.replace("\r\n", "\n"))
    }
}

/// Runs `program` on a terminal with 0 x 0 cells, on which `typed` was typed before it started. Returns the exit code
/// and what the terminal shows.
#[track_caller]
fn at_a_terminal(program: &Program, typed: &str) -> (Option<i32>, String) {
    Session::start(program, 0, typed).end()
}

fn embedded(dir: &Path) -> Program {
    Program::etcdctl().arg(format!("--endpoints=embedded:{}", dir.join("d").display()))
}

#[test]
fn typeahead_is_read_and_prompts_come_in_order() {
    let dir = scratch();
    embedded(dir.path())
        .args(["put", "k", "old"])
        .run()
        .success();
    let (code, shown) = at_a_terminal(
        &embedded(dir.path()).args(["txn", "-i"]),
        "value(\"k\") = \"old\"\n\nput k new\nget k\n\nget k\n\n",
    );
    let answer = "compares:\nsuccess requests (get, put, del):\nfailure requests (get, put, del):\nSUCCESS\n\nOK\n\nk\nnew\n";
    assert!(shown.ends_with(answer), "{shown}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_password_is_asked_for_and_read() {
    let dir = scratch();
    embedded(dir.path()).args(["put", "k", "v"]).run().success();
    let (code, shown) = at_a_terminal(
        &embedded(dir.path()).args(["--user=u", "get", "k"]),
        "secret\n",
    );
    assert!(shown.ends_with("Password: \nk\nv\n"), "{shown}");
    assert_eq!(code, Some(0));
}

#[test]
fn after_a_snapshot_its_status_is_shown_to_a_person() {
    let dir = scratch();
    let file = dir.path().join("backup.db");
    embedded(dir.path()).args(["put", "k", "v"]).run().success();
    let save = || embedded(dir.path()).args(["snapshot", "save"]).arg(&file);
    let (code, shown) = at_a_terminal(&save(), "");
    assert_eq!(code, Some(0), "{shown}");
    let table = Program::etcdctl()
        .args(["snapshot", "status", "--write-out=table"])
        .arg(&file)
        .run()
        .success()
        .out();
    assert!(shown.ends_with(&table), "{shown}");
    // A JSON reply is alone on its line.
    let (_, shown) = at_a_terminal(&save().arg("--write-out=json"), "");
    assert_eq!(shown.lines().count(), 1, "{shown}");
    assert!(shown.starts_with("{\"path\":"), "{shown}");
}

#[test]
fn nothing_is_coloured_and_nothing_is_left_of_progress() {
    let dir = scratch();
    embedded(dir.path()).args(["put", "k", "v"]).run().success();
    for args in [
        &["defrag"][..],
        &["endpoint", "status"],
        &["get", "k", "--nope"],
        &["--help"],
    ] {
        let program = embedded(dir.path()).env("TERM", "xterm").args(args);
        let (_, shown) = at_a_terminal(&program, "");
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }
}

#[test]
fn help_fits_the_terminal() {
    for args in [
        &["--help"][..],
        &["serve", "--help"],
        &["help", "serve"],
        &["options"],
        &["help", "endpoint", "status"],
    ] {
        for columns in [40, 80] {
            let program = Program::etcdctl().args(args);
            let (code, shown) = Session::start(&program, columns, "").end();
            assert_eq!(code, Some(0), "{args:?}");
            // Single words are not broken.
            let wide = |line: &&str| {
                let words = line.trim_end_matches(" \\").trim();
                words.contains(' ') && line.len() > columns.into()
            };
            assert_eq!(shown.lines().find(wide), None, "{args:?}");
        }
    }
}

/// A slow proxy for `server`, which passes 16 KiB of responses at a time.
fn slow_way(server: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
    let address = listener.local_addr().expect("it has an address");
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(&server).expect("the server is there");
            let (mut up, mut down) = (
                (
                    client.try_clone().expect("a clone"),
                    server.try_clone().expect("a clone"),
                ),
                (server, client),
            );
            std::thread::spawn(move || std::io::copy(&mut up.0, &mut up.1));
            std::thread::spawn(move || {
                let mut some = [0; 16 << 10];
                while let Ok(n @ 1..) = down.0.read(&mut some)
                    && down.1.write_all(&some[..n]).is_ok()
                {
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
    });
    address.to_string()
}

#[test]
fn progress_keeps_to_one_line_and_an_interrupt_leaves_nothing_of_it() {
    let server = crate::support::server::Launch::serve().start();
    for key in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        Program::etcdctl()
            .arg(format!("--endpoints={}", server.endpoint()))
            .args(["put", key])
            .stdin(vec![b'v'; 1_000_000])
            .run()
            .success();
    }
    let way = slow_way(server.endpoint().to_owned());
    let dir = scratch();
    for (columns, text) in [(20, "% "), (80, "] ")] {
        let program = Program::etcdctl()
            .env("TERM", "xterm")
            .arg(format!("--endpoints={way}"))
            .args(["snapshot", "save"])
            .arg(dir.path().join("backup.db"));
        let mut session = Session::start(&program, columns, "");
        session.wait_for(text);
        // The terminal echoes the key and sends the signal.
        session.keyboard.write_all(b"\x03").expect("it is typed");
        session.wait_for("^C");
        let pid = Pid::from_raw(session.child.id().cast_signed()).expect("a child has an id");
        kill_process(pid, Signal::INT).expect("a child can be signalled");
        let (code, shown) = session.end();
        assert_eq!(code, None, "it dies of the signal");
        let (before, after) = shown.rsplit_once("\r\x1b[2K").expect("it is erased");
        assert!(
            after.starts_with("Error: context canceled\nhint: interrupted"),
            "{after:?}"
        );
        // It fits on one line: a second one would not be erased.
        for line in before.split("\r\x1b[2K") {
            let line = line.replace('\x1b', "?");
            assert!(line.len() < usize::from(columns), "{line:?}");
        }
        assert_eq!(
            std::fs::read_dir(dir.path()).expect("it is there").count(),
            0
        );
    }
}

#[test]
fn a_signal_at_a_password_prompt_restores_the_terminal() {
    use rustix::termios::{LocalModes, tcgetattr};
    let dir = scratch();
    embedded(dir.path()).args(["put", "k", "v"]).run().success();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let program = embedded(dir.path()).args(["--user=u", "get", "k"]);
        let mut session = Session::start(&program, 0, "");
        session.wait_for("Password: ");
        let terminal = session.keyboard.try_clone().expect("a descriptor more");
        let echoes = || {
            let modes = tcgetattr(&terminal).expect("it is a terminal").local_modes;
            modes.contains(LocalModes::ECHO)
        };
        assert!(!echoes(), "what is typed is not shown");
        let pid = Pid::from_raw(session.child.id().cast_signed()).expect("a child has an id");
        kill_process(pid, signal).expect("a child can be signalled");
        let (code, shown) = session.end();
        assert_eq!(code, Some(255), "{shown}");
        assert!(
            echoes(),
            "{signal:?}: the terminal shows again what is typed"
        );
    }
}

/// Ctrl-C is typed at the controlling terminal of the program, so that the terminal generates the signal.
#[test]
fn an_interrupt_releases_what_is_held_and_prints_nothing() {
    let [server, copy] = [0, 1].map(|_| crate::support::server::Launch::serve().start());
    let etcdctl = |args: &[&str]| {
        let endpoint = format!("--endpoints={}", server.endpoint());
        Program::etcdctl().arg(endpoint).args(args)
    };
    let granted = etcdctl(&["lease", "grant", "600"]).run().success().out();
    let lease = granted.split(' ').nth(1).expect("an id");
    let queue = crate::support::background::Background::start(&etcdctl(&["lock", "taken"]));
    queue.wait_for_text("taken/");
    let keys = || {
        let keys = etcdctl(&["get", "", "--prefix", "--keys-only"]);
        keys.run().success().out()
    };
    let at_rest = keys();
    let mirror = ["make-mirror", copy.endpoint()];
    // The text that each command shows once it is running, and its exit code: commands that hold something release it and
    // succeed; the others die of the signal.
    let cases: [(&[&str], &str, Option<i32>); 7] = [
        (&["lock", "l"], "l/", Some(0)),
        (&["lock", "taken"], "", Some(1)),
        (&["elect", "e", "me"], "me\r\n", Some(0)),
        (&["elect", "-l", "e"], "", Some(0)),
        (&["watch", "w"], "w\r\n", None),
        (&["lease", "keep-alive", lease], "keepalived", None),
        (&mirror, "", None),
    ];
    for (args, text, code) in cases {
        let program = etcdctl(args);
        let command = program.command();
        let program = Program::new("setsid")
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args());
        let mut session = Session::start(&program, 0, "");
        match args[0] {
            "watch" => {
                while !session.shows(text) {
                    etcdctl(&["put", "w", "v"]).run().success();
                }
            }
            "make-mirror" => {
                let copied = || {
                    let endpoint = format!("--endpoints={}", copy.endpoint());
                    let get = Program::etcdctl().arg(endpoint).args(["get", "w"]);
                    get.run().success().out()
                };
                while copied().is_empty() {}
            }
            // The command is waiting for the lock once its key exists.
            "lock" if text.is_empty() => while keys() == at_rest {},
            // The command prints nothing, so wait for its connection.
            "elect" if text.is_empty() => {
                while !session.shows("you") {
                    let vote = etcdctl(&["elect", "e", "you"]);
                    let vote = crate::support::background::Background::start(&vote);
                    vote.wait_for_text("you");
                    vote.signal(Signal::INT);
                    vote.end();
                }
            }
            _ => session.wait_for(text),
        }
        session.keyboard.write_all(b"\x03").expect("it is typed");
        let (ended, shown) = session.end();
        assert_eq!(ended, code, "{args:?}: {shown}");
        let (_, after) = shown.rsplit_once("^C").expect("the key is shown");
        let complaint = match code {
            Some(1) => "Error: context canceled\n",
            _ => "",
        };
        assert_eq!(after, complaint, "{args:?}");
        let left = keys().replace("w\n\n", "");
        assert_eq!(left, at_rest, "{args:?}");
    }
    queue.signal(Signal::INT);
    assert_eq!(queue.end().0, 0);
}
