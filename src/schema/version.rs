//! The versions that the backend stores as text: three numbers separated by dots. Source: github.com/coreos/go-semver
//! as used by etcd v3.7.1.

use std::{fmt, str::FromStr};

/// `major.minor.patch`, with an optional pre-release part as etcd's development builds have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Incremented by incompatible changes.
    pub major: u64,
    /// Distinguishes storage and cluster versions.
    pub minor: u64,
    /// Always 0 in storage and cluster versions.
    pub patch: u64,
    /// The pre-release part with its `-` and the metadata with its `+`, as written; usually empty.
    pub suffix: String,
}

impl Version {
    /// `major.minor.0`.
    pub fn new(major: u64, minor: u64) -> Version {
        Version {
            major,
            minor,
            patch: 0,
            suffix: String::new(),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version {
            major,
            minor,
            patch,
            suffix,
        } = self;
        write!(f, "{major}.{minor}.{patch}{suffix}")
    }
}

impl FromStr for Version {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Version, &'static str> {
        let wrong = "a version is three numbers with dots";
        let (numbers, suffix) = match text.find(['-', '+']) {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let mut parts = numbers.split('.').map(|part| {
            // `parse` alone would accept "+3".
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            part.parse::<u64>().ok().filter(|_| digits)
        });
        let (Some(Some(major)), Some(Some(minor)), Some(Some(patch)), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong);
        };
        Ok(Version {
            major,
            minor,
            patch,
            suffix: suffix.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_etcd_stores() {
        for text in ["3.7.0", "3.4.0", "3.7.1-alpha.0+git"] {
            assert_eq!(
                text.parse::<Version>().map(|v| v.to_string()).as_deref(),
                Ok(text)
            );
        }
        assert_eq!("3.7.0".parse(), Ok(Version::new(3, 7)));
        for bad in [
            "", "3", "3.7", "3.7.0.1", "a.b.c", "3..0", "+3.7.0", "3.7.x",
        ] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
