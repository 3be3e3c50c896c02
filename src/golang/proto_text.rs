//! Prints messages as gogo's generated `String()` does: compact protobuf text in the order of the .proto file. etcd's
//! tools print log entries in this form. Source: github.com/gogo/protobuf v1.3.2, proto/text.go.

use std::fmt::Write as _;

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_types::field_descriptor_proto::Type;

use super::descriptors::{Descriptors, Field, FieldType, MessageId};

/// Maximum nesting of messages. Clients can write deeply nested transactions, which are then in the log.
const MAX_DEPTH: usize = 100;

/// The bytes are not a message of that type.
struct Malformed;

/// Prints `bytes` as a message of type `name` (a full name): every field that is set, each followed by a space. `None`
/// if they are not such a message.
pub fn decode(name: &str, bytes: &[u8]) -> Option<String> {
    let message = Descriptors::get().message_named(name)?;
    let mut out = String::new();
    write_message(message, bytes, 0, &mut out).ok()?;
    Some(out)
}

/// The values of a field.
#[derive(Default)]
struct Values<'a> {
    /// Numbers, unpacked if necessary.
    numbers: Vec<u64>,
    /// Strings, bytes and messages.
    pieces: Vec<&'a [u8]>,
}

/// The values of each field, in the order of `Message::fields`.
fn read(message: MessageId, mut bytes: &[u8]) -> Result<Vec<Values<'_>>, Malformed> {
    let fields = &Descriptors::get().message(message).fields;
    let mut values: Vec<Values<'_>> = Vec::new();
    values.resize_with(fields.len(), Values::default);
    while !bytes.is_empty() {
        let (number, wire_type) = decode_key(&mut bytes).map_err(|_| Malformed)?;
        let Ok(at) = fields.binary_search_by_key(&number, |f| f.number) else {
            skip_field(wire_type, number, &mut bytes, DecodeContext::default())
                .map_err(|_| Malformed)?;
            continue;
        };
        // The last field of a oneof wins.
        if let Some(oneof) = &fields[at].oneof {
            for (field, value) in fields.iter().zip(&mut values) {
                if field.number != number && field.oneof.as_ref() == Some(oneof) {
                    *value = Values::default();
                }
            }
        }
        match (is_number(&fields[at]), wire_type) {
            (true, WireType::Varint) => {
                let value = decode_varint(&mut bytes).map_err(|_| Malformed)?;
                values[at].numbers.push(value);
            }
            (true, WireType::LengthDelimited) if fields[at].repeated => {
                let mut packed = piece(&mut bytes)?;
                while !packed.is_empty() {
                    let value = decode_varint(&mut packed).map_err(|_| Malformed)?;
                    values[at].numbers.push(value);
                }
            }
            (false, WireType::LengthDelimited) => values[at].pieces.push(piece(&mut bytes)?),
            // The protocol has no fixed-size numbers.
            _ => return Err(Malformed),
        }
    }
    Ok(values)
}

/// Reads a length and that many bytes.
fn piece<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let length = decode_varint(bytes).map_err(|_| Malformed)?;
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let (piece, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    Ok(piece)
}

fn is_number(field: &Field) -> bool {
    match field.kind {
        FieldType::Message(_) => false,
        FieldType::Enum(_) => true,
        FieldType::Scalar(scalar) => !matches!(scalar, Type::String | Type::Bytes),
    }
}

fn write_message(
    message: MessageId,
    bytes: &[u8],
    depth: usize,
    out: &mut String,
) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        out.push_str("... ");
        return Ok(());
    }
    let values = read(message, bytes)?;
    let message = Descriptors::get().message(message);
    for &at in &message.declared {
        write_field(&message.fields[at], &values[at], depth, out)?;
    }
    Ok(())
}

fn write_field(
    field: &Field,
    values: &Values<'_>,
    depth: usize,
    out: &mut String,
) -> Result<(), Malformed> {
    // Zero values are omitted even if they were transmitted, except in a oneof or a repeated field.
    let shows_zero = field.repeated || field.oneof.is_some();
    if let FieldType::Message(nested) = field.kind {
        let mut write = |bytes: &[u8]| {
            let _ = write!(out, "{}:<", field.name); // a String takes everything
            write_message(nested, bytes, depth + 1, out)?;
            out.push_str("> ");
            Ok(())
        };
        return match &values.pieces[..] {
            [] => Ok(()),
            pieces if field.repeated => pieces.iter().try_for_each(|piece| write(piece)),
            // Several occurrences of a message are merged.
            pieces => write(&pieces.concat()),
        };
    }
    let pieces = last_unless(field.repeated, &values.pieces);
    for piece in pieces.iter().filter(|p| shows_zero || !p.is_empty()) {
        if field.kind == FieldType::Scalar(Type::String) && std::str::from_utf8(piece).is_err() {
            return Err(Malformed);
        }
        let _ = write!(out, "{}:{} ", field.name, quote(piece));
    }
    let numbers = last_unless(field.repeated, &values.numbers);
    for &number in numbers.iter().filter(|n| shows_zero || **n != 0) {
        let _ = write!(out, "{}:{} ", field.name, number_text(field.kind, number));
    }
    Ok(())
}

/// All values of a repeated field, or the last value of any other.
fn last_unless<T>(repeated: bool, values: &[T]) -> &[T] {
    match repeated {
        true => values,
        false => &values[values.len().saturating_sub(1)..],
    }
}

fn number_text(kind: FieldType, number: u64) -> String {
    match kind {
        FieldType::Enum(id) => {
            let number = number as i32;
            let values = &Descriptors::get().enumeration(id).values;
            match values.iter().find(|(_, value)| *value == number) {
                Some((name, _)) => name.clone(),
                None => number.to_string(),
            }
        }
        FieldType::Scalar(Type::Bool) => (number != 0).to_string(),
        FieldType::Scalar(Type::Int32) => (number as i32).to_string(),
        FieldType::Scalar(Type::Uint32) => (number as u32).to_string(),
        FieldType::Scalar(Type::Uint64) => number.to_string(),
        _ => (number as i64).to_string(),
    }
}

/// Bytes in quotes, with octal escapes for everything except printable ASCII.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}"); // a String takes everything
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::proto::etcdserverpb::{
        Compare, InternalRaftRequest, PutRequest, RequestHeader, TxnRequest, compare,
    };

    fn show(request: &InternalRaftRequest) -> String {
        decode("etcdserverpb.InternalRaftRequest", &request.encode_to_vec()).unwrap()
    }

    #[test]
    fn requests_are_printed_as_gogo_prints_them() {
        let header = Some(RequestHeader {
            id: 7,
            ..RequestHeader::default()
        });
        let put = InternalRaftRequest {
            header: header.clone(),
            put: Some(PutRequest {
                key: b"\0\xffbin\n\"".to_vec().into(),
                lease: 63202,
                ..PutRequest::default()
            }),
            ..InternalRaftRequest::default()
        };
        // The header has the number 100, but comes first in the file.
        assert_eq!(
            show(&put),
            r#"header:<ID:7 > put:<key:"\000\377bin\n\"" lease:63202 > "#
        );
        let txn = InternalRaftRequest {
            header,
            txn: Some(TxnRequest {
                compare: vec![Compare {
                    key: b"k".to_vec().into(),
                    result: compare::CompareResult::Greater.into(),
                    target_union: Some(compare::TargetUnion::Version(0)),
                    ..Compare::default()
                }],
                ..TxnRequest::default()
            }),
            ..InternalRaftRequest::default()
        };
        assert_eq!(
            show(&txn),
            r#"header:<ID:7 > txn:<compare:<result:GREATER key:"k" version:0 > > "#
        );
        assert_eq!(show(&InternalRaftRequest::default()), "");
        assert_eq!(decode("etcdserverpb.InternalRaftRequest", b"\xff"), None);
    }
}
