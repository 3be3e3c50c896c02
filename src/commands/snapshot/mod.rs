//! The commands under `snapshot`.

pub mod save;
pub mod status;
