//! One change of the backend, independent of the storage engine that carries it out.

/// A record to write or to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The bucket, one of [`super::bucket::ALL`].
    pub bucket: &'static [u8],
    /// The record's key.
    pub key: Vec<u8>,
    /// The new value; `None` deletes.
    pub value: Option<Vec<u8>>,
}

impl Change {
    /// Writes a record.
    pub fn put(
        bucket: &'static [u8],
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
    ) -> Change {
        Change {
            bucket,
            key: key.into(),
            value: Some(value.into()),
        }
    }

    /// Deletes a record.
    pub fn delete(bucket: &'static [u8], key: impl Into<Vec<u8>>) -> Change {
        Change {
            bucket,
            key: key.into(),
            value: None,
        }
    }
}
