//! Replies of the service Cluster: the commands under `member`.

use prost::Message;
use serde::Serialize;

use crate::golang::format::quote_text;

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

/// A response with members. With `--hex`, ids are strings, and zero ids and empty lists are not omitted.
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

/// `member add`.
#[derive(Clone, Debug)]
pub struct Added {
    /// The name for the new member; the server does not know it until the member has started.
    pub name: String,
    /// Its peer URLs, as typed.
    pub peer_urls: String,
    /// The server's answer.
    pub answer: pb::MemberAddResponse,
}

impl Added {
    /// The environment variables for starting the new member.
    fn environment(&self) -> [String; 4] {
        let new = self.answer.member.as_ref().map_or(0, |m| m.id);
        let mut cluster = vec![];
        for member in &self.answer.members {
            let name = if member.id == new {
                &self.name
            } else {
                &member.name
            };
            let urls = member.peer_ur_ls.iter();
            cluster.extend(urls.map(|url| format!("{name}={url}")));
        }
        [
            format!("ETCD_NAME={}", quote_text(&self.name)),
            format!("ETCD_INITIAL_CLUSTER={}", quote_text(&cluster.join(","))),
            format!(
                "ETCD_INITIAL_ADVERTISE_PEER_URLS={}",
                quote_text(&self.peer_urls)
            ),
            "ETCD_INITIAL_CLUSTER_STATE=\"existing\"".to_owned(),
        ]
    }
}

impl Reply for Added {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        let member = self.answer.member.clone().unwrap_or_default();
        let learner = if member.is_learner {
            " as learner "
        } else {
            " "
        };
        let cluster = self.answer.header.as_ref().map_or(0, |h| h.cluster_id);
        out.line(format_args!(
            "Member {:16x} added{learner}to cluster {cluster:16x}",
            member.id
        ))?;
        out.line("")?;
        self.environment()
            .iter()
            .try_for_each(|line| out.line(line))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        let pb::MemberAddResponse {
            header,
            member,
            members,
        } = &self.answer;
        let members = MembersJson::new(header, member.as_ref(), members, out.hex());
        out.value(&members)
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&self.answer)
    }
}

/// A response with a header and the members of the cluster.
pub trait Members: Message {
    /// The header.
    fn header(&self) -> &Option<pb::ResponseHeader>;
    /// The members.
    fn members(&self) -> &[pb::Member];
}

macro_rules! members {
    ($($answer:ident)*) => {
        $(impl Members for pb::$answer {
            fn header(&self) -> &Option<pb::ResponseHeader> {
                &self.header
            }

            fn members(&self) -> &[pb::Member] {
                &self.members
            }
        })*
    };
}

members! { MemberRemoveResponse MemberUpdateResponse MemberPromoteResponse }

/// `member remove`, `member update` and `member promote`.
#[derive(Clone, Debug)]
pub struct MemberChanged<A> {
    /// The member.
    pub id: u64,
    /// `removed from`, `updated in` or `promoted in`.
    pub what: &'static str,
    /// The server's answer.
    pub answer: A,
}

impl<A: Members> Reply for MemberChanged<A> {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        let cluster = self.answer.header().as_ref().map_or(0, |h| h.cluster_id);
        out.line(format_args!(
            "Member {:16x} {} cluster {cluster:16x}",
            self.id, self.what
        ))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        let members =
            MembersJson::new(self.answer.header(), None, self.answer.members(), out.hex());
        out.value(&members)
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&self.answer)
    }
}
