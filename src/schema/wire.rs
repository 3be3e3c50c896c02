//! Iterates over the fields of a protobuf message without copying. Supports the wire types that etcd's records use
//! (varint and length-delimited) and skips the others, like any decoder of protobuf. Never panics.

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// int64, uint64, bool or enum.
    Varint(u64),
    /// bytes, string or message.
    Bytes(&'a [u8]),
    /// Four or eight fixed bytes, or a group. No record of etcd contains them, but a future one might.
    Other,
}

/// The fields of a message in order.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of the message `bytes`.
    pub fn new(bytes: &'a [u8]) -> Fields<'a> {
        Fields { rest: bytes }
    }

    /// The number and value of the next field; `None` at the end.
    ///
    /// # Errors
    /// The bytes are not valid protobuf.
    #[inline]
    pub fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, &'static str> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            START_GROUP => self.skip_group(number)?,
            other => self.value(other)?,
        };
        Ok(Some((number, value)))
    }

    /// The number and wire type of the next field.
    #[inline]
    fn tag(&mut self) -> Result<(u32, u64), &'static str> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| "protobuf: field number too large")?;
        if number == 0 || number > MAX_FIELD {
            return Err("protobuf: no such field number");
        }
        Ok((number, tag & 7))
    }

    #[inline]
    fn value(&mut self, wire_type: u64) -> Result<Value<'a>, &'static str> {
        match wire_type {
            0 => Ok(Value::Varint(self.varint()?)),
            1 => self.skip(8),
            2 => {
                let len = self.varint()?;
                let len =
                    usize::try_from(len).map_err(|_| "protobuf: a field reaches past the end")?;
                Ok(Value::Bytes(self.take(len)?))
            }
            5 => self.skip(4),
            _ => Err("protobuf: no such wire type"),
        }
    }

    /// Skips a group, which may contain others, up to its end.
    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<Value<'a>, &'static str> {
        let mut open = vec![number];
        while let Some(innermost) = open.last() {
            match self.tag()? {
                (number, START_GROUP) if open.len() < MAX_GROUPS => open.push(number),
                (number, END_GROUP) if number == *innermost => drop(open.pop()),
                (_, START_GROUP) => return Err("protobuf: too many groups in each other"),
                (_, other) => drop(self.value(other)?),
            }
        }
        Ok(Value::Other)
    }

    fn skip(&mut self, len: usize) -> Result<Value<'a>, &'static str> {
        self.take(len).map(|_| Value::Other)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or("protobuf: a field reaches past the end")?;
        self.rest = rest;
        Ok(head)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut value = 0u64;
        for (i, &byte) in self.rest.iter().enumerate() {
            // The tenth byte holds only the highest bit.
            if i == MAX_VARINT - 1 && byte > 1 {
                return Err("protobuf: a number has too many bytes");
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.rest = self.rest.get(i + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err("protobuf: a number is cut short")
    }
}

/// Wire types of the beginning and the end of a group.
const START_GROUP: u64 = 3;
const END_GROUP: u64 = 4;
/// Maximum depth of groups, as in prost.
const MAX_GROUPS: usize = 100;
const MAX_VARINT: usize = 10;
const MAX_FIELD: u32 = (1 << 29) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, &'static str> {
        let mut fields = Fields::new(bytes);
        let mut out = Vec::new();
        while let Some(field) = fields.next()? {
            out.push(field);
        }
        Ok(out)
    }

    #[test]
    fn reads_what_prost_writes() {
        let fields = all(b"\x0a\x01k\x10\xac\x02\x1d\x00\x00\x00\x00").unwrap();
        assert_eq!(
            fields,
            [
                (1, Value::Bytes(b"k")),
                (2, Value::Varint(300)),
                (3, Value::Other)
            ]
        );
    }

    #[test]
    fn skips_groups() {
        let fields = all(b"\x0b\x10\x01\x13\x0a\x01\x0c\x14\x0c\x10\x05").unwrap();
        assert_eq!(fields, [(1, Value::Other), (2, Value::Varint(5))]);
        let deep = [[0x0b; MAX_GROUPS], [0x0c; MAX_GROUPS]].concat();
        assert_eq!(all(&deep), Ok(vec![(1, Value::Other)]));
    }

    #[test]
    fn refuses_garbage() {
        for bad in [
            &b"\x0a"[..],
            b"\x0a\x05k",
            b"\x10\xff",
            b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x00",
            b"\x0b",
            b"\x0c",
            b"\x0b\x14",
            b"\x0b\x10",
            &[0x0b; MAX_GROUPS + 1],
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x0d\x00",
        ] {
            assert!(all(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            all(b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").unwrap(),
            [(2, Value::Varint(u64::MAX))]
        );
    }
}
