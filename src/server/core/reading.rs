//! Reads of the committed state: what is short and in memory is answered at once; anything else, and
//! whatever would wait for the disk, on a thread that may block.

use crate::{
    proto::etcdserverpb::{
        RangeRequest, RangeResponse, ResponseHeader, TxnRequest, TxnResponse, request_op::Request,
    },
    server::{
        backend::WarmTx,
        error::Error,
        mvcc::{
            encoded::Encoded,
            index::{KeyRange, TreeIndex},
            txn,
            view::{Values, View},
        },
        shared::Shared,
    },
};

/// Most keys that a read may meet to be answered at once.
const SHORT: usize = 32;

/// Something to be read at one revision.
pub trait Read: Send + 'static {
    /// What comes of it.
    type Answer: Send + 'static;

    /// Reads it.
    ///
    /// # Errors
    /// Those of [`View::range`].
    fn run<V: Values>(&self, view: &View<'_, V>) -> Result<Self::Answer, Error>;

    /// Whether it names a revision that it wants; otherwise any new one will do.
    fn names_revision(&self) -> bool;

    /// Whether it meets few keys.
    fn is_short(&self, index: &TreeIndex) -> bool;
}

impl Read for RangeRequest {
    type Answer = RangeResponse;

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

/// A range whose answer is to be sent.
pub struct EncodedRange {
    pub r: RangeRequest,
    /// Of the answer, but for its revision.
    pub header: ResponseHeader,
    /// Bytes in front of the answer.
    pub free: usize,
}

impl Read for EncodedRange {
    type Answer = Encoded;

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

/// A range that counts no further than its limit.
pub struct RangeChunk(pub RangeRequest);

impl Read for RangeChunk {
    type Answer = RangeResponse;

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

/// Only for transactions that can't write.
impl Read for TxnRequest {
    type Answer = TxnResponse;

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

fn is_short(index: &TreeIndex, key: &[u8], end: &[u8]) -> bool {
    match KeyRange::new(key, end) {
        KeyRange::One(_) => true,
        range => index.is_short(range, SHORT),
    }
}

/// Answers a short read from what is in memory; gives it back where that won't do.
pub fn at_once<R: Read>(shared: &Shared, read: R) -> Result<Result<R::Answer, Error>, R> {
    if !read.is_short(&shared.index) {
        return Err(read);
    }
    let published = match shared.published() {
        Ok(published) => published,
        Err(error) => return Ok(Err(error)),
    };
    let values = WarmTx::new(&published.tx);
    match read.run(&shared.view_of(&published, &values)) {
        Err(Error::Compacted) if !read.names_revision() => Err(read),
        Err(_) if values.was_cold() => Err(read),
        result => Ok(result),
    }
}

/// Answers a read, however long that takes. Where it names no revision, a compaction that
/// overtakes the newest state means only that there is a newer one to read.
///
/// # Errors
/// Those of the read, or the server has stopped.
pub fn blocking<R: Read>(shared: &Shared, read: &R) -> Result<R::Answer, Error> {
    loop {
        let published = shared.published()?;
        match read.run(&shared.view_of(&published, &published.tx)) {
            Err(Error::Compacted) if !read.names_revision() => {}
            result => return result,
        }
    }
}
