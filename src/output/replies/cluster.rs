//! Replies of the service Cluster: the commands under `member`.

use serde::Serialize;

use crate::output::{
    Rendered, Reply, Rows,
    fields::Fields,
    json::{HeaderJson, IdJson, Json, empty, header_hex},
    protobuf::Protobuf,
    simple::Simple,
    table::Table,
};
use crate::proto::etcdserverpb as pb;

/// `member list`.
impl Reply for pb::MemberListResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.rows(&rows(&self.members))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.header.as_ref())?;
        for m in &self.members {
            out.id("ID", m.id)?;
            out.quoted("Name", m.name.as_bytes())?;
            for url in &m.peer_ur_ls {
                out.quoted("PeerURL", url.as_bytes())?;
            }
            for url in &m.client_ur_ls {
                out.quoted("ClientURL", url.as_bytes())?;
            }
            out.line("IsLearner", m.is_learner)?;
            out.end_of_record()?;
        }
        Ok(())
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        let members = MembersJson::new(&self.header, None, &self.members, out.hex());
        out.value(&members)
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.rows(&rows(&self.members))
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(self)
    }
}

fn rows(members: &[pb::Member]) -> Rows {
    let row = |m: &pb::Member| {
        let status = if m.name.is_empty() {
            "unstarted"
        } else {
            "started"
        };
        vec![
            format!("{:x}", m.id),
            status.to_owned(),
            m.name.clone(),
            m.peer_ur_ls.join(","),
            m.client_ur_ls.join(","),
            m.is_learner.to_string(),
        ]
    };
    Rows {
        header: &[
            "ID",
            "Status",
            "Name",
            "Peer Addrs",
            "Client Addrs",
            "Is Learner",
        ],
        rows: members.iter().map(row).collect(),
    }
}

/// An answer with members. With `--hex` ids are texts, and neither ids nor lists are left out.
#[derive(Serialize)]
struct MembersJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<MemberJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<MemberJson<'a>>>,
}

impl<'a> MembersJson<'a> {
    fn new(
        header: &Option<pb::ResponseHeader>,
        member: Option<&'a pb::Member>,
        members: &'a [pb::Member],
        hex: bool,
    ) -> MembersJson<'a> {
        MembersJson {
            header: header_hex(header, hex),
            member: member.map(|m| MemberJson::new(m, hex)),
            members: (hex || !members.is_empty())
                .then(|| members.iter().map(|m| MemberJson::new(m, hex)).collect()),
        }
    }
}

#[derive(Serialize)]
struct MemberJson<'a> {
    #[serde(rename = "ID", skip_serializing_if = "IdJson::omitted")]
    id: IdJson,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(rename = "peerURLs", skip_serializing_if = "<[String]>::is_empty")]
    peer_urls: &'a [String],
    #[serde(rename = "clientURLs", skip_serializing_if = "<[String]>::is_empty")]
    client_urls: &'a [String],
    #[serde(rename = "isLearner", skip_serializing_if = "empty")]
    is_learner: bool,
}

impl<'a> MemberJson<'a> {
    fn new(m: &'a pb::Member, hex: bool) -> MemberJson<'a> {
        MemberJson {
            id: IdJson::new(m.id, hex),
            name: &m.name,
            peer_urls: &m.peer_ur_ls,
            client_urls: &m.client_ur_ls,
            is_learner: m.is_learner,
        }
    }
}
