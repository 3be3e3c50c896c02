//! `-w fields`: one `"Name" : value` per line. Keys and values are quoted as Go's `%q` quotes them; most texts of
//! the server are not quoted.

use std::fmt::Display;
use std::io::Write;

use super::{Format, RenderError, Rendered, Reply, simple::Simple};
use crate::golang::{format, string};
use crate::proto::etcdserverpb::ResponseHeader;
use crate::proto::mvccpb::KeyValue;

/// Writes `"Name" : value` lines.
pub struct Fields<'a> {
    pub(super) hex: bool,
    pub(super) out: &'a mut dyn Write,
}

impl Fields<'_> {
    /// The format has no shape for this reply.
    ///
    /// # Errors
    /// Always [`RenderError::Unsupported`].
    pub fn unsupported(&self) -> Rendered {
        Err(RenderError::Unsupported(Format::Fields))
    }

    /// The reply is plain text in this format too.
    ///
    /// # Errors
    /// The output cannot be written. The same holds for the other methods.
    pub fn as_simple(&mut self, reply: &dyn Reply) -> Rendered {
        reply.simple(&mut Simple {
            hex: self.hex,
            out: self.out,
        })
    }

    /// A value as it is.
    ///
    /// # Errors
    /// As [`Fields::as_simple`].
    pub fn line(&mut self, name: &str, value: impl Display) -> Rendered {
        Ok(writeln!(self.out, "\"{name}\" : {value}")?)
    }

    /// A value as Go's `%q` quotes it.
    ///
    /// # Errors
    /// As [`Fields::as_simple`].
    pub fn quoted(&mut self, name: &str, value: &[u8]) -> Rendered {
        self.line(name, format::quote(value))
    }

    /// The empty line between two records.
    ///
    /// # Errors
    /// As [`Fields::as_simple`].
    pub fn end_of_record(&mut self) -> Rendered {
        Ok(self.out.write_all(b"\n")?)
    }

    /// Text in a form of its own.
    ///
    /// # Errors
    /// As [`Fields::as_simple`].
    pub fn raw_line(&mut self, text: &str) -> Rendered {
        self.out.write_all(&string::bytes(text))?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// The id of a cluster or a member; in hexadecimal with `--hex`.
    ///
    /// # Errors
    /// As [`Fields::as_simple`].
    pub fn id(&mut self, name: &str, id: u64) -> Rendered {
        if self.hex {
            self.line(name, format_args!("{id:x}"))
        } else {
            self.line(name, id)
        }
    }

    /// The id of a lease; with `--hex` it has all 16 digits.
    ///
    /// # Errors
    /// As [`Fields::as_simple`].
    pub fn lease(&mut self, name: &str, id: i64) -> Rendered {
        if self.hex {
            self.line(name, format_args!("{id:016x}"))
        } else {
            self.line(name, id)
        }
    }

    /// The header of an answer. Answers about members have no revision, and none is shown.
    ///
    /// # Errors
    /// As [`Fields::as_simple`].
    pub fn header(&mut self, header: Option<&ResponseHeader>) -> Rendered {
        let none = ResponseHeader::default();
        let header = header.unwrap_or(&none);
        self.id("ClusterID", header.cluster_id)?;
        self.id("MemberID", header.member_id)?;
        if header.revision > 0 {
            self.line("Revision", header.revision)?;
        }
        self.line("RaftTerm", header.raft_term)
    }

    /// A key with its value, each name with `prefix` before it.
    ///
    /// # Errors
    /// As [`Fields::as_simple`].
    pub fn pair(&mut self, prefix: &str, kv: &KeyValue) -> Rendered {
        self.quoted(&format!("{prefix}Key"), &kv.key)?;
        self.line(&format!("{prefix}CreateRevision"), kv.create_revision)?;
        self.line(&format!("{prefix}ModRevision"), kv.mod_revision)?;
        self.line(&format!("{prefix}Version"), kv.version)?;
        self.quoted(&format!("{prefix}Value"), &kv.value)?;
        self.lease(&format!("{prefix}Lease"), kv.lease)
    }
}
