//! Replies of the service Watch: the events of `watch`.

use serde::Serialize;

use super::part::Part;
use crate::golang::json;
use crate::output::{
    Rendered, Reply,
    fields::Fields,
    json::{HeaderJson, Json, KeyValueJson, empty, header},
    protobuf::Protobuf,
    simple::Simple,
    table::Table,
};
use crate::proto::etcdserverpb as pb;
use crate::proto::mvccpb::Event;

/// One response of `watch` or a part of it.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// The server's response.
    pub response: pb::WatchResponse,
    /// Which part of the whole response this is. All parts together are printed like the whole.
    pub part: Part,
}

impl Watched {
    /// A response that is written at once.
    pub fn whole(response: pb::WatchResponse) -> Watched {
        Watched {
            response,
            part: Part::Whole,
        }
    }
}

impl Reply for Watched {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        for event in &self.response.events {
            out.word(event.r#type().as_str_name())?;
            if let Some(kv) = &event.prev_kv {
                out.pair(kv)?;
            }
            if let Some(kv) = &event.kv {
                out.pair(kv)?;
            }
        }
        Ok(())
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        if self.part.is_first() {
            out.header(self.response.header.as_ref())?;
        }
        for event in &self.response.events {
            out.line("Type", event.r#type().as_str_name())?;
            if let Some(kv) = &event.prev_kv {
                out.pair("Prev", kv)?;
            }
            if let Some(kv) = &event.kv {
                out.pair("", kv)?;
            }
        }
        Ok(())
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        if self.part != Part::Whole {
            return out.piece(&json_part(&self.response, self.part)?);
        }
        let events: Vec<EventJson<'_>> = self.response.events.iter().map(Into::into).collect();
        out.value(&WatchJson {
            header: header_of(&self.response),
            events: (!events.is_empty()).then_some(events),
            end: End::from(&self.response),
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    /// Go's client passes on only these fields of the response. An encoded message is a sequence of fields, so the encodings
    /// of its parts can be concatenated; the events come last.
    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        let (response, first) = (&self.response, self.part.is_first());
        out.message(&pb::WatchResponse {
            header: response.header.filter(|_| first),
            events: response.events.clone(),
            compact_revision: if first { response.compact_revision } else { 0 },
            canceled: response.canceled && first,
            created: response.created && first,
            ..Default::default()
        })
    }
}

/// The text of one part of the line that [`WatchJson`] produces.
fn json_part(response: &pb::WatchResponse, part: Part) -> std::io::Result<Vec<u8>> {
    let mut text = vec![];
    if part.is_first() {
        text.extend(b"{\"Header\":");
        json::append(&header_of(response), &mut text)?;
        text.extend(b",\"Events\":[");
    }
    part.append_entries(response.events.iter().map(EventJson::from), &mut text)?;
    if part.is_last() {
        text.extend(b"],");
        // The fields after the events, without the opening brace of an object that contains only them.
        let end = text.len();
        json::append(&End::from(response), &mut text)?;
        text.remove(end);
        text.push(b'\n');
    }
    Ok(text)
}

fn header_of(response: &pb::WatchResponse) -> Option<HeaderJson> {
    header(&Some(response.header.unwrap_or_default()))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WatchJson<'a> {
    header: Option<HeaderJson>,
    events: Option<Vec<EventJson<'a>>>,
    #[serde(flatten)]
    end: End<'a>,
}

/// The fields after the events.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct End<'a> {
    compact_revision: i64,
    canceled: bool,
    created: bool,
    cancel_reason: &'a str,
}

impl<'a> From<&'a pb::WatchResponse> for End<'a> {
    fn from(response: &'a pb::WatchResponse) -> Self {
        Self {
            compact_revision: response.compact_revision,
            canceled: response.canceled,
            created: response.created,
            cancel_reason: &response.cancel_reason,
        }
    }
}

#[derive(Serialize)]
struct EventJson<'a> {
    #[serde(rename = "type", skip_serializing_if = "empty")]
    kind: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    kv: Option<KeyValueJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_kv: Option<KeyValueJson<'a>>,
}

impl<'a> From<&'a Event> for EventJson<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            kind: event.r#type,
            kv: event.kv.as_ref().map(Into::into),
            prev_kv: event.prev_kv.as_ref().map(Into::into),
        }
    }
}
