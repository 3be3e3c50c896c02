//! How Go programs print and parse values: numbers, durations, sizes, quoted text, JSON, and strings of arbitrary
//! bytes. The flags, messages and output formats of a drop-in replacement depend on these forms. Knows no command,
//! reply or server.

pub mod descriptors;
pub mod errno;
pub mod format;
pub mod json;
pub mod proto_text;
pub mod similar;
pub mod string;
mod unicode;
pub mod value;
pub mod zap;
