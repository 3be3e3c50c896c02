//! The bridge between the store and the bolt file: a committed state from which values and records are read. Knows the
//! buckets that the server reads. Writes nothing.

use std::{cell::Cell, ops::Bound};

use bytes::Bytes;

use super::{
    error::Error,
    meter::{Cancelled, Meter},
    mvcc::{encoded::Encoded, revision::Revision, view::Values},
};
use crate::{
    bolt::{
        self, Bucket, Buckets, Cursor, Db, Entry, FileReader, ForeignFile, ReadOnly, ReadTx,
        ResidentView, Sizes, SnapshotReader, Source,
    },
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
    /// A file of another owner, which is only read.
    Foreign(ForeignFile),
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
            DatabaseFile::Foreign(file) => file.sizes().map_err(Error::storage),
        }
    }
}

/// A committed state of the file.
#[derive(Clone)]
pub struct Tx(State);

#[derive(Clone)]
enum State {
    /// A database of this server, which is mapped.
    Mapped(ReadTx),
    /// A file of another owner, which is read by pread.
    Foreign(ForeignFile),
}

impl Tx {
    /// Wraps a state of the engine.
    pub fn new(tx: ReadTx) -> Tx {
        Tx(State::Mapped(tx))
    }

    /// The state of a file of another owner.
    pub fn of_file(file: ForeignFile) -> Tx {
        Tx(State::Foreign(file))
    }

    /// A reader for the state as a snapshot.
    pub fn snapshot(&self) -> SnapshotReader {
        match &self.0 {
            State::Mapped(tx) => tx.snapshot(),
            State::Foreign(file) => file.snapshot(),
        }
    }

    /// The transaction that wrote this state.
    pub fn txid(&self) -> u64 {
        match &self.0 {
            State::Mapped(tx) => tx.txid(),
            State::Foreign(file) => file.reader().meta().txid,
        }
    }

    /// Calls `each` for the records of bucket `key` from `start` to main revision `end` (inclusive) in order, until it
    /// returns false or fails.
    ///
    /// # Errors
    /// A page is damaged, a file of another owner has been changed, or the error that `each` returned.
    pub fn records(
        &self,
        start: Bound<&[u8]>,
        end: i64,
        each: impl FnMut(&[u8], &[u8]) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        match &self.0 {
            State::Mapped(tx) => scan(tx.bucket(bucket::KEY), start, end, each),
            State::Foreign(file) => {
                let reader = file.reader().fork();
                let done = scan(reader.bucket(bucket::KEY), start, end, each);
                unchanged(&reader, done)
            }
        }
    }

    /// The encoded record of a put.
    ///
    /// # Errors
    /// A page is damaged, or there is no such record.
    pub fn record(&self, rev: Revision) -> Result<Bytes, Error> {
        match &self.0 {
            State::Mapped(tx) => {
                let keys = tx.bucket_noting_residency(bucket::KEY);
                let mut records = Records::new(keys.map_err(Error::storage)?, Error::storage);
                records.find(rev).map(Bytes::copy_from_slice)
            }
            State::Foreign(file) => {
                let found = keys_of(file).and_then(|keys| {
                    let mut records = Records::new(keys, Error::storage);
                    records
                        .find(rev)
                        .map(|record| Bytes::copy_from_slice(&record))
                });
                unchanged(file.reader(), found)
            }
        }
    }

    /// CRC-32C over all buckets, as computed by etcd's `Hash` RPC. Calls `check_cancelled` for every record.
    ///
    /// # Errors
    /// A page is damaged, or the error that `check_cancelled` returned.
    pub fn hash(&self, check_cancelled: impl Fn() -> Result<(), Error>) -> Result<u32, Error> {
        match &self.0 {
            State::Mapped(tx) => hash_of(tx.buckets(), check_cancelled),
            State::Foreign(file) => {
                let reader = file.reader().fork();
                let hash = hash_of(reader.buckets(), check_cancelled);
                unchanged(&reader, hash)
            }
        }
    }
}

/// Bucket `key` of a file of another owner.
fn keys_of(file: &ForeignFile) -> Result<Option<Bucket<&FileReader>>, Error> {
    file.reader().bucket(bucket::KEY).map_err(Error::storage)
}

/// What was read from a file of another owner. If the file was changed in the meantime, this is the error, because it
/// is the cause of any other one.
fn unchanged<T>(reader: &FileReader, read: Result<T, Error>) -> Result<T, Error> {
    reader.check_unchanged().map_err(Error::storage)?;
    read
}

fn scan<S: Source>(
    keys: bolt::Result<Option<Bucket<S>>>,
    start: Bound<&[u8]>,
    end: i64,
    mut each: impl FnMut(&[u8], &[u8]) -> Result<bool, Error>,
) -> Result<(), Error> {
    let Some(keys) = keys.map_err(Error::storage)? else {
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
        if !each(&entry.key, &entry.value)? {
            break;
        }
    }
    Ok(())
}

fn hash_of<S: Source>(
    buckets: bolt::Result<Buckets<S>>,
    check_cancelled: impl Fn() -> Result<(), Error>,
) -> Result<u32, Error> {
    let mut crc = hash::Crc32c::default();
    for next in buckets.map_err(Error::storage)? {
        let (name, records) = next.map_err(Error::storage)?;
        crc.write(&name);
        for entry in records.iter().map_err(Error::storage)? {
            let entry = entry.map_err(Error::storage)?;
            check_cancelled()?;
            if !hash::ignored_by_server(&name, &entry.key) {
                crc.write(&entry.key);
                crc.write(&entry.value);
            }
        }
    }
    Ok(crc.sum())
}

impl Values for Tx {
    fn values(&self, revs: &[Revision]) -> Result<Vec<KeyValue>, Error> {
        let meter = Meter::new(usize::MAX, Cancelled::default());
        MeteredTx::new(self, &meter, true).values(revs)
    }

    fn append(&self, revs: &[Revision], to: &mut Encoded) -> Result<(), Error> {
        let meter = Meter::new(usize::MAX, Cancelled::default());
        MeteredTx::new(self, &meter, true).append(revs, to)
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

    fn resident_keys<'t>(&self, tx: &'t ReadTx) -> Result<Option<Bucket<ResidentView<'t>>>, Error> {
        let keys = match self.may_wait {
            true => tx.bucket_noting_residency(bucket::KEY),
            false => tx.bucket_if_resident(bucket::KEY),
        };
        keys.map_err(|e| self.fail(e))
    }

    /// Bucket `key` of a file of another owner, whose pages are never known to be in memory.
    fn foreign_keys<'t>(
        &self,
        file: &'t ForeignFile,
    ) -> Result<Option<Bucket<&'t FileReader>>, Error> {
        if self.may_wait {
            return keys_of(file);
        }
        let (page, reader) = (0, file.reader());
        let file = reader.path().to_path_buf();
        Err(self.fail(bolt::Error::Cold { file, page }))
    }

    fn records<S: Source>(
        &self,
        keys: Option<Bucket<S>>,
    ) -> Records<'_, S, impl Fn(bolt::Error) -> Error> {
        let mut records = Records::new(keys, |e| self.fail(e));
        records.meter = Some(self.meter);
        records
    }
}

impl Values for MeteredTx<'_> {
    fn values(&self, revs: &[Revision]) -> Result<Vec<KeyValue>, Error> {
        match &self.tx.0 {
            _ if revs.is_empty() => Ok(Vec::new()),
            State::Mapped(tx) => values(self.records(self.resident_keys(tx)?), revs),
            State::Foreign(file) => {
                let read = values(self.records(self.foreign_keys(file)?), revs);
                unchanged(file.reader(), read)
            }
        }
    }

    fn append(&self, revs: &[Revision], to: &mut Encoded) -> Result<(), Error> {
        match &self.tx.0 {
            _ if revs.is_empty() => Ok(()),
            State::Mapped(tx) => append(self.records(self.resident_keys(tx)?), revs, to),
            State::Foreign(file) => {
                let read = append(self.records(self.foreign_keys(file)?), revs, to);
                unchanged(file.reader(), read)
            }
        }
    }

    fn check_cancelled(&self) -> Result<(), Error> {
        self.meter.check()
    }
}

/// Looks up records one after the other.
struct Records<'m, S: Source, F> {
    keys: Option<Bucket<S>>,
    fail: F,
    last: Option<(Revision, Cursor<S>)>,
    meter: Option<&'m Meter>,
}

impl<'m, S: Source, F: Fn(bolt::Error) -> Error> Records<'m, S, F> {
    fn new(keys: Option<Bucket<S>>, fail: F) -> Records<'m, S, F> {
        Records {
            keys,
            fail,
            last: None,
            meter: None,
        }
    }

    fn find(&mut self, rev: Revision) -> Result<S::Buf, Error> {
        let record = self.look_up(rev)?;
        if let Some(meter) = self.meter {
            meter.record(record.len())?;
        }
        Ok(record)
    }

    fn look_up(&mut self, rev: Revision) -> Result<S::Buf, Error> {
        let name = rev.encode();
        let missing = || {
            let missing = "the index knows of it, but there is no such record";
            Error::record(&RecordError::new(bucket::KEY, &name, missing))
        };
        let is_it = |entry: &Entry<S::Buf>| entry.key[..] == name[..] && !entry.is_bucket();
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
fn append<S: Source>(
    mut records: Records<'_, S, impl Fn(bolt::Error) -> Error>,
    revs: &[Revision],
    to: &mut Encoded,
) -> Result<(), Error> {
    for rev in revs {
        let record = records.find(*rev)?;
        key::KeyValueRef::of_record(&rev.encode(), &record).map_err(|e| Error::record(&e))?;
        to.record(&record);
    }
    Ok(())
}

fn values<S: Source>(
    mut records: Records<'_, S, impl Fn(bolt::Error) -> Error>,
    revs: &[Revision],
) -> Result<Vec<KeyValue>, Error> {
    let decode = |rev: &Revision, record: Bytes| {
        key::decode_shared(&rev.encode(), &record).map_err(|e| Error::record(&e))
    };
    if let [rev] = revs {
        return Ok(vec![decode(
            rev,
            Bytes::copy_from_slice(&records.find(*rev)?),
        )?]);
    }

    // Copy the records into a few allocations, which their keys and values then share, so that no mapped memory is passed
    // to the network.
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
        arena.extend_from_slice(&record);
        pending.push((rev, arena.len()));
    }
    flush(&mut arena, &mut pending)?;
    Ok(values)
}
