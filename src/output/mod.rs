//! Turns replies into text: [`Reply`] -> simple | fields | json | table | protobuf.
//!
//! Everything here is synchronous and pure: the output depends only on the reply and the options, never on the
//! terminal, its width, the locale or the time.

pub mod error_json;
pub mod fields;
pub mod json;
pub mod kv_line;
pub mod protobuf;
pub mod render;
pub mod replies;
pub mod reply;
pub mod rows;
pub mod simple;
pub mod table;

pub use error_json::ErrorReply;
pub use render::{Format, RenderError, RenderOptions, Rendered, render};
pub use reply::Reply;
pub use rows::Rows;

#[cfg(test)]
mod tests;
