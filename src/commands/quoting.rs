//! Words of a command line as they are typed in a shell, with quotes and backslashes, for `__complete`. Expands nothing.

/// Characters that have a meaning in a shell outside of quotes.
const SPECIAL: &str = " \t\"'`\\$&|;<>()[]{}*?!#~^";

/// Removes the quotes and backslashes from a word. Returns the quote that is still open at its end, if any.
pub fn unquote(typed: &str) -> (String, Option<char>) {
    let mut text = String::new();
    let mut open = None;
    let mut chars = typed.chars();
    while let Some(c) = chars.next() {
        match (c, open) {
            ('\'' | '"', None) => open = Some(c),
            (c, Some(quote)) if c == quote => open = None,
            ('\\', None) => text.extend(chars.next()),
            ('\\', Some('"')) => match chars.next() {
                Some(c @ ('"' | '\\' | '$' | '`')) => text.push(c),
                other => {
                    text.push('\\');
                    text.extend(other);
                }
            },
            _ => text.push(c),
        }
    }
    (text, open)
}

/// Writes `text` so that bash reads it as this text, after a quote that is still open, or outside of quotes.
pub fn quote(text: &str, open: Option<char>) -> String {
    let mut quoted = String::new();
    for c in text.chars() {
        match open {
            Some('\'') if c == '\'' => quoted.push_str("'\\'"),
            Some('"') if "\"\\$`".contains(c) => quoted.push('\\'),
            None if SPECIAL.contains(c) => quoted.push('\\'),
            _ => {}
        }
        quoted.push(c);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_removed() {
        for (typed, text, open) in [
            ("plain/ä", "plain/ä", None),
            (r"a\ b", "a b", None),
            (r#""a b"#, "a b", Some('"')),
            (r#""a\$b\x"c"#, r"a$b\xc", None),
            (r"'a\", r"a\", Some('\'')),
            (r#"--x="a"#, "--x=a", Some('"')),
            ("'", "", Some('\'')),
            ("\\", "", None),
        ] {
            assert_eq!(unquote(typed), (text.to_owned(), open), "{typed}");
        }
    }

    #[test]
    fn quoted_words_are_read_back() {
        let text = "a b\"c'd$e`f\\g&h(i)ä*";
        for (before, open, after) in [
            ("", None, ""),
            ("\"", Some('"'), "\""),
            ("'", Some('\''), "'"),
        ] {
            let typed = format!("{before}{}{after}", quote(text, open));
            assert_eq!(unquote(&typed), (text.to_owned(), None), "{typed}");
        }
        assert_eq!(quote("/app/a b", None), r"/app/a\ b");
    }
}
