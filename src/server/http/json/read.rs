//! Converts JSON to the wire format, and splits a request body into JSON values. Ignores unknown fields; rejects
//! duplicate ones.

use std::{fmt, io, thread};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::field_descriptor_proto::Type;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{
    golang::{
        descriptors::{Descriptors, EnumId, Field, FieldType, MessageId},
        format,
    },
    server::{error::Error, grpc::MAX_DEPTH},
};

/// Maximum nesting of JSON values that are converted on the stack of the calling thread.
const SHALLOW: usize = 100;
/// Size in bytes of the stack for deeper values: enough for [`MAX_DEPTH`] messages, also in a debug build. Only the used
/// part of it takes memory.
const DEEP_STACK: usize = 16 << 20;
/// The text of the error for a message that is nested too deeply.
const TOO_DEEP: &str = "nested too deeply";

/// Whether [`encode`] starts a thread of its own for `json`, because its values are deeply nested.
pub fn is_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_string) = (0_usize, false);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            // The escaped character cannot end the string.
            b'\\' if in_string => drop(bytes.next()),
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > SHALLOW {
            return true;
        }
    }
    false
}

/// Converts `json` to the wire format of a message.
///
/// # Errors
/// It is not valid JSON, does not match the message, or is nested too deeply; one line.
pub fn encode(message: MessageId, json: &[u8]) -> Result<Vec<u8>, String> {
    if !is_deep(json) {
        return encode_here(message, json);
    }
    let failed = |e: io::Error| format!("proto: {e}");
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(DEEP_STACK);
        let encoding = builder.spawn_scoped(scope, || encode_here(message, json));
        let result = encoding.map_err(failed)?.join();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn encode_here(message: MessageId, json: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut from = serde_json::Deserializer::from_slice(json);
    // `MAX_DEPTH` limits the recursion instead. Ignored values are read without recursion.
    from.disable_recursion_limit();
    let seed = InMessage {
        message,
        to: &mut bytes,
        depth: 0,
    };
    seed.deserialize(&mut from).map_err(|e| {
        let text = e.to_string();
        match text.starts_with(TOO_DEEP) {
            // Only transactions can be nested.
            true => Error::TooManyOps.text().into(),
            false => format!("proto: {text}"),
        }
    })?;
    Ok(bytes)
}

/// Splits a body into JSON values as it arrives.
#[derive(Debug, Default)]
pub struct Reader {
    waiting: Vec<u8>,
}

impl Reader {
    /// Adds a part of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Number of bytes that do not form complete values yet.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The text of the next complete value; `None` if more of the body is needed. `end` means that there is no more, so
    /// that a truncated value is an error.
    ///
    /// # Errors
    /// The text is not valid JSON.
    pub fn next(&mut self, end: bool) -> Result<Option<Vec<u8>>, String> {
        let mut values =
            serde_json::Deserializer::from_slice(&self.waiting).into_iter::<IgnoredAny>();
        let taken = match values.next() {
            None => 0,
            Some(Ok(_)) => values.byte_offset(),
            Some(Err(e)) if e.is_eof() && !end => return Ok(None),
            Some(Err(e)) if e.is_eof() => return Err("unexpected EOF".into()),
            Some(Err(e)) => return Err(self.syntax(&e)),
        };
        // A number may continue in the next part.
        if taken == 0 || (taken == self.waiting.len() && !end && !self.may_be_whole()) {
            return Ok(None);
        }
        let rest = self.waiting.split_off(taken);
        Ok(Some(std::mem::replace(&mut self.waiting, rest)))
    }

    /// Whether the received text ends with a character that can end a value.
    pub fn may_be_whole(&self) -> bool {
        let mut from_the_end = self.waiting.iter().rev();
        let last = from_the_end.find(|byte| !byte.is_ascii_whitespace());
        matches!(last, Some(b'}' | b']' | b'"'))
    }

    /// The error text of Go's encoding/json for an unexpected character, and serde's for other errors.
    fn syntax(&self, error: &serde_json::Error) -> String {
        let text = error.to_string();
        let problem = text
            .rsplit_once(" at line ")
            .map_or("", |(problem, _)| problem);
        let place = match problem {
            "expected value" => "looking for beginning of value",
            "key must be a string" => "looking for beginning of object key string",
            "expected `:`" => "after object key",
            "expected `,` or `}`" => "after object key:value pair",
            "expected `,` or `]`" => "after array element",
            _ => return text,
        };
        let mut lines = self.waiting.split(|byte| *byte == b'\n');
        let line = lines.nth(error.line().saturating_sub(1));
        let at = error.column().saturating_sub(1);
        match line.and_then(|line| line.get(at)) {
            Some(byte) => format!("invalid character {} {place}", go_char(*byte)),
            None => text,
        }
    }
}

/// A byte as printed by Go's encoding/json, which treats it as a character.
fn go_char(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".into(),
        b'"' => "'\"'".into(),
        _ => {
            let quoted = format::quote_text(&char::from(byte).to_string());
            format!("'{}'", quoted.trim_matches('"'))
        }
    }
}

/// Reads an object as a message, and appends its wire format.
struct InMessage<'a> {
    message: MessageId,
    to: &'a mut Vec<u8>,
    /// Number of messages around it.
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for InMessage<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InMessage<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        if self.depth > MAX_DEPTH {
            return Err(de::Error::custom(TOO_DEEP));
        }
        let message = Descriptors::get().message(self.message);
        let mut seen: Vec<u32> = Vec::new();
        let mut oneofs: Vec<&String> = Vec::new();
        while let Some(name) = object.next_key::<String>()? {
            let Some(field) = message.field_named(&name) else {
                object.next_value::<IgnoredAny>()?;
                continue;
            };
            if seen.contains(&field.number) {
                return Err(de::Error::custom(format_args!("duplicate field {name:?}")));
            }
            seen.push(field.number);
            let was_null = object.next_value_seed(OfField {
                field,
                to: &mut *self.to,
                depth: self.depth,
            })?;
            if let Some(oneof) = field.oneof.as_ref().filter(|_| !was_null) {
                if oneofs.contains(&oneof) {
                    return Err(de::Error::custom(format_args!(
                        "error parsing {name:?}, oneof {}.{oneof} is already set",
                        message.name
                    )));
                }
                oneofs.push(oneof);
            }
        }
        Ok(())
    }
}

/// Reads the value of a field. Returns whether it was null, which means no value.
struct OfField<'a> {
    field: &'a Field,
    to: &'a mut Vec<u8>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for OfField<'_> {
    type Value = bool;

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for OfField<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E>(self) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_some<D: de::Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        let single = Single {
            field: self.field,
            to: self.to,
            depth: self.depth,
        };
        if self.field.repeated {
            from.deserialize_seq(List(single))?;
        } else {
            single.deserialize(from)?;
        }
        Ok(false)
    }
}

/// Reads a list.
struct List<'a>(Single<'a>);

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Single { field, to, depth } = self.0;
        while list
            .next_element_seed(Single {
                field,
                to: &mut *to,
                depth,
            })?
            .is_some()
        {}
        Ok(())
    }
}

/// Reads one value of a field, and appends the field in wire format.
struct Single<'a> {
    field: &'a Field,
    to: &'a mut Vec<u8>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Single<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        let Single { field, to, depth } = self;
        if let FieldType::Message(message) = field.kind {
            let mut nested = Vec::new();
            InMessage {
                message,
                to: &mut nested,
                depth: depth + 1,
            }
            .deserialize(from)?;
            delimited(field, &nested, to);
            return Ok(());
        }
        from.deserialize_any(Scalar { field, to })
    }
}

fn delimited(field: &Field, bytes: &[u8], to: &mut Vec<u8>) {
    encode_key(field.number, WireType::LengthDelimited, to);
    encode_varint(bytes.len() as u64, to);
    to.extend_from_slice(bytes);
}

/// Reads a value that is neither a message nor a list.
struct Scalar<'a> {
    field: &'a Field,
    to: &'a mut Vec<u8>,
}

impl Scalar<'_> {
    fn varint(self, number: u64) {
        encode_key(self.field.number, WireType::Varint, self.to);
        encode_varint(number, self.to);
    }

    fn wrong<E: de::Error>(&self, value: impl fmt::Display) -> E {
        let kind = match self.field.kind {
            FieldType::Scalar(scalar) => scalar
                .as_str_name()
                .trim_start_matches("TYPE_")
                .to_lowercase(),
            FieldType::Enum(_) => "enum".into(),
            FieldType::Message(_) => "message".into(),
        };
        E::custom(format_args!(
            "invalid value for {kind} field {}: {value}",
            self.field.name
        ))
    }

    /// An integer of the field's type, within its range.
    fn integer<E: de::Error>(self, number: i128, shown: &dyn fmt::Display) -> Result<(), E> {
        let number = match self.field.kind {
            FieldType::Scalar(Type::Int64) => i64::try_from(number).ok().map(|n| n as u64),
            FieldType::Scalar(Type::Uint64) => u64::try_from(number).ok(),
            FieldType::Scalar(Type::Int32) | FieldType::Enum(_) => {
                i32::try_from(number).ok().map(|n| i64::from(n) as u64)
            }
            FieldType::Scalar(Type::Uint32) => u32::try_from(number).ok().map(u64::from),
            _ => None,
        };
        match number {
            Some(number) => {
                self.varint(number);
                Ok(())
            }
            None => Err(self.wrong(shown)),
        }
    }

    fn number_of<E: de::Error>(self, values: EnumId, name: &str) -> Result<(), E> {
        let values = &Descriptors::get().enumeration(values).values;
        if let Some((_, number)) = values.iter().find(|(known, _)| known == name) {
            self.varint(i64::from(*number) as u64);
        }
        // Ignore an unknown name, like unknown fields.
        Ok(())
    }
}

impl<'de> Visitor<'de> for Scalar<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value for field {}", self.field.name)
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<(), E> {
        if self.field.kind != FieldType::Scalar(Type::Bool) {
            return Err(self.wrong(on));
        }
        self.varint(u64::from(on));
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.integer(number.into(), &number)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.integer(number.into(), &number)
    }

    /// A number with a fraction or exponent is valid if its value is an integer.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        if number.fract() != 0.0 || number.abs() >= 1e18 {
            return Err(self.wrong(number));
        }
        self.integer(number as i128, &number)
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Err(self.wrong("null"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        match self.field.kind {
            FieldType::Scalar(Type::String) => delimited(self.field, text.as_bytes(), self.to),
            FieldType::Scalar(Type::Bytes) => match base64(text) {
                Some(bytes) => delimited(self.field, &bytes, self.to),
                None => return Err(self.wrong(format_args!("{text:?}"))),
            },
            FieldType::Enum(values) => return self.number_of(values, text),
            FieldType::Scalar(Type::Int32 | Type::Int64 | Type::Uint32 | Type::Uint64) => {
                let quoted = format!("{text:?}");
                let whole = text.parse::<i128>().ok().or_else(|| {
                    let number = text.parse::<f64>().ok()?;
                    (number.fract() == 0.0 && number.abs() < 1e18).then_some(number as i128)
                });
                // Go accepts neither spaces nor a plus sign.
                return match whole {
                    Some(number) if !text.starts_with('+') => self.integer(number, &quoted),
                    _ => Err(self.wrong(quoted)),
                };
            }
            _ => return Err(self.wrong(format_args!("{text:?}"))),
        }
        Ok(())
    }
}

/// Decodes both alphabets of base64, with or without padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
    let engine = if text.contains(['-', '_']) {
        URL_SAFE
    } else {
        STANDARD
    };
    if !text.len().is_multiple_of(4) && text.ends_with('=') {
        return None;
    }
    engine.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcdserverpb as pb;
    use prost::Message as _;

    fn range(json: &str) -> Result<pb::RangeRequest, String> {
        let (request, _) = Descriptors::get()
            .method("etcdserverpb.KV", "Range")
            .unwrap();
        let bytes = encode(request, json.as_bytes())?;
        Ok(pb::RangeRequest::decode(&bytes[..]).unwrap())
    }

    #[test]
    fn both_names_of_a_field_and_all_forms_of_a_value() {
        let want = pb::RangeRequest {
            key: "foo".into(),
            limit: 2,
            sort_order: 2,
            keys_only: true,
            ..Default::default()
        };
        for json in [
            r#"{"key":"Zm9v","limit":2,"sort_order":"DESCEND","keys_only":true}"#,
            r#"{"key":"Zm9v","limit":"2","sortOrder":2,"keysOnly":true,"bogus":[{"a":1}]}"#,
            r#"{"key":"Zm9v","limit":2e0,"sort_order":"DESCEND","keys_only":true,"range_end":null}"#,
            r#"{"key":"Zm9v","limit":"2","sort_order":"DESCEND","keys_only":true,"sort_target":"NOPE"}"#,
        ] {
            assert_eq!(range(json).as_ref(), Ok(&want), "{json}");
        }
        assert_eq!(range(r#"{"key":"_-8"}"#).unwrap().key, &[0xff, 0xef][..]);
    }

    #[test]
    fn json_that_does_not_match_the_message_is_refused() {
        for (json, says) in [
            (r#"{"key":"Zm9v","key":"Zm9v"}"#, "duplicate field \"key\""),
            (
                r#"{"keys_only":true,"keysOnly":true}"#,
                "duplicate field \"keysOnly\"",
            ),
            (r#"{"key":5}"#, "invalid value for bytes field key: 5"),
            (r#"{"key":"*"}"#, "invalid value for bytes field key: \"*\""),
            (
                r#"{"limit":"many"}"#,
                "invalid value for int64 field limit: \"many\"",
            ),
            (
                r#"{"limit":1.5}"#,
                "invalid value for int64 field limit: 1.5",
            ),
            (
                r#"{"limit":9223372036854775808}"#,
                "invalid value for int64",
            ),
            (r#"{"keys_only":"true"}"#, "invalid value for bool"),
            (r#"{"sort_order":4294967296}"#, "invalid value for enum"),
            ("[]", "an object"),
        ] {
            let refusal = range(json).unwrap_err();
            assert!(
                refusal.contains(says) && !refusal.contains('\n'),
                "{refusal}"
            );
        }
        let (txn, _) = Descriptors::get().method("etcdserverpb.KV", "Txn").unwrap();
        for (json, says) in [
            (
                r#"{"compare":[{"version":"1","mod_revision":"1"}]}"#,
                "oneof etcdserverpb.Compare.target_union is already set",
            ),
            (r#"{"compare":{}}"#, "an array"),
            (r#"{"compare":[null]}"#, "an object"),
        ] {
            let refusal = encode(txn, json.as_bytes()).unwrap_err();
            assert!(refusal.contains(says), "{refusal}");
        }
    }

    #[test]
    fn transactions_may_be_nested_as_deeply_as_on_the_wire() {
        let (txn, _) = Descriptors::get().method("etcdserverpb.KV", "Txn").unwrap();
        let nested = |depth: usize| {
            let (before, after) = (r#"{"success":[{"request_txn":"#, "}]}");
            format!("{}{{}}{}", before.repeat(depth), after.repeat(depth))
        };
        let count = |mut bytes: &[u8]| {
            let mut levels = 0;
            // A key of one byte and a length, then the content up to the end.
            while !bytes.is_empty() {
                bytes = &bytes[1..];
                let length = prost::encoding::decode_varint(&mut bytes).unwrap();
                assert_eq!(length, bytes.len() as u64);
                levels += 1;
            }
            levels
        };
        for depth in [1, 40, 60, 128, MAX_DEPTH / 2] {
            let bytes = encode(txn, nested(depth).as_bytes()).unwrap();
            assert_eq!(count(&bytes), 2 * depth, "{depth}");
        }
        for depth in [MAX_DEPTH / 2 + 1, 100_000] {
            let refusal = encode(txn, nested(depth).as_bytes()).unwrap_err();
            assert_eq!(refusal, "etcdserver: too many operations in txn request");
        }
        // What is ignored may have any depth.
        let ignored = format!(
            r#"{{"bogus":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert_eq!(encode(txn, ignored.as_bytes()), Ok(Vec::new()));
        assert!(is_deep(ignored.as_bytes()) && is_deep(nested(60).as_bytes()));
        assert!(!is_deep(br#"{"a":"\"[[[","b":[{}]}"#));
        let strings = format!(r#"{{"a":"{}\"{}"}}"#, "[".repeat(200), "[".repeat(200));
        assert!(!is_deep(strings.as_bytes()));
    }

    #[test]
    fn values_are_returned_once_they_are_complete() {
        let mut reader = Reader::default();
        reader.push(b" {\"a\": [1,");
        assert_eq!(reader.next(false), Ok(None));
        reader.push(b"2]}\n{\"b\":");
        assert_eq!(
            reader.next(false).unwrap().as_deref(),
            Some(&b" {\"a\": [1,2]}"[..])
        );
        assert_eq!(reader.next(false), Ok(None));
        assert_eq!(reader.next(true), Err("unexpected EOF".into()));
        let mut empty = Reader::default();
        empty.push(b" \n");
        assert_eq!(empty.next(true), Ok(None));
        let mut garbage = Reader::default();
        garbage.push(b"x");
        assert_eq!(
            garbage.next(true),
            Err("invalid character 'x' looking for beginning of value".into())
        );
    }
}
