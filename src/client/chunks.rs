//! Reads a range by one request with several responses (`RangeStream` of etcd 3.7), each of which is returned as soon as the
//! next one has arrived: memory use does not grow with the number of keys. Repeats nothing.

use super::{channel::Client, deadline::Deadline, error::ClientError, stream::Answers};
use crate::proto::etcdserverpb as pb;

/// A range that is being read.
pub struct Chunks {
    answers: Answers<pb::RangeStreamResponse>,
    /// The chunk that is returned next; `None` after the last one.
    next: Option<pb::RangeResponse>,
}

impl Chunks {
    /// Requests the range. `deadline` bounds the first response.
    ///
    /// etcd sends the header with the last chunk. With `header_first`, the first one has it: it is requested before the
    /// keys, which are then read at its revision.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn open(
        client: &Client,
        mut request: pb::RangeRequest,
        header_first: bool,
        deadline: Deadline,
    ) -> Result<Chunks, ClientError> {
        if !header_first || request.range_end.is_empty() || request.count_only {
            return Chunks::start(client, request, deadline).await;
        }
        if request.serializable && client.endpoints().count() > 1 {
            // Another member may not have reached the revision of the header, so all chunks are held instead.
            let mut chunks = Chunks::start(client, request, deadline).await?;
            while let Some(ahead) = chunks.read_ahead(deadline).await? {
                merge(&mut chunks.next, ahead);
            }
            return Ok(chunks);
        }
        let head = pb::RangeRequest {
            limit: 1,
            keys_only: true,
            ..request.clone()
        };
        let header = client.range(head, deadline).await?.header;
        if request.revision == 0 {
            request.revision = header.as_ref().map_or(0, |h| h.revision);
        }
        let mut chunks = Chunks::start(client, request, deadline).await?;
        if let Some(first) = &mut chunks.next {
            first.header = header;
        }
        Ok(chunks)
    }

    /// Sends the request and reads the first chunk.
    async fn start(
        client: &Client,
        request: pb::RangeRequest,
        deadline: Deadline,
    ) -> Result<Chunks, ClientError> {
        let answers = client
            .range_stream(request, deadline, Deadline::never())
            .await?;
        let mut chunks = Chunks {
            answers,
            next: None,
        };
        chunks.next = chunks.read_ahead(deadline).await?;
        Ok(chunks)
    }

    /// Whether there is another chunk.
    pub fn has_more(&self) -> bool {
        self.next.is_some()
    }

    /// The next chunk, or `None` after the last one. All but the last have keys; the last one has the count and `more` of the
    /// whole answer. `deadline` bounds each response.
    ///
    /// # Errors
    /// See [`ClientError`]; after a timeout, the same chunk can be requested again.
    pub async fn next(
        &mut self,
        deadline: Deadline,
    ) -> Result<Option<pb::RangeResponse>, ClientError> {
        while let Some(next) = &self.next {
            let (empty, count, more) = (next.kvs.is_empty(), next.count, next.more);
            match self.read_ahead(deadline).await? {
                None => return Ok(self.next.take()),
                Some(ahead) if empty || ahead.kvs.is_empty() => merge(&mut self.next, ahead),
                Some(mut ahead) => {
                    if ahead.count == 0 {
                        ahead.count = count;
                    }
                    ahead.more |= more;
                    return Ok(self.next.replace(ahead));
                }
            }
        }
        Ok(None)
    }

    async fn read_ahead(
        &mut self,
        deadline: Deadline,
    ) -> Result<Option<pb::RangeResponse>, ClientError> {
        self.answers.set_deadline(deadline);
        let answer = self.answers.next().await?;
        Ok(answer.map(|answer| answer.range_response.unwrap_or_default()))
    }
}

/// Appends a chunk to the previous one, as etcd's client does.
fn merge(chunk: &mut Option<pb::RangeResponse>, next: pb::RangeResponse) {
    let chunk = chunk.get_or_insert_default();
    chunk.header = next.header.or(chunk.header);
    chunk.kvs.extend(next.kvs);
    chunk.more |= next.more;
    if next.count != 0 {
        chunk.count = next.count;
    }
}
