//! The trait that every reply implements. It defines what a reply must provide; each format decides how to print it.

use super::{
    Rendered, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple, table::Table,
};

/// The result of a command, as a value that can be printed in every format.
///
/// No method has a default: a new reply does not compile until it implements every format. If a format does not support
/// the reply, the implementation is `out.unsupported()`; if the reply is plain text in every format, it is
/// `out.as_simple(self)`.
pub trait Reply {
    /// Lines for people and shell scripts.
    ///
    /// # Errors
    /// The output cannot be written. The same applies to the other methods, which also fail with
    /// [`super::RenderError::Unsupported`], before anything is written, if the format does not support the reply.
    fn simple(&self, out: &mut Simple<'_>) -> Rendered;

    /// `"Name" : value` lines.
    ///
    /// # Errors
    /// Like [`Reply::simple`].
    fn fields(&self, out: &mut Fields<'_>) -> Rendered;

    /// One line of JSON.
    ///
    /// # Errors
    /// Like [`Reply::simple`].
    fn json(&self, out: &mut Json<'_>) -> Rendered;

    /// An ASCII table.
    ///
    /// # Errors
    /// Like [`Reply::simple`].
    fn table(&self, out: &mut Table<'_>) -> Rendered;

    /// The server's message in its wire encoding.
    ///
    /// # Errors
    /// Like [`Reply::simple`].
    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered;
}
