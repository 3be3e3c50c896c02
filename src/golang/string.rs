//! Go strings are bytes, Rust strings are UTF-8. A command-line argument that is not valid UTF-8 is kept as a string in
//! which each invalid byte is replaced by a stand-in character. The stand-ins are converted back to bytes where the
//! argument leaves the process.

use std::{
    borrow::Cow,
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The stand-in of byte 0. The last 256 code points are reserved for private use and practically never occur. If they
/// do, each of their bytes is replaced by a stand-in.
const FIRST: u32 = 0x10_ff00;

fn is_placeholder(c: char) -> bool {
    u32::from(c) >= FIRST
}

/// Converts bytes to text. Valid UTF-8 is unchanged.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains(is_placeholder)
    {
        return text.into();
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_placeholder(c) {
                push(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut out);
            } else {
                out.push(c);
            }
        }
        push(chunk.invalid(), &mut out);
    }
    out.into()
}

fn push(bytes: &[u8], out: &mut String) {
    let stand_ins = bytes.iter().map(|&b| FIRST + u32::from(b));
    out.extend(stand_ins.filter_map(char::from_u32));
}

/// Converts text back to the original bytes.
pub fn bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(is_placeholder) {
        return text.as_bytes().into();
    }
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c).wrapping_sub(FIRST)) {
            Ok(byte) => out.push(byte),
            Err(_) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.into()
}

/// Converts to valid UTF-8 for uses that require it, as Go's JSON encoder does.
pub fn lossy(text: &str) -> Cow<'_, str> {
    match bytes(text) {
        Cow::Borrowed(_) => text.into(),
        Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
    }
}

/// Whether the original bytes are valid UTF-8.
pub fn is_utf8(text: &str) -> bool {
    !text.contains(is_placeholder)
}

/// The text as a path.
pub fn path(text: &str) -> PathBuf {
    OsStr::from_bytes(&bytes(text)).into()
}

/// A path as text.
pub fn of_path(path: &Path) -> String {
    text(path.as_os_str().as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were() {
        for raw in [
            &b""[..],
            b"plain",
            "\u{e9}\u{1f600}".as_bytes(),
            b"\xff",
            b"a\xe4b\x80\xfe",
            b"\xe5\x80",
            "\u{10ffff}\u{10ff00}x".as_bytes(),
        ] {
            let text = text(raw);
            assert_eq!(&*bytes(&text), raw);
            assert_eq!(lossy(&text), String::from_utf8_lossy(raw));
            assert_eq!(of_path(&path(&text)), text);
        }
        assert!(matches!(text(b"plain"), Cow::Borrowed(_)));
        assert_eq!(text("\u{e9}".as_bytes()), "\u{e9}");
    }
}
