//! Decodes messages as leniently as Go's protobuf, where prost is stricter: a field with the wrong wire type is treated
//! as unknown, and transactions may be nested more than 50 levels deep. Used only for messages that prost cannot
//! decode.

use bytes::{Buf as _, Bytes};
use prost::{
    Message,
    encoding::{
        DecodeContext, WireType, check_wire_type, decode_key, decode_varint, encode_key,
        encode_varint, skip_field,
    },
};
use prost_types::field_descriptor_proto::Type;

use super::methods::Method;
use crate::{
    golang::descriptors::{Descriptors, Field, FieldType, MessageId},
    proto::etcdserverpb as pb,
    server::error::Error,
};

/// Maximum nesting of transactions. etcd limits the depth by `--max-txn-ops`; if that is higher, this limit protects
/// the stack.
const MAX_NESTING: usize = 256;
/// Maximum nesting of messages: a transaction in a transaction is two of them.
pub const MAX_DEPTH: usize = 2 * MAX_NESTING + 8;

/// Why a message could not be decoded.
#[derive(Debug)]
pub enum DecodeError {
    /// It is not a message of this type.
    Message(String),
    /// It is a message that etcd rejects.
    Refused(Error),
}

/// Decodes the request of a method.
///
/// # Errors
/// The bytes are not a message of this type.
pub fn decode<M: Message + Default + 'static>(
    method: Method,
    bytes: Bytes,
) -> Result<M, DecodeError> {
    match M::decode(bytes.clone()) {
        Ok(message) => Ok(message),
        Err(strict) => decode_leniently(method, &bytes, &strict),
    }
}

fn decode_leniently<M: Message + Default + 'static>(
    method: Method,
    bytes: &Bytes,
    strict: &prost::DecodeError,
) -> Result<M, DecodeError> {
    let row = method.row();
    let descriptors = Descriptors::get();
    let Some((request, _)) = descriptors.method(row.service, row.name) else {
        return Err(DecodeError::Message(format!("proto: {strict}")));
    };
    let mut kept = Vec::with_capacity(bytes.len());
    keep_well_typed(descriptors, request, bytes, &mut kept, 0)?;
    let kept = Bytes::from(kept);
    match M::decode(kept.clone()) {
        Ok(message) => Ok(message),
        // `M` is the request type of `Txn`; the cast proves that to the compiler.
        Err(_) if method == Method::Txn => {
            let txn = decode_txn(kept, 0)?;
            let any: Box<dyn std::any::Any> = Box::new(txn);
            let same = any.downcast::<M>();
            same.map(|txn| *txn).map_err(|_| wire_format())
        }
        Err(e) => Err(DecodeError::Message(format!("proto: {e}"))),
    }
}

fn wire_format() -> DecodeError {
    DecodeError::Message("proto: cannot parse invalid wire-format data".into())
}

fn malformed(_: prost::DecodeError) -> DecodeError {
    wire_format()
}

fn too_deep() -> DecodeError {
    DecodeError::Refused(Error::TooManyOps)
}

/// Copies the fields of a message, except unknown ones and those with the wrong wire type.
fn keep_well_typed(
    descriptors: &Descriptors,
    message: MessageId,
    mut bytes: &[u8],
    kept: &mut Vec<u8>,
    depth: usize,
) -> Result<(), DecodeError> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    while !bytes.is_empty() {
        let field_start = bytes;
        let (number, wire_type) = decode_key(&mut bytes).map_err(malformed)?;
        let value_start = bytes;
        skip_field(wire_type, number, &mut bytes, DecodeContext::default()).map_err(malformed)?;
        let Some(field) = descriptors.message(message).field(number) else {
            continue;
        };
        if !fits(field, wire_type) {
            continue;
        }
        if let FieldType::Message(nested) = field.kind {
            let mut value = value_start;
            decode_varint(&mut value).map_err(malformed)?;
            let value = &value[..value.len() - bytes.len()];
            let mut inner = Vec::with_capacity(value.len());
            keep_well_typed(descriptors, nested, value, &mut inner, depth + 1)?;
            encode_key(number, wire_type, kept);
            encode_varint(inner.len() as u64, kept);
            kept.extend_from_slice(&inner);
        } else {
            kept.extend_from_slice(&field_start[..field_start.len() - bytes.len()]);
        }
    }
    Ok(())
}

/// Whether a value of this wire type is valid for the field. Lists of numbers may or may not be packed.
fn fits(field: &Field, wire_type: WireType) -> bool {
    let single = match field.kind {
        FieldType::Message(_) => WireType::LengthDelimited,
        FieldType::Enum(_) => WireType::Varint,
        FieldType::Scalar(scalar) => match scalar {
            Type::String | Type::Bytes | Type::Message | Type::Group => WireType::LengthDelimited,
            Type::Double | Type::Fixed64 | Type::Sfixed64 => WireType::SixtyFourBit,
            Type::Float | Type::Fixed32 | Type::Sfixed32 => WireType::ThirtyTwoBit,
            _ => WireType::Varint,
        },
    };
    wire_type == single || (field.repeated && wire_type == WireType::LengthDelimited)
}

/// Decodes a transaction with nested ones. Field numbers are those of `proto/rpc.proto`.
fn decode_txn(mut bytes: Bytes, depth: usize) -> Result<pb::TxnRequest, DecodeError> {
    if depth > MAX_NESTING {
        return Err(too_deep());
    }
    let mut txn = pb::TxnRequest::default();
    while bytes.has_remaining() {
        let (number, wire_type) = decode_key(&mut bytes).map_err(malformed)?;
        check_wire_type(WireType::LengthDelimited, wire_type).map_err(malformed)?;
        let value = delimited(&mut bytes)?;
        match number {
            1 => txn
                .compare
                .push(pb::Compare::decode(value).map_err(malformed)?),
            2 => txn.success.push(decode_op(value, depth)?),
            3 => txn.failure.push(decode_op(value, depth)?),
            _ => {}
        }
    }
    Ok(txn)
}

/// Decodes an operation of a transaction. If there are several, the last one wins, as in a oneof.
fn decode_op(mut bytes: Bytes, depth: usize) -> Result<pb::RequestOp, DecodeError> {
    use pb::request_op::Request;
    let mut op = pb::RequestOp::default();
    while bytes.has_remaining() {
        let (number, wire_type) = decode_key(&mut bytes).map_err(malformed)?;
        check_wire_type(WireType::LengthDelimited, wire_type).map_err(malformed)?;
        let value = delimited(&mut bytes)?;
        op.request = Some(match number {
            1 => Request::RequestRange(pb::RangeRequest::decode(value).map_err(malformed)?),
            2 => Request::RequestPut(pb::PutRequest::decode(value).map_err(malformed)?),
            3 => Request::RequestDeleteRange(
                pb::DeleteRangeRequest::decode(value).map_err(malformed)?,
            ),
            4 => Request::RequestTxn(decode_txn(value, depth + 1)?),
            _ => continue,
        });
    }
    Ok(op)
}

/// Reads a length and that many bytes.
fn delimited(bytes: &mut Bytes) -> Result<Bytes, DecodeError> {
    let length = decode_varint(bytes).map_err(malformed)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > bytes.len() {
        return Err(wire_format());
    }
    Ok(bytes.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> Bytes {
        let put = pb::RequestOp {
            request: Some(pb::request_op::Request::RequestPut(pb::PutRequest {
                key: "k".into(),
                ..Default::default()
            })),
        };
        let mut txn = pb::TxnRequest {
            success: vec![put],
            ..Default::default()
        }
        .encode_to_vec();
        for _ in 0..depth {
            let mut op = Vec::new();
            encode_key(4, WireType::LengthDelimited, &mut op);
            encode_varint(txn.len() as u64, &mut op);
            op.extend_from_slice(&txn);
            txn = Vec::new();
            encode_key(2, WireType::LengthDelimited, &mut txn);
            encode_varint(op.len() as u64, &mut txn);
            txn.extend_from_slice(&op);
        }
        txn.into()
    }

    fn depth(txn: &pb::TxnRequest) -> usize {
        match txn.success.first().and_then(|op| op.request.as_ref()) {
            Some(pb::request_op::Request::RequestTxn(inner)) => 1 + depth(inner),
            _ => 0,
        }
    }

    #[test]
    fn deep_transactions_are_decoded() {
        for levels in [0, 10, 49, 50, 51, 127, 128, MAX_NESTING] {
            let txn: pb::TxnRequest = decode(Method::Txn, nested(levels)).unwrap();
            assert_eq!(depth(&txn), levels);
        }
        for levels in [MAX_NESTING + 1, 1000] {
            let refused = decode::<pb::TxnRequest>(Method::Txn, nested(levels));
            assert!(
                matches!(refused, Err(DecodeError::Refused(Error::TooManyOps))),
                "{levels}: {refused:?}"
            );
        }
    }

    #[test]
    fn a_field_of_the_wrong_wire_type_is_an_unknown_field() {
        let mut bytes = Vec::new();
        // `key` as a number, `limit` as bytes, an unknown field, and a correct `key`.
        encode_key(1, WireType::Varint, &mut bytes);
        encode_varint(7, &mut bytes);
        encode_key(3, WireType::LengthDelimited, &mut bytes);
        encode_varint(2, &mut bytes);
        bytes.extend_from_slice(b"xx");
        encode_key(99, WireType::ThirtyTwoBit, &mut bytes);
        bytes.extend_from_slice(&[0; 4]);
        encode_key(1, WireType::LengthDelimited, &mut bytes);
        encode_varint(1, &mut bytes);
        bytes.extend_from_slice(b"k");
        let range: pb::RangeRequest = decode(Method::Range, bytes.into()).unwrap();
        assert_eq!(
            range,
            pb::RangeRequest {
                key: "k".into(),
                ..Default::default()
            }
        );
    }

    #[test]
    fn invalid_messages_are_refused() {
        for bytes in [&b"\xff\xff"[..], b"\x0a\x05ab", b"\x0a", b"\x00\x00"] {
            let refused = decode::<pb::RangeRequest>(Method::Range, Bytes::from_static(bytes));
            assert!(matches!(refused, Err(DecodeError::Message(_))), "{bytes:?}");
        }
    }
}
