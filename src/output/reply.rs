//! The trait that every reply implements. It says what a reply must answer, not how a format draws.

use super::{
    Rendered, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple, table::Table,
};

/// The result of a command, as a value that can be shown in every format.
///
/// No method has a default: a new reply does not compile until it answers for every format. Where a format has no
/// shape for a reply, the answer is `out.unsupported()`; where a reply is plain text in every format, it is
/// `out.as_simple(self)`.
pub trait Reply {
    /// Lines for people and shell scripts.
    ///
    /// # Errors
    /// The output cannot be written. The same holds for the other methods; those also fail with
    /// [`super::RenderError::Unsupported`], before anything is written, where the format has no shape for the reply.
    fn simple(&self, out: &mut Simple<'_>) -> Rendered;

    /// `"Name" : value` lines.
    ///
    /// # Errors
    /// As [`Reply::simple`].
    fn fields(&self, out: &mut Fields<'_>) -> Rendered;

    /// One line of JSON.
    ///
    /// # Errors
    /// As [`Reply::simple`].
    fn json(&self, out: &mut Json<'_>) -> Rendered;

    /// An ASCII table.
    ///
    /// # Errors
    /// As [`Reply::simple`].
    fn table(&self, out: &mut Table<'_>) -> Rendered;

    /// The server's message, marshalled.
    ///
    /// # Errors
    /// As [`Reply::simple`].
    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered;
}
