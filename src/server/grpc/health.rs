//! The gRPC health service, as in etcd: the server as a whole (`""`) is serving, and no other name is known. With the
//! feature `StopGRPCServiceOnDefrag` it is not serving during a defragmentation (etcd v3.7.1,
//! server/etcdserver/api/v3rpc/health.go).

use std::collections::HashMap;

use tokio::sync::watch;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response};

use super::stream::Outbound;
use crate::server::{
    context::RequestContext,
    error::Error,
    lifecycle::{Phase, stopping},
};

/// `grpc.health.v1.HealthListResponse`, which the crate does not have yet.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthListResponse {
    #[prost(map = "string, message", tag = "1")]
    statuses: HashMap<String, HealthCheckResponse>,
}

/// `grpc.health.v1.HealthListRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthListRequest {}

/// The health service.
pub struct Health {
    phase: watch::Receiver<Phase>,
    /// Whether clients should send requests elsewhere.
    paused: watch::Receiver<bool>,
}

fn state(paused: bool) -> HealthCheckResponse {
    let status = match paused {
        true => health_check_response::ServingStatus::NotServing,
        false => health_check_response::ServingStatus::Serving,
    };
    HealthCheckResponse {
        status: status.into(),
    }
}

impl Health {
    pub fn new(phase: watch::Receiver<Phase>, paused: watch::Receiver<bool>) -> Health {
        Health { phase, paused }
    }

    pub async fn check(
        &self,
        _: &RequestContext,
        r: HealthCheckRequest,
    ) -> Result<HealthCheckResponse, Error> {
        if r.service.is_empty() {
            Ok(state(*self.paused.borrow()))
        } else {
            Err(Error::Other(Code::NotFound, "unknown service".into()))
        }
    }

    pub async fn list(
        &self,
        _: &RequestContext,
        _: HealthListRequest,
    ) -> Result<HealthListResponse, Error> {
        Ok(HealthListResponse {
            statuses: HashMap::from([(String::new(), state(*self.paused.borrow()))]),
        })
    }

    /// Sends the state, and again whenever it changes, until the server stops, which ends the stream.
    pub async fn watch(
        &self,
        _: &RequestContext,
        r: HealthCheckRequest,
        outbound: Outbound<HealthCheckResponse>,
    ) -> Result<(), Error> {
        let (mut phase, mut paused) = (self.phase.clone(), self.paused.clone());
        if !r.service.is_empty() {
            let status = health_check_response::ServingStatus::ServiceUnknown.into();
            outbound.send(&HealthCheckResponse { status }).await?;
            stopping(&mut phase).await;
            return Err(Error::Stopped);
        }
        loop {
            let now = *paused.borrow_and_update();
            outbound.send(&state(now)).await?;
            tokio::select! {
                changed = paused.changed() => if changed.is_err() {
                    // This server is never paused.
                    stopping(&mut phase).await;
                    return Err(Error::Stopped);
                },
                () = stopping(&mut phase) => return Err(Error::Stopped),
            }
        }
    }
}
