//! Leases: granting, renewal, expiry, and the keys attached to them. Synchronous; does no I/O. Source: etcd v3.7.1,
//! server/lease.

mod group;
mod ids;
mod lessor;
mod restore;
mod table;

pub use group::Group;
pub use ids::IdGenerator;
pub use lessor::{Counts, Lessor, Status};
pub use restore::{Downtime, Restored};
pub use table::{Due, Limits, Renewal};
