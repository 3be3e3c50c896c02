//! Carries out the plan. A transaction succeeds only if its keys have not changed since the plan was made. If it fails,
//! its keys are written one by one, and those that have changed are reported.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;

use super::{
    plan::{Plan, Step},
    source::Source,
};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
    },
    client::Client,
    output::replies::restore_keys::Action,
    process::signals::Termination,
    proto::etcdserverpb::{
        self as pb,
        compare::{CompareResult, CompareTarget, TargetUnion},
        request_op::Request,
    },
};

/// Bytes of keys and values in one transaction. A server's default limit for a request is 1.5 MiB.
const MAX_BYTES: u64 = 1 << 20;

/// The plan was not completed.
pub struct Interrupted {
    /// The reason.
    pub error: CommandError,
    /// Number of completed transactions.
    pub done: usize,
    /// Number of all transactions of the plan.
    pub transactions: usize,
}

/// Carries out the plan. Returns the revision after the last write, or `None` if nothing was written. Steps whose keys
/// have changed become conflicts.
///
/// # Errors
/// A request failed, or a signal arrived. Completed transactions are kept.
pub async fn apply(
    ctx: &Context,
    source: &Source,
    target: &Client,
    plan: &mut Plan,
    max_ops: usize,
) -> Result<Option<i64>, Interrupted> {
    let transactions = groups(&plan.steps, max_ops);
    let total = transactions.len();
    let mut done = 0;
    let run = async {
        let stop = stop_on_signal();
        let limit = ctx.limit()?;
        // Read at the same revision as before.
        let revision = plan.source_revision;
        let mut values = source.read(&plan.key, &plan.range_end, revision, limit);
        let mut last = None;
        for group in transactions {
            let mut operations = Vec::with_capacity(group.len());
            for &index in &group {
                let step = &plan.steps[index];
                let value = match step.action {
                    Action::Delete => None,
                    _ => Some(value_of(ctx, &mut values, &step.key).await?),
                };
                operations.push((index, operation(step, value)));
            }
            if stop.load(Ordering::Relaxed) {
                let text = "interrupted between two transactions";
                return Err(CommandError::new(ErrorKind::Interrupted, text));
            }
            let revision = write(ctx, target, plan, operations).await?;
            last = revision.or(last);
            done += 1;
        }
        Ok(last)
    };
    let result = run.await;
    result.map_err(|error| Interrupted {
        error,
        done,
        transactions: total,
    })
}

/// Groups the steps that write into transactions.
fn groups(steps: &[Step], max_ops: usize) -> Vec<Vec<usize>> {
    let mut out: Vec<Vec<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, step) in steps.iter().enumerate() {
        if !step.action.writes() {
            continue;
        }
        match out.last_mut() {
            Some(group) if group.len() < max_ops && bytes + step.bytes <= MAX_BYTES => {
                group.push(index);
                bytes += step.bytes;
            }
            _ => {
                out.push(vec![index]);
                bytes = step.bytes;
            }
        }
    }
    out
}

/// Returns a flag that is set by a signal, so that the current transaction is completed first.
fn stop_on_signal() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    // If handlers cannot be installed, a signal ends the process.
    if let Ok(mut termination) = Termination::listen() {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            termination.recv().await;
            stop.store(true, Ordering::Relaxed);
        });
    }
    stop
}

/// Reads up to the value of `key`. Keys are requested in order.
async fn value_of(
    ctx: &Context,
    values: &mut super::source::Reader<'_>,
    key: &Bytes,
) -> Result<Bytes, CommandError> {
    while let Some(kv) = values.next(ctx).await? {
        if kv.key == *key {
            return Ok(kv.value);
        }
    }
    let key = String::from_utf8_lossy(key).into_owned();
    let text = format!("the source no longer has key {key:?}, which it had when the plan was made");
    Err(CommandError::new(ErrorKind::Failed, text))
}

/// An operation and its condition.
type Operation = (pb::Compare, pb::RequestOp);

fn operation(step: &Step, value: Option<Bytes>) -> Operation {
    let compare = pb::Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Mod.into(),
        key: step.key.clone(),
        range_end: Bytes::new(),
        // The revision of a missing key is 0.
        target_union: Some(TargetUnion::ModRevision(step.target_mod_revision)),
    };
    let request = match value {
        Some(value) => Request::RequestPut(pb::PutRequest {
            key: step.key.clone(),
            value,
            ..Default::default()
        }),
        None => Request::RequestDeleteRange(pb::DeleteRangeRequest {
            key: step.key.clone(),
            ..Default::default()
        }),
    };
    let operation = pb::RequestOp {
        request: Some(request),
    };
    (compare, operation)
}

/// Writes a group in one transaction, or key by key if one of them has changed.
async fn write(
    ctx: &Context,
    target: &Client,
    plan: &mut Plan,
    group: Vec<(usize, Operation)>,
) -> Result<Option<i64>, CommandError> {
    let (held, revision) = commit(ctx, target, group.iter().map(|(_, op)| op)).await?;
    if held {
        return Ok(Some(revision));
    }
    let alone = group.len() == 1;
    let mut last = None;
    for (index, operation) in &group {
        let (held, revision) = match alone {
            true => (false, 0),
            false => commit(ctx, target, std::iter::once(operation)).await?,
        };
        if held {
            last = Some(revision);
        } else {
            let step = &mut plan.steps[*index];
            step.action = Action::Conflict;
            step.bytes = 0;
        }
    }
    Ok(last)
}

async fn commit(
    ctx: &Context,
    target: &Client,
    operations: impl Iterator<Item = &Operation>,
) -> Result<(bool, i64), CommandError> {
    let (compare, success) = operations.cloned().unzip();
    let txn = pb::TxnRequest {
        compare,
        success,
        ..Default::default()
    };
    let answer = target.txn(txn, ctx.deadline()?).await?;
    Ok((answer.succeeded, answer.header.map_or(0, |h| h.revision)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(action: Action, bytes: u64) -> Step {
        Step {
            key: Bytes::from_static(b"k"),
            action,
            source_mod_revision: 1,
            target_mod_revision: 0,
            bytes,
        }
    }

    #[test]
    fn transactions_are_bounded_in_operations_and_bytes() {
        let put = |bytes| step(Action::Put, bytes);
        let steps = [
            put(1),
            step(Action::Leave, 0),
            put(1),
            step(Action::Delete, 0),
            put(MAX_BYTES - 1),
            put(2 * MAX_BYTES),
            put(1),
        ];
        assert_eq!(
            groups(&steps, 2),
            [vec![0, 2], vec![3, 4], vec![5], vec![6]]
        );
        assert_eq!(
            groups(&steps, 128),
            [vec![0, 2, 3], vec![4], vec![5], vec![6]]
        );
        assert!(groups(&[step(Action::Skip, 0)], 128).is_empty());
    }
}
