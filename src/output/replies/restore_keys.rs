//! The reply of `restore-keys`: the plan, or the result.

use std::io;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;

use crate::{
    golang::format,
    output::{
        Rendered, Reply, Rows, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple,
        table::Table,
    },
};

/// The version of the JSON.
const SCHEMA: u32 = 1;
/// Maximum number of conflicts that are listed.
const NAMED: usize = 20;

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The key is missing and is put.
    Put,
    /// The value is replaced.
    Overwrite,
    /// The key is deleted.
    Delete,
    /// The value differs and is left alone.
    Leave,
    /// The key has a lease and is skipped.
    Skip,
    /// The key has changed since the plan was made and is left alone.
    Conflict,
}

impl Action {
    /// Whether the key is written.
    pub fn writes(self) -> bool {
        matches!(self, Action::Put | Action::Overwrite | Action::Delete)
    }
}

/// The result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing was changed.
    Planned,
    /// There was nothing to do.
    NothingToDo,
    /// Everything was written.
    Done,
    /// Some keys were left alone because they have changed.
    Partly,
}

/// One key of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedKey {
    /// The key.
    pub key: Vec<u8>,
    /// What happens to it.
    pub action: Action,
    /// Its revision in the source; 0 if the source does not have it.
    pub source_mod_revision: i64,
    /// Bytes of key and value that are put.
    pub bytes: u64,
}

/// The content of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The source.
    pub source: String,
    /// The revision of the source; 0 for a file of lines.
    pub source_revision: i64,
    /// The cluster.
    pub target: String,
    /// The revision of the cluster.
    pub target_revision: i64,
    /// The most operations in a transaction.
    pub max_txn_ops: u64,
    /// Whether keys with a different value are overwritten.
    pub overwrites: bool,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// In order of keys.
    pub keys: Vec<PlannedKey>,
}

/// `restore-keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoredKeys {
    plan: Summary,
    outcome: Outcome,
    /// The revision after the last write.
    revision: Option<i64>,
}

#[derive(Serialize)]
struct RestoredJson<'a> {
    schema: u32,
    outcome: Outcome,
    source: &'a str,
    source_revision: i64,
    target: &'a str,
    target_revision: i64,
    revision: Option<i64>,
    put: usize,
    put_bytes: u64,
    overwritten: usize,
    deleted: usize,
    left: usize,
    skipped: usize,
    conflicts: usize,
    warnings: &'a [String],
    keys: Vec<KeyJson<'a>>,
}

#[derive(Serialize)]
struct KeyJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    action: Action,
    source_mod_revision: i64,
}

impl<'a> From<&'a PlannedKey> for KeyJson<'a> {
    fn from(planned: &'a PlannedKey) -> Self {
        let key = std::str::from_utf8(&planned.key).ok();
        Self {
            key,
            key_base64: key.is_none().then(|| BASE64_STANDARD.encode(&planned.key)),
            action: planned.action,
            source_mod_revision: planned.source_mod_revision,
        }
    }
}

impl RestoredKeys {
    /// The reply for a plan.
    pub fn new(plan: Summary, outcome: Outcome, revision: Option<i64>) -> RestoredKeys {
        RestoredKeys {
            plan,
            outcome,
            revision,
        }
    }

    fn count(&self, action: Action) -> usize {
        let keys = self.plan.keys.iter();
        keys.filter(|key| key.action == action).count()
    }

    fn bytes(&self, action: Action) -> u64 {
        let keys = self.plan.keys.iter();
        keys.filter(|key| key.action == action)
            .map(|key| key.bytes)
            .sum()
    }

    /// Writes the plan as text.
    ///
    /// # Errors
    /// The I/O error of `out`.
    pub fn write_plan(&self, out: &mut dyn io::Write) -> io::Result<()> {
        for line in self.lines() {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// The number of keys for each action, with a remark.
    fn actions(&self) -> Vec<(&'static str, usize, String)> {
        let size = |action| format::bytes(self.bytes(action));
        let mut out = vec![(
            "put",
            self.count(Action::Put),
            format!("{} (missing)", size(Action::Put)),
        )];
        if self.plan.overwrites {
            let text = format!("{} (overwritten)", size(Action::Overwrite));
            out.push(("put", self.count(Action::Overwrite), text));
        }
        let mut more = |name, action, text: &str| {
            if let n @ 1.. = self.count(action) {
                out.push((name, n, text.to_owned()));
            }
        };
        more("delete", Action::Delete, "not in the source");
        more(
            "leave",
            Action::Leave,
            "changed since; --mode=changed overwrites",
        );
        more("skip", Action::Skip, "with a lease");
        more("left", Action::Conflict, "changed after the plan was made");
        out
    }

    fn lines(&self) -> Vec<String> {
        let plan = &self.plan;
        let source = match plan.source_revision {
            0 => plan.source.clone(),
            revision => format!("{} at {revision}", plan.source),
        };
        let mut out = vec![format!(
            "from {source} into {} at {}",
            plan.target, plan.target_revision
        )];
        for (name, n, text) in self.actions() {
            let text = match name {
                "put" => format!(", {text}"),
                "skip" => format!(" {text}"),
                _ => format!(" ({text})"),
            };
            let keys = if n == 1 { "key" } else { "keys" };
            out.push(format!("{name:<6} {n:>4} {keys}{text}"));
        }
        let conflicts = plan.keys.iter().filter(|k| k.action == Action::Conflict);
        for key in conflicts.take(NAMED) {
            let name = format::quote(&key.key);
            out.push(format!("  left {name}"));
        }
        out.extend(plan.warnings.iter().map(|w| format!("warning: {w}")));
        out
    }

    fn end(&self) -> String {
        match (self.outcome, self.revision) {
            (Outcome::Planned, _) => {
                let writes = self.plan.keys.iter().filter(|k| k.action.writes()).count();
                let max = usize::try_from(self.plan.max_txn_ops).unwrap_or(usize::MAX);
                let n = writes.div_ceil(max);
                let transactions = if n == 1 {
                    "transaction"
                } else {
                    "transactions"
                };
                format!("{n} {transactions} of at most {max} operations; nothing was changed")
            }
            (Outcome::NothingToDo, _) => "nothing to do".into(),
            (_, Some(revision)) => format!("done at revision {revision}"),
            (_, None) => "nothing was changed".into(),
        }
    }
}

impl Reply for RestoredKeys {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        for line in self.lines() {
            out.line(line)?;
        }
        out.line(self.end())
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&RestoredJson {
            schema: SCHEMA,
            outcome: self.outcome,
            source: &self.plan.source,
            source_revision: self.plan.source_revision,
            target: &self.plan.target,
            target_revision: self.plan.target_revision,
            revision: self.revision,
            put: self.count(Action::Put),
            put_bytes: self.bytes(Action::Put),
            overwritten: self.count(Action::Overwrite),
            deleted: self.count(Action::Delete),
            left: self.count(Action::Leave),
            skipped: self.count(Action::Skip),
            conflicts: self.count(Action::Conflict),
            warnings: &self.plan.warnings,
            keys: self.plan.keys.iter().map(KeyJson::from).collect(),
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        let row =
            |(name, n, text): (&str, usize, String)| vec![name.to_owned(), n.to_string(), text];
        out.rows(&Rows {
            header: &["action", "keys", "what"],
            rows: self.actions().into_iter().map(row).collect(),
        })
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unsupported()
    }
}
