//! `snapshot salvage`: recovers a sound snapshot from a damaged file. Only reads the damaged file; invents nothing,
//! and joins no bytes of different records.

mod choose;
mod gather;
mod output;
mod report;
mod run;
mod small;

pub use report::{AtOdds, Lapse, Salvaged, Scanned, Source};
pub use run::{From, SalvageError, SalvageOptions, salvage};
