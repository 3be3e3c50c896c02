//! Replies of the service Watch: the events of `watch`.

use serde::Serialize;

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

/// One response of `watch`.
impl Reply for pb::WatchResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        for event in &self.events {
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
        out.header(self.header.as_ref())?;
        for event in &self.events {
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
        let none = Some(pb::ResponseHeader::default());
        let events: Vec<EventJson<'_>> = self.events.iter().map(Into::into).collect();
        out.value(&WatchJson {
            header: header(if self.header.is_some() {
                &self.header
            } else {
                &none
            }),
            events: (!events.is_empty()).then_some(events),
            compact_revision: self.compact_revision,
            canceled: self.canceled,
            created: self.created,
            cancel_reason: &self.cancel_reason,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    /// Go's client passes on only these fields of the response.
    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&pb::WatchResponse {
            header: self.header,
            events: self.events.clone(),
            compact_revision: self.compact_revision,
            canceled: self.canceled,
            created: self.created,
            ..Default::default()
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WatchJson<'a> {
    header: Option<HeaderJson>,
    events: Option<Vec<EventJson<'a>>>,
    compact_revision: i64,
    canceled: bool,
    created: bool,
    cancel_reason: &'a str,
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
