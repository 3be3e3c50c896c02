//! The source of the keys: another endpoint, or a file of key-value lines. Only reads.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
};

use bytes::Bytes;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind, io_text},
        hints,
    },
    client::{
        Client, Limit,
        endpoint::{Endpoint, Target},
        pairs::Pairs,
    },
    output::kv_line,
    proto::mvccpb::KeyValue,
};

/// File extension for key-value lines.
const LINES: &str = ".ndjson";
/// Maximum size in bytes of a file of key-value lines, which is held in memory.
const MAX_LINES: u64 = 1 << 30;

/// An opened source.
pub struct Source {
    /// The name for messages.
    pub name: String,
    kind: Kinds,
}

enum Kinds {
    /// An endpoint, and the revision to read; 0 is the latest.
    Client {
        client: Client,
        revision: i64,
    },
    Lines(BTreeMap<Bytes, KeyValue>),
}

impl Source {
    /// Opens what `--from` names, or this cluster's own history at `revision`.
    ///
    /// # Errors
    /// The source is malformed, cannot be read, or rejects the login.
    pub async fn open(
        ctx: &Context,
        from: Option<&str>,
        revision: i64,
    ) -> Result<Source, CommandError> {
        let Some(from) = from.filter(|from| !from.is_empty()) else {
            let client = ctx.client().await?;
            return Ok(Source {
                name: "its own history".into(),
                kind: Kinds::Client { client, revision },
            });
        };
        if from.ends_with(LINES) {
            if revision != 0 {
                let text = format!("--rev is for a source with a history, and {from} has none");
                return Err(CommandError::new(ErrorKind::BadArgs, text));
            }
            let lines =
                read_lines(Path::new(from)).map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
            return Ok(Source {
                name: from.to_owned(),
                kind: Kinds::Lines(lines),
            });
        }
        let endpoint = Endpoint::parse(from)
            .map_err(|e| CommandError::new(ErrorKind::BadArgs, format!("--from: {e}")))?;
        let client = ctx.client_of(&[from.to_owned()])?;
        let name = match &endpoint.target {
            // A file needs no login.
            Target::Snapshot { file } => file.display().to_string(),
            _ => {
                ctx.login()?.log_in(&client).await.map_err(named)?;
                from.to_owned()
            }
        };
        Ok(Source {
            name,
            kind: Kinds::Client { client, revision },
        })
    }

    /// Reads the range from `key` to `range_end`. A `revision` other than 0 overrides that of the source.
    pub fn read(&self, key: &Bytes, range_end: &Bytes, revision: i64, limit: Limit) -> Reader<'_> {
        match &self.kind {
            Kinds::Client {
                client,
                revision: asked,
            } => {
                let at = if revision == 0 { *asked } else { revision };
                let pairs = Pairs::new(client, key.clone(), range_end.clone(), at, limit);
                Reader::Pairs(Box::new(pairs), client)
            }
            Kinds::Lines(lines) => {
                let (key, range_end) = (key.clone(), range_end.clone());
                let within = lines
                    .values()
                    .filter(move |kv| is_within(&kv.key, &key, &range_end));
                Reader::Lines(Box::new(within))
            }
        }
    }
}

/// Reads a range of the source.
pub enum Reader<'a> {
    /// From an endpoint.
    Pairs(Box<Pairs>, &'a Client),
    /// From a file of lines.
    Lines(Box<dyn Iterator<Item = &'a KeyValue> + 'a>),
}

impl Reader<'_> {
    /// The next pair in key order.
    ///
    /// # Errors
    /// The request failed.
    pub async fn next(&mut self, ctx: &Context) -> Result<Option<KeyValue>, CommandError> {
        match self {
            Reader::Pairs(pairs, client) => match pairs.next().await {
                Ok(kv) => Ok(kv),
                Err(error) => {
                    let error = named(error);
                    let asked = pairs.revision();
                    Err(hints::add_oldest_readable(ctx, error, client, asked).await)
                }
            },
            Reader::Lines(lines) => Ok(lines.next().cloned()),
        }
    }

    /// The revision that is read; 0 for a file of lines, and before the first call of [`Reader::next`].
    pub fn revision(&self) -> i64 {
        match self {
            Reader::Pairs(pairs, _) => pairs.revision(),
            Reader::Lines(_) => 0,
        }
    }
}

/// Adds a hint that the error came from the source and not from the cluster.
fn named(error: crate::client::ClientError) -> CommandError {
    CommandError::from(error).hint("this came from the source (--from)")
}

/// Whether the key is in the range.
fn is_within(key: &[u8], first: &[u8], end: &[u8]) -> bool {
    match end {
        [] => key == first,
        [0] => key >= first,
        end => key >= first && key < end,
    }
}

fn read_lines(path: &Path) -> Result<BTreeMap<Bytes, KeyValue>, String> {
    let name = path.display();
    let failed = |e: std::io::Error| format!("open {name}: {}", io_text(&e));
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > MAX_LINES {
        return Err(format!("{name}: more than {MAX_LINES} bytes of lines"));
    }
    let mut out = BTreeMap::new();
    for (number, line) in (1..).zip(BufReader::new(file.take(MAX_LINES)).lines()) {
        let line = line.map_err(|e| format!("{name}: line {number}: {}", io_text(&e)))?;
        if line.trim().is_empty() {
            continue;
        }
        let kv = kv_line::decode(&line).map_err(|e| format!("{name}: line {number}: {e}"))?;
        if out.insert(kv.key.clone(), kv).is_some() {
            return Err(format!("{name}: line {number}: the key has a line already"));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_etcd() {
        for (key, first, end, within) in [
            ("a", "a", "", true),
            ("ab", "a", "", false),
            ("ab", "a", "b", true),
            ("b", "a", "b", false),
            ("0", "a", "b", false),
            ("z", "a", "\0", true),
            ("0", "a", "\0", false),
        ] {
            let is = is_within(key.as_bytes(), first.as_bytes(), end.as_bytes());
            assert_eq!(is, within, "{key} {first} {end:?}");
        }
    }

    #[test]
    fn lines_are_read_and_a_bad_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ndjson");
        let line = |key: &str| format!("{{\"schema\":1,\"key\":\"{key}\",\"value\":\"v\"}}\n");
        std::fs::write(&path, line("b") + "\n" + &line("a")).unwrap();
        let keys: Vec<Bytes> = read_lines(&path).unwrap().into_keys().collect();
        assert_eq!(keys, ["a", "b"]);
        for (text, problem) in [
            (line("a") + "{", "line 2: EOF"),
            (line("a") + &line("a"), "line 2: the key has a line already"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read_lines(&path).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
        assert!(
            read_lines(&dir.path().join("none"))
                .unwrap_err()
                .ends_with("no such file or directory")
        );
    }
}
