//! Watches: what is delivered, in which order, and the content of each response.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use etcd_maintenance::proto::{
    etcdserverpb::{
        self as pb, watch_client::WatchClient, watch_create_request::FilterType,
        watch_request::RequestUnion,
    },
    mvccpb::{Event, event::EventType},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::{
    ask::{bytes, compact, delete, op, prefix_end, put, txn},
    target::Target,
};

on_every_target! {
    a_watch_from_now_sees_what_changes;
    history_is_replayed_from_any_revision;
    a_watch_from_a_later_revision_waits_for_it;
    a_compacted_revision_cancels_the_watch;
    keys_ranges_prefixes_and_everything_after_a_key;
    filters_and_previous_values;
    ids_are_chosen_or_given_and_free_after_a_cancel;
    ranges_without_keys_and_negative_revisions_are_refused;
    the_events_of_a_transaction_come_together;
    progress_is_reported_once_everything_is_delivered;
    many_watchers_share_a_stream;
    large_responses_are_split_only_on_request;
    a_client_that_reads_nothing_misses_nothing;
    events_go_on_through_compaction_and_defragmentation;
    a_client_that_has_closed_its_half_still_gets_events;
    an_idle_watch_receives_its_progress ["--watch-progress-notify-interval=100ms"];
}

/// A watch stream whose responses are read in order.
struct Watch {
    requests: Option<mpsc::Sender<pb::WatchRequest>>,
    /// A real etcd sends its response headers with the first message, so this is not awaited before a request has been
    /// sent.
    opening: Option<JoinHandle<Streaming<pb::WatchResponse>>>,
    responses: Option<Streaming<pb::WatchResponse>>,
}

impl Watch {
    async fn open(t: &Target) -> Watch {
        let (requests, receiver) = mpsc::channel(16);
        let mut client = WatchClient::new(t.channel.clone()).max_decoding_message_size(usize::MAX);
        let opening = tokio::spawn(async move {
            let responses = client.watch(ReceiverStream::new(receiver)).await;
            responses.unwrap().into_inner()
        });
        Watch {
            requests: Some(requests),
            opening: Some(opening),
            responses: None,
        }
    }

    async fn ask(&self, request: RequestUnion) {
        let request = pb::WatchRequest {
            request_union: Some(request),
        };
        let requests = self.requests.as_ref().unwrap();
        requests.send(request).await.unwrap();
    }

    async fn next(&mut self) -> pb::WatchResponse {
        if let Some(opening) = self.opening.take() {
            self.responses = Some(opening.await.unwrap());
        }
        let responses = self.responses.as_mut().unwrap();
        responses.message().await.unwrap().unwrap()
    }

    async fn create(&mut self, request: pb::WatchCreateRequest) -> pb::WatchResponse {
        self.ask(RequestUnion::CreateRequest(request)).await;
        let created = self.next().await;
        assert!(created.created, "{created:?}");
        created
    }

    async fn cancel(&self, watch_id: i64) {
        let cancel = pb::WatchCancelRequest { watch_id };
        self.ask(RequestUnion::CancelRequest(cancel)).await;
    }

    async fn progress(&mut self) -> pb::WatchResponse {
        let progress = pb::WatchProgressRequest {};
        self.ask(RequestUnion::ProgressRequest(progress)).await;
        self.next().await
    }

    /// Reads this number of events for the only watcher on this stream, from as many responses as necessary.
    async fn events(&mut self, number: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < number {
            let response = self.next().await;
            assert!(!response.canceled && !response.created, "{response:?}");
            events.extend(response.events);
        }
        assert_eq!(events.len(), number);
        events
    }
}

fn watch(key: &str) -> pb::WatchCreateRequest {
    pb::WatchCreateRequest {
        key: bytes(key),
        ..Default::default()
    }
}

fn watch_prefix(key: &str) -> pb::WatchCreateRequest {
    pb::WatchCreateRequest {
        range_end: prefix_end(key),
        ..watch(key)
    }
}

/// Type, key, value and revision.
fn told(event: &Event) -> (EventType, String, String, i64) {
    let kv = event.kv.as_ref().unwrap();
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    (
        event.r#type(),
        text(&kv.key),
        text(&kv.value),
        kv.mod_revision,
    )
}

fn written(key: &str, value: &str, revision: i64) -> (EventType, String, String, i64) {
    (EventType::Put, key.into(), value.into(), revision)
}

fn deleted(key: &str, revision: i64) -> (EventType, String, String, i64) {
    (EventType::Delete, key.into(), String::new(), revision)
}

async fn write(t: &Target, key: &str, value: &str) -> i64 {
    let answer = t.kv().put(put(key, value)).await.unwrap().into_inner();
    answer.header.unwrap().revision
}

async fn a_watch_from_now_sees_what_changes(t: Arc<Target>) {
    let before = write(&t, "k", "before").await;
    let mut w = Watch::open(&t).await;
    let created = w.create(watch("k")).await;
    assert_eq!((created.watch_id, created.canceled), (0, false));
    assert_eq!(created.header.as_ref().unwrap().revision, before);
    assert!(created.events.is_empty());

    let first = write(&t, "k", "1").await;
    write(&t, "other", "x").await;
    let response = w.next().await;
    assert_eq!(response.watch_id, 0);
    assert_eq!(response.header.as_ref().unwrap().revision, first);
    assert_eq!(response.events.len(), 1);
    let kv = response.events[0].kv.clone().unwrap();
    assert_eq!((kv.create_revision, kv.version), (before, 2));
    assert_eq!(told(&response.events[0]), written("k", "1", first));

    t.kv().delete_range(delete("k")).await.unwrap();
    let events = w.events(1).await;
    assert_eq!(told(&events[0]), deleted("k", first + 2));
    let kv = events[0].kv.clone().unwrap();
    assert_eq!((kv.create_revision, kv.version, kv.lease), (0, 0, 0));
    assert!(events[0].prev_kv.is_none());
}

async fn history_is_replayed_from_any_revision(t: Arc<Target>) {
    let first = write(&t, "k", "0").await;
    for i in 1..30 {
        write(&t, "k", &i.to_string()).await;
        write(&t, "other", "x").await;
    }
    for start in [first, first + 1, first + 2, first + 57, first + 58] {
        let mut w = Watch::open(&t).await;
        w.create(pb::WatchCreateRequest {
            start_revision: start,
            ..watch("k")
        })
        .await;
        let all = (0..30).map(|i| written("k", &i.to_string(), first + (2 * i - 1).max(0)));
        let wanted: Vec<_> = all.filter(|(.., revision)| *revision >= start).collect();
        let events = w.events(wanted.len()).await;
        assert_eq!(events.iter().map(told).collect::<Vec<_>>(), wanted);
    }
    let mut w = Watch::open(&t).await;
    w.create(pb::WatchCreateRequest {
        start_revision: first,
        ..watch("k")
    })
    .await;
    w.events(30).await;
    let revision = write(&t, "k", "new").await;
    assert_eq!(told(&w.events(1).await[0]), written("k", "new", revision));
}

async fn a_watch_from_a_later_revision_waits_for_it(t: Arc<Target>) {
    let now = write(&t, "k", "0").await;
    let mut w = Watch::open(&t).await;
    w.create(pb::WatchCreateRequest {
        start_revision: now + 3,
        ..watch("k")
    })
    .await;
    for i in 1..5 {
        write(&t, "k", &i.to_string()).await;
    }
    let events = w.events(2).await;
    assert_eq!(told(&events[0]), written("k", "3", now + 3));
    assert_eq!(told(&events[1]), written("k", "4", now + 4));
}

async fn a_compacted_revision_cancels_the_watch(t: Arc<Target>) {
    let mut last = 0;
    for i in 0..5 {
        last = write(&t, "k", &i.to_string()).await;
    }
    t.kv().compact(compact(last - 1)).await.unwrap();
    let mut w = Watch::open(&t).await;
    let created = w
        .create(pb::WatchCreateRequest {
            start_revision: last - 2,
            ..watch("k")
        })
        .await;
    assert!(!created.canceled);
    let cancelled = w.next().await;
    assert!(cancelled.canceled && cancelled.events.is_empty());
    assert_eq!(cancelled.compact_revision, last - 1);
    assert_eq!(cancelled.watch_id, created.watch_id);

    // At the compact revision itself, everything is available.
    w.create(pb::WatchCreateRequest {
        start_revision: last - 1,
        ..watch("k")
    })
    .await;
    assert_eq!(w.events(2).await.len(), 2);
}

async fn keys_ranges_prefixes_and_everything_after_a_key(t: Arc<Target>) {
    let cases: [(&str, &[u8], &[&str]); 6] = [
        ("b", b"", &["b"]),
        ("b", b"d", &["b", "ba", "c"]),
        ("b", b"c", &["b", "ba"]),
        ("c", b"\0", &["c", "d"]),
        ("\0", b"\0", &["a", "b", "ba", "c", "d"]),
        ("", b"\0", &["a", "b", "ba", "c", "d"]),
    ];
    let mut streams = Vec::new();
    for (key, end, _) in cases {
        let mut w = Watch::open(&t).await;
        w.create(pb::WatchCreateRequest {
            range_end: Bytes::from_static(end),
            ..watch(key)
        })
        .await;
        streams.push(w);
    }
    for key in ["a", "b", "ba", "c", "d"] {
        write(&t, key, "v").await;
    }
    for (w, (key, end, wanted)) in streams.iter_mut().zip(cases) {
        let events = w.events(wanted.len()).await;
        let keys: Vec<_> = events.iter().map(|event| told(event).1).collect();
        assert_eq!(keys, wanted, "{key:?} {end:?}");
    }
}

async fn filters_and_previous_values(t: Arc<Target>) {
    let first = write(&t, "k", "0").await;
    let request = |start_revision, filters: &[FilterType]| pb::WatchCreateRequest {
        start_revision,
        prev_kv: true,
        filters: filters.iter().map(|f| i32::from(*f)).collect(),
        ..watch("k")
    };
    // First live, then the same from history.
    let mut streams = VecDeque::new();
    for filters in [&[][..], &[FilterType::Noput], &[FilterType::Nodelete]] {
        let mut w = Watch::open(&t).await;
        w.create(request(0, filters)).await;
        streams.push_back(w);
    }
    write(&t, "k", "1").await;
    t.kv().delete_range(delete("k")).await.unwrap();
    write(&t, "k", "3").await;
    for filters in [&[][..], &[FilterType::Noput], &[FilterType::Nodelete]] {
        let mut w = Watch::open(&t).await;
        w.create(request(first + 1, filters)).await;
        streams.push_back(w);
    }
    let previous = |event: &Event| {
        let kv = event.prev_kv.as_ref();
        kv.map(|kv| {
            (
                String::from_utf8(kv.value.to_vec()).unwrap(),
                kv.mod_revision,
            )
        })
    };
    let all = [
        (written("k", "1", first + 1), Some(("0".to_string(), first))),
        (deleted("k", first + 2), Some(("1".to_string(), first + 1))),
        (written("k", "3", first + 3), None),
    ];
    for places in [&[0, 1, 2][..], &[1], &[0, 2]].into_iter().cycle().take(6) {
        let mut w = streams.pop_front().unwrap();
        let events = w.events(places.len()).await;
        for (event, place) in events.iter().zip(places) {
            assert_eq!((told(event), previous(event)), all[*place]);
        }
    }
}

async fn ids_are_chosen_or_given_and_free_after_a_cancel(t: Arc<Target>) {
    let mut w = Watch::open(&t).await;
    let with_id = |watch_id| pb::WatchCreateRequest {
        watch_id,
        ..watch("k")
    };
    let mut ids = Vec::new();
    for id in [0, 7, 0, 2, 0, -5] {
        ids.push(w.create(with_id(id)).await.watch_id);
    }
    assert_eq!(ids, [0, 7, 1, 2, 3, -5]);

    let refused = w.create(with_id(7)).await;
    assert!(refused.canceled);
    assert_eq!(refused.watch_id, -1);
    assert_eq!(
        refused.cancel_reason,
        "mvcc: duplicate watch ID provided on the WatchStream"
    );

    w.cancel(7).await;
    let cancelled = w.next().await;
    assert!(cancelled.canceled && !cancelled.created);
    assert_eq!((cancelled.watch_id, cancelled.compact_revision), (7, 0));
    assert_eq!(cancelled.cancel_reason, "");
    // Canceling again, or with an unknown id, is ignored.
    w.cancel(7).await;
    w.cancel(99).await;
    assert_eq!(w.create(with_id(7)).await.watch_id, 7);

    for id in [0, 1, 2, 3, -5] {
        w.cancel(id).await;
        assert_eq!(w.next().await.watch_id, id);
    }
    write(&t, "k", "v").await;
    let response = w.next().await;
    assert_eq!((response.watch_id, response.events.len()), (7, 1));
    assert_eq!(w.progress().await.watch_id, -1, "nothing else was sent");
}

async fn ranges_without_keys_and_negative_revisions_are_refused(t: Arc<Target>) {
    let mut w = Watch::open(&t).await;
    for (key, end) in [("b", "b"), ("b", "a")] {
        let refused = w
            .create(pb::WatchCreateRequest {
                range_end: bytes(end),
                ..watch(key)
            })
            .await;
        assert!(refused.canceled);
        assert_eq!(refused.watch_id, -1);
        assert_eq!(refused.cancel_reason, "mvcc: watcher range is empty");
    }
    let refused = w
        .create(pb::WatchCreateRequest {
            start_revision: -1,
            ..watch("k")
        })
        .await;
    assert!(refused.canceled);
    assert_eq!((refused.watch_id, refused.compact_revision), (-1, 0));
    assert_eq!(
        refused.cancel_reason,
        "etcdserver: mvcc: required revision has been compacted"
    );
    // The stream continues.
    assert_eq!(w.create(watch("k")).await.watch_id, 0);
}

async fn the_events_of_a_transaction_come_together(t: Arc<Target>) {
    write(&t, "gone", "0").await;
    let mut w = Watch::open(&t).await;
    w.create(watch_prefix("t")).await;
    let mut all = Watch::open(&t).await;
    all.create(pb::WatchCreateRequest {
        range_end: Bytes::from_static(b"\0"),
        prev_kv: true,
        ..watch("\0")
    })
    .await;
    let ops = vec![
        op(put("t1", "1")),
        op(delete("gone")),
        op(put("other", "x")),
        op(put("t2", "2")),
    ];
    let request = txn(vec![], ops, vec![]);
    let answer = t.kv().txn(request).await.unwrap().into_inner();
    let revision = answer.header.unwrap().revision;
    for (w, wanted) in [
        (
            &mut w,
            vec![written("t1", "1", revision), written("t2", "2", revision)],
        ),
        (
            &mut all,
            vec![
                written("t1", "1", revision),
                deleted("gone", revision),
                written("other", "x", revision),
                written("t2", "2", revision),
            ],
        ),
    ] {
        let response = w.next().await;
        let events: Vec<_> = response.events.iter().map(told).collect();
        assert_eq!(events, wanted);
    }
    // From history as well.
    let mut w = Watch::open(&t).await;
    w.create(pb::WatchCreateRequest {
        start_revision: revision,
        ..watch_prefix("t")
    })
    .await;
    assert_eq!(w.next().await.events.len(), 2);
}

async fn progress_is_reported_once_everything_is_delivered(t: Arc<Target>) {
    write(&t, "k", "0").await;
    let mut w = Watch::open(&t).await;
    w.create(watch("k")).await;
    w.create(watch("quiet")).await;
    for i in 0..20 {
        let revision = write(&t, "k", &i.to_string()).await;
        assert_eq!(told(&w.events(1).await[0]).3, revision);
        let other = write(&t, "other", "x").await;
        let progress = w.progress().await;
        assert!(progress.events.is_empty() && !progress.created && !progress.canceled);
        assert_eq!(progress.watch_id, -1);
        assert_eq!(progress.header.unwrap().revision, other);
    }
}

async fn many_watchers_share_a_stream(t: Arc<Target>) {
    let mut w = Watch::open(&t).await;
    let watchers = 300;
    for id in 0..watchers {
        let request = match id % 3 {
            0 => watch("k"),
            1 => watch_prefix("k"),
            _ => watch("quiet"),
        };
        assert_eq!(w.create(request).await.watch_id, id);
    }
    let first = write(&t, "k", "0").await;
    write(&t, "k", "1").await;
    let mut told_last = vec![0; watchers as usize];
    for _ in 0..2 * 200 {
        let response = w.next().await;
        let last = &mut told_last[response.watch_id as usize];
        for event in &response.events {
            let revision = event.kv.as_ref().unwrap().mod_revision;
            assert_eq!(
                revision,
                (*last + 1).max(first),
                "each event once, in order"
            );
            *last = revision;
        }
    }
    for (id, last) in told_last.iter().enumerate() {
        assert_eq!(*last, if id % 3 == 2 { 0 } else { first + 1 });
    }
}

async fn large_responses_are_split_only_on_request(t: Arc<Target>) {
    let large = "x".repeat(700_000);
    let first = write(&t, "k0", &large).await;
    // One revision with two large events, which is never split unless requested.
    let ops = vec![op(put("k1", &large)), op(put("k2", &large[..600_000]))];
    t.kv().txn(txn(vec![], ops, vec![])).await.unwrap();
    let mut w = Watch::open(&t).await;
    let request = |fragment| pb::WatchCreateRequest {
        start_revision: first + 1,
        fragment,
        prev_kv: true,
        ..watch_prefix("k")
    };
    w.create(request(false)).await;
    let response = w.next().await;
    assert_eq!((response.events.len(), response.fragment), (2, false));

    // With the previous values, the same revision exceeds the size of a message.
    let ops = vec![op(put("k1", &large)), op(put("k2", &large[..600_000]))];
    t.kv().txn(txn(vec![], ops, vec![])).await.unwrap();
    let response = w.next().await;
    assert_eq!((response.events.len(), response.fragment), (2, false));
    let mut w = Watch::open(&t).await;
    w.create(pb::WatchCreateRequest {
        start_revision: first + 2,
        ..request(true)
    })
    .await;
    let (one, two) = (w.next().await, w.next().await);
    assert_eq!((one.events.len(), one.fragment), (1, true));
    assert_eq!((two.events.len(), two.fragment), (1, false));
    assert_eq!(one.header, two.header);
    assert_eq!(told(&two.events[0]).1, "k2");
}

async fn a_client_that_reads_nothing_misses_nothing(t: Arc<Target>) {
    let mut slow = Watch::open(&t).await;
    slow.create(watch_prefix("k")).await;
    let mut quick = Watch::open(&t).await;
    quick.create(watch_prefix("k")).await;
    let value = "v".repeat(10_000);
    let number = 3000;
    let writing = tokio::spawn({
        let t = t.clone();
        async move {
            let mut writers = tokio::task::JoinSet::new();
            for worker in 0..10 {
                let (t, value) = (t.clone(), value.clone());
                writers.spawn(async move {
                    for i in 0..number / 10 {
                        write(&t, &format!("k{worker}/{i}"), &value).await;
                    }
                });
            }
            writers.join_all().await;
        }
    });
    let quick = quick.events(number).await;
    writing.await.unwrap();
    let slow = slow.events(number).await;
    for events in [&quick, &slow] {
        let revisions: Vec<_> = events.iter().map(|event| told(event).3).collect();
        let wanted: Vec<_> = (revisions[0]..revisions[0] + number as i64).collect();
        assert_eq!(revisions, wanted);
    }
    assert!(quick == slow);
}

async fn events_go_on_through_compaction_and_defragmentation(t: Arc<Target>) {
    let mut w = Watch::open(&t).await;
    let first = write(&t, "k", "0").await;
    w.create(pb::WatchCreateRequest {
        start_revision: first,
        prev_kv: true,
        ..watch("k")
    })
    .await;
    assert_eq!(told(&w.events(1).await[0]), written("k", "0", first));
    for i in 1..10 {
        let revision = write(&t, "k", &i.to_string()).await;
        t.kv().compact(compact(revision)).await.unwrap();
        let defragment = pb::DefragmentRequest {};
        t.maintenance().defragment(defragment).await.unwrap();
        let event = w.events(1).await.remove(0);
        assert_eq!(told(&event), written("k", &i.to_string(), revision));
    }
}

async fn a_client_that_has_closed_its_half_still_gets_events(t: Arc<Target>) {
    let mut w = Watch::open(&t).await;
    w.create(watch("k")).await;
    w.requests = None;
    for i in 0..3 {
        let revision = write(&t, "k", &i.to_string()).await;
        assert_eq!(told(&w.events(1).await[0]).3, revision);
    }
}

async fn an_idle_watch_receives_its_progress(t: Arc<Target>) {
    let mut w = Watch::open(&t).await;
    w.create(watch("quiet")).await;
    let created = w
        .create(pb::WatchCreateRequest {
            progress_notify: true,
            watch_id: 9,
            ..watch("quiet")
        })
        .await;
    let mut revision = created.header.unwrap().revision;
    for _ in 0..3 {
        // Only the watcher that requested it is notified, and eventually of every revision.
        while {
            let told = w.next().await;
            assert_eq!((told.watch_id, told.events.len()), (9, 0));
            assert!(!told.canceled && !told.created);
            told.header.unwrap().revision < revision
        } {}
        revision = write(&t, "other", "x").await;
    }
}
