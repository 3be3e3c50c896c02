//! `snapshot salvage`: a sound snapshot from what is left of a damaged file. The damaged file is only read; nothing is
//! invented, and no bytes of different records are joined.

mod choose;
mod gather;
mod output;
mod report;
mod run;
mod small;

pub use report::{AtOdds, Lapse, Salvaged, Scanned, Source};
pub use run::{From, SalvageError, SalvageOptions, salvage};
