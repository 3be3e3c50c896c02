//! `restore-keys`: restores keys from a snapshot, another cluster, or the cluster's own history.

mod apply;
pub mod command;
mod kubernetes;
mod plan;
mod quota;
mod source;
