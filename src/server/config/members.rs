//! Parses `--initial-cluster`. The cluster has exactly one member here.

use crate::server::value;

/// Returns the name and the sorted peer URLs of the only member that `--initial-cluster` names.
pub fn one_member(text: &str) -> Result<(String, Vec<String>), String> {
    let mut name: Option<&str> = None;
    let mut urls = Vec::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (this, url) = part
            .split_once('=')
            .ok_or_else(|| format!("not of the form NAME=URL: {part}"))?;
        if name.is_some_and(|n| n != this) {
            return Err("this server is a single member: name only that one".into());
        }
        name = Some(this);
        urls.extend(value::urls(url)?);
    }
    urls.sort();
    urls.dedup();
    match name {
        Some(name) => Ok((name.to_string(), urls)),
        None => Err("names no member".into()),
    }
}
