//! The content of the release archive. The programs of this build are used instead of those of a release.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::program::{Program, scratch, self_test};
use crate::support::skip::skip;

#[test]
fn the_release_archive_holds_everything_that_is_installed() {
    if self_test() {
        return;
    }
    if Program::new("python3")
        .arg("--version")
        .command()
        .output()
        .is_err()
    {
        skip("python3 is not installed, which packs the archive");
        return;
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let programs = Path::new(env!("CARGO_BIN_EXE_etcdctl"))
        .parent()
        .expect("a folder");
    let out = scratch();
    // Cargo needs the environment of the person running the tests.
    let packed = std::process::Command::new(project.join(".ci/release"))
        .arg("--programs")
        .arg(programs)
        .arg(out.path())
        .output()
        .expect("the script can be started");
    assert!(
        packed.status.success(),
        "{}",
        String::from_utf8_lossy(&packed.stderr)
    );
    let archive = String::from_utf8(packed.stdout).expect("a path");
    let run = |args: &[&str]| {
        let run = Program::new("tar")
            .args(args)
            .arg(archive.trim())
            .run()
            .success();
        run.out()
    };
    let listed = run(&["--list", "--gzip", "--file"]);
    let mut listed: BTreeSet<&str> = listed
        .lines()
        .map(|path| path.split_once('/').expect("all lies in one folder").1)
        .collect();
    for path in [
        "etcdctl",
        "etcdutl",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "THIRD-PARTY-LICENCES",
    ] {
        assert!(listed.remove(path), "{path} is missing: {listed:?}");
    }
    for folder in ["completions", "man", "docs"] {
        for entry in fs::read_dir(project.join(folder)).expect("a folder of the project") {
            let path = format!("{folder}/{}", entry.expect("a file").file_name().display());
            assert!(listed.remove(&path[..]), "{path} is missing: {listed:?}");
        }
    }
    assert!(listed.is_empty(), "{listed:?}");

    let unpack = ["--extract", "--gzip", "--strip-components=1", "--directory"];
    let into = out.path().to_str().expect("text");
    run(&[&unpack[..], &[into, "--file"]].concat());
    let unpacked = Program::new(out.path().join("etcdctl"))
        .arg("version")
        .run();
    assert!(unpacked.success().out().starts_with("etcdctl version: "));
    // The licences of everything that is linked in, with their texts, but not of build or test dependencies.
    let licences = fs::read_to_string(out.path().join("THIRD-PARTY-LICENCES")).expect("text");
    for there in [
        "\ntokio 1",
        "\nrustls 0",
        "Permission is hereby granted",
        "Apache License",
    ] {
        assert!(licences.contains(there), "{there}");
    }
    for not_there in ["\nsyn 2", "\nprotox 0", "\nfancy-regex 0"] {
        assert!(!licences.contains(not_there), "{not_there}");
    }
}
