//! Copies everything under a prefix: first all keys at one revision, in pages, then every later change (etcd v3.7.1,
//! client/v3/mirror/syncer.go). Writes nothing itself.

use bytes::Bytes;

use super::{
    channel::Client, deadline::Deadline, error::ClientError, pages::Pages, rpc::prefix_end,
    stream::StreamOptions, watch::Watcher,
};
use crate::proto::{etcdserverpb as pb, mvccpb};

/// Keys per page, as in etcd.
const PAGE: i64 = 1000;

/// The source of a mirror.
pub struct Syncer {
    client: Client,
    pages: Pages,
    first: Bytes,
    range_end: Bytes,
    /// The revision at which all pages are read; 0 until the first response.
    revision: i64,
    /// For the next request: none once the source has answered.
    deadline: Deadline,
}

impl Syncer {
    /// Copies the keys under `prefix` (all keys if it is empty) at `revision`, or at the current one if that is 0.
    /// `deadline` bounds the first request; once that has been answered, the copy survives any stall of the network.
    pub fn new(client: &Client, prefix: &[u8], revision: i64, deadline: Deadline) -> Syncer {
        let first = match prefix {
            [] => Bytes::from_static(b"\0"),
            prefix => Bytes::copy_from_slice(prefix),
        };
        let range_end = Bytes::from(prefix_end(prefix));
        let request = pb::RangeRequest {
            key: first.clone(),
            range_end: range_end.clone(),
            revision,
            ..Default::default()
        };
        Syncer {
            client: client.clone(),
            pages: Pages::of_size(client, request, PAGE),
            first,
            range_end,
            revision,
            deadline,
        }
    }

    /// The revision of the pages; 0 before the first one, if none was given.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The next page of keys, or `None` after the last one.
    ///
    /// # Errors
    /// See [`ClientError`]; the same page can be requested again.
    pub async fn page(&mut self) -> Result<Option<Vec<mvccpb::KeyValue>>, ClientError> {
        let Some(page) = self.pages.next(self.deadline).await? else {
            return Ok(None);
        };
        self.deadline = Deadline::never();
        if self.revision == 0 {
            self.revision = page.header.as_ref().map_or(0, |h| h.revision);
        }
        Ok(Some(page.kvs))
    }

    /// Whether there is another page.
    pub fn has_more(&self) -> bool {
        self.pages.has_more()
    }

    /// The changes after the revision of the pages; never ends.
    pub fn updates(&self) -> Watcher {
        let create = pb::WatchCreateRequest {
            key: self.first.clone(),
            range_end: self.range_end.clone(),
            start_revision: self.revision.saturating_add(1),
            ..Default::default()
        };
        // What has changed since a revision in the distant past may be large.
        let options = StreamOptions {
            fragments: true,
            ..StreamOptions::default()
        };
        self.client.watch(create, options, self.deadline)
    }
}
