//! Unpacks `tests/data/fixtures`: database files of real etcd servers (3.4.23, 3.5.33, 3.6.14, 3.7.1) and
//! `expected.json`, which contains the output of etcd's own tools for each of them.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The folder with the files.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fixtures")
}

/// `expected.json`.
pub fn expected() -> Value {
    serde_json::from_slice(&bytes("expected.json")).unwrap()
}

/// The bytes of a file by its name.
pub fn bytes(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.gz"));
    let mut out = Vec::new();
    let file = File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut out)
        .unwrap();
    out
}

/// A SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
