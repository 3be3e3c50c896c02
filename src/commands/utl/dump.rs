//! `list-bucket`, `iterate-bucket`, `hash`, `scan-keys`, `meta`: the functions of etcd's tool etcd-dump-db, without
//! writing to the file.

use std::{io::Write, path::Path};

use clap::{Args, ValueHint};
use serde::Serialize;
use serde_json::json;

use super::Context;
use crate::{
    cli::{
        error::{CommandError, ErrorKind},
        value,
        words::Words,
    },
    golang::string,
    output::{
        Format,
        replies::dump::{FileHash, FileMeta},
    },
    snapshot::{Error, SnapshotFile, dump},
    words,
};

words! {
    pub DatabaseWords: 1..=1, "<data directory or file>", BadArgs "a data directory or a database file is needed",
        HINT = ValueHint::AnyPath
}

fn failed(e: Error) -> CommandError {
    CommandError::new(ErrorKind::Failed, e)
}

fn open(path: &std::ffi::OsStr) -> Result<SnapshotFile, CommandError> {
    SnapshotFile::open_database(Path::new(path)).map_err(failed)
}

/// Whether to print JSON. The lists in this file support only the simple format and JSON.
fn is_json(ctx: &Context) -> Result<bool, CommandError> {
    match ctx.format()? {
        Format::Simple => Ok(false),
        Format::Json => Ok(true),
        other => Err(unsupported(other)),
    }
}

fn unsupported(format: Format) -> CommandError {
    CommandError::new(
        ErrorKind::BadFeature,
        format!("{format} not supported as output format"),
    )
}

/// Bytes in JSON: as text, or as base64 under another name if they are not valid UTF-8.
#[derive(Serialize)]
pub struct BytesJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl BytesJson {
    /// For these bytes.
    pub fn new(bytes: &[u8]) -> BytesJson {
        use base64::Engine as _;
        match std::str::from_utf8(bytes) {
            Ok(text) => BytesJson {
                text: Some(text.to_owned()),
                base64: None,
            },
            Err(_) => BytesJson {
                text: None,
                base64: Some(base64::engine::general_purpose::STANDARD.encode(bytes)),
            },
        }
    }
}

/// Writes the items of a list one by one, as lines or as a JSON object that contains the list.
pub struct List<'a> {
    out: &'a mut dyn Write,
    json: bool,
    first: bool,
    failed: Option<std::io::Error>,
}

impl<'a> List<'a> {
    /// Begins the list. `head` precedes it in JSON, for example `"schema":1,"records":`.
    pub fn begin(out: &'a mut dyn Write, json: bool, head: &str) -> List<'a> {
        let mut list = List {
            out,
            json,
            first: true,
            failed: None,
        };
        if json {
            let done = write!(list.out, "{{{head}[");
            list.failed = done.err();
        }
        list
    }

    /// Writes an item. Returns whether more can be written.
    pub fn item(&mut self, line: impl FnOnce() -> String, json: impl FnOnce() -> String) -> bool {
        if self.failed.is_none() {
            let done = if self.json {
                let separator = if self.first { "" } else { "," };
                write!(self.out, "{separator}{}", json())
            } else {
                self.out.write_all(&string::bytes(&(line() + "\n")))
            };
            self.first = false;
            self.failed = done.err();
        }
        self.failed.is_none()
    }

    /// Ends the list. `tail` follows it in JSON.
    ///
    /// # Errors
    /// stdout could not be written, now or earlier.
    pub fn end(mut self, tail: &str) -> Result<(), CommandError> {
        if self.json && self.failed.is_none() {
            self.failed = writeln!(self.out, "]{tail}}}").err();
        }
        self.failed.map_or(Ok(()), |e| Err(CommandError::stdout(e)))
    }
}

fn text(bytes: &[u8]) -> String {
    string::text(bytes).into_owned()
}

/// List the buckets of a database file
///
/// The file is only read, whereas etcd-dump-db writes a freelist to it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl list-bucket backup.db
  etcdutl list-bucket /var/lib/etcd")]
pub struct ListBucketArgs {
    #[command(flatten)]
    words: Words<DatabaseWords>,
}

/// Runs `list-bucket`.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn list_bucket(ctx: &Context, args: &ListBucketArgs) -> Result<(), CommandError> {
    let [path] = args.words.exactly()?;
    let json = is_json(ctx)?;
    let names = dump::list_buckets(&open(path)?).map_err(failed)?;
    ctx.ui.data(|out| {
        let mut list = List::begin(out, json, "\"schema\":1,\"buckets\":");
        for name in &names {
            list.item(|| text(name), || json!(text(name)).to_string());
        }
        list.end("")
    })
}

words! {
    pub IterateWords: 2..=2, "<data directory or file> <bucket>",
        BadArgs "a data directory or a database file, and the name of a bucket are needed", HINT = ValueHint::AnyPath
}

/// List the records of a bucket in reverse order
///
/// The file is only read, whereas etcd-dump-db writes a freelist to it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl iterate-bucket backup.db key --decode --limit=10
  etcdutl iterate-bucket /var/lib/etcd lease --decode")]
pub struct IterateBucketArgs {
    /// Maximum number of records; 0 lists all [default: 0]
    #[arg(long, value_name = "n", value_parser = value::flag_uint)]
    limit: Option<u64>,
    /// Decode the records
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    decode: Option<bool>,
    #[command(flatten)]
    words: Words<IterateWords>,
}

/// Runs `iterate-bucket`.
///
/// # Errors
/// The file cannot be read, is damaged, or has no such bucket.
pub fn iterate_bucket(ctx: &Context, args: &IterateBucketArgs) -> Result<(), CommandError> {
    let [path, name] = args.words.exactly()?;
    let json = is_json(ctx)?;
    let file = open(path)?;
    let name = name.as_encoded_bytes();
    let decode = args.decode.unwrap_or(false);
    let mut left = match args.limit {
        None | Some(0) => u64::MAX,
        Some(limit) => limit,
    };
    let line = |key: &[u8], value: &[u8]| {
        if decode {
            dump::decode(name, key, value)
        } else {
            dump::plain(key, value)
        }
    };
    ctx.ui.data(|out| {
        let head = format!("\"schema\":1,\"bucket\":{},\"records\":", json!(text(name)));
        let mut list = List::begin(out, json, &head);
        let done = dump::iterate_bucket(&file, name, &mut |key, value| {
            left -= 1;
            let object = || {
                let mut object = json!({
                    "key": BytesJson::new(key),
                    "value": BytesJson::new(value),
                });
                if decode {
                    object["decoded"] = json!(line(key, value));
                }
                object.to_string()
            };
            list.item(|| line(key, value), object) && left > 0
        });
        done.map_err(failed).and(list.end(""))
    })
}

/// Print the hash over all buckets of a database file
///
/// This is the hash that a server returns for Maintenance.Hash; it is the same on all members of a cluster. The hash of
/// `snapshot status` covers more, that of `hashkv` only keys.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl hash backup.db
  etcdutl hash /var/lib/etcd --write-out=json")]
pub struct HashArgs {
    #[command(flatten)]
    words: Words<DatabaseWords>,
}

/// Runs `hash`.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn hash(ctx: &Context, args: &HashArgs) -> Result<(), CommandError> {
    let [path] = args.words.exactly()?;
    let format = ctx.format()?;
    let file = open(path)?;
    let hash = dump::backend_hash(&file).map_err(failed)?;
    ctx.emit(&FileHash::new(file.path(), hash), format)
}

/// Print the meta pages and the bucket meta of a database file
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl meta backup.db
  etcdutl meta /var/lib/etcd --write-out=json")]
pub struct MetaArgs {
    #[command(flatten)]
    words: Words<DatabaseWords>,
}

/// Runs `meta`.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn meta(ctx: &Context, args: &MetaArgs) -> Result<(), CommandError> {
    let [path] = args.words.exactly()?;
    let format = ctx.format()?;
    let metas = dump::meta(&open(path)?).map_err(failed)?;
    ctx.emit(&FileMeta::new(metas), format)
}

words! {
    pub ScanWords: 1..=2, "<data directory or file> [revision]",
        BadArgs "a data directory or a database file is needed, optionally followed by the first revision",
        HINT = ValueHint::AnyPath
}

/// List the records of the history of keys in all pages of a file
///
/// Pages that are no longer in use are searched too: they contain what was recently compacted or deleted. Unreadable
/// pages and records are reported on stderr and skipped.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl scan-keys backup.db
  etcdutl scan-keys /var/lib/etcd 1200")]
pub struct ScanKeysArgs {
    #[command(flatten)]
    words: Words<ScanWords>,
}

/// Runs `scan-keys`.
///
/// # Errors
/// The file cannot be read.
pub fn scan_keys(ctx: &Context, args: &ScanKeysArgs) -> Result<(), CommandError> {
    let (path, from) = match args.words.get()? {
        [path, from] => (path, from.to_string_lossy().into_owned()),
        words => (&words[0], "0".to_owned()),
    };
    let from = value::int(&from, 10).map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
    let json = is_json(ctx)?;
    let file = open(path)?;
    let mut end = None;
    ctx.ui.data(|out| {
        let mut list = List::begin(out, json, "\"schema\":1,\"records\":");
        let done = dump::scan_keys(&file, from, &mut |record| {
            let decoded = || dump::decode(b"key", record.key, record.value);
            let line = || {
                format!(
                    "pageID={}, index={}/{}, {}",
                    record.page,
                    record.index,
                    record.last_index,
                    decoded()
                )
            };
            let object = || {
                json!({
                    "page": record.page,
                    "index": record.index,
                    "decoded": decoded(),
                    "key": BytesJson::new(record.key),
                    "value": BytesJson::new(record.value),
                })
                .to_string()
            };
            list.item(line, object)
        });
        let unreadable = done.as_ref().map_or(0, |end| end.unreadable);
        let ended = list.end(&format!(",\"unreadable\":{unreadable}"));
        end = Some(done.map_err(failed)?);
        ended
    })?;
    if let Some(end) = end {
        for problem in &end.problems {
            ctx.ui.note(problem);
        }
        if let more @ 1.. = end.unreadable - end.problems.len() as u64 {
            ctx.ui.note(&format!("and {more} more that cannot be read"));
        }
    }
    Ok(())
}
