//! Parses HTTP/2 frame headers in a byte stream (RFC 9113, section 4.1). Ignores the payloads.

/// Size of a frame header in bytes.
pub const HEAD: usize = 9;

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Size of the payload in bytes.
    pub length: usize,
    /// Type of the frame.
    pub kind: u8,
    /// Flags.
    pub flags: u8,
    /// Stream id; 0 is the connection.
    pub stream: u32,
}

impl Head {
    /// Parses a frame header.
    pub fn parse(bytes: [u8; HEAD]) -> Head {
        let [a, b, c, kind, flags, s0, s1, s2, s3] = bytes;
        Head {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            // The highest bit is reserved.
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & (u32::MAX >> 1),
        }
    }
}

/// Type of DATA frames.
pub const DATA: u8 = 0;
/// Type of HEADERS frames.
pub const HEADERS: u8 = 1;
/// Type of RST_STREAM frames.
pub const RST_STREAM: u8 = 3;
/// Type of SETTINGS frames.
pub const SETTINGS: u8 = 4;
/// Type of PING frames.
pub const PING: u8 = 6;
/// Type of GOAWAY frames.
const GOAWAY: u8 = 7;
/// Type of WINDOW_UPDATE frames.
pub const WINDOW_UPDATE: u8 = 8;
/// Flag of the last frame of a stream in one direction.
pub const END_STREAM: u8 = 1;
/// Flag of the response to a PING or SETTINGS frame.
pub const ACK: u8 = 1;

/// Finds the frame headers in a byte stream that arrives in pieces.
#[derive(Debug, Default)]
pub struct Frames {
    head: [u8; HEAD],
    /// Number of header bytes received.
    have: usize,
    /// Remaining bytes of the payload, or of what precedes the first frame.
    skip: usize,
}

impl Frames {
    /// A stream in which this many bytes precede the first frame.
    pub fn after(skip: usize) -> Frames {
        Frames {
            skip,
            ..Frames::default()
        }
    }

    /// Whether the bytes so far end with a complete frame.
    pub fn at_boundary(&self) -> bool {
        self.have == 0 && self.skip == 0
    }

    /// Processes the next piece. Calls `found` for each frame header.
    pub fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(Head)) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEAD - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == HEAD {
                let head = Head::parse(self.head);
                self.have = 0;
                self.skip = head.length;
                found(head);
            }
        }
    }
}

/// The frame with which grpc-go ends the connection of a client that pings too often.
pub fn too_many_pings(last_stream: u32) -> Vec<u8> {
    const ENHANCE_YOUR_CALM: u32 = 11;
    const REASON: &[u8] = b"too_many_pings";
    let mut frame = vec![0, 0, 8 + REASON.len() as u8, GOAWAY, 0, 0, 0, 0, 0];
    frame.extend(last_stream.to_be_bytes());
    frame.extend(ENHANCE_YOUR_CALM.to_be_bytes());
    frame.extend(REASON);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_found_however_the_bytes_are_cut() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let preface = bytes.len();
        bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        bytes.extend([0, 0, 8, PING, ACK, 0, 0, 0, 0]);
        bytes.extend([0xff; 8]);
        bytes.extend([0, 1, 2, DATA, 1, 0, 0, 0, 1]);
        bytes.extend([0; 0x102]);
        for size in [1, 2, 8, 9, 10, 23, 24, 25, bytes.len()] {
            let mut frames = Frames::after(preface);
            let mut heads = Vec::new();
            for piece in bytes.chunks(size) {
                frames.feed(piece, |head| heads.push((head.kind, head.flags)));
            }
            assert_eq!(heads, [(4, 0), (PING, ACK), (DATA, 1)], "{size}");
            assert!(frames.at_boundary());
        }
        let mut frames = Frames::default();
        frames.feed(&[0, 0, 8, PING], |_| {});
        assert!(!frames.at_boundary());
    }
}
