//! What Go programs print and parse: numbers, durations, sizes, quoted text, JSON, and strings that are bytes. Every
//! flag, message and format of a drop-in depends on these forms; nothing here knows a command, a reply or the server.

pub mod descriptors;
pub mod errno;
pub mod format;
pub mod json;
pub mod proto_text;
pub mod string;
pub mod value;
pub mod zap;
