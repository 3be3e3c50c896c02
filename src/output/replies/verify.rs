//! The result of `snapshot verify`.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    output::{
        Rendered, Reply, Rows, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple,
        table::Table,
    },
    snapshot::examine::{Examination, LayerStatus},
};

/// `snapshot verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    schema: u32,
    path: String,
    verdict: &'static str,
    layers: Vec<LayerJson>,
    restorable_by: Vec<String>,
    revision: i64,
    hash: Option<u32>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct LayerJson {
    layer: String,
    status: &'static str,
    text: String,
    data: Map<String, Value>,
}

impl Verdict {
    /// The reply for an examination.
    pub fn new(examination: &Examination) -> Verdict {
        let layers = examination.layers.iter().map(|report| LayerJson {
            layer: report.layer.to_string(),
            status: match report.status {
                LayerStatus::Ok => "ok",
                LayerStatus::Bad => "bad",
                LayerStatus::Skipped => "skipped",
            },
            text: report.text.clone(),
            data: report.data.clone(),
        });
        let good = examination.first_bad().is_none();
        Verdict {
            schema: 1,
            path: examination.path.display().to_string(),
            verdict: if good { "good" } else { "bad" },
            layers: layers.collect(),
            restorable_by: examination
                .restorable_by
                .iter()
                .map(ToString::to_string)
                .collect(),
            revision: examination.revision,
            hash: examination.hash,
        }
    }

    fn summary(&self) -> String {
        if self.verdict == "good" {
            // Each release can start on the data of an older one.
            let oldest = self.restorable_by.first().map_or("", String::as_str);
            return format!("good: etcd {oldest} and later restore it");
        }
        let bad = self.layers.iter().find(|l| l.status == "bad");
        let bad = bad.map_or("", |l| l.layer.as_str());
        format!("bad: {}: {bad}", self.path)
    }
}

impl Reply for Verdict {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        for layer in &self.layers {
            out.line(format!(
                "{:<10}  {:<7}  {}",
                layer.layer, layer.status, layer.text
            ))?;
        }
        out.line(self.summary())
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(self)
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        let row = |l: &LayerJson| vec![l.layer.clone(), l.status.to_owned(), l.text.clone()];
        out.rows(&Rows {
            header: &["layer", "status", "what"],
            rows: self.layers.iter().map(row).collect(),
        })
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unsupported()
    }
}
