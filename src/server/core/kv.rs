//! The KV service: ranges, puts, deletions, transactions and compactions.

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
    /// Reads keys at one revision; never waits for a sync.
    ///
    /// # Errors
    /// The revision is compacted or in the future, a record is damaged, or the server has stopped.
    pub async fn range(
        &self,
        context: &RequestContext,
        r: pb::RangeRequest,
    ) -> Result<pb::RangeResponse, Error> {
        let mut answer = self.read(context, r).await?;
        self.complete(&mut answer.header);
        Ok(answer)
    }

    /// As [`Core::range`], encoded, behind so many free bytes.
    ///
    /// # Errors
    /// As [`Core::range`].
    pub async fn range_encoded(
        &self,
        context: &RequestContext,
        r: pb::RangeRequest,
        free: usize,
    ) -> Result<Encoded, Error> {
        let header = self.inner.shared.header(0);
        let mut answer = self.read(context, EncodedRange { r, header, free }).await?;
        answer.counted_by(&self.inner.admission.answers());
        Ok(answer)
    }

    /// One chunk of a long range: as [`Core::range`], but `count` counts only up to the limit.
    ///
    /// # Errors
    /// As [`Core::range`].
    pub async fn range_chunk(
        &self,
        context: &RequestContext,
        r: pb::RangeRequest,
    ) -> Result<pb::RangeResponse, Error> {
        let mut answer = self.read(context, RangeChunk(r)).await?;
        self.complete(&mut answer.header);
        Ok(answer)
    }

    /// Writes one key; the answer means that it is durable.
    ///
    /// # Errors
    /// The request is refused (size, space, alarm, missing key or lease), or can't be made durable.
    pub async fn put(
        &self,
        context: &RequestContext,
        r: pb::PutRequest,
    ) -> Result<pb::PutResponse, Error> {
        self.write(context, r).await
    }

    /// Deletes a range.
    ///
    /// # Errors
    /// As [`Core::put`].
    pub async fn delete_range(
        &self,
        context: &RequestContext,
        r: pb::DeleteRangeRequest,
    ) -> Result<pb::DeleteRangeResponse, Error> {
        // The deleted keys may be as large an answer as a range's.
        let index = &self.inner.shared.index;
        let _admitted = match !r.prev_kv || reading::is_short(index, &r.key, &r.range_end) {
            true => None,
            false => Some(self.inner.admission.admit(Size::Large).await?),
        };
        self.write(context, r).await
    }

    /// Runs a transaction; one that only reads does not enter the writer.
    ///
    /// # Errors
    /// As [`Core::put`] and [`Core::range`].
    pub async fn txn(
        &self,
        context: &RequestContext,
        r: pb::TxnRequest,
    ) -> Result<pb::TxnResponse, Error> {
        if !txn::is_read_only(&r) {
            // A transaction may return as much as a range does.
            let _admitted = match reading::returns_few_keys(&r, &self.inner.shared.index) {
                true => None,
                false => Some(self.inner.admission.admit(Size::Large).await?),
            };
            return self.write(context, r).await;
        }
        let mut answer = self.read(context, r).await?;
        self.complete(&mut answer.header);
        Ok(answer)
    }

    /// As [`Core::txn`], encoded, behind so many free bytes.
    ///
    /// # Errors
    /// As [`Core::txn`].
    pub async fn txn_encoded(
        &self,
        context: &RequestContext,
        r: pb::TxnRequest,
        free: usize,
    ) -> Result<Encoded, Error> {
        let mut answer = Encoded::of_message(&self.txn(context, r).await?, free);
        answer.counted_by(&self.inner.admission.answers());
        Ok(answer)
    }

    /// Compacts; with `physical` answers after the old revisions are gone from the file.
    ///
    /// # Errors
    /// The revision is compacted already or in the future, or as [`Core::put`]; with `physical` also a
    /// record or page whose damage stopped the removal.
    pub async fn compact(
        &self,
        context: &RequestContext,
        r: pb::CompactionRequest,
    ) -> Result<pb::CompactionResponse, Error> {
        let removed = self.write(context, r).await?;
        if r.physical {
            removed.await.map_err(|_| Error::Stopped)??;
        }
        // etcd names the newest revision here, which may have moved on.
        Ok(pb::CompactionResponse {
            header: Some(self.header()),
        })
    }
}
