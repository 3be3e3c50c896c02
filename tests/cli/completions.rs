//! `completions/` and `man/`: checks that they are what `cargo run --example docs` generates from the current programs,
//! and that real shells can load and use the scripts.
//!
//! A shell that is not installed is skipped with a message; continuous integration installs them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::skip::skip;

#[path = "../../examples/docs/generate.rs"]
mod generate;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn files_are_up_to_date() {
    let made = generate::files();
    let mut there = BTreeSet::new();
    for folder in generate::FOLDERS {
        for entry in fs::read_dir(project().join(folder))
            .expect("the folder is there")
            .flatten()
        {
            there.insert(format!("{folder}/{}", entry.file_name().to_string_lossy()));
        }
    }
    let stale: Vec<&String> = made
        .keys()
        .chain(&there)
        .filter(|name| made.get(*name) != fs::read(project().join(name)).ok().as_ref())
        .collect();
    assert!(
        stale.is_empty(),
        "out of date, run `cargo run --example docs`: {stale:?}"
    );
}

/// What a shell must suggest: a command, a flag, a value of a flag, the form of an endpoint, a flag of the server.
const CASES: &[(&str, &str, &str)] = &[
    ("etcdctl", "sna", "snapshot"),
    ("etcdctl snapshot", "sa", "save"),
    ("etcdctl get", "--pre", "--prefix"),
    ("etcdctl get -w", "js", "json"),
    ("etcdctl", "--endpoints=emb", "embedded:"),
    (
        "etcdctl serve",
        "--auto-compaction-m",
        "--auto-compaction-mode",
    ),
    ("etcdctl -w", "j", "json"),
    ("etcdctl --hex get", "--pre", "--prefix"),
    ("etcdctl endpoint", "", "hashkv"),
    ("etcdctl put k v", "--prev", "--prev-kv"),
    ("etcdctl help", "sna", "snapshot"),
    ("etcdctl completion", "fi", "fish"),
    ("etcdutl help", "hash", "hashkv"),
    ("etcdctl help snapshot", "re", "restore"),
    ("etcdctl compact", "--ph", "--physical"),
    ("etcdctl role", "gr", "grant-permission"),
    ("etcdctl", "--cacert=Cargo.lo", "Cargo.lock"),
    ("etcdctl snapshot status", "Cargo.lo", "Cargo.lock"),
    ("etcdctl get", "--order=D", "DESCEND"),
    ("etcdctl \"get\"", "--pre", "--prefix"),
];

#[test]
fn bash_completes_the_path_behind_a_scheme() {
    let Some(bash) = find("bash") else { return };
    let project = project();
    for (word, want) in [
        (": sr", "src/"),
        (": tests/in", "tests/interop/"),
        (": //src/li", "//src/lib.rs"),
        (":", "tests/"),
    ] {
        let scheme = if want.ends_with(".rs") {
            "unix"
        } else {
            "embedded"
        };
        let words: Vec<String> = format!("etcdctl --endpoints = {scheme} {word}")
            .split(' ')
            .map(String::from)
            .collect();
        let output = run(Command::new(&bash)
            .args(["--norc", "--noprofile", "-euc", BASH, "bash"])
            .arg(project.join("completions"))
            .args(words)
            .current_dir(project));
        offers(&output, want, word);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.lines().any(|line| line == "snapshot"), "{text}");
    }
}

/// Takes the folder of the scripts and the words; prints the suggestions for the last word.
const BASH: &str = r#"
    source "$1/$2.bash"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    "_$1" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\n' "${COMPREPLY[@]}"
    complete -p $1 >/dev/null"#;

#[test]
fn bash_completes() {
    let Some(bash) = find("bash") else { return };
    for (words, word, want) in CASES.iter().copied() {
        // Bash passes `--flag=value` as three words.
        let split: Vec<String> = format!("{words} {}", word.replace('=', " = "))
            .split(' ')
            .map(String::from)
            .collect();
        let script = ["--norc", "--noprofile", "-euc", BASH, "bash"];
        let output = run(Command::new(&bash)
            .args(script)
            .arg(project().join("completions"))
            .args(&split));
        offers(&output, want, word);
        let text = String::from_utf8_lossy(&output.stdout);
        let flags = text.lines().filter(|line| line.starts_with('-')).count();
        assert!(word.starts_with('-') || flags == 0, "{words}: {text}");
    }
}

#[test]
fn zsh_completes() {
    let Some(zsh) = find("zsh") else { return };
    for (words, word, want) in CASES.iter().copied() {
        let capture = project().join("tests/cli/completions/capture.zsh");
        let folder = project().join("completions");
        let line = format!("{words} {word}");
        let output = run(Command::new(&zsh)
            .arg("-f")
            .arg(capture)
            .arg(folder)
            .arg(line)
            .env("TERM", "dumb"));
        offers(&output, &format!("HIT<{want}>"), word);
    }
}

#[test]
fn fish_completes() {
    let Some(fish) = find("fish") else { return };
    for (words, word, want) in CASES.iter().copied() {
        let script = "source $argv[1]/etcdctl.fish; source $argv[1]/etcdutl.fish; complete --do-complete $argv[2]";
        let file = project().join("completions");
        let line = format!("{words} {word}");
        let output = run(Command::new(&fish)
            .args(["--no-config", "-c", script])
            .arg(file)
            .arg(line));
        offers(&output, want, word);
    }
}

/// The pages are formatted without warnings.
#[test]
fn man_draws_every_page() {
    let Some(man) = find("man") else { return };
    for entry in fs::read_dir(project().join("man"))
        .expect("the folder is there")
        .flatten()
    {
        let page = entry.path();
        let output = run(Command::new(&man)
            .args(["--warnings", "-E", "UTF-8", "-P", "cat", "-l"])
            .arg(&page));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            text.contains("SYNOPSIS") && output.stderr.is_empty(),
            "{}: {output:?}",
            page.display()
        );
    }
}

fn offers(output: &Output, want: &str, word: &str) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{word}: {output:?}");
    // A description may follow after a tab; fish repeats the flag before a value.
    let offered = text
        .lines()
        .filter_map(|line| line.split('\t').next())
        .any(|offer| offer.trim().ends_with(want));
    assert!(offered, "{word}: {want:?} is not offered:\n{text}");
}

fn run(command: &mut Command) -> Output {
    // The scripts run the program that is being completed.
    let ours = Path::new(env!("CARGO_BIN_EXE_etcdctl"));
    let ours = ours.parent().expect("a program is in a folder").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(ours).chain(std::env::split_paths(&path));
    command
        .env(
            "PATH",
            std::env::join_paths(path).expect("no folder has a colon"),
        )
        .env("LANG", "C.UTF-8")
        .env("MANWIDTH", "80")
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"))
}

/// The path of the program in `PATH`. `None` if it is missing; prints that the test is skipped.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file());
    if found.is_none() {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// Keys of a running server are suggested up to the next slash; if no server responds, there are no suggestions.
#[test]
fn the_keys_of_a_running_server_are_offered() {
    use crate::support::{program::Program, server::Launch};
    let server = Launch::serve().start();
    let endpoint = format!("--endpoints={}", server.endpoint());
    for key in ["/app/a", "/app/b/1", "/app/b/2", "/apple", "other"] {
        let put = Program::etcdctl().args([&endpoint, "put", key, "v"]);
        put.run().success();
    }
    let offered_by = |shell: &str, words: &[&str]| {
        let complete = Program::etcdctl().args(["__complete", shell]).args(words);
        let run = complete.run().success();
        assert_eq!(run.err(), "");
        run.out()
    };
    let offered = |words: &[&str]| offered_by("fish", words);
    assert_eq!(
        offered(&[&endpoint, "get", "/app"]),
        "nothing\n/app/\n/apple\n"
    );
    assert_eq!(
        offered(&[&endpoint, "get", "/app/"]),
        "nothing\n/app/a\n/app/b/\n"
    );
    assert_eq!(
        offered(&[&endpoint, "del", "/app/b/"]),
        "blank\n/app/b/1\n/app/b/2\n"
    );
    assert_eq!(
        offered(&[&endpoint, "get", "--prefix", "o"]),
        "blank\nother\n"
    );
    // Words are typed with quotes. zsh and fish quote what they insert, bash does not.
    for key in ["a b$", "-dash"] {
        let put = Program::etcdctl().args([&endpoint, "put", "--", key, "v"]);
        put.run().success();
    }
    for (shell, typed, suggestion) in [
        ("bash", "a\\ ", "a\\ b\\$"),
        ("bash", "\"a ", "a b\\$"),
        ("bash", "'a ", "a b$"),
        ("zsh", "a\\ ", "a b$"),
        ("zsh", "\"a ", "a b$"),
        ("fish", "'a ", "a b$"),
    ] {
        let text = offered_by(shell, &[&endpoint, "get", typed]);
        assert_eq!(text, format!("blank\n{suggestion}\n"), "{shell}: {typed}");
    }
    assert!(!offered(&[&endpoint, "get", ""]).contains("-dash"));
    assert_eq!(offered(&[&endpoint, "get", "--", "-d"]), "blank\n-dash\n");
    let id = offered(&[&endpoint, "member", "remove", ""]);
    assert!(id.ends_with("\tdefault\n"), "{id}");
    assert_eq!(offered(&["--endpoints=127.0.0.1:1", "get", ""]), "blank\n");
    // No password is prompted for, and no directory is created.
    assert_eq!(offered(&[&endpoint, "--user=root", "get", ""]), "blank\n");
    let dir = crate::support::program::scratch();
    let embedded = format!("--endpoints=embedded:{}", dir.path().join("d").display());
    assert_eq!(offered(&[&embedded, "get", ""]), "blank\n");
    assert!(!dir.path().join("d").exists());
}
