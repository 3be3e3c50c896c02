//! Formats values as Go programs print them: durations, `%q`, byte sizes.

use std::fmt::Write;
use std::time::Duration;

use super::unicode::is_printable;

/// `time.Duration.String`: `1h2m3.5s`, `12.345ms`, `7µs`, `0s`.
pub fn duration(d: Duration) -> String {
    let nanos = d.as_nanos();
    if nanos == 0 {
        return "0s".into();
    }
    for (unit, scale) in [("ns", 1_u128), ("µs", 1_000), ("ms", 1_000_000)] {
        if nanos < scale * 1000 {
            return format!("{}{unit}", decimal(nanos, scale));
        }
    }
    const SECOND: u128 = 1_000_000_000;
    let seconds = decimal(nanos % (60 * SECOND), SECOND);
    let minutes = nanos / (60 * SECOND);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// `value / scale` with as many decimals as needed; `scale` is a power of ten.
fn decimal(value: u128, scale: u128) -> String {
    let (whole, fraction) = (value / scale, value % scale);
    if fraction == 0 {
        return whole.to_string();
    }
    let digits = scale.ilog10() as usize;
    let fraction = format!("{fraction:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// A size in decimal units: `999 B`, `20 kB`, `2.1 GB` (`humanize.Bytes`, which etcdctl uses).
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if size < 10 {
        return format!("{size} B");
    }
    let exponent = size.ilog(1000);
    // Floating point is intended: it determines how the last digit is rounded.
    let value = (size as f64 / 1000_f64.powi(exponent as i32) * 10.0 + 0.5).floor() / 10.0;
    let unit = UNITS[exponent as usize];
    if value < 10.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// Go's `%q`: double quotes, escapes for unprintable characters, and `\xff` for bytes that are not valid UTF-8.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            quote_char(c, &mut out);
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}"); // a String takes everything
        }
    }
    out.push('"');
    out
}

/// Like [`quote`], for a text with stand-ins ([`super::string`]).
pub fn quote_text(text: &str) -> String {
    quote(&super::string::bytes(text))
}

fn quote_char(c: char, out: &mut String) {
    let short = match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{b}' => "\\v",
        _ => "",
    };
    let code = u32::from(c);
    let _ = if !short.is_empty() {
        out.write_str(short)
    } else if is_printable(c) {
        out.write_char(c)
    } else if code < 0x80 {
        write!(out, "\\x{code:02x}")
    } else if code < 0x10000 {
        write!(out, "\\u{code:04x}")
    } else {
        write!(out, "\\U{code:08x}")
    };
}

/// Every byte as `\x66`, as `--hex` prints keys and values in the simple format.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 4);
    for byte in bytes {
        let _ = write!(out, "\\x{byte:02x}"); // a String takes everything
    }
    out
}

/// Two lower-case hexadecimal digits per byte, as for digests.
pub fn hex_digits(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}"); // a String takes everything
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Go's documentation and tests of `Duration.String`.
    #[test]
    fn durations() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (999_999_999, "999.999999ms"),
            (3_300_000_000, "3.3s"),
            (60_000_000_000, "1m0s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (3_600_000_000_000, "1h0m0s"),
            (18_367_001_000_000, "5h6m7.001s"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn sizes() {
        for (size, text) in [
            (0, "0 B"),
            (9, "9 B"),
            (10, "10 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (9_950, "10 kB"),
            (20_480, "20 kB"),
            (131_072, "131 kB"),
            (999_999, "1000 kB"),
            (16_777_216, "17 MB"),
            (2_147_483_648, "2.1 GB"),
            (8_589_934_592, "8.6 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn quotes() {
        for (raw, text) in [
            (&b"bar"[..], r#""bar""#),
            (
                b"\x00\xff\x80A\n\x7f\"\xc3\xa9\\",
                r#""\x00\xff\x80A\n\x7f\"é\\""#,
            ),
            (b"\x07\x08\x0c\r\t\x0b\x1b[0m'", r#""\a\b\f\r\t\v\x1b[0m'""#),
            (
                "值\u{a0}\u{200b}\u{feff}😀\u{2028}".as_bytes(),
                r#""值\u00a0\u200b\ufeff😀\u2028""#,
            ),
            // A combining mark is printable anywhere; a soft hyphen and a tag are not.
            (
                "\u{301}e\u{301}\u{ad}\u{e0001}".as_bytes(),
                "\"\u{301}e\u{301}\\u00ad\\U000e0001\"",
            ),
            // A truncated sequence is printed as bytes.
            (b"\xe5\x80", r#""\xe5\x80""#),
        ] {
            assert_eq!(quote(raw), text);
        }
    }

    #[test]
    fn hex_of_bytes() {
        assert_eq!(hex(b"foo\x00\xff"), r"\x66\x6f\x6f\x00\xff");
    }
}
