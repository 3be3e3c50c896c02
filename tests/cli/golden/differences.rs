//! Intentional differences from v3.7.1: single steps (`differences.json`), and two general rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fancy_regex::Regex;
use serde::Deserialize;

use super::scenario::{self, Expect, Step, folder};
use crate::support::program::self_test;

#[derive(Debug, Deserialize)]
struct File {
    differences: Vec<Difference>,
}

/// Steps that differ for the same reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// First cell of the row in the table of `docs/differences.md`.
    pub reason: String,
    pub steps: Vec<Replaced>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replaced {
    /// `family/scenario/step`.
    pub step: String,
    /// The given fields replace the recorded ones.
    pub expect: Expect,
    /// A difference of our server, seen by every tool. Otherwise it is a difference of our tools, on every server.
    #[serde(default)]
    pub serve_only: bool,
}

#[track_caller]
pub fn load() -> Vec<Difference> {
    let file = folder().join("differences.json");
    let text = fs::read(&file).expect("the differences can be read");
    let file: File =
        serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    file.differences
}

/// The size of a saved file, which our JSON of `snapshot save` contains, depends on the server.
pub fn without_sizes(stdout: &str) -> String {
    let size = Regex::new(r#""size":\d+"#).expect("a pattern");
    size.replace_all(stdout, r#""size":<N>"#).into_owned()
}

/// Whether a step prints JSON, according to its arguments.
pub fn is_json(step: &Step) -> bool {
    let flags = step
        .args
        .windows(2)
        .any(|w| matches!(w[0].as_str(), "-w" | "--write-out") && w[1] == "json");
    flags
        || step
            .args
            .iter()
            .any(|a| matches!(a.as_str(), "-wjson" | "-w=json" | "--write-out=json"))
}

/// Every step exists, and every reason is a row of the table in `docs/differences.md`.
#[test]
fn differences_are_explained() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/differences.md");
    let page = fs::read_to_string(page).expect("the page of differences");
    let mut named = BTreeSet::new();
    for difference in load() {
        let row = format!("| {} |", difference.reason);
        assert!(
            page.lines().any(|line| line.starts_with(&row)),
            "docs/differences.md has no row {row:?}"
        );
        for replaced in difference.steps {
            let (family, _) = replaced.step.split_once('/').expect("family/scenario/step");
            let known = scenario::load(family).scenarios.iter().any(|s| {
                s.steps
                    .iter()
                    .any(|step| replaced.step == format!("{family}/{}/{}", s.name, step.label()))
            });
            assert!(known, "no step is called {:?}", replaced.step);
            assert!(
                named.insert(replaced.step.clone()),
                "{:?} is named twice",
                replaced.step
            );
        }
    }
    assert!(self_test() || !named.is_empty());
}
