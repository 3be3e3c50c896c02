//! Checks before the first write that the keys fit into the quota of the cluster.

use super::plan::Plan;
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
    },
    commands::cluster,
    golang::format,
    proto::etcdserverpb as pb,
};

/// Bytes per pair besides key and value: the revision, the other fields of the record, and the page element.
const OVERHEAD: u64 = 128;
/// Fill ratio of pages with appended revisions in etcd.
const FILL: (u64, u64) = (9, 10);

/// Rejects a plan that exceeds the quota of a member (reported by etcd 3.6 and later), or if the alarm NOSPACE is
/// raised.
///
/// # Errors
/// The keys do not fit; exit code 10.
pub async fn check(ctx: &Context, plan: &Plan) -> Result<(), CommandError> {
    if plan.put_bytes() == 0 {
        return Ok(());
    }
    let endpoints = ctx.endpoints().await?.to_vec();
    let ask = |client: crate::client::Client, deadline| async move {
        client.status(pb::StatusRequest {}, deadline).await
    };
    let outcomes = cluster::ask_all(ctx, endpoints, ask).await?.logged_in()?;
    let puts = plan.steps.iter().filter(|step| step.bytes > 0).count() as u64;
    let need = (plan.put_bytes() + puts * OVERHEAD) * FILL.1 / FILL.0;
    for outcome in outcomes {
        // Ignore members that do not answer. If none does, the write fails.
        let Ok(status) = outcome.result else {
            continue;
        };
        let endpoint = outcome.endpoint;
        if status.errors.iter().any(|e| e.contains("NOSPACE")) {
            return Err(quota_error(format!(
                "{endpoint}: the alarm NOSPACE is raised: nothing can be written"
            )));
        }
        let unsigned = |n: i64| u64::try_from(n).unwrap_or(0);
        let (size, in_use) = (unsigned(status.db_size), unsigned(status.db_size_in_use));
        let quota = unsigned(status.db_size_quota);
        if quota > 0 && !fits(need, size, in_use, quota) {
            return Err(quota_error(format!(
                "{endpoint}: not enough space: about {} are needed, and {} of {} are used",
                format::bytes(need),
                format::bytes(in_use),
                format::bytes(quota)
            )));
        }
    }
    Ok(())
}

/// Whether a database of `size` bytes, of which `in_use` are used, stays within its quota.
fn fits(need: u64, size: u64, in_use: u64, quota: u64) -> bool {
    // Free pages are reused before the file grows.
    let growth = need.saturating_sub(size.saturating_sub(in_use));
    size.saturating_add(growth) <= quota
}

fn quota_error(text: String) -> CommandError {
    CommandError::new(ErrorKind::Verdict(10), text)
        .hint("nothing was changed; compact and defragment, disarm the alarm, or raise --quota-backend-bytes first")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_pages_count_before_the_file_grows() {
        assert!(fits(10, 90, 90, 100));
        assert!(!fits(11, 90, 90, 100));
        assert!(fits(60, 100, 40, 100));
        assert!(!fits(61, 100, 40, 100));
        assert!(!fits(1, 101, 101, 100));
    }
}
