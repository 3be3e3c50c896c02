//! The choice of a format and the one door to all of them. Knows nothing of how a format draws, of
//! terminals or of exit codes; writes only into what it is given.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use thiserror::Error;

use super::{Reply, fields, json, protobuf, simple, table};

/// What `-w` / `--write-out` chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for people and shell scripts.
    #[default]
    Simple,
    /// An ASCII table, for the few replies that are rows.
    Table,
    /// One line of JSON, as Go's `encoding/json` writes it.
    Json,
    /// `"Name" : value` lines.
    Fields,
    /// The server's message, marshalled, without a newline.
    Protobuf,
}

impl Format {
    /// Every format under the name that `-w` takes.
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

    /// Exact, lower case only (etcd v3.7.1, `etcdctl/ctlv3/command/printer.go`).
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

/// The value of `-w` names no format; exit code 4.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("unsupported output format")]
pub struct UnknownFormat;

/// What changes the text of a format without changing the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenderOptions {
    /// `--hex`: keys and values as `\x66` in simple, ids in hexadecimal in fields and in the JSON of `member`.
    pub hex: bool,
}

/// Why a reply was not written.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The format has no shape for this reply; exit code 4. The work itself has been done by then.
    #[error("{0} not supported as output format")]
    Unsupported(Format),
    /// stdout would not take it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes what `format` says of `reply` on stdout.
///
/// # Errors
/// [`RenderError::Unsupported`] before anything is written, where the format has no shape for the reply;
/// [`RenderError::Io`] as `out` gives it.
pub fn render(
    reply: &Reply,
    format: Format,
    options: &RenderOptions,
    out: &mut dyn Write,
) -> Result<(), RenderError> {
    match format {
        Format::Simple => simple::render(reply, options, out),
        Format::Table => table::render(reply, options, out),
        Format::Json => json::render(reply, options, out),
        Format::Fields => fields::render(reply, options, out),
        Format::Protobuf => protobuf::render(reply, options, out),
    }
}

/// Writes the part of `reply` that etcdctl puts on stderr in this format: endpoints that failed.
///
/// # Errors
/// As `err` gives them.
pub fn render_notes(reply: &Reply, format: Format, err: &mut dyn Write) -> io::Result<()> {
    match (reply, format) {
        (Reply::EndpointHealth(rows), Format::Simple) => simple::unhealthy(rows, err),
        (Reply::Defrag(rows), format) if format != Format::Json => {
            simple::not_defragmented(rows, err)
        }
        _ => Ok(()),
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
