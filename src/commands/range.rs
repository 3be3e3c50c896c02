//! What the commands on keys share: converting arguments and flags to a key and the end of a range.

use std::{ffi::OsString, os::unix::ffi::OsStrExt};

use bytes::Bytes;

use crate::{
    cli::error::{CommandError, ErrorKind},
    client::rpc::prefix_end,
    golang::format::quote_text,
};

/// An argument as bytes.
pub fn bytes(word: &OsString) -> Bytes {
    Bytes::copy_from_slice(word.as_bytes())
}

/// Rejects the combination of `--prefix` and `--from-key`.
///
/// # Errors
/// Both are set.
pub fn prefix_or_from_key(prefix: bool, from_key: bool) -> Result<(), CommandError> {
    if prefix && from_key {
        return Err(CommandError::new(
            ErrorKind::BadArgs,
            "`--prefix` and `--from-key` cannot be set at the same time, choose one",
        ));
    }
    Ok(())
}

/// Key and end of the range. An end of one zero byte means all following keys; an empty end means a single key.
///
/// # Errors
/// An end was given together with `--prefix` or `--from-key`.
pub fn range(
    words: &[OsString],
    prefix: bool,
    from_key: bool,
) -> Result<(Bytes, Bytes), CommandError> {
    let mut key = words.first().map(bytes).unwrap_or_default();
    let mut end = Bytes::new();
    if let Some(word) = words.get(1) {
        if prefix || from_key {
            return Err(CommandError::new(
                ErrorKind::BadArgs,
                "too many arguments, only accept one argument when `--prefix` or `--from-key` is set",
            ));
        }
        end = bytes(word);
    }
    if prefix && !key.is_empty() {
        end = prefix_end(&key).into();
    } else if prefix || from_key {
        if key.is_empty() {
            key = Bytes::from_static(b"\0");
        }
        end = Bytes::from_static(b"\0");
    }
    Ok((key, end))
}

/// `--consistency`.
///
/// # Errors
/// It is neither `l` nor `s`.
pub fn serializable(consistency: Option<&str>) -> Result<bool, CommandError> {
    match consistency {
        None | Some("l") => Ok(false),
        Some("s") => Ok(true),
        Some(other) => Err(CommandError::new(
            ErrorKind::BadFeature,
            format!("unknown consistency flag {}", quote_text(other)),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str], prefix: bool, from_key: bool) -> (Bytes, Bytes) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        range(&words, prefix, from_key).unwrap()
    }

    #[test]
    fn ranges() {
        assert_eq!(of(&["a"], false, false), ("a".into(), "".into()));
        assert_eq!(of(&["a", "c"], false, false), ("a".into(), "c".into()));
        assert_eq!(of(&["a"], true, false), ("a".into(), "b".into()));
        assert_eq!(of(&["a"], false, true), ("a".into(), "\0".into()));
        assert_eq!(of(&[""], true, false), ("\0".into(), "\0".into()));
        assert_eq!(of(&[""], false, true), ("\0".into(), "\0".into()));
    }
}
