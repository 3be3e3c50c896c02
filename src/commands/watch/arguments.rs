//! What to watch: converts arguments, flags and environment variables to a request and to the program to run for each
//! event (etcd v3.7.1, etcdctl `parseWatchArgs`).

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

use crate::{
    cli::error::CommandError, commands::range, golang::format::quote, proto::etcdserverpb as pb,
};

/// Replacements for positional arguments: `ETCDCTL_WATCH_KEY` and `ETCDCTL_WATCH_RANGE_END`.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    key: OsString,
    range_end: OsString,
}

impl Variables {
    /// Reads the environment.
    ///
    /// # Errors
    /// There is the end of a range, but no key.
    pub fn read() -> Result<Variables, CommandError> {
        let variables = Variables {
            key: env::var_os("ETCDCTL_WATCH_KEY").unwrap_or_default(),
            range_end: env::var_os("ETCDCTL_WATCH_RANGE_END").unwrap_or_default(),
        };
        if variables.key.is_empty() && !variables.range_end.is_empty() {
            let end = quote(variables.range_end.as_bytes());
            return Err(CommandError::bad_args(format!(
                "ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END={end}"
            )));
        }
        Ok(variables)
    }

    /// Whether there is a key.
    pub fn has_key(&self) -> bool {
        !self.key.is_empty()
    }
}

/// The flags that determine what is watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags {
    /// `--prefix`.
    pub prefix: bool,
    /// `--rev`.
    pub revision: i64,
    /// `--prev-kv`.
    pub prev_kv: bool,
    /// `--progress-notify`.
    pub progress_notify: bool,
}

/// A watch to create, and the program to run for each of its events; `exec` is empty if there is none.
#[derive(Clone, Debug)]
pub struct Target {
    /// The request.
    pub create: pb::WatchCreateRequest,
    /// Program and arguments.
    pub exec: Vec<OsString>,
}

/// Splits `words` at the first `--` into what to watch and the program to run for each event.
///
/// # Errors
/// Nothing follows `--`, or a key was given both as an argument and by a variable.
pub fn split(
    words: &[OsString],
    variables: &Variables,
) -> Result<(Vec<OsString>, Vec<OsString>), CommandError> {
    let separator = words.iter().position(|word| word == "--");
    let (keys, exec) = match separator {
        Some(at) => (&words[..at], &words[at + 1..]),
        None => (words, &[][..]),
    };
    if separator.is_some() && exec.is_empty() {
        let text = "bad number of arguments (found separator --, but no commands)";
        return Err(CommandError::bad_args(text));
    }
    if !variables.has_key() {
        return Ok((keys.to_vec(), exec.to_vec()));
    }
    if !keys.is_empty() {
        let text = "bad number of arguments (found conflicting environment key)";
        return Err(CommandError::bad_args(text));
    }
    let mut keys = vec![variables.key.clone()];
    if !variables.range_end.is_empty() {
        keys.push(variables.range_end.clone());
    }
    Ok((keys, exec.to_vec()))
}

/// The watch for `keys`: a key, and optionally the end of a range. Of three or more, only the first is used, as in
/// etcdctl.
///
/// # Errors
/// There is no key, or the end of a range was given together with `--prefix`; exit code 128.
pub fn target(
    keys: &[OsString],
    exec: Vec<OsString>,
    flags: Flags,
) -> Result<Target, CommandError> {
    let keys = match keys {
        [] => return Err(CommandError::bad_args("bad number of arguments")),
        [_, _] if flags.prefix => {
            let text = "`range_end` and `--prefix` are mutually exclusive";
            return Err(CommandError::bad_args(text));
        }
        [_, _] => keys,
        _ => &keys[..1],
    };
    let (key, range_end) = range::range(keys, flags.prefix, false)?;
    Ok(Target {
        create: pb::WatchCreateRequest {
            key,
            range_end,
            start_revision: flags.revision,
            prev_kv: flags.prev_kv,
            progress_notify: flags.progress_notify,
            ..Default::default()
        },
        exec,
    })
}

/// The program and its arguments as Go's `%q` prints a list of strings.
pub fn quoted(words: &[OsString]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| quote(OsStr::as_bytes(w))).collect();
    format!("[{}]", quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn a_program_follows_two_dashes() {
        let none = Variables::default();
        let (keys, exec) = split(&words(&["a", "b", "--", "echo", "--", "x"]), &none).unwrap();
        assert_eq!(keys, ["a", "b"]);
        assert_eq!(exec, ["echo", "--", "x"]);
        assert_eq!(quoted(&exec), "[\"echo\" \"--\" \"x\"]");
        for wrong in [&["a", "--"][..], &["--"]] {
            let error = split(&words(wrong), &none).unwrap_err();
            assert!(error.to_string().contains("found separator --"), "{error}");
        }
    }

    #[test]
    fn a_key_comes_from_the_words_or_from_the_environment() {
        let variables = Variables {
            key: "k".into(),
            range_end: "z".into(),
        };
        let (keys, exec) = split(&words(&["--", "true"]), &variables).unwrap();
        assert_eq!((keys, exec), (words(&["k", "z"]), words(&["true"])));
        assert!(split(&words(&["a"]), &variables).is_err());
    }

    #[test]
    fn with_three_words_the_first_is_watched() {
        let of = |keys: &[&str], prefix| {
            let flags = Flags {
                prefix,
                ..Default::default()
            };
            target(&words(keys), vec![], flags).map(|t| (t.create.key, t.create.range_end))
        };
        assert_eq!(of(&["a"], false).unwrap(), ("a".into(), "".into()));
        assert_eq!(of(&["a", "c"], false).unwrap(), ("a".into(), "c".into()));
        assert_eq!(
            of(&["a", "b", "c"], false).unwrap(),
            ("a".into(), "".into())
        );
        assert_eq!(of(&["a"], true).unwrap(), ("a".into(), "b".into()));
        assert_eq!(of(&[""], true).unwrap(), ("\0".into(), "\0".into()));
        assert!(of(&[], false).is_err());
        assert!(of(&["a", "b"], true).is_err());
    }
}
