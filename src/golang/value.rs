//! Parses values in Go's notation: integers in any base, booleans and durations. Callers word the error messages.

/// Why a number is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Invalid syntax.
    Syntax,
    /// More than 64 bits.
    Range,
}

/// Parses an unsigned integer. Base 0 takes the base from the prefix (`0x`, `0o`, `0b`, `0`) and allows underscores
/// between digits, as in Go.
fn digits(text: &str, base: u32) -> Result<Option<u64>, ()> {
    let (base, body, underscores) = if base != 0 {
        (base, text.to_owned(), false)
    } else {
        let lower = text.to_ascii_lowercase();
        let (base, rest, prefixed) = match lower.as_bytes() {
            [b'0', b'x', ..] => (16, &lower[2..], true),
            [b'0', b'o', ..] => (8, &lower[2..], true),
            [b'0', b'b', ..] => (2, &lower[2..], true),
            [b'0', _, ..] => (8, &lower[1..], true),
            _ => (10, &lower[..], false),
        };
        let body = if prefixed && rest.starts_with('_') {
            rest[1..].to_owned()
        } else {
            rest.to_owned()
        };
        (base, body, true)
    };
    let mut value: Option<u64> = Some(0);
    let mut after_digit = false;
    for c in body.chars() {
        if c == '_' && underscores && after_digit {
            after_digit = false;
            continue;
        }
        let digit = c.to_digit(base).ok_or(())?;
        after_digit = true;
        value = value.and_then(|v| v.checked_mul(base.into())?.checked_add(digit.into()));
    }
    if after_digit { Ok(value) } else { Err(()) }
}

/// `strconv.ParseInt(text, base, 64)`.
///
/// # Errors
/// See [`NumberError`].
pub fn int(text: &str, base: u32) -> Result<i64, NumberError> {
    let (negative, body) = sign(text);
    let value = i128::from(uint(body, base)?);
    let value = if negative { -value } else { value };
    i64::try_from(value).map_err(|_| NumberError::Range)
}

/// `strconv.ParseUint(text, base, 64)`.
///
/// # Errors
/// See [`NumberError`].
pub fn uint(text: &str, base: u32) -> Result<u64, NumberError> {
    digits(text, base)
        .map_err(|()| NumberError::Syntax)?
        .ok_or(NumberError::Range)
}

/// Whether the text begins with a minus sign, and the text after the sign.
fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// `strconv.ParseBool`; `None` unless the text is one of Go's twelve spellings.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Why a duration is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationError<'a> {
    /// Invalid syntax, or more than 292 years.
    Invalid,
    /// A number without a unit.
    MissingUnit,
    /// An unknown unit.
    UnknownUnit(&'a str),
}

/// `time.ParseDuration`, in nanoseconds: `1h30m`, `1.5s`, `300ms`. The unit is mandatory except for 0.
///
/// # Errors
/// See [`DurationError`].
pub fn duration(text: &str) -> Result<i64, DurationError<'_>> {
    let (negative, mut rest) = sign(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(DurationError::Invalid);
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(DurationError::Invalid);
        }
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_end);
        if unit.is_empty() {
            return Err(DurationError::MissingUnit);
        }
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(DurationError::UnknownUnit(unit)),
        };
        let whole = whole.trim_start_matches('0');
        if whole.len() > 19 {
            return Err(DurationError::Invalid);
        }
        total += whole.parse::<i128>().unwrap_or(0) * scale;
        // Digits after the 18th are below a nanosecond in every unit.
        let fraction = &fraction[..fraction.len().min(18)];
        if !fraction.is_empty() {
            let digits = fraction.parse::<i128>().unwrap_or(0);
            total += digits * scale / 10_i128.pow(fraction.len() as u32);
        }
        rest = next;
    }
    let total = if negative { -total } else { total };
    i64::try_from(total).map_err(|_| DurationError::Invalid)
}
