//! Runs a scenario: a new server in a new directory, its steps in order, and a comparison of the output of each with
//! the recording. Must not know the meaning of any command.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use tempfile::TempDir;

use super::differences::{self, Difference};
use super::live::Live;
use super::scenario::{Expect, Scenario, Step, folder};
use crate::support::compare;
use crate::support::etcd::{self, Release};
use crate::support::masks::Masks;
use crate::support::program::{Program, scratch, self_test};
use crate::support::protobuf;
use crate::support::rules;
use crate::support::server::{Launch, Server, ServerKind, free_ports};

/// The placeholders for the values of a scenario.
const NAMES: [&str; 12] = [
    "DIR",
    "DEAD",
    "ENDPOINT",
    "ENDPOINT2",
    "PORT",
    "PORT2",
    "DATA",
    "DATA2",
    "PEER",
    "PEER2",
    "PEER_ADDRESS",
    "PEER_ADDRESS2",
];

/// Which tools run the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tools {
    /// Ours, or etcd's when the tests themselves are checked.
    UnderTest,
    /// The real `etcdctl`.
    Etcds,
}

impl Tools {
    /// Whether the steps run with etcd's tools.
    fn are_etcds(self) -> bool {
        self == Tools::Etcds || self_test()
    }
}

/// What all scenarios of a family share.
pub struct Replay {
    tools: Tools,
    launch: Launch,
    masks: Masks,
    differences: Vec<Difference>,
}

#[derive(Default)]
pub struct Outcome {
    pub compared: usize,
    pub problems: Vec<String>,
}

impl Replay {
    #[track_caller]
    pub fn new(tools: Tools, launch: Launch) -> Self {
        Self {
            tools,
            launch,
            masks: Masks::load(),
            differences: differences::load(),
        }
    }

    /// Runs the scenario called `full` (`family/name`).
    #[track_caller]
    pub fn scenario(&self, full: &str, scenario: &Scenario) -> Outcome {
        let run = Run::new(self, scenario);
        let mut outcome = Outcome::default();
        for step in &scenario.steps {
            let Some(expect) = &step.expect else {
                run.act(step);
                continue;
            };
            let label = format!("{full}/{}", step.label());
            let replaced = self.replaced(&label).map(|replaced| &replaced.expect);
            let expect = replaced.map_or_else(|| expect.clone(), |ours| ours.over(expect));
            let problem = if step.action.is_some() {
                let want = expect.stdout.unwrap_or_default();
                let got = self
                    .masks
                    .apply(&run.list(step), "stdout", &run.masks(step));
                compare::texts(
                    "the list",
                    &self.masks.apply(&want, "stdout", &run.masks(step)),
                    &got,
                )
            } else {
                run.compare(step, &expect, replaced)
            };
            outcome.compared += 1;
            outcome.problems.extend(
                problem.map(|p| format!("{}\n  {}\n{p}", step.label(), step.args.join(" "))),
            );
        }
        outcome
    }

    fn replaced(&self, step: &str) -> Option<&differences::Replaced> {
        let applies = |replaced: &differences::Replaced| match replaced.serve_only {
            true => self.launch.kind() == ServerKind::Serve,
            false => !self.tools.are_etcds(),
        };
        self.differences
            .iter()
            .flat_map(|d| &d.steps)
            .find(|replaced| replaced.step == step && applies(replaced))
    }
}

impl Expect {
    /// The fields that are given here, and the recorded ones for the others.
    fn over(&self, recorded: &Expect) -> Expect {
        let ours = self.clone();
        let stdout = ours.stdout.is_some();
        Expect {
            exit: ours.exit.or(recorded.exit),
            stdout: ours.stdout.or_else(|| recorded.stdout.clone()),
            stdout_b64: recorded.stdout_b64.clone().filter(|_| !stdout),
            stdout_pb: recorded.stdout_pb.clone().filter(|_| !stdout),
            stdout_3_7: recorded.stdout_3_7.clone().filter(|_| !stdout),
            stderr: ours.stderr.or_else(|| recorded.stderr.clone()),
        }
    }
}

/// The result of running a tool.
struct Done {
    code: i32,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// A line about awaited text that did not appear.
    missed: String,
}

impl Done {
    fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl From<super::live::Ended> for Done {
    fn from(ended: super::live::Ended) -> Self {
        Self {
            code: ended.code,
            stdout: ended.stdout,
            stderr: ended.stderr,
            missed: ended.missed.unwrap_or_default(),
        }
    }
}

/// A running scenario.
struct Run<'a> {
    replay: &'a Replay,
    scenario: &'a Scenario,
    dir: TempDir,
    /// `ENDPOINT` and similar placeholders, and their values.
    names: RefCell<BTreeMap<&'static str, String>>,
    /// Ids printed by earlier steps, by the names given to them.
    captured: RefCell<BTreeMap<String, String>>,
    /// Tools running in the background.
    jobs: RefCell<BTreeMap<String, Live>>,
    /// By their numbers, 1 and 2. They end with the scenario.
    servers: RefCell<BTreeMap<u64, Server>>,
}

impl<'a> Run<'a> {
    #[track_caller]
    fn new(replay: &'a Replay, scenario: &'a Scenario) -> Self {
        let dir = scratch();
        for (name, packed) in &scenario.fixtures {
            unpack(&folder().join(packed), &dir.path().join(name));
        }
        let dead = dead_port();
        let names = BTreeMap::from([
            ("DIR", dir.path().display().to_string()),
            ("DEAD", format!("127.0.0.1:{dead}")),
        ]);
        let run = Self {
            replay,
            scenario,
            dir,
            names: RefCell::new(names),
            captured: RefCell::default(),
            jobs: RefCell::default(),
            servers: RefCell::default(),
        };
        if let Some(spec) = &scenario.server {
            let peers = free_ports::<2>().map(|port| format!("127.0.0.1:{port}"));
            for (tag, address) in ["", "2"].iter().zip(peers) {
                run.name(&format!("PEER{tag}"), format!("http://{address}"));
                run.name(&format!("PEER_ADDRESS{tag}"), address);
            }
            run.start(1, None, false);
            if spec.second {
                run.start(2, None, false);
            }
        }
        run
    }

    /// Gives a placeholder its value.
    fn name(&self, name: &str, value: String) {
        let known = NAMES.iter().find(|known| **known == name);
        let known = known.unwrap_or_else(|| panic!("what is {name}?"));
        self.names.borrow_mut().insert(known, value);
    }

    fn named(&self, name: &str) -> String {
        self.names.borrow().get(name).cloned().unwrap_or_default()
    }

    /// Starts server 1 or 2 of the scenario, on its own data directory or another one. With `join`, it becomes a member of
    /// the cluster of server 1.
    #[track_caller]
    fn start(&self, number: u64, data: Option<&str>, join: bool) {
        let spec = self.scenario.server.as_ref().expect("a server to start");
        let tag = if number == 1 { "" } else { "2" };
        let flags = spec.flags.iter().map(String::as_str);
        let mut launch = self.replay.launch.clone().flags(flags);
        if spec.tls {
            launch = launch.auto_tls();
        }
        let own = self.dir.path().join(format!("data{tag}"));
        self.name(&format!("DATA{tag}"), own.display().to_string());
        launch = launch.data_dir(data.map_or(own, Into::into));
        if spec.own_peer_url {
            let (peer, member) = (self.named(&format!("PEER{tag}")), format!("default{tag}"));
            let mut cluster = format!("{member}={peer}");
            if join {
                cluster = format!("default={},{cluster}", self.named("PEER"));
                launch = launch.flag("--initial-cluster-state=existing");
            }
            launch = launch
                .flag(format!("--name={member}"))
                .flag(format!("--listen-peer-urls={peer}"))
                .flag(format!("--initial-advertise-peer-urls={peer}"))
                .flag(format!("--initial-cluster={cluster}"));
        }
        let server = launch.start();
        self.name(&format!("ENDPOINT{tag}"), server.endpoint().to_owned());
        let port = server.endpoint().rsplit(':').next().unwrap_or_default();
        if spec.tls {
            self.name("PORT", port.to_owned());
        }
        if !join && data.is_none() {
            settle(&server);
        }
        self.servers.borrow_mut().insert(number, server);
    }

    fn fill(&self, text: &str) -> String {
        let captured = self.captured.borrow();
        let captured = captured.iter().map(|(name, value)| (name.as_str(), value));
        let names = self.names.borrow();
        names
            .iter()
            .map(|(name, value)| (*name, value))
            .chain(captured)
            .fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), value)
            })
    }

    fn unfill(&self, text: &str) -> String {
        let captured = self.captured.borrow();
        let captured = captured.iter().map(|(name, value)| (name.as_str(), value));
        // An id with few digits may appear in other texts by chance.
        let names = self.names.borrow();
        names
            .iter()
            .map(|(name, value)| (*name, value))
            // In output, only the address inside these URLs is replaced.
            .filter(|(name, _)| !matches!(*name, "PEER" | "PEER2"))
            .chain(captured.filter(|(_, value)| value.len() > 5))
            .fold(text.to_owned(), |text, (name, value)| {
                text.replace(value, &format!("{{{name}}}"))
            })
    }

    /// Gives names to the ids in the output of a step: in hexadecimal, and with `_DEC` in decimal.
    #[track_caller]
    fn capture(&self, step: &Step, stdout: &[u8]) {
        let text = String::from_utf8_lossy(stdout);
        for (name, pattern) in &step.capture {
            let pattern = fancy_regex::Regex::new(&format!("(?m){pattern}")).expect("a pattern");
            let hit = pattern.captures(&text).ok().flatten();
            let id = hit.and_then(|hit| Some(hit.get(1)?.as_str().to_owned()));
            let id = id.unwrap_or_else(|| panic!("{}: no {name} in {text}", step.label()));
            let decimal = id.len() > 16 && id.bytes().all(|b| b.is_ascii_digit());
            let number = u64::from_str_radix(&id, if decimal { 10 } else { 16 });
            let number = number.unwrap_or_else(|_| panic!("{name}: what is the id {id}?"));
            let hex = if decimal { format!("{number:x}") } else { id };
            let mut captured = self.captured.borrow_mut();
            captured.insert(name.clone(), hex);
            captured.insert(format!("{name}_DEC"), number.to_string());
        }
    }

    fn masks<'b>(&'b self, step: &'b Step) -> Vec<&'b String> {
        self.scenario.masks.iter().chain(&step.masks).collect()
    }

    fn program(&self, step: &Step) -> (Program, Vec<u8>) {
        let mut args: Vec<OsString> = step.args.iter().map(|a| self.fill(a).into()).collect();
        for (at, bytes) in &step.args_b64 {
            args[*at] = OsString::from_vec(decode(bytes));
        }
        let program = match step.tool.as_deref() {
            Some("etcdutl") => Program::etcdutl(),
            _ if self.replay.tools.are_etcds() => {
                let name = format!("etcdctl-{}", Release::V3_7);
                Program::new(etcd::folder().join(name))
            }
            _ => Program::etcdctl(),
        };
        let stdin = match (&step.stdin, &step.stdin_b64, &step.stdin_repeat) {
            (Some(text), ..) => self.fill(text).into_bytes(),
            (_, Some(bytes), _) => decode(bytes),
            (.., Some((text, times))) => text.repeat(*times).into_bytes(),
            _ => Vec::new(),
        };
        let program = program.args(args).current_dir(self.dir.path());
        let program = step
            .env
            .iter()
            .fold(program, |p, (name, value)| p.env(name, self.fill(value)));
        (program, stdin)
    }

    /// Runs the tool of a step to completion. Returns exit code, stdout, stderr, and the awaited text that did not
    /// appear.
    #[track_caller]
    fn run(&self, step: &Step) -> Done {
        let end = Instant::now() + Duration::from_millis(step.retry_ms.unwrap_or(0));
        let wanted = step.expect.as_ref().and_then(|e| e.exit).unwrap_or(0);
        loop {
            let done = self.run_once(step);
            if done.code == wanted || Instant::now() >= end {
                return done;
            }
        }
    }

    #[track_caller]
    fn run_once(&self, step: &Step) -> Done {
        if let Some(job) = &step.finish {
            let live = self.jobs.borrow_mut().remove(job);
            let live = live.unwrap_or_else(|| panic!("nothing runs as {job}"));
            return live.complete(step).into();
        }
        let (program, stdin) = self.program(step);
        if step.is_live() {
            return Live::start(&program, step, stdin).complete(step).into();
        }
        let program = match step.timeout_s {
            Some(seconds) => program.time_limit(Duration::from_secs(seconds)),
            None => program,
        };
        let finished = program.stdin(stdin).run();
        Done {
            code: finished.code(),
            missed: String::new(),
            stdout: finished.stdout,
            stderr: finished.stderr,
        }
    }

    /// Runs a step. Returns what differs, or `None`. A field that is given in `ours` is compared even if the recording says
    /// that it is not; apart from masks, it must be equal.
    #[track_caller]
    fn compare(&self, step: &Step, expect: &Expect, ours: Option<&Expect>) -> Option<String> {
        let given = |field: fn(&Expect) -> bool| ours.is_some_and(field);
        let finished = self.run(step);
        let mut problem = String::new();
        let exit = expect.exit.unwrap_or(0);
        problem += &finished.missed;
        if (given(|e| e.exit.is_some()) || step.compares("exit")) && finished.code != exit {
            problem += &format!("  exit code: want {exit}, got {}\n", finished.code);
        }
        if given(|e| e.stdout.is_some()) || step.compares("stdout") {
            problem += &self
                .stdout(step, expect, &finished.stdout)
                .unwrap_or_default();
        }
        if given(|e| e.stderr.is_some()) || step.compares("stderr") {
            let want = expect.stderr.as_deref().unwrap_or_default();
            let stderr = self.stderr(step, want, &finished, ours.is_some());
            problem += &stderr.unwrap_or_default();
        }
        if problem.is_empty() {
            self.capture(step, &finished.stdout);
        }
        if !problem.is_empty() && !step.compares("stderr") {
            problem += &format!("  stderr was {:?}\n", finished.err());
        }
        Some(problem).filter(|p| !p.is_empty())
    }

    fn stdout(&self, step: &Step, expect: &Expect, got: &[u8]) -> Option<String> {
        let box_table = expect
            .stdout_3_7
            .as_ref()
            .filter(|_| self.replay.tools.are_etcds());
        if let Some(want) = &expect.stdout_pb {
            let default = ["1.1", "1.2", "1.4"].map(String::from).to_vec();
            let paths = step.pb_mask.as_ref().unwrap_or(&default);
            let got = replace(got, &self.named("ENDPOINT"), "127.0.0.1:PORT1");
            let (want, got) = (decode(want), protobuf::drop_fields(&got, paths));
            return (want != got).then(|| {
                format!(
                    "  want the message\n{}  got\n{}",
                    protobuf::show(&want, 2),
                    protobuf::show(&got, 2)
                )
            });
        }
        if let Some(want) = &expect.stdout_b64 {
            let want = decode(want);
            return (want != got)
                .then(|| format!("  stdout: want the bytes {want:?}, got {got:?}\n"));
        }
        let want = box_table
            .or(expect.stdout.as_ref())
            .map_or("", String::as_str);
        let extra = self.masks(step);
        let mut got = differences::without_sizes(&self.unfill(&String::from_utf8_lossy(got)));
        if step.tty && !self.replay.tools.are_etcds() {
            // A terminal shows stderr too.
            got = rules::without_hints(&got);
        }
        compare::texts(
            "stdout",
            &self.replay.masks.apply(want, "stdout", &extra),
            &self.replay.masks.apply(&got, "stdout", &extra),
        )
    }

    fn stderr(&self, step: &Step, want: &str, finished: &Done, ours: bool) -> Option<String> {
        let mut got = self.unfill(&finished.err());
        let mut want = want.to_owned();
        if !self.replay.tools.are_etcds() {
            got = rules::without_hints(&got);
        }
        if !self.replay.tools.are_etcds() && !ours && differences::is_json(step) {
            // No usage follows an error in JSON.
            want = rules::one_error(&want.replace("<USAGE>\n", ""));
            match rules::json_errors(&got, finished.code) {
                Ok(text) => got = text,
                Err(problem) => return Some(format!("  stderr: {problem}\n")),
            }
        }
        let extra = self.masks(step);
        compare::texts(
            "stderr",
            &self.replay.masks.apply(&want, "stderr", &extra),
            &self.replay.masks.apply(&got, "stderr", &extra),
        )
    }

    /// A step of the replayer itself, which prints nothing.
    #[track_caller]
    fn act(&self, step: &Step) {
        if let Some(job) = &step.background {
            let (program, stdin) = self.program(step);
            let live = Live::start(&program, step, stdin);
            assert_eq!(live.until(step), None, "{}", step.label());
            self.jobs.borrow_mut().insert(job.clone(), live);
            return;
        }
        let path = self.fill(step.path.as_deref().unwrap_or_default());
        let done = match step.action.as_deref() {
            Some("sleep") => {
                // The recording waits for something invisible, such as the end of a lease.
                std::thread::sleep(Duration::from_millis(step.ms.unwrap_or(0)));
                Ok(())
            }
            Some("stop_server") => {
                let number = step.server.unwrap_or(1);
                let stopped = self.servers.borrow_mut().remove(&number);
                stopped.expect("it runs").terminate();
                Ok(())
            }
            Some("start_server") => {
                let data = step.data.as_deref().map(|data| self.fill(data));
                self.start(step.server.unwrap_or(1), data.as_deref(), step.join);
                Ok(())
            }
            Some("mkdir") => fs::create_dir_all(&path),
            Some("write") => {
                let text = self.fill(step.text.as_deref().unwrap_or_default());
                fs::write(&path, text.repeat(step.times.unwrap_or(1)))
            }
            Some("copy") => {
                let to = self.fill(step.to.as_deref().unwrap_or_default());
                copy(Path::new(&path), Path::new(&to))
            }
            Some("truncate") => File::options()
                .write(true)
                .open(&path)
                .and_then(|f| f.set_len(step.size.unwrap_or(0))),
            Some("flip") => flip(
                Path::new(&path),
                step.offset.unwrap_or(0),
                step.xor.unwrap_or(0xff),
            ),
            other => panic!("what is `do` {other:?}?"),
        };
        done.unwrap_or_else(|e| panic!("{} {path}: {e}", step.label()));
    }

    /// `ls`: each entry below a path with its mode, sorted.
    #[track_caller]
    fn list(&self, step: &Step) -> String {
        assert_eq!(
            step.action.as_deref(),
            Some("ls"),
            "only a list has an output"
        );
        let top = self.fill(step.path.as_deref().unwrap_or_default());
        let mut rows = Vec::new();
        if Path::new(&top).exists() {
            walk(Path::new(&top), "", &mut rows);
        }
        rows.sort();
        rows.iter().map(|row| format!("{row}\n")).collect()
    }
}

/// A port with five digits on which nobody listens, outside the range used by servers of other tests.
#[track_caller]
fn dead_port() -> u16 {
    let first = 10_000 + std::process::id() % 20_000;
    (first..first + 2_000)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("some port is free")
}

/// A real etcd accepts requests before it has written its storage version.
#[track_caller]
fn settle(server: &Server) {
    let status = Program::etcdctl()
        .arg(format!("--endpoints={}", server.url()))
        .args(["endpoint", "status", "-w", "json"])
        .arg("--insecure-skip-tls-verify");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !status.run().out().contains("\"storageVersion\":\"3.7.0\"") {
        assert!(
            Instant::now() < deadline,
            "the server does not settle: {}",
            server.log()
        );
    }
}

/// Copies a file, or a directory with its content.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn walk(dir: &Path, prefix: &str, rows: &mut Vec<String>) {
    for entry in fs::read_dir(dir)
        .expect("a directory can be listed")
        .flatten()
    {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let meta = entry.metadata().expect("an entry has a mode");
        rows.push(format!(
            "{name} {}",
            mode(&meta.permissions(), meta.is_dir())
        ));
        if meta.is_dir() {
            walk(&entry.path(), &format!("{name}/"), rows);
        }
    }
}

fn mode(permissions: &Permissions, dir: bool) -> String {
    let bits = permissions.mode();
    let letters = (0..9).map(|i| {
        if bits & (0o400 >> i) == 0 {
            '-'
        } else {
            ['r', 'w', 'x'][i % 3]
        }
    });
    std::iter::once(if dir { 'd' } else { '-' })
        .chain(letters)
        .collect()
}

fn flip(path: &Path, offset: u64, xor: u8) -> std::io::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset)?;
    file.write_all_at(&[byte[0] ^ xor], offset)
}

#[track_caller]
fn unpack(packed: &Path, to: &Path) {
    let file = File::open(packed).unwrap_or_else(|e| panic!("{}: {e}", packed.display()));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .expect("a fixture can be unpacked");
    fs::write(to, bytes).expect("a fixture can be written");
}

fn replace(bytes: &[u8], what: &str, with: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        if !what.is_empty() && rest.starts_with(what.as_bytes()) {
            out.extend(with.as_bytes());
            rest = &rest[what.len()..];
        } else {
            out.push(rest[0]);
            rest = &rest[1..];
        }
    }
    out
}

fn decode(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}
