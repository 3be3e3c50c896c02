//! The rehearsal of `snapshot verify`: the built-in server opens the file read-only and answers the requests that
//! it would get after a restore. It does not listen on any address and writes nothing.

use std::{path::Path, time::Duration};

use serde_json::json;

use crate::{
    client::{Client, ClientError, ClientOptions, Deadline, EmbeddedServers},
    golang::string,
    proto::etcdserverpb as pb,
    snapshot::examine::{Examination, Found},
};

/// Number of keys that are read with their values.
const SAMPLE: i64 = 16;
/// Time limit for the in-memory connection to the running server.
const DIAL: Duration = Duration::from_secs(5);

/// Lets the server open the sound file `path` and read all of it. Also returns the hash of its history.
pub async fn rehearse(
    path: &Path,
    examination: &Examination,
) -> (Result<Found, Found>, Option<u32>) {
    let embedded = EmbeddedServers::default();
    let result = ask(path, examination, &embedded).await;
    embedded.close().await;
    match result {
        Ok((found, hash)) => (Ok(found), Some(hash)),
        Err(text) => (Err(text.into()), None),
    }
}

async fn ask(
    path: &Path,
    examination: &Examination,
    embedded: &EmbeddedServers,
) -> Result<(Found, u32), String> {
    let refused = |e: ClientError| e.to_string();
    let absolute = std::path::absolute(path).map_err(|e| e.to_string())?;
    let options = ClientOptions {
        dial_timeout: DIAL,
        keepalive_time: None,
        keepalive_timeout: Duration::from_secs(3600),
        max_request_bytes: usize::MAX,
        max_recv_bytes: None,
        tls: None,
        embedded: embedded.clone(),
    };
    let endpoint = format!("snapshot:{}", string::of_path(&absolute));
    let client = Client::new(&[endpoint], options).map_err(refused)?;
    // No time limit, because a large file takes long.
    let never = Deadline::never();

    // The initial state.
    let status = client.status(pb::StatusRequest {}, never);
    let header = status.await.map_err(refused)?.header.unwrap_or_default();
    if header.revision != examination.revision {
        return Err(format!(
            "the server begins at revision {} instead of {}",
            header.revision, examination.revision
        ));
    }
    // Every key is in its index; read some of them.
    let all = |count_only, limit| pb::RangeRequest {
        key: vec![0].into(),
        range_end: vec![0].into(),
        count_only,
        limit,
        ..Default::default()
    };
    let counted = client.range(all(true, 0), never).await.map_err(refused)?;
    let sample = client.range(all(false, SAMPLE), never).await;
    let sample = sample.map_err(refused)?;
    let keys = counted.count;
    if u64::try_from(keys) != Ok(examination.live) {
        let live = examination.live;
        return Err(format!("the server has {keys} keys instead of {live}"));
    }
    if sample.kvs.len() as i64 != keys.min(SAMPLE) {
        return Err(format!("the server lists {} keys", sample.kvs.len()));
    }
    // Read every record.
    let request = pb::HashKvRequest {
        revision: examination.revision,
    };
    let hash = client.hash_kv(request, never).await.map_err(refused)?.hash;
    // What a member does when it starts.
    let members = pb::MemberListRequest {
        linearizable: false,
    };
    client.member_list(members, never).await.map_err(refused)?;
    let alarms = pb::AlarmRequest {
        action: pb::alarm_request::AlarmAction::Get.into(),
        ..Default::default()
    };
    client.alarm(alarms, never).await.map_err(refused)?;
    let leases = pb::LeaseLeasesRequest {};
    client.lease_leases(leases, never).await.map_err(refused)?;
    let users = pb::AuthUserListRequest {};
    client.user_list(users, never).await.map_err(refused)?;
    let roles = pb::AuthRoleListRequest {};
    client.role_list(roles, never).await.map_err(refused)?;

    let text = format!("opened by a server, {keys} keys and every record read, hash {hash}");
    let data = json!({ "keys": keys, "hash": hash, "revision": examination.revision });
    Ok((Found::new(text, data), hash))
}
