//! A change to one record of the backend, independent of the storage engine.

/// A record to be written or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The bucket, one of [`super::bucket::ALL`].
    pub bucket: &'static [u8],
    /// The record's key.
    pub key: Vec<u8>,
    /// The new value; `None` deletes the record.
    pub value: Option<Vec<u8>>,
}

impl Change {
    /// A change that writes a record.
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

    /// A change that deletes a record.
    pub fn delete(bucket: &'static [u8], key: impl Into<Vec<u8>>) -> Change {
        Change {
            bucket,
            key: key.into(),
            value: None,
        }
    }
}
