//! One file per command: `Args` and an async function from context and args to a `Reply`.

pub mod serve;
