//! Reads the few fields of certificates and keys that errors mention: dates, algorithms, sizes of RSA keys. Parses DER
//! without checking anything else; certificates are verified elsewhere.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// DER tags.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The explicit tag of a certificate's version.
const VERSION: u8 = 0xa0;

/// `rsaEncryption`, 1.2.840.113549.1.1.1.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

/// Splits off the first element: returns its tag, its content, and the rest.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, length, rest @ ..] = der else {
        return None;
    };
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let bytes = usize::from(length & 0x7f);
        let (length, rest) = rest.split_at_checked(bytes)?;
        if bytes == 0 || bytes > 4 {
            return None;
        }
        let length = length.iter().fold(0, |sum, b| sum << 8 | usize::from(*b));
        (length, rest)
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((*tag, contents, rest))
}

/// The content of the first element, which must have this tag, and the rest.
fn expect(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, contents, rest) = element(der)?;
    (found == tag).then_some((contents, rest))
}

/// The part of a certificate after its serial number and signature algorithm: issuer, validity, subject, public key.
fn from_issuer(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (tbs, _) = expect(certificate, SEQUENCE)?;
    let tbs = match element(tbs)? {
        (VERSION, _, rest) => rest,
        _ => tbs,
    };
    let (_, rest) = expect(tbs, INTEGER)?;
    let (_, rest) = expect(rest, SEQUENCE)?;
    Some(rest)
}

/// The period for which a certificate is valid.
pub fn validity(certificate: &[u8]) -> Option<(SystemTime, SystemTime)> {
    let (_, rest) = expect(from_issuer(certificate)?, SEQUENCE)?;
    let (validity, _) = expect(rest, SEQUENCE)?;
    let (tag, from, rest) = element(validity)?;
    let from = time(tag, from)?;
    let (tag, until, _) = element(rest)?;
    Some((from, time(tag, until)?))
}

/// The number of bits of a certificate's RSA key; `None` if it has another type of key.
pub fn rsa_bits(certificate: &[u8]) -> Option<usize> {
    let (_, rest) = expect(from_issuer(certificate)?, SEQUENCE)?;
    let (_, rest) = expect(rest, SEQUENCE)?;
    let (_, rest) = expect(rest, SEQUENCE)?;
    let (public_key, _) = expect(rest, SEQUENCE)?;
    let (algorithm, rest) = expect(public_key, SEQUENCE)?;
    if expect(algorithm, OID)?.0 != RSA {
        return None;
    }
    let (bits, _) = expect(rest, BIT_STRING)?;
    // The number of unused bits is followed by the modulus and the exponent.
    let (numbers, _) = expect(bits.get(1..)?, SEQUENCE)?;
    Some(bit_length(expect(numbers, INTEGER)?.0))
}

/// The number of bits of an RSA private key in PKCS #1 or PKCS #8 format.
pub fn rsa_private_bits(key: &[u8]) -> Option<usize> {
    match after_version(key)? {
        (INTEGER, modulus, _) => Some(bit_length(modulus)),
        // PKCS #8 contains a key in PKCS #1 format.
        (SEQUENCE, algorithm, rest) if expect(algorithm, OID)?.0 == RSA => {
            match after_version(expect(rest, OCTET_STRING)?.0)? {
                (INTEGER, modulus, _) => Some(bit_length(modulus)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The element that follows the version of a private key, and the rest.
fn after_version(key: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (key, _) = expect(key, SEQUENCE)?;
    let (_, rest) = expect(key, INTEGER)?;
    element(rest)
}

fn bit_length(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|b| **b == 0).count();
    match number.get(zeros) {
        Some(first) => {
            (number.len() - zeros) * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0)
        }
        None => 0,
    }
}

/// Go's name of an insecure signature algorithm, given the content of an AlgorithmIdentifier; `None` for any other.
pub fn insecure_algorithm(algorithm: &[u8]) -> Option<&'static str> {
    Some(match expect(algorithm, OID)?.0 {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4] => "MD5-RSA",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5] => "SHA1-RSA",
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1] => "ECDSA-SHA1",
        _ => return None,
    })
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    let digits: Vec<u64> = text
        .strip_suffix(b"Z")?
        .iter()
        .map(|b| b.is_ascii_digit().then(|| u64::from(b - b'0')))
        .collect::<Option<_>>()?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = digits[0] * 10 + digits[1];
            // Two-digit years end with 2049.
            (
                if year < 50 { 2000 + year } else { 1900 + year },
                &digits[2..],
            )
        }
        (GENERALIZED_TIME, 14) => (
            digits[..4].iter().fold(0, |sum, d| sum * 10 + d),
            &digits[4..],
        ),
        _ => return None,
    };
    let pair = |i: usize| rest[2 * i] * 10 + rest[2 * i + 1];
    let (month, day) = (pair(0), pair(1));
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Some(UNIX_EPOCH);
    }
    // Days before the month in a year that begins in March, so that the leap day is its last day.
    let (march_year, march_month) = match month {
        1 | 2 => (year - 1, month + 9),
        month => (year, month - 3),
    };
    let days = march_year * 365 + march_year / 4 - march_year / 100
        + march_year / 400
        + (153 * march_month + 2) / 5
        + day
        - 1
        - 719_468;
    let seconds = days * 86_400 + pair(2) * 3600 + pair(3) * 60 + pair(4);
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{client::tls::pem, golang::zap::rfc3339};

    fn file(name: &str) -> Vec<u8> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/");
        let text = std::fs::read(format!("{path}{name}")).unwrap();
        pem::blocks(&text).remove(0).bytes
    }

    #[test]
    fn sizes_of_keys() {
        assert_eq!(rsa_bits(&file("rsa1024.crt")), Some(1024));
        assert_eq!(rsa_bits(&file("ca-rsa2048.crt")), Some(2048));
        assert_eq!(rsa_private_bits(&file("rsa1024.key")), Some(1024));
        assert_eq!(rsa_bits(b"no certificate"), None);
        let whole = file("rsa1024.crt");
        for end in 0..whole.len() {
            // Truncated input is rejected or read as far as possible, but never causes a panic.
            let _ = (rsa_bits(&whole[..end]), validity(&whole[..end]));
        }
    }

    #[test]
    fn deeply_nested_keys_are_rejected() {
        let element = |tag: u8, contents: &[u8]| {
            let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
            [&[tag, 0x84], &length[..], contents].concat()
        };
        let version = element(INTEGER, &[0]);
        let algorithm = element(SEQUENCE, &element(OID, RSA));
        let around = |key: &[u8]| {
            let key = element(OCTET_STRING, key);
            element(SEQUENCE, &[&version[..], &algorithm, &key].concat())
        };
        let bare = element(
            SEQUENCE,
            &[&version[..], &element(INTEGER, &[1; 128])].concat(),
        );
        assert_eq!(rsa_private_bits(&bare), Some(127 * 8 + 1));
        assert_eq!(rsa_private_bits(&around(&bare)), rsa_private_bits(&bare));
        assert_eq!(rsa_private_bits(&around(&around(&bare))), None);
    }

    #[test]
    fn dates() {
        for (tag, text, date) in [
            (UTC_TIME, "700101000000Z", "1970-01-01T00:00:00Z"),
            (UTC_TIME, "491231235959Z", "2049-12-31T23:59:59Z"),
            (UTC_TIME, "240229120000Z", "2024-02-29T12:00:00Z"),
            (GENERALIZED_TIME, "21260301000001Z", "2126-03-01T00:00:01Z"),
            (GENERALIZED_TIME, "20000228235959Z", "2000-02-28T23:59:59Z"),
        ] {
            let time = time(tag, text.as_bytes()).unwrap();
            assert_eq!(rfc3339(time), date);
        }
        assert_eq!(time(UTC_TIME, b"7001010000Z"), None);
        assert_eq!(time(UTC_TIME, b"soon"), None);
        let (from, until) = validity(&file("rsa2048.crt")).unwrap();
        assert_eq!(
            (until.duration_since(from).unwrap()).as_secs(),
            36_500 * 86_400
        );
    }
}
