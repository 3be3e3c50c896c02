//! `snapshot verify`: a verdict on a file, layer by layer, before it is needed. Reads the file; never changes
//! it, never maps it, never opens a connection.

mod invariants;
mod run;

pub use run::{Examination, ExamineOptions, Layer, LayerReport, LayerStatus, examine};
