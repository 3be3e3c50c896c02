//! JSON text as Go's `encoding/json` writes it: compact, and with those characters escaped that could end a script
//! element or a JavaScript line.

use std::io::{self, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};

/// Text is written once this many bytes have accumulated, so that memory use does not grow with the length of a line.
const PIECE: usize = 64 << 10;
/// Bytes that are encoded as base64 at once: a multiple of 3, so that only the last piece is padded.
const BASE64_PIECE: usize = 3 << 8;

/// Writes `value` and a newline. A line of at most 64 KiB is written at once.
///
/// # Errors
/// An error of `out`.
pub fn write_line<T: Serialize + ?Sized>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    let mut pieces = Pieces {
        text: Vec::with_capacity(256),
        out,
    };
    value
        .serialize(&mut serde_json::Serializer::with_formatter(
            &mut pieces,
            GoFormatter,
        ))
        .map_err(io::Error::from)?;
    pieces.text.push(b'\n');
    pieces.flush()
}

/// Collects the many small writes of a serializer.
struct Pieces<'a> {
    text: Vec<u8>,
    out: &'a mut dyn Write,
}

impl Write for Pieces<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        if self.text.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }
}

/// Appends `value` to `text`, with no newline.
///
/// # Errors
/// `value` cannot be represented in JSON.
pub fn append<T: Serialize + ?Sized>(value: &T, text: &mut Vec<u8>) -> io::Result<()> {
    value
        .serialize(&mut serde_json::Serializer::with_formatter(
            text,
            GoFormatter,
        ))
        .map_err(io::Error::from)
}

/// Bytes as Go marshals `[]byte`: base64 with the standard alphabet and padding. Only for [`write_line`] and [`append`].
///
/// # Errors
/// An error of the serializer.
pub fn base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    // The formatter encodes the bytes. If they were a string, it would be searched for characters to escape.
    serializer.serialize_bytes(bytes)
}

/// Whether a character that Go escapes can begin with this byte.
fn may_be_escaped(byte: &u8) -> bool {
    matches!(byte, b'<' | b'>' | b'&' | 0xe2)
}

struct GoFormatter;

impl Formatter for GoFormatter {
    /// Go's HTML escaping, which is on by default: `<`, `>`, `&`, U+2028 and U+2029.
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        // Most texts do not need the slower search.
        if !fragment.as_bytes().iter().any(may_be_escaped) {
            return CompactFormatter.write_string_fragment(writer, rest);
        }
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            let mut chars = special.chars();
            let escaped = chars.next().map_or(0, u32::from);
            writer.write_all(plain.as_bytes())?;
            write!(writer, "\\u{escaped:04x}")?;
            rest = chars.as_str();
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }

    /// Base64 in quotes, see [`base64`].
    fn write_byte_array<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        bytes: &[u8],
    ) -> io::Result<()> {
        let mut text = [0; BASE64_PIECE / 3 * 4];
        writer.write_all(b"\"")?;
        for piece in bytes.chunks(BASE64_PIECE) {
            // The text of a piece always fits.
            let n = STANDARD
                .encode_slice(piece, &mut text)
                .map_err(io::Error::other)?;
            writer.write_all(&text[..n])?;
        }
        writer.write_all(b"\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> String {
        let mut out = Vec::new();
        write_line(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    struct Octets(Vec<u8>);

    impl Serialize for Octets {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            base64(&self.0, serializer)
        }
    }

    #[test]
    fn bytes_of_every_length_are_base64() {
        let lengths = (0..9).chain(BASE64_PIECE - 2..BASE64_PIECE + 5);
        for len in lengths.chain([3 * PIECE + 1]) {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
            let mut out = Vec::new();
            write_line(&[Octets(bytes.clone())], &mut out).unwrap();
            assert_eq!(
                String::from_utf8(out).unwrap(),
                format!("[\"{}\"]\n", STANDARD.encode(&bytes))
            );
        }
    }

    #[test]
    fn a_line_that_is_not_long_is_written_at_once() {
        struct Writes(usize);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for (len, writes) in [(0, 1), (PIECE - 3, 1), (PIECE, 2), (5 * PIECE, 2)] {
            let mut out = Writes(0);
            write_line(&"x".repeat(len), &mut out).unwrap();
            assert_eq!(out.0, writes, "{len}");
        }
    }

    /// Checked against `json.Marshal` of Go 1.26.
    #[test]
    fn escapes_as_go() {
        assert_eq!(text("a<b>&c"), "\"a\\u003cb\\u003e\\u0026c\"\n");
        assert_eq!(text("\u{2028}é\u{2029}"), "\"\\u2028é\\u2029\"\n");
        assert_eq!(
            text("\u{8}\u{c}\n\r\t\"\\/"),
            "\"\\b\\f\\n\\r\\t\\\"\\\\/\"\n"
        );
        assert_eq!(text("\u{0}\u{1b}\u{7f}"), "\"\\u0000\\u001b\u{7f}\"\n");
    }
}
