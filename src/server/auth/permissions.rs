//! The key ranges that a user may read and write: the permissions of all its roles, merged. Knows only ranges, no names
//! and no other rules. Source: etcd v3.7.1, server/auth/range_perm_cache.go and pkg/adt.
//!
//! Ranges that overlap or touch are merged, so a request is permitted if one merged range covers it:
//!
//! ```text
//! granted     [a, c)  [b, d)  [d, f)  x
//! merged      [a, f)  [x, x\0)
//! [b, e)      permitted, although no single permission covers it
//! [e, g)      refused
//! ```

use bytes::Bytes;

use crate::proto::authpb::{Permission, permission::Type};

/// The kind of access to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading its value.
    Read,
    /// Putting or deleting it.
    Write,
}

/// The end of a range of keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// Before this key.
    Before(Bytes),
    /// There is no end.
    Open,
}

/// A `range_end` of one zero byte means that the range has no end.
fn is_open(range_end: &[u8]) -> bool {
    range_end == [0]
}

fn just_after(key: &[u8]) -> Bytes {
    [key, &[0]].concat().into()
}

/// The range denoted by a key and a `range_end`; a single key if the end is empty.
fn range(key: &Bytes, range_end: &Bytes) -> (Bytes, End) {
    let end = if range_end.is_empty() {
        End::Before(just_after(key))
    } else if is_open(range_end) {
        End::Open
    } else {
        End::Before(range_end.clone())
    };
    (key.clone(), end)
}

/// Whether a permission may be granted on a range: the key must not be empty, and must precede the end.
pub fn is_valid_range(key: &[u8], range_end: &[u8]) -> bool {
    !key.is_empty() && (range_end.is_empty() || key < range_end || is_open(range_end))
}

/// Disjoint ranges in order, which do not touch each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ranges(Vec<(Bytes, End)>);

impl Ranges {
    fn merged(mut ranges: Vec<(Bytes, End)>) -> Ranges {
        ranges.sort_unstable();
        let mut merged: Vec<(Bytes, End)> = Vec::new();
        for (begin, end) in ranges {
            match merged.last_mut() {
                Some((_, last)) if reaches(last, &begin) => {
                    *last = std::mem::replace(last, End::Open).max(end)
                }
                _ => merged.push((begin, end)),
            }
        }
        Ranges(merged)
    }

    /// Whether one of the ranges covers everything from `key` to `end`, and at least `key`.
    fn cover(&self, key: &[u8], end: &End) -> bool {
        let after = self.0.partition_point(|(begin, _)| begin.as_ref() <= key);
        let Some((_, last)) = after.checked_sub(1).and_then(|i| self.0.get(i)) else {
            return false;
        };
        let holds_key = match last {
            End::Open => true,
            End::Before(last) => key < last.as_ref(),
        };
        holds_key && last >= end
    }
}

/// Whether a range with this end overlaps or touches one that starts at `begin`.
fn reaches(end: &End, begin: &Bytes) -> bool {
    match end {
        End::Open => true,
        End::Before(end) => end >= begin,
    }
}

/// The merged permissions of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    read: Ranges,
    write: Ranges,
}

impl Permissions {
    /// Merges permissions. Invalid ranges, which an old file may contain, permit nothing.
    pub fn merge<'a>(granted: impl IntoIterator<Item = &'a Permission>) -> Permissions {
        let (mut read, mut write) = (Vec::new(), Vec::new());
        for permission in granted {
            if !is_valid_range(&permission.key, &permission.range_end) {
                continue;
            }
            let range = range(&permission.key, &permission.range_end);
            match Type::try_from(permission.perm_type) {
                Ok(Type::Read) => read.push(range),
                Ok(Type::Write) => write.push(range),
                Ok(Type::Readwrite) => {
                    read.push(range.clone());
                    write.push(range);
                }
                Err(_) => {}
            }
        }
        Permissions {
            read: Ranges::merged(read),
            write: Ranges::merged(write),
        }
    }

    /// Whether all keys of a range may be accessed, or one key if `range_end` is empty.
    pub fn allow(&self, access: Access, key: &[u8], range_end: &[u8]) -> bool {
        let ranges = match access {
            Access::Read => &self.read,
            Access::Write => &self.write,
        };
        let end = if range_end.is_empty() {
            End::Before(just_after(key))
        } else if is_open(range_end) {
            End::Open
        } else {
            End::Before(Bytes::copy_from_slice(range_end))
        };
        ranges.cover(key, &end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(kind: Type, key: &'static [u8], range_end: &'static [u8]) -> Permission {
        Permission {
            perm_type: kind.into(),
            key: Bytes::from_static(key),
            range_end: Bytes::from_static(range_end),
        }
    }

    fn read(ranges: &[(&'static [u8], &'static [u8])]) -> Permissions {
        let granted: Vec<_> = ranges
            .iter()
            .map(|(k, e)| grant(Type::Read, k, e))
            .collect();
        Permissions::merge(&granted)
    }

    #[test]
    fn the_example_of_the_file() {
        let p = read(&[(b"b", b"d"), (b"x", b""), (b"d", b"f"), (b"a", b"c")]);
        assert_eq!(p.read.0.len(), 2);
        let may = |key: &[u8], end: &[u8]| p.allow(Access::Read, key, end);
        assert!(may(b"b", b"e") && may(b"a", b"f") && may(b"a", b"") && may(b"x", b""));
        assert!(
            may(b"ezzz", b"") && !may(b"f", b""),
            "the end is not in the range"
        );
        assert!(!may(b"e", b"g") && !may(b"f", b"") && !may(b"0", b"b") && !may(b"x", b"y"));
        assert!(may(b"x", b"x\0"), "one key as a range");
        assert!(!may(b"a", b"\0"), "no open end");
        assert!(!p.allow(Access::Write, b"a", b""));
    }

    #[test]
    fn kinds_are_kept_apart() {
        let p = Permissions::merge(&[
            grant(Type::Readwrite, b"rw", b""),
            grant(Type::Write, b"w", b""),
            grant(Type::Read, b"r", b""),
        ]);
        let may = |key: &[u8]| {
            (
                p.allow(Access::Read, key, b""),
                p.allow(Access::Write, key, b""),
            )
        };
        assert_eq!(may(b"rw"), (true, true));
        assert_eq!(may(b"w"), (false, true));
        assert_eq!(may(b"r"), (true, false));
        assert_eq!(may(b"x"), (false, false));
    }

    #[test]
    fn open_ends() {
        let p = read(&[(b"m", b"\0"), (b"c", b"d")]);
        let may = |key: &[u8], end: &[u8]| p.allow(Access::Read, key, end);
        assert!(may(b"m", b"\0") && may(b"z", b"\0") && may(b"\xff\xff", b"") && may(b"n", b"o"));
        assert!(!may(b"a", b"\0") && !may(b"l", b"\0") && !may(b"c", b"\0"));
        let all = read(&[(b"\0", b"\0")]);
        assert!(all.allow(Access::Read, b"\0", b"\0") && all.allow(Access::Read, b"any", b""));
        // A range without end includes everything that follows.
        let p = read(&[(b"a", b"\0"), (b"b", b"c")]);
        assert_eq!(p.read.0, [(Bytes::from_static(b"a"), End::Open)]);
    }

    #[test]
    fn a_range_that_ends_before_its_start_needs_permission_for_its_start() {
        // As in etcd v3.7.1's interval tree, such a range is covered if the range of its first key is.
        let p = read(&[(b"b", b"d")]);
        assert!(p.allow(Access::Read, b"c", b"a"));
        assert!(p.allow(Access::Read, b"c", b"c"));
        assert!(!p.allow(Access::Read, b"d", b"a"));
        assert!(!p.allow(Access::Read, b"a", b"a"));
    }

    #[test]
    fn invalid_ranges_permit_nothing() {
        assert!(
            is_valid_range(b"a", b"") && is_valid_range(b"a", b"b") && is_valid_range(b"a", b"\0")
        );
        assert!(is_valid_range(b"\0", b"\0"));
        assert!(
            !is_valid_range(b"", b"") && !is_valid_range(b"", b"b") && !is_valid_range(b"", b"\0")
        );
        assert!(!is_valid_range(b"b", b"a") && !is_valid_range(b"b", b"b"));
        let p = read(&[(b"b", b"a"), (b"", b"\0")]);
        assert_eq!(p, Permissions::default());
        let unknown = Permission {
            perm_type: 7,
            ..grant(Type::Read, b"a", b"")
        };
        assert_eq!(Permissions::merge(&[unknown]), Permissions::default());
    }

    /// Checks every range over a small alphabet against each key separately.
    #[test]
    fn merged_ranges_allow_what_their_keys_allow() {
        let keys: [&[u8]; 6] = [b"a", b"b", b"c", b"d", b"e", b"f"];
        let inside = |key: &[u8], (begin, end): (&[u8], &[u8])| match end {
            [] => key == begin,
            [0] => key >= begin,
            end => begin <= key && key < end,
        };
        let ranges: [(&'static [u8], &'static [u8]); 6] = [
            (b"a", b"c"),
            (b"c", b""),
            (b"c\0", b"d"),
            (b"d", b"e"),
            (b"e", b"f"),
            (b"f", b"\0"),
        ];
        for chosen in 0..1 << ranges.len() {
            let granted: Vec<_> = (0..ranges.len())
                .filter(|i| chosen >> i & 1 == 1)
                .map(|i| ranges[i])
                .collect();
            let p = read(&granted);
            for key in keys {
                let expected = granted.iter().any(|range| inside(key, *range));
                assert_eq!(
                    p.allow(Access::Read, key, b""),
                    expected,
                    "{granted:?} {key:?}"
                );
            }
            // The whole alphabet is covered if and only if no range is missing.
            let whole = chosen == (1 << ranges.len()) - 1;
            assert_eq!(p.allow(Access::Read, b"a", b"\0"), whole, "{granted:?}");
        }
    }
}
