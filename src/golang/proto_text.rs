//! Messages as gogo's generated `String()` prints them: compact protobuf text in the order of the .proto file.
//! etcd's tools show the entries of a log in this form.
//! Source: github.com/gogo/protobuf v1.3.2, proto/text.go.

use std::{fmt::Write as _, sync::LazyLock};

use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _,
    Value,
};

use crate::proto;

static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(proto::DESCRIPTORS).ok());

/// How deep messages are followed. A log may hold transactions that are nested by whoever wrote it.
const MAX_DEPTH: usize = 100;

/// Decodes `bytes` as the message `name` (with its package), and prints it. `None` if they are none.
pub fn decode(name: &str, bytes: &[u8]) -> Option<String> {
    let descriptor = POOL.as_ref()?.get_message_by_name(name)?;
    let message = DynamicMessage::decode(descriptor, bytes).ok()?;
    Some(text(&message))
}

/// Prints a message: every field that is set, each with a blank behind it.
pub fn text(message: &DynamicMessage) -> String {
    let mut out = String::new();
    write_message(message, 0, &mut out);
    out
}

/// The fields in the order of the .proto file, which the generated Go code keeps.
fn declared(descriptor: &MessageDescriptor) -> impl Iterator<Item = FieldDescriptor> {
    let names: Vec<String> = descriptor
        .descriptor_proto()
        .field
        .iter()
        .filter_map(|field| field.name.clone())
        .collect();
    let descriptor = descriptor.clone();
    names
        .into_iter()
        .filter_map(move |name| descriptor.get_field_by_name(&name))
}

fn write_message(message: &DynamicMessage, depth: usize, out: &mut String) {
    if depth > MAX_DEPTH {
        out.push_str("... ");
        return;
    }
    for field in declared(&message.descriptor()) {
        if !message.has_field(&field) {
            continue;
        }
        let value = message.get_field(&field);
        match &*value {
            Value::List(values) => {
                for value in values {
                    write_field(&field, value, depth, out);
                }
            }
            value if field.containing_oneof().is_none() && is_zero(value) => {}
            value => write_field(&field, value, depth, out),
        }
    }
}

/// Zero values are left out, also where the wire has them.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(v) => !v,
        Value::I32(v) | Value::EnumNumber(v) => *v == 0,
        Value::I64(v) => *v == 0,
        Value::U32(v) => *v == 0,
        Value::U64(v) => *v == 0,
        Value::String(v) => v.is_empty(),
        Value::Bytes(v) => v.is_empty(),
        _ => false,
    }
}

fn write_field(field: &FieldDescriptor, value: &Value, depth: usize, out: &mut String) {
    out.push_str(field.name());
    out.push(':');
    // Writing into a String cannot fail.
    let _ = match value {
        Value::Message(message) => {
            out.push('<');
            write_message(message, depth + 1, out);
            out.write_char('>')
        }
        Value::Bytes(bytes) => out.write_str(&quote(bytes)),
        Value::String(text) => out.write_str(&quote(text.as_bytes())),
        Value::EnumNumber(number) => match field.kind() {
            Kind::Enum(kind) => match kind.get_value(*number) {
                Some(value) => out.write_str(value.name()),
                None => write!(out, "{number}"),
            },
            _ => write!(out, "{number}"),
        },
        Value::Bool(v) => write!(out, "{v}"),
        Value::I32(v) => write!(out, "{v}"),
        Value::I64(v) => write!(out, "{v}"),
        Value::U32(v) => write!(out, "{v}"),
        Value::U64(v) => write!(out, "{v}"),
        Value::F32(v) => write!(out, "{v}"),
        Value::F64(v) => write!(out, "{v}"),
        Value::List(_) | Value::Map(_) => Ok(()),
    };
    out.push(' ');
}

/// Bytes in quotes, with octal escapes for what is not printable ASCII.
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
