//! The client's `grpc-timeout`: read here, kept by `dispatch` and by the bodies of streams. What is
//! late ends as DEADLINE_EXCEEDED, never as a cancellation.

use std::time::Duration;

use http::HeaderMap;
use tonic::Status;

/// The time that a client gives its request; `None`: no limit.
///
/// # Errors
/// The header can't be read.
pub fn of(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get("grpc-timeout") else {
        return Ok(None);
    };
    parse(value.as_bytes())
        .map(Some)
        .ok_or_else(|| Status::internal("malformed grpc-timeout"))
}

/// Up to eight digits and a unit.
fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits
        .iter()
        .fold(0u64, |n, digit| n * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

/// What a request that is late ends with.
pub fn exceeded() -> Status {
    Status::deadline_exceeded("context deadline exceeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_limits_are_grpcs() {
        assert_eq!(parse(b"5S"), Some(Duration::from_secs(5)));
        assert_eq!(
            parse(b"99999999H"),
            Some(Duration::from_secs(359_999_996_400))
        );
        assert_eq!(parse(b"250m"), Some(Duration::from_millis(250)));
        for bad in ["", "S", "5", "-5S", "123456789S", "5s"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
