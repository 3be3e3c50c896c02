//! Converts a message from wire format to JSON. Fields are printed in the order of their declaration; default values
//! are omitted.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_types::field_descriptor_proto::Type;

use crate::golang::descriptors::{Descriptors, Field, FieldType, MessageId};

/// Maximum nesting of messages. This server's messages are never deeper.
const MAX_DEPTH: usize = 600;

/// The bytes are not a message of that type, or are nested too deeply.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Appends the JSON of a message.
///
/// # Errors
/// The bytes are not a message of this type.
pub fn print(message: MessageId, bytes: &[u8], json: &mut Vec<u8>) -> Result<(), Malformed> {
    // Base64 needs four bytes for three.
    json.reserve(bytes.len() / 3 * 4 + 64);
    print_message(Descriptors::get(), message, bytes, json, 0)
}

/// A value of a field in wire format.
struct Value<'a> {
    wire_type: WireType,
    /// The content of a length-delimited value.
    bytes: &'a [u8],
}

fn print_message(
    all: &Descriptors,
    message: MessageId,
    mut bytes: &[u8],
    json: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed);
    }
    let fields = &all.message(message).fields;
    let mut values: Vec<Vec<Value<'_>>> = Vec::new();
    values.resize_with(fields.len(), Vec::new);
    while !bytes.is_empty() {
        let (number, wire_type) = decode_key(&mut bytes).map_err(|_| Malformed)?;
        let mut value = bytes;
        skip_field(wire_type, number, &mut bytes, DecodeContext::default())
            .map_err(|_| Malformed)?;
        if wire_type == WireType::LengthDelimited {
            decode_varint(&mut value).map_err(|_| Malformed)?;
        }
        let value = &value[..value.len() - bytes.len()];
        if let Ok(at) = fields.binary_search_by_key(&number, |f| f.number) {
            values[at].push(Value {
                wire_type,
                bytes: value,
            });
        }
    }
    json.push(b'{');
    let mut first = true;
    for (field, values) in fields.iter().zip(&values) {
        let Some(last) = values.last() else {
            continue;
        };
        if !field.repeated && field.oneof.is_none() && is_default(field, last) {
            continue;
        }
        if !std::mem::take(&mut first) {
            json.push(b',');
        }
        string(&field.name, json);
        json.push(b':');
        if field.repeated {
            print_list(all, field, values, json, depth)?;
        } else {
            print_value(all, field, last, json, depth)?;
        }
    }
    json.push(b'}');
    Ok(())
}

fn print_list(
    all: &Descriptors,
    field: &Field,
    values: &[Value<'_>],
    json: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Malformed> {
    let numbers = match field.kind {
        FieldType::Message(_) => false,
        FieldType::Enum(_) => true,
        FieldType::Scalar(scalar) => !matches!(scalar, Type::String | Type::Bytes),
    };
    json.push(b'[');
    let mut first = true;
    let mut comma = |json: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            json.push(b',');
        }
    };
    for value in values {
        // A list of numbers is packed into one value. The protocol has only lists of varints.
        if numbers && value.wire_type == WireType::LengthDelimited {
            let mut rest = value.bytes;
            while !rest.is_empty() {
                let number = decode_varint(&mut rest).map_err(|_| Malformed)?;
                comma(json);
                print_number(all, field.kind, number, json);
            }
        } else {
            comma(json);
            print_value(all, field, value, json, depth)?;
        }
    }
    json.push(b']');
    Ok(())
}

fn print_value(
    all: &Descriptors,
    field: &Field,
    value: &Value<'_>,
    json: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Malformed> {
    match (field.kind, value.wire_type) {
        (FieldType::Message(nested), WireType::LengthDelimited) => {
            print_message(all, nested, value.bytes, json, depth + 1)
        }
        (FieldType::Scalar(Type::String), WireType::LengthDelimited) => {
            string(
                std::str::from_utf8(value.bytes).map_err(|_| Malformed)?,
                json,
            );
            Ok(())
        }
        (FieldType::Scalar(Type::Bytes), WireType::LengthDelimited) => {
            base64(value.bytes, json);
            Ok(())
        }
        (kind, WireType::Varint) => {
            let number = decode_varint(&mut &*value.bytes).map_err(|_| Malformed)?;
            print_number(all, kind, number, json);
            Ok(())
        }
        // The protocol has no fixed-size numbers.
        _ => Err(Malformed),
    }
}

fn is_default(field: &Field, value: &Value<'_>) -> bool {
    match field.kind {
        FieldType::Message(_) => false,
        FieldType::Scalar(Type::String | Type::Bytes) => value.bytes.is_empty(),
        _ => decode_varint(&mut &*value.bytes).is_ok_and(|number| number == 0),
    }
}

/// 64-bit numbers are printed as strings, because JavaScript cannot represent them.
fn print_number(all: &Descriptors, kind: FieldType, number: u64, json: &mut Vec<u8>) {
    let text = match kind {
        FieldType::Enum(id) => {
            let number = number as i32;
            let values = &all.enumeration(id).values;
            match values.iter().find(|(_, value)| *value == number) {
                Some((name, _)) => format!("\"{name}\""),
                None => number.to_string(),
            }
        }
        FieldType::Scalar(Type::Bool) => (number != 0).to_string(),
        FieldType::Scalar(Type::Int32) => (number as i32).to_string(),
        FieldType::Scalar(Type::Uint32) => (number as u32).to_string(),
        FieldType::Scalar(Type::Uint64) => format!("\"{number}\""),
        _ => format!("\"{}\"", number as i64),
    };
    json.extend_from_slice(text.as_bytes());
}

fn string(text: &str, json: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(json, text);
}

fn base64(bytes: &[u8], json: &mut Vec<u8>) {
    json.push(b'"');
    let start = json.len();
    json.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // Exactly the required space has been reserved.
    let _ = STANDARD.encode_slice(bytes, &mut json[start..]);
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{etcdserverpb as pb, mvccpb::KeyValue};

    fn printed<M: prost::Message>(service: &str, method: &str, message: &M) -> String {
        let (_, response) = Descriptors::get().method(service, method).unwrap();
        let mut json = Vec::new();
        print(response, &message.encode_to_vec(), &mut json).unwrap();
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn a_response_is_protojsons() {
        let message = pb::AlarmResponse {
            header: None,
            alarms: vec![pb::AlarmMember {
                member_id: u64::MAX,
                alarm: 1,
            }],
        };
        assert_eq!(
            printed("etcdserverpb.Maintenance", "Alarm", &message),
            r#"{"alarms":[{"memberID":"18446744073709551615","alarm":"NOSPACE"}]}"#
        );
        let message = pb::RangeResponse {
            header: Some(pb::ResponseHeader {
                revision: -1,
                ..Default::default()
            }),
            kvs: vec![KeyValue {
                key: "a\"<b".into(),
                value: vec![0xff, 0xfe].into(),
                ..Default::default()
            }],
            more: true,
            count: 1,
        };
        assert_eq!(
            printed("etcdserverpb.KV", "Range", &message),
            r#"{"header":{"revision":"-1"},"kvs":[{"key":"YSI8Yg==","value":"//4="}],"more":true,"count":"1"}"#
        );
    }

    #[test]
    fn an_empty_message_that_is_there_is_printed() {
        let message = pb::TxnResponse {
            responses: vec![pb::ResponseOp {
                response: Some(pb::response_op::Response::ResponsePut(
                    pb::PutResponse::default(),
                )),
            }],
            ..Default::default()
        };
        assert_eq!(
            printed("etcdserverpb.KV", "Txn", &message),
            r#"{"responses":[{"response_put":{}}]}"#
        );
    }

    #[test]
    fn invalid_messages_are_not_printed() {
        let (_, response) = Descriptors::get()
            .method("etcdserverpb.KV", "Range")
            .unwrap();
        assert_eq!(
            print(response, b"\x0a\xff", &mut Vec::new()),
            Err(Malformed)
        );
    }
}
