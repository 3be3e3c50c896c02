//! Replies to text: `Reply` -> simple | table | json | fields | protobuf. Pure functions, synchronous.

pub mod error_json;
pub mod fields;
pub mod json;
pub mod protobuf;
pub mod render;
pub mod reply;
pub mod rows;
pub mod simple;
pub mod table;

pub use error_json::ErrorReply;
pub use render::{Format, RenderError, RenderOptions, render, render_notes};
pub use reply::Reply;

#[cfg(test)]
mod tests;
