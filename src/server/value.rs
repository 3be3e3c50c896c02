//! Parses the values of `serve`'s flags like etcd's Go code: integers with a base prefix, booleans, durations with
//! units, URLs. Knows no flag by name.

use std::time::Duration;

use crate::golang::value::{self as go_value, DurationError, NumberError};

/// An integer in Go's base-0 notation: `10`, `0x10`, `0o17`, `017`, `0b1`, `1_000`, with a sign.
pub fn int(text: &str) -> Result<i64, String> {
    go_value::int(text, 0).map_err(|e| match e {
        NumberError::Syntax => "not a whole number".into(),
        NumberError::Range => "number out of range".into(),
    })
}

/// Like [`int`], but rejects negative numbers.
pub fn uint(text: &str) -> Result<u64, String> {
    go_value::uint(text, 0).map_err(|_| "not a whole number of 0 or more".into())
}

/// A boolean in Go's notation.
pub fn boolean(text: &str) -> Result<bool, String> {
    go_value::boolean(text).ok_or_else(|| "neither true nor false".into())
}

/// A duration in Go's notation (`1h30m`, `300ms`, `1.5s`). Must not be negative, which would be meaningless for any
/// flag of the server.
pub fn duration(text: &str) -> Result<Duration, String> {
    let malformed = "not a duration such as 300ms, 5s or 1h30m";
    match go_value::duration(text) {
        Ok(nanos) if nanos < 0 => Err("a duration must not be negative".into()),
        Ok(nanos) => Ok(Duration::from_nanos(nanos.unsigned_abs())),
        Err(DurationError::MissingUnit) if text.bytes().all(|b| b.is_ascii_digit()) => Err(
            format!("a duration needs a unit, such as {text}s or {text}m"),
        ),
        Err(_) => Err(malformed.into()),
    }
}

/// Comma-separated words; none if the text is empty.
pub fn list(text: &str) -> Vec<String> {
    let words = text.split(',').filter(|word| !word.is_empty());
    words.map(str::to_string).collect()
}

/// A comma-separated list of URLs, each checked like etcd v3.7.1 (client/pkg/types/urls.go): scheme http, https, unix
/// or unixs; host and port but no path for the first two. Sorted, without duplicates.
pub fn urls(text: &str) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for url in text.split(',') {
        let url = url.trim();
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| format!("URL scheme must be http, https, unix, or unixs: {url}"))?;
        match scheme {
            "http" | "https" => {
                if rest.contains('/') {
                    return Err(format!("URL must not contain a path: {url}"));
                }
                if host_and_port(rest).is_none() {
                    return Err(format!(
                        "URL address does not have the form \"host:port\": {url}"
                    ));
                }
            }
            "unix" | "unixs" if !rest.is_empty() => {}
            "unix" | "unixs" => return Err(format!("URL names no socket: {url}")),
            _ => {
                return Err(format!(
                    "URL scheme must be http, https, unix, or unixs: {url}"
                ));
            }
        }
        all.push(url.to_string());
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// Splits `host:port` and `[v6]:port`. Returns the host without brackets. `None` if either is missing or the port is
/// not a number.
pub fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    Some((host, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_take_gos_bases() {
        assert_eq!(int("10"), Ok(10));
        assert_eq!(int("-0x10"), Ok(-16));
        assert_eq!(int("0b101"), Ok(5));
        assert_eq!(int("017"), Ok(15));
        assert_eq!(int("1_000"), Ok(1000));
        assert_eq!(int("-9223372036854775808"), Ok(i64::MIN));
        for bad in [
            "",
            "ten",
            "1_",
            "0x",
            "--1",
            "9223372036854775808",
            "1.5",
            "08",
        ] {
            assert!(int(bad).is_err(), "{bad:?}");
        }
        assert!(uint("-1").is_err());
        assert_eq!(uint("18446744073709551615"), Ok(u64::MAX));
    }

    #[test]
    fn durations_are_gos() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration(".5ms"), Ok(Duration::from_micros(500)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert!(duration("5").unwrap_err().contains("5s"));
        for bad in ["", "s", "5x", "1..5s", "-1s", "1h 2m", "99999999999h"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn urls_are_checked_as_etcd_checks_them() {
        assert_eq!(
            urls("http://b:1, http://[::1]:2,http://b:1"),
            Ok(vec!["http://[::1]:2".into(), "http://b:1".into()])
        );
        assert!(urls("unix:///run/x.sock").is_ok());
        for bad in [
            "",
            "b:1",
            "ftp://b:1",
            "http://b",
            "http://b:1/p",
            "http://::1:2",
            "unix://",
        ] {
            assert!(urls(bad).is_err(), "{bad:?}");
        }
    }
}
