//! The store of etcd's version 2 API as contained in a raft snapshot file: JSON with the members of the cluster and a
//! history of a thousand events. etcd 3.4 starts from it; newer releases keep it. Source: etcd v3.7.1,
//! server/etcdserver/cluster_util.go (GetMembershipInfoInV2Format),
//! server/etcdserver/api/v2store/{store,node,event_queue,event_history,stats}.go.

use std::fmt::Write as _;

use crate::schema::membership::{self, Member};

/// Number of events that the store keeps.
const EVENTS: usize = 1000;
/// Go's zero time: no expiry.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The store after these members were added one by one.
pub(super) fn encode(members: &[Member]) -> Vec<u8> {
    let mut children = String::new();
    let mut events = String::new();
    for (index, member) in (1..).zip(members) {
        let path = format!("/0/members/{:x}", member.id);
        let key = format!("{path}/raftAttributes");
        let value = json(&membership::raft_attributes(member));
        let leaf = node(&key, index, &value, "null");
        let own = node(
            &path,
            index,
            "\"\"",
            &format!("{{\"raftAttributes\":{leaf}}}"),
        );
        if index > 1 {
            children.push(',');
            events.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(children, "\"{:x}\":{own}", member.id);
        let _ = write!(
            events,
            "{{\"action\":\"create\",\"node\":{{\"key\":\"{key}\",\"value\":{value},\
             \"modifiedIndex\":{index},\"createdIndex\":{index}}}}}"
        );
    }
    let count = members.len();
    for _ in count..EVENTS {
        events.push_str(",null");
    }
    let list = node("/0/members", 1, "\"\"", &format!("{{{children}}}"));
    let zero = node("/0", 0, "\"\"", &format!("{{\"members\":{list}}}"));
    let one = node("/1", 0, "\"\"", "{}");
    let root = node("/", 0, "\"\"", &format!("{{\"0\":{zero},\"1\":{one}}}"));
    let stats = format!(
        "{{\"getsSuccess\":0,\"getsFail\":1,\"setsSuccess\":0,\"setsFail\":0,\"deleteSuccess\":0,\
         \"deleteFail\":0,\"updateSuccess\":0,\"updateFail\":0,\"createSuccess\":{count},\"createFail\":0,\
         \"compareAndSwapSuccess\":0,\"compareAndSwapFail\":0,\"compareAndDeleteSuccess\":0,\
         \"compareAndDeleteFail\":0,\"expireCount\":0,\"watchers\":0}}"
    );
    format!(
        "{{\"Root\":{root},\"WatcherHub\":{{\"EventHistory\":{{\"Queue\":{{\"Events\":[{events}],\
         \"Size\":{count},\"Front\":0,\"Back\":{count},\"Capacity\":{EVENTS}}},\"StartIndex\":1,\
         \"LastIndex\":{count}}}}},\"CurrentIndex\":{count},\"Stats\":{stats},\"CurrentVersion\":2}}"
    )
    .into_bytes()
}

fn node(path: &str, index: usize, value: &str, children: &str) -> String {
    format!(
        "{{\"Path\":\"{path}\",\"CreatedIndex\":{index},\"ModifiedIndex\":{index},\
         \"ExpireTime\":\"{NEVER}\",\"Value\":{value},\"Children\":{children}}}"
    )
}

/// A JSON text as a JSON string.
fn json(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    String::from_utf8(membership::to_json(&text)).unwrap_or_default()
}
