//! `serve`'s words and `ETCD_*` variables, read by the rules of Go's `flag` package, since units and
//! scripts written for etcd are handed to it as they are. Every flag is known from one table,
//! `server::flags`; nothing is opened here.

use std::{
    ffi::{OsStr, OsString},
    fmt::Write as _,
};

use crate::server::{
    config::{Config, ConfigError},
    flags::{self, Effect, FLAGS, Kind},
};

/// Run a single-member etcd-compatible server
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ServeArgs {
    /// Flags of etcd's server
    #[arg(id = "raw", value_name = "flags", allow_hyphen_values = true)]
    pub raw: Vec<OsString>,
}

/// What the words and the variables come to.
#[derive(Debug)]
pub struct Given {
    pub config: Config,
    /// Variables whose names begin with `ETCD_` and mean nothing.
    pub unknown_variables: Vec<String>,
    /// Variables that lost to a flag.
    pub shadowed_variables: Vec<String>,
}

impl ServeArgs {
    /// Whether help is asked for rather than a server.
    pub fn wants_help(&self) -> bool {
        self.raw
            .iter()
            .take_while(|word| *word != "--")
            .any(|word| word == "--help" || word == "-help" || word == "-h")
    }

    /// Reads the words, then `variables` for the flags that were not among them.
    ///
    /// # Errors
    /// An unknown flag, a word that is no flag, a value that can't be used.
    pub fn read(
        &self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Given, ConfigError> {
        let mut config = Config::new("");
        let typed = words(&self.raw)?;
        let mut unknown_variables = Vec::new();
        let mut shadowed_variables = Vec::new();
        let mut from_environment = Vec::new();
        for (variable, value) in variables {
            let Some(variable) = variable.to_str().filter(|v| v.starts_with("ETCD_")) else {
                continue;
            };
            let Some(flag) = FLAGS.iter().find(|f| f.variable() == variable) else {
                unknown_variables.push(variable.to_string());
                continue;
            };
            if typed.iter().any(|(name, _)| name == flag.name) {
                shadowed_variables.push(variable.to_string());
            } else if !value.is_empty() {
                from_environment.push((flag.name, variable.to_string(), text(&value)?));
            }
        }
        for (flag, variable, value) in from_environment {
            config
                .set(flag, &value)
                .map_err(|e| ConfigError(format!("{variable}: {e}")))?;
        }
        for (flag, value) in &typed {
            config.set(flag, value)?;
        }
        if config.data_dir.as_os_str().is_empty() {
            config.data_dir = format!("{}.etcd", config.name).into();
        }
        config.validate()?;
        unknown_variables.sort();
        Ok(Given {
            config,
            unknown_variables,
            shadowed_variables,
        })
    }
}

fn text(word: &OsStr) -> Result<String, ConfigError> {
    word.to_str()
        .map(str::to_string)
        .ok_or_else(|| ConfigError(format!("not UTF-8: {}", word.to_string_lossy())))
}

/// Names and values as typed: `--flag=value`, `--flag value`, `--flag` for a boolean, with one dash or
/// two.
fn words(raw: &[OsString]) -> Result<Vec<(String, String)>, ConfigError> {
    let mut typed = Vec::new();
    let mut words = raw.iter();
    while let Some(word) = words.next() {
        let word = text(word)?;
        let stray = || ConfigError(format!("{word:?} is not a valid flag"));
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
            return Err(stray());
        };
        if flag.is_empty() {
            match (word.as_str(), words.next()) {
                ("--", None) => break,
                ("--", Some(next)) => {
                    let next = next.to_string_lossy();
                    return Err(ConfigError(format!("{next:?} is not a valid flag")));
                }
                _ => return Err(stray()),
            }
        }
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (flag, None),
        };
        let dashes = &word[..word.len() - flag.len()];
        let known = flags::find(name)
            .ok_or_else(|| ConfigError(format!("unknown flag: {dashes}{name}")))?;
        let value = match value {
            Some(value) => value,
            None if known.kind == Kind::Bool => "true".into(),
            None => match words.next() {
                Some(next) => text(next)?,
                None => {
                    return Err(ConfigError(format!(
                        "flag needs an argument: {dashes}{name}"
                    )));
                }
            },
        };
        typed.push((name.to_string(), value));
    }
    Ok(typed)
}

/// The whole help of `serve`: what it does, each flag with its default and variable, and what is taken
/// without effect.
pub fn help() -> String {
    let mut help = String::from(
        "Run a single-member etcd-compatible server\n\
         \n\
         Usage: etcdctl serve [flags]\n\
         \n\
         Flags are etcd's; each can be given as a variable too, and a flag beats its variable.\n\
         \n\
         Examples:\n  \
           etcdctl serve --data-dir demo\n  \
           etcdctl serve --data-dir demo --quota-backend-bytes=16777216 --auto-compaction-retention=1\n  \
           etcdctl serve --data-dir demo --listen-client-urls=unix:///run/etcd.sock,http://127.0.0.1:2379\n\
         \n\
         Flags:\n",
    );
    for flag in FLAGS {
        if matches!(flag.effect, Effect::Served | Effect::Ids) {
            let default = if flag.default.is_empty() {
                String::new()
            } else {
                format!(" [default: {}]", flag.default)
            };
            // Writing to a string can't fail.
            let _ = writeln!(
                help,
                "  --{}\n      {}{default} [env: {}]",
                flag.name,
                flag.help,
                flag.variable()
            );
        }
    }
    help += "\nTaken without effect, since only a cluster needs them:\n";
    let unused: Vec<String> = FLAGS
        .iter()
        .filter(|f| f.effect == Effect::None)
        .map(|f| format!("--{}", f.name))
        .collect();
    for line in unused.chunks(3) {
        let _ = writeln!(help, "  {}", line.join(" "));
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::LogLevel;

    fn read(words: &[&str], variables: &[(&str, &str)]) -> Result<Given, ConfigError> {
        ServeArgs {
            raw: words.iter().map(OsString::from).collect(),
        }
        .read(variables.iter().map(|(k, v)| (k.into(), v.into())))
    }

    #[test]
    fn go_flags_take_one_dash_or_two_and_booleans_no_word() {
        let given = read(
            &[
                "-data-dir",
                "d",
                "--strict-reconfig-check",
                "--quota-backend-bytes=0x10",
                "-log-level=warn",
                "--log-level",
                "error",
                "--",
            ],
            &[],
        )
        .unwrap();
        assert_eq!(given.config.data_dir.to_str(), Some("d"));
        assert_eq!(given.config.quota_backend_bytes, 16);
        assert_eq!(given.config.log_level, LogLevel::Error);
    }

    #[test]
    fn a_flag_beats_its_variable() {
        let variables = [
            ("ETCD_DATA_DIR", "from-variable"),
            ("ETCD_NAME", "m1"),
            ("ETCD_MAX_TXN_OPS", ""),
            ("ETCD_PORT", "tcp://10.0.0.1:2379"),
            ("HOME", "/"),
        ];
        let given = read(&["--data-dir=from-flag"], &variables).unwrap();
        assert_eq!(given.config.data_dir.to_str(), Some("from-flag"));
        assert_eq!(given.config.name, "m1");
        assert_eq!(given.config.max_txn_ops, 128);
        assert_eq!(given.shadowed_variables, ["ETCD_DATA_DIR"]);
        assert_eq!(given.unknown_variables, ["ETCD_PORT"]);
        let given = read(&[], &variables[1..]).unwrap();
        assert_eq!(given.config.data_dir.to_str(), Some("m1.etcd"));
    }

    #[test]
    fn refusals_are_one_line_that_names_the_word() {
        for (words, variables, says) in [
            (&["serve"][..], &[][..], "\"serve\" is not a valid flag"),
            (&["--no-such"], &[], "unknown flag: --no-such"),
            (&["-w", "json"], &[], "unknown flag: -w"),
            (&["--data-dir"], &[], "flag needs an argument: --data-dir"),
            (&["--", "x"], &[], "\"x\" is not a valid flag"),
            (&["--max-txn-ops=many"], &[], "--max-txn-ops"),
            (&[], &[("ETCD_MAX_TXN_OPS", "many")], "ETCD_MAX_TXN_OPS"),
            (&["--auto-tls"], &[], "--auto-tls is not supported"),
        ] {
            let text = read(words, variables).unwrap_err().to_string();
            assert!(text.contains(says) && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn help_shows_each_flag_that_does_something() {
        let help = help();
        for flag in FLAGS {
            if flag.effect != Effect::None && !matches!(flag.effect, Effect::Refused(_)) {
                assert!(
                    help.contains(&format!("--{}\n", flag.name)),
                    "{}",
                    flag.name
                );
                assert!(help.contains(&flag.variable()), "{}", flag.name);
            }
        }
    }
}
