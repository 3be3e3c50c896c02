//! The KV service: ranges, puts, deletions, transactions and compactions.

use std::time::Instant;

use super::{
    Core,
    admission::Size,
    reading::{self, EncodedRange, RangeChunk},
};
use crate::{
    proto::etcdserverpb as pb,
    server::{
        context::RequestContext,
        error::Error,
        mvcc::{encoded::Encoded, txn},
    },
};

impl Core {
    /// Reads keys at one revision. Never waits for a sync.
    ///
    /// # Errors
    /// The revision has been compacted or is in the future, a record is damaged, or the server has stopped.
    pub async fn range(
        &self,
        context: &RequestContext,
        r: pb::RangeRequest,
    ) -> Result<pb::RangeResponse, Error> {
        let since = Instant::now();
        let answer = self.read(context, r).await;
        let mut answer = self.count_range(since, answer)?;
        self.complete(&mut answer.header);
        Ok(answer)
    }

    /// Counts a range, which took from `since` until now.
    fn count_range<T>(&self, since: Instant, answer: Result<T, Error>) -> Result<T, Error> {
        let metrics = &self.inner.shared.metrics;
        let took = since.elapsed();
        metrics.ranges.inc();
        metrics.ranged(answer.is_ok(), took);
        metrics.operation("Range").answered(answer.is_ok(), took);
        answer
    }

    /// Like [`Core::range`], but returns the encoded response, preceded by a number of unused bytes.
    ///
    /// # Errors
    /// See [`Core::range`].
    pub async fn range_encoded(
        &self,
        context: &RequestContext,
        r: pb::RangeRequest,
        free: usize,
    ) -> Result<Encoded, Error> {
        let header = self.inner.shared.header(0);
        let since = Instant::now();
        let answer = self.read(context, EncodedRange { r, header, free }).await;
        let mut answer = self.count_range(since, answer)?;
        answer.counted_by(&self.inner.admission.answers());
        Ok(answer)
    }

    /// A chunk of a long range: like [`Core::range`], but `count` counts only up to the limit.
    ///
    /// # Errors
    /// See [`Core::range`].
    pub async fn range_chunk(
        &self,
        context: &RequestContext,
        r: pb::RangeRequest,
    ) -> Result<pb::RangeResponse, Error> {
        let since = Instant::now();
        let answer = self.read(context, RangeChunk(r)).await;
        let mut answer = self.count_range(since, answer)?;
        self.complete(&mut answer.header);
        Ok(answer)
    }

    /// Writes one key. The response means that it is durable.
    ///
    /// # Errors
    /// The request is rejected (size, space, alarm, missing key or lease), or cannot be made durable.
    pub async fn put(
        &self,
        context: &RequestContext,
        r: pb::PutRequest,
    ) -> Result<pb::PutResponse, Error> {
        let _admitted = match r.prev_kv {
            true => Some(self.inner.admission.admit_write(1).await?),
            false => None,
        };
        self.write(context, r).await
    }

    /// Deletes a range.
    ///
    /// # Errors
    /// See [`Core::put`].
    pub async fn delete_range(
        &self,
        context: &RequestContext,
        r: pb::DeleteRangeRequest,
    ) -> Result<pb::DeleteRangeResponse, Error> {
        // The response with the deleted keys may be as large as that of a range.
        let index = &self.inner.shared.index;
        let _admitted = match !r.prev_kv || reading::is_short(index, &r.key, &r.range_end) {
            true => None,
            false => Some(self.inner.admission.admit(Size::Large).await?),
        };
        self.write(context, r).await
    }

    /// Runs a transaction. A read-only transaction does not go through the writer.
    ///
    /// # Errors
    /// See [`Core::put`] and [`Core::range`].
    pub async fn txn(
        &self,
        context: &RequestContext,
        r: pb::TxnRequest,
    ) -> Result<pb::TxnResponse, Error> {
        if !txn::is_read_only(&r) {
            // A transaction may return as much as a range does.
            let admission = &self.inner.admission;
            let _admitted = match reading::few_keys_returned(&r, &self.inner.shared.index) {
                Some(0) => None,
                Some(values) => Some(admission.admit_write(values).await?),
                None => Some(admission.admit(Size::Large).await?),
            };
            return self.write(context, r).await;
        }
        let since = Instant::now();
        let answer = self.read(context, r).await;
        let metrics = &self.inner.shared.metrics;
        (metrics.operation("ReadonlyTxn")).answered(answer.is_ok(), since.elapsed());
        let mut answer = answer?;
        metrics.count_txn(&answer);
        self.complete(&mut answer.header);
        Ok(answer)
    }

    /// Like [`Core::txn`], but returns the encoded response, preceded by a number of unused bytes.
    ///
    /// # Errors
    /// See [`Core::txn`].
    pub async fn txn_encoded(
        &self,
        context: &RequestContext,
        r: pb::TxnRequest,
        free: usize,
    ) -> Result<Encoded, Error> {
        let txn = self.txn(context, r).await?;
        let mut answer = Encoded::of_message(&txn, free);
        answer.count = i64::from(txn.succeeded);
        answer.counted_by(&self.inner.admission.answers());
        Ok(answer)
    }

    /// Compacts. With `physical`, responds after the old revisions have been removed from the file.
    ///
    /// # Errors
    /// The revision has already been compacted or is in the future, or see [`Core::put`]; with `physical` also a
    /// damaged record or page that stopped the removal.
    pub async fn compact(
        &self,
        context: &RequestContext,
        r: pb::CompactionRequest,
    ) -> Result<pb::CompactionResponse, Error> {
        let removed = self.write(context, r).await?;
        if r.physical {
            removed.await.map_err(|_| Error::Stopped)??;
        }
        // etcd returns the current revision here, which may have advanced.
        Ok(pb::CompactionResponse {
            header: Some(self.header()),
        })
    }
}
