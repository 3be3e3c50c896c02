//! Our client library with a real etcd: watches, leases, locks, elections, mirrors and tokens, including over
//! connections that keep breaking.

use std::time::Duration;

use etcd_maintenance::client::concurrency::{ConcurrencyError, Election, Mutex, Observer, Session};
use etcd_maintenance::client::mirror::Syncer;
use etcd_maintenance::client::{
    Client, ClientError, ClientOptions, Deadline, EmbeddedServers, Limit, StreamOptions,
};
use etcd_maintenance::proto::etcdserverpb as pb;
use etcd_maintenance::proto::mvccpb;

use crate::support::etcd::{self, Release};
use crate::support::relay::Relay;
use crate::support::server::Server;

const LIMIT: Limit = Limit {
    length: Duration::from_secs(60),
    flag: "",
};

pub fn soon() -> Deadline {
    Deadline::after(LIMIT)
}

/// A session of 60 seconds.
async fn session(client: &Client) -> Session {
    let session = Session::new(client, 60, Deadline::after(LIMIT)).await;
    session.expect("a session")
}

pub fn client(endpoints: &[&str]) -> Client {
    let options = ClientOptions {
        dial_timeout: Duration::from_secs(10),
        keepalive_time: Some(Duration::from_secs(10)),
        keepalive_timeout: Duration::from_secs(10),
        max_request_bytes: 2 << 20,
        max_recv_bytes: None,
        tls: None,
        embedded: EmbeddedServers::default(),
    };
    let endpoints: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    Client::new(&endpoints, options).expect("the endpoints mean something")
}

fn put(key: &str, value: &str) -> pb::PutRequest {
    pb::PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        ..Default::default()
    }
}

fn get(key: &str) -> pb::RangeRequest {
    pb::RangeRequest {
        key: key.to_owned().into(),
        ..Default::default()
    }
}

fn etcd() -> Option<Server> {
    Some(etcd::server(Release::V3_7)?.start())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_over_connections_that_break_sees_every_event_once() {
    let Some(server) = etcd() else { return };
    let relays = [
        Relay::before(server.endpoint()),
        Relay::before(server.endpoint()),
    ];
    let watching = client(&[relays[0].endpoint(), relays[1].endpoint()]);
    let create = pb::WatchCreateRequest {
        key: "k".into(),
        range_end: "l".into(),
        ..Default::default()
    };
    let options = StreamOptions {
        require_leader: true,
        ..StreamOptions::default()
    };
    let mut watch = watching.watch(create, options, soon());
    let created = watch.next().await.expect("it is created");
    assert!(created.created);
    let first = created.header.expect("a header").revision + 1;

    // Every third revision has two changes, and the connections are cut repeatedly.
    const CHANGES: i64 = 300;
    let writer = client(&[server.endpoint()]);
    let writing = tokio::spawn(async move {
        for i in 0..CHANGES {
            let both = pb::TxnRequest {
                success: ["k1", "k2"].map(|k| etcd_put(k, i)).to_vec(),
                ..Default::default()
            };
            match i % 3 {
                0 => drop(writer.txn(both, soon()).await.expect("it is written")),
                _ => drop(
                    writer
                        .put(put("k", "v"), soon())
                        .await
                        .expect("it is written"),
                ),
            }
            if i % 7 == 0 {
                relays[usize::try_from(i).expect("small") % 2].cut();
            }
            if i % 30 == 0 {
                relays.iter().for_each(Relay::cut);
            }
        }
        relays
    });
    let mut seen = vec![];
    while seen.last().copied() != Some(first + CHANGES - 1) {
        let answer = watch.next().await.expect("the watch goes on");
        assert!(!answer.created, "only the first says so");
        seen.extend(
            answer
                .events
                .iter()
                .map(|e| e.kv.as_ref().expect("a key").mod_revision),
        );
    }
    let expected: Vec<i64> = (0..CHANGES)
        .flat_map(|i| vec![first + i; if i % 3 == 0 { 2 } else { 1 }])
        .collect();
    assert_eq!(seen, expected);
    writing.await.expect("no panic");

    // Progress can be requested, and reports the current revision.
    watch.request_progress().await.expect("it is asked for");
    let progress = watch.next().await.expect("an answer");
    assert_eq!(progress.events, []);
    assert_eq!(
        progress.header.expect("a header").revision,
        first + CHANGES - 1
    );
}

/// A program that stops reading, such as a pager, has thousands of small messages waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_events_that_are_not_read_do_not_end_the_connection() {
    const WRITERS: i64 = 50;
    const EACH: i64 = 500;
    let Some(server) = etcd() else { return };
    let relay = Relay::before(server.endpoint());
    let create = pb::WatchCreateRequest {
        key: "k".into(),
        ..Default::default()
    };
    let mut watch = client(&[relay.endpoint()]).watch(create, StreamOptions::default(), soon());
    assert!(watch.next().await.expect("it is created").created);
    let writer = client(&[server.endpoint()]);
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let writer = writer.clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    let written = writer.put(put("k", ""), soon()).await;
                    written.expect("it is written");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic");
    }
    let mut seen = 0;
    while seen < WRITERS * EACH {
        let answer = watch.next().await.expect("the watch goes on");
        seen += i64::try_from(answer.events.len()).expect("few");
    }
    assert_eq!(seen, WRITERS * EACH);
    assert_eq!(relay.accepted(), 1);
}

/// etcd sends a history as one message. The client returns it in parts, and after a lost connection continues after the last
/// complete one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_in_fragments_over_connections_that_break_is_seen_once() {
    const REVISIONS: i64 = 60;
    let Some(server) = etcd() else { return };
    let writer = client(&[server.endpoint()]);
    let value = "v".repeat(60_000);
    let mut first = None;
    for _ in 0..REVISIONS {
        let put = |key| pb::RequestOp {
            request: Some(pb::request_op::Request::RequestPut(put(key, &value))),
        };
        let three = pb::TxnRequest {
            success: ["k1", "k2", "k3"].map(put).to_vec(),
            ..Default::default()
        };
        let written = writer.txn(three, soon()).await.expect("it is written");
        first.get_or_insert(written.header.expect("a header").revision);
    }
    let first = first.expect("there are some");

    let relay = Relay::before(server.endpoint());
    let create = pb::WatchCreateRequest {
        key: "k".into(),
        range_end: "l".into(),
        start_revision: first,
        ..Default::default()
    };
    let options = StreamOptions {
        fragments: true,
        ..StreamOptions::default()
    };
    let mut watch = client(&[relay.endpoint()]).watch(create, options, soon());
    let mut parts: Vec<Vec<i64>> = vec![];
    while parts.last().and_then(|part| part.last()) != Some(&(first + REVISIONS - 1)) {
        let answer = watch.next().await.expect("the watch goes on");
        if answer.created {
            continue;
        }
        let last = answer.events.last().and_then(|event| event.kv.as_ref());
        let is_last = last.is_some_and(|kv| kv.mod_revision == first + REVISIONS - 1);
        assert_eq!(answer.fragment, !is_last);
        let revision = |event: &mvccpb::Event| event.kv.as_ref().expect("a key").mod_revision;
        parts.push(answer.events.iter().map(revision).collect());
        if parts.len().is_multiple_of(3) {
            relay.cut();
        }
    }
    assert!(parts.len() > 6, "{} parts", parts.len());
    for part in &parts {
        assert_eq!(part.len() % 3, 0, "no revision is split: {part:?}");
    }
    let expected = (first..first + REVISIONS).flat_map(|revision| [revision; 3]);
    assert!(parts.iter().flatten().copied().eq(expected), "{parts:?}");
}

fn etcd_put(key: &str, i: i64) -> pb::RequestOp {
    pb::RequestOp {
        request: Some(pb::request_op::Request::RequestPut(put(
            key,
            &i.to_string(),
        ))),
    }
}

#[tokio::test]
async fn a_watch_behind_what_is_kept_says_from_where_it_can_begin() {
    let Some(server) = etcd() else { return };
    let client = client(&[server.endpoint()]);
    for _ in 0..5 {
        client
            .put(put("k", "v"), soon())
            .await
            .expect("it is written");
    }
    let compact = pb::CompactionRequest {
        revision: 5,
        physical: true,
    };
    client
        .compact(compact, soon())
        .await
        .expect("it is compacted");
    let create = pb::WatchCreateRequest {
        key: "k".into(),
        start_revision: 2,
        ..Default::default()
    };
    let mut watch = client.watch(create, StreamOptions::default(), soon());
    let error = loop {
        match watch.next().await {
            Ok(answer) => assert!(answer.created),
            Err(error) => break error,
        }
    };
    assert_eq!(
        error.to_string(),
        "etcdserver: mvcc: required revision has been compacted"
    );
    assert!(
        matches!(&error, ClientError::WatchCancelled { answer, .. } if answer.compact_revision == 5),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_kept_alive_over_connections_that_break() {
    let Some(server) = etcd() else { return };
    let relay = Relay::before(server.endpoint());
    let client = client(&[relay.endpoint()]);
    let grant = pb::LeaseGrantRequest { ttl: 4, id: 0 };
    let lease = client
        .lease_grant(grant, soon())
        .await
        .expect("it is granted")
        .id;
    let mut keep_alive = client.keep_alive(lease, soon());
    for _ in 0..4 {
        let answer = keep_alive.next().await.expect("it lives");
        assert_eq!((answer.id, answer.ttl), (lease, 4));
        relay.cut();
    }
    assert_eq!(
        client
            .keep_alive_once(lease, soon())
            .await
            .expect("it lives")
            .ttl,
        4
    );
    let revoke = pb::LeaseRevokeRequest { id: lease };
    client
        .lease_revoke(revoke, soon())
        .await
        .expect("it is revoked");
    let error = keep_alive.next().await.expect_err("it is gone");
    assert!(
        error.is("etcdserver: requested lease not found"),
        "{error:?}"
    );
    let error = client
        .keep_alive_once(lease, soon())
        .await
        .expect_err("it is gone");
    assert!(
        error.is("etcdserver: requested lease not found"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_lease_that_nobody_renews_has_an_end() {
    let Some(server) = etcd() else { return };
    let relay = Relay::before(server.endpoint());
    let client = client(&[relay.endpoint()]);
    let grant = pb::LeaseGrantRequest { ttl: 1, id: 0 };
    let lease = client
        .lease_grant(grant, soon())
        .await
        .expect("it is granted")
        .id;
    let mut keep_alive = client.keep_alive(lease, soon());
    keep_alive.next().await.expect("it lives");
    relay.stall(true);
    let error = loop {
        if let Err(error) = keep_alive.next().await {
            break error;
        }
    };
    assert!(
        matches!(error, ClientError::LeaseExpired { .. }),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_held_by_one_session_at_a_time() {
    let Some(server) = etcd() else { return };
    let client = client(&[server.endpoint()]);
    let sessions = [
        session(&client).await,
        session(&client).await,
        session(&client).await,
    ];
    let [mut first, mut second, mut third] = [0, 1, 2].map(|i| Mutex::new(&sessions[i], b"name"));
    first.lock().await.expect("nobody holds it");
    let key = format!("name/{:x}", sessions[0].lease());
    assert_eq!(first.key(), key.as_bytes());
    assert!(matches!(
        second.try_lock().await,
        Err(ConcurrencyError::Locked)
    ));
    let owned = pb::TxnRequest {
        compare: vec![first.is_owner()],
        ..Default::default()
    };
    assert!(
        client
            .txn(owned, soon())
            .await
            .expect("an answer")
            .succeeded
    );

    // Each waits for the previous one, even if that one's session ends instead of unlocking.
    let waiting = tokio::spawn(async move {
        second.lock().await.expect("it gets the lock");
        second
    });
    let queue = pb::RangeRequest {
        range_end: "name0".into(),
        ..get("name/")
    };
    while client
        .range(queue.clone(), soon())
        .await
        .expect("an answer")
        .kvs
        .len()
        < 2
    {
        tokio::task::yield_now().await;
    }
    let last = tokio::spawn(async move {
        third.lock().await.expect("it gets the lock");
        third
    });
    while client
        .range(queue.clone(), soon())
        .await
        .expect("an answer")
        .kvs
        .len()
        < 3
    {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    first.unlock().await.expect("it is given back");
    waiting.await.expect("no panic");
    assert!(!last.is_finished());
    sessions[1].close().await.expect("it is closed");
    sessions[1].ended().await;
    let mut third = last.await.expect("no panic");
    third.unlock().await.expect("it is given back");
    assert_eq!(
        client
            .range(queue, soon())
            .await
            .expect("an answer")
            .kvs
            .len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_not_taken_by_a_session_that_has_ended() {
    let Some(server) = etcd() else { return };
    let client = client(&[server.endpoint()]);
    let holder = session(&client).await;
    let mut held = Mutex::new(&holder, b"name");
    held.lock().await.expect("nobody holds it");
    let session = session(&client).await;
    let mut waiting = Mutex::new(&session, b"name");
    let revoke = pb::LeaseRevokeRequest {
        id: session.lease(),
    };
    let (locked, revoked) = tokio::join!(waiting.lock(), async {
        let queue = pb::RangeRequest {
            range_end: "name0".into(),
            ..get("name/")
        };
        while client
            .range(queue.clone(), soon())
            .await
            .expect("an answer")
            .kvs
            .len()
            < 2
        {
            tokio::task::yield_now().await;
        }
        client.lease_revoke(revoke, soon()).await
    });
    revoked.expect("it is revoked");
    assert!(
        matches!(locked, Err(ConcurrencyError::SessionExpired)),
        "{locked:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_election_has_one_leader_and_everybody_sees_it() {
    let Some(server) = etcd() else { return };
    let client = client(&[server.endpoint()]);
    let mut observer = Observer::new(&client, b"e", Deadline::after(LIMIT));
    assert!(matches!(
        observer.leader().await,
        Err(ConcurrencyError::NoLeader)
    ));
    let sessions = [session(&client).await, session(&client).await];
    let mut first = Election::new(&sessions[0], b"e");
    assert!(matches!(
        first.proclaim(b"x").await,
        Err(ConcurrencyError::NotLeader)
    ));
    let (seen, campaigned) = tokio::join!(observer.next(), first.campaign(b"one"));
    campaigned.expect("nobody leads");
    let seen = seen.expect("a leader").kvs.remove(0);
    assert_eq!((&seen.key[..], &seen.value[..]), (first.key(), &b"one"[..]));
    let mut second = Election::new(&sessions[1], b"e");
    let campaign = tokio::spawn(async move {
        second.campaign(b"two").await.expect("it leads in the end");
        second
    });
    first.proclaim(b"more").await.expect("it leads");
    assert_eq!(
        observer.next().await.expect("a leader").kvs[0].value,
        "more"
    );
    first.resign().await.expect("it led");
    assert_eq!(observer.next().await.expect("a leader").kvs[0].value, "two");
    let second = campaign.await.expect("no panic");
    assert_eq!(
        observer.leader().await.expect("a leader").create_revision,
        second.revision()
    );
}

#[tokio::test]
async fn a_mirror_gets_every_key_in_pages_and_then_every_change() {
    let Some(server) = etcd() else { return };
    let client = client(&[server.endpoint()]);
    const KEYS: usize = 2_345;
    for part in (0..KEYS).collect::<Vec<_>>().chunks(100) {
        let request = pb::TxnRequest {
            success: part
                .iter()
                .map(|i| etcd_put(&format!("k{i:05}"), 1))
                .collect(),
            ..Default::default()
        };
        client.txn(request, soon()).await.expect("it is written");
    }
    client
        .put(put("other", "v"), soon())
        .await
        .expect("it is written");
    let mut syncer = Syncer::new(&client, b"k", 0, Deadline::after(LIMIT));
    let mut keys = vec![];
    let mut sizes = vec![];
    while let Some(page) = syncer.page().await.expect("a page") {
        // Changes made meanwhile are updates, and are not in the pages.
        client
            .put(put("k99999", "v"), soon())
            .await
            .expect("it is written");
        sizes.push(page.len());
        keys.extend(page.into_iter().map(|kv| kv.key));
    }
    assert_eq!(sizes, [1000, 1000, 345]);
    assert!(
        keys.iter()
            .enumerate()
            .all(|(i, key)| *key == format!("k{i:05}"))
    );
    let mut updates = syncer.updates();
    let mut seen = 0;
    while seen < 3 {
        let answer = updates.next().await.expect("an answer");
        seen += answer.events.len();
        assert!(
            answer
                .events
                .iter()
                .all(|e| e.kv.as_ref().is_some_and(|kv| kv.key == "k99999"))
        );
    }
    let whole = Syncer::new(&client, b"", 0, Deadline::after(LIMIT))
        .page()
        .await
        .expect("a page");
    assert_eq!(whole.expect("there is one").len(), 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_server_forgot_is_renewed_in_calls_and_streams() {
    let Some(server) = etcd() else { return };
    let relay = Relay::before(server.endpoint());
    let client = client(&[relay.endpoint()]);
    let user = pb::AuthUserAddRequest {
        name: "root".into(),
        password: "secret".into(),
        ..Default::default()
    };
    client.user_add(user, soon()).await.expect("it is added");
    let role = pb::AuthUserGrantRoleRequest {
        user: "root".into(),
        role: "root".into(),
    };
    client
        .user_grant_role(role, soon())
        .await
        .expect("it is granted");
    client
        .auth_enable(pb::AuthEnableRequest {}, soon())
        .await
        .expect("it is on");
    let refused = client
        .put(put("k", "v"), soon())
        .await
        .expect_err("nobody may");
    assert!(refused.is("etcdserver: user name is empty"), "{refused:?}");
    client
        .login("root", "secret", soon())
        .await
        .expect("the password is right");
    client.put(put("k", "v"), soon()).await.expect("root may");
    let create = pb::WatchCreateRequest {
        key: "k".into(),
        ..Default::default()
    };
    let mut watch = client.watch(create, StreamOptions::default(), soon());
    assert!(watch.next().await.expect("it is created").created);

    // A restarted member does not know the simple tokens that it issued before.
    let server = server.restart();
    relay.point_at(server.endpoint());
    relay.cut();
    client
        .put(put("k", "w"), soon())
        .await
        .expect("a new token is had");
    let event = watch.next().await.expect("the watch goes on");
    assert_eq!(event.events[0].kv.as_ref().expect("a key").value, "w");

    // A token supplied by the user is sent unchanged, and never replaced.
    let with_token = self::client(&[server.endpoint()]);
    with_token
        .set_token("no-such-token.1")
        .expect("it can be a header");
    let refused = with_token
        .put(put("k", "v"), soon())
        .await
        .expect_err("it is refused");
    assert!(refused.is("etcdserver: invalid auth token"), "{refused:?}");
}
