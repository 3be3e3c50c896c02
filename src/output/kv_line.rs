//! The key-value line: a JSON object for a pair, written by `--undo-file` and read by `restore-keys --from=LINES.ndjson`.
//! Keys and values are text if they are UTF-8, otherwise base64.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::proto::mvccpb::KeyValue;

/// Schema version of the line.
const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Line {
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    #[serde(default)]
    create_revision: i64,
    #[serde(default)]
    mod_revision: i64,
    #[serde(default)]
    version: i64,
    #[serde(default)]
    lease: String,
}

/// Encodes a pair as a line, without a line feed. The lease is `0` or 16 hexadecimal digits.
pub fn encode(kv: &KeyValue) -> String {
    let text = |bytes: &Bytes| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let base64 = |bytes: &Bytes| match std::str::from_utf8(bytes) {
        Ok(_) => None,
        Err(_) => Some(BASE64_STANDARD.encode(bytes)),
    };
    let line = Line {
        schema: SCHEMA,
        key: text(&kv.key),
        key_base64: base64(&kv.key),
        value: text(&kv.value),
        value_base64: base64(&kv.value),
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        lease: match kv.lease {
            0 => "0".into(),
            id => format!("{id:016x}"),
        },
    };
    // Serializing strings and numbers cannot fail.
    serde_json::to_string(&line).unwrap_or_default()
}

/// Decodes a line.
///
/// # Errors
/// The reason why the line is not valid.
pub fn decode(line: &str) -> Result<KeyValue, String> {
    let line: Line = serde_json::from_str(line).map_err(|e| e.to_string())?;
    if line.schema != SCHEMA {
        return Err(format!(
            "schema {}, and only {SCHEMA} is known",
            line.schema
        ));
    }
    let bytes = |name: &str, text: Option<String>, base64: Option<String>| match (text, base64) {
        (Some(text), None) => Ok(Bytes::from(text)),
        (None, Some(base64)) => BASE64_STANDARD
            .decode(base64)
            .map(Bytes::from)
            .map_err(|e| format!("{name}_base64: {e}")),
        _ => Err(format!("one of {name} and {name}_base64 is needed")),
    };
    let lease = match &line.lease[..] {
        "" | "0" => 0,
        hex => u64::from_str_radix(hex, 16)
            .map_err(|_| format!("lease {hex:?} is not a hexadecimal number"))?
            .cast_signed(),
    };
    let key = bytes("key", line.key, line.key_base64)?;
    if key.is_empty() {
        return Err("the key is empty".into());
    }
    Ok(KeyValue {
        key,
        value: bytes("value", line.value, line.value_base64)?,
        create_revision: line.create_revision,
        mod_revision: line.mod_revision,
        version: line.version,
        lease,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &'static [u8], value: &'static [u8], lease: i64) -> KeyValue {
        KeyValue {
            key: Bytes::from_static(key),
            create_revision: 4,
            mod_revision: 7,
            version: 2,
            value: Bytes::from_static(value),
            lease,
        }
    }

    #[test]
    fn a_line_has_the_documented_form_and_is_decoded_to_the_same_pair() {
        assert_eq!(
            encode(&pair(b"a", b"b", 0)),
            r#"{"schema":1,"key":"a","value":"b","create_revision":4,"mod_revision":7,"version":2,"lease":"0"}"#
        );
        for kv in [
            pair(b"a", b"", 0x694d_7f00_0000_0001),
            pair(b"\xff\x00", b"\n\"\\", -1),
            pair("schlüssel".as_bytes(), b"\xc3", 0),
        ] {
            assert_eq!(decode(&encode(&kv)).unwrap(), kv);
        }
    }

    #[test]
    fn invalid_lines_are_rejected_with_the_reason() {
        for (line, text) in [
            ("{}", "missing field `schema`"),
            (r#"{"schema":2,"key":"a","value":"b"}"#, "schema 2"),
            (r#"{"schema":1,"value":"b"}"#, "one of key and key_base64"),
            (r#"{"schema":1,"key":"","value":"b"}"#, "the key is empty"),
            (
                r#"{"schema":1,"key":"a","value_base64":"%"}"#,
                "value_base64: ",
            ),
            (
                r#"{"schema":1,"key":"a","value":"b","lease":"x"}"#,
                "not a hexadecimal number",
            ),
        ] {
            let error = decode(line).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }
}
