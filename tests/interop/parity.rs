//! Real etcdctl and ours run the command lines of `tests/data/parity/commands.txt`, each against its own real etcd, which has
//! received the same lines before. Exit code, stdout and stderr are the same, apart from what `masks.json` masks and the
//! lines that `differences.txt` lists with their reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use fancy_regex::Regex;

use crate::support::authority::Authority;
use crate::support::etcd::{self, Release};
use crate::support::masks::Masks;
use crate::support::program::{Program, scratch, self_test, wait_until};
use crate::support::server::Server;
use crate::support::{compare, protobuf, rules};

const FORMATS: [Option<&str>; 5] = [
    None,
    Some("json"),
    Some("table"),
    Some("fields"),
    Some("protobuf"),
];

/// Masks that are applied to these lines in addition to the usual ones.
const MASKS: [&str; 7] = [
    "ttl",
    "fresh-hash",
    "attached-order",
    "attached-order-fields",
    "status-line",
    "health-took",
    "help",
];

/// Longer than any line takes. A line that hangs is killed; unless that happens on both sides, it is a difference.
const LIMIT: Duration = Duration::from_secs(30);

/// A line, and the formats in which it runs.
#[derive(Clone, Debug)]
struct Line {
    text: String,
    formats: &'static [Option<&'static str>],
    /// Names the id in the output.
    names: Option<String>,
}

fn data(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/parity")
        .join(file);
    fs::read_to_string(path).expect("the data can be read")
}

/// The lines of a section.
fn section(name: &str) -> Vec<Line> {
    let text = data("commands.txt");
    let head = format!("[{name}]");
    let lines = text
        .lines()
        .skip_while(|line| *line != head)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<Line> = lines.map(line).collect();
    assert!(!lines.is_empty(), "there is no section {name}");
    lines
}

fn line(text: &str) -> Line {
    let of = |text: &str, formats| Line {
        text: text.to_owned(),
        formats,
        names: None,
    };
    if let Some(rest) = text.strip_prefix("- ") {
        return of(rest, &FORMATS[..1]);
    }
    if let Some(rest) = text.strip_prefix("= ") {
        return of(rest, &FORMATS[..2]);
    }
    match text.split_once(":= ") {
        Some((name, rest)) => Line {
            names: Some(name.to_owned()),
            ..of(rest, &FORMATS[..1])
        },
        None => of(text, &FORMATS),
    }
}

/// Splits a line into words like a shell.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// One of the two sides: a tool, its server, and the ids from its output by their names.
struct Side {
    tool: Program,
    server: Server,
    ids: BTreeMap<String, String>,
}

struct Ran {
    code: i32,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Side {
    fn new(tool: Program, server: Server) -> Side {
        Side {
            tool,
            server,
            ids: BTreeMap::new(),
        }
    }

    fn run(&self, text: &str, format: Option<&str>, dir: &Path) -> Ran {
        // The input that follows the words.
        let (text, input) = match text.split_once(" <<<'") {
            Some((text, input)) => (text, input.trim_end_matches('\'').replace("\\n", "\n")),
            None => (text, String::new()),
        };
        let (text, closed_out) = match text.strip_suffix(" >closed") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (text, closed_in) = match text.strip_suffix(" <closed") {
            Some(text) => (text, true),
            None => (text, false),
        };

        let endpoint = self.server.endpoint();
        let mut text = text
            .replace("{ENDPOINT}", endpoint)
            .replace("{DEAD}", "127.0.0.1:1")
            .replace("{DIR}", &dir.display().to_string());
        for (name, id) in &self.ids {
            text = text.replace(&format!("{{{name}}}"), id);
        }
        let mut args = words(&text);
        let mut tool = self.tool.clone().current_dir(dir).time_limit(LIMIT);
        let variable = Regex::new("^[A-Z_]+=").expect("a pattern");
        while let Some(first) = args.first()
            && variable.is_match(first).unwrap_or(false)
        {
            let (name, value) = first.split_once('=').expect("it has one");
            tool = tool.env(name, value);
            args.remove(0);
        }
        if !args.iter().any(|arg| arg.starts_with("--endpoints")) {
            args.insert(0, format!("--endpoints={endpoint}"));
        }
        if let Some(format) = format {
            let end = args.iter().position(|arg| arg == "--");
            let end = end.unwrap_or(args.len());
            args.splice(end..end, ["-w".to_owned(), format.to_owned()]);
        }
        tool = tool.args(args);

        if closed_in {
            return without_input(&tool);
        }
        let tool = tool.stdin(input);
        let finished = if closed_out {
            let (reader, writer) = std::io::pipe().expect("a pipe can be made");
            drop(reader);
            tool.run_to(writer)
        } else {
            tool.run()
        };
        Ran {
            code: finished.code(),
            stdout: finished.stdout,
            stderr: finished.stderr,
        }
    }

    /// Replaces what differs from server to server by placeholders.
    fn unfill(&self, text: &[u8], dir: &Path) -> String {
        let mut text = String::from_utf8_lossy(text).into_owned();
        for (name, id) in &self.ids {
            let decimal = i64::from_str_radix(id, 16).expect("an id").to_string();
            text = text
                .replace(id, &format!("{{{name}}}"))
                .replace(&decimal, &format!("{{{name}_DEC}}"));
        }
        text.replace(self.server.endpoint(), "{ENDPOINT}")
            .replace(&dir.display().to_string(), "{DIR}")
    }

    /// Replaces what differs from server to server in a message, and removes the fields at `paths`. Ids have the same
    /// encoded length on all servers.
    fn message(&self, message: &[u8], paths: &[String]) -> Vec<u8> {
        let mut message = replaced(message, self.server.endpoint().as_bytes(), b"{ENDPOINT}");
        for (name, id) in &self.ids {
            let mut varint = vec![];
            let number = u64::from_str_radix(id, 16).expect("an id");
            protobuf::put_varint(number, &mut varint);
            message = replaced(&message, &varint, format!("{{{name}}}").as_bytes());
        }
        protobuf::drop_fields(&message, paths)
    }
}

/// Runs a tool whose standard input is closed, as a shell's `<&-` leaves it.
fn without_input(tool: &Program) -> Ran {
    let command = tool.command();
    let mut shell = Program::new("sh").command();
    shell
        .args(["-c", "exec \"$0\" \"$@\" <&-"])
        .arg(command.get_program())
        .args(command.get_args())
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = shell.spawn().expect("a shell can be started");
    let ended = wait_until(&mut child, Instant::now() + LIMIT).is_some();
    if !ended {
        let _ = child.kill();
    }
    let output = child.wait_with_output().expect("it has ended");
    assert!(ended, "{tool} with a closed stdin does not end");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: output.stderr,
    }
}

fn replaced(bytes: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        if rest.starts_with(what) {
            out.extend(with);
            rest = &rest[what.len()..];
        } else {
            out.push(*first);
            rest = &rest[1..];
        }
    }
    out
}

/// Cells without their padding and rows without their borders: 3.7 draws tables in box characters.
fn cells(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| match c {
            '│' => '|',
            '┌' | '┬' | '┐' | '├' | '┼' | '┤' | '└' | '┴' | '┘' => '+',
            '─' => '-',
            c => c,
        })
        .collect();
    // The size of a database file depends on how etcd grouped its writes.
    let size = Regex::new(r"\d+(\.\d+)? [kM]?B ").expect("a pattern");
    let text = size.replace_all(&text, "<SIZE> ");
    let percent = Regex::new(r"\d+% ").expect("a pattern");
    let text = percent.replace_all(&text, "<PERCENT> ");
    text.split_inclusive('\n')
        .filter(|line| !line.starts_with("+-"))
        .map(|line| match line.starts_with('|') {
            true => line.split('|').map(str::trim).collect::<Vec<_>>().join("|") + "\n",
            false => line.to_owned(),
        })
        .collect()
}

/// The certificates and other files of `{DIR}`.
fn files(dir: &Path) {
    let write = |name: &str, text: &str| fs::write(dir.join(name), text).expect("a file");
    write("garbage", "no certificate\n");
    let authority = Authority::new();
    let client = authority.sign("client", &[], 1);
    write("client.pem", &client.cert.pem());
    write("client.key", &client.key.serialize_pem());
    write(
        "other.key",
        &authority.sign("other", &[], 2).key.serialize_pem(),
    );
}

/// The lines that differ intentionally, in the form `[section] LINE @format`.
fn differences() -> BTreeSet<String> {
    let text = data("differences.txt");
    let lines = text.lines().filter(|l| l.starts_with('['));
    lines.map(String::from).collect()
}

/// Runs a section on both sides.
#[track_caller]
fn same(name: &str) {
    let (Some(launch), Some(real)) = (etcd::server(Release::V3_7), etcd::etcdctl(Release::V3_7))
    else {
        return;
    };
    let dir = scratch();
    let dir = dir.path();
    files(dir);
    let mut sides = [real, Program::etcdctl()].map(|tool| Side::new(tool, launch.start()));
    for side in &sides {
        settled(side);
    }
    let masks = Masks::load();
    let known = differences();
    let mut problems = String::new();
    for line in section(name) {
        for format in line.formats {
            let ran = sides
                .each_ref()
                .map(|side| side.run(&line.text, *format, dir));
            if let Some(id) = &line.names {
                for (side, ran) in sides.iter_mut().zip(&ran) {
                    let pattern = Regex::new("[0-9a-f]{16}").expect("a pattern");
                    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
                    let hit = pattern.find(&text).ok().flatten();
                    let hit = hit.unwrap_or_else(|| panic!("{}: no id in {text}", line.text));
                    side.ids.insert(id.clone(), hit.as_str().to_owned());
                }
            }
            let label = format!("[{name}] {} @{}", line.text, format.unwrap_or("simple"));
            let problem = different(&masks, &sides, &ran, *format, &line.text, dir);
            match (problem, known.contains(&label)) {
                (Some(problem), false) => {
                    let _ = writeln!(problems, "{label}\n{problem}");
                }
                (None, true) if !self_test() => {
                    let _ = writeln!(problems, "{label}: is listed, and does not differ");
                }
                _ => {}
            }
        }
    }
    assert!(
        problems.is_empty(),
        "want is etcdctl, got is ours:\n{problems}"
    );
}

/// A real etcd answers before it has written its storage version.
#[track_caller]
fn settled(side: &Side) {
    let deadline = Instant::now() + LIMIT;
    let status = side
        .tool
        .clone()
        .arg(format!("--endpoints={}", side.server.endpoint()))
        .args(["endpoint", "status", "-w", "json"]);
    while !status.run().out().contains("\"storageVersion\":\"3.7.0\"") {
        assert!(Instant::now() < deadline, "{}", side.server.log());
    }
}

fn different(
    masks: &Masks,
    [theirs, ours]: &[Side; 2],
    [want, got]: &[Ran; 2],
    format: Option<&str>,
    line: &str,
    dir: &Path,
) -> Option<String> {
    let mut out = String::new();
    if want.code != got.code {
        let _ = writeln!(out, "  exit code: want {}, got {}", want.code, got.code);
    }

    let extra = MASKS.map(String::from);
    let extra: Vec<&String> = extra.iter().collect();
    if format == Some("protobuf") && want.code == 0 {
        // Ids and terms; the remaining time of a lease depends on the clock.
        let mut paths = ["1.1", "1.2", "1.4"].map(String::from).to_vec();
        if line.starts_with("lease timetolive") {
            paths.push("3".into());
        }
        let want = theirs.message(&want.stdout, &paths);
        let got = ours.message(&got.stdout, &paths);
        if want != got {
            let (want, got) = (protobuf::show(&want, 2), protobuf::show(&got, 2));
            let _ = writeln!(out, "  want the message\n{want}  got\n{got}");
        }
    } else {
        let text = |side: &Side, ran: &Ran| {
            let text = masks.apply(&side.unfill(&ran.stdout, dir), "stdout", &extra);
            cells(&text)
        };
        let (want, got) = (text(theirs, want), text(ours, got));
        out += &compare::texts("stdout", &want, &got).unwrap_or_default();
    }

    let mut wanted = theirs.unfill(&want.stderr, dir);
    let mut printed = ours.unfill(&got.stderr, dir);
    if !self_test() {
        printed = rules::without_hints(&printed);
        if format == Some("json") {
            wanted = masks
                .apply(&wanted, "stderr", &extra)
                .replace("<USAGE>\n", "");
            wanted = rules::one_error(&wanted);
            match rules::json_errors(&printed, got.code) {
                Ok(text) => printed = text,
                Err(problem) => return Some(out + &problem),
            }
        }
    }
    let wanted = masks.apply(&wanted, "stderr", &extra);
    let printed = masks.apply(&printed, "stderr", &extra);
    out += &compare::texts("stderr", &wanted, &printed).unwrap_or_default();
    Some(out).filter(|out| !out.is_empty())
}

macro_rules! sections {
    ($($name:ident)*) => {
        $(#[test] fn $name() { same(stringify!($name)); })*
        const SECTIONS: &[&str] = &[$(stringify!($name)),*];
    };
}

sections! { kv compaction txn lease users auth members maintenance flags }

#[test]
fn every_section_runs_and_every_difference_has_its_reason() {
    let text = data("commands.txt");
    let heads: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
        .collect();
    assert_eq!(heads, SECTIONS);

    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/differences.md");
    let page = fs::read_to_string(page).expect("the page of differences");
    for line in data("differences.txt").lines() {
        if let Some(reason) = line.strip_prefix("## ") {
            let row = format!("| {reason} |");
            let known = page.lines().any(|line| line.starts_with(&row));
            assert!(known, "docs/differences.md has no row {row:?}");
        } else if line.starts_with('[') {
            let (section_name, rest) = line.split_once("] ").expect("[section] LINE");
            let (text, _) = rest.rsplit_once(" @").expect("LINE @format");
            let lines = section(section_name.trim_start_matches('['));
            assert!(lines.iter().any(|l| l.text == text), "no line {line:?}");
        }
    }
}
