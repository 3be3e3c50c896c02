//! The encoding of a log record: its frame and its content. Does no I/O. Source: etcd v3.7.1,
//! server/storage/wal/{encoder,decoder}.go.
//!
//! ```text
//! length   u64 LE   bits 0-55: bytes of the record; bit 63: padding follows, bits 56-58: its bytes
//! record   protobuf {type 1, crc 2, data 3}
//! padding  zeros up to a multiple of 8, so that a length is never torn by a crash
//! ```
//!
//! A record of 14 bytes has 2 bytes of padding, and its length field is `0e 00 00 00 00 00 00 82`. A length of 0 marks
//! the end of the records; the rest of a preallocated segment is zeros.

use prost::Message as _;

use crate::proto::{etcdserverpb::Metadata, raftpb, walpb};

/// Size of the length field in bytes.
pub const FRAME: u64 = 8;
/// Largest record that is read, in bytes including padding. etcd limits requests to 1.5 MiB by default; raised limits
/// are still far below this.
pub const MAX_RECORD: u64 = 256 << 20;

const LENGTH_BITS: u32 = 56;
const PADDED: u64 = 0x80;
const PADDING_MASK: u64 = 0x7;

/// A decoded length field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Length of the record in bytes.
    pub len: u64,
    /// Length of the padding in bytes.
    pub padding: u64,
}

impl Frame {
    /// The frame of a record of `len` bytes.
    pub fn of(len: u64) -> Frame {
        let padding = len.next_multiple_of(8) - len;
        Frame { len, padding }
    }

    /// Encodes the length field.
    pub fn encode(self) -> u64 {
        match self.padding {
            0 => self.len,
            padding => self.len | (PADDED | padding) << LENGTH_BITS,
        }
    }

    /// Decodes a length field.
    pub fn decode(field: u64) -> Frame {
        let len = field & ((1 << LENGTH_BITS) - 1);
        let high = field >> LENGTH_BITS;
        let padding = if high & PADDED == 0 {
            0
        } else {
            high & PADDING_MASK
        };
        Frame { len, padding }
    }

    /// Length of record and padding in bytes.
    pub fn body(self) -> u64 {
        self.len + self.padding
    }
}

/// The type of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordType {
    /// The writer of the log: ids of member and cluster.
    Metadata,
    /// An entry of the replicated log.
    Entry,
    /// Raft's hard state: term, vote, commit index.
    State,
    /// The value of the running CRC; the first record of every segment.
    Crc,
    /// A raft snapshot was taken.
    Snapshot,
}

impl RecordType {
    /// The number that encodes it.
    pub fn number(self) -> i64 {
        match self {
            RecordType::Metadata => 1,
            RecordType::Entry => 2,
            RecordType::State => 3,
            RecordType::Crc => 4,
            RecordType::Snapshot => 5,
        }
    }

    /// The type with this number.
    pub fn of(number: i64) -> Option<RecordType> {
        Some(match number {
            1 => RecordType::Metadata,
            2 => RecordType::Entry,
            3 => RecordType::State,
            4 => RecordType::Crc,
            5 => RecordType::Snapshot,
            _ => return None,
        })
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Index of the segment in the reader's list.
    pub segment: usize,
    /// Offset of its length field in the segment.
    pub offset: u64,
    /// Length of the padding in bytes.
    pub padding: u64,
    /// The CRC stored in the record.
    pub crc: u32,
    /// Whether the CRC is correct. False only if the reader continues after wrong CRCs.
    pub sound: bool,
    /// Length of its data in bytes.
    pub data_len: usize,
    /// The decoded data.
    pub content: Content,
}

/// The decoded data of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// [`RecordType::Metadata`].
    Metadata(Metadata),
    /// [`RecordType::Entry`].
    Entry(raftpb::Entry),
    /// [`RecordType::State`].
    State(raftpb::HardState),
    /// [`RecordType::Crc`].
    Crc(u32),
    /// [`RecordType::Snapshot`].
    Snapshot(walpb::Snapshot),
}

impl Content {
    /// Decodes the data of a record.
    ///
    /// # Errors
    /// The type is unknown, or the data is invalid.
    pub(super) fn decode(record: walpb::Record) -> Result<Content, String> {
        let number = record.r#type.unwrap_or_default();
        let kind = RecordType::of(number).ok_or_else(|| format!("no record has type {number}"))?;
        let data = record.data.unwrap_or_default();
        let wrong = |e: prost::DecodeError| format!("a {kind:?} record that is not one: {e}");
        Ok(match kind {
            RecordType::Metadata => Content::Metadata(Metadata::decode(data).map_err(wrong)?),
            RecordType::Entry => Content::Entry(raftpb::Entry::decode(data).map_err(wrong)?),
            RecordType::State => Content::State(raftpb::HardState::decode(data).map_err(wrong)?),
            RecordType::Crc => Content::Crc(record.crc.unwrap_or_default()),
            RecordType::Snapshot => {
                Content::Snapshot(walpb::Snapshot::decode(data).map_err(wrong)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_the_worked_example() {
        let frame = Frame::of(14);
        assert_eq!((frame.len, frame.padding), (14, 2));
        assert_eq!(frame.encode().to_le_bytes(), [14, 0, 0, 0, 0, 0, 0, 0x82]);
        for len in 0..40 {
            let frame = Frame::of(len);
            assert_eq!(Frame::decode(frame.encode()), frame);
            assert_eq!(frame.body() % 8, 0);
        }
        // Without bit 63, the other high bits are ignored.
        assert_eq!(Frame::decode(0x07 << 56 | 9).padding, 0);
        assert!(Frame::decode(u64::MAX).body() < 1 << 57);
    }

    #[test]
    fn kinds_have_their_numbers() {
        for number in 1..=5 {
            assert_eq!(RecordType::of(number).map(RecordType::number), Some(number));
        }
        assert_eq!(RecordType::of(0), None);
        assert_eq!(RecordType::of(6), None);
    }
}
