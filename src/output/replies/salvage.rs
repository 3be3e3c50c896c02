//! What `snapshot salvage` found, omitted and wrote.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use crate::{
    output::{
        Rendered, Reply, Rows, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple,
        table::Table,
    },
    snapshot::salvage::{Lapse, Salvaged},
};

/// The version of this reply's JSON format.
const SCHEMA: u32 = 1;

/// `snapshot salvage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SalvageReport {
    schema: u32,
    outcome: &'static str,
    file: String,
    out: String,
    source: String,
    records: u64,
    keys: u64,
    revision: i64,
    compact_revision: i64,
    size: u64,
    unreadable: u64,
    superseded: u64,
    left_out: u64,
    without_lease: u64,
    at_odds: Vec<AtOdds>,
    lost_pages: Vec<u64>,
    tree: Vec<Damage>,
    older_meta: Option<Vec<Damage>>,
    scan: Option<Scan>,
    notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct AtOdds {
    revision: String,
    keys: Vec<String>,
    keys_base64: Vec<String>,
    offsets: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Damage {
    page: u64,
    what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Scan {
    pages: u64,
    leaves: u64,
    only_there: u64,
}

impl SalvageReport {
    /// The reply for a salvage of `file` to `out`.
    pub fn new(file: &str, out: &str, dry_run: bool, salvaged: &Salvaged) -> SalvageReport {
        let damage = |lapses: &Vec<Lapse>| -> Vec<Damage> {
            let named = lapses.iter().map(|lapse| Damage {
                page: lapse.page,
                what: lapse.what.clone(),
            });
            named.collect()
        };
        let mut lost_pages: Vec<u64> = salvaged.tree.iter().map(|lapse| lapse.page).collect();
        lost_pages.sort_unstable();
        lost_pages.dedup();
        let at_odds = salvaged.at_odds.iter().map(|odd| AtOdds {
            revision: odd.revision.clone(),
            keys: (odd.keys.iter())
                .map(|key| String::from_utf8_lossy(key).into_owned())
                .collect(),
            keys_base64: odd.keys.iter().map(|key| STANDARD.encode(key)).collect(),
            offsets: odd.offsets.clone(),
        });
        SalvageReport {
            schema: SCHEMA,
            outcome: if dry_run { "planned" } else { "written" },
            file: file.to_owned(),
            out: out.to_owned(),
            source: salvaged.source.to_string(),
            records: salvaged.records,
            keys: salvaged.keys,
            revision: salvaged.revision,
            compact_revision: salvaged.compact_revision,
            size: salvaged.size,
            unreadable: salvaged.unreadable,
            superseded: salvaged.superseded,
            left_out: salvaged.left_out,
            without_lease: salvaged.without_lease,
            at_odds: at_odds.collect(),
            lost_pages,
            tree: damage(&salvaged.tree),
            older_meta: salvaged.older.as_ref().map(damage),
            scan: salvaged.scan.map(|scan| Scan {
                pages: scan.pages,
                leaves: scan.leaves,
                only_there: scan.only_there,
            }),
            notes: salvaged.notes.clone(),
        }
    }

    /// The lines: a name and a text.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        let older = match &self.older_meta {
            None => String::new(),
            Some(damage) if *damage == self.tree => "; older meta: same".into(),
            Some(damage) => format!("; older meta: {}", broken(damage)),
        };
        lines.push(("tree", format!("{}{older}", broken(&self.tree))));
        if let Some(scan) = &self.scan {
            let Scan {
                pages,
                leaves,
                only_there,
            } = scan;
            let mut line =
                format!("{pages} pages, {leaves} leaves: {only_there} records that no tree has");
            if self.left_out > 0 {
                line += ", left out because the tree is sound there";
            }
            lines.push(("scan", line));
        }
        lines.push((
            "found",
            format!(
                "{} records, {} unreadable, {} at odds",
                self.records,
                self.unreadable,
                self.at_odds.len()
            ),
        ));
        for odd in &self.at_odds {
            let (revision, keys) = (&odd.revision, odd.keys.join(", "));
            lines.push(("odds", format!("two records at {revision}, of {keys:?}")));
        }
        if self.without_lease > 0 {
            let keys = self.without_lease;
            lines.push(("note", format!("{keys} keys whose lease is lost have none")));
        }
        lines.extend(self.notes.iter().map(|note| ("note", note.clone())));
        let not_yet = match self.outcome {
            "planned" => " (not written)",
            _ => "",
        };
        lines.push((
            "out",
            format!(
                "{}{not_yet}: {} keys, revision {}; left out: {} at odds, {} older than the compaction at {}",
                self.out,
                self.keys,
                self.revision,
                self.at_odds.len(),
                self.superseded,
                self.compact_revision
            ),
        ));
        lines
    }
}

fn broken(damage: &[Damage]) -> String {
    match damage {
        [] => "sound".into(),
        [first, others @ ..] => {
            let more = match others.len() {
                0 => String::new(),
                n => format!(" (and {n} more)"),
            };
            format!("broken at page {}: {}{more}", first.page, first.what)
        }
    }
}

impl Reply for SalvageReport {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        for (name, text) in self.lines() {
            out.line(format!("{name:<5}  {text}"))?;
        }
        Ok(())
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(self)
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        let lines = self.lines().into_iter();
        out.rows(&Rows {
            header: &["step", "what"],
            rows: lines
                .map(|(name, text)| vec![name.to_owned(), text])
                .collect(),
        })
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unsupported()
    }
}
