//! The commands under `snapshot`.

mod against;
mod rehearse;
pub mod salvage;
pub mod save;
pub mod status;
pub mod verify;
