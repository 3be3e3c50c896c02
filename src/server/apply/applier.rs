//! The state and the layers around it, as used by the writer for each group of requests.

use super::{
    Apply, Compaction, Op, Request, Start, State,
    layers::{AlarmLayer, AuthLayer, Plain, QuotaLayer},
};
use crate::{
    bolt::Batch,
    server::{error::Error, quota::Quota},
};

/// Applies operations through all layers, and collects their changes.
pub struct Applier {
    state: State,
    layers: QuotaLayer<AlarmLayer<AuthLayer<Plain>>>,
    broken: bool,
}

impl Applier {
    /// Creates an applier for a committed state.
    pub fn new(start: Start, quota: Quota) -> Applier {
        Applier {
            state: State::new(start),
            layers: QuotaLayer {
                inner: AlarmLayer(AuthLayer(Plain)),
                quota,
            },
            broken: false,
        }
    }

    /// The applied state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The applied state, so that the writer can record what was committed.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// Begins a group. The file has `size` bytes.
    pub fn begin_group(&mut self, size: u64) {
        self.state.begin_group(size);
    }

    /// Applies one operation.
    ///
    /// # Errors
    /// See [`Apply::apply`] and [`Applier::is_broken`].
    pub fn apply<O: Op>(&mut self, request: &Request<O>) -> Result<O::Answer, Error> {
        let before = self.state.changes();
        let result = self.layers.apply(&mut self.state, request);
        let after = self.state.changes();
        if O::LOG_FIELD.is_some() && before != after {
            self.state.applied += 1;
        }
        self.broken |= result.is_err() && before.0 != after.0;
        result
    }

    /// Whether an operation failed half-way, which only a damaged record can cause. Nothing more may then be applied,
    /// and the group must not be committed.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Ends the group. Returns its changes as one batch that includes the consistent index; `None` if nothing was
    /// changed.
    ///
    /// # Errors
    /// A key is too long for the format; the applier is then unusable.
    pub fn take_batch(&mut self) -> Result<Option<Batch>, Error> {
        self.state.take_batch()
    }

    /// Returns the compactions that the group has begun, oldest first.
    pub fn take_compactions(&mut self) -> Vec<Compaction> {
        std::mem::take(&mut self.state.compactions)
    }
}
