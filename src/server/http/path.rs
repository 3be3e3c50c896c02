//! The path of a request, decoded and cleaned as Go's `net/http` does before it looks for a handler (Go 1.26,
//! net/http/server.go, `findHandler`, and net/url). Knows no routes.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What Go escapes in a path.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// The path of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// With its escapes resolved.
    decoded: String,
    /// As received, or escaped anew if it contained characters that must be escaped.
    escaped: String,
}

impl Path {
    /// The path of a request line; `None` if it contains a `%` without two hexadecimal digits.
    pub fn parse(raw: &str) -> Option<Path> {
        let mut rest = raw.as_bytes();
        while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
            let digits = rest.get(at + 1..at + 3)?;
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            rest = &rest[at + 3..];
        }
        let decoded = percent_decode_str(raw).decode_utf8_lossy().into_owned();
        let escaped = match raw.bytes().all(may_be_unescaped) {
            true => raw.to_string(),
            false => escape(&decoded),
        };
        Some(Path { decoded, escaped })
    }

    /// The path with this text, unescaped.
    pub fn of(decoded: String) -> Path {
        Path {
            escaped: escape(&decoded),
            decoded,
        }
    }

    /// The path with its escapes resolved.
    pub fn decoded(&self) -> &str {
        &self.decoded
    }

    /// The text between the slashes. A slash that is escaped does not separate segments.
    pub fn segments(&self) -> Vec<String> {
        let path = self.escaped.strip_prefix('/').unwrap_or(&self.escaped);
        let decode = |segment: &str| {
            let decoded = percent_decode_str(segment).decode_utf8_lossy();
            decoded.into_owned()
        };
        path.split('/').map(decode).collect()
    }

    /// Whether [`Path::cleaned`] changes nothing. An escaped `..` is the name of a segment.
    pub fn is_clean(&self) -> bool {
        clean(&self.escaped) == self.escaped
    }

    /// The path without empty segments, `.` and `..`.
    pub fn cleaned(&self) -> Path {
        Path {
            decoded: clean(&self.decoded),
            escaped: clean(&self.escaped),
        }
    }

    /// The location that a client is sent to if it asked for a path that is not clean. As in Go, escapes of the path are
    /// escaped a second time.
    pub fn location(&self) -> String {
        escape(&self.escaped)
    }

    /// The location of the directory with the name of this path.
    pub fn directory_location(&self) -> String {
        escape(&self.decoded) + "/"
    }
}

/// Whether Go accepts this character in a path that it does not escape anew; `%` begins an escape.
fn may_be_unescaped(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!'()*[]%".contains(&byte)
}

fn escape(path: &str) -> String {
    utf8_percent_encode(path, ESCAPED).to_string()
}

fn clean(path: &str) -> String {
    let mut kept = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let slash = if path.ends_with('/') && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{slash}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_in_go() {
        for (path, cleaned) in [
            ("/v3/kv/range", "/v3/kv/range"),
            ("/v3/kv/range/", "/v3/kv/range/"),
            ("//v3//kv/range", "/v3/kv/range"),
            ("/v3/../x", "/x"),
            ("/v3/..", "/"),
            ("/v3/.", "/v3"),
            ("/v3/./", "/v3/"),
            ("/../..", "/"),
            ("//", "/"),
            ("/", "/"),
            ("", "/"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    #[test]
    fn escapes_are_resolved_within_segments() {
        let path = |raw| Path::parse(raw).unwrap();
        assert_eq!(path("/%763/kv%2frange").decoded(), "/v3/kv/range");
        assert_eq!(path("/%763/kv%2frange").segments(), ["v3", "kv/range"]);
        assert_eq!(path("/a/").segments(), ["a", ""]);
        assert!(path("/v3/%2e%2e/x").is_clean() && path("/a%2f%2fb").is_clean());
        assert!(!path("/v3/../x").is_clean());
        // A character that should have been escaped.
        assert_eq!(path("/a{").cleaned().location(), "/a%257B");
        assert_eq!(path("/a%20b").location(), "/a%2520b");
        assert_eq!(path("/%763").directory_location(), "/v3/");
        for malformed in ["/%", "/%4", "/%zz", "/a%2"] {
            assert_eq!(Path::parse(malformed), None, "{malformed}");
        }
    }
}
