//! Replies of etcdutl's commands that examine files: `hash`, `meta`.

use std::path::Path;

use serde::Serialize;

use crate::{
    output::{
        Rendered, Reply, Rows, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple,
        table::Table,
    },
    schema::bucket,
    snapshot::dump::{self, Metas},
};

/// Version of the JSON in this file.
const SCHEMA: u32 = 1;

/// `etcdutl hash`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileHash {
    schema: u32,
    path: String,
    hash: u32,
}

impl FileHash {
    /// The hash of the file `path`.
    pub fn new(path: &Path, hash: u32) -> FileHash {
        FileHash {
            schema: SCHEMA,
            path: path.display().to_string(),
            hash,
        }
    }
}

impl Reply for FileHash {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format!("db path: {}\nHash: {}", self.path, self.hash))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(self)
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.rows(&Rows {
            header: &["path", "hash"],
            rows: vec![vec![self.path.clone(), self.hash.to_string()]],
        })
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unsupported()
    }
}

/// `etcdutl meta`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileMeta {
    schema: u32,
    pages: Vec<MetaPage>,
    records: Vec<String>,
}

/// A meta page. Its content is omitted if it is damaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct MetaPage {
    page: u64,
    current: bool,
    damage: Option<String>,
    txid: Option<u64>,
    page_size: Option<u32>,
    root: Option<u64>,
    freelist: Option<u64>,
    high_water: Option<u64>,
}

impl FileMeta {
    /// The reply for the meta pages and records of a file.
    pub fn new(metas: Metas) -> FileMeta {
        let page = |m: dump::MetaDump| {
            let meta = m.meta.as_ref().ok();
            MetaPage {
                page: m.page,
                current: m.current,
                txid: meta.map(|m| m.txid),
                page_size: meta.map(|m| m.page_size),
                root: meta.map(|m| m.root),
                freelist: meta
                    .map(|m| m.freelist)
                    .filter(|page| *page != crate::bolt::NO_FREELIST),
                high_water: meta.map(|m| m.high_water),
                damage: m.meta.err(),
            }
        };
        let records = metas.records.iter();
        FileMeta {
            schema: SCHEMA,
            pages: metas.pages.into_iter().map(page).collect(),
            records: records
                .map(|r| dump::decode(bucket::META, &r.key, &r.value))
                .collect(),
        }
    }

    fn rows(&self) -> Rows {
        let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let row = |m: &MetaPage| {
            let state = match (&m.damage, m.current) {
                (Some(damage), _) => damage.clone(),
                (None, true) => "current".into(),
                (None, false) => "older".into(),
            };
            vec![
                m.page.to_string(),
                state,
                number(m.txid),
                number(m.page_size.map(u64::from)),
                number(m.root),
                number(m.freelist),
                number(m.high_water),
            ]
        };
        Rows {
            header: &[
                "page",
                "state",
                "transaction",
                "page size",
                "root",
                "freelist",
                "pages",
            ],
            rows: self.pages.iter().map(row).collect(),
        }
    }
}

impl Reply for FileMeta {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        let rows = self.rows();
        for row in &rows.rows {
            let cells: Vec<String> = rows
                .header
                .iter()
                .zip(row)
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            out.line(cells.join(", "))?;
        }
        self.records.iter().try_for_each(|record| out.line(record))
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
