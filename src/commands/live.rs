//! Suggestions that come from a server: keys, members, users, roles, leases and alarms. Only for `__complete`.

use bytes::Bytes;

use super::complete::{After, Wanted};
use crate::{
    cli::context::Context,
    client::{Client, Deadline, rpc::prefix_end},
    golang::string,
    proto::etcdserverpb as pb,
};

/// Words with descriptions, and what should follow them.
pub type Words = (Vec<(String, String)>, After);

/// Number of keys per request, and maximum number of requests.
const PAGE: i64 = 200;
const PAGES: usize = 20;

/// The suggestions for this argument; `None` if no server needs to be or can be reached.
pub async fn words(ctx: &Context, wanted: &Wanted, cur: &str) -> Option<Words> {
    let path: Vec<&str> = wanted.path.iter().map(String::as_str).collect();
    let place = wanted.place;
    let client = ctx.client().await.ok()?;
    let deadline = ctx.deadline().ok()?;
    let found = match (path.as_slice(), place) {
        (["get" | "del" | "watch"], 0 | 1) | (["put"], 0) => {
            return keys(&client, cur, deadline).await;
        }
        (["role", "grant-permission"], 2 | 3) | (["role", "revoke-permission"], 1 | 2) => {
            return keys(&client, cur, deadline).await;
        }
        (["member", "remove" | "update" | "promote"] | ["move-leader"], 0) => {
            members(&client, deadline).await?
        }
        (
            [
                "user",
                "delete" | "get" | "passwd" | "grant-role" | "revoke-role",
            ],
            0,
        ) => {
            let answer = client.user_list(pb::AuthUserListRequest {}, deadline).await;
            plain(answer.ok()?.users)
        }
        (["user", "grant-role" | "revoke-role"], 1)
        | (
            [
                "role",
                "delete" | "get" | "grant-permission" | "revoke-permission",
            ],
            0,
        ) => {
            let answer = client.role_list(pb::AuthRoleListRequest {}, deadline).await;
            plain(answer.ok()?.roles)
        }
        (["role", "grant-permission"], 1) => {
            plain(["read", "write", "readwrite"].map(String::from).to_vec())
        }
        (["lease", "revoke" | "timetolive" | "keep-alive"], 0) => {
            let answer = client
                .lease_leases(pb::LeaseLeasesRequest {}, deadline)
                .await;
            let leases = answer.ok()?.leases;
            plain(leases.iter().map(|l| format!("{:016x}", l.id)).collect())
        }
        _ => return None,
    };
    let fitting = found.into_iter().filter(|(word, _)| word.starts_with(cur));
    Some((fitting.collect(), After::Blank))
}

fn plain(words: Vec<String>) -> Vec<(String, String)> {
    words
        .into_iter()
        .map(|word| (word, String::new()))
        .collect()
}

async fn members(client: &Client, deadline: Deadline) -> Option<Vec<(String, String)>> {
    let request = pb::MemberListRequest {
        linearizable: false,
    };
    let answer = client.member_list(request, deadline).await.ok()?;
    let member = |m: pb::Member| (format!("{:x}", m.id), m.name);
    Some(answer.members.into_iter().map(member).collect())
}

/// The keys that begin with `cur`, each up to the next slash.
async fn keys(client: &Client, cur: &str, deadline: Deadline) -> Option<Words> {
    let start = string::bytes(cur).into_owned();
    let end = Bytes::from(prefix_end(&start));
    let mut key = Bytes::from(if start.is_empty() {
        vec![0]
    } else {
        start.clone()
    });
    let mut found: Vec<String> = vec![];
    for _ in 0..PAGES {
        let request = pb::RangeRequest {
            key: key.clone(),
            range_end: end.clone(),
            limit: PAGE,
            keys_only: true,
            serializable: true,
            ..Default::default()
        };
        let answer = client.range(request, deadline).await.ok()?;
        let mut folder = None;
        for kv in &answer.kvs {
            let rest = kv.key.get(start.len()..).unwrap_or_default();
            let slash = rest.iter().position(|b| *b == b'/');
            let word = match slash {
                Some(at) => &kv.key[..=start.len() + at],
                None => &kv.key[..],
            };
            folder = slash.map(|_| word.to_vec());
            // A key that is not text cannot be typed, and one with a line break would be two suggestions.
            if let Ok(word) = std::str::from_utf8(word)
                && !word.contains(['\n', '\t'])
                && found.last().is_none_or(|last| last != word)
            {
                found.push(word.to_owned());
            }
        }
        let Some(last) = answer.kvs.last().filter(|_| answer.more) else {
            break;
        };
        // The rest of a folder need not be read.
        key = match folder {
            Some(folder) => Bytes::from(prefix_end(&folder)),
            None => [&last.key[..], b"\0"].concat().into(),
        };
    }
    let goes_on = found.iter().any(|word| word.ends_with('/'));
    let after = if goes_on {
        After::Nothing
    } else {
        After::Blank
    };
    Some((plain(found), after))
}
