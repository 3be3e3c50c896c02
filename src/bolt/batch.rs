//! The changes of one commit: the operations on each bucket, ordered by key. The last operation on a key wins. Does no
//! I/O and knows nothing about pages.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use super::error::{Error, Result};
use super::page::{MAX_KEY_SIZE, MAX_VALUE_SIZE};

/// A set of changes that a commit applies as a whole.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    /// Sorted by name; there are only a few buckets.
    buckets: Vec<(Bytes, Ops)>,
    bytes: u64,
    ops: usize,
}

/// The operations on one bucket.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ops {
    /// Whether the bucket's previous content is dropped.
    pub cleared: bool,
    /// Whether the bucket exists afterwards. `None`: unchanged, except that a put creates the bucket.
    pub exists: Option<bool>,
    /// Operations whose keys arrived in ascending order, which is how revisions arrive.
    ascending: Vec<Op>,
    /// All other operations.
    rest: BTreeMap<Bytes, Option<Bytes>>,
}

type Op = (Bytes, Option<Bytes>);

impl Ops {
    fn get(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        match self.ascending.binary_search_by(|(k, _)| (**k).cmp(key)) {
            Ok(i) => Some(&self.ascending[i].1),
            Err(_) => self.rest.get(key),
        }
    }

    /// Returns the operation that was pending for the key.
    fn set(&mut self, key: Bytes, value: Option<Bytes>) -> Option<Op> {
        if self.ascending.last().is_none_or(|(last, _)| *last < key) {
            self.ascending.push((key, value));
            return None;
        }
        match self.ascending.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(i) => {
                let old = std::mem::replace(&mut self.ascending[i].1, value);
                Some((key, old))
            }
            Err(_) => {
                let old = self.rest.insert(key.clone(), value)?;
                Some((key, old))
            }
        }
    }

    fn range<'a>(&'a self, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Pending<'a> {
        let from = match start {
            Bound::Unbounded => 0,
            Bound::Included(s) => self.ascending.partition_point(|(k, _)| **k < *s),
            Bound::Excluded(s) => self.ascending.partition_point(|(k, _)| **k <= *s),
        };
        let to = match end {
            Bound::Unbounded => self.ascending.len(),
            Bound::Included(e) => self.ascending.partition_point(|(k, _)| **k <= *e),
            Bound::Excluded(e) => self.ascending.partition_point(|(k, _)| **k < *e),
        };
        let empty = match (start, end) {
            (Bound::Included(s), Bound::Included(e)) => s > e,
            (Bound::Included(s), Bound::Excluded(e)) | (Bound::Excluded(s), Bound::Included(e)) => {
                s >= e
            }
            (Bound::Excluded(s), Bound::Excluded(e)) => s >= e,
            _ => false,
        };
        Pending {
            a: self.ascending[from..to.max(from)].iter().peekable(),
            // Return an empty range if the end is below the start; std would panic.
            b: if empty {
                None
            } else {
                Some(self.rest.range::<[u8], _>((start, end)).peekable())
            },
        }
    }

    /// All operations, in key order.
    pub fn iter(&self) -> Pending<'_> {
        self.range(Bound::Unbounded, Bound::Unbounded)
    }

    pub fn has_puts(&self) -> bool {
        self.ascending.iter().any(|(_, v)| v.is_some()) || self.rest.values().any(Option::is_some)
    }
}

/// Pending operations of a bucket in key order: key, and value or `None` for a deletion.
pub struct Pending<'a> {
    a: std::iter::Peekable<std::slice::Iter<'a, Op>>,
    b: Option<std::iter::Peekable<std::collections::btree_map::Range<'a, Bytes, Option<Bytes>>>>,
}

impl<'a> Iterator for Pending<'a> {
    type Item = (&'a Bytes, Option<&'a Bytes>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.b.as_mut().and_then(|b| b.peek().copied());
        let first = match (self.a.peek(), rest) {
            (Some((a, _)), Some((b, _))) => a < b,
            (a, _) => a.is_some(),
        };
        if first {
            self.a.next().map(|(k, v)| (k, v.as_ref()))
        } else {
            self.b.as_mut()?.next().map(|(k, v)| (k, v.as_ref()))
        }
    }
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    fn bucket(&mut self, name: &[u8]) -> &mut Ops {
        let i = match self.find(name) {
            Ok(i) => i,
            Err(i) => {
                self.buckets
                    .insert(i, (Bytes::copy_from_slice(name), Ops::default()));
                i
            }
        };
        &mut self.buckets[i].1
    }

    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.buckets.binary_search_by(|(n, _)| (**n).cmp(name))
    }

    fn peek(&self, name: &[u8]) -> Option<&Ops> {
        self.find(name).ok().map(|i| &self.buckets[i].1)
    }

    fn set(&mut self, bucket: &[u8], key: Bytes, value: Option<Bytes>) -> Result<()> {
        if key.is_empty() || bucket.is_empty() {
            return Err(Error::Invalid("a key or the name of a bucket is empty"));
        }
        if key.len() > MAX_KEY_SIZE || bucket.len() > MAX_KEY_SIZE {
            return Err(Error::Invalid(
                "a key or the name of a bucket is longer than 32768 bytes",
            ));
        }
        if value.as_ref().is_some_and(|v| v.len() > MAX_VALUE_SIZE) {
            return Err(Error::Invalid("a value is longer than 2147483646 bytes"));
        }
        let size = |v: &Option<Bytes>| v.as_ref().map_or(0, |v| v.len() as u64);
        let added = key.len() as u64 + size(&value);
        let ops = self.bucket(bucket);
        if ops.exists == Some(false) && value.is_some() {
            ops.exists = Some(true);
        }
        match ops.set(key, value) {
            Some((key, old)) => self.bytes -= key.len() as u64 + size(&old),
            None => self.ops += 1,
        }
        self.bytes += added;
        Ok(())
    }

    /// Sets a key. Creates the bucket if it does not exist.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the key or value is too long for the format.
    pub fn put(
        &mut self,
        bucket: &[u8],
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<()> {
        self.set(bucket, key.into(), Some(value.into()))
    }

    /// Deletes a key. Neither the key nor the bucket need exist.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the key is too long for the format.
    pub fn delete(&mut self, bucket: &[u8], key: impl Into<Bytes>) -> Result<()> {
        self.set(bucket, key.into(), None)
    }

    /// Creates a bucket, unless it exists.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the name is too long for the format.
    pub fn create_bucket(&mut self, bucket: &[u8]) -> Result<()> {
        if bucket.is_empty() || bucket.len() > MAX_KEY_SIZE {
            return Err(Error::Invalid("the name of a bucket has 1 to 32768 bytes"));
        }
        self.bytes += bucket.len() as u64;
        self.ops += 1;
        self.bucket(bucket).exists = Some(true);
        Ok(())
    }

    /// Deletes a bucket with all its content, if it exists.
    pub fn delete_bucket(&mut self, bucket: &[u8]) {
        self.ops += 1;
        *self.bucket(bucket) = Ops {
            cleared: true,
            exists: Some(false),
            ..Ops::default()
        };
    }

    /// The pending operation on a key: none, a deletion (`Some(None)`), or a value.
    pub fn get(&self, bucket: &[u8], key: &[u8]) -> Option<Option<&Bytes>> {
        let ops = self.peek(bucket)?;
        match ops.get(key) {
            Some(v) => Some(v.as_ref()),
            None => ops.cleared.then_some(None),
        }
    }

    /// The pending operations on the keys of a bucket from `start` to `end`, in order. Does not include the content of
    /// a bucket that the batch deletes: see [`Batch::clears`].
    pub fn range<'a>(
        &'a self,
        bucket: &[u8],
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
    ) -> impl Iterator<Item = (&'a Bytes, Option<&'a Bytes>)> + use<'a> {
        self.peek(bucket)
            .map(|ops| ops.range(start, end))
            .into_iter()
            .flatten()
    }

    /// Whether the batch drops the bucket's present content.
    pub fn clears(&self, bucket: &[u8]) -> bool {
        self.peek(bucket).is_some_and(|o| o.cleared)
    }

    /// Total size of all keys and values in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of operations.
    pub fn ops(&self) -> usize {
        self.ops
    }

    /// Whether the batch contains no operations.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    pub(crate) fn buckets(&self) -> impl Iterator<Item = (&Bytes, &Ops)> {
        self.buckets.iter().map(|(name, ops)| (name, ops))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_operation_wins_and_order_is_kept() {
        let mut b = Batch::new();
        for k in ["b", "d", "a", "c", "d"] {
            b.put(b"x", k, format!("{k}1")).unwrap();
        }
        b.delete(b"x", "a").unwrap();
        b.put(b"x", "c", "longer").unwrap();
        let all: Vec<_> = b.range(b"x", Bound::Unbounded, Bound::Unbounded).collect();
        let want: [(&str, Option<&str>); 4] = [
            ("a", None),
            ("b", Some("b1")),
            ("c", Some("longer")),
            ("d", Some("d1")),
        ];
        assert_eq!(all.len(), 4);
        for ((k, v), (wk, wv)) in all.into_iter().zip(want) {
            assert_eq!(
                (&**k, v.map(|v| &**v)),
                (wk.as_bytes(), wv.map(str::as_bytes))
            );
        }
        assert_eq!((b.ops(), b.bytes()), (4, 1 + 3 + 7 + 3));
        assert_eq!(
            b.range(b"x", Bound::Excluded(b"a"), Bound::Excluded(b"c"))
                .count(),
            1
        );
        assert_eq!(
            b.range(b"x", Bound::Included(b"c"), Bound::Excluded(b"a"))
                .count(),
            0
        );
        assert_eq!(b.get(b"x", b"a"), Some(None));
        assert_eq!(b.get(b"x", b"zz"), None);
        assert_eq!(b.get(b"y", b"a"), None);
    }

    #[test]
    fn a_deleted_bucket_hides_what_it_held() {
        let mut b = Batch::new();
        b.put(b"x", "a", "1").unwrap();
        b.delete_bucket(b"x");
        assert_eq!(b.get(b"x", b"a"), Some(None));
        b.put(b"x", "b", "2").unwrap();
        assert_eq!(b.get(b"x", b"b"), Some(Some(&Bytes::from_static(b"2"))));
        assert!(b.clears(b"x"));
    }

    #[test]
    fn values_that_exceed_the_format_are_refused() {
        let mut b = Batch::new();
        assert!(b.put(b"x", "", "1").is_err());
        assert!(b.put(b"", "k", "1").is_err());
        assert!(b.put(b"x", vec![1; MAX_KEY_SIZE + 1], "1").is_err());
        assert!(b.is_empty() || b.ops() == 0);
    }
}
