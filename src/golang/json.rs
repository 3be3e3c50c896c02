//! JSON text as Go's `encoding/json` writes it: compact, and with those characters escaped that could end a script
//! element or a JavaScript line.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};

/// Writes `value` and a newline.
///
/// # Errors
/// An error of `out`.
pub fn write_line<T: Serialize + ?Sized>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Vec::with_capacity(256);
    append(value, &mut text)?;
    text.push(b'\n');
    out.write_all(&text)
}

/// Appends `value` to `text`, with no newline.
///
/// # Errors
/// `value` has no form in JSON.
pub fn append<T: Serialize + ?Sized>(value: &T, text: &mut Vec<u8>) -> io::Result<()> {
    value
        .serialize(&mut serde_json::Serializer::with_formatter(
            text,
            GoFormatter,
        ))
        .map_err(io::Error::from)
}

/// Bytes as Go marshals `[]byte`: base64 with the standard alphabet and padding.
///
/// # Errors
/// An error of the serializer.
pub fn base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    serializer.serialize_str(&STANDARD.encode(bytes))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> String {
        let mut out = Vec::new();
        write_line(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
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
