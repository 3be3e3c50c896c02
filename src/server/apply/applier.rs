//! The state and the layers around it, as used by the writer for each group of requests.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::warn;

use super::{
    Apply, Compaction, Op, Request, Start, State,
    layers::{AlarmLayer, AuthLayer, Plain, QuotaLayer},
};
use crate::{
    bolt::Batch,
    golang::format,
    server::{auth::Identity, error::Error, metrics::StoreMetrics, quota::Quota},
};

/// Applies operations through all layers, and collects their changes.
pub struct Applier {
    state: State,
    layers: QuotaLayer<AlarmLayer<AuthLayer<Plain>>>,
    broken: bool,
    metrics: Arc<StoreMetrics>,
    /// Time after which an operation is logged as slow.
    slow: Duration,
}

impl Applier {
    /// An applier on a committed state, which logs operations that take longer than `slow`.
    pub fn new(start: Start, quota: Quota, metrics: Arc<StoreMetrics>, slow: Duration) -> Applier {
        Applier {
            state: State::new(start),
            layers: QuotaLayer {
                inner: AlarmLayer(AuthLayer(Plain)),
                quota,
            },
            broken: false,
            metrics,
            slow,
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
        let since = Instant::now();
        let result = self.layers.apply(&mut self.state, request);
        if O::LOG_FIELD.is_some() {
            self.applied(request, &result, since.elapsed());
        }
        let after = self.state.changes();
        if O::LOG_FIELD.is_some() && before != after {
            self.state.applied += 1;
        }
        self.broken |= result.is_err() && before.0 != after.0;
        result
    }

    /// Counts an operation, and logs it if it was slow or failed, like etcd (etcd v3.7.1,
    /// server/etcdserver/apply/uber_applier.go, `dispatch`, and server/etcdserver/txn/util.go).
    fn applied<O: Op>(
        &self,
        request: &Request<O>,
        result: &Result<O::Answer, Error>,
        took: Duration,
    ) {
        // A revision that is compacted already is not a failure.
        let success = !matches!(result, Err(error) if *error != Error::Compacted);
        self.metrics.operation(O::NAME).applied(success, took);
        if let Ok(answer) = result {
            request.op.count(answer, &self.metrics);
        }
        let is_slow = took > self.slow;
        if success && !is_slow {
            return;
        }
        let took = format::duration(took);
        let header = match &request.identity {
            Identity::User { name, revision } => {
                format!("username:{name:?} auth_revision:{revision}")
            }
            _ => String::new(),
        };
        let asked = format!("header:<{header}> {}", request.op.describe());
        let response = result.as_ref().ok().and_then(O::answer_size);
        let response = response.map_or(String::new(), |size| format!("size:{size}"));
        if is_slow {
            self.metrics.slow_applies.inc();
            let expected = format::duration(self.slow);
            match result {
                Ok(_) => warn!(
                    took,
                    "expected-duration" = expected,
                    prefix = "",
                    request = asked,
                    response,
                    "apply request took too long"
                ),
                Err(error) => warn!(
                    took,
                    "expected-duration" = expected,
                    prefix = "",
                    request = asked,
                    response,
                    %error,
                    "apply request took too long"
                ),
            }
        }
        if !success && let Err(error) = result {
            warn!(took, request = asked, response, %error, "failed to apply request");
        }
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
