//! The layers that an operation passes before it changes anything, in etcd's order: the quota refuses
//! what no longer fits and raises NOSPACE, CORRUPT refuses every change of data, NOSPACE refuses what
//! needs space, and auth refuses what the caller may not do. A layer looks at the request, refuses it or
//! hands it on; the innermost applies it.
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

/// Something that applies operations to the writer's state.
pub trait Apply {
    /// Applies one operation.
    ///
    /// # Errors
    /// The operation is refused, and nothing has changed, except that running out of quota raises an
    /// alarm; or a damaged record stopped it.
    fn apply<O: Op>(&mut self, state: &mut State, request: &Request<O>)
    -> Result<O::Answer, Error>;
}

/// The innermost: applies whatever gets to it.
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

/// Refuses what the caller may not do.
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

/// Refuses what raised alarms forbid.
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

/// Refuses what does not fit into the space quota, and raises the NOSPACE alarm.
#[derive(Debug)]
pub struct QuotaLayer<A> {
    /// The next layer.
    pub inner: A,
    /// The limit.
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
