//! Replies about restores: the result of `snapshot restore --dry-run`.

use serde::Serialize;

use crate::{
    output::{
        Rendered, Reply, Rows, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple,
        table::Table,
    },
    snapshot::restore::{Outcome, Plan},
};

/// Version of the JSON in this file.
const SCHEMA: u32 = 1;

/// A restore that was checked but not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedRestore {
    schema: u32,
    outcome: &'static str,
    file: String,
    data_dir: String,
    wal_dir: String,
    for_serve: bool,
    cluster_id: String,
    members: Vec<PlannedMember>,
    revision: i64,
    compact_revision: Option<i64>,
    target: Option<String>,
}

/// A member of the new cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct PlannedMember {
    id: String,
    name: String,
    peer_urls: Vec<String>,
    /// Whether this is the member that is restored.
    restored: bool,
}

impl PlannedRestore {
    /// The reply for a plan and the resulting revisions.
    pub fn new(plan: &Plan, outcome: &Outcome) -> PlannedRestore {
        let path = |path: &std::path::Path| path.display().to_string();
        let options = plan.options();
        let peers = plan.peers.as_ref();
        let members = peers.map_or_else(Vec::new, |peers| {
            let member = |m: &crate::schema::membership::Member| PlannedMember {
                id: format!("{:016x}", m.id),
                name: m.name.clone(),
                peer_urls: m.peer_urls.clone(),
                restored: m.id == peers.me,
            };
            peers.members.iter().map(member).collect()
        });
        PlannedRestore {
            schema: SCHEMA,
            outcome: "planned",
            file: path(&options.file),
            data_dir: path(&plan.targets.data_dir),
            wal_dir: path(&plan.targets.wal_dir),
            for_serve: options.for_serve,
            cluster_id: peers.map_or_else(String::new, |p| format!("{:016x}", p.cluster_id)),
            members,
            revision: outcome.revision,
            compact_revision: outcome.compact_revision,
            target: options.target.map(|t| t.to_string()),
        }
    }

    fn rows(&self) -> Rows {
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row("file", self.file.clone()),
            row("data directory", self.data_dir.clone()),
        ];
        if self.for_serve {
            rows.push(row("server", "etcdctl serve".into()));
        } else {
            rows.push(row("write-ahead log", self.wal_dir.clone()));
            rows.push(row("cluster", self.cluster_id.clone()));
        }
        for member in &self.members {
            let mark = if member.restored {
                ", this directory"
            } else {
                ""
            };
            let urls = member.peer_urls.join(",");
            let text = format!("{} {} {urls}{mark}", member.id, member.name);
            rows.push(row("member", text));
        }
        let compacted = match self.compact_revision {
            Some(revision) => format!(", compacted at {revision}"),
            None => String::new(),
        };
        rows.push(row("revision", format!("{}{compacted}", self.revision)));
        rows.extend(self.target.iter().map(|t| row("for etcd", t.clone())));
        Rows {
            header: &["what", "value"],
            rows,
        }
    }
}

impl Reply for PlannedRestore {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        let rows = self.rows().rows;
        let width = rows.iter().map(|r| r[0].len()).max().unwrap_or(0);
        for row in rows {
            out.line(format!("{:width$}  {}", row[0], row[1]))?;
        }
        out.line("nothing was changed")
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(self)
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.rows(&self.rows())
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unsupported()
    }
}
