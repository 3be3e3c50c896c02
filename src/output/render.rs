//! Selects the format of a reply. Knows nothing about the formats themselves, terminals or exit codes, and writes only
//! to the given writer.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use thiserror::Error;

use super::{Reply, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple, table::Table};

/// An output format, as `-w` / `--write-out` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for people and shell scripts.
    #[default]
    Simple,
    /// An ASCII table, for the few replies that consist of rows.
    Table,
    /// One line of JSON, as Go's `encoding/json` writes it.
    Json,
    /// `"Name" : value` lines.
    Fields,
    /// The server's message in its wire encoding, without a newline.
    Protobuf,
}

impl Format {
    /// Every format with the name that `-w` takes.
    pub const NAMES: [(&'static str, Format); 5] = [
        ("simple", Format::Simple),
        ("fields", Format::Fields),
        ("json", Format::Json),
        ("protobuf", Format::Protobuf),
        ("table", Format::Table),
    ];
}

impl FromStr for Format {
    type Err = UnknownFormat;

    /// Names are case-sensitive and lower case (etcd v3.7.1, `etcdctl/ctlv3/command/printer.go`).
    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, format)| *format)
            .ok_or(UnknownFormat)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES
            .iter()
            .find(|(_, format)| format == self)
            .map_or("", |(name, _)| *name);
        f.write_str(name)
    }
}

/// The value of `-w` is not a format; exit code 4.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("unsupported output format")]
pub struct UnknownFormat;

/// Options that affect the output of a format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenderOptions {
    /// `--hex`: keys and values as `\x66` in the simple format, ids in hexadecimal in the fields format and in some
    /// JSON.
    pub hex: bool,
}

/// Why a reply was not written.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The format does not support this reply; exit code 4. The command itself has been executed by then.
    #[error("{0} not supported as output format")]
    Unsupported(Format),
    /// In etcdctl, the reply has this Go type, which cannot be encoded as protobuf; exit code 4. etcdctl prints the Go
    /// value in the parentheses, including pointers.
    #[error("marshal unsupported for type {0} (not a message)")]
    Unmarshallable(&'static str),
    /// The output could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The result of writing a reply.
pub type Rendered = Result<(), RenderError>;

/// Writes `reply` in `format`.
///
/// # Errors
/// [`RenderError::Unsupported`] if the format does not support the reply, before anything is written;
/// [`RenderError::Io`] if `out` cannot be written.
pub fn render(
    reply: &dyn Reply,
    format: Format,
    options: &RenderOptions,
    out: &mut dyn Write,
) -> Rendered {
    let hex = options.hex;
    match format {
        Format::Simple => reply.simple(&mut Simple { hex, out }),
        Format::Fields => reply.fields(&mut Fields { hex, out }),
        Format::Json => reply.json(&mut Json { hex, out }),
        Format::Table => reply.table(&mut Table { hex, out }),
        Format::Protobuf => reply.protobuf(&mut Protobuf { hex, out }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        assert_eq!("json".parse(), Ok(Format::Json));
        for wrong in ["JSON", "", "yaml", " json"] {
            assert_eq!(wrong.parse::<Format>(), Err(UnknownFormat), "{wrong:?}");
        }
        for (name, format) in Format::NAMES {
            assert_eq!(format.to_string(), name);
        }
    }
}
