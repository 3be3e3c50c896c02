//! `-w simple`: plain lines. Keys and values are written as raw bytes, unless `--hex` is given.

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
    /// A line of text. Command-line arguments that are not valid UTF-8 are written as their original bytes.
    ///
    /// # Errors
    /// The output cannot be written. The same applies to the other methods.
    pub fn line(&mut self, text: impl Display) -> Rendered {
        let text = text.to_string();
        self.out.write_all(&string::bytes(&text))?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// A line with a word of our own, which is written as it is.
    ///
    /// # Errors
    /// Like [`Simple::line`].
    pub fn word(&mut self, word: &'static str) -> Rendered {
        self.out.write_all(word.as_bytes())?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// A line with a key or a value: raw, or as `\x66\x6f` with `--hex`.
    ///
    /// # Errors
    /// Like [`Simple::line`].
    pub fn bytes(&mut self, raw: &[u8]) -> Rendered {
        if self.hex {
            return Ok(writeln!(self.out, "{}", format::hex(raw))?);
        }
        self.out.write_all(raw)?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// A key and its value on two lines.
    ///
    /// # Errors
    /// Like [`Simple::line`].
    pub fn pair(&mut self, kv: &KeyValue) -> Rendered {
        self.bytes(&kv.key)?;
        self.bytes(&kv.value)
    }

    /// One line per row, with commas between cells.
    ///
    /// # Errors
    /// Like [`Simple::line`].
    pub fn rows(&mut self, rows: &Rows) -> Rendered {
        rows.rows
            .iter()
            .try_for_each(|row| self.line(row.join(", ")))
    }
}
