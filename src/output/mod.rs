//! Replies to text: `Reply` -> simple | table | json | fields | protobuf. Pure functions, synchronous.

pub mod reply;
