//! The state and the layers around it, as the writer uses them: group by group.

use super::{
    Apply, Compaction, Op, Request, Start, State,
    layers::{AlarmLayer, AuthLayer, Plain, QuotaLayer},
};
use crate::{
    bolt::Batch,
    server::{error::Error, quota::Quota},
};

/// Applies operations through all layers, and gathers what they changed.
pub struct Applier {
    state: State,
    layers: QuotaLayer<AlarmLayer<AuthLayer<Plain>>>,
    broken: bool,
}

impl Applier {
    /// An applier on a committed state.
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

    /// What is applied so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// As [`Applier::state`], for the writer to tell it what was committed.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// A group begins; the file has `size` bytes.
    pub fn begin_group(&mut self, size: u64) {
        self.state.begin_group(size);
    }

    /// Applies one operation.
    ///
    /// # Errors
    /// As [`Apply::apply`]; see [`Applier::is_broken`].
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

    /// Whether an operation failed half-way, which only a damaged record can bring about: then nothing
    /// more may be applied, nor may the group be committed.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The group ends: everything that it changed, as one batch with the consistent index in it, or
    /// nothing where nothing was changed.
    ///
    /// # Errors
    /// A key is longer than the format allows; the applier can't be used any further.
    pub fn take_batch(&mut self) -> Result<Option<Batch>, Error> {
        self.state.take_batch()
    }

    /// The compactions that the group has begun, oldest first.
    pub fn take_compactions(&mut self) -> Vec<Compaction> {
        std::mem::take(&mut self.state.compactions)
    }
}
