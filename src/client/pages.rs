//! Reads a range in pages at one revision, so that neither client nor server holds a large answer in memory: memory use
//! does not grow with the number of keys.

use super::{channel::Client, deadline::Deadline, error::ClientError};
use crate::proto::etcdserverpb::{
    self as pb,
    range_request::{SortOrder, SortTarget},
};

/// Number of keys in the first page.
const FIRST_PAGE: i64 = 1000;
/// Maximum number of keys in a page.
const LARGEST_PAGE: i64 = 20_000;
/// Intended size of the keys and values of a page in bytes. The number of keys follows from the size of those in the
/// previous page.
const PAGE_BYTES: usize = 4 << 20;
/// Size of a pair in addition to its key and value, in bytes: revisions, lengths, and the structure in memory.
const KEY_OVERHEAD: usize = 128;

/// A range that is being read.
pub struct Pages {
    client: Client,
    /// The request for the next page, without a limit; `None` after the last page.
    request: Option<pb::RangeRequest>,
    /// Number of keys that may still be read; `None` if there is no limit.
    left: Option<i64>,
    /// Number of keys in the next page; `None` if the range is read by one request.
    size: Option<i64>,
    /// Whether the number of keys is adapted to their size.
    adapts: bool,
    /// Number of keys in the whole range, according to the first page.
    count: Option<i64>,
}

impl Pages {
    /// Reads the keys that `request` selects, in pages if that gives the same keys as one request.
    pub fn new(client: &Client, request: pb::RangeRequest) -> Pages {
        let paged = can_be_paged(&request, client.endpoints().count());
        Pages {
            client: client.clone(),
            left: (request.limit > 0).then_some(request.limit),
            request: Some(request),
            size: paged.then_some(FIRST_PAGE),
            adapts: true,
            count: None,
        }
    }

    /// Reads the keys that `request` selects, by one request.
    pub fn whole(client: &Client, request: pb::RangeRequest) -> Pages {
        Pages {
            size: None,
            ..Pages::new(client, request)
        }
    }

    /// Reads the keys that `request` selects, in pages of `size` keys. The request must be for a range in key order.
    pub fn of_size(client: &Client, request: pb::RangeRequest, size: i64) -> Pages {
        Pages {
            size: Some(size),
            adapts: false,
            ..Pages::new(client, request)
        }
    }

    /// Whether there is another page.
    pub fn has_more(&self) -> bool {
        self.request.is_some()
    }

    /// The next page, or `None` after the last one. The `count` of each page is that of the whole range; `more` in the last
    /// page applies to the whole answer.
    ///
    /// # Errors
    /// See [`ClientError`]; the same page can be requested again.
    pub async fn next(
        &mut self,
        deadline: Deadline,
    ) -> Result<Option<pb::RangeResponse>, ClientError> {
        let Some(request) = &mut self.request else {
            return Ok(None);
        };
        let Some(size) = self.size else {
            let answer = self.client.range(request.clone(), deadline).await?;
            self.request = None;
            return Ok(Some(answer));
        };
        let page = pb::RangeRequest {
            limit: self.left.map_or(size, |left| left.min(size)),
            ..request.clone()
        };
        let mut answer = self.client.range(page, deadline).await?;
        answer.count = *self.count.get_or_insert(answer.count);
        if request.revision == 0 {
            request.revision = answer.header.as_ref().map_or(0, |h| h.revision);
        }
        let keys = i64::try_from(answer.kvs.len()).unwrap_or(i64::MAX);
        if let Some(left) = &mut self.left {
            // A server that ignores the limit may send more.
            *left = left.saturating_sub(keys);
        }
        if self.adapts {
            self.size = Some(next_size(&answer));
        }
        match answer.kvs.last() {
            Some(last) if answer.more && self.left.is_none_or(|left| left > 0) => {
                request.key = [&last.key[..], b"\0"].concat().into();
            }
            _ => self.request = None,
        }
        Ok(Some(answer))
    }
}

/// Number of keys that fit into the next page if they are as large as those in `page`.
fn next_size(page: &pb::RangeResponse) -> i64 {
    let bytes: usize = page
        .kvs
        .iter()
        .map(|kv| kv.key.len() + kv.value.len() + KEY_OVERHEAD)
        .sum();
    let each = bytes.checked_div(page.kvs.len()).unwrap_or(0).max(1);
    i64::try_from(PAGE_BYTES / each)
        .unwrap_or(LARGEST_PAGE)
        .clamp(1, LARGEST_PAGE)
}

/// Whether pages at one revision contain the same keys as one answer: the range is in key order, and no filter makes the
/// server read the whole range for each page. A serializable read at a revision fails at a member that has not reached
/// that revision, so it is read in pages only if there is one endpoint.
fn can_be_paged(request: &pb::RangeRequest, endpoints: usize) -> bool {
    let many = request.limit == 0 || request.limit > FIRST_PAGE;
    let in_order = request.sort_order == i32::from(SortOrder::None)
        && request.sort_target == i32::from(SortTarget::Key);
    let filters = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    many && in_order
        && !request.range_end.is_empty()
        && !request.count_only
        && filters == [0; 4]
        && (endpoints == 1 || !request.serializable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::mvccpb::KeyValue;

    #[test]
    fn ranges_that_pages_would_change_are_read_by_one_request() {
        let all = pb::RangeRequest {
            key: "a".into(),
            range_end: "b".into(),
            ..Default::default()
        };
        assert!(can_be_paged(&all, 3));
        let cases: [fn(&mut pb::RangeRequest); 7] = [
            |r| r.range_end.clear(),
            |r| r.limit = 5,
            |r| r.sort_order = SortOrder::Descend.into(),
            |r| r.sort_target = SortTarget::Create.into(),
            |r| r.count_only = true,
            |r| r.min_mod_revision = 1,
            |r| r.serializable = true,
        ];
        for (n, change) in cases.iter().enumerate() {
            let mut request = all.clone();
            change(&mut request);
            assert!(!can_be_paged(&request, 3), "{n}");
        }
    }

    #[test]
    fn large_values_make_small_pages() {
        let page = |value: usize| pb::RangeResponse {
            kvs: vec![KeyValue {
                value: vec![0; value].into(),
                ..Default::default()
            }],
            ..Default::default()
        };
        assert_eq!(next_size(&page(0)), LARGEST_PAGE);
        assert_eq!(next_size(&page(1 << 20)), 3);
        assert_eq!(next_size(&page(8 << 20)), 1);
        assert_eq!(next_size(&pb::RangeResponse::default()), LARGEST_PAGE);
    }
}
