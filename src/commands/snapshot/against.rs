//! `snapshot verify --against`: compares the hash of the history in a file with that of a running member. Changes
//! neither.

use std::path::Path;

use serde_json::json;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
    },
    client::{Client, ClientError},
    proto::etcdserverpb as pb,
    snapshot::{
        examine::{Examination, Found},
        hash_kv_compacted,
    },
};

/// Requests the hash of the history at the file's revision from the member at `endpoint`, and computes that of the file
/// as it would be after the member's latest compaction.
///
/// # Errors
/// The settings are invalid. The member's answer, or that it does not answer, is part of the result.
pub async fn against(
    ctx: &Context,
    endpoint: &str,
    path: &Path,
    examination: &Examination,
) -> Result<Result<Found, Found>, CommandError> {
    let client = ctx.client_of(&[endpoint.to_owned()])?;
    let login = ctx.login()?;
    let revision = examination.revision;
    let not_compared = |why: String| Ok(Err(format!("not compared: {endpoint}: {why}").into()));
    let answer = match login.log_in(&client).await {
        Ok(()) => ask(ctx, &client, revision).await?,
        Err(error) => Err(error),
    };
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => return not_compared(reason(&error, revision)),
    };
    if answer.compact_revision < examination.compact_revision {
        // For the revision of its latest compaction, a member answers with a hash that it stored at that time. The
        // hash of its latest revision is always computed.
        match ask(ctx, &client, 0).await? {
            Ok(newest) if newest.hash_revision == revision => answer = newest,
            Ok(_) => {}
            Err(error) => return not_compared(reason(&error, revision)),
        }
    }
    if answer.compact_revision < examination.compact_revision {
        return not_compared(format!(
            "it answers for its compaction at {}, and the file was compacted at {}",
            answer.compact_revision, examination.compact_revision
        ));
    }
    let compacted = Some(answer.compact_revision).filter(|revision| *revision > 0);
    let ours = hash_kv_compacted(path, revision, compacted)
        .map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
    let data = json!({
        "endpoint": endpoint,
        "revision": revision,
        "compact_revision": answer.compact_revision,
        "hash": answer.hash,
        "file_hash": ours.hash,
    });
    Ok(match ours.hash == answer.hash {
        true => Ok(Found::new(
            format!("{endpoint} has this hash at {revision}"),
            data,
        )),
        false => Err(Found::new(
            format!(
                "{endpoint} has the hash {} at {revision}, and the file has {}",
                answer.hash, ours.hash
            ),
            data,
        )),
    })
}

/// A member's hash up to `revision`.
struct Answer {
    hash: u32,
    hash_revision: i64,
    compact_revision: i64,
}

async fn ask(
    ctx: &Context,
    client: &Client,
    revision: i64,
) -> Result<Result<Answer, ClientError>, CommandError> {
    let request = pb::HashKvRequest { revision };
    let answer = client.hash_kv(request, ctx.deadline()?).await;
    Ok(answer.map(|answer| {
        // Members of 3.4 and 3.5 do not return the revision of the hash.
        let header = answer.header.unwrap_or_default();
        Answer {
            hash: answer.hash,
            hash_revision: match answer.hash_revision {
                0 => header.revision,
                revision => revision,
            },
            compact_revision: answer.compact_revision,
        }
    }))
}

/// Why a member returned no hash.
fn reason(error: &ClientError, revision: i64) -> String {
    let text = error.to_string();
    if text.contains("required revision has been compacted") {
        return format!("it has compacted past revision {revision}");
    }
    if text.contains("required revision is a future revision") {
        return format!("it has not reached revision {revision}");
    }
    text
}
