//! `--config-file`: a YAML file with etcd's keys (etcd v3.7.1, server/embed/config.go, `configYAML`). Converts it to
//! pairs of flag and text, which `server::config` then parses as if they had been typed.

use std::{fs, path::Path};

use serde_yaml_ng::{Mapping, Value};

use crate::server::{
    config::ConfigError,
    flags::{self, FlagType},
};

/// The content of a configuration file.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// Flags without dashes, and their values.
    pub flags: Vec<(String, String)>,
    /// Unknown keys, which etcd ignores.
    pub unknown: Vec<String>,
}

/// Maximum size of the file in bytes: much larger than any configuration, but small enough if the name of another file
/// is given by mistake.
const LARGEST: u64 = 1 << 20;

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, is not valid YAML, or contains a value that no flag accepts.
    pub fn read(path: &Path) -> Result<ConfigFile, ConfigError> {
        let named = |why: String| ConfigError(format!("--config-file {}: {why}", path.display()));
        let size = fs::metadata(path)
            .map_err(|e| named(crate::bolt::plain(&e)))?
            .len();
        if size > LARGEST {
            return Err(named(format!(
                "{size} bytes are too large for a configuration file"
            )));
        }
        let text = fs::read_to_string(path).map_err(|e| named(crate::bolt::plain(&e)))?;
        parse(&text).map_err(named)
    }
}

fn parse(text: &str) -> Result<ConfigFile, String> {
    let value: Value = serde_yaml_ng::from_str(text)
        .map_err(|e| format!("error converting YAML to JSON: yaml: {e}"))?;
    let mut file = ConfigFile::default();
    match value {
        Value::Null => {}
        Value::Mapping(keys) => {
            for (key, value) in &keys {
                file.add(&name(key)?, value)?;
            }
        }
        _ => return Err("not a list of keys and values".into()),
    }
    Ok(file)
}

fn name(key: &Value) -> Result<String, String> {
    key.as_str()
        .map(str::to_string)
        .ok_or_else(|| format!("a key is not text: {key:?}"))
}

impl ConfigFile {
    fn add(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match key {
            "client-transport-security" => self.add_security("", key, value),
            "peer-transport-security" => self.add_security("peer-", key, value),
            "socket-options" => {
                for (key, value) in mapping(key, value)? {
                    let key = name(key)?;
                    self.add(&format!("socket-{key}"), value)?;
                }
                Ok(())
            }
            // As in etcd, a configuration file cannot include another one.
            "config-file" => {
                self.unknown.push(key.into());
                Ok(())
            }
            _ => self.add_flag(key, value),
        }
    }

    /// A group of TLS keys. The names of the flags are these keys with a prefix.
    fn add_security(&mut self, prefix: &str, group: &str, value: &Value) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        for (key, value) in mapping(group, value)? {
            let key = name(key)?;
            let flag = match (prefix, key.as_str()) {
                ("", "allowed-hostname") => "client-cert-allowed-hostname".into(),
                ("", "crl-file") => "client-crl-file".into(),
                ("peer-", "allowed-cn" | "allowed-hostname") => format!("peer-cert-{key}"),
                _ => format!("{prefix}{key}"),
            };
            self.add_flag(&flag, value)?;
        }
        Ok(())
    }

    fn add_flag(&mut self, key: &str, value: &Value) -> Result<(), String> {
        let Some(flag) = flags::find(key) else {
            self.unknown.push(key.into());
            return Ok(());
        };
        if value.is_null() {
            return Ok(());
        }
        let text = text(flag.kind, value)
            .ok_or_else(|| format!("{key}: not a valid value for this key"))?;
        // If the text is empty, etcd's default applies.
        if !text.is_empty() {
            self.flags.push((key.into(), text));
        }
        Ok(())
    }
}

fn mapping<'a>(key: &str, value: &'a Value) -> Result<&'a Mapping, String> {
    value.as_mapping().ok_or_else(|| format!("invalid {key}"))
}

/// A value as it would be typed; a list is joined with commas.
fn text(kind: FlagType, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(on) => Some(on.to_string()),
        // As in etcd, a plain number is a duration in nanoseconds.
        Value::Number(number) if kind == FlagType::Duration => Some(format!("{number}ns")),
        Value::Number(number) => Some(number.to_string()),
        Value::Sequence(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| text(kind, item)).collect();
            Some(items?.join(","))
        }
        Value::Null | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_flags() {
        let file = parse(
            "name: m1\n\
             data-dir: /d\n\
             quota-backend-bytes: 16777216\n\
             listen-client-urls: http://127.0.0.1:1,http://127.0.0.1:2\n\
             log-outputs: [stderr, /var/log/etcd.log]\n\
             grpc-keepalive-min-time: 7000000000\n\
             strict-reconfig-check: false\n\
             wal-dir:\n\
             client-transport-security:\n  cert-file: c.pem\n  client-cert-auth: true\n  allowed-hostname: [a, b]\n\
             peer-transport-security:\n  cert-file: p.pem\n\
             what-is-this: 1\n",
        )
        .unwrap();
        let value = |name: &str| {
            let flag = file.flags.iter().find(|(flag, _)| flag == name);
            flag.map(|(_, value)| value.as_str())
        };
        assert_eq!(value("quota-backend-bytes"), Some("16777216"));
        assert_eq!(value("log-outputs"), Some("stderr,/var/log/etcd.log"));
        assert_eq!(value("grpc-keepalive-min-time"), Some("7000000000ns"));
        assert_eq!(value("strict-reconfig-check"), Some("false"));
        assert_eq!(value("cert-file"), Some("c.pem"));
        assert_eq!(value("client-cert-allowed-hostname"), Some("a,b"));
        assert_eq!(value("peer-cert-file"), Some("p.pem"));
        assert_eq!(value("wal-dir"), None);
        assert_eq!(file.unknown, ["what-is-this"]);
    }

    #[test]
    fn invalid_configurations_are_refused_in_one_line() {
        for (text, says) in [
            ("a: b: c", "error converting YAML to JSON"),
            ("- a\n- b\n", "not a list of keys"),
            (
                "client-transport-security: yes please",
                "invalid client-transport-security",
            ),
            ("name: {a: b}", "name: not a valid value"),
            ("1: 2", "a key is not text"),
        ] {
            let refusal = parse(text).unwrap_err();
            assert!(
                refusal.contains(says) && !refusal.contains('\n'),
                "{refusal}"
            );
        }
        assert!(parse("").unwrap().flags.is_empty());
    }
}
