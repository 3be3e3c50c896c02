//! The fixtures, intact and damaged, as files for one test.

use std::{fs::File, io::Write as _, path::PathBuf};

use serde_json::Value;
use tempfile::TempDir;

pub use crate::system::fixtures::{bytes, expected, folder, hex, sha256};

/// Files written out for one test.
pub struct Scratch {
    dir: TempDir,
}

impl Scratch {
    pub fn new() -> Scratch {
        Scratch {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// A path in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes `bytes` as `name`, followed by a hole up to `size`.
    pub fn write(&self, name: &str, bytes: &[u8], size: u64) -> PathBuf {
        let path = self.dir.path().join(name.replace('/', "-"));
        let mut file = File::create(&path).unwrap();
        file.write_all(bytes).unwrap();
        file.set_len(size).unwrap();
        path
    }

    /// Writes an intact file by its name in `expected.json`.
    pub fn good(&self, name: &str, entry: &Value) -> PathBuf {
        self.write(name, &bytes(name), entry["size"].as_u64().unwrap())
    }
}

/// Assembles a damaged file from its `pieces`.
pub fn damaged(entry: &Value) -> Vec<u8> {
    let base = entry["base"].as_str().map(bytes).unwrap_or_default();
    let mut out = Vec::new();
    for piece in entry["pieces"].as_array().unwrap() {
        let number = |i: usize| usize::try_from(piece[i].as_u64().unwrap()).unwrap();
        match piece[0].as_str().unwrap() {
            "copy" => out.extend_from_slice(&base[number(1)..number(1) + number(2)]),
            "hex" => out.extend(unhex(piece[1].as_str().unwrap())),
            "fill" => out.extend(std::iter::repeat_n(number(1) as u8, number(2))),
            other => panic!("piece {other}"),
        }
    }
    out
}

fn unhex(text: &str) -> impl Iterator<Item = u8> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).unwrap() as u8)
        .collect();
    (0..digits.len() / 2).map(move |i| digits[2 * i] << 4 | digits[2 * i + 1])
}

/// The entries of `expected.json` whose kind is `snapshot` or `member`.
pub fn good_files(expected: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let files = expected["files"].as_object().unwrap();
    files.iter().filter(|(_, v)| v["kind"] != "damaged")
}

/// The damaged database files.
pub fn damaged_files(expected: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let files = expected["files"].as_object().unwrap();
    files.iter().filter_map(|(name, entry)| {
        let name = name.strip_prefix("damaged/")?;
        name.ends_with(".db").then_some((name, entry))
    })
}
