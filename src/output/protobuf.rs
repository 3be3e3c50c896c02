//! `-w protobuf`: the server's message in its wire encoding, and nothing else.

use std::io::Write;

use prost::Message;

use super::{Format, RenderError, Rendered, Reply, simple::Simple};

/// Writes encoded messages.
pub struct Protobuf<'a> {
    pub(super) hex: bool,
    pub(super) out: &'a mut dyn Write,
}

impl Protobuf<'_> {
    /// Fails: the reply is not a single message of the server.
    ///
    /// # Errors
    /// Always [`RenderError::Unsupported`].
    pub fn unsupported(&self) -> Rendered {
        Err(RenderError::Unsupported(Format::Protobuf))
    }

    /// Fails: in etcdctl, the reply's Go type is not a message.
    ///
    /// # Errors
    /// Always [`RenderError::Unmarshallable`].
    pub fn unmarshallable(&self, go_type: &'static str) -> Rendered {
        Err(RenderError::Unmarshallable(go_type))
    }

    /// Prints the reply as plain text.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn as_simple(&mut self, reply: &dyn Reply) -> Rendered {
        reply.simple(&mut Simple {
            hex: self.hex,
            out: self.out,
        })
    }

    /// Writes a message.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn message(&mut self, message: &impl Message) -> Rendered {
        Ok(self.out.write_all(&message.encode_to_vec())?)
    }
}
