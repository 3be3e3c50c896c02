//! Splits a line of a transaction into words and unquotes them, by Go's rules.

/// Splits a line into words: single quotes preserve everything, double quotes process Go's escapes, and other words end
/// at the next white space (etcd v3.7.1, etcdctl `Argify`).
///
/// # Errors
/// A double-quoted word contains an invalid escape.
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, Unquotable> {
    let mut words = vec![];
    let mut rest = line;
    while let [first, tail @ ..] = rest {
        match first {
            b'"' => match quoted_end(rest) {
                Some(end) => {
                    words.push(unquote(&rest[1..end - 1])?);
                    rest = &rest[end..];
                }
                None => rest = tail,
            },
            b'\'' => match tail.iter().position(|&b| b == b'\'') {
                Some(end) => {
                    words.push(tail[..end].to_vec());
                    rest = &tail[end + 1..];
                }
                None => rest = tail,
            },
            b if is_blank(*b) => rest = tail,
            _ => {
                let end = rest.iter().position(|&b| is_blank(b)).unwrap_or(rest.len());
                words.push(rest[..end].to_vec());
                rest = &rest[end..];
            }
        }
    }
    Ok(words)
}

/// Removes leading white space as defined by Unicode, like Go's `fmt` and `strings`.
pub fn trim_start(text: &[u8]) -> &[u8] {
    let valid = text.utf8_chunks().next().map_or("", |c| c.valid());
    &text[valid.len() - valid.trim_start().len()..]
}

/// Removes leading and trailing white space.
pub fn trim(text: &[u8]) -> &[u8] {
    let text = trim_start(text);
    match text.utf8_chunks().last() {
        Some(last) if last.invalid().is_empty() => {
            &text[..text.len() - (last.valid().len() - last.valid().trim_end().len())]
        }
        _ => text,
    }
}

/// Length of the text before the first white space.
pub fn word_end(text: &[u8]) -> usize {
    let mut end = 0;
    for chunk in text.utf8_chunks() {
        if let Some(at) = chunk.valid().find(char::is_whitespace) {
            return end + at;
        }
        end += chunk.valid().len() + chunk.invalid().len();
    }
    end
}

/// RE2's `\s`.
fn is_blank(b: u8) -> bool {
    matches!(b, b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

/// Length of the double-quoted text at the beginning, including its quotes.
pub fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut i = 1;
    while i < text.len() {
        match text[i] {
            b'\\' => i += 2,
            b'"' => return Some(i + 1),
            _ => i += 1,
        }
    }
    None
}

/// A double-quoted text that is not valid in Go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid syntax")]
pub struct Unquotable;

/// The content of a double-quoted text with Go's escapes resolved (`strconv.Unquote`).
///
/// # Errors
/// An escape is unknown or incomplete.
pub fn unquote(text: &[u8]) -> Result<Vec<u8>, Unquotable> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if *first != b'\\' {
            out.push(*first);
            rest = tail;
            continue;
        }
        let [escape, tail @ ..] = tail else {
            return Err(Unquotable);
        };
        rest = tail;
        match escape {
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(11),
            b'\\' | b'"' => out.push(*escape),
            b'x' => {
                let (value, tail) = number(rest, 2, 16)?;
                out.push(u8::try_from(value).map_err(|_| Unquotable)?);
                rest = tail;
            }
            b'0'..=b'7' => {
                let (value, tail) = number(&text[text.len() - rest.len() - 1..], 3, 8)?;
                out.push(u8::try_from(value).map_err(|_| Unquotable)?);
                rest = tail;
            }
            b'u' | b'U' => {
                let digits = if *escape == b'u' { 4 } else { 8 };
                let (value, tail) = number(rest, digits, 16)?;
                let c = char::from_u32(value).ok_or(Unquotable)?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = tail;
            }
            _ => return Err(Unquotable),
        }
    }
    Ok(out)
}

fn number(text: &[u8], digits: usize, base: u32) -> Result<(u32, &[u8]), Unquotable> {
    let (number, rest) = text.split_at_checked(digits).ok_or(Unquotable)?;
    let mut value: u32 = 0;
    for &b in number {
        let digit = char::from(b).to_digit(base).ok_or(Unquotable)?;
        value = value
            .checked_mul(base)
            .and_then(|v| v.checked_add(digit))
            .ok_or(Unquotable)?;
    }
    Ok((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line.as_bytes())
            .unwrap()
            .into_iter()
            .map(|w| String::from_utf8(w).unwrap())
            .collect()
    }

    #[test]
    fn lines_are_cut_as_etcdctl_cuts_them() {
        assert_eq!(words("put 'a b' \"c d\""), ["put", "a b", "c d"]);
        assert_eq!(
            words(r#"put "tab\t" "nl\n\x41\u00e9""#),
            ["put", "tab\t", "nl\nAé"]
        );
        assert_eq!(
            words(r#"put q 'it says "no"'"#),
            ["put", "q", "it says \"no\""]
        );
        assert_eq!(words(r#"put r "it's""#), ["put", "r", "it's"]);
        assert_eq!(words("put a\"b c"), ["put", "a\"b", "c"]);
        assert_eq!(words("get \"\" --prefix"), ["get", "", "--prefix"]);
        assert_eq!(words("put 'open x"), ["put", "open", "x"]);
    }

    #[test]
    fn unknown_escapes_are_refused() {
        for text in [r"\q", r"\x4", r"\400", r"\ud800", r"\'"] {
            assert_eq!(unquote(text.as_bytes()), Err(Unquotable), "{text}");
        }
        assert_eq!(unquote(br"\101\U0001F600").unwrap(), "A😀".as_bytes());
    }
}
