//! The bridge between the store and the bolt file: a committed state from which values and records are read. Knows the
//! buckets that the server reads. Writes nothing.

use std::{cell::Cell, ops::Bound};

use bytes::Bytes;

use super::{
    error::Error,
    meter::Meter,
    mvcc::{encoded::Encoded, revision::Revision, view::Values},
};
use crate::{
    bolt::{self, Bucket, Cursor, Db, Entry, ReadOnly, ReadTx, ResidentView, Sizes, Source},
    proto::mvccpb::KeyValue,
    schema::{RecordError, bucket, hash, key},
};

/// Values of a response share allocations of this size, which is small enough for the allocator to reuse memory. It
/// would map larger ones anew each time, and the system would have to zero them.
const ARENA: usize = 64 << 10;

/// An open database file.
#[derive(Clone)]
pub enum DatabaseFile {
    /// Open for reading and writing.
    Writable(Db),
    /// Open for reading only.
    ReadOnly(ReadOnly),
}

impl DatabaseFile {
    /// Size of the last committed state. For a read-only file, the first call reads every page header.
    ///
    /// # Errors
    /// A page is damaged.
    pub fn sizes(&self) -> Result<Sizes, Error> {
        match self {
            DatabaseFile::Writable(db) => Ok(db.sizes()),
            DatabaseFile::ReadOnly(db) => db.sizes().map_err(Error::storage),
        }
    }
}

/// A committed state of the file.
#[derive(Clone)]
pub struct Tx(ReadTx);

impl Tx {
    /// Wraps a state of the engine.
    pub fn new(tx: ReadTx) -> Tx {
        Tx(tx)
    }

    /// The state, for snapshots.
    pub fn inner(&self) -> &ReadTx {
        &self.0
    }

    /// Calls `each` for the records of bucket `key` from `start` to main revision `end` (inclusive) in order, until it
    /// returns false or fails.
    ///
    /// # Errors
    /// A page is damaged, or the error that `each` returned.
    pub fn records(
        &self,
        start: Bound<&[u8]>,
        end: i64,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let Some(keys) = self.0.bucket(bucket::KEY).map_err(Error::storage)? else {
            return Ok(());
        };
        let end = end
            .checked_add(1)
            .map(|main| Revision::new(main, 0).encode());
        let end = end
            .as_ref()
            .map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
        for entry in keys.range(start, end).map_err(Error::storage)? {
            let entry = entry.map_err(Error::storage)?;
            if !each(entry.key, entry.value)? {
                break;
            }
        }
        Ok(())
    }

    /// The encoded record of a put.
    ///
    /// # Errors
    /// A page is damaged, or there is no such record.
    pub fn record(&self, rev: Revision) -> Result<Bytes, Error> {
        let mut records = Records::new(self.keys()?, Error::storage);
        records.find(rev).map(Bytes::copy_from_slice)
    }

    fn keys(&self) -> Result<Option<Bucket<ResidentView<'_>>>, Error> {
        self.0
            .bucket_noting_residency(bucket::KEY)
            .map_err(Error::storage)
    }

    /// CRC-32C over all buckets, as computed by etcd's `Hash` RPC. Calls `check_cancelled` for every record.
    ///
    /// # Errors
    /// A page is damaged, or the error that `check_cancelled` returned.
    pub fn hash(&self, check_cancelled: impl Fn() -> Result<(), Error>) -> Result<u32, Error> {
        let mut crc = hash::Crc32c::default();
        for next in self.0.buckets().map_err(Error::storage)? {
            let (name, records) = next.map_err(Error::storage)?;
            crc.write(name);
            for entry in records.iter().map_err(Error::storage)? {
                let entry = entry.map_err(Error::storage)?;
                check_cancelled()?;
                if !hash::ignored_by_server(name, entry.key) {
                    crc.write(entry.key);
                    crc.write(entry.value);
                }
            }
        }
        Ok(crc.sum())
    }
}

impl Values for Tx {
    fn values(&self, revs: &[Revision]) -> Result<Vec<KeyValue>, Error> {
        match revs {
            [] => Ok(Vec::new()),
            _ => values(Records::new(self.keys()?, Error::storage), revs),
        }
    }

    fn append(&self, revs: &[Revision], to: &mut Encoded) -> Result<(), Error> {
        match revs {
            [] => Ok(()),
            _ => append(Records::new(self.keys()?, Error::storage), revs, to),
        }
    }
}

/// Whether a record may directly follow another one in the file.
fn follows(before: Revision, rev: Revision) -> bool {
    rev.main == before.main + 1 || (rev.main == before.main && rev.sub == before.sub + 1)
}

/// Reads the records of a committed state, within the limits of a meter.
pub struct MeteredTx<'a> {
    tx: &'a Tx,
    meter: &'a Meter,
    /// Whether this may wait for the disk.
    may_wait: bool,
    was_cold: Cell<bool>,
}

impl<'a> MeteredTx<'a> {
    /// The records of `tx`. Without `may_wait`, a page that is not in memory is an error.
    pub fn new(tx: &'a Tx, meter: &'a Meter, may_wait: bool) -> MeteredTx<'a> {
        MeteredTx {
            tx,
            meter,
            may_wait,
            was_cold: Cell::new(false),
        }
    }

    /// Whether the read was stopped by its limits, so that it can be repeated with larger ones.
    pub fn was_interrupted(&self) -> bool {
        self.was_cold.get() || self.meter.was_exceeded()
    }

    fn fail(&self, error: bolt::Error) -> Error {
        self.was_cold.set(matches!(error, bolt::Error::Cold { .. }));
        Error::storage(error)
    }

    fn keys(&self) -> Result<Option<Bucket<ResidentView<'_>>>, Error> {
        let keys = match self.may_wait {
            true => self.tx.0.bucket_noting_residency(bucket::KEY),
            false => self.tx.0.bucket_if_resident(bucket::KEY),
        };
        keys.map_err(|e| self.fail(e))
    }

    fn records(
        &self,
    ) -> Result<Records<'_, ResidentView<'_>, impl Fn(bolt::Error) -> Error>, Error> {
        let mut records = Records::new(self.keys()?, |e| self.fail(e));
        records.meter = Some(self.meter);
        Ok(records)
    }
}

impl Values for MeteredTx<'_> {
    fn values(&self, revs: &[Revision]) -> Result<Vec<KeyValue>, Error> {
        match revs {
            [] => Ok(Vec::new()),
            _ => values(self.records()?, revs),
        }
    }

    fn append(&self, revs: &[Revision], to: &mut Encoded) -> Result<(), Error> {
        match revs {
            [] => Ok(()),
            _ => append(self.records()?, revs, to),
        }
    }

    fn check_cancelled(&self) -> Result<(), Error> {
        self.meter.check()
    }
}

/// Looks up records one after the other.
struct Records<'a, S: Source<Buf = &'a [u8]>, F> {
    keys: Option<Bucket<S>>,
    fail: F,
    last: Option<(Revision, Cursor<S>)>,
    meter: Option<&'a Meter>,
}

impl<'a, S: Source<Buf = &'a [u8]>, F: Fn(bolt::Error) -> Error> Records<'a, S, F> {
    fn new(keys: Option<Bucket<S>>, fail: F) -> Records<'a, S, F> {
        Records {
            keys,
            fail,
            last: None,
            meter: None,
        }
    }

    fn find(&mut self, rev: Revision) -> Result<&'a [u8], Error> {
        let record = self.look_up(rev)?;
        if let Some(meter) = self.meter {
            meter.record(record.len())?;
        }
        Ok(record)
    }

    fn look_up(&mut self, rev: Revision) -> Result<&'a [u8], Error> {
        let name = rev.encode();
        let missing = || {
            let missing = "the index knows of it, but there is no such record";
            Error::record(&RecordError::new(bucket::KEY, &name, missing))
        };
        let is_it = |entry: &Entry<&[u8]>| entry.key == &name[..] && !entry.is_bucket();
        // Keys that were written consecutively are often read in that order, too.
        if let Some((before, cursor)) = &mut self.last
            && follows(*before, rev)
            && let Some(entry) = cursor.next_entry().map_err(&self.fail)?
            && is_it(&entry)
        {
            *before = rev;
            return Ok(entry.value);
        }
        let keys = self.keys.as_ref().ok_or_else(missing)?;
        let mut cursor = keys.seek(&name).map_err(&self.fail)?;
        let entry = cursor.next_entry().map_err(&self.fail)?;
        let entry = entry.filter(is_it).ok_or_else(missing)?;
        self.last = Some((rev, cursor));
        Ok(entry.value)
    }
}

/// Appends the records as stored, after checking that each can be decoded.
fn append<'a, S: Source<Buf = &'a [u8]>>(
    mut records: Records<'a, S, impl Fn(bolt::Error) -> Error>,
    revs: &[Revision],
    to: &mut Encoded,
) -> Result<(), Error> {
    for rev in revs {
        let record = records.find(*rev)?;
        key::KeyValueRef::of_record(&rev.encode(), record).map_err(|e| Error::record(&e))?;
        to.record(record);
    }
    Ok(())
}

fn values<'a, S: Source<Buf = &'a [u8]>>(
    mut records: Records<'a, S, impl Fn(bolt::Error) -> Error>,
    revs: &[Revision],
) -> Result<Vec<KeyValue>, Error> {
    let decode = |rev: &Revision, record: Bytes| {
        key::decode_shared(&rev.encode(), &record).map_err(|e| Error::record(&e))
    };
    if let [rev] = revs {
        return Ok(vec![decode(
            rev,
            Bytes::copy_from_slice(records.find(*rev)?),
        )?]);
    }

    // Copy the records out of the mapping into a few allocations, which their keys and values then share, so that no
    // mapped memory is passed to the network.
    let mut values = Vec::with_capacity(revs.len());
    let mut arena: Vec<u8> = Vec::new();
    let mut pending: Vec<(&Revision, usize)> = Vec::new();
    let mut flush = |arena: &mut Vec<u8>, pending: &mut Vec<(&Revision, usize)>| {
        let shared = Bytes::from(std::mem::take(arena));
        let mut at = 0;
        for (rev, end) in pending.drain(..) {
            values.push(decode(rev, shared.slice(at..end))?);
            at = end;
        }
        Ok::<(), Error>(())
    };
    for (i, rev) in revs.iter().enumerate() {
        let record = records.find(*rev)?;
        if arena.len() + record.len() > arena.capacity() {
            flush(&mut arena, &mut pending)?;
            // Assume that the remaining records have the same size as this one.
            let rest = record.len().saturating_mul(revs.len() - i);
            arena.reserve_exact(rest.min(ARENA).max(record.len()));
        }
        arena.extend_from_slice(record);
        pending.push((rev, arena.len()));
    }
    flush(&mut arena, &mut pending)?;
    Ok(values)
}
