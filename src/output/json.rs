//! `-w json`: one line, with the names, the order and the omissions that Go's `encoding/json` gives
//! etcd's own types. Enums and ids are numbers, bytes are base64.

use std::io::{self, Write};

use serde::Serialize;

use self::cluster::{AlarmsJson, HexMembersJson, MembersJson};
use self::endpoint::{HashOfJson, HealthJson, StatusOfJson};
use self::kv::{DeleteJson, PutJson, RangeJson, TxnJson};
use self::own::{CompactedJson, FileHashKvJson, SavedJson, SnapshotJson, TookJson, VersionJson};
use super::{RenderError, RenderOptions, Reply};
use crate::golang::json::write_line;

mod cluster;
mod endpoint;
mod header;
mod kv;
mod own;

/// Writes `reply` as one line of JSON.
///
/// # Errors
/// As `out` gives them.
pub fn render(
    reply: &Reply,
    options: &RenderOptions,
    out: &mut dyn Write,
) -> Result<(), RenderError> {
    match reply {
        Reply::Get(get) => write_line(&RangeJson::from(&get.response), out)?,
        Reply::Put(answer) => write_line(&PutJson::from(answer), out)?,
        Reply::Delete(answer) => write_line(&DeleteJson::from(answer), out)?,
        Reply::Txn(answer) => write_line(&TxnJson::from(answer), out)?,
        Reply::Compaction(answer, revision) => {
            write_line(&CompactedJson::new(answer, *revision), out)?
        }
        Reply::Alarm(answer) => write_line(&AlarmsJson::from(answer), out)?,
        Reply::Defrag(endpoints) => list(endpoints.iter().map(TookJson::from), out)?,
        Reply::EndpointStatus(endpoints) => list(endpoints.iter().map(StatusOfJson::from), out)?,
        Reply::EndpointHealth(endpoints) => list(endpoints.iter().map(HealthJson::from), out)?,
        Reply::EndpointHashKv(endpoints) => list(endpoints.iter().map(HashOfJson::from), out)?,
        Reply::MemberList(answer) if options.hex => write_line(&HexMembersJson::from(answer), out)?,
        Reply::MemberList(answer) => write_line(&MembersJson::from(answer), out)?,
        Reply::SnapshotSaved(saved) => write_line(&SavedJson::from(saved), out)?,
        Reply::SnapshotStatus(status) => write_line(&SnapshotJson::from(status), out)?,
        Reply::FileHashKv(hash) => write_line(&FileHashKvJson::from(hash), out)?,
        Reply::Version(version) => write_line(&VersionJson::from(version), out)?,
        Reply::Nothing => {}
    }
    Ok(())
}

/// A list; where nothing is in it `null`, as Go writes a slice that was never filled.
fn list<T: Serialize>(items: impl Iterator<Item = T>, out: &mut dyn Write) -> io::Result<()> {
    let items: Vec<T> = items.collect();
    if items.is_empty() {
        write_line(&(), out)
    } else {
        write_line(&items, out)
    }
}
