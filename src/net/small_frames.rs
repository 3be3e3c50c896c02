//! The bound on small HTTP/2 frames that have not been read. h2 closes a connection with too many of them: each counts for
//! 256 bytes of half of the connection's window.

/// Bytes for which h2 counts a small frame.
const COUNTED: u32 = 256;
/// Size in bytes of the smallest message that is not empty, with its prefix.
const SMALLEST_MESSAGE: u32 = 7;

/// Whether a stream's window, full of the smallest messages, stays below that bound, so that a peer that sends a burst of
/// them waits instead of being disconnected. The windows are in bytes.
pub const fn fit(stream_window: u32, connection_window: u32) -> bool {
    stream_window / SMALLEST_MESSAGE * COUNTED < connection_window / 2
}
