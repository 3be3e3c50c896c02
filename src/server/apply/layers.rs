//! The layers that an operation passes before it changes anything, in etcd's order: the quota rejects what exceeds it
//! and raises NOSPACE, CORRUPT rejects every change of data, NOSPACE rejects what needs space, and auth rejects what
//! the caller may not do. A layer examines the request, and rejects it or passes it on; the innermost layer applies it.
//! Source: etcd v3.7.1, server/etcdserver/apply.

use tracing::warn;

use super::{
    op::{Caller, Op, Request},
    state::State,
};
use crate::{
    proto::etcdserverpb::{AlarmMember, AlarmType},
    server::{
        error::Error,
        quota::{Quota, human},
    },
};

/// Applies operations to the writer's state.
pub trait Apply {
    /// Applies one operation.
    ///
    /// # Errors
    /// The operation was rejected and nothing has changed, except that exceeding the quota raises an alarm; or a
    /// damaged record was found.
    fn apply<O: Op>(&mut self, state: &mut State, request: &Request<O>)
    -> Result<O::Answer, Error>;
}

/// The innermost layer, which applies the operation.
#[derive(Debug)]
pub struct Plain;

impl Apply for Plain {
    fn apply<O: Op>(
        &mut self,
        state: &mut State,
        request: &Request<O>,
    ) -> Result<O::Answer, Error> {
        request.op.apply(state)
    }
}

/// Rejects what the caller may not do.
#[derive(Debug)]
pub struct AuthLayer<A>(pub A);

impl<A: Apply> Apply for AuthLayer<A> {
    fn apply<O: Op>(
        &mut self,
        state: &mut State,
        request: &Request<O>,
    ) -> Result<O::Answer, Error> {
        request.op.authorize(&Caller {
            identity: &request.identity,
            auth: &state.auth,
            leases: &state.leases,
        })?;
        self.0.apply(state, request)
    }
}

/// Rejects what active alarms forbid.
#[derive(Debug)]
pub struct AlarmLayer<A>(pub A);

impl<A: Apply> Apply for AlarmLayer<A> {
    fn apply<O: Op>(
        &mut self,
        state: &mut State,
        request: &Request<O>,
    ) -> Result<O::Answer, Error> {
        if O::REFUSED_WHEN_CORRUPT && state.alarms.raised(AlarmType::Corrupt) {
            return Err(Error::Corrupt);
        }
        if request.cost > 0 && state.alarms.raised(AlarmType::Nospace) {
            return Err(Error::NoSpace);
        }
        self.0.apply(state, request)
    }
}

/// Rejects what exceeds the space quota, and raises the NOSPACE alarm.
#[derive(Debug)]
pub struct QuotaLayer<A> {
    /// The next layer.
    pub inner: A,
    /// The quota.
    pub quota: Quota,
}

impl<A: Apply> Apply for QuotaLayer<A> {
    fn apply<O: Op>(
        &mut self,
        state: &mut State,
        request: &Request<O>,
    ) -> Result<O::Answer, Error> {
        if !self.quota.admits(state.used_bytes(), request.cost) {
            self.raise_alarm(state)?;
            return Err(Error::NoSpace);
        }
        let answer = self.inner.apply(state, request)?;
        state.admit(request.cost);
        Ok(answer)
    }
}

impl<A> QuotaLayer<A> {
    fn raise_alarm(&self, state: &mut State) -> Result<(), Error> {
        if state.alarms.raised(AlarmType::Nospace) {
            return Ok(());
        }
        let size = state.used_bytes();
        warn!(
            "db-size-bytes" = size,
            "db-size" = human(size),
            "error" = %Error::NoSpace,
            "message exceeded backend quota; raising alarm"
        );
        state.activate_alarm(AlarmMember {
            member_id: state.ids.member,
            alarm: AlarmType::Nospace.into(),
        })
    }
}
