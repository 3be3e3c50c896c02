//! The error of all decoders: bucket, key, and what is wrong with the record.

use std::fmt::Write as _;

/// An invalid record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bucket {bucket}, key {key}: {problem}")]
pub struct RecordError {
    /// The bucket's name.
    pub bucket: String,
    /// The key in readable form: see `show_key`.
    pub key: String,
    /// What is wrong.
    pub problem: String,
}

impl RecordError {
    /// An error about the record `key` of `bucket`.
    pub fn new(bucket: &[u8], key: &[u8], problem: impl Into<String>) -> RecordError {
        RecordError {
            bucket: String::from_utf8_lossy(bucket).into_owned(),
            key: show_key(key),
            problem: problem.into(),
        }
    }
}

/// Longest part of a key that a message shows, in bytes.
const SHOWN: usize = 64;

/// Formats a key on one line: text in quotes, a revision as `main_sub`, anything else in hexadecimal.
pub fn show_key(key: &[u8]) -> String {
    if let Ok(revision) = super::key::RevisionKey::decode(key) {
        return revision.to_string();
    }
    let (part, more) = match key.get(..SHOWN) {
        Some(part) if key.len() > SHOWN => (part, "..."),
        _ => (key, ""),
    };
    if !part.is_empty() && part.iter().all(|b| (b' '..=b'~').contains(b)) {
        return format!("{:?}{more}", String::from_utf8_lossy(part));
    }
    let mut hex = String::from("0x");
    for byte in part {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex + more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_on_one_line() {
        assert_eq!(show_key(b"confState"), "\"confState\"");
        assert_eq!(show_key(b"a\nb"), "0x610a62");
        assert_eq!(show_key(&[0, 0xff]), "0x00ff");
        assert_eq!(show_key(b""), "0x");
        let long = [b'x'; 70];
        assert!(show_key(&long).ends_with("x\"..."));
    }
}
