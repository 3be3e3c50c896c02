//! What a server is told at its start: `serve`'s flags, `ETCD_*`, and the parameters of `embedded:`
//! all end here, under etcd's flag names.

use std::path::PathBuf;

/// The settings of one server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directory that holds `db`.
    pub data_dir: PathBuf,
    /// Bytes at which writes are refused; 0 = 2 GiB, negative = no quota.
    pub quota_backend_bytes: i64,
}

/// A flag's value that can't be used: one line that names both.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// etcd's defaults on the given data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Config {
        Config {
            data_dir: data_dir.into(),
            quota_backend_bytes: 0,
        }
    }

    /// Sets one flag by etcd's name (without dashes), from text as typed.
    ///
    /// # Errors
    /// The flag is unknown, needs a cluster, or its value can't be used.
    pub fn set(&mut self, flag: &str, _value: &str) -> Result<(), ConfigError> {
        Err(ConfigError(format!("unknown flag: --{flag}")))
    }
}
