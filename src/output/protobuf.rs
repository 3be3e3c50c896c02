//! `-w protobuf`: the server's message as it is marshalled, nothing before and nothing after it.

use std::io::Write;

use prost::Message;

use super::{Format, RenderError, RenderOptions, Reply, simple};

/// Writes the message of `reply`.
///
/// # Errors
/// [`RenderError::Unsupported`] where the reply is no single message of the server.
pub fn render(
    reply: &Reply,
    _options: &RenderOptions,
    out: &mut dyn Write,
) -> Result<(), RenderError> {
    let message = match reply {
        Reply::Get(get) => get.response.encode_to_vec(),
        Reply::Put(answer) => answer.encode_to_vec(),
        Reply::Delete(answer) => answer.encode_to_vec(),
        Reply::Txn(answer) => answer.encode_to_vec(),
        Reply::Alarm(answer) => answer.encode_to_vec(),
        Reply::MemberList(answer) => answer.encode_to_vec(),
        Reply::EndpointStatus(_)
        | Reply::EndpointHealth(_)
        | Reply::EndpointHashKv(_)
        | Reply::SnapshotStatus(_)
        | Reply::FileHashKv(_) => return Err(RenderError::Unsupported(Format::Protobuf)),
        Reply::Compaction(..)
        | Reply::Defrag(_)
        | Reply::SnapshotSaved(_)
        | Reply::Version(_)
        | Reply::Nothing => {
            return Ok(simple::plain(reply, out)?);
        }
    };
    Ok(out.write_all(&message)?)
}
