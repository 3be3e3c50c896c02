//! Responses of a watch, whole and in parts.

use super::*;
use crate::output::replies::{part::Part, watch::Watched};
use crate::proto::mvccpb::{Event, event::EventType};

fn response(events: usize) -> pb::WatchResponse {
    let event = |n: usize| Event {
        r#type: if n.is_multiple_of(2) {
            EventType::Put
        } else {
            EventType::Delete
        }
        .into(),
        kv: Some(pair("foo", "bar")),
        prev_kv: (n == 0).then(|| pair("foo", "before")),
    };
    pb::WatchResponse {
        header: header(9),
        events: (0..events).map(event).collect(),
        compact_revision: 4,
        ..Default::default()
    }
}

fn bytes(reply: &Watched, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    render(reply, format, &RenderOptions::default(), &mut out).unwrap();
    out
}

#[test]
fn the_parts_of_a_response_are_printed_like_the_whole() {
    const FORMATS: [Format; 4] = [
        Format::Simple,
        Format::Fields,
        Format::Json,
        Format::Protobuf,
    ];
    for format in FORMATS {
        let whole = bytes(&Watched::whole(response(5)), format);
        assert!(!whole.is_empty(), "{format}");
        for cuts in [vec![1, 5], vec![2, 3, 5], vec![5, 5]] {
            let mut printed = vec![];
            let mut begin = 0;
            for (n, end) in cuts.iter().copied().enumerate() {
                let mut part = response(5);
                part.events = part.events[begin..end].to_vec();
                let reply = Watched {
                    response: part,
                    part: Part::at(n == 0, n + 1 == cuts.len()),
                };
                printed.extend(bytes(&reply, format));
                begin = end;
            }
            assert_eq!(printed, whole, "{format}, cut at {cuts:?}");
        }
    }
}

#[test]
fn a_response_without_an_end_can_be_completed() {
    let parts = [
        Watched {
            response: response(2),
            part: Part::First,
        },
        Watched {
            part: Part::Last,
            ..Watched::default()
        },
    ];
    let printed: String = parts.iter().map(|part| text(part, Format::Json)).collect();
    let value: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(value["Events"].as_array().unwrap().len(), 2);
    assert_eq!(value["Canceled"], false);
    for format in [Format::Simple, Format::Fields, Format::Protobuf] {
        assert_eq!(bytes(&parts[1], format), b"", "{format}");
    }
}
