//! Parses the values of flags as Go does: integers in any base, booleans, durations and comma-separated lists, with the
//! error texts of Go's parsers. Knows no flag by name.

use std::{any::TypeId, os::unix::ffi::OsStrExt};

use crate::{
    golang::string,
    golang::value::{self as go_value, DurationError, NumberError},
};

/// A duration as in Go: a possibly negative number of nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub i64);

impl GoDuration {
    /// A number of seconds.
    pub const fn seconds(seconds: i64) -> GoDuration {
        GoDuration(seconds * 1_000_000_000)
    }

    /// The time to wait; 0 if negative.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0.max(0).unsigned_abs())
    }
}

/// An invalid value, with the text of Go's parser.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);

fn quote(text: &str) -> String {
    crate::golang::format::quote_text(text)
}

fn number(function: &str, text: &str, error: NumberError) -> ValueError {
    let what = match error {
        NumberError::Syntax => "invalid syntax",
        NumberError::Range => "value out of range",
    };
    ValueError(format!(
        "strconv.{function}: parsing {}: {what}",
        quote(text)
    ))
}

/// `strconv.ParseInt(text, base, 64)`.
///
/// # Errors
/// The syntax is wrong, or the number needs more than 64 bits.
pub fn int(text: &str, base: u32) -> Result<i64, ValueError> {
    go_value::int(text, base).map_err(|e| number("ParseInt", text, e))
}

/// `strconv.ParseUint(text, base, 64)`.
///
/// # Errors
/// The syntax is wrong, or the number needs more than 64 bits.
pub fn uint(text: &str, base: u32) -> Result<u64, ValueError> {
    go_value::uint(text, base).map_err(|e| number("ParseUint", text, e))
}

/// `strconv.ParseBool`.
///
/// # Errors
/// The text is not one of Go's twelve spellings.
pub fn boolean(text: &str) -> Result<bool, ValueError> {
    go_value::boolean(text).ok_or_else(|| number("ParseBool", text, NumberError::Syntax))
}

/// Quotes like package `time`: each byte that is not printable ASCII is escaped.
fn quote_for_time(text: &str) -> String {
    let mut out = String::from("\"");
    for &byte in string::bytes(text).iter() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', byte as char]),
            b' '..=0x7f => out.push(byte as char),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

/// `time.ParseDuration`: `1h30m`, `1.5s`, `300ms`. The unit is mandatory except for 0.
///
/// # Errors
/// Go's error texts.
pub fn duration(text: &str) -> Result<GoDuration, ValueError> {
    let whole = quote_for_time(text);
    let say = |error| match error {
        DurationError::Invalid => format!("time: invalid duration {whole}"),
        DurationError::MissingUnit => format!("time: missing unit in duration {whole}"),
        DurationError::UnknownUnit(unit) => {
            let unit = quote_for_time(unit);
            format!("time: unknown unit {unit} in duration {whole}")
        }
    };
    go_value::duration(text)
        .map(GoDuration)
        .map_err(|e| ValueError(say(e)))
}

/// One line of comma-separated values. A value that contains a comma is enclosed in double quotes (pflag's
/// `StringSlice`).
///
/// # Errors
/// Unterminated quotes, or quotes in the middle of a value.
pub fn list(text: &str) -> Result<Vec<String>, ValueError> {
    let mut values = Vec::new();
    if text.is_empty() {
        return Ok(values);
    }
    let mut rest = text.split(['\n', '\r']).next().unwrap_or_default();
    if rest.is_empty() {
        return Err(ValueError("EOF".into()));
    }
    let column = |rest: &str| text.len() - rest.len() + 1;
    loop {
        // A quoted value, in which a doubled quote stands for one quote.
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut value = String::new();
            let mut tail = quoted;
            loop {
                let Some(end) = tail.find('"') else {
                    return Err(ValueError(format!(
                        "parse error on line 1, column {}: extraneous or missing \" in quoted-field",
                        text.len() + 1
                    )));
                };
                value.push_str(&tail[..end]);
                tail = &tail[end + 1..];
                match tail.strip_prefix('"') {
                    Some(more) => {
                        value.push('"');
                        tail = more;
                    }
                    None => break,
                }
            }
            values.push(value);
            match tail.strip_prefix(',') {
                Some(more) => rest = more,
                None if tail.is_empty() => return Ok(values),
                None => {
                    return Err(ValueError(format!(
                        "parse error on line 1, column {}: extraneous or missing \" in quoted-field",
                        column(tail)
                    )));
                }
            }
        } else {
            let (value, more) = match rest.split_once(',') {
                Some((value, more)) => (value, Some(more)),
                None => (rest, None),
            };
            if let Some(at) = value.find('"') {
                return Err(ValueError(format!(
                    "parse error on line 1, column {}: bare \" in non-quoted-field",
                    column(rest) + at
                )));
            }
            values.push(value.to_owned());
            match more {
                Some(more) => rest = more,
                None => return Ok(values),
            }
        }
    }
}

/// The type of a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `--flag` alone means true.
    Bool,
    /// A whole number with sign.
    Int,
    /// A whole number without sign.
    Uint,
    /// A duration with a unit.
    Duration,
    /// Comma-separated texts. A repeated flag appends to the list.
    List,
    /// Any text.
    Text,
}

impl ValueType {
    /// The type of a flag in clap's command tree.
    pub fn of(arg: &clap::Arg) -> ValueType {
        use clap::ArgAction::{Append, SetFalse, SetTrue};
        if matches!(arg.get_action(), SetTrue | SetFalse) {
            return ValueType::Bool;
        }
        let parser = arg.get_value_parser().type_id();
        if parser == TypeId::of::<bool>() {
            ValueType::Bool
        } else if parser == TypeId::of::<i64>() {
            ValueType::Int
        } else if parser == TypeId::of::<u64>() {
            ValueType::Uint
        } else if parser == TypeId::of::<GoDuration>() {
            ValueType::Duration
        } else if matches!(arg.get_action(), Append) {
            ValueType::List
        } else {
            ValueType::Text
        }
    }

    /// Checks that `text` is a value of this type.
    ///
    /// # Errors
    /// Go's error texts.
    pub fn check(self, text: &str) -> Result<(), ValueError> {
        match self {
            ValueType::Bool => boolean(text).map(drop),
            ValueType::Int => int(text, 0).map(drop),
            ValueType::Uint => uint(text, 0).map(drop),
            ValueType::Duration => duration(text).map(drop),
            ValueType::List => list(text).map(drop),
            ValueType::Text => Ok(()),
        }
    }
}

/// For clap: like [`int`], in any base.
///
/// # Errors
/// See [`int`].
pub fn flag_int(text: &str) -> Result<i64, ValueError> {
    int(text, 0)
}

/// For clap: like [`uint`], in any base.
///
/// # Errors
/// See [`uint`].
pub fn flag_uint(text: &str) -> Result<u64, ValueError> {
    uint(text, 0)
}

/// A text for which completion and help suggest some values. Other values are rejected later, with etcdctl's messages
/// and in its order.
#[derive(Clone, Debug)]
pub struct Suggest(pub &'static [&'static str]);

impl clap::builder::TypedValueParser for Suggest {
    type Value = String;

    fn parse_ref(
        &self,
        _cmd: &clap::Command,
        _arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        // The value of a flag is already converted to text; a positional argument is as typed.
        Ok(match value.to_str() {
            Some(text) => text.to_owned(),
            None => string::text(value.as_bytes()).into_owned(),
        })
    }

    fn possible_values(
        &self,
    ) -> Option<Box<dyn Iterator<Item = clap::builder::PossibleValue> + '_>> {
        Some(Box::new(
            self.0.iter().map(clap::builder::PossibleValue::new),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_in_every_base() {
        for (text, value) in [
            ("0x10", 16),
            ("-0x10", -16),
            ("0b11", 3),
            ("017", 15),
            ("0o17", 15),
            ("1_000", 1000),
            ("+5", 5),
            ("0", 0),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(int(text, 0), Ok(value), "{text}");
        }
        for text in ["", "-", "two", "1.5", "08", "_1", "1_", "0x", "0x_"] {
            assert!(
                int(text, 0)
                    .unwrap_err()
                    .0
                    .ends_with(&format!("parsing \"{text}\": invalid syntax")),
                "{text}"
            );
        }
        assert_eq!(
            int("9223372036854775808", 0).unwrap_err().0,
            "strconv.ParseInt: parsing \"9223372036854775808\": value out of range"
        );
        assert!(int("0x3", 10).is_err());
        assert_eq!(int("ff", 16), Ok(255));
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("1h2m3.5s"), Ok(GoDuration(3_723_500_000_000)));
        assert_eq!(duration("-1s"), Ok(GoDuration::seconds(-1)));
        assert_eq!(duration(".5h"), Ok(GoDuration::seconds(1800)));
        assert_eq!(duration("0"), Ok(GoDuration(0)));
        for (text, error) in [
            ("5", "time: missing unit in duration \"5\""),
            ("", "time: invalid duration \"\""),
            ("soon", "time: invalid duration \"soon\""),
            ("3days", "time: unknown unit \"days\" in duration \"3days\""),
            ("1..2s", "time: invalid duration \"1..2s\""),
            ("٣s\n", "time: invalid duration \"\\xd9\\xa3s\\x0a\""),
        ] {
            assert_eq!(duration(text).unwrap_err().0, error);
        }
        assert!(duration("9999999999h").is_err());
    }

    #[test]
    fn lists_are_one_line_of_csv() {
        assert_eq!(list("a,b, c").unwrap(), ["a", "b", " c"]);
        assert_eq!(list("\"a,b\",c").unwrap(), ["a,b", "c"]);
        assert!(list("").unwrap().is_empty());
        assert!(list("a\"b").is_err());
        assert!(list("\"ab").is_err());
    }
}
