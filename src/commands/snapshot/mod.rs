//! The commands under `snapshot`.

mod against;
mod candidates;
mod manifest;
mod rehearse;
pub mod salvage;
pub mod save;
mod sink;
pub mod status;
mod stream;
pub mod verify;
