//! Makes the plan of `restore-keys`: reads source and cluster in key order, each at one revision, and compares them.
//! Writes nothing but the undo file.

use std::path::PathBuf;

use bytes::Bytes;

use super::{command::undo_error, kubernetes::Kubernetes, source::Source};
use crate::{
    cli::{context::Context, error::CommandError},
    client::{Client, pairs::Pairs},
    files::part_file::PartFile,
    output::{
        kv_line,
        replies::restore_keys::{Action, PlannedKey, Summary},
    },
    proto::mvccpb::KeyValue,
};

/// Which keys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only missing keys.
    Missing,
    /// Also keys with a different value.
    Changed,
    /// Also delete keys that are not in the source.
    Exact,
}

/// What happens to keys with a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    /// They are skipped.
    Skip,
    /// They are written without a lease.
    Drop,
}

/// The flags that a plan depends on.
pub struct PlanOptions {
    /// The range, as in a `RangeRequest`.
    pub key: Bytes,
    /// Its end.
    pub range_end: Bytes,
    /// `--mode`.
    pub mode: Mode,
    /// `--leased`.
    pub leased: Leased,
    /// `--max-txn-ops`.
    pub max_txn_ops: u64,
    /// `--undo-file`.
    pub undo_file: Option<PathBuf>,
}

/// One key of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The key.
    pub key: Bytes,
    /// What happens to it.
    pub action: Action,
    /// Its mod revision in the source; 0 if it is not there.
    pub source_mod_revision: i64,
    /// Its mod revision in the cluster when the plan was made; 0 if it was not there.
    pub target_mod_revision: i64,
    /// Size of key and value in bytes, if they are put.
    pub bytes: u64,
}

/// The plan.
pub struct Plan {
    /// In key order, without the keys whose values are the same.
    pub steps: Vec<Step>,
    /// The range.
    pub key: Bytes,
    /// Its end.
    pub range_end: Bytes,
    /// The revision that the source was read at.
    pub source_revision: i64,
    /// The revision that the cluster was read at.
    pub target_revision: i64,
    /// The undo file, which still has its temporary name.
    pub undo: Option<PartFile>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Compares source and cluster.
    ///
    /// # Errors
    /// A request failed, or the undo file cannot be written.
    pub async fn make(
        ctx: &Context,
        source: &Source,
        target: &Client,
        options: &PlanOptions,
    ) -> Result<Plan, CommandError> {
        let limit = ctx.limit()?;
        let (key, end) = (&options.key, &options.range_end);
        let mut undo = match &options.undo_file {
            Some(path) => Some(PartFile::create(path, true).map_err(undo_error)?),
            None => None,
        };
        let mut kubernetes = Kubernetes::default();
        let mut from = source.read(key, end, 0, limit);
        let mut into = Pairs::new(target, key.clone(), end.clone(), 0, limit);
        let mut here = into.next().await?;
        let mut there = from.next(ctx).await?;
        let mut steps = Vec::new();
        loop {
            // Take the smaller key, or both if the keys are equal.
            let (theirs, ours) = match (there.take(), here.take()) {
                (None, None) => break,
                (Some(theirs), Some(ours)) if theirs.key < ours.key => {
                    here = Some(ours);
                    (Some(theirs), None)
                }
                (Some(theirs), Some(ours)) if theirs.key > ours.key => {
                    there = Some(theirs);
                    (None, Some(ours))
                }
                both => both,
            };
            // Save the current pair to the undo file.
            if let Some(ours) = &ours {
                if let Some(undo) = &mut undo {
                    let line = kv_line::encode(ours) + "\n";
                    undo.write(line.as_bytes()).map_err(undo_error)?;
                }
                kubernetes.is_there(ours);
            }
            // Decide what to do with the key.
            if let Some(step) = options.step(theirs.as_ref(), ours.as_ref()) {
                if let (Action::Put | Action::Overwrite, Some(theirs)) = (step.action, &theirs) {
                    kubernetes.comes_back(theirs);
                }
                steps.push(step);
            }
            // Read on where a pair was taken.
            if theirs.is_some() {
                there = from.next(ctx).await?;
            }
            if ours.is_some() {
                here = into.next().await?;
            }
        }
        Ok(Plan {
            steps,
            key: key.clone(),
            range_end: end.clone(),
            source_revision: from.revision(),
            target_revision: into.revision(),
            undo,
            warnings: kubernetes.warnings(ctx, target).await?,
        })
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        !self.steps.iter().any(|step| step.action.writes())
    }

    /// The keys that have changed since the plan was made.
    pub fn conflicts(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|s| s.action == Action::Conflict)
    }

    /// Total size in bytes of the keys and values to put.
    pub fn put_bytes(&self) -> u64 {
        self.steps.iter().map(|step| step.bytes).sum()
    }

    /// The plan as part of the reply.
    pub fn summary<'a>(
        &self,
        options: &PlanOptions,
        source: &Source,
        endpoints: impl Iterator<Item = &'a str>,
    ) -> Summary {
        let key = |step: &Step| PlannedKey {
            key: step.key.to_vec(),
            action: step.action,
            source_mod_revision: step.source_mod_revision,
            bytes: step.bytes,
        };
        Summary {
            source: source.name.clone(),
            source_revision: self.source_revision,
            target: endpoints.collect::<Vec<_>>().join(","),
            target_revision: self.target_revision,
            max_txn_ops: options.max_txn_ops,
            overwrites: options.mode != Mode::Missing,
            warnings: self.warnings.clone(),
            keys: self.steps.iter().map(key).collect(),
        }
    }
}

impl PlanOptions {
    /// Decides what to do with a key that exists in the source (`theirs`), the cluster (`ours`) or both. `None` if there
    /// is nothing to do or report.
    fn step(&self, theirs: Option<&KeyValue>, ours: Option<&KeyValue>) -> Option<Step> {
        let leased = |kv: Option<&KeyValue>| kv.is_some_and(|kv| kv.lease != 0);
        let action = match (theirs, ours) {
            (Some(theirs), Some(ours)) if theirs.value == ours.value => return None,
            (Some(_), Some(_)) if self.mode == Mode::Missing => Action::Leave,
            (None, Some(_)) if self.mode != Mode::Exact => return None,
            _ if self.leased == Leased::Skip && (leased(theirs) || leased(ours)) => Action::Skip,
            (Some(_), None) => Action::Put,
            (Some(_), Some(_)) => Action::Overwrite,
            (None, Some(_)) => Action::Delete,
            (None, None) => return None,
        };
        let either = theirs.or(ours)?;
        let bytes = match (action, theirs) {
            (Action::Put | Action::Overwrite, Some(kv)) => kv.key.len() + kv.value.len(),
            _ => 0,
        };
        Some(Step {
            // Copied, because the pair shares memory with its whole page.
            key: Bytes::copy_from_slice(&either.key),
            action,
            source_mod_revision: theirs.map_or(0, |kv| kv.mod_revision),
            target_mod_revision: ours.map_or(0, |kv| kv.mod_revision),
            bytes: bytes as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kv(value: &'static str, lease: i64) -> KeyValue {
        KeyValue {
            key: Bytes::from_static(b"k"),
            value: Bytes::from_static(value.as_bytes()),
            mod_revision: 7,
            lease,
            ..KeyValue::default()
        }
    }

    #[test]
    fn each_mode_does_more_than_the_one_before() {
        use Action::{Delete, Leave, Overwrite, Put, Skip};
        let plain = || Some(kv("v", 0));
        let other = || Some(kv("w", 0));
        let leased = || Some(kv("w", 1));
        for (theirs, ours, actions) in [
            (plain(), None, [Some(Put), Some(Put), Some(Put)]),
            (plain(), plain(), [None, None, None]),
            (
                plain(),
                other(),
                [Some(Leave), Some(Overwrite), Some(Overwrite)],
            ),
            (None, other(), [None, None, Some(Delete)]),
            (leased(), None, [Some(Skip), Some(Skip), Some(Skip)]),
            (plain(), leased(), [Some(Leave), Some(Skip), Some(Skip)]),
            (None, leased(), [None, None, Some(Skip)]),
        ] {
            for (mode, action) in [Mode::Missing, Mode::Changed, Mode::Exact]
                .into_iter()
                .zip(actions)
            {
                let mut options = PlanOptions {
                    key: Bytes::new(),
                    range_end: Bytes::new(),
                    mode,
                    leased: Leased::Skip,
                    max_txn_ops: 1,
                    undo_file: None,
                };
                let step = options.step(theirs.as_ref(), ours.as_ref());
                assert_eq!(
                    step.map(|s| s.action),
                    action,
                    "{mode:?} {theirs:?} {ours:?}"
                );
                options.leased = Leased::Drop;
                let step = options.step(theirs.as_ref(), ours.as_ref());
                assert_ne!(step.map(|s| s.action), Some(Skip));
            }
        }
    }
}
