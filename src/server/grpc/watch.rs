//! The Watch service: passes the requests of a client stream to its watchers, and sends what they deliver in order.
//! Each event is encoded once for all watchers, so responses are assembled from encoded events. Rules: etcd v3.7.1,
//! server/etcdserver/api/v3rpc/watch.go.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message as _;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::{
    encoding::{Encoding, check_size},
    message,
    stream::{Inbound, Outbound},
};
use crate::{
    proto::etcdserverpb::{self as pb, watch_request::RequestUnion},
    server::{
        config::Config,
        context::RequestContext,
        core::{Core, WatchStream},
        error::Error,
        mvcc::watch::{Content, Delivery},
    },
};

/// Minimum interval between progress notifications.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);
/// Number of bytes of responses that are combined before they are passed to the connection.
const CHUNK: usize = 64 << 10;
/// Events of at least this size in bytes are sent directly instead of being copied into a chunk.
const LARGE_EVENT: usize = 16 << 10;

/// The Watch service.
pub struct Watch {
    core: Core,
    progress_interval: Duration,
    /// Responses larger than this many bytes are fragmented if the client permits it.
    fragment_bytes: usize,
}

/// The settings of a watcher that has any.
#[derive(Clone, Copy, Debug)]
struct Settings {
    /// Whether large responses may be fragmented.
    fragment: bool,
    /// Whether it wants progress notifications.
    progress: bool,
    /// Whether anything has been sent since the last notification was due.
    active: bool,
}

impl Watch {
    /// The service for this core. `fragment_bytes` is the size of the largest request that is accepted.
    pub fn new(core: Core, config: &Config, fragment_bytes: usize) -> Watch {
        Watch {
            core,
            progress_interval: config.watch_progress_notify_interval.max(LEAST_INTERVAL),
            fragment_bytes,
        }
    }

    /// Serves one client stream until the client goes away.
    pub async fn watch(
        &self,
        context: &RequestContext,
        mut inbound: Inbound<pb::WatchRequest>,
        outbound: Outbound<pb::WatchResponse>,
    ) -> Result<(), Error> {
        let mut stream = self.core.watch()?;
        let mut watchers: HashMap<i64, Settings> = HashMap::new();
        let mut ticks = self.ticks();
        let mut chunks: VecDeque<Chunk> = VecDeque::new();
        // A client that has closed its half still receives events.
        let mut reads = true;
        loop {
            let next_chunk = chunks.front().cloned();
            tokio::select! {
                request = inbound.next(), if reads && stream.has_space() => match request? {
                    Some(request) => self.take(context, &mut stream, &mut watchers, request),
                    None => reads = false,
                },
                deliveries = stream.next(), if next_chunk.is_none() => {
                    let mut responses = Responses::new(outbound.encoding());
                    for delivery in deliveries {
                        self.respond(&stream, &mut watchers, delivery, &mut responses)?;
                    }
                    chunks = responses.finish();
                }
                sent = send(&outbound, next_chunk.as_ref()), if next_chunk.is_some() => {
                    sent?;
                    chunks.pop_front();
                }
                _ = ticks.tick() => notify_progress(&stream, &mut watchers),
            }
        }
    }

    /// Processes one request of the client.
    fn take(
        &self,
        context: &RequestContext,
        stream: &mut WatchStream,
        watchers: &mut HashMap<i64, Settings>,
        request: pb::WatchRequest,
    ) {
        match request.request_union {
            Some(RequestUnion::CreateRequest(mut r)) => {
                if r.key.is_empty() {
                    // The smallest key.
                    r.key = Bytes::from_static(&[0]);
                }
                let permitted = match r.start_revision < 0 {
                    true => Ok(()),
                    false => self.core.check_watch(context, &r.key, &r.range_end),
                };
                if let Err(error) = permitted {
                    return stream.refuse(&forbidden(&error));
                }
                let settings = Settings {
                    fragment: r.fragment,
                    progress: r.progress_notify,
                    active: false,
                };
                let Some(id) = stream.create(r) else { return };
                // Most watchers want neither, and thus need no memory here.
                if settings.fragment || settings.progress {
                    watchers.insert(id, settings);
                }
            }
            Some(RequestUnion::CancelRequest(r)) => {
                stream.cancel(r.watch_id);
                watchers.remove(&r.watch_id);
            }
            Some(RequestUnion::ProgressRequest(_)) => stream.request_progress(),
            // An unknown request; etcd ignores it, too.
            None => {}
        }
    }

    /// The times of progress notifications. Streams that start together are spread over a tenth of the interval.
    fn ticks(&self) -> Interval {
        let interval = self.progress_interval;
        let spread = (interval / 10).as_millis().max(1) as u64;
        let random = RandomState::new().hash_one(()) % spread;
        let interval = interval + Duration::from_millis(random);
        let mut ticks = interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    /// Adds the responses of one delivery.
    fn respond(
        &self,
        stream: &WatchStream,
        watchers: &mut HashMap<i64, Settings>,
        delivery: Delivery,
        to: &mut Responses,
    ) -> Result<(), Error> {
        let Delivery {
            id,
            revision,
            content,
        } = delivery;
        // Fill in the fields other than the events.
        let mut head = pb::WatchResponse {
            header: Some(stream.header(revision)),
            watch_id: id,
            ..Default::default()
        };
        let events: Vec<&Bytes> = match &content {
            Content::Event(event, prev_kv) => vec![event.encoded(*prev_kv)],
            Content::Events(events, prev_kv) => {
                events.iter().map(|e| e.encoded(*prev_kv)).collect()
            }
            Content::Created => {
                head.created = true;
                Vec::new()
            }
            Content::Refused(reason) => {
                (head.created, head.canceled) = (true, true);
                head.cancel_reason.clone_from(reason);
                Vec::new()
            }
            Content::Cancelled => {
                head.canceled = true;
                Vec::new()
            }
            Content::Compacted(compact_revision) => {
                head.canceled = true;
                head.compact_revision = *compact_revision;
                Vec::new()
            }
            Content::Failed(reason) => {
                head.canceled = true;
                head.cancel_reason.clone_from(reason);
                Vec::new()
            }
            Content::Progress => Vec::new(),
        };
        // Note that the watcher has received events, so that it needs no progress notification.
        let settings = watchers.get_mut(&id);
        let fragment = settings.as_ref().is_some_and(|s| s.fragment);
        if let Some(settings) = settings
            && !events.is_empty()
        {
            settings.active = true;
        }
        if !fragment {
            return to.add(&head, &events);
        }
        // Divide the events into fragments.
        let mut rest = &events[..];
        loop {
            let n = self.fragment_len(&head, rest);
            let (now, later) = rest.split_at(n);
            head.fragment = !later.is_empty();
            to.add(&head, now)?;
            rest = later;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// The number of events that fit into one fragment, at least one.
    fn fragment_len(&self, head: &pb::WatchResponse, events: &[&Bytes]) -> usize {
        let mut bytes = head.encoded_len();
        let fits = events.iter().take_while(|event| {
            bytes += event.len();
            bytes < self.fragment_bytes
        });
        fits.count().max(1).min(events.len())
    }
}

/// The reason for a watch without permission: the text of Go's gRPC status, as etcd sends it.
fn forbidden(error: &Error) -> String {
    let (code, error) = match error {
        Error::InvalidAuthToken => ("Unauthenticated", error),
        Error::AuthOldRevision | Error::UserEmpty => ("InvalidArgument", error),
        _ => ("PermissionDenied", &Error::PermissionDenied),
    };
    format!("rpc error: code = {code} desc = {error}")
}

/// Notifies every watcher that wants it and has not received anything since the last time.
fn notify_progress(stream: &WatchStream, watchers: &mut HashMap<i64, Settings>) {
    for (id, settings) in watchers.iter_mut().filter(|(_, s)| s.progress) {
        if !settings.active {
            stream.notify_progress(*id);
        }
        settings.active = false;
    }
}

/// Framed responses, and the number of responses that begin in them.
#[derive(Clone, Debug)]
struct Chunk {
    bytes: Bytes,
    responses: u64,
}

async fn send(outbound: &Outbound<pb::WatchResponse>, chunk: Option<&Chunk>) -> Result<(), Error> {
    match chunk {
        Some(Chunk { bytes, responses }) => outbound.send_frames(bytes.clone(), *responses).await,
        None => Ok(()),
    }
}

/// Responses being assembled.
struct Responses {
    encoding: Encoding,
    done: VecDeque<Chunk>,
    bytes: BytesMut,
    responses: u64,
}

impl Responses {
    fn new(encoding: Encoding) -> Responses {
        Responses {
            encoding,
            done: VecDeque::new(),
            bytes: BytesMut::new(),
            responses: 0,
        }
    }

    /// Adds a response: the fields of `head`, then these encoded events.
    ///
    /// # Errors
    /// The response is too large to be sent.
    fn add(&mut self, head: &pb::WatchResponse, events: &[&Bytes]) -> Result<(), Error> {
        let length = head.encoded_len() + events.iter().map(|event| event.len()).sum::<usize>();
        check_size(length)?;
        if self.encoding != Encoding::Identity {
            let mut framed = BytesMut::with_capacity(message::PREFIX + length);
            message::put_prefix(&mut framed, length);
            head.encode_raw(&mut framed);
            events.iter().for_each(|event| framed.put_slice(event));
            self.done.push_back(Chunk {
                bytes: self.encoding.reframe(framed.freeze()),
                responses: 1,
            });
            return Ok(());
        }
        self.responses += 1;
        message::put_prefix(&mut self.bytes, length);
        head.encode_raw(&mut self.bytes);
        for event in events {
            if event.len() < LARGE_EVENT {
                self.bytes.put_slice(event);
            } else {
                self.cut();
                self.done.push_back(Chunk {
                    bytes: (*event).clone(),
                    responses: 0,
                });
            }
        }
        if self.bytes.len() >= CHUNK {
            self.cut();
        }
        Ok(())
    }

    /// Completes the current chunk.
    fn cut(&mut self) {
        if !self.bytes.is_empty() {
            self.done.push_back(Chunk {
                bytes: self.bytes.split().freeze(),
                responses: std::mem::take(&mut self.responses),
            });
        }
    }

    fn finish(mut self) -> VecDeque<Chunk> {
        self.cut();
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{proto::mvccpb, server::grpc::encoding};

    fn event(size: usize) -> Bytes {
        let event = pb::WatchResponse {
            events: vec![mvccpb::Event {
                kv: Some(mvccpb::KeyValue {
                    key: vec![b'k'; size].into(),
                    ..Default::default()
                }),
                ..Default::default()
            }],
            ..Default::default()
        };
        event.encode_to_vec().into()
    }

    #[test]
    fn a_forbidden_watch_has_the_text_of_a_go_status() {
        assert_eq!(
            forbidden(&Error::UserEmpty),
            "rpc error: code = InvalidArgument desc = etcdserver: user name is empty"
        );
        assert_eq!(
            forbidden(&Error::Stopped),
            "rpc error: code = PermissionDenied desc = etcdserver: permission denied"
        );
    }

    #[test]
    fn responses_are_the_messages_however_they_are_cut() {
        let sizes = [1, 100, LARGE_EVENT, 3 * CHUNK, 5];
        let events: Vec<Bytes> = sizes.iter().map(|n| event(*n)).collect();
        let events: Vec<&Bytes> = events.iter().collect();
        let head = pb::WatchResponse {
            watch_id: 7,
            ..Default::default()
        };
        let mut responses = Responses::new(encoding::Encoding::Identity);
        responses.add(&head, &events).unwrap();
        responses.add(&head, &events[..1]).unwrap();
        responses.add(&head, &[]).unwrap();
        let chunks = responses.finish();
        assert_eq!(chunks.iter().map(|c| c.responses).sum::<u64>(), 3);
        let mut all: BytesMut = chunks.iter().flat_map(|c| c.bytes.to_vec()).collect();
        for count in [5, 1, 0] {
            let prefix = all.split_to(message::PREFIX);
            let length = u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize;
            let response = pb::WatchResponse::decode(all.split_to(length)).unwrap();
            assert_eq!((response.watch_id, response.events.len()), (7, count));
        }
        assert!(all.is_empty());
    }
}
