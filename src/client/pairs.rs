//! Reads the pairs of a range one by one, in pages at one revision. Only reads.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{cause::Limit, channel::Client, deadline::Deadline, error::ClientError, pages::Pages};
use crate::proto::{etcdserverpb as pb, mvccpb::KeyValue};

/// A reader of a range.
pub struct Pairs {
    pages: Pages,
    /// The revision of all pages; 0 until the first page sets it.
    revision: i64,
    limit: Limit,
    waiting: VecDeque<KeyValue>,
}

impl Pairs {
    /// Reads the range from `key` to `range_end` (as in a `RangeRequest`) at `revision`, or at the current revision if
    /// that is 0. `limit` is the time limit for each page.
    pub fn new(
        client: &Client,
        key: Bytes,
        range_end: Bytes,
        revision: i64,
        limit: Limit,
    ) -> Pairs {
        let request = pb::RangeRequest {
            key,
            range_end,
            revision,
            ..Default::default()
        };
        Pairs {
            pages: Pages::new(client, request),
            revision,
            limit,
            waiting: VecDeque::new(),
        }
    }

    /// The revision of the pages; 0 before the first page if none was given.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The next pair in key order, or `None` after the last one.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn next(&mut self) -> Result<Option<KeyValue>, ClientError> {
        loop {
            if let Some(kv) = self.waiting.pop_front() {
                return Ok(Some(kv));
            }
            let deadline = Deadline::after(self.limit);
            let Some(page) = self.pages.next(deadline).await? else {
                return Ok(None);
            };
            if self.revision == 0 {
                self.revision = page.header.map_or(0, |h| h.revision);
            }
            self.waiting.extend(page.kvs);
        }
    }
}
