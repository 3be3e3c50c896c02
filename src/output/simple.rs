//! `-w simple`: plain lines. Keys and values are written as the bytes that they are, unless `--hex` is given.

use std::fmt::Display;
use std::io::Write;

use super::{Rendered, Rows};
use crate::golang::{format, string};
use crate::proto::mvccpb::KeyValue;

/// Writes plain lines.
pub struct Simple<'a> {
    pub(super) hex: bool,
    pub(super) out: &'a mut dyn Write,
}

impl Simple<'_> {
    /// One line of text. Words of the command line keep their bytes, even where they are not UTF-8.
    ///
    /// # Errors
    /// The output cannot be written. The same holds for the other methods.
    pub fn line(&mut self, text: impl Display) -> Rendered {
        let text = text.to_string();
        self.out.write_all(&string::bytes(&text))?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// One line that is a key or a value: as it is, or as `\x66\x6f` with `--hex`.
    ///
    /// # Errors
    /// As [`Simple::line`].
    pub fn bytes(&mut self, raw: &[u8]) -> Rendered {
        if self.hex {
            return Ok(writeln!(self.out, "{}", format::hex(raw))?);
        }
        self.out.write_all(raw)?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// Two lines, key and value.
    ///
    /// # Errors
    /// As [`Simple::line`].
    pub fn pair(&mut self, kv: &KeyValue) -> Rendered {
        self.bytes(&kv.key)?;
        self.bytes(&kv.value)
    }

    /// One line for each row, with commas between the cells.
    ///
    /// # Errors
    /// As [`Simple::line`].
    pub fn rows(&mut self, rows: &Rows) -> Rendered {
        rows.rows
            .iter()
            .try_for_each(|row| self.line(row.join(", ")))
    }
}
