//! Parses the arguments of `serve` and `ETCD_*` variables by the rules of Go's `flag` package, because units and
//! scripts written for etcd must work unchanged. All flags come from the table in `server::flags`. Opens nothing except
//! a configuration file.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use clap::{Args, Command};

use super::{config_file::ConfigFile, flag_args::with_flags};
use crate::{
    cli::help as text,
    server::{
        config::{Config, ConfigError},
        flags::{self, Effect, FLAGS, FlagType},
    },
};

/// Run a single-member etcd-compatible server
#[derive(Args, Clone, Debug, Default)]
pub struct ServeArgs {
    /// Flags of etcd's server
    #[arg(id = "raw", value_name = "flags", allow_hyphen_values = true)]
    pub raw: Vec<OsString>,
}

/// The parsed arguments and variables.
#[derive(Debug)]
pub struct Given {
    pub config: Config,
    /// Unknown variables whose names begin with `ETCD_`.
    pub unknown_variables: Vec<String>,
    /// Variables overridden by flags.
    pub shadowed_variables: Vec<String>,
    /// The configuration file that was read.
    pub config_file: Option<String>,
    /// Unknown keys in that file.
    pub unknown_keys: Vec<String>,
}

impl ServeArgs {
    /// Whether help was requested.
    pub fn wants_help(&self) -> bool {
        self.holds(&["--help", "-help", "-h"])
    }

    /// Whether the version was requested.
    pub fn wants_version(&self) -> bool {
        self.holds(&["--version", "-version", "--version=true", "-version=true"])
    }

    fn holds(&self, words: &[&str]) -> bool {
        let mut flags = self.raw.iter().take_while(|word| *word != "--");
        flags.any(|typed| words.iter().any(|word| typed == word))
    }

    /// Parses the arguments, then `variables` for flags that were not given.
    ///
    /// # Errors
    /// An unknown flag, an argument that is not a flag, or an invalid value.
    pub fn read(
        &self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Given, ConfigError> {
        let typed = words(&self.raw)?;
        let variables: Vec<(String, OsString)> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with("ETCD_"))
            .collect();
        let file = typed
            .iter()
            .rev()
            .find(|(name, _)| name == "config-file")
            .map(|(_, path)| path.clone())
            .or_else(|| {
                let mut of_environment = variables.iter();
                let (_, path) = of_environment.find(|(name, _)| name == "ETCD_CONFIG_FILE")?;
                Some(path.to_string_lossy().into_owned())
            })
            .filter(|path| !path.is_empty());
        match file {
            Some(path) => read_file(path),
            None => read_words(&typed, variables),
        }
    }
}

/// With a configuration file, arguments and variables are ignored, as in etcd.
fn read_file(path: String) -> Result<Given, ConfigError> {
    let file = ConfigFile::read(Path::new(&path))?;
    let mut config = Config::new("");
    for (flag, value) in &file.flags {
        // etcd's sample configuration enables Go's profiler, and a server without it is more useful than none.
        if flag == "enable-pprof" && value == "true" {
            let warning = "enable-pprof is ignored: there is no Go runtime to profile";
            config.warnings.push(warning.into());
            continue;
        }
        config
            .set(flag, value)
            .map_err(|e| ConfigError(format!("--config-file {path}: {e}")))?;
    }
    finish(&mut config)?;
    Ok(Given {
        config,
        unknown_variables: Vec::new(),
        shadowed_variables: Vec::new(),
        config_file: Some(path),
        unknown_keys: file.unknown,
    })
}

/// A flag overrides its variable.
fn read_words(
    typed: &[(String, String)],
    variables: Vec<(String, OsString)>,
) -> Result<Given, ConfigError> {
    let mut config = Config::new("");
    let mut unknown_variables = Vec::new();
    let mut shadowed_variables = Vec::new();
    for (variable, value) in variables {
        let Some(flag) = FLAGS.iter().find(|f| f.variable() == variable) else {
            unknown_variables.push(variable);
            continue;
        };
        if typed.iter().any(|(name, _)| name == flag.name) {
            shadowed_variables.push(variable);
        } else if !value.is_empty() {
            config
                .set(flag.name, &text(&value)?)
                .map_err(|e| ConfigError(format!("{variable}: {e}")))?;
        }
    }
    for (flag, value) in typed {
        config.set(flag, value)?;
    }
    finish(&mut config)?;
    unknown_variables.sort();
    Ok(Given {
        config,
        unknown_variables,
        shadowed_variables,
        config_file: None,
        unknown_keys: Vec::new(),
    })
}

fn finish(config: &mut Config) -> Result<(), ConfigError> {
    if config.data_dir.as_os_str().is_empty() {
        config.data_dir = format!("{}.etcd", config.name).into();
    }
    config.validate()
}

fn text(word: &OsStr) -> Result<String, ConfigError> {
    word.to_str()
        .map(str::to_string)
        .ok_or_else(|| ConfigError(format!("not UTF-8: {}", word.to_string_lossy())))
}

/// Names and values as given: `--flag=value`, `--flag value`, or `--flag` for a boolean, with one or two dashes.
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
        if name == "version" {
            continue;
        }
        let known = flags::find(name)
            .ok_or_else(|| ConfigError(flags::unknown(&format!("{dashes}{name}"))))?;
        let value = match value {
            Some(value) => value,
            None if known.kind == FlagType::Bool => "true".into(),
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

/// What `serve` does.
pub(super) const ABOUT: &str = "Run a single-member etcd-compatible server

The flags are etcd's. Each has an environment variable; the flag takes precedence.";

/// The examples in the help of `serve`.
pub(super) const EXAMPLES: &str = "Examples:
  etcdctl serve --data-dir=demo
  etcdctl serve --data-dir=demo --quota-backend-bytes=16777216 --auto-compaction-retention=1
  etcdctl serve --data-dir=demo --listen-client-urls=unix:///run/etcd.sock,http://127.0.0.1:2379";

/// The complete help of `serve`, in lines of at most `width` columns: what it does, each flag with its default and
/// variable, and the flags that are accepted but have no effect.
pub fn help(width: usize) -> String {
    let serve = ServeArgs::augment_args(Command::new("serve"));
    let serve = with_flags(serve).long_about(ABOUT);
    let tree = Command::new("etcdctl").subcommand(serve);
    let mut help = text::help(&tree, &["serve".to_owned()], width);
    for (reason, names) in ignored() {
        help.push('\n');
        text::wrap(
            &format!("Accepted but ignored, because {reason}:"),
            "",
            width,
            &mut help,
        );
        text::wrap(&names.join(" "), "  ", width, &mut help);
    }
    help
}

/// The output of `serve --version`: etcd's first line, for scripts that parse it, and the name of this program.
pub fn version() -> String {
    format!(
        "etcd Version: {}\n{} {}",
        crate::server::core::VERSION,
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
    )
}

/// The flags without effect, grouped by the reason.
pub(super) fn ignored() -> Vec<(&'static str, Vec<String>)> {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for flag in FLAGS {
        let reason = match flag.effect {
            Effect::Cluster => "only a cluster needs them",
            Effect::Ignored(reason) => reason,
            Effect::Served | Effect::Ids | Effect::Refused(_) => continue,
        };
        let name = format!("--{}", flag.name);
        match groups.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, names)) => names.push(name),
            None => groups.push((reason, vec![name])),
        }
    }
    groups
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
    fn a_configuration_file_beats_everything() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etcd.yaml");
        std::fs::write(&path, "name: m2\nmystery: 1\nenable-pprof: true\n").unwrap();
        let path = path.to_str().unwrap();
        let word = format!("--config-file={path}");
        for (words, variables) in [
            (&[word.as_str(), "--name=m1"][..], &[][..]),
            (&[], &[("ETCD_CONFIG_FILE", path), ("ETCD_NAME", "m1")]),
        ] {
            let given = read(words, variables).unwrap();
            assert_eq!(given.config.name, "m2");
            assert_eq!(given.config.data_dir.to_str(), Some("m2.etcd"));
            assert_eq!(given.unknown_keys, ["mystery"]);
            assert!(given.config.warnings[0].contains("enable-pprof is ignored"));
            assert_eq!(given.config_file.as_deref(), Some(path));
        }
    }

    #[test]
    fn refusals_are_one_line_that_names_the_word() {
        for (words, variables, says) in [
            (&["serve"][..], &[][..], "\"serve\" is not a valid flag"),
            (&["--no-such"], &[], "unknown flag: --no-such"),
            (&["-w", "json"], &[], "unknown flag: -w"),
            (
                &["--quota-backend-byte=1"],
                &[],
                "unknown flag: --quota-backend-byte; did you mean --quota-backend-bytes?",
            ),
            (
                &["-data"],
                &[],
                "unknown flag: -data; did you mean --data-dir?",
            ),
            (&["--data-dir"], &[], "flag needs an argument: --data-dir"),
            (&["--", "x"], &[], "\"x\" is not a valid flag"),
            (&["--max-txn-ops=many"], &[], "--max-txn-ops"),
            (&[], &[("ETCD_MAX_TXN_OPS", "many")], "ETCD_MAX_TXN_OPS"),
            (&["--enable-pprof"], &[], "--enable-pprof is not supported"),
            (&["--config-file=/no/such"], &[], "--config-file /no/such"),
        ] {
            let text = read(words, variables).unwrap_err().to_string();
            assert!(text.contains(says) && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn help_shows_each_flag_that_does_something() {
        let help = help(80);
        for line in help.lines() {
            assert!(line.len() <= 80, "{line}");
        }
        for flag in FLAGS {
            let name = format!("--{}", flag.name);
            // A name may be a prefix of another one, and occur in the reason for a third.
            let listed = help.split_ascii_whitespace().any(|word| word == name);
            assert_eq!(listed, !matches!(flag.effect, Effect::Refused(_)), "{name}");
            if matches!(flag.effect, Effect::Served | Effect::Ids) {
                assert!(help.contains(&flag.variable()), "{}", flag.name);
            }
        }
    }
}
