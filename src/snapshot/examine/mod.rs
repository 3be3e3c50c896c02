//! `snapshot verify`: checks a file layer by layer, before it is needed. Only reads the file; never maps it, never
//! opens a connection.

mod history;
mod invariants;
mod judge;
mod leased;
mod report;
mod run;

pub(super) use invariants::Invariants;
pub(super) use judge::first_problem;
pub use report::{Examination, Found, Layer, LayerReport, LayerStatus};
pub use run::{ExamineOptions, examine};
