//! `-w fields`: one `"Name" : value` per line. Keys and values are quoted like Go's `%q`; most texts from the server
//! are not quoted.

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
    /// Fails: this format does not support the reply.
    ///
    /// # Errors
    /// Always [`RenderError::Unsupported`].
    pub fn unsupported(&self) -> Rendered {
        Err(RenderError::Unsupported(Format::Fields))
    }

    /// Prints the reply as plain text.
    ///
    /// # Errors
    /// The output cannot be written. The same applies to the other methods.
    pub fn as_simple(&mut self, reply: &dyn Reply) -> Rendered {
        reply.simple(&mut Simple {
            hex: self.hex,
            out: self.out,
        })
    }

    /// A line with an unquoted value.
    ///
    /// # Errors
    /// Like [`Fields::as_simple`].
    pub fn line(&mut self, name: &str, value: impl Display) -> Rendered {
        Ok(writeln!(self.out, "\"{name}\" : {value}")?)
    }

    /// A line with a value quoted like Go's `%q`.
    ///
    /// # Errors
    /// Like [`Fields::as_simple`].
    pub fn quoted(&mut self, name: &str, value: &[u8]) -> Rendered {
        self.line(name, format::quote(value))
    }

    /// The empty line that ends a record.
    ///
    /// # Errors
    /// Like [`Fields::as_simple`].
    pub fn end_of_record(&mut self) -> Rendered {
        Ok(self.out.write_all(b"\n")?)
    }

    /// A line of text in any other form.
    ///
    /// # Errors
    /// Like [`Fields::as_simple`].
    pub fn raw_line(&mut self, text: &str) -> Rendered {
        self.out.write_all(&string::bytes(text))?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// The id of a cluster or member; in hexadecimal with `--hex`.
    ///
    /// # Errors
    /// Like [`Fields::as_simple`].
    pub fn id(&mut self, name: &str, id: u64) -> Rendered {
        if self.hex {
            self.line(name, format_args!("{id:x}"))
        } else {
            self.line(name, id)
        }
    }

    /// The id of a lease; with `--hex`, all 16 digits.
    ///
    /// # Errors
    /// Like [`Fields::as_simple`].
    pub fn lease(&mut self, name: &str, id: i64) -> Rendered {
        if self.hex {
            self.line(name, format_args!("{id:016x}"))
        } else {
            self.line(name, id)
        }
    }

    /// The header of a response. The revision is omitted if it is 0, as in responses about members.
    ///
    /// # Errors
    /// Like [`Fields::as_simple`].
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

    /// A key and its value. `prefix` is prepended to each name.
    ///
    /// # Errors
    /// Like [`Fields::as_simple`].
    pub fn pair(&mut self, prefix: &str, kv: &KeyValue) -> Rendered {
        self.quoted(&format!("{prefix}Key"), &kv.key)?;
        self.line(&format!("{prefix}CreateRevision"), kv.create_revision)?;
        self.line(&format!("{prefix}ModRevision"), kv.mod_revision)?;
        self.line(&format!("{prefix}Version"), kv.version)?;
        self.quoted(&format!("{prefix}Value"), &kv.value)?;
        self.lease(&format!("{prefix}Lease"), kv.lease)
    }
}
