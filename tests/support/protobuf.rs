//! Just enough of the wire format to remove fields by number, and to print the rest.

use std::fmt::Write;

enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed(&'a [u8]),
}

/// The message without the fields at `paths` (`1.2` is field 2 of the message in field 1). Bytes that are not a message
/// are unchanged.
pub fn drop_fields(message: &[u8], paths: &[String]) -> Vec<u8> {
    let Some(fields) = fields(message) else {
        return message.to_vec();
    };
    let mut out = Vec::new();
    for (key, value) in fields {
        let here = (key >> 3).to_string();
        if paths.contains(&here) {
            continue;
        }
        let prefix = format!("{here}.");
        let below: Vec<String> = paths
            .iter()
            .filter_map(|p| p.strip_prefix(&prefix))
            .map(String::from)
            .collect();
        put_varint(key, &mut out);
        match value {
            Value::Varint(v) => put_varint(v, &mut out),
            Value::Fixed(bytes) => out.extend(bytes),
            Value::Bytes(bytes) => {
                let inner = if below.is_empty() {
                    bytes.to_vec()
                } else {
                    drop_fields(bytes, &below)
                };
                put_varint(inner.len() as u64, &mut out);
                out.extend(inner);
            }
        }
    }
    out
}

/// The message as lines, for a failure.
pub fn show(message: &[u8], depth: usize) -> String {
    let pad = "  ".repeat(depth);
    let Some(fields) = fields(message) else {
        return format!("{pad}{message:?}\n");
    };
    let mut out = String::new();
    for (key, value) in fields {
        let number = key >> 3;
        let _ = match value {
            Value::Varint(v) => writeln!(out, "{pad}{number}: {v}"),
            Value::Fixed(bytes) => writeln!(out, "{pad}{number}: {bytes:?}"),
            Value::Bytes(bytes) if bytes.iter().all(|b| b.is_ascii_graphic()) => {
                writeln!(out, "{pad}{number}: {:?}", String::from_utf8_lossy(bytes))
            }
            Value::Bytes(bytes) => write!(out, "{pad}{number}:\n{}", show(bytes, depth + 1)),
        };
    }
    out
}

fn fields(mut rest: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut out = Vec::new();
    while !rest.is_empty() {
        let key = take_varint(&mut rest)?;
        let value = match key & 7 {
            0 => Value::Varint(take_varint(&mut rest)?),
            1 => Value::Fixed(take(&mut rest, 8)?),
            2 => {
                let length = usize::try_from(take_varint(&mut rest)?).ok()?;
                Value::Bytes(take(&mut rest, length)?)
            }
            5 => Value::Fixed(take(&mut rest, 4)?),
            _ => return None,
        };
        if key >> 3 == 0 {
            return None;
        }
        out.push((key, value));
    }
    Some(out)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
