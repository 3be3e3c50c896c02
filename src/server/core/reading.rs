//! Reads of the committed state. A short read whose data is in memory is executed immediately; any other read runs on a
//! thread that may block.

use crate::{
    proto::etcdserverpb::{
        RangeRequest, RangeResponse, ResponseHeader, TxnRequest, TxnResponse, request_op::Request,
    },
    server::{
        auth::{AuthStore, Identity},
        backend::MeteredTx,
        error::Error,
        lease::Lessor,
        meter::{Cancelled, Meter},
        mvcc::{
            encoded::Encoded,
            index::{KeyRange, TreeIndex},
            txn,
            view::{Values, View},
        },
        shared::Shared,
    },
};

/// Maximum number of keys in a short read.
const SHORT: usize = 32;
/// Maximum number of keys that a transaction may return without being treated as a large read.
const FEW: usize = 8 * SHORT;
/// Maximum number of bytes that an async worker copies for one response.
const INLINE_BYTES: usize = 256 << 10;
/// Maximum number of bytes that a small read copies.
pub const SMALL_BYTES: usize = 1 << 20;

/// A read at one revision.
pub trait Read: Send + Sync + 'static {
    /// The result.
    type Answer: Send + 'static;

    /// Checks the caller's permission.
    ///
    /// # Errors
    /// The caller has no permission.
    fn authorize(
        &self,
        store: &AuthStore,
        identity: &Identity,
        lessor: &Lessor,
    ) -> Result<(), Error>;

    /// Executes the read.
    ///
    /// # Errors
    /// Those of [`View::range`].
    fn run<V: Values>(&self, view: &View<'_, V>) -> Result<Self::Answer, Error>;

    /// Whether the request names a revision; otherwise the current state is read.
    fn names_revision(&self) -> bool;

    /// Whether the read involves only a few keys.
    fn is_short(&self, index: &TreeIndex) -> bool;
}

impl Read for RangeRequest {
    type Answer = RangeResponse;

    fn authorize(&self, store: &AuthStore, identity: &Identity, _: &Lessor) -> Result<(), Error> {
        store.check_range(identity, self)
    }

    fn run<V: Values>(&self, view: &View<'_, V>) -> Result<RangeResponse, Error> {
        view.range(self)
    }

    fn names_revision(&self) -> bool {
        self.revision > 0
    }

    fn is_short(&self, index: &TreeIndex) -> bool {
        is_short(index, &self.key, &self.range_end)
    }
}

/// A range whose response will be sent encoded.
pub struct EncodedRange {
    pub r: RangeRequest,
    /// The response header, without the revision.
    pub header: ResponseHeader,
    /// Number of unused bytes before the response.
    pub free: usize,
}

impl Read for EncodedRange {
    type Answer = Encoded;

    fn authorize(&self, store: &AuthStore, identity: &Identity, _: &Lessor) -> Result<(), Error> {
        store.check_range(identity, &self.r)
    }

    fn run<V: Values>(&self, view: &View<'_, V>) -> Result<Encoded, Error> {
        Encoded::range(view, &self.r, self.header, self.free)
    }

    fn names_revision(&self) -> bool {
        self.r.names_revision()
    }

    fn is_short(&self, index: &TreeIndex) -> bool {
        self.r.is_short(index)
    }
}

/// A range that counts only up to its limit.
pub struct RangeChunk(pub RangeRequest);

impl Read for RangeChunk {
    type Answer = RangeResponse;

    fn authorize(&self, store: &AuthStore, identity: &Identity, _: &Lessor) -> Result<(), Error> {
        store.check_range(identity, &self.0)
    }

    fn run<V: Values>(&self, view: &View<'_, V>) -> Result<RangeResponse, Error> {
        view.range_counted(&self.0, false)
    }

    fn names_revision(&self) -> bool {
        self.0.names_revision()
    }

    fn is_short(&self, index: &TreeIndex) -> bool {
        self.0.is_short(index)
    }
}

/// Only for transactions that cannot write.
impl Read for TxnRequest {
    type Answer = TxnResponse;

    fn authorize(
        &self,
        store: &AuthStore,
        identity: &Identity,
        lessor: &Lessor,
    ) -> Result<(), Error> {
        store.check_txn(identity, self, lessor)
    }

    fn run<V: Values>(&self, view: &View<'_, V>) -> Result<TxnResponse, Error> {
        txn::read(view, self)
    }

    fn names_revision(&self) -> bool {
        txn::names_revision(self)
    }

    fn is_short(&self, index: &TreeIndex) -> bool {
        let ops = self.success.iter().chain(&self.failure);
        self.compare.len() + ops.clone().count() <= SHORT
            && (self.compare.iter()).all(|c| is_short(index, &c.key, &c.range_end))
            && ops.clone().all(|op| match &op.request {
                Some(Request::RequestRange(r)) => r.is_short(index),
                _ => false,
            })
    }
}

/// The maximum number of keys that a transaction returns, whatever the result of the compares; `None` if it may be large.
pub fn few_keys_returned(r: &TxnRequest, index: &TreeIndex) -> Option<usize> {
    fn add(r: &TxnRequest, index: &TreeIndex, keys: &mut usize) -> bool {
        r.success.iter().chain(&r.failure).all(|op| {
            let (key, end): (&[u8], &[u8]) = match &op.request {
                Some(Request::RequestRange(r)) if r.count_only => return true,
                Some(Request::RequestRange(r)) => (&r.key, &r.range_end),
                Some(Request::RequestDeleteRange(r)) if r.prev_kv => (&r.key, &r.range_end),
                Some(Request::RequestPut(r)) if r.prev_kv => (&r.key, &[]),
                Some(Request::RequestTxn(nested)) => return add(nested, index, keys),
                Some(Request::RequestDeleteRange(_) | Request::RequestPut(_)) | None => {
                    return true;
                }
            };
            *keys += match KeyRange::new(key, end) {
                KeyRange::One(_) => 1,
                _ if is_short(index, key, end) => SHORT / 4,
                _ => return false,
            };
            *keys <= FEW
        })
    }
    let mut keys = 0;
    add(r, index, &mut keys).then_some(keys)
}

/// Whether a range contains only a few keys.
pub fn is_short(index: &TreeIndex, key: &[u8], end: &[u8]) -> bool {
    match KeyRange::new(key, end) {
        KeyRange::One(_) => true,
        range => index.is_short(range, SHORT),
    }
}

/// Executes a short read with the data in memory. Returns the read if that does not suffice, or if the response is too
/// long to be copied on an async worker.
pub fn at_once<R: Read>(shared: &Shared, read: R) -> Result<Result<R::Answer, Error>, R> {
    if !read.is_short(&shared.index) {
        return Err(read);
    }
    let published = match shared.published() {
        Ok(published) => published,
        Err(error) => return Ok(Err(error)),
    };
    let meter = Meter::new(INLINE_BYTES, Cancelled::default());
    let values = MeteredTx::new(&published.tx, &meter, false);
    match read.run(&shared.view_of(&published, &values)) {
        Err(Error::Compacted) if !read.names_revision() => Err(read),
        Err(_) if values.was_interrupted() => Err(read),
        result => Ok(result),
    }
}

/// Executes a read that copies at most `bytes`, however long that takes. Returns `None` if it would copy more. If the
/// read names no revision and the current state is compacted in the meantime, it reads the new current state.
///
/// # Errors
/// Those of the read, the caller has gone away, or the server has stopped.
pub fn blocking<R: Read>(
    shared: &Shared,
    read: &R,
    bytes: usize,
    cancelled: &Cancelled,
) -> Result<Option<R::Answer>, Error> {
    loop {
        let published = shared.published()?;
        let meter = Meter::new(bytes, cancelled.clone());
        let values = MeteredTx::new(&published.tx, &meter, true);
        match read.run(&shared.view_of(&published, &values)) {
            Err(Error::Compacted) if !read.names_revision() => {}
            Err(_) if values.was_interrupted() => return Ok(None),
            result => return result.map(Some),
        }
    }
}
