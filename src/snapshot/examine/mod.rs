//! `snapshot verify`: checks a file layer by layer, before it is needed. Only reads the file; never maps it, never
//! opens a connection.

mod invariants;
mod run;

pub use run::{Examination, ExamineOptions, Layer, LayerReport, LayerStatus, examine};
